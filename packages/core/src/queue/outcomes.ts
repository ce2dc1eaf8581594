/**
 * How the requests ended that workers had, by worker: kept for each id also when its process is gone, so no count ever falls.
 *
 * While a worker is connected its counts stand in `WorkerPeer`, as plain fields; here are those of the ones that went. Workers that
 * are not the service's own have no id that lasts: those of joined machines count as one, and so do REP sockets of other kinds.
 */

import type { WorkerPeer } from './back-end.ts';

/** Ends of requests that one worker had, or all workers of a kind. */
export interface WorkerOutcomes {
  /** Its id as text; `joined` for workers of machines that joined, `plain` for REP sockets that are nobody's. */
  readonly worker: string;
  /** The name of its pool; undefined for the default one. */
  readonly pool: string | undefined;
  /** Replies that were passed on. */
  readonly ok: number;
  /** All else, by code: `handler` for error replies of its own, `cancelled` for requests that nobody waited for any more. */
  readonly others: ReadonlyMap<string, number>;
}

interface Tally {
  readonly worker: string;
  readonly pool: string | undefined;
  ok: number;
  readonly others: Map<string, number>;
}

/** Counts of workers. */
export class Outcomes {
  readonly #gone = new Map<string, Tally>();

  /** Keeps the counts of a worker whose connection has ended. Once for each connection. */
  keep(worker: WorkerPeer, pool: string | undefined): void {
    add(this.#gone, worker, pool);
  }

  /** Those of before, and of the workers that are connected. @param present with the name of their pool. */
  read(present: Iterable<readonly [WorkerPeer, string | undefined]>): readonly WorkerOutcomes[] {
    const all = new Map(
      [...this.#gone].map(([key, tally]) => [key, { ...tally, others: new Map(tally.others) }]),
    );
    for (const [worker, pool] of present) add(all, worker, pool);
    return [...all.values()];
  }
}

/** What `worker` is called among outcomes. */
export function labelOf({ id, machine }: Pick<WorkerPeer, 'id' | 'machine'>): string {
  if (id !== undefined) return String(id);
  return machine === undefined ? 'plain' : 'joined';
}

function add(tallies: Map<string, Tally>, worker: WorkerPeer, pool: string | undefined): void {
  const label = labelOf(worker);
  let tally = tallies.get(label);
  if (tally === undefined) {
    tally = { worker: label, pool, ok: 0, others: new Map() };
    tallies.set(label, tally);
  }
  tally.ok += worker.answered;
  for (const [code, n] of worker.failures)
    tally.others.set(code, (tally.others.get(code) ?? 0) + n);
}
