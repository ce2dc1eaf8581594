/**
 * What a service needs from its machine beside its workers: keys, files and addresses, each looked at as the service itself would come
 * upon it, and none taken. For `checkService()`.
 *
 * Who has an address at the moment is no part of it, for that may be the service that is to be replaced; nor are sockets that a service
 * manager hands over (`fd:3`), which only the service gets.
 */

import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import path from 'node:path';
import { checkBind, TransportError } from '@zscale/transport';
import { readServiceKeys } from './curve-keys.ts';
import { ZscaleError } from './errors.ts';
import { checkExposure } from './exposure.ts';
import { isHttpEndpoint, parseHttpEndpoint } from './gateway/http-endpoint.ts';
import { refuseAddress, refuseMissingFolder, refuseOtherFile } from './gateway/http-listener.ts';
import { parseStickyRule } from './gateway/sticky-key.ts';
import { TlsSource } from './gateway/tls-source.ts';
import { TrustedProxies } from './gateway/trusted-proxies.ts';
import { refuseUnfit } from './http-front.ts';
import { checkLines, type Logger } from './logger.ts';
import type { ResolvedScaleOptions } from './options.ts';
import { refuseMessages } from './program-front.ts';
import { checkAdminToken } from './service-dashboard.ts';

/** Ports below belong to the superuser, on most systems. */
const FIRST_FREE_PORT = 1024;

/** What is known of it once a worker was ready. */
export interface ServiceFacts {
  readonly speaksHttp: boolean;
  /** Where it would be, as far as that is known. */
  readonly endpoints: readonly string[];
}

/**
 * Looks at what is needed before workers are started.
 *
 * @throws (rejects) what `scale()` throws for the first thing that is missing or wrong
 */
export async function checkNeeds(options: ResolvedScaleOptions, logger: Logger): Promise<void> {
  const { admin, bind, control, curve, insecure } = options;
  if (curve !== undefined) readServiceKeys(curve);
  checkAdminToken(options);
  if (curve === undefined && !insecure) await checkExposure(options, logger);
  if (admin !== undefined) await checkListen(admin, '--admin (option admin)');
  const ofMessages = bind.filter((endpoint) => !isHttpEndpoint(endpoint));
  for (const endpoint of [...ofMessages, ...options.backend]) await checkBind(endpoint);
  if (typeof control === 'string') await checkBind(`ipc://${path.resolve(control)}`);
}

/**
 * Looks at what is needed once it is known what the workers speak.
 *
 * @throws (rejects) as {@link checkNeeds}
 */
export async function checkFit(
  options: ResolvedScaleOptions,
  { speaksHttp, endpoints }: ServiceFacts,
): Promise<void> {
  const ofHttp = endpoints.filter(isHttpEndpoint);
  const { admin, backend } = options;
  refuseTwice([...endpoints, ...backend, ...(admin === undefined ? [] : [admin])]);
  if (speaksHttp) refuseMessages(endpoints);
  for (const endpoint of endpoints) if (!isHttpEndpoint(endpoint)) await checkBind(endpoint);
  if (ofHttp.length === 0) return;
  refuseUnfit(options, speaksHttp);
  const { accessLog, sticky, tlsCert, tlsKey, trustedProxies } = options;
  if (accessLog !== undefined) checkLines(accessLog);
  if (trustedProxies !== undefined) new TrustedProxies(trustedProxies);
  if (sticky !== undefined) parseStickyRule(sticky);
  const files = tlsCert !== undefined && tlsKey !== undefined ? { tlsCert, tlsKey } : undefined;
  const parsed = ofHttp.map((endpoint) => parseHttpEndpoint(endpoint));
  if (parsed.some(({ encrypted }) => encrypted))
    new TlsSource({ files, program: undefined }).read();
  for (const endpoint of ofHttp) await checkListen(endpoint);
}

/** One listener to an address. @throws ZscaleError `EADDRINUSE` */
function refuseTwice(texts: readonly string[]): void {
  const taken = new Set<string>();
  for (const text of texts) {
    const place = placeOf(text);
    if (place === undefined) continue;
    if (taken.has(place)) {
      throw new ZscaleError(
        'EADDRINUSE',
        `cannot listen at ${text}: that address is given twice. Choose another one: --bind, --backend, --admin (options bind, backend, admin).`,
      );
    }
    taken.add(place);
  }
}

/** The same for two endpoints that cannot both be had; undefined where each is another (a port that the system chooses), or nobody knows. */
function placeOf(text: string): string | undefined {
  const [, address] = /^tcp:\/\/(.*:[1-9]\d*)$/.exec(text) ?? [];
  if (address !== undefined) return address;
  const [, file] = /^ipc:\/\/([^*@].*)$/.exec(text) ?? [];
  if (file !== undefined) return path.resolve(file);
  if (!isHttpEndpoint(text)) return undefined;
  const { place } = parseHttpEndpoint(text);
  if (place.kind === 'unix') return path.resolve(place.path);
  return place.kind === 'tcp' && place.port > 0 ? `${place.host ?? '*'}:${place.port}` : undefined;
}

/** @param setting what says where, for people; by default that of clients */
async function checkListen(text: string, setting?: string): Promise<void> {
  const { place } = parseHttpEndpoint(text);
  if (place.kind === 'fd') return;
  if (place.kind === 'unix') {
    refuseMissingFolder(text, place.path, setting);
    refuseOtherFile(text, place.path, setting);
  }
  const host = place.kind === 'tcp' ? (place.host ?? '*') : '';
  if (place.kind === 'tcp' && isIPv6(host)) {
    const error = await faultOf(host, place.port);
    if (error !== undefined) refuseAddress(text, place.kind, error, setting);
    return;
  }
  try {
    await checkBind(
      place.kind === 'tcp' ? `tcp://${host}:${place.port}` : `ipc://${path.resolve(place.path)}`,
    );
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    const isName = place.kind === 'tcp' && error.code === 'ENODEV';
    const cause = isName ? Object.assign(new Error(error.message), { code: 'ENOTFOUND' }) : error;
    refuseAddress(text, place.kind, cause, setting);
  }
}

/**
 * What is wrong with an address of IPv6, of which `checkBind()` knows nothing. The same one of UDP stands for it, as there. Whatever
 * else is wrong, listening will tell.
 */
async function faultOf(address: string, port: number): Promise<unknown> {
  const socket = createSocket('udp6');
  try {
    await new Promise<void>((found, reject) => {
      socket.once('error', reject);
      socket.bind({ address, port: port < FIRST_FREE_PORT ? port : 0, exclusive: true }, found);
    });
    return undefined;
  } catch (error) {
    const { code } = Object(error);
    return code === 'EADDRNOTAVAIL' || code === 'EACCES' ? error : undefined;
  } finally {
    socket.close();
  }
}
