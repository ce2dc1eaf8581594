/**
 * The ipc transport (zmq_ipc(7)): Unix domain sockets with the same bytes as tcp.
 *
 * Unlike libzmq, which removes whatever is at the path before it binds, a path is only taken over when it is a socket that
 * nobody answers at: a live listener's address is EADDRINUSE, and a file is left alone.
 */

import { lstat, mkdtemp, rm, stat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { fail } from '../errors.ts';
import { checkIpcPath, parseEndpoint } from './endpoint.ts';
import { StreamDialer } from './stream-dialer.ts';
import { listenStream } from './stream-listener.ts';
import type { Dialer, Listener, PipeHost, Transport } from './transport.ts';

/** `ipc://` */
export const ipcTransport: Transport = {
  async bind(endpoint: string, host: PipeHost): Promise<Listener> {
    const given = parseEndpoint(endpoint).address;
    const folder = given === '*' ? await makeFolder(endpoint) : undefined;
    const path = checkIpcPath(folder === undefined ? given : join(folder, 'socket'), endpoint);
    refuseAbstract(path, endpoint);
    await removeStale(path, endpoint);
    await refuseMissingFolder(path, endpoint);
    return listenStream(
      endpoint,
      {
        listen: { path },
        endpointOf: () => `ipc://${path}`,
        cleanUp: async () => {
          if (folder !== undefined) await rm(folder, { recursive: true, force: true });
        },
      },
      host,
    );
  },

  connect(endpoint: string, host: PipeHost): Dialer {
    const path = checkIpcPath(parseEndpoint(endpoint).address, endpoint);
    refuseAbstract(path, endpoint);
    return new StreamDialer(endpoint, host, () => connect({ path }));
  },
};

/** For `ipc://*`: a folder of our own under the first temporary folder that is set, else under the current one. */
async function makeFolder(endpoint: string): Promise<string> {
  const { TMPDIR, TEMPDIR, TMP } = process.env;
  const parent = TMPDIR ?? TEMPDIR ?? TMP ?? '.';
  try {
    return await mkdtemp(join(parent, 'tmp'));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'EACCES';
    return fail(
      code,
      `Cannot make a folder for ${endpoint} in ${parent}: ${(cause as Error).message}`,
      { endpoint, cause },
    );
  }
}

/** libuv up to 1.46 pads such a name with zeros, so no other program's `@name` could be reached: better to say so. */
function refuseAbstract(path: string, endpoint: string): void {
  if (!path.startsWith('@')) return;
  fail(
    'EPROTONOSUPPORT',
    `Abstract socket names (${endpoint}) cannot be used here yet. Use a path such as ipc:///tmp/${path.slice(1)}.sock.`,
    { endpoint },
  );
}

/** Removes a socket file that a program left behind when it was killed. */
async function removeStale(path: string, endpoint: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined); // not there, or not ours to see: listen() will tell
  if (stats === undefined) return;
  if (!stats.isSocket()) {
    fail(
      'EADDRINUSE',
      `Cannot listen on ${endpoint}: a file that is no socket is there. Choose another path.`,
      { endpoint },
    );
  }
  if (await somebodyAnswers(path)) return; // listen() fails with EADDRINUSE
  await unlink(path).catch(() => undefined); // gone already, or not ours to remove: listen() will tell
}

/** The system's ENOENT; libuv makes EACCES of it. */
async function refuseMissingFolder(path: string, endpoint: string): Promise<void> {
  const folder = dirname(path);
  try {
    await stat(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') return; // listen() will tell
    fail(
      'ENOENT',
      `Cannot listen on ${endpoint}: the folder ${folder} does not exist. Create it first.`,
      {
        endpoint,
        cause,
      },
    );
  }
}

function somebodyAnswers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}
