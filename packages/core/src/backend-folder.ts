/**
 * The folder of the socket over which the workers of one server reach its queue: private, because
 * whoever can connect there is a worker.
 *
 *     $TMPDIR/zscale-9f86d081884c7d65/backend.sock        the folder has mode 0700
 *                                     w3-7.sock           the door of worker 3 for one process, the 7th
 *                                     gateways.sock       where gateway processes bring what clients ask
 *
 * Made and removed by the primary; removed by the workers when the primary died without doing so.
 */

import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ZscaleError } from './errors.ts';

/** The longest path of a Unix domain socket, in bytes (108 with the closing NUL on Linux). */
const MAX_SOCKET_PATH_BYTES = 107;

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
  const socket = endpoint.startsWith('ipc://') ? endpoint.slice('ipc://'.length) : '';
  const folder = path.dirname(socket);
  const isOurs = path.basename(socket) === SOCKET && path.basename(folder).startsWith(PREFIX);
  return isOurs ? folder : undefined;
}

/**
 * Removes the folder of an endpoint that was chosen here, with all that is in it, if it is there.
 */
export function removeBackendFolder(endpoint: string): void {
  const folder = backendFolderOf(endpoint);
  if (folder === undefined) return;
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    // Its parent is no folder, so there is nothing to remove; `force` forgives only what does not exist.
    if (Reflect.get(Object(error), 'code') !== 'ENOTDIR') throw error;
  }
}
