/**
 * The three devices: a proxy, the two sockets it stands between, and their endpoints (zmq_device(3)).
 *
 *   QUEUE       clients ----> ROUTER [ ] DEALER ----> workers         requests down, replies back up
 *   FORWARDER   publishers -> XSUB   [ ] XPUB   ----> subscribers     data down, subscriptions up
 *   STREAMER    producers --> PULL   [ ] PUSH   ----> consumers       down only
 *
 * They differ in one row of a table. For other sockets, or a capture socket of another type than PUB, use the proxy itself.
 */

import type { Context } from '../context.ts';
import { fail } from '../errors.ts';
import { INT32_MAX, integer } from '../option-checks.ts';
import type { AnySocketOptions } from '../options.ts';
import { Dealer } from '../sockets/dealer.ts';
import { Publisher } from '../sockets/publisher.ts';
import { Pull } from '../sockets/pull.ts';
import { Push } from '../sockets/push.ts';
import { Router } from '../sockets/router.ts';
import type { OpenOptions, Socket } from '../sockets/socket.ts';
import { XPublisher } from '../sockets/xpublisher.ts';
import { XSubscriber } from '../sockets/xsubscriber.ts';
import type { ProxyStats } from './control.ts';
import { Proxy as SocketProxy } from './proxy.ts';

/** Which device. */
export type DeviceKind = 'QUEUE' | 'FORWARDER' | 'STREAMER';

/** What makes one device another. */
interface DeviceRow {
  frontend(options: OpenOptions): Socket;
  backend(options: OpenOptions): Socket;
}

const DEVICES: Readonly<Record<DeviceKind, DeviceRow>> = {
  QUEUE: {
    frontend: (options) => new Router(options),
    backend: (options) => new Dealer(options),
  },
  FORWARDER: {
    frontend: (options) => new XSubscriber(options),
    backend: (options) => new XPublisher(options),
  },
  STREAMER: {
    frontend: (options) => new Pull(options),
    backend: (options) => new Push(options),
  },
};

/** What an XSUB sends to get everything. */
const SUBSCRIBE_TO_ALL: Buffer = Buffer.of(1);

/** In front of an endpoint that is connected instead of bound. */
const CONNECT = 'connect:';

const DEFAULT_GRACEFUL_TIMEOUT_MS = 30_000;

/**
 * What a device takes. Endpoints are bound: `tcp://*:5559`. With `connect:` in front they are connected instead:
 * `connect:tcp://10.0.0.7:5559`.
 */
export interface DeviceOptions {
  /** Where clients, publishers or producers are; one endpoint or several. */
  readonly frontend: string | readonly string[];
  /** Where workers, subscribers or consumers are; one endpoint or several. */
  readonly backend: string | readonly string[];
  /**
   * Where a PUB socket shows everything that passes, both ways: the same frames, routing ids included. It never slows the
   * device down; who listens and is slow misses messages. Default none.
   */
  readonly capture?: string | readonly string[];
  /** Messages that may wait per peer and direction, on both sides; 0 for no limit. Default 1000. `ZMQ_SNDHWM`, `ZMQ_RCVHWM`. */
  readonly highWaterMark?: number;
  /** How long `close()` goes on moving and sending what is on its way, in ms; 0 drops it, -1 has no limit. Default 30000. */
  readonly gracefulTimeout?: number;
  /** Any option of the front-end socket. */
  readonly frontendOptions?: AnySocketOptions;
  /** Any option of the back-end socket. */
  readonly backendOptions?: AnySocketOptions;
  /** Any option of the capture socket. */
  readonly captureOptions?: AnySocketOptions;
  /** The context of its sockets. Default: the one that is exported as `context`. */
  readonly context?: Context;
}

/** Where a device can be reached: what is bound by its real address, what is connected as it was given, with its `connect:`. */
export interface DeviceEndpoints {
  readonly frontend: readonly string[];
  readonly backend: readonly string[];
  readonly capture: readonly string[];
}

/** What `close()` of a device takes. */
export interface DeviceCloseOptions {
  /** In place of the device's own, ms. */
  readonly gracefulTimeout?: number;
}

/** A device that runs; see {@link device}. */
export class Device {
  readonly kind: DeviceKind;
  readonly endpoints: DeviceEndpoints;
  /** Resolves when it moves nothing any more: it was closed. */
  readonly ended: Promise<void>;
  readonly #proxy: SocketProxy;
  readonly #capture: Socket | undefined;
  readonly #gracefulTimeout: number;
  #closing: Promise<void> | undefined = undefined;

  /** For {@link device}: takes over sockets that are bound and connected. */
  constructor(
    kind: DeviceKind,
    proxy: SocketProxy,
    capture: Socket | undefined,
    endpoints: DeviceEndpoints,
    gracefulTimeout: number,
  ) {
    this.kind = kind;
    this.endpoints = endpoints;
    this.#proxy = proxy;
    this.#capture = capture;
    this.#gracefulTimeout = gracefulTimeout;
    this.ended = proxy.run().finally(() => capture?.close());
  }

  /** Messages and bytes that went through so far; they stay readable after the end. */
  stats(): ProxyStats {
    return this.#proxy.stats();
  }

  /** Moves nothing until {@link resume}; senders meet the high-water marks. @throws TransportError `EBADF` after the end. */
  pause(): void {
    this.#proxy.pause();
  }

  /** Goes on after {@link pause}. @throws TransportError `EBADF` after the end. */
  resume(): void {
    this.#proxy.resume();
  }

  /**
   * Ends it in order: moves on what it has received, sends what it has queued, then lets go of its endpoints and resolves. A
   * device knows messages, not requests: it does not wait for replies that workers still owe. Idempotent; a second call with a
   * `gracefulTimeout` of 0 cuts a first one short as far as messages still wait to be moved.
   */
  close(options: DeviceCloseOptions = {}): Promise<void> {
    const { gracefulTimeout = this.#gracefulTimeout } = options;
    if (gracefulTimeout === 0) this.#closeSockets(0);
    this.#closing ??= this.#close(gracefulTimeout);
    return this.#closing;
  }

  /** As {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(gracefulTimeout: number): Promise<void> {
    const start = performance.now();
    await this.#proxy.drained(gracefulTimeout);
    const passed = Math.round(performance.now() - start);
    this.#closeSockets(gracefulTimeout < 0 ? -1 : Math.max(0, gracefulTimeout - passed));
    await Promise.all(this.#sockets().map((socket) => socket.ended));
  }

  /** Closing the sides ends the proxy. A linger that the user chose holds where it is the shorter one. */
  #closeSockets(linger: number): void {
    for (const socket of this.#sockets()) {
      if (socket.closed) continue;
      if (linger >= 0 && (socket.linger < 0 || socket.linger > linger)) socket.linger = linger;
      socket.close();
    }
  }

  #sockets(): Socket[] {
    const sides = [this.#proxy.frontEnd, this.#proxy.backEnd];
    return this.#capture === undefined ? sides : [...sides, this.#capture];
  }
}

/**
 * Starts a device, and resolves when its endpoints are bound. It keeps the process alive until it is closed.
 *
 * `await device('QUEUE', { frontend: 'tcp://*:5559', backend: 'tcp://*:5560' })`
 *
 * @throws (rejects) TransportError as `bind` and `connect` of sockets; `EINVAL` for an unknown kind, a side without endpoints or an
 *   option out of range; TypeError for an option that its socket does not have. Then nothing is left open.
 */
export async function device(kind: DeviceKind, options: DeviceOptions): Promise<Device> {
  if (!Object.hasOwn(DEVICES, kind)) {
    fail(
      'EINVAL',
      `A device is one of ${Object.keys(DEVICES).join(', ')}; got ${JSON.stringify(kind) ?? String(kind)}.`,
    );
  }
  const { gracefulTimeout = DEFAULT_GRACEFUL_TIMEOUT_MS, highWaterMark } = options;
  integer(-1, INT32_MAX)('gracefulTimeout', gracefulTimeout);
  const frontendEndpoints = endpointsOf('frontend', options.frontend);
  const backendEndpoints = endpointsOf('backend', options.backend);
  const captureEndpoints =
    options.capture === undefined ? [] : endpointsOf('capture', options.capture);

  const opened: Socket[] = [];
  const open = (make: (options: OpenOptions) => Socket, given: AnySocketOptions = {}): Socket => {
    const { context } = options;
    const socket = make(context === undefined ? given : { ...given, context });
    opened.push(socket);
    if (highWaterMark !== undefined) setMarks(socket, highWaterMark);
    return socket;
  };
  try {
    const { frontend, backend } = DEVICES[kind];
    const front = open(frontend, options.frontendOptions);
    const back = open(backend, options.backendOptions);
    const capture =
      captureEndpoints.length === 0
        ? undefined
        : open((given) => new Publisher(given), options.captureOptions);
    const proxy = new SocketProxy(front, back, capture === undefined ? {} : { capture });
    // The front end last: from then on messages come.
    const capturePoints = capture === undefined ? [] : await attachAll(capture, captureEndpoints);
    const backendPoints = await attachAll(back, backendEndpoints);
    if (back.multicast !== undefined) front.trySend([SUBSCRIBE_TO_ALL]); // a group has nobody who could
    const frontendPoints = await attachAll(front, frontendEndpoints);
    const endpoints = { frontend: frontendPoints, backend: backendPoints, capture: capturePoints };
    return new Device(kind, proxy, capture, endpoints, gracefulTimeout);
  } catch (error) {
    for (const socket of opened) {
      socket.linger = 0;
      socket.close();
    }
    throw error;
  }
}

function endpointsOf(side: string, given: string | readonly string[]): readonly string[] {
  const endpoints = typeof given === 'string' ? [given] : (given ?? []); // callers without types
  if (endpoints.length === 0) {
    fail('EINVAL', `A device needs an endpoint or more for its ${side}, such as tcp://*:5559.`);
  }
  return endpoints;
}

/** Binds or connects; gives what {@link DeviceEndpoints} tells. */
async function attachAll(socket: Socket, endpoints: readonly string[]): Promise<string[]> {
  const real: string[] = [];
  for (const endpoint of endpoints) {
    if (endpoint.startsWith(CONNECT)) {
      socket.connect(endpoint.slice(CONNECT.length));
      real.push(endpoint);
    } else {
      await socket.bind(endpoint);
      real.push(socket.lastEndpoint ?? endpoint); // it is set after a bind
    }
  }
  return real;
}

/** Sets the marks that a socket of its type has: a PULL has only the one for receiving. */
function setMarks(socket: Socket, mark: number): void {
  for (const name of ['sendHighWaterMark', 'receiveHighWaterMark']) {
    if (name in socket) Object.assign(socket, { [name]: mark });
  }
}
