/** A row of the benchmark: one question, the contenders that answer it, and what we want the answer to be. */

import type { Stage } from './stage.ts';

/** Whose CPU time it is: who sends or asks, who receives or answers, what stands between them; or all of them in one process. */
export type Side = 'sender' | 'middle' | 'receiver' | 'process';

/** Every side, in the order in which messages pass them. */
export const SIDES: readonly Side[] = ['sender', 'middle', 'receiver', 'process'];

/** One contender, once. */
export interface Measurement {
  /** In the row's unit. */
  readonly value: number;
  /** Microseconds of CPU per message; NaN where the system does not tell. */
  readonly cpu: Readonly<Partial<Record<Side, number>>>;
}

/** A contender with all its processes running. */
export interface Session {
  /** Finds out how many messages a measurement takes that lasts about so long, and goes on until it gets no faster. Comes first. */
  warmUp(durationMs: number): Promise<void>;
  /** Measures for about so long. */
  measure(durationMs: number): Promise<Measurement>;
  /** Ends its processes. */
  stop(): Promise<void>;
}

/** Ours: with promises (`await send()`, `for await`), and with `trySend` and `tryReceive`. */
export const OURS: readonly string[] = ['zscale', 'zscale try'];

/** Who is measured. */
export interface Contender {
  /** `zscale`, `zscale try`, or the name of a peer. */
  readonly name: string;
  /** Takes so long to start that `--quick` leaves it out. */
  readonly isSlow?: boolean;
  /** Why it cannot be measured on this machine; undefined when it can. */
  unavailable(stage: Stage): string | undefined;
  start(stage: Stage): Promise<Session>;
}

/** What a ratio should be: ours divided by the peer's, in the row's unit. */
export interface Goal {
  readonly ours: string;
  readonly peer: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** One line of the benchmark. */
export interface Row {
  /** As it is chosen on the command line. */
  readonly name: string;
  /** Rows of a group stand in one table. */
  readonly group: string;
  readonly title: string;
  readonly unit: 'µs' | 'msg/s' | 'connects/s';
  readonly better: 'higher' | 'lower';
  readonly goals: readonly Goal[];
  /** What one has to know to read it, for the page. */
  readonly note?: string;
  /** Whether `--quick` has it. */
  readonly quick: boolean;
  readonly contenders: readonly Contender[];
}
