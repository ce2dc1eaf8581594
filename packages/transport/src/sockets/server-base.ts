/**
 * What SERVER and PEER share (draft; RFC 41): peers are known by numbers of ours, 1 to 2^32-1, which come with what they send and
 * name whom a message is for. Messages have one frame.
 *
 *   trySend and tryReceive   [routing id, 4 bytes, big-endian][frame]
 *   on the wire              [frame]
 */

import { randomInt } from 'node:crypto';
import { fail, failType } from '../errors.ts';
import { type Message, type MessageLike, type MessagePart, toMessage } from '../message.ts';
import type { PeerInfo } from '../peer-info.ts';
import { FairQueue } from '../pipes/fair-queue.ts';
import type { Pipe } from '../pipes/pipe.ts';
import { iterate } from './iterate.ts';
import { hasOneFrame, refuseMultipart, Sieve } from './sieve.ts';
import { type OpenOptions, Socket, type SocketTraits } from './socket.ts';

const ROUTING_ID_MAX = 0xffff_ffff;
const ROUTING_ID_BYTES = 4;

/** Whom a message came from, or is for. */
export interface ServerRoutingOptions {
  /** 1 to 2^32-1. It names one connection at most, and no other for a long time after that. */
  routingId: number;
}

/** Sends by routing id. `send` waits while that peer is full, and so do the callers behind. */
export abstract class ServerBase extends Socket {
  readonly #fairQueue = new FairQueue();
  readonly #sieve = new Sieve(() => this.#fairQueue.receive(), hasOneFrame);
  readonly #pipes = new Map<number, Pipe>();
  /** Kept for what is unread of a peer that left. */
  readonly #ids = new WeakMap<Pipe, number>();
  #lastId: number = randomInt(ROUTING_ID_MAX);

  protected constructor(traits: SocketTraits, options: OpenOptions) {
    super(traits, options);
  }

  /** Always: who is full is only known when it is said whom a message is for. */
  override get writable(): boolean {
    return true;
  }

  override get readable(): boolean {
    return this.#sieve.readable;
  }

  /** Received messages that were thrown away because they had more than one frame. */
  get discarded(): number {
    return this.#sieve.discarded;
  }

  /** What a peer announced; undefined for one that is gone, or was never connected. */
  peerInfo(routingId: number): PeerInfo | undefined {
    return this.#pipes.get(routingId)?.peer;
  }

  /**
   * As {@link Writable.send}, to one peer.
   *
   * @throws (rejects) TransportError `EHOSTUNREACH` when no peer has that routing id; `EINVAL` for more than one frame and for
   *   what is no routing id; as `Writable.send` does. TypeError without a `routingId`.
   */
  send(message: MessageLike, options: ServerRoutingOptions): Promise<void> {
    try {
      const frames = toMessage(message);
      refuseMultipart(this.socketType, frames.length);
      frames.unshift(encodeRoutingId(options?.routingId));
      return this.sendFrames(frames);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The next message and whom it came from; see {@link Readable.receive}. */
  receive(): Promise<[MessagePart, ServerRoutingOptions]> {
    return this.receiveFrames().then(withRoutingId);
  }

  /** @throws TransportError `EHOSTUNREACH` when no peer has that routing id; `EINVAL` for a message of another form. */
  override trySend(message: Message): boolean {
    refuseMultipart(this.socketType, message.length - 1);
    const routingId = decodeRoutingId(message[0]);
    const pipe = this.#pipes.get(routingId);
    if (pipe === undefined) {
      return fail('EHOSTUNREACH', `Host unreachable: no peer has the routing id ${routingId}.`);
    }
    if (!pipe.writable) return false;
    message.shift();
    return pipe.write(message);
  }

  override tryReceive(): Message | undefined {
    const message = this.#sieve.receive();
    const pipe = this.#fairQueue.lastPipe;
    if (message === undefined || pipe === undefined) return undefined;
    message.unshift(encodeRoutingId(this.#ids.get(pipe)));
    return message;
  }

  override attach(pipe: Pipe): void {
    this.pipeAttached(pipe);
    const routingId = this.#nextId();
    this.#pipes.set(routingId, pipe);
    this.#ids.set(pipe, routingId);
    this.#fairQueue.attach(pipe);
  }

  override pipeReadable(pipe: Pipe): void {
    this.#fairQueue.activate(pipe);
    this.wakeReceivers();
  }

  override pipeWritable(_pipe: Pipe): void {
    this.wakeSenders();
  }

  override pipeClosed(pipe: Pipe): void {
    this.pipeDetached(pipe);
    this.#pipes.delete(this.#ids.get(pipe) ?? 0);
    this.#fairQueue.retire(pipe);
    this.wakeSenders(); // who waits for this peer is told that it is gone
  }

  /** For PEER: the routing id that was given last. */
  protected get lastRoutingId(): number {
    return this.#lastId;
  }

  #nextId(): number {
    do {
      this.#lastId = this.#lastId === ROUTING_ID_MAX ? 1 : this.#lastId + 1;
    } while (this.#pipes.has(this.#lastId));
    return this.#lastId;
  }
}

function encodeRoutingId(routingId: unknown): Buffer {
  if (typeof routingId !== 'number') {
    failType(`Expected options of the form { routingId: number }; got ${typeof routingId}.`);
  }
  if (!Number.isInteger(routingId) || routingId < 1 || routingId > ROUTING_ID_MAX) {
    fail('EINVAL', `Invalid argument: a routing id is a number from 1 to ${ROUTING_ID_MAX}.`);
  }
  const frame = Buffer.allocUnsafe(ROUTING_ID_BYTES);
  frame.writeUInt32BE(routingId);
  return frame;
}

function decodeRoutingId(frame: Buffer | undefined): number {
  if (frame?.length !== ROUTING_ID_BYTES) {
    return fail('EINVAL', `Invalid argument: expected a routing id of ${ROUTING_ID_BYTES} bytes.`);
  }
  return frame.readUInt32BE(0);
}

function withRoutingId(message: Message): [MessagePart, ServerRoutingOptions] {
  const [routingId, frame] = message as [Buffer, Buffer]; // the form that tryReceive gives
  return [frame, { routingId: routingId.readUInt32BE(0) }];
}

// Not a method of the class: its type is one with `this` in it, which only the interface Readable can say.
Object.assign(ServerBase.prototype, {
  [Symbol.asyncIterator](this: ServerBase) {
    return iterate(this);
  },
});
