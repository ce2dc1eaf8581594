/**
 * What OpenTelemetry is told of the gateway: a server span for each request of HTTP, and how long they took, both with the names of
 * the semantic conventions for HTTP (1.23 and later).
 *
 * The span's parent is what the client's headers say, read by the propagators of the SDK; or the span that an instrumentation of
 * node:http has made for the same request, of which this one is an inner part then. The queue is told the span. It is made only
 * where an SDK is registered.
 */

import type { IncomingMessage } from 'node:http';
import type { TraceContext } from '../current-context.ts';
import {
  type Attributes,
  type Context,
  FAILED,
  guarded,
  type Histogram,
  type OpenTelemetry,
  SECONDS,
  SPAN_KINDS,
  type Span,
} from '../tracing/open-telemetry.ts';
import type { Outcome } from './access-log.ts';
import type { Origin } from './trusted-proxies.ts';

/** Methods that have names of their own in the conventions; anybody could fill a backend with others. */
const METHODS = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
]);
/** Signatures in a query, which the conventions want out of it. */
const SECRETS = /((?:^|&)(?:AWSAccessKeyId|Signature|sig|X-Goog-Signature)=)[^&]*/g;
/** Longer texts of a client's are cut. */
const MAX_CHARACTERS = 1024;
/** The client went. */
const GONE = 'ECONNRESET';
const ERRORS_FROM = 500;

/** See the top of the file. */
export class GatewayTrace {
  readonly #telemetry: OpenTelemetry;
  /** Those that are open, with what they began with. */
  readonly #spans: WeakMap<IncomingMessage, Span>;
  readonly #duration: Histogram | undefined;

  constructor(telemetry: OpenTelemetry) {
    this.#telemetry = telemetry;
    this.#spans = new WeakMap();
    this.#duration = telemetry.meter?.createHistogram('http.server.request.duration', {
      unit: 's',
      description: 'Duration of HTTP server requests.',
      advice: { explicitBucketBoundaries: SECONDS },
    });
  }

  /**
   * A request goes to the queue.
   *
   * @param startedAt when its head came, in ms of `performance.now()`
   * @returns what the queue is told; undefined where spans are not made
   */
  began(request: IncomingMessage, origin: Origin, startedAt: number): TraceContext | undefined {
    let trace: TraceContext | undefined;
    guarded(() => {
      const span = this.#start(request, origin, startedAt);
      if (span === undefined) return;
      this.#spans.set(request, span);
      trace = this.#telemetry.traceOf(span);
    });
    return trace;
  }

  /** A request is over, in whatever way. */
  ended(outcome: Outcome): void {
    guarded(() => this.#ended(outcome));
  }

  #ended(outcome: Outcome): void {
    const { request, status, code, ms, client } = outcome;
    const origin = {
      address: client === '' ? (request.socket?.remoteAddress ?? '') : client,
      encrypted: 'encrypted' in Object(request.socket),
    };
    const isGone = code === GONE;
    const hasFailed = status >= ERRORS_FROM || (code !== undefined && status < 400 && !isGone);
    const type = code ?? (status >= ERRORS_FROM ? String(status) : undefined);
    const ending: Attributes = {
      ...(!isGone && { 'http.response.status_code': status }),
      ...(type !== undefined && { 'error.type': type }),
    };
    this.#duration?.record(ms / 1000, {
      'http.request.method': methodOf(request),
      'url.scheme': origin.encrypted ? 'https' : 'http',
      'network.protocol.version': request.httpVersion,
      ...ending,
    });
    // One that was refused before it went to the queue has none yet.
    const span = this.#spans.get(request) ?? this.#start(request, origin, performance.now() - ms);
    if (span === undefined) return;
    this.#spans.delete(request);
    for (const [name, value] of Object.entries(ending)) span.setAttribute(name, value);
    if (outcome.requestId !== undefined) span.setAttribute('zscale.request.id', outcome.requestId);
    if (hasFailed) span.setStatus({ code: FAILED, ...(type !== undefined && { message: type }) });
    span.end();
  }

  #start(
    request: IncomingMessage,
    origin: Pick<Origin, 'address' | 'encrypted'>,
    startedAt: number,
  ): Span | undefined {
    const { api, tracer } = this.#telemetry;
    if (tracer === undefined) return undefined;
    const around = this.#around();
    const parent = around ?? api.propagation.extract(api.ROOT_CONTEXT, request.headers);
    const method = methodOf(request);
    const kind = around === undefined ? SPAN_KINDS.server : SPAN_KINDS.internal;
    const startTime = Math.floor(Date.now() - (performance.now() - startedAt));
    const attributes = factsOf(request, method, origin);
    const name = method === '_OTHER' ? 'HTTP' : method;
    return tracer.startSpan(name, { kind, startTime, attributes }, parent);
  }

  /** The context of a server span that somebody else has made for this request. */
  #around(): Context | undefined {
    const { context, trace } = this.#telemetry.api;
    const active = context.active();
    const span = trace.getSpan(active);
    // Other spans may be active where the program called scale(): they are not of this request.
    const isServer =
      span?.isRecording() === true && Reflect.get(span, 'kind') === SPAN_KINDS.server;
    return isServer ? active : undefined;
  }
}

function factsOf(
  request: IncomingMessage,
  method: string,
  { address, encrypted }: Pick<Origin, 'address' | 'encrypted'>,
): Attributes {
  const { headers, httpVersion, url = '' } = request;
  const queryAt = url.indexOf('?');
  const path = queryAt < 0 ? url : url.slice(0, queryAt);
  const host = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(headers.host ?? '');
  const userAgent = headers['user-agent'];
  return {
    'http.request.method': method,
    ...(method === '_OTHER' && { 'http.request.method_original': cut(request.method ?? '') }),
    'url.scheme': encrypted ? 'https' : 'http',
    'url.path': cut(path),
    ...(queryAt >= 0 && { 'url.query': queryOf(url.slice(queryAt + 1)) }),
    ...(host?.[1] && { 'server.address': cut(host[1]) }),
    ...(host?.[2] !== undefined && { 'server.port': Number(host[2]) }),
    ...(address !== '' && { 'client.address': address }),
    'network.protocol.version': httpVersion,
    ...(userAgent !== undefined && { 'user_agent.original': cut(userAgent) }),
  };
}

function methodOf({ method = '' }: IncomingMessage): string {
  return METHODS.has(method) ? method : '_OTHER';
}

function queryOf(query: string): string {
  return cut(query).replace(SECRETS, '$1REDACTED');
}

function cut(text: string): string {
  return text.slice(0, MAX_CHARACTERS);
}
