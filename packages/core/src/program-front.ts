/**
 * Where clients and workers meet a service that is a program, or may turn out to be one: each worker process has a door of its own
 * to come in by, and the front end comes when the first worker says what it is, and where it wants to be.
 *
 *     a module      a door, until it is known to export a handler; front end at `bind` then
 *     a program     its bind is connected to its door, or its listener is the handler; front end at the address that it asked
 *                   for, unless `bind` was given
 *     a command     connects to its door (`ZSCALE_BACKEND`); front end at `bind`
 *
 * Endpoints of HTTP come as late as that, too, wherever they are from: what is behind them decides what is spoken there.
 * Owns the doors' names and the decision; the sockets are the queue's and the gateway's.
 */

import { doorEndpoint, makeDoor } from './backend-folder.ts';
import { ZscaleError } from './errors.ts';
import { isHttpEndpoint } from './gateway/http-endpoint.ts';
import type { Logger } from './logger.ts';
import { createCodec } from './messages/payload.ts';
import type { TlsMaterial } from './messages/tls-material.ts';
import type { CodecName, ResolvedScaleOptions } from './options.ts';
import type { WorkerQueue } from './queue/worker-queue.ts';
import type { WorkerIdentity } from './worker-identity.ts';

/** Settings that only HTTP has a use for. */
export type HttpOnly = Pick<ResolvedScaleOptions, 'accessLog' | 'tlsCert' | 'trustedProxies'>;

/** What it is made from. */
export interface ProgramFrontOptions {
  readonly queue: WorkerQueue;
  /** Makes front ends of HTTP. Rejects with the system's code where it cannot. */
  readonly bindHttp: (
    endpoints: readonly string[],
    speaksHttp: boolean,
    codec: CodecName,
  ) => Promise<void>;
  /** What a program speaks TLS with, before its front end is made, and whenever a worker says it. */
  readonly useTls: (tls: TlsMaterial) => void;
  /** The endpoint of the service's own workers; doors are named beside it. */
  readonly privateEndpoint: string;
  /** Workers are programs of another language, for certain. */
  readonly isCommand: boolean;
  /** Workers host a handler, for certain. */
  readonly isHandler: boolean;
  /** Clients connect where the program asks for it, and not where `bind` says. */
  readonly bindsLater: boolean;
  /** Where clients connect if it turns out to be a handler of values. */
  readonly bind: readonly string[];
  readonly codec: CodecName;
  /** Processes that are to speak HTTP, and have nothing to do where none is spoken. */
  readonly gateways: number;
  readonly httpOnly: HttpOnly;
  /** Errors are answered in raw bytes should it turn out to be a program. */
  readonly choosesCodec: boolean;
  /** As whom workers run, where that is not as this process. */
  readonly identity: WorkerIdentity | undefined;
  readonly logger: Logger;
}

/** What the first worker made known. */
interface Wish {
  readonly endpoints: readonly string[];
  readonly speaksHttp: boolean;
}

/** Endpoints that are a host and a port. */
const OF_PORTS = /^(?:tcp|https?):\/\/(?!(?:fd|unix):)/;

/** Where a handler of HTTP listens that says nothing of it: on this machine, or where its surroundings want it. */
const HTTP_ENDPOINT = 'http://127.0.0.1:3000';

/** The doors and the front end of one service. */
export class ProgramFront {
  readonly #options: ProgramFrontOptions;
  /** The endpoint by which each worker process comes in, by its generation. */
  readonly #doors: Map<number, string>;
  readonly #ready: Promise<void>;
  /** Makes the front end at the address that the service turns out to have. Undefined when it has one. */
  #front: ((wish: Wish) => void) | undefined;
  /** The address that the program asked for. */
  #askedFor: string | undefined;
  #codec: CodecName;
  #speaksHttp: boolean;

  /** @throws ZscaleError `ZSCALE_ERR_OPTIONS` for several gateways where it is known that no HTTP is spoken */
  constructor(options: ProgramFrontOptions) {
    this.#options = options;
    this.#doors = new Map();
    this.#front = undefined;
    this.#askedFor = undefined;
    this.#codec = options.codec;
    this.#speaksHttp = false;
    const { bind, bindsLater, httpOnly, isCommand, logger } = options;
    if (!bindsLater) refuseIdleGateways(options.gateways, bind);
    const isLater = bindsLater || !isCommand || bind.some(isHttpEndpoint);
    if (!isLater) warnOfIdle(httpOnly, bind, logger);
    this.#ready = isLater ? this.#frontLater() : Promise.resolve();
  }

  /** When the front end is there; rejects with the system's code when it cannot be. */
  get ready(): Promise<void> {
    return this.#ready;
  }

  /** The codec of the service, as far as that is known. */
  get codec(): CodecName {
    return this.#codec;
  }

  /** Whether the workers take requests of HTTP, as far as that is known. */
  get speaksHttp(): boolean {
    return this.#speaksHttp;
  }

  /** Where the program asked for its clients; undefined while it has not, and for all that is none. */
  get askedFor(): string | undefined {
    return this.#askedFor;
  }

  /** Each process has a way in of its own, so that what a dead one left cannot be taken for the next. Undefined where it needs none. */
  openDoor(id: number, generation: number): string | undefined {
    if (this.#options.isHandler) return undefined;
    const door = doorEndpoint(this.#options.privateEndpoint, id, generation);
    const { identity, queue } = this.#options;
    const open = (): void => queue.openDoor({ id, generation }, door);
    if (identity === undefined) open();
    else makeDoor(door, identity, open);
    this.#doors.set(generation, door);
    return door;
  }

  /** A worker is ready; one that bound nothing hosts a handler, whose address is the option's. */
  workerReady(generation: number, speaksHttp: boolean): void {
    const { bind, bindsLater, isCommand, queue } = this.#options;
    if (isCommand && bindsLater) return; // it says where it wants to be, now or later
    const door = this.#doors.get(generation);
    // One that listens for HTTP is hosted, too.
    const isHandler = !isCommand && (this.#askedFor === undefined || speaksHttp);
    if (isHandler && door !== undefined) queue.closeDoor(door);
    this.#make({
      endpoints: bindsLater && speaksHttp ? [defaultHttpEndpoint()] : bind,
      speaksHttp,
    });
  }

  /** A program asked for an address. The first one decides. */
  workerBound(id: number, endpoint: string, tls?: TlsMaterial): void {
    const { bindsLater, choosesCodec, logger, queue } = this.#options;
    if (tls !== undefined) this.#options.useTls(tls);
    const isFirst = this.#askedFor === undefined;
    const speaksHttp = isHttpEndpoint(endpoint);
    this.#askedFor ??= endpoint;
    if (isFirst && choosesCodec && !speaksHttp) {
      this.#codec = 'raw';
      queue.useCodec(createCodec('raw'));
    }
    if (this.#front !== undefined) {
      this.#make({ endpoints: bindsLater ? [endpoint] : this.#options.bind, speaksHttp });
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

  #make(wish: Wish): void {
    this.#front?.(wish);
    this.#front = undefined;
  }

  #frontLater(): Promise<void> {
    const ready = new Promise<Wish>((resolve) => {
      this.#front = resolve;
    }).then((wish) => this.#bind(wish));
    ready.catch(() => {}); // whoever starts the service awaits it
    return ready;
  }

  async #bind({ endpoints, speaksHttp }: Wish): Promise<void> {
    const { bindHttp, bindsLater, gateways, httpOnly, identity, logger, queue } = this.#options;
    if (bindsLater && identity !== undefined) refuseOtherThanPorts(endpoints, identity);
    refuseIdleGateways(gateways, endpoints);
    warnOfIdle(httpOnly, endpoints, logger);
    const ofMessages = endpoints.filter((endpoint) => !isHttpEndpoint(endpoint));
    if (speaksHttp) refuseMessages(endpoints);
    this.#speaksHttp = speaksHttp;
    try {
      if (bindsLater) await queue.bindFrontEnd(ofMessages);
      await bindHttp(endpoints.filter(isHttpEndpoint), speaksHttp, this.#codec);
    } catch (error) {
      if (this.#askedFor === undefined || !bindsLater) throw error;
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'EADDRINUSE';
      if (code === 'ZSCALE_ERR_OPTIONS') throw error; // it would be wrong at every address
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

/**
 * A program of another user is given ports. A path would be made, and a descriptor listened at, with what this process may do and
 * the program may not.
 */
function refuseOtherThanPorts(endpoints: readonly string[], { label }: WorkerIdentity): void {
  for (const endpoint of endpoints) {
    if (OF_PORTS.test(endpoint)) continue;
    throw new ZscaleError(
      'ZSCALE_ERR_OPTIONS',
      `the program, which runs as ${label}, asks for ${endpoint}; a program of another user is given ports of TCP only. If clients are ` +
        `to connect there, say so to zscale: --bind ${endpoint} (option bind).`,
    );
  }
}

/** Where a handler of HTTP is that says nothing of it. */
export function defaultHttpEndpoint(): string {
  const { PORT } = process.env;
  return PORT !== undefined && /^\d{1,5}$/.test(PORT) ? `http://*:${PORT}` : HTTP_ENDPOINT;
}

/**
 * Who asks for several gateways believes that they do something.
 *
 * @throws ZscaleError `ZSCALE_ERR_OPTIONS` where none of the endpoints is for HTTP
 */
export function refuseIdleGateways(gateways: number, endpoints: readonly string[]): void {
  if (gateways === 1 || endpoints.some(isHttpEndpoint)) return;
  const places = endpoints.length === 0 ? 'nowhere' : `at ${endpoints.join(', ')}`;
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    `gateways are processes that speak HTTP, and clients of this service connect ${places}: ${gateways} of them would do nothing. ` +
      'Leave out gateways (--gateways), or say where HTTP is spoken: http://host:port by bind (--bind).',
  );
}

/** Says which of these settings do nothing, since none of the endpoints is for HTTP: in one line, or none. */
export function warnOfIdle(
  { accessLog, tlsCert, trustedProxies }: HttpOnly,
  endpoints: readonly string[],
  logger: Logger,
): void {
  if (endpoints.some(isHttpEndpoint)) return;
  const idle = Object.entries({ accessLog, tlsCert, trustedProxies })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name);
  if (idle.length === 0) return;
  const does = idle.length === 1 ? 'does' : 'do';
  logger.warn({ endpoints }, `${idle.join(', ')} ${does} nothing: no HTTP is spoken here`);
}

/**
 * Whoever sends values to a service of HTTP would be taken for a client of HTTP whose words are believed.
 *
 * @throws ZscaleError `ZSCALE_ERR_OPTIONS` where an endpoint is for clients of ZeroMQ
 */
export function refuseMessages(endpoints: readonly string[]): void {
  const ofMessages = endpoints.filter((endpoint) => !isHttpEndpoint(endpoint));
  if (ofMessages.length === 0) return;
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    `the service speaks HTTP, and ${ofMessages.join(', ')} is for clients of ZeroMQ. ` +
      'Say where it listens as http://host:port, https://host:port, unix:/path or fd:3: --bind (option bind).',
  );
}
