/**
 * Who gets the next request: the least busy worker that asked for more, or whoever's turn it is. Pure: numbers in, a choice out.
 *
 * Late binding is the other half: a request for which nobody is chosen waits in the queue, and is given to whoever has room
 * first, never to a worker that is known to be busy.
 */

/** A worker as the choice sees it. */
export interface Candidate {
  /** Requests given to it and not yet answered. */
  readonly held: number;
  /** Requests it may hold now; 0 while it is not to be given any. */
  readonly limit: number;
}

/**
 * The place of the worker with the fewest requests among those below their limit; -1 when there is none.
 *
 * @param start where to begin looking, so that equals take turns.
 */
export function chooseWorker(workers: readonly Candidate[], start: number): number {
  const count = workers.length;
  let chosen = -1;
  let fewest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < count; i++) {
    const place = (start + i) % count;
    const { held, limit } = workers[place] as Candidate; // 0 <= place < count
    if (held >= limit || held >= fewest) continue;
    if (held === 0) return place;
    chosen = place;
    fewest = held;
  }
  return chosen;
}

/** The place of the next worker in turn that is below its limit, however busy others are; -1 when there is none. */
export function nextInTurn(workers: readonly Candidate[], start: number): number {
  const count = workers.length;
  for (let i = 0; i < count; i++) {
    const place = (start + i) % count;
    const { held, limit } = workers[place] as Candidate; // 0 <= place < count
    if (held < limit) return place;
  }
  return -1;
}

/**
 * How many requests in a row one worker may be given before the least busy one is looked for again: a quarter of what it
 * asked for. A worker asks for many only while each is a matter of microseconds (worker/appetite.ts), so this delays nobody
 * by more than a fraction of a millisecond, and saves a write and a wake-up for most requests (bench: queue). One that
 * computes asks for one at a time, and gets one.
 */
export function grainOf(limit: number): number {
  return 1 + (limit >> 2);
}
