/**
 * A set of pipes of which some are active, visited in turn. Reading and writing sockets rotate alike; what "active"
 * means (has messages, has room) is theirs to say. After libzmq's `array_t` with its active prefix.
 *
 *   pipes:  [ active ... | idle ... ]      activating and deactivating is one swap; no search, no allocation
 */

import type { Pipe } from './pipe.ts';

/** Pipes in turn. */
export class Rotation {
  readonly #pipes: Pipe[] = [];
  readonly #places = new Map<Pipe, number>();
  #active = 0;
  #current = 0;

  /** The pipe whose turn it is; undefined when none is active. */
  get current(): Pipe | undefined {
    return this.#active === 0 ? undefined : this.#pipes[this.#current];
  }

  /** Every pipe of the set, in no order that means anything. */
  get pipes(): readonly Pipe[] {
    return this.#pipes;
  }

  /** Whether the pipe is in the set. */
  has(pipe: Pipe): boolean {
    return this.#places.has(pipe);
  }

  /** Adds a pipe, idle. */
  attach(pipe: Pipe): void {
    this.#places.set(pipe, this.#pipes.length);
    this.#pipes.push(pipe);
  }

  /** Puts an idle pipe at the end of the active ones. Nothing happens for one that is active or not in the set. */
  activate(pipe: Pipe): void {
    const place = this.#places.get(pipe);
    if (place === undefined || place < this.#active) return;
    this.#swap(place, this.#active);
    this.#active += 1;
  }

  /** An active pipe becomes idle. Nothing happens for one that is idle or not in the set. */
  deactivate(pipe: Pipe): void {
    const place = this.#places.get(pipe);
    if (place !== undefined && place < this.#active) this.#deactivate(place);
  }

  /** The next active pipe's turn. */
  advance(): void {
    this.#current += 1;
    if (this.#current >= this.#active) this.#current = 0;
  }

  /** The current pipe becomes idle; the turn is then another's. */
  deactivateCurrent(): void {
    this.#deactivate(this.#current);
  }

  /** Takes a pipe out of the set; false if it was not in it. */
  detach(pipe: Pipe): boolean {
    const place = this.#places.get(pipe);
    if (place === undefined) return false;
    if (place < this.#active) this.#deactivate(place);
    this.#swap(this.#places.get(pipe) as number, this.#pipes.length - 1); // still in the set
    this.#pipes.pop();
    this.#places.delete(pipe);
    return true;
  }

  #deactivate(place: number): void {
    this.#active -= 1;
    this.#swap(place, this.#active);
    if (this.#current >= this.#active) this.#current = 0;
  }

  #swap(a: number, b: number): void {
    const first = this.#pipes[a] as Pipe; // both are places of pipes in the set
    const second = this.#pipes[b] as Pipe;
    this.#pipes[a] = second;
    this.#pipes[b] = first;
    this.#places.set(second, a);
    this.#places.set(first, b);
  }
}
