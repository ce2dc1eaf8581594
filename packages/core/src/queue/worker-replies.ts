/**
 * What workers say: replies to the requests that they have, parts of them, how many more they want, and that they go.
 *
 *     [ticket][empty or control][body...]     a reply, whole
 *     [ticket][control][part]                 one of several messages of a reply: streams.ts
 *     [ticket][control]                       a request may be done again
 *     [no ticket][control]                    about the worker itself
 *
 * A reply to nothing that is open is late, and counted.
 */

import type { Frames as Message } from '@zscale/transport';
import { type Control, decodeControl, encodeControl } from '../messages/control.ts';
import type { Answers } from './answers.ts';
import type { BackEnd, WorkerPeer } from './back-end.ts';
import type { FaultLog } from './fault-log.ts';
import type { OpenRequests } from './open-requests.ts';
import type { Pools } from './pools.ts';
import type { QueueTrace } from './queue-trace.ts';
import type { QueuedRequest } from './queued-request.ts';
import { isAboutStream } from './streams.ts';

/** What replies are about, and where they go. */
export interface WorkerReplyWays {
  readonly requests: OpenRequests;
  readonly answers: Answers;
  readonly backEnd: BackEnd;
  readonly pools: Pools;
  readonly faults: FaultLog;
  readonly trace: QueueTrace | undefined;
  /** A worker is to get nothing more. */
  readonly onRetired: () => void;
}

/** Ticket of a control frame that is about no request. */
const NO_TICKET: Buffer = Buffer.alloc(8);
const DRAINED: Buffer = encodeControl({ drain: true });

/** Reads what workers send. */
export class WorkerReplies {
  readonly #ways: WorkerReplyWays;
  readonly #requests: OpenRequests;
  readonly #answers: Answers;
  #late = 0;

  constructor(ways: WorkerReplyWays) {
    this.#ways = ways;
    this.#requests = ways.requests;
    this.#answers = ways.answers;
  }

  /** Replies that nobody waited for. */
  get late(): number {
    return this.#late;
  }

  /** Reads one message of a worker. @param now in ms of `performance.now()`. */
  read(worker: WorkerPeer, message: Message, now: number): void {
    const ticket = message[0];
    const delimiter = message[1];
    if (ticket === undefined || delimiter === undefined) {
      this.#late += 1;
      return;
    }
    const isControl = delimiter.length > 0 && worker.speaksZscale;
    const control = isControl ? decodeControl(delimiter) : undefined;
    if (isControl && control === undefined) {
      this.#ways.faults.tell(
        { worker: worker.id, address: worker.address },
        'disconnected a worker: it sent a control frame that cannot be read',
      );
      this.#ways.backEnd.drop(worker);
      return;
    }
    if (control?.credit !== undefined) {
      worker.credit = control.credit;
      worker.spare = control.spare ?? 0;
    }
    if (control?.drain === true) this.#retire(worker);
    if (message.length === 2 && ticket.length === NO_TICKET.length && ticket.equals(NO_TICKET))
      return;
    const request = this.#requests.inFlight.find(ticket);
    if (control?.idempotent !== undefined && message.length === 2) {
      if (request?.worker === worker) request.isIdempotent = control.idempotent;
      return;
    }
    if (request === undefined || request.worker !== worker) {
      this.#late += 1;
    } else if (control !== undefined && isAboutStream(control)) {
      this.#streamed(worker, request, message, control, now);
    } else if (message.length < 3) {
      this.#late += 1;
    } else {
      this.#replied(worker, request, message, control?.error === true, now);
    }
  }

  /** A whole reply. */
  #replied(
    worker: WorkerPeer,
    request: QueuedRequest,
    message: Message,
    failed: boolean,
    now: number,
  ): void {
    const requests = this.#requests;
    requests.doneWith(request, worker);
    if (request.state === 'abandoned') {
      this.#late += 1;
    } else if (request.stream?.hasBegun === true && !failed) {
      requests.refuse(request, requests.streams.answeredTwice());
    } else {
      const { client, envelope } = request;
      requests.end(request);
      this.#ways.trace?.answered(request, failed);
      this.#ways.pools.of(request).services.observe(now - request.given);
      const code = this.#answers.reply(client, envelope, message, failed);
      if (code !== undefined) worker.failed(code);
      else if (failed) worker.failed('handler');
      else worker.answered += 1;
    }
    if (!requests.waiters.isEmpty) requests.waiters.look();
  }

  /** A message about a request that comes or is answered in several. */
  #streamed(
    worker: WorkerPeer,
    request: QueuedRequest,
    message: Message,
    control: Control,
    now: number,
  ): void {
    const requests = this.#requests;
    const isLast = control.more !== true && control.grant === undefined;
    if (isLast) requests.doneWith(request, worker);
    if (request.state === 'abandoned') {
      requests.streams.wasLate();
      if (isLast) requests.waiters.look();
      return;
    }
    requests.letGo(request);
    const fault = requests.streams.fromWorker(request, message, control);
    if (!isLast) {
      if (fault !== undefined) requests.breakOff(request, fault);
      return;
    }
    if (fault !== undefined) {
      requests.refuse(request, fault);
    } else {
      requests.end(request);
      this.#ways.pools.of(request).services.observe(now - request.given);
      worker.answered += 1;
      this.#ways.trace?.answered(request, false);
      this.#answers.relayed();
    }
    requests.waiters.look();
  }

  /** The worker wants to go: it gets nothing more, and is told when it has seen everything. */
  #retire(worker: WorkerPeer): void {
    worker.retired = true;
    worker.pipe.writeBeyondMark([NO_TICKET, DRAINED]);
    this.#ways.onRetired();
  }
}
