/**
 * The client's side of a SOCKS5 proxy without authentication (RFC 1928; zmq_setsockopt(3), `ZMQ_SOCKS_PROXY`).
 *
 *   -> 05 01 00                          version, one method: no authentication
 *   <- 05 00
 *   -> 05 01 00 type address port        CONNECT; type 01 IPv4, 03 a length and a name, 04 IPv6
 *   <- 05 00 00 type address port        the address the proxy connects from: not used
 *
 * Names go to the proxy as they are, so that they are looked up where the proxy is.
 */

import { isIP, type Socket as NetSocket } from 'node:net';
import { fail, TransportError } from '../errors.ts';
import { type HostAndPort, parseConnectAddress } from './endpoint.ts';

const VERSION = 5;
const NO_AUTHENTICATION = 0;
const CONNECT = 1;
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;
/** The last byte before the address, and the port behind it. */
const REPLY_HEAD_BYTES = 4;
const PORT_BYTES = 2;
const NAME_MAX_BYTES = 255;

/** What a reply's second byte says (RFC 1928, section 6). */
const FAILURES: Readonly<Record<number, readonly [code: string, text: string]>> = {
  2: ['EACCES', 'its rules do not allow the connection'],
  3: ['ENETUNREACH', 'the network is unreachable'],
  4: ['EHOSTUNREACH', 'the host is unreachable'],
  5: ['ECONNREFUSED', 'the connection was refused'],
  6: ['ETIMEDOUT', 'the time to live expired'],
  7: ['EOPNOTSUPP', 'it does not know the command'],
  8: ['EAFNOSUPPORT', 'it does not know the type of address'],
};

/** What a proxy is asked to connect to. @throws TransportError `EINVAL` for a proxy that is no `host:port`. */
export function parseProxy(text: string, endpoint: string): HostAndPort {
  try {
    const { host, port, source } = parseConnectAddress(text, text);
    if (port > 0 && source === undefined) return { host, port };
  } catch (error) {
    if (!(error instanceof TransportError)) throw error; // told below, by the name of the option
  }
  return fail(
    'EINVAL',
    `The option socksProxy is host:port; got ${JSON.stringify(text)} for ${endpoint}.`,
    { endpoint },
  );
}

/** The CONNECT request. @throws TransportError `EINVAL` for a name of more than 255 bytes. */
export function encodeConnectRequest({ host, port }: HostAndPort, endpoint: string): Buffer {
  const head = [VERSION, CONNECT, 0];
  const tail = [port >> 8, port & 0xff];
  const version = isIP(host);
  if (version === 4) return Buffer.from([...head, IPV4, ...host.split('.').map(Number), ...tail]);
  if (version === 6) return Buffer.from([...head, IPV6, ...ipv6Bytes(host), ...tail]);
  const name = Buffer.from(host);
  if (name.length > NAME_MAX_BYTES) {
    fail('EINVAL', `A host name for a proxy has at most ${NAME_MAX_BYTES} bytes: ${endpoint}.`, {
      endpoint,
    });
  }
  return Buffer.concat([Buffer.from([...head, NAME, name.length]), name, Buffer.from(tail)]);
}

/**
 * Asks a proxy, over a stream that is connected to it, for a connection. Calls `done` when that is there, with the bytes that came
 * behind the proxy's answer; destroys the stream with a TransportError when it is refused or the proxy is none. A proxy that closes
 * the stream closes it for us as well.
 */
export function askProxy(
  stream: NetSocket,
  request: Buffer,
  done: (rest: Buffer | undefined) => void,
): void {
  let received: Buffer = Buffer.alloc(0);
  let accepted = false;
  const onData = (chunk: Buffer): void => {
    received = Buffer.concat([received, chunk]);
    try {
      if (!accepted) {
        if (received.length < 2) return;
        checkMethod(received);
        accepted = true;
        received = received.subarray(2);
        stream.write(request);
      }
      const length = replyLength(received);
      if (length === undefined || received.length < length) return;
      stream.removeListener('data', onData);
      done(received.length > length ? received.subarray(length) : undefined);
    } catch (error) {
      stream.destroy(error as Error); // a TransportError of the checks
    }
  };
  stream.on('data', onData);
  stream.write(Buffer.from([VERSION, 1, NO_AUTHENTICATION]));
}

function checkMethod(received: Buffer): void {
  if (received[0] !== VERSION) fail('EPROTO', 'What answered is no SOCKS5 proxy.');
  if (received[1] !== NO_AUTHENTICATION) {
    fail('EACCES', 'The proxy wants authentication, which is not supported.');
  }
}

/** Bytes of the reply to CONNECT; undefined while that cannot be told. Throws for a refusal. */
function replyLength(received: Buffer): number | undefined {
  if (received.length < REPLY_HEAD_BYTES + 1) return undefined;
  const [version, status = 0, , type] = received;
  if (version !== VERSION) fail('EPROTO', 'What answered is no SOCKS5 proxy.');
  if (status !== 0) {
    const [code, text] = FAILURES[status] ?? ['EIO', `it failed with status ${status}`];
    fail(code, `The proxy made no connection: ${text}.`);
  }
  if (type === IPV4) return REPLY_HEAD_BYTES + 4 + PORT_BYTES;
  if (type === IPV6) return REPLY_HEAD_BYTES + 16 + PORT_BYTES;
  if (type === NAME) return REPLY_HEAD_BYTES + 1 + (received[REPLY_HEAD_BYTES] ?? 0) + PORT_BYTES;
  return fail('EPROTO', `The proxy answered with an address of type ${type}, which there is not.`);
}

/** The 16 bytes of an IPv6 address; its zone means nothing to a proxy. */
function ipv6Bytes(text: string): number[] {
  const [address = ''] = text.split('%');
  const [left = '', right] = withoutIpv4(address).split('::');
  const words = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16));
  const [front, back] = [words(left), words(right ?? '')];
  const zeros = right === undefined ? 0 : 8 - front.length - back.length;
  return [...front, ...new Array<number>(zeros).fill(0), ...back].flatMap((word) => [
    word >> 8,
    word & 0xff,
  ]);
}

/** `::ffff:1.2.3.4` as `::ffff:102:304`. */
function withoutIpv4(address: string): string {
  const colon = address.lastIndexOf(':');
  const tail = address.slice(colon + 1);
  if (!tail.includes('.')) return address;
  const [a = 0, b = 0, c = 0, d = 0] = tail.split('.').map(Number);
  return `${address.slice(0, colon + 1)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}
