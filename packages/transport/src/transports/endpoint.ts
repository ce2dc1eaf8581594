/**
 * The grammar of endpoints (zmq_tcp(7), zmq_ipc(7)):  transport "://" address
 *
 *   tcp, bind      tcp://<interface>:<port>             interface: *, address, interface name or host name; port: 1..65535, * or 0
 *   tcp, connect   tcp://[<source>:<port>;]<host>:<port>
 *   ipc            ipc://<path>,  ipc://@<abstract name>,  ipc://* (bind only)
 *
 * Pure: nothing is looked up here.
 */

import { fail } from '../errors.ts';

/** An endpoint cut at its `://`. */
export interface EndpointParts {
  readonly transport: string;
  readonly address: string;
}

/** Host and port of a tcp address. Port 0 means any. */
export interface HostAndPort {
  /** Without brackets; `*` for every interface. */
  readonly host: string;
  readonly port: number;
}

/** Where a tcp connection goes, and where it comes from if that was said. */
export interface ConnectAddress extends HostAndPort {
  readonly source: HostAndPort | undefined;
}

/** sun_path of a Unix domain socket has 108 bytes with its closing zero (unix(7)). */
const IPC_PATH_MAX_BYTES = 107;
const PORT_MAX = 65_535;

/** @throws TransportError `EINVAL` when there is no transport or no address. */
export function parseEndpoint(endpoint: string): EndpointParts {
  const text: unknown = endpoint; // callers without types
  const cut = typeof text === 'string' ? text.indexOf('://') : -1;
  if (cut <= 0 || cut + 3 >= endpoint.length) {
    fail(
      'EINVAL',
      `An endpoint is transport://address, such as tcp://127.0.0.1:5555 or ipc:///tmp/x.sock; got ${JSON.stringify(text) ?? String(text)}.`,
      { endpoint: String(text) },
    );
  }
  return { transport: endpoint.slice(0, cut), address: endpoint.slice(cut + 3) };
}

/** @throws TransportError `EINVAL`; `ENODEV` for an empty interface. */
export function parseBindAddress(address: string, endpoint: string): HostAndPort {
  const local = address.slice(address.lastIndexOf(';') + 1); // a source part means nothing here; libzmq allows it
  const { host, port } = splitPort(local, endpoint);
  if (host === '') {
    fail(
      'ENODEV',
      `There is no interface with an empty name in ${endpoint}. Write tcp://*:port for all of them.`,
      { endpoint },
    );
  }
  return { host: stripBrackets(host), port: port === '*' ? 0 : parsePort(port, endpoint) };
}

/** @throws TransportError `EINVAL` */
export function parseConnectAddress(address: string, endpoint: string): ConnectAddress {
  const cut = address.lastIndexOf(';');
  const source = cut < 0 ? undefined : parseSource(address.slice(0, cut), endpoint);
  const { host, port } = splitPort(address.slice(cut + 1), endpoint);
  if (
    !/^[A-Za-z0-9[:][A-Za-z0-9.\-:%[\]_]*$/.test(host) ||
    host.startsWith('[') !== host.endsWith(']')
  ) {
    refuse(endpoint, 'a host is an IPv4 or IPv6 address or a DNS name');
  }
  return { host: stripBrackets(host), port: parsePort(port, endpoint), source };
}

/** @throws TransportError `EINVAL` for an empty name; `ENAMETOOLONG` for a path the system cannot hold. */
export function checkIpcPath(path: string, endpoint: string): string {
  if (path === '@') refuse(endpoint, 'an abstract name has one byte or more after the @');
  if (path.includes('\0')) refuse(endpoint, 'a path has no zero bytes');
  if (Buffer.byteLength(path) > IPC_PATH_MAX_BYTES) {
    fail(
      'ENAMETOOLONG',
      `The path of a Unix domain socket has at most ${IPC_PATH_MAX_BYTES} bytes; ${endpoint} has ${Buffer.byteLength(path)}. Choose a shorter folder.`,
      { endpoint },
    );
  }
  return path;
}

/** `tcp://host:port`, with brackets around an IPv6 address. */
export function formatTcpEndpoint(host: string, port: number): string {
  return `tcp://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function parseSource(text: string, endpoint: string): HostAndPort {
  const { host, port } = splitPort(text, endpoint);
  return { host: stripBrackets(host), port: port === '*' ? 0 : parsePort(port, endpoint) };
}

/** At the last colon, so that `[::1]:5555` and `::1:5555` both work. */
function splitPort(address: string, endpoint: string): { host: string; port: string } {
  const colon = address.lastIndexOf(':');
  if (colon < 0) refuse(endpoint, 'a tcp address ends in a colon and a port');
  return { host: address.slice(0, colon), port: address.slice(colon + 1) };
}

/** Unlike libzmq, which takes `12abc` for 12 and 99999 for 34463. */
function parsePort(text: string, endpoint: string): number {
  const port = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (port < 0 || port > PORT_MAX) refuse(endpoint, `a port is a number from 1 to ${PORT_MAX}`);
  return port;
}

function stripBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

function refuse(endpoint: string, rule: string): never {
  fail('EINVAL', `${JSON.stringify(endpoint)} is no endpoint that can be used here: ${rule}.`, {
    endpoint,
  });
}
