/**
 * What a worker process of ours holds, for those who tell the operator why it died: looked up among all that is in flight, and
 * remembered for a while when its connection is gone, since a process is known to be dead only after that.
 */

import type { InFlight } from './in-flight.ts';
import type { HeldRequests } from './queue-stats.ts';
import type { QueuedRequest } from './queued-request.ts';

/** Processes of which it is remembered what they held at their end: as many as a service has, at most. */
const MAX_REMEMBERED = 1024;
/** Of what a worker holds so many requests are named. */
const MAX_NAMED = 10;
/** And where somebody looks at one worker. */
const MAX_LISTED = 100;

/** What processes hold, by generation. */
export class HeldByProcess {
  readonly #inFlight: InFlight<QueuedRequest>;
  /** What was held when they disconnected. */
  readonly #atEnd = new Map<number, HeldRequests>();

  constructor(inFlight: InFlight<QueuedRequest>) {
    this.#inFlight = inFlight;
  }

  /** What a process holds, or held when it disconnected. Looks at all that is in flight. */
  by(generation: number): HeldRequests {
    let count = 0;
    let first = Number.POSITIVE_INFINITY;
    const names: string[] = [];
    let again = 0;
    for (const { worker, arrived, attempts, control, ticket } of this.#inFlight.entries()) {
      if (worker?.generation !== generation) continue;
      count += 1;
      first = Math.min(first, arrived);
      if (attempts > 1) again += 1;
      if (count <= MAX_NAMED) names.push(control?.id ?? ticket.toString('hex'));
    }
    if (count === 0) return this.#atEnd.get(generation) ?? { count, oldest: 0, names, again };
    return { count, oldest: Math.round(performance.now() - first), names, again };
  }

  /** What a process holds, the oldest first, at most {@link MAX_LISTED}; ages in ms. */
  requestsOf(generation: number): { id: string; age: number }[] {
    const now = performance.now();
    const held: { id: string; age: number }[] = [];
    for (const { worker, arrived, control, ticket } of this.#inFlight.entries()) {
      if (worker?.generation !== generation) continue;
      held.push({ id: control?.id ?? ticket.toString('hex'), age: Math.round(now - arrived) });
    }
    return held.sort((one, other) => other.age - one.age).slice(0, MAX_LISTED);
  }

  /** It is connected: what it held before counts no more. */
  came(generation: number): void {
    this.#atEnd.delete(generation);
  }

  /** It disconnects, and what it holds will be taken from it. */
  went(generation: number): void {
    this.#atEnd.set(generation, this.by(generation));
    for (const oldest of this.#atEnd.keys()) {
      if (this.#atEnd.size <= MAX_REMEMBERED) return;
      this.#atEnd.delete(oldest);
    }
  }
}
