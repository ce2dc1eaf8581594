/**
 * Listening before the call returns, which Node's public API has no way of for an address, and which zeromq.js's `bindSync` needs.
 *
 * The two internal functions used here are the same in Node 20 to 26; where they are missing, or where listening is another process's or
 * runtime's business, it is said so.
 */

import cluster from 'node:cluster';
import net, { isIP, type Server } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { fail } from '../errors.ts';

/** What to listen on. */
export type ListenTarget =
  | { readonly path: string }
  | { readonly host: string; readonly port: number };

/** Node's handle of something that listens. Errors are negative errnos. */
interface ListenHandle {
  listen(backlog: number): number;
  close(): void;
}

type CreateHandle = (
  address: string,
  port: number,
  addressType: number,
  fd: undefined,
  flags: number,
) => ListenHandle | number;

interface NetInternals {
  readonly _createServerHandle?: CreateHandle;
}

interface ServerInternals {
  _handle?: ListenHandle | null;
  _listen2?: (
    address: string,
    port: number,
    addressType: number,
    backlog: number,
    fd: undefined,
    flags: number,
  ) => void;
}

/** In place of port and address type, for a path. */
const PATH = -1;

/**
 * Makes `server`, which is new, listen.
 *
 * @throws Error of the system with its errno name as `code`.
 * @throws TransportError `ENOTSUP` where this runtime cannot.
 */
export function listenNow(
  server: Server,
  target: ListenTarget,
  backlog: number,
  endpoint: string,
): void {
  const createHandle = (net as NetInternals)._createServerHandle; // checked here
  const internals = server as unknown as ServerInternals; // checked here
  const { bun, deno } = process.versions;
  if (
    typeof createHandle !== 'function' ||
    typeof internals._listen2 !== 'function' ||
    bun !== undefined ||
    deno !== undefined ||
    cluster.isWorker
  ) {
    fail(
      'ENOTSUP',
      `bindSync(${endpoint}) is not possible ${cluster.isWorker ? 'in a worker of node:cluster' : 'in this runtime'}. Use await bind().`,
      { endpoint },
    );
  }
  const [address, port, type] =
    'path' in target ? [target.path, PATH, PATH] : [target.host, target.port, isIP(target.host)];
  const handle = createHandle(address, port, type, undefined, 0);
  if (typeof handle === 'number') throw systemErrorOf(handle);
  if (type !== PATH) {
    // An address in use shows when it is listened on; `_listen2` would tell in a later turn. (A path shows it above.)
    const status = handle.listen(backlog);
    if (status !== 0) {
      handle.close();
      throw systemErrorOf(status);
    }
  }
  internals._handle = handle;
  internals._listen2(address, port, type, backlog, undefined, 0);
}

function systemErrorOf(status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`listen ${code}`), { code, errno: status, syscall: 'listen' });
}
