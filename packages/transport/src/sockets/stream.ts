/**
 * STREAM (zmq_socket(3), "Native pattern"): tcp and ipc without ZMTP, for talking with programs that are not ZeroMQ.
 *
 *   received   [routing id][chunk]      a chunk is whatever the system had
 *              [routing id][empty]      the peer connected, or is gone (with `notify`)
 *   to send    [routing id][bytes]
 *              [routing id][empty]      closes that connection
 *
 * A peer that connected has a routing id of its own for each connection. One that was connected to keeps its routing id while its
 * endpoint is tried again and again; what is sent meanwhile waits for the next connection, as in libzmq.
 */

import { fail } from '../errors.ts';
import { EMPTY_FRAME, type Message, type MessageLike } from '../message.ts';
import {
  type OptionName,
  type PatternOptions,
  READABLE_OPTION_NAMES,
  WRITABLE_OPTION_NAMES,
} from '../options.ts';
import type { PeerInfo } from '../peer-info.ts';
import { FairQueue } from '../pipes/fair-queue.ts';
import type { Pipe } from '../pipes/pipe.ts';
import { RoutingTable } from '../pipes/routing-table.ts';
import {
  defineOptionProperties,
  defineReadable,
  defineWritable,
  type Readable,
  Socket,
  type SocketOptions,
  type SocketTraits,
  type Writable,
} from './socket.ts';

type Own = Pick<PatternOptions, 'notify'>;

const OWN: readonly OptionName[] = ['notify'];
/** A connection that is closed by an empty frame has this long to take what was sent before. */
const CLOSE_MS = 30_000;

const TRAITS: SocketTraits = {
  socketType: 'STREAM',
  options: [...WRITABLE_OPTION_NAMES, ...READABLE_OPTION_NAMES, ...OWN],
  connectsOnce: false,
};

/** What `connect()` of a Stream takes beside the endpoint. */
export interface StreamConnectOptions {
  /** Names that peer; 1 to 255 bytes that do not start with a zero. Must be free. `ZMQ_CONNECT_ROUTING_ID`. */
  readonly routingId?: string;
}

export interface Stream
  extends Readable<[Buffer, Buffer]>,
    Writable<[MessageLike, MessageLike]>,
    Required<Own> {}

/** Clients and servers of any protocol over tcp. `send` waits while that peer has no room. */
export class Stream extends Socket {
  readonly #fairQueue = new FairQueue();
  readonly #table = new RoutingTable();
  /** For the pipe that the running `connect` attaches. */
  #nextRoutingId: Buffer | undefined = undefined;

  constructor(options: SocketOptions<Stream> = {}) {
    super(TRAITS, options);
  }

  /** Always, as libzmq has it. */
  override get writable(): boolean {
    return true;
  }

  override get readable(): boolean {
    return this.#fairQueue.readable;
  }

  /** Where a peer is, by its routing id; undefined when no such peer is connected. */
  peerInfo(routingId: Buffer): PeerInfo | undefined {
    return this.#table.find(routingId)?.peer;
  }

  /** @throws as {@link Socket.bind}; `ENOCOMPATPROTO` for transports without streams. */
  override async bind(endpoint: string): Promise<void> {
    refuseOtherTransports(endpoint);
    await super.bind(endpoint);
  }

  /** @throws as {@link Socket.bindSync}; `ENOCOMPATPROTO` for transports without streams. */
  override bindSync(endpoint: string): void {
    refuseOtherTransports(endpoint);
    super.bindSync(endpoint);
  }

  /**
   * Connects, again whenever the connection is lost, until `disconnect` or an empty message to the peer.
   *
   * @throws as {@link Socket.connect}; `ENOCOMPATPROTO` for transports without streams; `EINVAL` for a routing id that is in use or,
   *   with `immediate`, cannot be given.
   */
  override connect(endpoint: string, options: StreamConnectOptions = {}): void {
    refuseOtherTransports(endpoint);
    const { routingId } = options;
    if (routingId !== undefined)
      this.#nextRoutingId = this.#table.checkName(routingId, this.options.immediate);
    try {
      super.connect(endpoint);
    } finally {
      this.#nextRoutingId = undefined;
    }
  }

  /** @throws TransportError `EHOSTUNREACH` for an unknown routing id; `EINVAL` for what has not two frames. */
  override trySend(message: Message): boolean {
    const [routingId, body] = message;
    if (routingId === undefined || body === undefined || message.length > 2) {
      return fail(
        'EINVAL',
        `A STREAM socket sends two frames, a routing id and bytes; got ${message.length}.`,
      );
    }
    const pipe = this.#table.find(routingId);
    if (pipe === undefined) {
      return fail(
        'EHOSTUNREACH',
        `Host unreachable: no peer has the routing id ${routingId.toString('hex')} (hex).`,
      );
    }
    if (body.length === 0) {
      const { linger } = this.options;
      pipe.close(linger < 0 ? CLOSE_MS : Math.min(linger, CLOSE_MS)); // libzmq drops what is queued before
      return true;
    }
    if (!pipe.writable) return false;
    message.shift();
    return pipe.write(message);
  }

  override tryReceive(): Message | undefined {
    const message = this.#fairQueue.receive();
    const pipe = this.#fairQueue.lastPipe;
    if (message === undefined || pipe === undefined) return undefined;
    message.unshift(this.#table.idOf(pipe) ?? EMPTY_FRAME); // a pipe is named when it is attached
    return message;
  }

  override attach(pipe: Pipe): void {
    this.pipeAttached(pipe);
    this.#table.add(this.#nextRoutingId ?? this.#table.generateId(), pipe);
    this.#fairQueue.attach(pipe);
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
}

/** Transports of messages have no bytes to give; those that there are not are told as such further down. */
function refuseOtherTransports(endpoint: string): void {
  if (!/^(inproc|epgm|udp):\/\/./.test(endpoint)) return;
  fail('ENOCOMPATPROTO', `A STREAM socket has bytes to send: use tcp or ipc, not ${endpoint}.`, {
    endpoint,
  });
}

defineWritable(Stream.prototype);
defineReadable(Stream.prototype);
defineOptionProperties(Stream.prototype, OWN);
