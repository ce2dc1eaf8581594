/**
 * A gateway in this process, with all that it needs: the way to the queue, the access log, the rules. It is the service's only one,
 * or one of several processes' (`gateways`).
 *
 * Owns the order in which these begin and end.
 */

import type { HttpFormat } from '../http-options.ts';
import { type Logger, openLines } from '../logger.ts';
import type { GatewaySettings, GatewayStats, GatewayTraffic } from '../messages/gateway-message.ts';
import { type Codec, createCodec } from '../messages/payload.ts';
import type { TlsMaterial } from '../messages/tls-material.ts';
import { AccessLog } from './access-log.ts';
import { ForeignFormat } from './foreign-format.ts';
import { GatewayRules } from './gateway-rules.ts';
import type { GatewayTrace } from './gateway-trace.ts';
import { HttpGateway } from './http-gateway.ts';
import { MessageFace } from './message-face.ts';
import { parseStickyRule } from './sticky-key.ts';
import { TlsSource } from './tls-source.ts';
import { TrustedProxies } from './trusted-proxies.ts';
import { Upstream } from './upstream.ts';

/** What it is made from. */
export interface LocalGatewayOptions {
  readonly settings: GatewaySettings;
  /** Where the queue takes requests of gateways. */
  readonly upstream: string;
  /** Spans of requests; undefined for none. */
  readonly trace: GatewayTrace | undefined;
  readonly logger: Logger;
}

/** See the top of the file. */
export class LocalGateway {
  readonly #logger: Logger;
  readonly #upstream: Upstream;
  readonly #accessLog: AccessLog | undefined;
  readonly #tls: TlsSource;
  readonly #gateway: HttpGateway;

  /** @throws ZscaleError `ZSCALE_ERR_OPTIONS` for what cannot be: the log's file, a rule, a range of addresses */
  constructor({ settings, upstream, trace, logger }: LocalGatewayOptions) {
    const { accessLog, sharesLog, httpFormat, maxMessageSize, speaksHttp } = settings;
    const { trustedProxies, sticky, tlsCert, tlsKey, programTls: program } = settings;
    this.#logger = logger;
    this.#accessLog =
      accessLog === undefined
        ? undefined
        : new AccessLog(openLines(accessLog, logger, { isShared: sharesLog }));
    const codec = createCodec(settings.codec);
    this.#upstream = new Upstream({ endpoints: [upstream], codec, maxMessageSize });
    const face = speaksHttp ? undefined : faceOf(codec, httpFormat);
    const rules = new GatewayRules({
      upstream: this.#upstream,
      face,
      maxBodySize:
        face === undefined ? settings.maxBodySize : Math.min(settings.maxBodySize, maxMessageSize),
      bodyTimeout: settings.bodyTimeout,
      keepAliveTimeout: settings.keepAliveTimeout,
      maxHeldBytes: settings.maxUnsentBytes,
      trustedProxies: trustedProxies && new TrustedProxies(trustedProxies),
      sticky: sticky === undefined ? undefined : parseStickyRule(sticky),
      hasPools: settings.hasPools,
      accessLog: this.#accessLog,
      trace,
      logger,
    });
    const files = tlsCert !== undefined && tlsKey !== undefined ? { tlsCert, tlsKey } : undefined;
    const tls = new TlsSource({ files, program });
    this.#tls = tls;
    this.#gateway = new HttpGateway({ ...settings, rules, tls, logger });
  }

  /** Where clients connect. */
  get endpoints(): readonly string[] {
    return this.#gateway.endpoints;
  }

  /** A snapshot. */
  stats(): GatewayStats {
    return this.#gateway.stats();
  }

  /** What went through it; a snapshot. */
  traffic(): GatewayTraffic {
    return this.#gateway.traffic();
  }

  /**
   * Speaks HTTP at these endpoints.
   *
   * @throws (rejects) ZscaleError `ZSCALE_ERR_OPTIONS`, or the system's code where an address cannot be had
   */
  async start(endpoints: readonly string[]): Promise<void> {
    await this.#upstream.start();
    for (const endpoint of endpoints) await this.#gateway.bind(endpoint);
  }

  /** The program speaks TLS with this from now on. */
  useTls(tls: TlsMaterial): void {
    if (this.#tls.use(tls)) this.#reloadTls();
  }

  /** Opens the log's file again, and reads certificates again; files that are no good are told, and the old ones stay. */
  reload(): void {
    this.#accessLog?.reopen();
    this.#reloadTls();
  }

  /** Accepts no connections any more; resolves when all have ended. */
  drain(): Promise<void> {
    return this.#gateway.drain();
  }

  /** Cuts what is open. Idempotent. */
  async close(): Promise<void> {
    await this.#gateway.close();
    await this.#upstream.close();
    await this.#accessLog?.close();
  }

  #reloadTls(): void {
    try {
      this.#gateway.reloadTls();
    } catch (error) {
      this.#logger.error({ err: error }, 'the certificate stays as it was');
    }
  }
}

/** It is given decoded values, and here are none. */
function faceOf(codec: Codec, format: HttpFormat | undefined): MessageFace | ForeignFormat {
  return format === undefined ? new MessageFace(codec) : new ForeignFormat(format);
}
