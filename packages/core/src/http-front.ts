/**
 * The HTTP side of a running service: its gateway, made when it is known what the workers speak, here or in processes of its own, and
 * the probes.
 *
 * Owns the order in which these begin and end. What they do is in gateway/.
 */

import type { AdminRoute } from './admin-route.ts';
import { ZscaleError } from './errors.ts';
import { AdminServer } from './gateway/admin-server.ts';
import { GatewayTrace } from './gateway/gateway-trace.ts';
import { LocalGateway } from './gateway/local-gateway.ts';
import {
  type GatewayProcess,
  GatewayProcesses,
  type GatewayProcessesSink,
} from './gateway-processes.ts';
import type { Logger } from './logger.ts';
import type { GatewaySettings, GatewayStats, GatewayTraffic } from './messages/gateway-message.ts';
import type { TlsMaterial } from './messages/tls-material.ts';
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
  /** File URL of the handler's module, for what gateway processes resolve from there. */
  readonly module: string | undefined;
  /** Told of gateway processes, where there are any. */
  readonly sink: GatewayProcessesSink;
  readonly logger: Logger;
}

/** See the top of the file. */
export class HttpFront {
  readonly #options: HttpFrontOptions;
  readonly #admin: AdminServer | undefined;
  #gateway: LocalGateway | GatewayProcesses | undefined;
  /** What the program speaks TLS with. */
  #programTls: TlsMaterial | undefined;

  constructor(options: HttpFrontOptions) {
    this.#options = options;
    const { admin: endpoint } = options.options;
    const { isReady, adminRoutes: routes, logger } = options;
    this.#admin =
      endpoint === undefined ? undefined : new AdminServer({ endpoint, isReady, routes, logger });
    this.#gateway = undefined;
    this.#programTls = undefined;
  }

  /** Where clients of HTTP connect. */
  get endpoints(): readonly string[] {
    return this.#gateway?.endpoints ?? [];
  }

  /** The gateway processes; none where the gateway is in this one, or there is none. */
  get gateways(): readonly GatewayProcess[] {
    return this.processes?.processes ?? [];
  }

  /** Undefined where the gateway is in this process, or there is none. */
  get processes(): GatewayProcesses | undefined {
    return this.#gateway instanceof GatewayProcesses ? this.#gateway : undefined;
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
    const { options, logger, module, upstream, sink, telemetry } = this.#options;
    refuseUnfit(options, speaksHttp);
    const settings = settingsOf(options, speaksHttp, codecName, this.#programTls);
    this.#gateway =
      options.gateways > 1
        ? new GatewayProcesses({ options, settings, module, upstream, logger, sink })
        : new LocalGateway({
            settings,
            upstream,
            trace: telemetry && new GatewayTrace(telemetry),
            logger,
          });
    await this.#gateway.start(endpoints);
  }

  /** The program speaks TLS with this; of those that its workers say one after the other the last counts. */
  useTls(tls: TlsMaterial): void {
    this.#programTls = tls;
    this.#gateway?.useTls(tls);
  }

  /** Opens the log's file again, and reads certificates again; files that are no good are told, and the old ones stay. */
  reload(): void {
    this.#gateway?.reload();
  }

  /** Accepts no connections any more; resolves when all have ended. */
  async drain(): Promise<void> {
    await this.#gateway?.drain();
  }

  /** Cuts what is open. The probes are answered until `end`. */
  async close(): Promise<void> {
    await this.#gateway?.close();
  }

  /** Ends gateway processes at once. */
  kill(): void {
    void this.processes?.kill();
  }

  /** The last of it. */
  async end(): Promise<void> {
    await this.close();
    await this.#admin?.close();
  }
}

function settingsOf(
  options: ResolvedScaleOptions,
  speaksHttp: boolean,
  codec: CodecName,
  programTls: TlsMaterial | undefined,
): GatewaySettings {
  const { sticky, balance, pools } = options;
  return {
    codec,
    speaksHttp,
    httpFormat: options.httpFormat,
    maxHeaderSize: options.maxHeaderSize,
    maxBodySize: options.maxBodySize,
    headerTimeout: options.headerTimeout,
    bodyTimeout: options.bodyTimeout,
    keepAliveTimeout: options.keepAliveTimeout,
    maxConnections: options.maxConnections,
    maxMessageSize: options.maxMessageSize,
    maxUnsentBytes: options.maxUnsentBytes,
    trustedProxies: options.trustedProxies,
    sticky: sticky ?? (balance === 'hash' ? 'address' : undefined),
    hasPools: pools.length > 0,
    accessLog: options.accessLog,
    sharesLog: false,
    tlsCert: options.tlsCert,
    tlsKey: options.tlsKey,
    programTls,
  };
}

/** @throws ZscaleError `ZSCALE_ERR_OPTIONS` for what is for values, where workers take requests of HTTP */
export function refuseUnfit(
  { key, httpFormat }: Pick<ResolvedScaleOptions, 'key' | 'httpFormat'>,
  speaksHttp: boolean,
): void {
  if (speaksHttp && key !== undefined) refuseKey();
  if (speaksHttp && httpFormat !== undefined) refuseFormat();
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
