/**
 * Finds out what a module or a program is, by starting one worker of it as `scale()` would, where no client comes.
 */

import path from 'node:path';
import {
  backendFolderOf,
  chooseBackendEndpoint,
  makeBackendFolder,
  removeBackendFolder,
} from './backend-folder.ts';
import { isHttpEndpoint } from './gateway/http-endpoint.ts';
import { createLogger } from './logger.ts';
import {
  type CodecName,
  type ResolvedScaleOptions,
  resolveScaleOptions,
  type ScaleOptions,
} from './options.ts';
import { defaultHttpEndpoint, refuseIdleGateways, warnOfIdle } from './program-front.ts';
import { type Command, checkModule, howMany, scale, whatToRun } from './scale.ts';
import { checkFit, checkNeeds } from './service-needs.ts';
import { resolveIdentity } from './worker-identity.ts';

/** How long the worker may take to end, ms. */
const FAREWELL_MS = 2_000;

/** What was found. */
export interface ServiceCheck {
  /** `program`: it asks for an address by itself; `command`: it connected a REP socket. */
  readonly kind: 'handler' | 'web application' | 'program' | 'command';
  /** How values become bytes; null where requests are of HTTP. */
  readonly codec: CodecName | null;
  /** Where a program wants its clients; null for all others. */
  readonly endpoint: string | null;
}

/**
 * Starts one worker with these options, waits until it could serve, and ends it. Nobody can connect to it, the options' addresses
 * and files are looked at and not touched (service-needs.ts), and what the module does when it is loaded, it does.
 *
 * @param handler - a module or a command, as for `scale()`
 * @throws what `scale()` throws when an option makes no sense, a key, file or address cannot be had, or a worker does not become
 * ready, after `startTimeout` at the latest
 */
export async function checkService(
  handler: URL | string | Command,
  options: ScaleOptions = {},
): Promise<ServiceCheck> {
  const resolved = resolveScaleOptions(options);
  howMany(resolved);
  const identity = resolveIdentity(resolved);
  const call = { number: 0, hasAddress: options.bind !== undefined, identity };
  const { bindsLater, module } = whatToRun(handler, resolved, call);
  checkModule(module);
  const bind = bindsLater ? [] : resolved.bind;
  const logger = resolved.logger ?? createLogger();
  await checkNeeds({ ...resolved, bind }, logger);
  const place = chooseBackendEndpoint();
  const folder = backendFolderOf(place) ?? '';
  makeBackendFolder(place);
  try {
    const server = await scale(handler, { ...options, ...harmless(resolved, options, folder) });
    const { codec, speaksHttp, programEndpoint } = server;
    await server.close();
    const own = speaksHttp ? defaultHttpEndpoint() : undefined;
    const asked = programEndpoint ?? own;
    const endpoints = bindsLater ? (asked === undefined ? resolved.bind : [asked]) : bind;
    await checkFit(resolved, { speaksHttp, endpoints });
    refuseIdleGateways(resolved.gateways, endpoints);
    warnOfIdle(resolved, endpoints, logger);
    const hosted = speaksHttp ? 'web application' : 'handler';
    const started = typeof handler === 'object' && 'exec' in handler ? 'command' : hosted;
    return {
      kind: programEndpoint === undefined ? started : 'program',
      codec: speaksHttp ? null : codec,
      endpoint: programEndpoint ?? null,
    };
  } catch (error) {
    // What is wrong at the place of this check is so at the one that was given.
    const given = bind.find((endpoint) => endpoint.startsWith('https://'));
    if (error instanceof Error && given !== undefined) {
      error.message = error.message.replace(`https://${socketIn(folder)}`, given);
    }
    throw error;
  } finally {
    removeBackendFolder(place);
  }
}

/** What makes a difference to others, takes more than one worker, or is looked at apart. */
function harmless(
  { bind }: ResolvedScaleOptions,
  options: ScaleOptions,
  folder: string,
): ScaleOptions {
  const hasBind = options.bind !== undefined;
  const isForHttp = hasBind && bind.every(isHttpEndpoint);
  // Without files it speaks TLS with what the program has, or not at all.
  const isForTls = hasBind && bind.some((endpoint) => endpoint.startsWith('https://'));
  const place = socketIn(folder);
  return {
    bind: isForTls ? `https://${place}` : place,
    // A function is what it is at its own address.
    http: options.http ?? (isForHttp ? undefined : false),
    workers: 1,
    maxRestarts: 0,
    gracefulTimeout: FAREWELL_MS,
    control: false,
    signals: false,
    accessLog: undefined,
    admin: undefined,
    adminTokenFile: undefined,
    autoscale: undefined,
    backend: undefined,
    curve: undefined,
    gateways: undefined,
    httpFormat: undefined,
    pools: undefined,
    sticky: undefined,
    trustedProxies: undefined,
    ...(!isForTls && { tlsCert: undefined, tlsKey: undefined }),
  };
}

function socketIn(folder: string): string {
  return `unix:${path.join(folder, 'check.sock')}`;
}
