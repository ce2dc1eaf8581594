/**
 * Peers by routing id, for ROUTER (RFC 28; zmq_socket(3), "ZMQ_ROUTER").
 *
 * A peer is known by the `Identity` it announced, or by five bytes of ours: 00 and a big-endian counter that starts at
 * random, so that an id of an earlier socket does not meet a peer of this one.
 */

import { randomInt } from 'node:crypto';
import { fail } from '../errors.ts';
import type { Pipe } from './pipe.ts';

const GENERATED_ID_BYTES = 5;
const ROUTING_ID_MAX_BYTES = 255;

/** Routing ids to pipes and back. */
export class RoutingTable {
  readonly #byId = new Map<string, Pipe>();
  /** The same for the very Buffers that we handed out, which is what most replies carry: no string is made. */
  readonly #byBuffer = new Map<Buffer, Pipe>();
  /** Kept after `remove`, for messages of a lost peer that are still unread. */
  readonly #ids = new WeakMap<Pipe, Buffer>();
  #counter: number = randomInt(0x1_0000_0000);

  /** Whom messages can be sent to, in the order in which they were added. */
  get pipes(): Iterable<Pipe> {
    return this.#byId.values();
  }

  /** Who is known by these bytes. */
  find(routingId: Buffer): Pipe | undefined {
    return this.#byBuffer.get(routingId) ?? this.#byId.get(routingId.toString('latin1'));
  }

  /** What this pipe is or was known by; undefined for one that was never added. */
  idOf(pipe: Pipe): Buffer | undefined {
    return this.#ids.get(pipe);
  }

  /**
   * A name that a program gives to the peer it connects to (`ZMQ_CONNECT_ROUTING_ID`).
   *
   * @param immediate whether pipes come only with connections (`ZMQ_IMMEDIATE`): then there is nothing to name yet.
   * @throws TransportError `EINVAL` for a name that cannot be, or is in use.
   */
  checkName(routingId: string, immediate: boolean): Buffer {
    const bytes = Buffer.from(routingId);
    if (bytes.length < 1 || bytes.length > ROUTING_ID_MAX_BYTES || bytes[0] === 0) {
      fail(
        'EINVAL',
        `A routing id has 1 to ${ROUTING_ID_MAX_BYTES} bytes and does not start with a zero; got ${JSON.stringify(routingId)}.`,
      );
    }
    if (this.find(bytes) !== undefined) {
      fail('EINVAL', `The routing id ${JSON.stringify(routingId)} is in use by another peer.`);
    }
    if (immediate) {
      fail(
        'EINVAL',
        'A routing id given to connect() needs a pipe at once: it cannot be combined with immediate.',
      );
    }
    return bytes;
  }

  /** Enters a peer. The id must be free: see {@link find}. */
  add(routingId: Buffer, pipe: Pipe): void {
    this.#byId.set(routingId.toString('latin1'), pipe);
    this.#byBuffer.set(routingId, pipe);
    this.#ids.set(pipe, routingId);
  }

  /** Messages can no longer be sent to this peer. */
  remove(pipe: Pipe): void {
    const routingId = this.#ids.get(pipe);
    if (routingId === undefined || this.#byBuffer.get(routingId) !== pipe) return;
    this.#byBuffer.delete(routingId);
    this.#byId.delete(routingId.toString('latin1'));
  }

  /** The next free five-byte id. */
  generateId(): Buffer {
    for (;;) {
      const routingId = Buffer.alloc(GENERATED_ID_BYTES);
      routingId.writeUInt32BE(this.#counter, 1);
      this.#counter = (this.#counter + 1) >>> 0;
      if (this.find(routingId) === undefined) return routingId;
    }
  }
}
