/**
 * A client that has sent something: what it can take, the requests of its own that are open, and how much of what it was
 * answered it has not taken yet.
 */

import { Fifo, type Frames as Message, type Pipe } from '@zscale/transport';
import { maxMessageSizeOf, speaksZscale } from '../messages/announcement.ts';

/** Ids that a request can be found by. Ours have 8 bytes. */
const ID_MAX_BYTES = 64;

/** A request as its client sees it: its place among those that are open. */
export interface Asked<R extends Asked<R>> {
  readonly state: string;
  /** The number of its pool. */
  readonly pool: number;
  /** What the client put in front. */
  readonly envelope: Message;
  older: R | undefined;
  newer: R | undefined;
}

/** A client, from its first message to the end of its connection. */
export class ClientPeer<R extends Asked<R>> {
  readonly pipe: Pipe;
  readonly speaksZscale: boolean;
  /** It came in where only gateways of the service can: it may stream, and shares no limits with others. */
  readonly isGateway: boolean;
  /** Its open requests of which several messages come or go, by id; see streams.ts. */
  readonly streams: Map<string, R> = new Map();
  /** The largest reply it takes, in bytes. */
  readonly maxMessageSize: number;
  /** Where its requests go when they are pinned to a worker and say no key; see rendezvous.ts. Undefined until asked for. */
  pin: number | undefined = undefined;
  /** Its open requests in the order they came; the requests themselves are the links. */
  #oldest: R | undefined = undefined;
  #newest: R | undefined = undefined;
  /** How many of its requests wait for a worker, by the number of their pool. */
  readonly #waiting: number[] = [];
  /** Its open requests by their id, oldest first; from the first time on that it takes one back, which most clients never do. */
  #byId: Map<string, R[]> | undefined = undefined;
  /** The sizes of answers that may still be in the pipe. */
  readonly #unsent = new Fifo<number>();
  #unsentBytes = 0;

  constructor(pipe: Pipe, isGateway = false) {
    const metadata = pipe.peer?.metadata;
    this.pipe = pipe;
    this.isGateway = isGateway;
    this.speaksZscale = speaksZscale(metadata);
    this.maxMessageSize = maxMessageSizeOf(metadata);
  }

  /** Its connection has ended. */
  get isGone(): boolean {
    return this.pipe.isClosed;
  }

  /** The open request that came first; the next is `request.newer`. */
  get oldest(): R | undefined {
    return this.#oldest;
  }

  /** A request of it is open from here on. */
  opened(request: R): void {
    const newest = this.#newest;
    request.older = newest;
    if (newest === undefined) this.#oldest = request;
    else newest.newer = request;
    this.#newest = request;
    if (this.#byId !== undefined) enter(this.#byId, request);
  }

  /** A request of it has come to its end. */
  closed(request: R): void {
    const { older, newer } = request;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    request.older = undefined;
    request.newer = undefined;
    if (this.#byId !== undefined) strike(this.#byId, request);
  }

  /** The open request with this id in front, the oldest where there are several. */
  find(id: Buffer): R | undefined {
    if (id.length > ID_MAX_BYTES) return undefined;
    this.#byId ??= this.#enterAll();
    return this.#byId.get(id.toString('latin1'))?.[0];
  }

  #enterAll(): Map<string, R[]> {
    const byId = new Map<string, R[]>();
    for (let request = this.#oldest; request !== undefined; request = request.newer) {
      enter(byId, request);
    }
    return byId;
  }

  /** How many of its requests wait for a worker of a pool. */
  waitingIn(pool: number): number {
    return this.#waiting[pool] ?? 0;
  }

  /** One more of them waits, or one fewer. The backlogs count. @param by 1 or -1 */
  waits(pool: number, by: number): void {
    this.#waiting[pool] = this.waitingIn(pool) + by;
  }

  /** The one of its requests waiting in a pool that came last. */
  newestWaiting(pool: number): R | undefined {
    for (let request = this.#newest; request !== undefined; request = request.older) {
      if (request.state === 'queued' && request.pool === pool) return request;
    }
    return undefined;
  }

  /** Answers that it had not taken when that was last looked at, in bytes, without what the system buffers. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  /** An answer of so many bytes was written to its pipe. @returns by how much {@link unsentBytes} changed. */
  answered(bytes: number): number {
    this.#unsent.push(bytes);
    this.#unsentBytes += bytes;
    return bytes + this.forgetSent();
  }

  /** Looks what it took meanwhile. @returns by how much {@link unsentBytes} changed: 0 or less. */
  forgetSent(): number {
    const before = this.#unsentBytes;
    while (this.#unsent.length > this.pipe.unsent) this.#unsentBytes -= this.#unsent.shift() ?? 0;
    return this.#unsentBytes - before;
  }
}

/** The id of a request; undefined for one that nobody can take back: a long one may be no Buffer but in pieces. */
function idOf<R extends Asked<R>>({ envelope: [id] }: R): string | undefined {
  return id === undefined || id.length > ID_MAX_BYTES ? undefined : id.toString('latin1');
}

function enter<R extends Asked<R>>(byId: Map<string, R[]>, request: R): void {
  const id = idOf(request);
  if (id === undefined) return;
  const same = byId.get(id);
  if (same === undefined) byId.set(id, [request]);
  else same.push(request);
}

function strike<R extends Asked<R>>(byId: Map<string, R[]>, request: R): void {
  const id = idOf(request) ?? '';
  const same = byId.get(id);
  const place = same?.indexOf(request) ?? -1;
  if (place >= 0) same?.splice(place, 1);
  if (same?.length === 0) byId.delete(id);
}
