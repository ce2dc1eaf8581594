/**
 * What `server.listen(...)` was asked for, in each of the forms that net.Server takes, and the same as an endpoint.
 *
 *     listen(3000)  listen('3000', 'localhost')  listen({ port, host })     http://localhost:3000
 *     listen('/run/app.sock')  listen({ path })                              unix:/run/app.sock
 *     listen({ fd: 3 })                                                      fd:3
 */

import { type AddressInfo, isIP } from 'node:net';
import path from 'node:path';

const MAX_PORT = 65_535;

/** Where a server wants to listen. */
export interface ListenAddress {
  readonly port: number | undefined;
  /** Undefined: every address. */
  readonly host: string | undefined;
  readonly path: string | undefined;
  readonly fd: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onListening: (() => void) | undefined;
}

/** @throws RangeError `ERR_SOCKET_BAD_PORT`, as Node does */
export function listenAddressOf(args: readonly unknown[]): ListenAddress {
  const last = args.at(-1);
  const onListening = typeof last === 'function' ? (last as () => void) : undefined; // Node calls it so
  const [first, second] = args;
  const options = typeof first === 'object' && first !== null ? first : undefined;
  const given = (name: string): unknown => options && Reflect.get(options, name);
  const isPath = typeof first === 'string' && Number.isNaN(Number(first));
  const fd = given('fd');
  const signal = given('signal');
  const where = isPath ? first : given('path');
  const common = {
    fd: typeof fd === 'number' ? fd : undefined,
    signal: signal instanceof AbortSignal ? signal : undefined,
    onListening,
  };
  if (typeof where === 'string') {
    return { ...common, path: path.resolve(where), port: undefined, host: undefined };
  }
  const host = options === undefined ? second : given('host');
  const isPort = typeof first === 'number' || typeof first === 'string';
  return {
    ...common,
    path: undefined,
    port: common.fd === undefined ? portOf(isPort ? first : given('port')) : undefined,
    host: typeof host === 'string' && host !== '' ? host : undefined,
  };
}

/** @param isEncrypted the server is one of node:https */
export function endpointOf(address: ListenAddress, isEncrypted: boolean): string {
  const { host = '*', path: file, port, fd } = address;
  if (file !== undefined) return `unix:${file}`;
  if (fd !== undefined) return `fd:${fd}`;
  const isAny = host === '*' || host === '::' || host === '0.0.0.0';
  const name = isIP(host) === 6 ? `[${host}]` : host;
  return `${isEncrypted ? 'https' : 'http'}://${isAny ? '*' : name}:${port}`;
}

/** What `server.address()` says of it. */
export function addressInfoOf({
  host = '::',
  path: file,
  port = 0,
}: ListenAddress): AddressInfo | string {
  if (file !== undefined) return file;
  const address = host === 'localhost' ? '127.0.0.1' : host;
  return { address, family: isIP(address) === 6 ? 'IPv6' : 'IPv4', port };
}

/** Whether it is the same place: the same port on another of the machine's addresses counts as the same. */
export function isSamePlace(one: ListenAddress, other: ListenAddress): boolean {
  if (one.port !== undefined) return one.port === other.port;
  return one.path === other.path && one.fd === other.fd;
}

function portOf(value: unknown): number {
  const port = Number(value ?? 0);
  if (Number.isInteger(port) && port >= 0 && port <= MAX_PORT) return port;
  throw Object.assign(
    new RangeError(`options.port should be >= 0 and < 65536. Received ${JSON.stringify(value)}.`),
    { code: 'ERR_SOCKET_BAD_PORT' },
  );
}
