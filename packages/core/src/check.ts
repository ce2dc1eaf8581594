/**
 * Finds out what a module or a program is, by starting one worker of it as `scale()` would, where no client comes.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isHttpEndpoint } from './gateway/http-endpoint.ts';
import type { CodecName, ScaleOptions } from './options.ts';
import { type Command, scale } from './scale.ts';

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
 * and files are not touched, and what the module does when it is loaded, it does.
 *
 * @param handler - a module or a command, as for `scale()`
 * @throws what `scale()` throws when a worker does not become ready, after `startTimeout` at the latest
 */
export async function checkService(
  handler: URL | string | Command,
  options: ScaleOptions = {},
): Promise<ServiceCheck> {
  const folder = mkdtempSync(path.join(tmpdir(), 'zscale-check-'));
  try {
    const server = await scale(handler, { ...options, ...harmless(options, folder) });
    const { codec, speaksHttp, programEndpoint } = server;
    await server.close();
    const hosted = speaksHttp ? 'web application' : 'handler';
    const started = typeof handler === 'object' && 'exec' in handler ? 'command' : hosted;
    return {
      kind: programEndpoint === undefined ? started : 'program',
      codec: speaksHttp ? null : codec,
      endpoint: programEndpoint ?? null,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What makes a difference to others, or takes more than one worker. */
function harmless(options: ScaleOptions, folder: string): ScaleOptions {
  const bind = options.bind === undefined ? [] : [options.bind].flat();
  const isForHttp = bind.length > 0 && bind.every(isHttpEndpoint);
  return {
    bind: `unix:${path.join(folder, 'check.sock')}`,
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
    pools: undefined,
  };
}
