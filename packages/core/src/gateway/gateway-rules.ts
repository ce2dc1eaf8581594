/**
 * What one gateway goes by: the limits, who is believed, what belongs together, and what is told of each request to the queue and
 * to the log. Shared by all its connections.
 */

import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Logger } from '../logger.ts';
import type { Control } from '../messages/control.ts';
import { encodeRequestHead } from '../messages/http-message.ts';
import { Histogram } from '../metrics/histogram.ts';
import type { AccessLog, Outcome } from './access-log.ts';
import type { ForeignFormat } from './foreign-format.ts';
import type { GatewayTrace } from './gateway-trace.ts';
import { HeldBytes } from './held-bytes.ts';
import type { MessageFace } from './message-face.ts';
import type { RequestFacts } from './request-facts.ts';
import { type StickyRule, stickyKeyOf } from './sticky-key.ts';
import type { Origin, TrustedProxies } from './trusted-proxies.ts';
import type { UpstreamExchange, UpstreamRequest, UpstreamSink } from './upstream.ts';

/** As much of an upstream as those need who open exchanges. */
export interface ExchangeOpener {
  /** @returns the exchange; that it is refused is told to the sink */
  open(request: UpstreamRequest, sink: UpstreamSink): UpstreamExchange;
}

/** What rules are made from. Durations are ms, sizes bytes; no limit is Infinity. */
export interface GatewayRulesOptions {
  readonly upstream: ExchangeOpener;
  /** For a service that is a message handler; undefined for one that speaks HTTP. */
  readonly face: MessageFace | ForeignFormat | undefined;
  readonly maxBodySize: number;
  readonly bodyTimeout: number;
  readonly keepAliveTimeout: number;
  /** What may be held for all clients together. */
  readonly maxHeldBytes: number;
  /** Undefined: nobody is asked, and headers stay as they are. */
  readonly trustedProxies: TrustedProxies | undefined;
  /** Undefined where the queue gives requests to any worker. */
  readonly sticky: StickyRule | undefined;
  /** Whether there are pools of workers, which are chosen by the path. */
  readonly hasPools: boolean;
  readonly accessLog: AccessLog | undefined;
  /** Where an OpenTelemetry SDK is registered: what it is told. Default: nothing. */
  readonly trace?: GatewayTrace | undefined;
  readonly logger: Logger;
}

/** A request as the queue takes it. */
export interface DescribedRequest {
  readonly head: Buffer;
  readonly control: Control;
  readonly requestId: string;
  /** The value of a `Set-Cookie` that goes with the answer. */
  readonly cookie: string | undefined;
  /** The client's address, as the rule for proxies says. */
  readonly client: string;
}

const ID_BYTES = 6;
const MAX_ROUTE_CHARACTERS = 256;

/** See the top of the file. */
export class GatewayRules {
  readonly upstream: ExchangeOpener;
  readonly face: MessageFace | ForeignFormat | undefined;
  readonly maxBodySize: number;
  readonly bodyTimeout: number;
  readonly keepAliveTimeout: number;
  readonly held: HeldBytes;
  /** Whether answers end their connections: the service is stopping. */
  isDraining: boolean;
  /** Requests that have ended. */
  requests: number;
  /** Answers that were cut. */
  cut: number;
  /** Those requests by the class of their status: 1xx at 0, to 5xx at 4. */
  readonly byClass: number[];
  /** Bytes of their bodies, and of the answers' bodies. */
  received: number;
  sent: number;
  /** What they took, but for those that became tunnels. */
  readonly durations: Histogram;
  readonly #options: GatewayRulesOptions;
  readonly #idPrefix: string;
  #ids: number;

  constructor(options: GatewayRulesOptions) {
    this.upstream = options.upstream;
    this.face = options.face;
    this.maxBodySize = options.maxBodySize;
    this.bodyTimeout = options.bodyTimeout;
    this.keepAliveTimeout = options.keepAliveTimeout;
    this.held = new HeldBytes(options.maxHeldBytes);
    this.isDraining = false;
    this.requests = 0;
    this.cut = 0;
    this.byClass = [0, 0, 0, 0, 0];
    this.received = 0;
    this.sent = 0;
    this.durations = new Histogram();
    this.#options = options;
    this.#idPrefix = `${randomBytes(ID_BYTES).toString('hex')}-`;
    this.#ids = 0;
  }

  /**
   * @param startedAt when its head came, in ms of `performance.now()`
   * @throws ZscaleError `ZSCALE_ERR_ENCODE`, which what Node's parser lets through never is
   */
  describe(
    request: IncomingMessage,
    facts: RequestFacts,
    startedAt: number,
    { isUpgrade = false }: { readonly isUpgrade?: boolean } = {},
  ): DescribedRequest {
    const { socket, method = '', url = '', httpVersion } = request;
    const { trustedProxies, sticky, hasPools, trace: tracing } = this.#options;
    const origin: Origin = {
      address: socket.remoteAddress ?? '',
      port: socket.remotePort ?? 0,
      encrypted: (socket as TLSSocket).encrypted === true, // of a plain socket it is undefined
      trusted: trustedProxies === undefined,
    };
    let { rawHeaders } = request;
    if (trustedProxies !== undefined) {
      trustedProxies.correct(origin, request.headers);
      if (!origin.trusted) rawHeaders = trustedProxies.withoutClaims(rawHeaders);
    }
    const head = encodeRequestHead({
      method,
      target: url,
      httpVersion,
      isUpgrade,
      isEncrypted: origin.encrypted,
      remoteAddress: origin.address,
      remotePort: origin.port,
      localAddress: socket.localAddress ?? '',
      localPort: socket.localPort ?? 0,
      rawHeaders,
    });
    const requestId = (origin.trusted ? facts.requestId : undefined) ?? this.nextId();
    const stickyKey = sticky && stickyKeyOf(sticky, request, origin);
    const own = tracing?.began(request, origin, startedAt);
    const trace = own === undefined ? facts.trace : own.traceparent;
    const state = own === undefined ? facts.state : own.tracestate;
    const control: Control = {
      id: requestId,
      idempotent: facts.isIdempotent,
      ...(trace !== undefined && { trace }),
      ...(trace !== undefined && state !== undefined && { state }),
      ...(facts.baggage !== undefined && { baggage: facts.baggage }),
      ...(stickyKey !== undefined && { key: stickyKey.key }),
      ...(hasPools && { route: pathOf(url) }),
    };
    return { head, control, requestId, cookie: stickyKey?.cookie, client: origin.address };
  }

  /** How a request is called that is answered here, by the same rule as one that goes on. */
  nameOf({ socket }: IncomingMessage, { requestId }: RequestFacts): string {
    const isTrusted = this.#options.trustedProxies?.trusts(socket.remoteAddress ?? '') ?? true;
    return (isTrusted ? requestId : undefined) ?? this.nextId();
  }

  /** A name for a request that has none of its client's. */
  nextId(): string {
    this.#ids += 1;
    return this.#idPrefix + this.#ids.toString(36);
  }

  /** A request is over, in whatever way. */
  ended(outcome: Outcome): void {
    const { status, received, sent, ms } = outcome;
    const place = Math.min(Math.max(Math.trunc(status / 100) - 1, 0), 4);
    this.requests += 1;
    this.byClass[place] = (this.byClass[place] as number) + 1; // there are five
    this.received += received;
    this.sent += sent;
    if (status !== 101) this.durations.observe(ms);
    this.#options.trace?.ended(outcome);
    this.#options.accessLog?.write(outcome);
  }

  /** A worker's reply is no answer. */
  tellFault(reason: string, { method, url }: IncomingMessage): void {
    const target = (url ?? '').slice(0, MAX_ROUTE_CHARACTERS);
    this.#options.logger.warn({ method, target, reason }, "a worker's reply is no answer of HTTP");
  }

  /** An answer that had begun was cut, because of the service. */
  tellCut(reason: string, { method, url }: IncomingMessage): void {
    this.cut += 1;
    const target = (url ?? '').slice(0, MAX_ROUTE_CHARACTERS);
    this.#options.logger.warn({ method, target, reason }, 'cut an answer that had begun');
  }
}

/** The path of a request's target, without its query. */
function pathOf(url: string): string {
  const end = url.indexOf('?');
  return (end < 0 ? url : url.slice(0, end)).slice(0, MAX_ROUTE_CHARACTERS);
}
