/**
 * The ipc transport (zmq_ipc(7)): Unix domain sockets with the same bytes as tcp.
 *
 *   ipc://<path>      a file         ipc://*    a file in a folder of its own (bind only)
 *   ipc://@<name>     a name of Linux's abstract namespace, where the runtime can: see abstract-name.ts
 *
 * Unlike libzmq, which removes whatever is at the path before it binds, a path is only taken over when it is a socket that
 * nobody answers at: a live listener's address is EADDRINUSE, and a file is left alone.
 */

import { randomBytes } from 'node:crypto';
import { type BigIntStats, mkdtempSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { fail } from '../errors.ts';
import type { ResolvedSocketOptions } from '../options.ts';
import { isAbstract, systemPath } from './abstract-name.ts';
import { checkIpcPath, parseEndpoint } from './endpoint.ts';
import { StreamDialer } from './stream-dialer.ts';
import { type ListenAddress, listenStream, listenStreamNow } from './stream-listener.ts';
import type { Dialer, Listener, PipeHost, Transport } from './transport.ts';
import { fileAt, listensAt } from './unix-listeners.ts';

/** `ipc://` */
export const ipcTransport: Transport = {
  bind(endpoint: string, host: PipeHost, options: ResolvedSocketOptions): Promise<Listener> {
    return listenStream(endpoint, host, options, async () => {
      const address = listenAddress(endpoint);
      const { path } = address.target;
      if (hasSocketFile(path, endpoint)) await removeLeftover(path);
      return address;
    });
  },

  bindSync(endpoint: string, host: PipeHost, options: ResolvedSocketOptions): Listener {
    return listenStreamNow(endpoint, host, options, () => {
      const address = listenAddress(endpoint);
      const { path } = address.target;
      if (hasSocketFile(path, endpoint)) {
        const isLive = listensAt(path);
        if (isLive === undefined) refuseLeftover(endpoint);
        if (!isLive) removeFile(path);
      }
      return address;
    });
  },

  connect(endpoint: string, host: PipeHost, options: ResolvedSocketOptions): Dialer {
    const path = systemPath(checkIpcPath(parseEndpoint(endpoint).address, endpoint), endpoint);
    return new StreamDialer(endpoint, host, options, {
      open: () => connect({ path }),
      prepare: undefined,
      isInstant: true,
    });
  },
};

/** Makes a folder where one is asked for. */
function listenAddress(
  endpoint: string,
): ListenAddress & { readonly target: { readonly path: string } } {
  const given = parseEndpoint(endpoint).address;
  const folder = given === '*' ? makeFolder(endpoint) : undefined;
  const name = checkIpcPath(folder === undefined ? given : join(folder, 'socket'), endpoint);
  const path = systemPath(name, endpoint);
  if (!isAbstract(name)) refuseMissingFolder(path, endpoint);
  let own: BigIntStats | undefined;
  return {
    target: { path },
    endpointOf: () => {
      own = isAbstract(name) ? undefined : fileAt(path);
      return `ipc://${name}`;
    },
    closing: (close) => {
      if (isAbstract(name)) close();
      else closeKeepingOthers(path, own, close);
    },
    isAt: () => false,
    admits: () => true,
    cleanUp: async () => {
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** For `ipc://*`: a folder of our own under the first temporary folder that is set, else under the current one. */
function makeFolder(endpoint: string): string {
  const { TMPDIR, TEMPDIR, TMP } = process.env;
  const parent = TMPDIR ?? TEMPDIR ?? TMP ?? '.';
  try {
    return mkdtempSync(join(parent, 'tmp'));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'EACCES'; // node:fs throws nothing else
    return fail(
      code,
      `Cannot make a folder for ${endpoint} in ${parent}: ${(cause as Error).message}`,
      { endpoint, cause },
    );
  }
}

/** Whether there is a socket file, of somebody alive or dead. @throws TransportError `EADDRINUSE` for a file of another kind. */
export function hasSocketFile(path: string, endpoint: string): boolean {
  if (path.startsWith('\0')) return false; // an abstract name is no file
  const stats = fileAt(path);
  if (stats === undefined) return false;
  if (stats.isSocket()) return true;
  return fail(
    'EADDRINUSE',
    `Cannot listen on ${endpoint}: a file that is no socket is there. Choose another path.`,
    { endpoint },
  );
}

function refuseLeftover(endpoint: string): never {
  fail(
    'EADDRINUSE',
    `Cannot listen on ${endpoint}: a socket file is there, and bindSync() cannot tell on this system whether somebody listens at it. Use await bind(), or remove the file.`,
    { endpoint },
  );
}

/** A socket file that a program left behind when it was killed. */
function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // gone already, or not ours to remove: listening will tell
  }
}

/**
 * Removes a leftover, unless somebody answers at it: then listening will tell. Of several programs that find the same leftover each
 * looks, just before it removes it, whether it is still that one: none removes the new file of another.
 */
async function removeLeftover(path: string): Promise<void> {
  const found = fileAt(path);
  if (found === undefined || (await somebodyAnswers(path))) return;
  const still = fileAt(path);
  // Numbers of files are used again at once; the time is not.
  if (still?.ino === found.ino && still.ctimeNs === found.ctimeNs) removeFile(path);
}

/** Closing removes whatever is at the path: the file of a program that has bound it since is moved out of the way. */
function closeKeepingOthers(path: string, own: BigIntStats | undefined, close: () => void): void {
  const found = fileAt(path);
  if (found === undefined || (found.ino === own?.ino && found.dev === own.dev)) {
    close();
    return;
  }
  const aside = asideOf(path);
  try {
    renameSync(path, aside);
  } catch {
    close(); // what we may not move, closing cannot remove either
    return;
  }
  close();
  renameSync(aside, path);
}

/** A name in the same folder that nobody has; short, for socket files have short paths. */
function asideOf(path: string): string {
  return join(dirname(path), `.z${randomBytes(3).toString('hex')}`);
}

/** The system's ENOENT; libuv makes EACCES of it. @throws TransportError `ENOENT` */
export function refuseMissingFolder(path: string, endpoint: string): void {
  const folder = dirname(path);
  try {
    statSync(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') return; // listening will tell
    fail(
      'ENOENT',
      `Cannot listen on ${endpoint}: the folder ${folder} does not exist. Create it first.`,
      { endpoint, cause },
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
