/*
 * A gateway on a free port with a played queue behind it.
 */
import { AccessLog } from '../../packages/core/src/gateway/access-log.ts';
import { GatewayRules } from '../../packages/core/src/gateway/gateway-rules.ts';
import type { GatewayTrace } from '../../packages/core/src/gateway/gateway-trace.ts';
import { HttpGateway } from '../../packages/core/src/gateway/http-gateway.ts';
import { MessageFace } from '../../packages/core/src/gateway/message-face.ts';
import { parseStickyRule } from '../../packages/core/src/gateway/sticky-key.ts';
import { TlsSource } from '../../packages/core/src/gateway/tls-source.ts';
import { TrustedProxies } from '../../packages/core/src/gateway/trusted-proxies.ts';
import { HTTP_DEFAULTS, type HttpOptions } from '../../packages/core/src/http-options.ts';
import type { Logger } from '../../packages/core/src/logger.ts';
import { createCodec } from '../../packages/core/src/messages/payload.ts';
import type { CodecName } from '../../packages/core/src/options.ts';
import { closing } from './closing.ts';
import { PlayedUpstream } from './played-upstream.ts';

/** What tests choose. */
export interface GatewayChoices extends Omit<HttpOptions, 'trustedProxies' | 'accessLog'> {
  readonly bind?: string;
  readonly trustedProxies?: readonly string[];
  /** Behind it are handlers of values in this codec. */
  readonly codec?: CodecName;
  readonly hasPools?: boolean;
  readonly maxHeldBytes?: number;
  readonly trace?: GatewayTrace;
}

/** A gateway, its queue, where it is, and what it logged. */
export interface StartedGateway {
  readonly gateway: HttpGateway;
  readonly upstream: PlayedUpstream;
  readonly endpoint: string;
  readonly accesses: Record<string, unknown>[];
  readonly warnings: string[];
}

/** Starts one; it is closed when the running test ends. */
export async function startGateway(choices: GatewayChoices = {}): Promise<StartedGateway> {
  const upstream = new PlayedUpstream();
  const accesses: Record<string, unknown>[] = [];
  const warnings: string[] = [];
  const options = { ...HTTP_DEFAULTS, ...choices };
  const logger = recordingLogger(warnings);
  const { tlsCert, tlsKey, sticky, codec, trustedProxies } = options;
  const files = tlsCert && tlsKey ? { tlsCert, tlsKey } : undefined;
  const tls = new TlsSource({ files, program: undefined });
  const rules = new GatewayRules({
    upstream,
    face: codec && new MessageFace(createCodec(codec)),
    maxBodySize: options.maxBodySize ?? Infinity,
    bodyTimeout: options.bodyTimeout ?? 60_000,
    keepAliveTimeout: options.keepAliveTimeout ?? HTTP_DEFAULTS.keepAliveTimeout,
    maxHeldBytes: options.maxHeldBytes ?? Infinity,
    trustedProxies: trustedProxies && new TrustedProxies(trustedProxies),
    sticky: sticky === undefined ? undefined : parseStickyRule(sticky),
    hasPools: options.hasPools ?? false,
    accessLog: new AccessLog({
      write: (facts) => accesses.push({ ...facts }),
      reopen: () => {},
      close: () => Promise.resolve(),
    }),
    trace: choices.trace,
    logger,
  });
  const gateway = new HttpGateway({
    rules,
    tls,
    logger,
    maxHeaderSize: options.maxHeaderSize ?? HTTP_DEFAULTS.maxHeaderSize,
    maxConnections: options.maxConnections ?? HTTP_DEFAULTS.maxConnections,
    headerTimeout: options.headerTimeout ?? HTTP_DEFAULTS.headerTimeout,
    keepAliveTimeout: options.keepAliveTimeout ?? HTTP_DEFAULTS.keepAliveTimeout,
  });
  closing(gateway);
  await gateway.bind(choices.bind ?? 'http://127.0.0.1:0');
  return { gateway, upstream, endpoint: gateway.endpoints[0] ?? '', accesses, warnings };
}

function recordingLogger(warnings: string[]): Logger {
  const logger: Logger = {
    error: (facts: object | string, text = '') => void warnings.push(JSON.stringify(facts) + text),
    warn: (facts: object | string, text = '') => void warnings.push(JSON.stringify(facts) + text),
    info: () => {},
    debug: () => {},
    child: () => logger,
  };
  return logger;
}
