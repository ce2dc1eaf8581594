/**
 * Where HTTP is spoken, as people write it:
 *
 *     http://host:port   https://host:port     `*` for every interface, port 0 for a free one, [::1] in brackets
 *     unix:/path         http://unix:/path     a Unix socket; https:// works too
 *     fd:3               http://fd:3           a listening socket that this process was started with
 *
 * Pure text: what is bound is told by http-listener.ts.
 */

import { ZscaleError } from '../errors.ts';

/** An endpoint, understood. */
export interface HttpEndpoint {
  readonly encrypted: boolean;
  readonly place:
    | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number }
    | { readonly kind: 'unix'; readonly path: string }
    | { readonly kind: 'fd'; readonly fd: number };
}

const MAX_PORT = 65_535;
/** What is longer is cut by libuv 1.46 (Node 20), without a word: clients would look elsewhere. */
const MAX_PATH_BYTES = 107;
/** Standard input, output and error are no servers. */
const FIRST_FD = 3;

const PORTS = { 'http:': 80, 'https:': 443 } as const;

/** Whether an endpoint is one for HTTP, by its look. */
export function isHttpEndpoint(text: string): boolean {
  return /^(https?:\/\/|unix:|fd:)/.test(text);
}

/** @throws ZscaleError `ZSCALE_ERR_OPTIONS` */
export function parseHttpEndpoint(text: string): HttpEndpoint {
  const [, scheme = 'http://', address = ''] = /^(https?:\/\/)?(.*)$/s.exec(text) ?? [];
  const encrypted = scheme === 'https://';
  if (address.startsWith('unix:')) {
    const path = address.slice('unix:'.length);
    if (path === '' || path.includes('\0'))
      refuse(text, 'a path is missing, as in unix:/run/app.sock');
    if (Buffer.byteLength(path) > MAX_PATH_BYTES)
      refuse(text, `the path of a Unix socket has at most ${MAX_PATH_BYTES} bytes`);
    return { encrypted, place: { kind: 'unix', path } };
  }
  if (address.startsWith('fd:')) {
    const fd = wholeNumber(address.slice('fd:'.length));
    if (fd === undefined || fd < FIRST_FD)
      refuse(text, `a file descriptor from ${FIRST_FD} is expected`);
    return { encrypted, place: { kind: 'fd', fd } };
  }
  const [, host, portText] =
    /^(\*|\[[\da-f:.]+(?:%[\w.-]+)?\]|[\w.-]+)(?::(\d+))?\/?$/i.exec(address) ?? [];
  if (host === undefined) refuse(text, 'a host and a port are expected, and nothing behind them');
  const port =
    portText === undefined ? PORTS[encrypted ? 'https:' : 'http:'] : wholeNumber(portText);
  if (port === undefined || port > MAX_PORT)
    refuse(text, `a port from 0 to ${MAX_PORT} is expected`);
  const bare = host.replace(/^\[|\]$/g, '');
  return { encrypted, place: { kind: 'tcp', host: bare === '*' ? undefined : bare, port } };
}

/** The text for an endpoint that is bound to `host` and `port`. */
export function formatHttpEndpoint(
  encrypted: boolean,
  { address, port }: { readonly address: string; readonly port: number },
): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return `${encrypted ? 'https' : 'http'}://${host}:${port}`;
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function refuse(text: string, reason: string): never {
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    `${JSON.stringify(text)} is no endpoint for HTTP: ${reason}. ` +
      'Write http://127.0.0.1:3000, http://*:3000, https://*:3443, unix:/run/app.sock or fd:3.',
  );
}
