/**
 * What ROUTER and REP share (RFC 28): receiving from all peers with the sender's routing id in front, and sending to the peer named
 * by the first frame.
 *
 *   received   [routing id][frames as the peer sent them...]
 *   to send    [routing id][frames...]        a message of one frame has nothing to send and is dropped
 */

import { fail } from '../errors.ts';
import { EMPTY_FRAME, type Message } from '../message.ts';
import type { PeerInfo } from '../peer-info.ts';
import { FairQueue } from '../pipes/fair-queue.ts';
import type { Pipe } from '../pipes/pipe.ts';
import { RoutingTable } from '../pipes/routing-table.ts';
import { Socket } from './socket.ts';

/** What `connect()` of a Router takes beside the endpoint. */
export interface RouterConnectOptions {
  /** Names that peer at once, whatever it announces; 1 to 255 bytes, the first no zero. Must be free. `ZMQ_CONNECT_ROUTING_ID`. */
  readonly routingId?: string;
}

/** Sends by routing id. What it cannot deliver it drops and counts, unless `mandatory`. */
export abstract class RouterBase extends Socket {
  readonly #fairQueue = new FairQueue();
  readonly #table = new RoutingTable();
  /** For the pipe that the running `connect` attaches. */
  #nextRoutingId: Buffer | undefined = undefined;
  /** Pipes named by `connect`, whose name the peer's Identity does not change. */
  readonly #named = new WeakSet<Pipe>();
  #dropped = 0;

  /** Always, as libzmq has it; with `mandatory` while some peer has room. */
  override get writable(): boolean {
    if (!this.options.mandatory) return true;
    for (const pipe of this.#table.pipes) {
      if (pipe.writable) return true;
    }
    return false;
  }

  override get readable(): boolean {
    return this.#fairQueue.readable;
  }

  /** Messages dropped because their peer was unknown or full. */
  get dropped(): number {
    return this.#dropped;
  }

  /** For ROUTER: connects, and knows the peer by this name at once. @throws TransportError `EINVAL` for a name that is in use or, with `immediate`, cannot be given. */
  protected connectAs(endpoint: string, routingId: string | undefined): void {
    if (routingId !== undefined)
      this.#nextRoutingId = this.#table.checkName(routingId, this.options.immediate);
    try {
      super.connect(endpoint);
    } finally {
      this.#nextRoutingId = undefined;
    }
  }

  /** What a peer announced, by its routing id; undefined when no such peer is connected. */
  peerInfo(routingId: Buffer): PeerInfo | undefined {
    return this.#table.find(routingId)?.peer;
  }

  /** For devices: the next message without a routing id in front. {@link lastPipe} is where it came from. */
  protected receiveBare(): Message | undefined {
    return this.#fairQueue.receive();
  }

  /** For devices: where the last message came from; undefined before the first. */
  protected get lastPipe(): Pipe | undefined {
    return this.#fairQueue.lastPipe;
  }

  /** For devices: reads nothing from this peer until its `pipeReadable` is passed on again. */
  protected stopReading(pipe: Pipe): void {
    this.#fairQueue.deactivate(pipe);
  }

  /** @throws TransportError `EHOSTUNREACH` for an unknown routing id, with `mandatory`. */
  override trySend(message: Message): boolean {
    const routingId = message[0];
    if (routingId === undefined || message.length < 2) return true;
    const pipe = this.#table.find(routingId);
    const { mandatory } = this.options;
    if (pipe === undefined) {
      if (mandatory) {
        fail(
          'EHOSTUNREACH',
          `Host unreachable: no peer has the routing id ${routingId.toString('hex')} (hex).`,
        );
      }
      this.#dropped += 1;
      return true;
    }
    if (!pipe.writable) pipe.flush();
    if (!pipe.writable) {
      if (mandatory) return false;
      this.#dropped += 1;
      return true;
    }
    message.shift();
    return pipe.write(message);
  }

  override tryReceive(): Message | undefined {
    const message = this.#fairQueue.receive();
    const pipe = this.#fairQueue.lastPipe;
    if (message === undefined || pipe === undefined) return undefined;
    message.unshift(this.#table.idOf(pipe) ?? EMPTY_FRAME); // a pipe is named before it is read from
    return message;
  }

  override attach(pipe: Pipe): void {
    this.pipeAttached(pipe);
    if (this.#nextRoutingId === undefined) return; // named when it is connected
    this.#named.add(pipe);
    this.#table.add(this.#nextRoutingId, pipe);
    this.#fairQueue.attach(pipe);
    this.wakeSenders();
  }

  override pipeConnected(pipe: Pipe): void {
    if (!this.#named.has(pipe) && !this.#name(pipe)) return;
    if (this.options.probeRouter) pipe.write([EMPTY_FRAME]);
    this.wakeSenders();
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
    this.#table.remove(pipe);
    this.#fairQueue.retire(pipe);
    this.wakeSenders();
  }

  /**
   * Enters a peer by its Identity or a name of ours. False for one whose name is taken: it stays connected and is neither
   * heard nor spoken to, as in libzmq; a connection that is closed would only come back.
   */
  #name(pipe: Pipe): boolean {
    const announced = pipe.peer?.routingId ?? EMPTY_FRAME;
    const routingId = announced.length > 0 ? announced : this.#table.generateId();
    const holder = this.#table.find(routingId);
    if (holder !== undefined && holder !== pipe) {
      if (!this.options.handover) return false;
      // As in libzmq it stays connected, unheard and unspoken to: if we closed it, it would come back and take the id again.
      this.#table.remove(holder);
      this.#fairQueue.detach(holder);
    }
    this.#table.remove(pipe);
    this.#table.add(routingId, pipe);
    if (this.#fairQueue.has(pipe)) return true;
    this.#fairQueue.attach(pipe);
    if (pipe.unread > 0) this.#fairQueue.activate(pipe); // from before it was named, or named again
    return true;
  }
}
