/**
 * Requests that wait for the same workers, in the order in which they are given out.
 *
 * The requests themselves are the links, so that any of them can be taken out at once when its client goes, for a few stores
 * and without a search. It has no limit of its own: `backlog.ts` sets one for all lines together.
 */

/** A request as a line sees it: its own place. */
export interface Standing<R extends Standing<R>> {
  line: Line<R> | undefined;
  ahead: R | undefined;
  behind: R | undefined;
}

/** A line of waiting requests. A request stands in one line at most. */
export class Line<R extends Standing<R>> {
  #first: R | undefined = undefined;
  #last: R | undefined = undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Who is next; the one behind is `request.behind`. */
  get first(): R | undefined {
    return this.#first;
  }

  /** Puts a request at the end. */
  push(request: R): void {
    const last = this.#last;
    request.line = this;
    request.ahead = last;
    if (last === undefined) this.#first = request;
    else last.behind = request;
    this.#last = request;
    this.#length += 1;
  }

  /** Puts a request in front of all. */
  unshift(request: R): void {
    const first = this.#first;
    request.line = this;
    request.behind = first;
    if (first === undefined) this.#last = request;
    else first.ahead = request;
    this.#first = request;
    this.#length += 1;
  }

  /** Takes out a request that stands in this line. */
  remove(request: R): void {
    const { ahead, behind } = request;
    if (ahead === undefined) this.#first = behind;
    else ahead.behind = behind;
    if (behind === undefined) this.#last = ahead;
    else behind.ahead = ahead;
    request.line = undefined;
    request.ahead = undefined; // or an old request would keep every later one in memory
    request.behind = undefined;
    this.#length -= 1;
  }
}
