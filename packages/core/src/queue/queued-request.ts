/** One request in the queue's hands, from its arrival to its one answer. */

import type { Frames as Message } from '@zscale/transport';
import type { Control } from '../messages/control.ts';
import type { SendWindow } from '../messages/streams.ts';
import type { WorkerPeer } from './back-end.ts';
import type { Asked, ClientPeer } from './client-peer.ts';
import type { Line, Standing } from './line.ts';

/**
 * Where a request is:
 *
 *     queued --> given --> answered
 *      | ^ |       | |
 *      | +-|-------+ |             its worker was lost, and it may be given to another one
 *      |   |         +-----> abandoned       a worker still has it, and nobody waits for its reply: answered, or cancelled
 *      |   +---------------> answered        refused, or over time
 *      +-------------------> cancelled       its client went, or took it back
 */
export type RequestState = 'queued' | 'given' | 'abandoned' | 'answered' | 'cancelled';

/** A client of the queue. */
export type Client = ClientPeer<QueuedRequest>;
/** A line of the queue. */
export type RequestLine = Line<QueuedRequest>;

/** How far a request is that comes or is answered in several messages. */
export interface Stream {
  /** What its gateway may have on the way to the worker. */
  readonly request: SendWindow;
  /** What its worker may have on the way to the gateway. */
  readonly reply: SendWindow;
  /** How long either side may be silent before the reply has begun, in ms. */
  readonly limit: number;
  /** The last part of the request came. */
  hasCome: boolean;
  /** The head of the reply was passed on. */
  hasBegun: boolean;
  /** Parts that came while it waits for a worker. */
  kept: Message[];
}

/** A request. Its shape never changes; it is on the hot path. */
export interface QueuedRequest extends Asked<QueuedRequest>, Standing<QueuedRequest> {
  state: RequestState;
  readonly client: Client;
  /** What the client put in front, and the delimiter. The reply is appended to it. */
  readonly envelope: Message;
  /** What the worker gets, `[ticket][empty or control][body...]`; empty once it is given, unless it is kept. */
  message: Message;
  /** Of the body. */
  readonly bytes: number;
  /** What it takes up while it waits or is kept, in bytes: envelope, body, parts, and something for each frame. */
  memory: number;
  /** How many came before it, and it. */
  readonly number: number;
  /** When it came, in ms of `performance.now()`. */
  readonly arrived: number;
  /** When it was given to the worker that has it, in the same; as `arrived` before that. */
  given: number;
  /** When it is answered ZSCALE_ERR_TIMEOUT, in the same. Where it streams that moves on. */
  expires: number;
  /** Its client said when it ends, so it may end before those that came earlier. */
  readonly isHurried: boolean;
  /** What its client said beside the body; the trace is the queue's own where that makes spans. */
  control: Control | undefined;
  /** The frame of it, where it may go on to a worker as it is: a gateway's. */
  mark: Buffer | undefined;
  /** The number of its pool; 0 for the default one. */
  readonly pool: number;
  /** With `balance: 'hash'`, the hash of what pins it to a worker. */
  readonly pin: number;
  /** How many times it was given to a worker. */
  attempts: number;
  /** A worker has it, and its message is kept for another one. */
  isKept: boolean;
  /** The worker that has it said that it may be done again. */
  isIdempotent: boolean;
  worker: WorkerPeer | undefined;
  ticket: Buffer;
  /** Of one that comes or is answered in several messages: how far it is. */
  stream: Stream | undefined;
  /** Where it waits, and its neighbours there. */
  line: RequestLine | undefined;
  ahead: QueuedRequest | undefined;
  behind: QueuedRequest | undefined;
  /** Its neighbours among the open requests of its client. */
  older: QueuedRequest | undefined;
  newer: QueuedRequest | undefined;
}
