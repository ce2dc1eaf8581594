/**
 * The folder of the socket over which the workers of one server reach its queue: private, because
 * whoever can connect there is a worker.
 *
 *     $TMPDIR/zscale-9f86d081884c7d65/backend.sock        the folder has mode 0700
 *                                     w3-7.sock           the door of worker 3 for one process, the 7th
 *                                     gateways.sock       where gateway processes bring what clients ask
 *
 * Made and removed by the primary; removed by the workers when the primary died without doing so.
 *
 * Where workers run as another user than the primary, folder and sockets stay the primary's to make and remove; that user may pass
 * through the folder, and each socket that is for workers is given to it:
 *
 *     drwx--x---  root  group     zscale-9f86d081884c7d65/
 *     srw-------  user  group         backend.sock, w3-7.sock
 *     srw-------  root  root          gateways.sock
 */

import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, lchownSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ZscaleError } from './errors.ts';
import type { WorkerIdentity } from './worker-identity.ts';

/** The longest path of a Unix domain socket, in bytes (108 with the closing NUL on Linux). */
const MAX_SOCKET_PATH_BYTES = 107;

/** For its owner alone. */
const SOCKET_MODE = 0o600;
/** The owner's, and to pass through for the group. */
const PASSAGE_MODE = 0o710;
/** Leaves a socket file {@link SOCKET_MODE}. */
const SOCKET_MASK = 0o177;

/** What a folder of another user says to those who want to remove it. */
const NOT_OURS: ReadonlySet<unknown> = new Set(['ENOTDIR', 'EACCES', 'EPERM']);

const PREFIX = 'zscale-';
const SOCKET = 'backend.sock';
const RANDOM_BYTES = 8;

/** The longest name of a door: `w1023-` and a count that nobody lives to see. */
const LONGEST_NAME_BYTES = 24;

/** Where it goes when the path of $TMPDIR is too long for a socket. */
const SHORT_FOLDER = '/tmp';

/** Chooses an endpoint that nobody else has; its folder is yet to be made. */
export function chooseBackendEndpoint(parent: string = tmpdir()): string {
  const name = PREFIX + randomBytes(RANDOM_BYTES).toString('hex');
  const socket = path.resolve(parent, name, SOCKET);
  const longest = Buffer.byteLength(path.dirname(socket)) + 1 + LONGEST_NAME_BYTES;
  const isTooLong = longest > MAX_SOCKET_PATH_BYTES;
  return `ipc://${isTooLong ? path.join(SHORT_FOLDER, name, SOCKET) : socket}`;
}

/**
 * Makes the folder of an endpoint that was chosen so, readable for this user only.
 *
 * @throws ZscaleError with the system's code (`EACCES`, `ENOENT`, `EROFS`, `ENOSPC` ...) when it
 * cannot be made
 */
export function makeBackendFolder(endpoint: string): void {
  const folder = backendFolderOf(endpoint) ?? '';
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'EACCES';
    throw new ZscaleError(
      code,
      `no folder can be made in ${path.dirname(folder)} (${code}); it is for the socket between ` +
        'the queue and its workers. Set TMPDIR to a folder that this process may write to.',
      { cause: error },
    );
  }
}

/**
 * Lets workers of another user through the folder, whose sockets are there, and to the one that is theirs. Nobody could come in
 * before. Nothing follows a link here, and only this process can put something there.
 */
export function admitToBackendFolder(endpoint: string, { uid, gid }: WorkerIdentity): void {
  const folder = backendFolderOf(endpoint) ?? '';
  const gateways = pathOf(gatewayDoor(endpoint));
  if (existsSync(gateways)) chmodSync(gateways, SOCKET_MODE);
  const socket = pathOf(endpoint);
  chmodSync(socket, SOCKET_MODE);
  lchownSync(socket, uid, gid);
  chownSync(folder, process.geteuid?.() ?? 0, gid);
  chmodSync(folder, PASSAGE_MODE);
}

/**
 * Has a door made in that folder by `bind`, which makes the socket file before it returns, and gives it to the workers' user: nobody
 * else can connect, not even in between.
 */
export function makeDoor(door: string, { uid, gid }: WorkerIdentity, bind: () => void): void {
  const mask = process.umask(SOCKET_MASK);
  try {
    bind();
  } finally {
    process.umask(mask);
  }
  lchownSync(pathOf(door), uid, gid);
}

/** The endpoint in that folder where gateway processes come in. */
export function gatewayDoor(endpoint: string): string {
  return `ipc://${path.join(backendFolderOf(endpoint) ?? '', 'gateways.sock')}`;
}

/** The endpoint of one worker process in that folder, where only it comes in. */
export function doorEndpoint(endpoint: string, workerId: number, count: number): string {
  return `ipc://${path.join(backendFolderOf(endpoint) ?? '', `w${workerId}-${count}.sock`)}`;
}

/** The folder of an endpoint; undefined when it was not chosen here. */
export function backendFolderOf(endpoint: string): string | undefined {
  const socket = endpoint.startsWith('ipc://') ? pathOf(endpoint) : '';
  const folder = path.dirname(socket);
  const isOurs = path.basename(socket) === SOCKET && path.basename(folder).startsWith(PREFIX);
  return isOurs ? folder : undefined;
}

/**
 * Removes the folder of an endpoint that was chosen here, with all that is in it, if it is there. That of a primary which runs as
 * another user stays.
 */
export function removeBackendFolder(endpoint: string): void {
  const folder = backendFolderOf(endpoint);
  if (folder === undefined) return;
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    // Its parent is no folder, so there is nothing to remove; `force` forgives only what does not exist.
    if (!NOT_OURS.has(Reflect.get(Object(error), 'code'))) throw error;
  }
}

function pathOf(endpoint: string): string {
  return endpoint.slice('ipc://'.length);
}
