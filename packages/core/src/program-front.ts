/**
 * Where clients and workers meet a service that is a program, or may turn out to be one: each worker process has a door of its own
 * to come in by, and the front end comes when the first worker says where it wants to be.
 *
 *     a module      a door, until it is known to export a handler; front end at `bind` then
 *     a program     its bind is connected to its door; front end at the address that it asked for, unless `bind` was given
 *     a command     connects to its door (`ZSCALE_BACKEND`); front end at `bind`
 *
 * Owns the doors' names and the decision; the sockets are the queue's.
 */

import { doorEndpoint } from './backend-folder.ts';
import { ZscaleError } from './errors.ts';
import type { Logger } from './logger.ts';
import { createCodec } from './messages/payload.ts';
import type { CodecName } from './options.ts';
import type { WorkerQueue } from './queue/worker-queue.ts';

/** What it is made from. */
export interface ProgramFrontOptions {
  readonly queue: WorkerQueue;
  /** The endpoint of the service's own workers; doors are named beside it. */
  readonly privateEndpoint: string;
  /** Workers are programs of another language, for certain. */
  readonly isCommand: boolean;
  /** Workers host a handler, for certain. */
  readonly isHandler: boolean;
  /** Clients connect where the program asks for it, and not where `bind` says. */
  readonly bindsLater: boolean;
  /** Where clients connect if it turns out to be a handler. */
  readonly bind: readonly string[];
  readonly codec: CodecName;
  /** Errors are answered in raw bytes should it turn out to be a program. */
  readonly choosesCodec: boolean;
  readonly logger: Logger;
}

/** The doors and the front end of one service. */
export class ProgramFront {
  readonly #options: ProgramFrontOptions;
  /** The endpoint by which each worker process comes in, by its generation. */
  readonly #doors: Map<number, string>;
  readonly #ready: Promise<void>;
  /** Makes the front end at the address that the service turns out to have. Undefined when it has one. */
  #front: ((endpoints: readonly string[]) => void) | undefined;
  /** The address that the program asked for. */
  #askedFor: string | undefined;
  #codec: CodecName;

  constructor(options: ProgramFrontOptions) {
    this.#options = options;
    this.#doors = new Map();
    this.#front = undefined;
    this.#askedFor = undefined;
    this.#codec = options.codec;
    this.#ready = options.bindsLater ? this.#frontLater() : Promise.resolve();
  }

  /** When the front end is there; rejects with the system's code when it cannot be. */
  get ready(): Promise<void> {
    return this.#ready;
  }

  /** The codec of the service, as far as that is known. */
  get codec(): CodecName {
    return this.#codec;
  }

  /** Each process has a way in of its own, so that what a dead one left cannot be taken for the next. Undefined where it needs none. */
  openDoor(id: number, generation: number): string | undefined {
    if (this.#options.isHandler) return undefined;
    const door = doorEndpoint(this.#options.privateEndpoint, id, generation);
    this.#options.queue.openDoor({ id, generation }, door);
    this.#doors.set(generation, door);
    return door;
  }

  /** A worker is ready; one that bound nothing hosts a handler, whose address is the option's. */
  workerReady(generation: number): void {
    if (this.#options.isCommand || this.#askedFor !== undefined) return;
    const door = this.#doors.get(generation);
    if (door !== undefined) this.#options.queue.closeDoor(door);
    this.#front?.(this.#options.bind);
    this.#front = undefined;
  }

  /** A program asked for an address. The first one decides. */
  workerBound(id: number, endpoint: string): void {
    const { bindsLater, choosesCodec, logger, queue } = this.#options;
    const isFirst = this.#askedFor === undefined;
    this.#askedFor ??= endpoint;
    if (isFirst && choosesCodec) {
      this.#codec = 'raw';
      queue.useCodec(createCodec('raw'));
    }
    if (this.#front !== undefined) {
      this.#front([endpoint]);
      this.#front = undefined;
    } else if (bindsLater && endpoint !== this.#askedFor) {
      logger.warn(
        { worker: id, endpoint, frontEnd: this.#askedFor },
        'a worker asked for another address than the first one did; it gets the same requests',
      );
    }
  }

  /** The process is gone; the queue closes its door. */
  workerExited(generation: number): void {
    this.#doors.delete(generation);
  }

  #frontLater(): Promise<void> {
    const ready = new Promise<readonly string[]>((resolve) => {
      this.#front = resolve;
    }).then((endpoints) => this.#bind(endpoints));
    ready.catch(() => {}); // whoever starts the service awaits it
    return ready;
  }

  async #bind(endpoints: readonly string[]): Promise<void> {
    try {
      await this.#options.queue.bindFrontEnd(endpoints);
    } catch (error) {
      if (this.#askedFor === undefined) throw error;
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'EADDRINUSE';
      const reason = error instanceof Error ? error.message : String(error);
      throw new ZscaleError(
        code,
        `the program binds ${this.#askedFor}, and clients cannot connect there. ${reason} ` +
          'To leave the program as it is, say where clients connect: --bind (option bind).',
        { cause: error },
      );
    }
  }
}
