/**
 * One address at which HTTP is spoken: binds it, says where it is, and lets go of it.
 *
 * Owns what is particular to kinds of addresses: the file of a Unix socket that a dead process left, the sockets that a service
 * manager hands over, and the words for an address that cannot be had. Requests are the gateway's.
 */

import { type BigIntStats, existsSync, lstatSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { dirname, resolve } from 'node:path';
import { ZscaleError } from '../errors.ts';
import { formatHttpEndpoint, type HttpEndpoint } from './http-endpoint.ts';

/** Descriptors that a service manager hands over start here (sd_listen_fds(3)). */
const FIRST_HANDED_FD = 3;

/** What says where clients connect. */
const BIND = '--bind, --port (option bind)';

const NO_SOCKET =
  'there is no listening socket of that number. Service managers hand over sockets from fd:3 on.';

type Place = HttpEndpoint['place'];

/**
 * Binds `server` at `endpoint`.
 *
 * @param setting what says where, for people; by default that of clients
 * @returns where it is, as an endpoint: the port that was chosen stands for port 0
 * @throws (rejects) ZscaleError with the system's code (`EADDRINUSE`, `EACCES`, `EBADF` ...)
 */
export async function listen(
  server: Server,
  text: string,
  endpoint: HttpEndpoint,
  setting: string = BIND,
): Promise<string> {
  const { place, encrypted } = endpoint;
  if (place.kind === 'unix') {
    refuseMissingFolder(text, place.path, setting);
    await removeLeftover(text, place.path, setting);
  }
  if (place.kind === 'fd') refuseMissing(text, place.fd);
  try {
    await bind(server, place);
  } catch (error) {
    refuseAddress(text, place.kind, error, setting);
  }
  const address = server.address();
  if (address === null || typeof address === 'string') return text;
  return formatHttpEndpoint(encrypted, address);
}

function bind(server: Server, place: Place): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    if (place.kind === 'tcp') server.listen(place.port, place.host);
    else if (place.kind === 'unix') server.listen(place.path);
    else server.listen({ fd: place.fd });
  });
}

/** libuv makes EACCES of it, which is another fault. @throws ZscaleError `ENOENT` */
export function refuseMissingFolder(text: string, path: string, setting: string = BIND): void {
  const folder = dirname(resolve(path));
  if (existsSync(folder)) return;
  const error = new Error(`the folder ${folder} does not exist. Make it first`);
  refuseAddress(text, 'unix', Object.assign(error, { code: 'ENOENT' }), setting);
}

/** Files of any other kind, links too, are somebody's and stay. @throws ZscaleError `EADDRINUSE` */
export function refuseOtherFile(text: string, path: string, setting: string = BIND): void {
  const found = fileAt(path);
  if (found === undefined || found.isSocket()) return;
  throw new ZscaleError(
    'EADDRINUSE',
    `cannot listen at ${text}: a file that is no socket is there. Choose another path: ${setting}; or remove the file.`,
  );
}

/**
 * The file of a socket outlives its process; one at which nobody listens is in the way.
 *
 * @throws (rejects) ZscaleError `EADDRINUSE` where the file is no socket
 */
export async function removeLeftover(text: string, path: string, setting?: string): Promise<void> {
  refuseOtherFile(text, path, setting);
  const found = fileAt(path);
  if (found === undefined) return;
  const code = await new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  const still = fileAt(path);
  // Another program may have removed it meanwhile, and listens there now.
  const isSame = still?.ino === found.ino && still.ctimeNs === found.ctimeNs;
  if (code === 'ECONNREFUSED' && isSame) await rm(path, { force: true });
}

/** By `bigint`: of the other form Node 20 remembers the last answer, and `import` follows no links while that was a socket. */
function fileAt(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false, bigint: true });
  } catch {
    return undefined; // a folder that is none, or is closed to this user: listening will tell
  }
}

/** Where a service manager says what it handed over, and to whom, it is believed. @throws ZscaleError `EBADF` */
export function refuseMissing(text: string, fd: number): void {
  const { LISTEN_FDS: count, LISTEN_PID: pid } = process.env;
  if (count === undefined) return;
  if (pid !== undefined && Number(pid) !== process.pid) {
    throw new ZscaleError(
      'EBADF',
      `${text}: the sockets of LISTEN_FDS are for process ${pid}, and this is ${process.pid}. ` +
        'Start zscale itself by the service manager, not by a shell or a package manager.',
    );
  }
  const last = FIRST_HANDED_FD + Number(count) - 1;
  if (fd <= last) return;
  throw new ZscaleError(
    'EBADF',
    `${text}: ${count} sockets were handed over (LISTEN_FDS), so the last one is fd:${last}.`,
  );
}

/** Says why an address cannot be had, and what to do. @throws ZscaleError with the system's code */
export function refuseAddress(
  text: string,
  kind: Place['kind'],
  error: unknown,
  setting: string = BIND,
): never {
  const said = error instanceof Error && 'code' in error ? String(error.code) : 'EINVAL';
  const code = kind === 'fd' ? 'EBADF' : said; // Node says EINVAL, ENOTSOCK or EEXIST, by what is there
  throw new ZscaleError(
    code,
    `cannot listen at ${text}: ${kind === 'fd' ? NO_SOCKET : adviceFor(code, error, setting)}`,
    {
      cause: error,
    },
  );
}

function adviceFor(code: string, error: unknown, setting: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return `somebody listens there. End that program, or choose another address: ${setting}.`;
    case 'EACCES':
      return 'this user may not: ports below 1024 belong to root, and files to their folder. Choose another address, or give the right (setcap cap_net_bind_service).';
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address. http://*:PORT takes all it has.';
    case 'ENOTFOUND':
      return 'the host name has no address.';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
