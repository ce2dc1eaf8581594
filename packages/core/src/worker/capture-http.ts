/**
 * Takes over `listen()` of HTTP servers, which several processes cannot do each.
 *
 *     http.createServer(app).listen(3000)      in a worker:  nothing is bound, the supervisor hears the address, 'listening' is told,
 *                                                            and requests come to the server from the queue
 *
 * One server of a program can be it. What is asked for and cannot be is refused with a text that says what to do: a second place, a
 * server that does not speak HTTP. A free port (`listen(0)`), a Unix socket behind the first place, and whatever else each worker can
 * have for itself is left alone.
 */

import type { Server as HttpServer } from 'node:http';
import { Server } from 'node:net';
import { ZscaleError } from '../errors.ts';
import {
  addressInfoOf,
  endpointOf,
  isSamePlace,
  type ListenAddress,
  listenAddressOf,
} from './listen-address.ts';

/** What a capture is made from. */
export interface HttpCaptureOptions {
  /** The program's server is here, and asked for this address. Called once. */
  readonly onListen: (server: HttpServer, endpoint: string) => ServedRequests;
  /** The program does not want requests any more. */
  readonly onClose: () => void;
  /** The program asked for what cannot be; it is thrown to the program too. */
  readonly onRefused: (error: ZscaleError) => void;
}

/** The requests that a captured server has. */
export interface ServedRequests {
  /** How many are open. */
  readonly connections: number;
  /** Cuts them. */
  destroyAll(): void;
}

/** Told once. */
const KEPT_WARNING =
  'The application that the module exports is served where --bind (option bind) says; that it listens somewhere itself, later, ' +
  'changes nothing. Take the export away to have it served where it listens.';

/** How often a server that was closed looks whether its last request is over, in ms. */
const CLOSE_POLL_MS = 10;

/** The hook of a process that may turn out to be a program. There is one per process. */
export class HttpCapture {
  readonly #options: HttpCaptureOptions;
  readonly #listen: Server['listen'];
  readonly #capturedListen: Server['listen'];
  #server: HttpServer | undefined;
  #address: ListenAddress | undefined;
  #requests: ServedRequests | undefined;
  /** The process hosts an application that it exports. */
  #isKept: boolean;
  #hasEnded: boolean;

  /** Takes over from now on, until {@link end}. */
  constructor(options: HttpCaptureOptions) {
    this.#options = options;
    this.#listen = Server.prototype.listen;
    this.#server = undefined;
    this.#address = undefined;
    this.#requests = undefined;
    this.#isKept = false;
    this.#hasEnded = false;
    const listen = this.#listen;
    const captured = (server: Server, args: unknown[]): boolean => this.#capture(server, args);
    // Node has `this` for the server.
    this.#capturedListen = function (this: Server, ...args: unknown[]): Server {
      return captured(this, args) ? this : Reflect.apply(listen, this, args);
    };
    Server.prototype.listen = this.#capturedListen;
  }

  /** Whether the process is a program: its server listens. */
  get hasListened(): boolean {
    return this.#server !== undefined && !this.#isKept;
  }

  /** Whether this function is called for the requests of the server that was taken over. */
  calls(listener: unknown): boolean {
    return this.#server?.listeners('request').some((own) => own === listener) === true;
  }

  /** The process hosts a handler: where it listens is its own business. */
  end(): void {
    this.#hasEnded = true;
    // Somebody else may have taken it over after us, and calls ours.
    if (Server.prototype.listen === this.#capturedListen) Server.prototype.listen = this.#listen;
  }

  /**
   * The process hosts an application that it exports, and whose requests these are. Where it listens all the same, later, it is told
   * that it does: the gateway does so for it.
   */
  keep(requests: ServedRequests): void {
    this.#isKept = true;
    this.#requests = requests;
  }

  /** @returns false: it may listen */
  #capture(server: Server, args: unknown[]): boolean {
    if (this.#hasEnded || server.listening) return false; // for the latter Node has an error
    const address = listenAddressOf(args);
    const isHttp = speaksHttp(server);
    const isMine = server === this.#server;
    const hasServer = this.#server !== undefined || this.#isKept;
    // Each worker can have these for itself: a free port, or a Unix socket of its own.
    const isFree = address.port === 0 || address.path !== undefined;
    if (isFree && !isMine && (!isHttp || hasServer)) return false;
    if (!isHttp) this.#refuseOther(address);
    if (this.#address !== undefined && !isSamePlace(address, this.#address)) {
      this.#refuseSecond(address, this.#address, isEncrypted(server));
    }
    this.#open(server as HttpServer, address); // one of https emits the same
    return true;
  }

  #open(server: HttpServer, address: ListenAddress): void {
    const isFirst = this.#server === undefined;
    if (isFirst) {
      this.#server = server;
      this.#address = address;
    }
    if (this.#isKept) process.emitWarning(KEPT_WARNING);
    let isListening = true;
    const requests = (): ServedRequests | undefined =>
      this.#server === server ? this.#requests : undefined;
    const close = (done?: (error?: Error) => void): HttpServer => {
      if (!isListening) {
        if (done !== undefined) process.nextTick(done, notRunning());
        return server;
      }
      isListening = false;
      if (done !== undefined) server.once('close', done);
      if (this.#server === server) this.#options.onClose();
      whenIdle(requests, () => server.emit('close'));
      return server;
    };
    const own: PropertyDescriptorMap = {
      listening: { get: () => isListening },
      address: { value: () => (isListening ? addressInfoOf(address) : null) },
      close: { value: close },
      closeAllConnections: { value: () => requests()?.destroyAll() },
      closeIdleConnections: { value: () => {} },
      getConnections: {
        value: (done: (error: null, count: number) => void) => {
          process.nextTick(done, null, requests()?.connections ?? 0);
        },
      },
    };
    for (const descriptor of Object.values(own)) descriptor.configurable = true;
    Object.defineProperties(server, own);
    if (address.onListening !== undefined) server.once('listening', address.onListening);
    address.signal?.addEventListener('abort', () => close(), { once: true });
    process.nextTick(() => {
      if (isListening) server.emit('listening');
    });
    if (!isFirst || this.#isKept) return;
    const endpoint = endpointOf(address, isEncrypted(server));
    this.#requests = this.#options.onListen(server, endpoint);
  }

  #refuseOther(address: ListenAddress): never {
    return this.#refuse(
      `the program listens on ${endpointOf(address, false).replace('http:', 'tcp:')} with a server that does not speak HTTP/1.1, and only one ` +
        'process can listen there. zscale takes over servers of node:http and node:https, and Reply sockets of ZeroMQ. Let each ' +
        'worker listen on a free port (0), or run that server as a program of its own. One of node:http2 can be served with allowHTTP1: ' +
        'true (createSecureServer); HTTP/2 itself is spoken by a proxy in front',
    );
  }

  #refuseSecond(address: ListenAddress, first: ListenAddress, encrypted: boolean): never {
    return this.#refuse(
      `the program listens on ${endpointOf(address, encrypted)} after ${endpointOf(first, encrypted)}, and a worker has one place ` +
        'where its requests come from. Listen once and give further addresses as --bind; or let the second server listen on a ' +
        'free port (0), or run it as a program of its own',
    );
  }

  #refuse(text: string): never {
    const error = new ZscaleError('ZSCALE_ERR_LOAD', text);
    this.#options.onRefused(error);
    throw error;
  }
}

/** A server of node:http or node:https, which need not be loaded for this. One of HTTP/2 has these where it speaks HTTP/1.1 too. */
function speaksHttp(server: Server): boolean {
  return 'headersTimeout' in server && 'requestTimeout' in server;
}

function isEncrypted(server: Server): boolean {
  return 'setSecureContext' in server;
}

function whenIdle(requests: () => ServedRequests | undefined, tell: () => void): void {
  const look = (): void => {
    if ((requests()?.connections ?? 0) > 0) setTimeout(look, CLOSE_POLL_MS);
    else tell();
  };
  setImmediate(look);
}

function notRunning(): Error {
  return Object.assign(new Error('Server is not running.'), { code: 'ERR_SERVER_NOT_RUNNING' });
}
