/**
 * The queue's side towards its workers: DEALER on the wire, but each request goes to the worker that was chosen for it, and
 * nothing is sent blindly in turn.
 *
 * Any REP peer is a worker. A plain one holds one request at a time; one that announced `X-Zscale` says how many it wants.
 */

import {
  type AnySocketOptions,
  type Frames as Message,
  type Pipe,
  Socket,
} from '@zscale/transport';
import { ZscaleError } from '../errors.ts';
import { speaksZscale, workerIdOf } from '../messages/announcement.ts';
import type { Candidate } from './dispatch.ts';

/** What a plain REP peer can hold: it answers one request before it takes the next. */
const PLAIN_LIMIT = 1;

/** A connected worker. */
export class WorkerPeer implements Candidate {
  readonly pipe: Pipe;
  /** Its number within the service; undefined for a worker that is not ours. */
  readonly id: number | undefined;
  readonly speaksZscale: boolean;
  /** Whether it came in where only one worker can: a program that says nothing of itself. */
  readonly cameByDoor: boolean;
  /** Where it is, for logs. */
  readonly address: string;
  held = 0;
  /** Requests given to it since it connected. */
  requests = 0;
  /** What it asked for. */
  credit: number = PLAIN_LIMIT;
  /** It shall get no more: it is to be stopped, or it is dying. */
  retired = false;

  /**
   * @param isOwn whether it came in where only our own workers can: what others say of a number is not believed.
   * @param doorId the number of the worker whose own door it came in by, see {@link BackEnd.openDoor}.
   */
  constructor(pipe: Pipe, isOwn: boolean, doorId: number | undefined) {
    this.pipe = pipe;
    this.id = doorId ?? (isOwn ? workerIdOf(pipe.peer?.metadata) : undefined);
    this.cameByDoor = doorId !== undefined;
    this.speaksZscale = speaksZscale(pipe.peer?.metadata);
    this.address = pipe.peer?.address ?? '';
  }

  get limit(): number {
    return this.retired || !this.pipe.writable ? 0 : this.credit;
  }
}

/** The queue behind a back end. Called from the event loop, never from inside `give`. */
export interface BackEndSink {
  workerConnected(worker: WorkerPeer): void;
  /** A peer that is no REP (nor the ROUTER of a queue in between) connected, such as a client at the wrong address; it is disconnected. */
  workerRefused(address: string, socketType: string): void;
  /** Messages of a worker wait; they are read with `worker.pipe.read()`. */
  workerReadable(worker: WorkerPeer): void;
  /** A worker whose pipe was full has room again. */
  workerWritable(worker: WorkerPeer): void;
  /** Its connection is gone; what it held is lost. */
  workerDisconnected(worker: WorkerPeer): void;
}

/** A DEALER whose peers are told apart. */
export class BackEnd extends Socket {
  readonly #sink: BackEndSink;
  readonly #ownEndpoint: string | undefined;
  readonly #workers = new Map<Pipe, WorkerPeer>();
  /** The endpoints that are for one worker each, and its number. */
  readonly #doors = new Map<string, number>();

  /** @param ownEndpoint where our own workers come in; undefined when they may come in anywhere. */
  constructor(sink: BackEndSink, ownEndpoint: string | undefined, options: AnySocketOptions) {
    super({ socketType: 'DEALER', connectsOnce: true }, options);
    this.#sink = sink;
    this.#ownEndpoint = ownEndpoint;
  }

  /**
   * Listens at an endpoint that only the worker of this number knows: whoever comes in there is that worker, whatever it says
   * or cannot say of itself.
   *
   * @throws TransportError as `Socket.bindSync`
   */
  openDoor(endpoint: string, workerId: number): void {
    this.bindSync(endpoint);
    this.#doors.set(endpoint, workerId);
  }

  /** Ends a door and whoever came in by it. Idempotent. */
  closeDoor(endpoint: string): void {
    if (this.#doors.delete(endpoint) && !this.closed) this.unbindSync(endpoint);
  }

  /** The doors that are open for a worker: one, or for a moment those of the old process and the new. */
  doorsOf(workerId: number): string[] {
    return [...this.#doors].filter(([, id]) => id === workerId).map(([endpoint]) => endpoint);
  }

  /** Gives a worker a request, `[ticket][empty][body...]`. False when its pipe cannot take it. */
  give(worker: WorkerPeer, message: Message): boolean {
    return worker.pipe.write(message);
  }

  /** Ends a worker's connection. */
  drop(worker: WorkerPeer): void {
    worker.pipe.close(0);
  }

  /** Never: requests are given to a worker, see {@link give}. */
  override get writable(): boolean {
    return false;
  }

  override trySend(_message: Message): boolean {
    throw new ZscaleError('ENOTSUP', 'A back end gives requests to a chosen worker: call give().');
  }

  /** Never: replies are read from their worker's pipe. */
  override tryReceive(): Message | undefined {
    return undefined;
  }

  override attach(pipe: Pipe): void {
    this.pipeAttached(pipe);
  }

  override pipeConnected(pipe: Pipe): void {
    const type = pipe.peer?.socketType ?? '';
    if (type !== 'REP' && type !== 'ROUTER') {
      this.#sink.workerRefused(pipe.peer?.address ?? '', type);
      pipe.close(0);
      return;
    }
    const isOwn = this.#ownEndpoint === undefined || pipe.peer?.address === this.#ownEndpoint;
    const worker = new WorkerPeer(pipe, isOwn, this.#doors.get(pipe.peer?.address ?? ''));
    this.#workers.set(pipe, worker);
    this.#sink.workerConnected(worker);
  }

  override pipeReadable(pipe: Pipe): void {
    const worker = this.#workers.get(pipe);
    if (worker !== undefined) this.#sink.workerReadable(worker);
  }

  override pipeWritable(pipe: Pipe): void {
    const worker = this.#workers.get(pipe);
    if (worker !== undefined) this.#sink.workerWritable(worker);
  }

  override pipeClosed(pipe: Pipe): void {
    this.pipeDetached(pipe);
    const worker = this.#workers.get(pipe);
    if (worker === undefined) return;
    this.#workers.delete(pipe);
    this.#sink.workerReadable(worker); // its last replies are still good
    this.#sink.workerDisconnected(worker);
  }
}
