/**
 * The queue's side towards its workers: DEALER on the wire, but each request goes to the worker that was chosen for it, and
 * nothing is sent blindly in turn.
 *
 * Any REP peer is a worker. A plain one holds one request at a time; one that announced `X-Zscale` says how many it wants.
 *
 * Workers of a machine that joined get requests while that machine is present (`machine-set.ts`), and are gone with it.
 */

import { randomInt } from 'node:crypto';
import {
  type AnySocketOptions,
  type Authenticator,
  type Frames as Message,
  type PeerInfo,
  type Pipe,
  Socket,
  StreamTraffic,
} from '@zscale/transport';
import { ZscaleError } from '../errors.ts';
import {
  generationOf,
  isPresence,
  machineOf,
  saysIdempotent,
  speaksZscale,
  workerIdOf,
} from '../messages/announcement.ts';
import type { Candidate } from './dispatch.ts';
import { MachineSet } from './machine-set.ts';
import { type Pinnable, pinOf } from './rendezvous.ts';

/** What a plain REP peer can hold: it answers one request before it takes the next. */
const PLAIN_LIMIT = 1;
/**
 * A worker that asks for so few computes, and stands still until it has its next request: that leaves at once, not at the end of the turn,
 * in which its last reply is passed on.
 */
const FEW = 4;
const SEEDS = 0x1_0000_0000;

/** For whom an endpoint is that only one process knows. */
export interface Door {
  /** The worker's number within the service. */
  readonly id: number;
  /** Which process of that number. */
  readonly generation: number;
}

/** A connected worker. */
export class WorkerPeer implements Candidate, Pinnable {
  readonly pipe: Pipe;
  /** Its number within the service; undefined for a worker that is not ours. */
  readonly id: number | undefined;
  /** Which process of the service it is: of two with one number, the old and the new. Undefined as `id`. */
  readonly generation: number | undefined;
  readonly speaksZscale: boolean;
  /** It says of each request whether it may be done again. */
  readonly saysIdempotent: boolean;
  /** For requests that are pinned to a worker. */
  readonly seed: number;
  /** Whether it came in where only one worker can: a program that says nothing of itself. */
  readonly cameByDoor: boolean;
  /** Where it is, for logs. */
  readonly address: string;
  /** The machine it has joined from; undefined for the service's own workers, and those of other kinds. */
  readonly machine: string | undefined;
  /** Requests that it has and has not begun to answer. */
  held = 0;
  /** Requests that it answers in several messages, and is not done with. They take no place from others. */
  streams = 0;
  /** Requests given to it since it connected. */
  requests = 0;
  /** Of those, the ones that it answered, and whose reply was passed on. */
  answered = 0;
  /** Of those, the ones that ended in another way, by code; see outcomes.ts. */
  readonly failures: Map<string, number> = new Map();
  /** What it asked for. */
  credit: number = PLAIN_LIMIT;
  /** How many more may wait at it, while more wait than there are workers. */
  spare = 0;
  /** It shall get no more: it is to be stopped, or it is dying. */
  retired = false;
  /** Its machine is not present: nobody could tell whether it is busy or dead. */
  absent: boolean;

  /**
   * @param isOwn whether it came in where only our own workers can: what others say of a number is not believed.
   * @param door that of the process which it came in by, see {@link BackEnd.openDoor}; undefined for none.
   */
  constructor(pipe: Pipe, isOwn: boolean, door: Door | undefined) {
    this.pipe = pipe;
    this.id = door?.id ?? (isOwn ? workerIdOf(pipe.peer?.metadata) : undefined);
    this.generation = door?.generation ?? (isOwn ? generationOf(pipe.peer?.metadata) : undefined);
    this.cameByDoor = door !== undefined;
    this.speaksZscale = speaksZscale(pipe.peer?.metadata);
    this.saysIdempotent = this.speaksZscale && saysIdempotent(pipe.peer?.metadata);
    this.seed = seedOf(this.id, pipe.peer?.routingId);
    this.address = pipe.peer?.address ?? '';
    this.machine = isOwn ? undefined : machineOf(pipe.peer?.metadata);
    this.absent = this.machine !== undefined;
  }

  /** A request that it had ended in another way than by a reply. */
  failed(code: string): void {
    this.failures.set(code, (this.failures.get(code) ?? 0) + 1);
  }

  get limit(): number {
    return this.retired || this.absent || !this.pipe.writable ? 0 : this.credit;
  }
}

/** The queue behind a back end. Called from the event loop, never from inside `give`. */
export interface BackEndSink {
  workerConnected(worker: WorkerPeer): void;
  /** A peer that is no REP (nor the ROUTER of a queue in between) connected, such as a client at the wrong address; it is disconnected. */
  workerRefused(address: string, socketType: string): void;
  /** A machine is present from now on. */
  machineJoined(machine: string, address: string): void;
  /** It is not present any more, and so many of its workers are disconnected next: none where it left in order. */
  machineGone(machine: string, address: string, workers: number): void;
  /** Messages of a worker wait; they are read with `worker.pipe.read()`. */
  workerReadable(worker: WorkerPeer): void;
  /** A worker whose pipe was full has room again. */
  workerWritable(worker: WorkerPeer): void;
  /** Its connection is gone; what it held is lost. */
  workerDisconnected(worker: WorkerPeer): void;
}

/** A DEALER whose peers are told apart. */
export class BackEnd extends Socket {
  /** Connections of workers, and what went over them. */
  readonly traffic: StreamTraffic = new StreamTraffic();
  readonly #sink: BackEndSink;
  readonly #ownEndpoint: string | undefined;
  readonly #workers = new Map<Pipe, WorkerPeer>();
  /** The endpoints that are for one process each. */
  readonly #doors = new Map<string, Door>();
  readonly #machines = new MachineSet();
  readonly #authenticator: Authenticator | undefined;

  /**
   * @param ownEndpoint where our own workers come in; undefined when they may come in anywhere.
   * @param authenticator who is let in by CURVE; undefined for the ZAP handler of the context.
   */
  constructor(
    sink: BackEndSink,
    ownEndpoint: string | undefined,
    options: AnySocketOptions,
    authenticator?: Authenticator,
  ) {
    super({ socketType: 'DEALER', connectsOnce: true }, options);
    this.#sink = sink;
    this.#ownEndpoint = ownEndpoint;
    this.#authenticator = authenticator;
  }

  /** For the transport: where streams are counted. */
  trafficAt(): StreamTraffic {
    return this.traffic;
  }

  override get authenticator(): Authenticator {
    return this.#authenticator ?? super.authenticator;
  }

  /**
   * A worker of ours may compute for as long as it likes, and cannot answer then: its machine's presence answers for it. A plain
   * REP of libzmq answers in a thread of its own. On this machine the system tells of every end.
   */
  pings({ address, metadata }: PeerInfo): boolean {
    return address.startsWith('tcp://') && (isPresence(metadata) || !speaksZscale(metadata));
  }

  /** What is bound from now on speaks CURVE, with these options of a server. */
  secure(options: AnySocketOptions): void {
    this.setOptionsForLater(options);
  }

  /** Replies are passed on unread. */
  override get forwards(): boolean {
    return true;
  }

  /**
   * Listens at an endpoint that only one process knows: whoever comes in there is that worker, whatever it says or cannot say
   * of itself.
   *
   * @throws TransportError as `Socket.bindSync`
   */
  openDoor(endpoint: string, door: Door): void {
    this.bindSync(endpoint);
    this.#doors.set(endpoint, door);
  }

  /** Machines that have joined and are present. */
  get machines(): number {
    return this.#machines.size;
  }

  /** Ends a door and whoever came in by it. Idempotent. */
  closeDoor(endpoint: string): void {
    if (this.#doors.delete(endpoint) && !this.closed) this.unbindSync(endpoint);
  }

  /** The doors that are open for a process: one or none. */
  doorsOf(generation: number): string[] {
    return [...this.#doors]
      .filter(([, door]) => door.generation === generation)
      .map(([endpoint]) => endpoint);
  }

  /** Gives a worker a request, `[ticket][empty][body...]`. False when its pipe cannot take it. */
  give(worker: WorkerPeer, message: Message): boolean {
    const isGiven = worker.pipe.write(message);
    if (worker.credit <= FEW) worker.pipe.flush();
    return isGiven;
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
    if (isPresence(pipe.peer?.metadata)) {
      this.#presenceConnected(pipe);
      return;
    }
    const isOwn = this.#ownEndpoint === undefined || pipe.peer?.address === this.#ownEndpoint;
    const worker = new WorkerPeer(pipe, isOwn, this.#doors.get(pipe.peer?.address ?? ''));
    if (worker.machine !== undefined) worker.absent = !this.#machines.has(worker.machine);
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
    if (worker !== undefined) this.#forget(worker);
    else this.#presenceClosed(pipe);
  }

  #forget(worker: WorkerPeer): void {
    this.#workers.delete(worker.pipe);
    this.#sink.workerReadable(worker); // its last replies are still good
    this.#sink.workerDisconnected(worker);
  }

  #presenceConnected(pipe: Pipe): void {
    const machine = machineOf(pipe.peer?.metadata);
    if (machine === undefined) {
      pipe.close(0);
      return;
    }
    if (!this.#machines.add(machine, pipe)) return;
    this.#sink.machineJoined(machine, pipe.peer?.address ?? '');
    for (const worker of this.#workersOf(machine)) {
      worker.absent = false;
      this.#sink.workerWritable(worker);
    }
  }

  /** The machine is dead or cut off, or its supervisor is: nobody waits for what its workers may still say. */
  #presenceClosed(pipe: Pipe): void {
    const machine = this.#machines.remove(pipe);
    if (machine === undefined) return;
    const workers = this.#workersOf(machine);
    this.#sink.machineGone(machine, pipe.peer?.address ?? '', workers.length);
    for (const worker of workers) {
      worker.retired = true;
      this.#forget(worker);
      worker.pipe.close(0);
    }
  }

  #workersOf(machine: string): WorkerPeer[] {
    return [...this.#workers.values()].filter((worker) => worker.machine === machine);
  }
}

/** The same for every process that takes a worker's place; one that has neither number nor name is another each time it comes. */
function seedOf(id: number | undefined, routingId: Buffer | undefined): number {
  if (id !== undefined) return pinOf(`worker ${id}`);
  if (routingId !== undefined && routingId.length > 0) return pinOf(routingId);
  return randomInt(SEEDS);
}
