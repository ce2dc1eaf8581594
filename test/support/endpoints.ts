/*
 * Fresh addresses for tests: nothing has used them before, and files they leave are removed after
 * the last test of the file.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** Bound by a socket, this becomes a free port, to be read from its `lastEndpoint`. */
export const TCP_WILDCARD = 'tcp://127.0.0.1:*';

let folder: string | undefined;
let count = 0;

afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  folder = undefined;
});

/** A path of no file yet, in a folder of this test file's own. */
export function freshPath(extension = 'sock'): string {
  if (folder === undefined) {
    folder = mkdtempSync(join(tmpdir(), 'zscale-test-'));
  }
  count += 1;
  return join(folder, `${count}.${extension}`);
}

/** An ipc endpoint that nobody has bound yet. */
export function freshIpc(): string {
  return `ipc://${freshPath()}`;
}

/** A tcp endpoint on loopback at which nobody listens now, for those who connect before a bind. */
export async function freshTcp(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('the probe has no port');
  return `tcp://127.0.0.1:${address.port}`;
}

/** What `node:net` wants for an endpoint: `{ host, port }` for tcp, `{ path }` for ipc. */
export function netAddress(endpoint: string): { host: string; port: number } | { path: string } {
  const [scheme, address = ''] = endpoint.split('://');
  if (scheme === 'ipc') return { path: address };
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}

/** A multicast group on this machine with a UDP port that nobody has. */
export async function freshGroup(): Promise<string> {
  const probe = createSocket('udp4');
  probe.bind(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  return `epgm://127.0.0.1;239.192.1.1:${port}`;
}
