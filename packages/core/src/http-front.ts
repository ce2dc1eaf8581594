/**
 * The HTTP side of a running service: its gateway, made when it is known what the workers speak, and what belongs to that: the way
 * to the queue, the access log, the probes.
 *
 * Owns the order in which these begin and end. What they do is in gateway/.
 */

import type { AdminRoute } from './admin-route.ts';
import { ZscaleError } from './errors.ts';
import { AccessLog } from './gateway/access-log.ts';
import { AdminServer } from './gateway/admin-server.ts';
import { ForeignFormat } from './gateway/foreign-format.ts';
import { GatewayRules } from './gateway/gateway-rules.ts';
import { GatewayTrace } from './gateway/gateway-trace.ts';
import { type GatewayStats, type GatewayTraffic, HttpGateway } from './gateway/http-gateway.ts';
import { MessageFace } from './gateway/message-face.ts';
import { parseStickyRule } from './gateway/sticky-key.ts';
import { TrustedProxies } from './gateway/trusted-proxies.ts';
import { Upstream } from './gateway/upstream.ts';
import type { HttpFormat } from './http-options.ts';
import { type Logger, openLines } from './logger.ts';
import { type Codec, createCodec } from './messages/payload.ts';
import type { CodecName, ResolvedScaleOptions } from './options.ts';
import type { OpenTelemetry } from './tracing/open-telemetry.ts';

/** What it is made from. */
export interface HttpFrontOptions {
  readonly options: ResolvedScaleOptions;
  /** Where the queue takes requests of gateways. */
  readonly upstream: string;
  /** Whether the service serves: some worker is ready, and it is not stopping. */
  readonly isReady: () => boolean;
  /** What the admin address answers beside the probes. */
  readonly adminRoutes: readonly AdminRoute[];
  /** The SDK that is registered in this process, if there is one. */
  readonly telemetry: OpenTelemetry | undefined;
  readonly logger: Logger;
}

/** See the top of the file. */
export class HttpFront {
  readonly #options: HttpFrontOptions;
  readonly #admin: AdminServer | undefined;
  #upstream: Upstream | undefined;
  #accessLog: AccessLog | undefined;
  #gateway: HttpGateway | undefined;

  constructor(options: HttpFrontOptions) {
    this.#options = options;
    const { admin: endpoint } = options.options;
    const { isReady, adminRoutes: routes, logger } = options;
    this.#admin =
      endpoint === undefined ? undefined : new AdminServer({ endpoint, isReady, routes, logger });
    this.#upstream = undefined;
    this.#accessLog = undefined;
    this.#gateway = undefined;
  }

  /** Where clients of HTTP connect. */
  get endpoints(): readonly string[] {
    return this.#gateway?.endpoints ?? [];
  }

  /** Undefined where no HTTP is spoken. */
  stats(): GatewayStats | undefined {
    return this.#gateway?.stats();
  }

  /** What went through the gateway; undefined where no HTTP is spoken. */
  traffic(): GatewayTraffic | undefined {
    return this.#gateway?.traffic();
  }

  /** Answers the probes, before anything else is there. @throws (rejects) as `listen` */
  async start(): Promise<void> {
    if (this.#admin === undefined) return;
    await this.#admin.start();
    this.#options.logger.info({ endpoint: this.#admin.endpoint }, 'the admin address answers');
  }

  /**
   * Speaks HTTP at these endpoints.
   *
   * @param speaksHttp whether workers take requests of HTTP; else they take values in `codec`, and get a face
   * @throws (rejects) ZscaleError `ZSCALE_ERR_OPTIONS`, or the system's code where an address cannot be had
   */
  async bind(
    endpoints: readonly string[],
    speaksHttp: boolean,
    codecName: CodecName,
  ): Promise<void> {
    if (endpoints.length === 0) return;
    const { options, logger, telemetry, upstream } = this.#options;
    if (speaksHttp && options.key !== undefined) refuseKey();
    if (speaksHttp && options.httpFormat !== undefined) refuseFormat();
    const { trustedProxies, sticky, balance, tlsCert, tlsKey, maxMessageSize } = options;
    const rule = sticky ?? (balance === 'hash' ? 'address' : undefined);
    if (options.accessLog !== undefined)
      this.#accessLog = new AccessLog(openLines(options.accessLog));
    const codec = createCodec(codecName);
    this.#upstream = new Upstream({ endpoints: [upstream], codec, maxMessageSize });
    await this.#upstream.start();
    const face = speaksHttp ? undefined : faceOf(codec, options.httpFormat);
    const rules = new GatewayRules({
      upstream: this.#upstream,
      face,
      maxBodySize:
        face === undefined ? options.maxBodySize : Math.min(options.maxBodySize, maxMessageSize),
      bodyTimeout: options.bodyTimeout,
      keepAliveTimeout: options.keepAliveTimeout,
      maxHeldBytes: options.maxUnsentBytes,
      trustedProxies: trustedProxies && new TrustedProxies(trustedProxies),
      sticky: rule === undefined ? undefined : parseStickyRule(rule),
      hasPools: options.pools.length > 0,
      accessLog: this.#accessLog,
      trace: telemetry && new GatewayTrace(telemetry),
      logger,
    });
    const tls = tlsCert !== undefined && tlsKey !== undefined ? { tlsCert, tlsKey } : undefined;
    this.#gateway = new HttpGateway({ ...options, rules, tls, logger });
    for (const endpoint of endpoints) await this.#gateway.bind(endpoint);
  }

  /** Opens the log's file again, and reads certificates again; files that are no good are told, and the old ones stay. */
  reload(): void {
    this.#accessLog?.reopen();
    try {
      this.#gateway?.reloadTls();
    } catch (error) {
      this.#options.logger.error({ err: error }, 'the certificate stays as it was');
    }
  }

  /** Accepts no connections any more; resolves when all have ended. */
  async drain(): Promise<void> {
    await this.#gateway?.drain();
  }

  /** Cuts what is open. The probes are answered until `end`. */
  async close(): Promise<void> {
    await this.#gateway?.close();
    await this.#upstream?.close();
    this.#accessLog?.close();
  }

  /** The last of it. */
  async end(): Promise<void> {
    await this.close();
    await this.#admin?.close();
  }
}

/** It is given decoded values, and here are none. */
function faceOf(codec: Codec, format: HttpFormat | undefined): MessageFace | ForeignFormat {
  return format === undefined ? new MessageFace(codec) : new ForeignFormat(format);
}

function refuseFormat(): never {
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    'httpFormat says how requests of HTTP are written for REP sockets, and this service is a web application, which gets them as ' +
      'they are. Leave out httpFormat (--http-format)',
  );
}

function refuseKey(): never {
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    'the function key finds keys in values, and the service speaks HTTP. Say what keeps requests together by sticky: ' +
      "'cookie:NAME', 'header:NAME', 'query:NAME' or 'address'",
  );
}
