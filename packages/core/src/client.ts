/**
 * `connect()`: the client of a service, in TypeScript.
 *
 *   request  [id(8)][empty][body...]          any number in flight over one connection
 *   reply    [id(8)][empty or control][body...]
 *
 * Of a request that has something to say the delimiter is a control frame, and one that was sent and is given up is followed
 * by `[id(8)][control]`; both only towards a service that speaks zscale.
 *
 * It owns each request until its one end: a reply, an error reply, a timeout, an abort, a lost connection or close(). A request
 * that was not sent yet waits for a connection as long as its timeout allows; one whose connection is lost fails at once, since
 * its reply cannot come any more and nobody but the caller knows whether it may be asked again.
 */

import { curveKeyPair, EMPTY_FRAME, type Frames as Message } from '@zscale/transport';
import { ClientSocket, type ClientSocketSink, type ServerPeer } from './client-socket.ts';
import { currentBaggage, currentTrace } from './current-context.ts';
import { type CurvePeerOptions, checkKey, readOwnKeys } from './curve-keys.ts';
import { Discovery } from './discovery/discovery.ts';
import { isSource } from './discovery/records.ts';
import { RemoteError, RequestTimeoutError, ZscaleError } from './errors.ts';
import type { HandlerFunction, ReplyOf, RequestOf } from './handlers/handler.ts';
import { announce, maxMessageSizeOf } from './messages/announcement.ts';
import { type Control, decodeControl, encodeControl, isBaggage } from './messages/control.ts';
import { sizeOf } from './messages/frames.ts';
import { type Codec, type CodecName, createCodec } from './messages/payload.ts';
import { controlOf, type RequestWords } from './messages/request-control.ts';
import { socketLimits } from './messages/size-limits.ts';
import { type OpenTelemetry, openTelemetry } from './tracing/open-telemetry.ts';
import { processRole } from './worker/process-role.ts';

/** What `connect()` takes. Durations are ms, sizes bytes. */
export interface ClientOptions {
  /** As the service has it: `'msgpack'`, `'json'` or `'raw'`. Default `'msgpack'`. */
  readonly codec?: CodecName | undefined;
  /** How long a request may take, in ms, from 1; `Infinity` for no limit. Default 30 000. */
  readonly timeout?: number | undefined;
  /** Largest reply taken, in bytes; a larger one ends the connection. `Infinity` for no limit. Default 64 MiB. */
  readonly maxMessageSize?: number | undefined;
  /**
   * Keys, where the service speaks CURVE: `serverKey`, its public key; and, where it knows its clients, `keyFile` (or `publicKey`
   * and `secretKey`). Default none.
   */
  readonly curve?: CurvePeerOptions | undefined;
  /** Name servers for `dns:` and `srv:`, as `address` or `address:port`. Default: those of the system. */
  readonly dnsServers?: readonly string[] | undefined;
  /** Requests that may be open at once; further ones fail with ZSCALE_ERR_BUSY. Default 100 000. */
  readonly maxRequests?: number | undefined;
}

/** What `request()` takes beside the value. */
export interface RequestOptions extends RequestWords {
  /**
   * For this request only, in ms, from 1; `Infinity` for no limit. The service is told, and gives up when it is over. Default:
   * the client's, of which the service is told nothing before it is over.
   */
  readonly timeout?: number | undefined;
  /** Gives the request up, and tells the service; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Counters of a client. */
export interface ClientStats {
  readonly requests: number;
  readonly replies: number;
  readonly timeouts: number;
  /** Replies that nobody waited for any more. */
  readonly lateReplies: number;
  /** Requests that wait for a connection. */
  readonly unsent: number;
  /** Requests that wait for a reply or a connection. */
  readonly open: number;
}

/** A client of the service whose handler is `H`. */
export interface Client<H extends HandlerFunction> extends AsyncDisposable {
  /**
   * Asks, and resolves with the handler's reply.
   *
   * @throws (rejects) RemoteError with the code of the handler's error or of the service (`ZSCALE_ERR_BUSY`,
   *   `ZSCALE_ERR_WORKER_LOST` ...); RequestTimeoutError `ZSCALE_ERR_TIMEOUT`; ZscaleError `ZSCALE_ERR_CONNECTION_LOST`,
   *   `ZSCALE_ERR_CLOSED`, `ZSCALE_ERR_ENCODE`, `ZSCALE_ERR_DECODE`, `EMSGSIZE`; the reason of `signal`.
   */
  request(value: RequestOf<H>, options?: RequestOptions): Promise<ReplyOf<H>>;
  stats(): ClientStats;
  /** Ends the connections; open requests reject with ZSCALE_ERR_CLOSED. Idempotent. */
  close(): Promise<void>;
}

/**
 * Connects to a service, at one endpoint or several, among them names that are followed (`dns:name:port`, `srv:name`); requests go to the least busy connection. Returns at once: the connection
 * is made, and made again whenever it is lost, in the background. The process stays alive while requests are open.
 *
 * @throws TransportError `EINVAL`, `EPROTONOSUPPORT` for an endpoint that cannot be; ZscaleError `ZSCALE_ERR_OPTIONS`.
 */
export function connect<H extends HandlerFunction = (request: unknown) => unknown>(
  endpoints: string | readonly string[],
  options: ClientOptions = {},
): Client<H> {
  return new ServiceClient<H>(typeof endpoints === 'string' ? [endpoints] : endpoints, options);
}

interface OpenRequest {
  readonly id: number;
  readonly timeout: number;
  /** When it is over, on the clock of `performance.now()`, where its caller said so. */
  readonly deadline: number | undefined;
  readonly control: Control | undefined;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
  readonly signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;
  timer: NodeJS.Timeout | undefined;
  /** Until it is sent. */
  message: Message | undefined;
  bytes: number;
  server: ServerPeer | undefined;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const DEFAULT_MAX_REQUESTS = 100_000;
/** Node's timers cannot wait longer, in ms. */
const TIMER_MAX_MS = 0x7fff_ffff;
const RECONNECT_MAX_MS = 2000;
/** A server is asked this often whether it is there; one that is silent for so long is dialled again, in ms. */
const HEARTBEAT_MS = 10_000;
const HEARTBEAT_TIMEOUT_MS = 30_000;
const ID_BYTES = 8;
const CANCEL: Buffer = encodeControl({ cancel: true });

class ServiceClient<H extends HandlerFunction> implements Client<H>, ClientSocketSink {
  readonly #codec: Codec;
  readonly #timeout: number;
  readonly #maxRequests: number;
  readonly #socket: ClientSocket;
  /** Where an SDK is registered: knows the span that the caller is in. */
  readonly #telemetry: OpenTelemetry | undefined;
  #discovery: Discovery | undefined = undefined;
  readonly #endpoints: string;
  readonly #open = new Map<number, OpenRequest>();
  /** In the order they came. */
  readonly #unsent = new Set<OpenRequest>();
  #nextId = 1;
  #requests = 0;
  #replies = 0;
  #timeouts = 0;
  #lateReplies = 0;

  constructor(endpoints: readonly string[], options: ClientOptions) {
    const { maxMessageSize = DEFAULT_MAX_MESSAGE_BYTES } = options;
    this.#codec = createCodec(checkCodec(options.codec));
    this.#timeout = checkNumber('timeout', options.timeout ?? DEFAULT_TIMEOUT_MS);
    this.#maxRequests = checkNumber('maxRequests', options.maxRequests ?? DEFAULT_MAX_REQUESTS);
    checkNumber('maxMessageSize', maxMessageSize);
    this.#endpoints = endpoints.join(', ');
    this.#telemetry = openTelemetry(processRole().worker?.module);
    if (endpoints.length === 0) {
      throw new ZscaleError(
        'ZSCALE_ERR_OPTIONS',
        'connect() takes an endpoint, or a list of at least one; got an empty list.',
      );
    }
    this.#socket = new ClientSocket(this, {
      immediate: true, // what is not sent waits here, where its timeout counts
      linger: 0,
      reconnectMaxInterval: RECONNECT_MAX_MS,
      heartbeatInterval: HEARTBEAT_MS,
      heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
      ...socketLimits(maxMessageSize),
      metadata: announce({ maxMessageSize }),
      ...(options.curve === undefined ? {} : curveOf(options.curve)),
      ...(endpoints.some(isSource) ? { ipv6: true } : {}),
    });
    try {
      const fixed = endpoints.filter((endpoint) => !isSource(endpoint));
      for (const endpoint of fixed) this.#socket.connect(endpoint);
      if (fixed.length < endpoints.length) this.#discovery = this.#follow(endpoints, options);
    } catch (error) {
      this.#socket.close();
      throw error;
    }
  }

  request(value: RequestOf<H>, options: RequestOptions = {}): Promise<ReplyOf<H>> {
    return new Promise((resolve, reject) => {
      const { signal } = options;
      const timeout = checkNumber('timeout', options.timeout ?? this.#timeout);
      signal?.throwIfAborted();
      if (this.#socket.closed) throw closed();
      if (this.#open.size >= this.#maxRequests) throw tooMany(this.#maxRequests);
      const trace = options.trace ?? this.#telemetry?.activeTrace() ?? currentTrace();
      const baggage = options.baggage ?? this.#currentBaggage();
      const isPlain = trace === undefined && baggage === undefined;
      const control = controlOf(isPlain ? options : { ...options, trace, baggage });
      const body = this.#codec.encode(value);
      const bytes = sizeOf(body);
      const id = this.#nextId;
      this.#nextId += 1;
      body.unshift(idFrame(id), EMPTY_FRAME);
      const request: OpenRequest = {
        id,
        timeout,
        deadline: options.timeout === undefined ? undefined : performance.now() + timeout,
        control,
        resolve,
        reject,
        signal,
        onAbort: undefined,
        timer: undefined,
        message: body,
        bytes,
        server: undefined,
      };
      this.#begin(request);
    });
  }

  /** An SDK that knows baggage has the last word: the program may have changed it. What no frame takes does not go on. */
  #currentBaggage(): string | undefined {
    const telemetry = this.#telemetry;
    if (telemetry?.knowsBaggage !== true) return currentBaggage();
    const active = telemetry.activeBaggage();
    return active !== undefined && isBaggage(active) ? active : undefined;
  }

  stats(): ClientStats {
    let sent = 0;
    for (const request of this.#open.values()) if (request.server !== undefined) sent += 1;
    return {
      requests: this.#requests,
      replies: this.#replies,
      timeouts: this.#timeouts,
      lateReplies: this.#lateReplies,
      unsent: this.#open.size - sent,
      open: this.#open.size,
    };
  }

  async close(): Promise<void> {
    if (!this.#socket.closed) {
      for (const request of [...this.#open.values()]) this.#fail(request, closed());
      this.#discovery?.close();
      this.#socket.close();
      this.#unsent.clear();
    }
    await this.#socket.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // From the socket.

  serverWritable(): void {
    for (const request of this.#unsent) {
      if (!this.#send(request)) return;
      this.#unsent.delete(request);
    }
  }

  serverReply(server: ServerPeer, message: Message): void {
    const id = message.shift();
    const delimiter = message.shift();
    const request = id?.length === ID_BYTES ? this.#open.get(idOf(id)) : undefined;
    if (request === undefined || delimiter === undefined || request.server !== server) {
      this.#lateReplies += 1;
      return;
    }
    this.#replies += 1;
    const isMarked = server.speaksZscale && delimiter.length > 0;
    const failed = isMarked && decodeControl(delimiter)?.error === true;
    // Without a mark only MessagePack's own extension is an error for certain: JSON and raw bytes may be a reply that looks like one.
    const error =
      failed || this.#codec.name === 'msgpack' ? this.#codec.decodeError(message) : undefined;
    if (error !== undefined || failed) {
      const { code, message: text } = error ?? UNREADABLE_ERROR;
      this.#fail(request, new RemoteError(code, text));
      return;
    }
    try {
      this.#succeed(request, this.#codec.decode(message));
    } catch (cause) {
      this.#fail(request, cause);
    }
  }

  serverLost(server: ServerPeer): void {
    for (const request of [...this.#open.values()]) {
      if (request.server === server) this.#fail(request, lost(this.#endpoints));
    }
  }

  /** Connects to what names stand for, as long as they do. */
  #follow(endpoints: readonly string[], { dnsServers }: ClientOptions): Discovery {
    const isFixed = (endpoint: string): boolean => endpoints.includes(endpoint);
    const discovery = new Discovery(
      endpoints.filter(isSource),
      {
        endpointsChanged: (added, removed) => {
          for (const endpoint of added) this.#socket.join(endpoint);
          for (const endpoint of removed) if (!isFixed(endpoint)) this.#socket.leave(endpoint);
        },
        lookUpFailed: () => {}, // requests wait for a connection, and say so when their time is over
      },
      { servers: dnsServers },
    );
    discovery.start();
    return discovery;
  }

  #begin(request: OpenRequest): void {
    this.#requests += 1;
    this.#open.set(request.id, request);
    // Ref'd: an open request keeps the process alive, also one that never times out.
    request.timer = setTimeout(timeOut, Math.min(request.timeout, TIMER_MAX_MS), this, request);
    if (request.signal !== undefined) {
      request.onAbort = () => this.#giveUp(request, request.signal?.reason);
      request.signal.addEventListener('abort', request.onAbort, { once: true });
    }
    if (this.#unsent.size > 0 || !this.#send(request)) this.#unsent.add(request);
  }

  /** False when no connection has room. True when the request was sent, or failed for good. */
  #send(request: OpenRequest): boolean {
    const server = this.#socket.nextServer();
    const { message } = request;
    if (server === undefined || message === undefined) return false;
    const limit = maxMessageSizeOf(server.pipe.peer?.metadata);
    if (request.bytes > limit) {
      this.#fail(request, tooLarge(request.bytes, limit));
      return true;
    }
    message[1] = server.speaksZscale ? wordsOf(request) : EMPTY_FRAME;
    if (!server.pipe.write(message)) return false;
    request.message = undefined;
    request.server = server;
    server.held += 1;
    return true;
  }

  /** Its time is over. Called by its own timer only. */
  timeOut(request: OpenRequest): void {
    if (request.timeout > TIMER_MAX_MS) {
      request.timer = setTimeout(timeOut, TIMER_MAX_MS, this, request);
      return;
    }
    this.#timeouts += 1;
    const what = request.server === undefined ? 'no connection' : 'no reply';
    this.#giveUp(
      request,
      new RequestTimeoutError(
        `There was ${what} within ${request.timeout} ms from ${this.#endpoints}. Is the service running there, and the timeout long enough?`,
      ),
    );
  }

  #succeed(request: OpenRequest, value: unknown): void {
    this.#end(request);
    request.resolve(value as never); // what H returns is the service's word; types end at the wire
  }

  /** Its caller does not wait any more: so that nobody works for nothing, the service is told, if there is room for it. */
  #giveUp(request: OpenRequest, error: unknown): void {
    const { server, id } = request;
    if (server?.speaksZscale) server.pipe.write([idFrame(id), CANCEL]);
    this.#fail(request, error);
  }

  #fail(request: OpenRequest, error: unknown): void {
    this.#end(request);
    request.reject(error);
  }

  #end(request: OpenRequest): void {
    this.#open.delete(request.id);
    this.#unsent.delete(request);
    clearTimeout(request.timer);
    if (request.onAbort !== undefined)
      request.signal?.removeEventListener('abort', request.onAbort);
    request.message = undefined;
    if (request.server !== undefined) request.server.held -= 1;
  }
}

/** For a reply that is marked as an error and has another form than the client's codec gives errors. */
const UNREADABLE_ERROR = {
  code: 'ZSCALE_ERR_DECODE',
  message:
    'The service answered with an error in another codec than this client has. Give connect() the codec of the service.',
} as const;

/** For the socket. A client that nobody knows has keys for this one time. */
function curveOf(curve: CurvePeerOptions): {
  readonly curvePublicKey: string;
  readonly curveSecretKey: string;
  readonly curveServerKey: string;
} {
  const { serverKey } = curve;
  if (serverKey === undefined) {
    throw new ZscaleError(
      'ZSCALE_ERR_OPTIONS',
      'curve needs serverKey, the public key of the service: the text in its file NAME.key.',
    );
  }
  const { publicKey, secretKey } = readOwnKeys(curve) ?? curveKeyPair();
  return {
    curvePublicKey: publicKey,
    curveSecretKey: secretKey,
    curveServerKey: checkKey('serverKey', serverKey),
  };
}

function timeOut(client: ServiceClient<HandlerFunction>, request: OpenRequest): void {
  client.timeOut(request);
}

/** What stands in place of the delimiter; the empty frame when there is nothing to say. */
function wordsOf({ control, deadline = Infinity }: OpenRequest): Buffer {
  if (deadline === Infinity) return control === undefined ? EMPTY_FRAME : encodeControl(control);
  const left = Math.max(Math.ceil(deadline - performance.now()), 0);
  return encodeControl({ ...control, deadline: Math.min(left, TIMER_MAX_MS) });
}

function idFrame(id: number): Buffer {
  const frame = Buffer.allocUnsafe(ID_BYTES);
  frame.writeUInt32BE(Math.floor(id / 0x1_0000_0000), 0);
  frame.writeUInt32BE(id >>> 0, 4);
  return frame;
}

function idOf(frame: Buffer): number {
  return frame.readUInt32BE(0) * 0x1_0000_0000 + frame.readUInt32BE(4);
}

function checkNumber(name: string, value: number): number {
  if (typeof value === 'number' && value >= 1) return value;
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    `${name} must be a number from 1, or Infinity; got ${String(value)}.`,
  );
}

function checkCodec(name: CodecName = 'msgpack'): CodecName {
  if (name === 'msgpack' || name === 'json' || name === 'raw') return name;
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    `codec must be 'msgpack', 'json' or 'raw'; got ${JSON.stringify(name)}.`,
  );
}

function closed(): ZscaleError {
  return new ZscaleError(
    'ZSCALE_ERR_CLOSED',
    'The client is closed. Make a new one with connect().',
  );
}

function tooMany(limit: number): ZscaleError {
  return new ZscaleError(
    'ZSCALE_ERR_BUSY',
    `${limit} requests are open already (maxRequests). Await some of them first.`,
  );
}

function tooLarge(bytes: number, limit: number): ZscaleError {
  return new ZscaleError(
    'EMSGSIZE',
    `The service takes messages of up to ${limit} bytes; this request has ${bytes}. Send less, or raise its maxMessageSize.`,
  );
}

function lost(endpoints: string): ZscaleError {
  return new ZscaleError(
    'ZSCALE_ERR_CONNECTION_LOST',
    `The connection to ${endpoints} was lost before the reply came. Whether the work was done is unknown; ask again if that is safe.`,
  );
}
