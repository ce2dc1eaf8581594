/**
 * One address that several gateway processes listen at: bound here, and accepted from there.
 *
 *     this process   bind()                the descriptor is handed to each gateway process as it is started
 *     each of them   listen(), accept()    all of the one queue of connections that the system keeps
 *
 * The address is held as long as this is open, so a gateway process that dies takes along the connections that it had accepted, and
 * none that waits; and there is no moment at which nobody listens. Nothing is ever accepted here.
 */

import { lookup } from 'node:dns/promises';
import net, { isIP } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { ZscaleError } from '../errors.ts';
import { formatHttpEndpoint, parseHttpEndpoint } from './http-endpoint.ts';
import {
  refuseAddress,
  refuseMissing,
  refuseMissingFolder,
  removeLeftover,
} from './http-listener.ts';

/** What Node makes for an address that is bound and not listened at. Not documented, but what node:cluster shares addresses by. */
interface BoundHandle {
  readonly fd: number;
  /** Fills in where it is. @returns 0, or an errno: also what `bind` failed with */
  getsockname?(address: { address?: string; port?: number }): number;
  close(): void;
}

/** @returns an errno in place of a handle that cannot be had */
type CreateHandle = (
  address: string | null,
  port: number,
  family: number | undefined,
) => BoundHandle | number;

/** An address that is held. */
export interface SharedListener {
  /** Of a socket that is bound, for processes to inherit. */
  readonly fd: number;
  readonly encrypted: boolean;
  /** Where it is; undefined where only those know it who listen. */
  readonly endpoint: string | undefined;
  /** Lets go of it. Idempotent. */
  close(): void;
}

/**
 * Binds an endpoint of HTTP.
 *
 * @throws (rejects) ZscaleError `ZSCALE_ERR_OPTIONS` for text that is none, the system's code where it cannot be had (`EADDRINUSE` ...),
 * `ENOTSUP` in a runtime that has no such handles
 */
export async function bindShared(text: string): Promise<SharedListener> {
  const { place, encrypted } = parseHttpEndpoint(text);
  if (place.kind === 'fd') {
    refuseMissing(text, place.fd);
    return { fd: place.fd, encrypted, endpoint: undefined, close: () => {} };
  }
  if (place.kind === 'unix') {
    refuseMissingFolder(text, place.path);
    await removeLeftover(text, place.path);
    const handle = bind(text, 'unix', place.path, -1, -1);
    return { fd: handle.fd, encrypted, endpoint: text, close: once(handle) };
  }
  const found = await addressOf(text, place.host);
  const handle = bind(text, 'tcp', found?.address ?? null, place.port, found?.family);
  const bound: { address?: string; port?: number } = {};
  const errno = handle.getsockname?.(bound) ?? 0;
  const { address = '', port = 0 } = bound;
  if (errno === 0) {
    const endpoint = formatHttpEndpoint(encrypted, { address, port });
    return { fd: handle.fd, encrypted, endpoint, close: once(handle) };
  }
  handle.close();
  return refuseErrno(text, 'tcp', errno);
}

function bind(text: string, kind: 'tcp' | 'unix', ...place: Parameters<CreateHandle>): BoundHandle {
  const create: unknown = Reflect.get(net, '_createServerHandle');
  if (typeof create !== 'function') {
    throw new ZscaleError(
      'ENOTSUP',
      'several gateways share an address in Node.js only. Leave out gateways (--gateways) in this runtime.',
    );
  }
  const handle = (create as CreateHandle)(...place);
  return typeof handle === 'number' ? refuseErrno(text, kind, handle) : handle;
}

async function addressOf(
  text: string,
  host: string | undefined,
): Promise<{ readonly address: string; readonly family: number } | undefined> {
  if (host === undefined) return undefined;
  const family = isIP(host);
  if (family !== 0) return { address: host, family };
  try {
    return await lookup(host);
  } catch (error) {
    return refuseAddress(text, 'tcp', error);
  }
}

function refuseErrno(text: string, kind: 'tcp' | 'unix', errno: number): never {
  const code = getSystemErrorName(errno);
  return refuseAddress(text, kind, Object.assign(new Error(`bind ${code}`), { code }));
}

function once(handle: BoundHandle): () => void {
  let isOpen = true;
  return () => {
    if (isOpen) handle.close();
    isOpen = false;
  };
}
