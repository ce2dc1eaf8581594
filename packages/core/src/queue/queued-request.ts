/** One request in the queue's hands, from its arrival to its one answer. */

import type { Frames as Message } from '@zscale/transport';
import type { WorkerPeer } from './back-end.ts';

/**
 * Where a request is:
 *
 *     queued --> given --> answered
 *        |         |
 *        |         +-----> abandoned       answered in place of a worker that still has it
 *        +---------------> answered        refused, or over time
 */
export type RequestState = 'queued' | 'given' | 'abandoned' | 'answered';

/** A request. Its shape never changes; it is on the hot path. */
export interface QueuedRequest {
  state: RequestState;
  /** Routing id, what the client put in front, and the delimiter. The reply is appended to it. */
  readonly envelope: Message;
  /** What the worker gets, `[ticket][empty][body...]`; the ticket is written when it is given. */
  readonly message: Message;
  /** Of the body. */
  readonly bytes: number;
  /** What it takes up while it waits, in bytes: envelope, body, and something for each frame. */
  readonly memory: number;
  /** When it came, in ms of `performance.now()`. */
  readonly arrived: number;
  worker: WorkerPeer | undefined;
  ticket: Buffer;
}
