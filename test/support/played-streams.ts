/*
 * The two ends of a queue's streams, played by a test frame by frame: a gateway (DEALER) and a worker (ROUTER), both announcing
 * X-Zscale. For what our own ends never send.
 */
import { Dealer, Router } from '@zscale/transport';
import { announce } from '../../packages/core/src/messages/announcement.ts';
import {
  type Control,
  decodeControl,
  encodeControl,
} from '../../packages/core/src/messages/control.ts';
import type { WorkerQueue } from '../../packages/core/src/queue/worker-queue.ts';
import { closing } from './closing.ts';
import { until } from './until.ts';
import { backOf } from './worker-queue.ts';

/** One message, as a test reads it. */
export interface Heard {
  /** The id for a gateway, the ticket in hex for a worker. */
  readonly name: string;
  readonly control: Control;
  readonly body: readonly Buffer[];
}

const CREDIT_MANY = encodeControl({ credit: 1000 });
const NO_TICKET = Buffer.alloc(8);

/** Control frames are maps, and an empty frame says nothing. */
function read(frame: Buffer | undefined): Control {
  return frame === undefined || frame.length === 0 ? {} : (decodeControl(frame) ?? {});
}

/** A gateway that sends what a test says. */
export class PlayedGateway {
  readonly heard: Heard[] = [];
  readonly #socket = closing(new Dealer({ metadata: announce(), sendHighWaterMark: 0 }));

  constructor(endpoint: string) {
    this.#socket.connect(endpoint);
    void (async () => {
      for await (const [id, mark, ...body] of this.#socket) {
        this.heard.push({ name: String(id), control: read(mark), body });
      }
    })();
  }

  /** `[id][control][body...]` */
  send(id: string, control: Control, ...body: Array<string | Buffer>): Promise<void> {
    return this.#socket.send([id, encodeControl(control), ...body]);
  }

  /** What was heard of one request. */
  of(id: string): Heard[] {
    return this.heard.filter(({ name }) => name === id);
  }

  /** Ends its connection. */
  close(): void {
    this.#socket.close();
  }
}

/** A worker that sends what a test says. */
export class PlayedWorker {
  readonly heard: Heard[] = [];
  readonly #socket = closing(new Router({ metadata: announce(), sendHighWaterMark: 0 }));
  #route: Buffer | undefined = undefined;

  private constructor() {}

  /** Connects, asks for 1000 requests, and waits until the queue knows it. */
  static async join(queue: WorkerQueue): Promise<PlayedWorker> {
    const worker = new PlayedWorker();
    const before = queue.stats().workers.length;
    worker.#socket.connect(backOf(queue));
    await until(() => queue.stats().workers.length > before, 'the queue to know the worker');
    void worker.#listen();
    return worker;
  }

  /** Asks for many; a ROUTER can speak once it was spoken to. */
  credit(): Promise<void> {
    return this.#send([NO_TICKET, CREDIT_MANY]);
  }

  /** `[ticket][control][body...]` */
  send(ticket: string, control: Control, ...body: Array<string | Buffer>): Promise<void> {
    return this.#send([Buffer.from(ticket, 'hex'), encodeControl(control), ...body]);
  }

  /** A whole reply. */
  answer(ticket: string, text: string): Promise<void> {
    return this.#send([Buffer.from(ticket, 'hex'), '', text]);
  }

  /** The ticket of the request that came `n`th, from 0; waits for it. */
  async ticket(n = 0): Promise<string> {
    const requests = (): Heard[] =>
      this.heard.filter(
        ({ control, body }) => body.length > 0 && control.part !== true && control.cancel !== true,
      );
    await until(() => requests().length > n, `request ${n} to reach the worker`);
    return requests()[n]?.name ?? '';
  }

  /** What was heard of one ticket. */
  of(ticket: string): Heard[] {
    return this.heard.filter(({ name }) => name === ticket);
  }

  /** Ends its connection. */
  close(): void {
    this.#socket.close();
  }

  async #send(frames: ReadonlyArray<string | Buffer>): Promise<void> {
    if (this.#route === undefined) throw new Error('a ROUTER must hear something first');
    await this.#socket.send([this.#route, ...frames]);
  }

  async #listen(): Promise<void> {
    for await (const [route, ticket, mark, ...body] of this.#socket) {
      this.#route ??= route;
      this.heard.push({ name: ticket?.toString('hex') ?? '', control: read(mark), body });
    }
  }
}
