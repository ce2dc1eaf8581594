/**
 * PM2 in cluster mode, with a home of its own: it meets no other PM2 of this machine, and nothing of it is left behind.
 *
 * It is no dependency (its licence is the AGPL): whoever has the command `pm2` may have it measured.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findCommand } from './command.ts';

const START_TIMEOUT_MS = 30_000;
const APPLICATION = fileURLToPath(new URL('./pm2-application.js', import.meta.url));

/** Where it serves, and its processes. */
export interface Pm2Service {
  readonly port: number;
  /** The daemon, which has the listening socket. */
  readonly front: number;
  readonly workers: readonly number[];
  /** Ends all of it. */
  stop(): void;
}

/** Its version; undefined where it is not installed. */
export function pm2Version(): string | undefined {
  const command = findCommand('pm2');
  if (command === undefined) return undefined;
  const file = join(dirname(realpathSync(command)), '..', 'package.json');
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }; // npm's format
  return version;
}

/** Serves the application by so many workers; resolves when all listen. @throws (rejects) what `pm2` says */
export async function serveByPm2(count: number): Promise<Pm2Service> {
  const command = realpathSync(findCommand('pm2') ?? 'pm2');
  const port = await freePort();
  const home = mkdtempSync(join(tmpdir(), 'zscale-bench-pm2-')); // from here on nothing is awaited: it is always removed
  const path = `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`; // the same Node
  const env = {
    ...{ ...process.env, PATH: path, PM2_HOME: home, PORT: String(port) },
    ...{ NODE_ENV: 'production', PM2_DISABLE_VERSION_CHECK: 'true' },
  };
  const pm2 = (...args: readonly string[]): string =>
    execFileSync(process.execPath, [command, ...args], {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: START_TIMEOUT_MS,
    });
  const stop = (): void => {
    pm2('kill');
    rmSync(home, { recursive: true, force: true });
  };
  try {
    pm2('start', APPLICATION, '--name', 'bench', '--instances', String(count), '--wait-ready');
    const list = pm2('jlist');
    const workers = JSON.parse(list.slice(list.lastIndexOf('\n[') + 1)) as { pid: number }[]; // `pm2 jlist`
    const front = Number(readFileSync(join(home, 'pm2.pid'), 'utf8'));
    return { port, front, workers: workers.map(({ pid }) => pid), stop };
  } catch (error) {
    stop();
    throw error;
  }
}

/** PM2 must be told one. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
