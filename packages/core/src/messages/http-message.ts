/**
 * The heads of HTTP as one frame each: what came before a body, what answers it, and what may follow one.
 *
 * ```
 * request   method target version flags remote-address remote-port local-address local-port (name value)*
 * response  status reason flags (name value)*
 * trailers  (name value)*
 * ```
 *
 * The fields are joined by line feeds, in latin1: no field of HTTP can have a line feed in it (RFC 9112, 2.2 and 5), header values are
 * bytes that Node reads and writes as latin1, and a text that is split at a line feed costs a fraction of a structure that is decoded
 * (docs/rationale.md has the figure). Names and values stand as they came, in their order and their spelling, as `rawHeaders` has them.
 *
 * Whether names, methods and values are those that HTTP allows is a matter of whoever reads or writes HTTP itself; here only what would
 * break the frame is refused.
 */
import { ZscaleError } from '../errors.ts';

/** What a client asked, before its body. */
export interface RequestHead {
  readonly method: string;
  /** As in the request line: `/path?query`, `*`, or `host:port`. */
  readonly target: string;
  /** `1.1` or `1.0`. */
  readonly httpVersion: string;
  /** The client wants another protocol on this connection: `Upgrade` or CONNECT. */
  readonly isUpgrade: boolean;
  /** The client came by TLS. */
  readonly isEncrypted: boolean;
  /** Empty where the client has none: a Unix socket. */
  readonly remoteAddress: string;
  /** 0 where the client has none. */
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Name, value, name, value ... as the client wrote them. */
  readonly rawHeaders: string[];
}

/** What answers a request, before its body. */
export interface ResponseHead {
  /** 100 to 999, or {@link RAW_TUNNEL}. */
  readonly status: number;
  /** The reason phrase; may be empty. */
  readonly statusMessage: string;
  /** Name, value, name, value ... as they go to the client. */
  readonly rawHeaders: string[];
  /**
   * The headers say all there is to say of the connection and of how the body is framed, as node:http wrote them; default: whoever
   * writes to the client adds that.
   */
  readonly isComplete?: boolean;
}

/** The status of a response that is no response: bytes follow that go to the client's socket as they are. */
export const RAW_TUNNEL = 0;

const REQUEST_FIELDS = 8;
const RESPONSE_FIELDS = 3;
const MAX_PORT = 65_535;
const MAX_STATUS = 999;

/** Beyond latin1 a character would lose its upper byte: U+010A would become the line feed that separates. */
const FORBIDDEN = /[\r\u0100-\uffff]/;

/** @throws ZscaleError `ZSCALE_ERR_ENCODE` when a field has a line break or a character beyond latin1 */
export function encodeRequestHead(head: RequestHead): Buffer {
  const flags = (head.isUpgrade ? 'u' : '') + (head.isEncrypted ? 's' : '');
  const { method, target, httpVersion, remoteAddress, remotePort, localAddress, localPort } = head;
  const start = `${method}\n${target}\n${httpVersion}\n${flags}\n${remoteAddress}\n${remotePort}\n${localAddress}\n${localPort}`;
  return encode(start, head.rawHeaders, REQUEST_FIELDS);
}

/** @throws ZscaleError `ZSCALE_ERR_DECODE` when the bytes are no head of a request */
export function decodeRequestHead(frame: Buffer): RequestHead {
  const fields = decode(frame, REQUEST_FIELDS, 'request');
  const [method = '', target = '', httpVersion = '', flags = '', remoteAddress = ''] = fields;
  const [, , , , , remotePort = '', localAddress = '', localPort = ''] = fields;
  if (method === '' || target === '') refuse('the head of a request', 'no method or no target');
  return {
    method,
    target,
    httpVersion,
    isUpgrade: flags.includes('u'),
    isEncrypted: flags.includes('s'),
    remoteAddress,
    remotePort: numberOf(remotePort, MAX_PORT, 'port'),
    localAddress,
    localPort: numberOf(localPort, MAX_PORT, 'port'),
    rawHeaders: fields.slice(REQUEST_FIELDS),
  };
}

/** @throws ZscaleError `ZSCALE_ERR_ENCODE` when a field has a line break or a character beyond latin1 */
export function encodeResponseHead(head: ResponseHead): Buffer {
  const flags = head.isComplete === true ? 'c' : '';
  return encode(
    `${head.status}\n${head.statusMessage}\n${flags}`,
    head.rawHeaders,
    RESPONSE_FIELDS,
  );
}

/** @throws ZscaleError `ZSCALE_ERR_DECODE` when the bytes are no head of a response */
export function decodeResponseHead(frame: Buffer): ResponseHead {
  const fields = decode(frame, RESPONSE_FIELDS, 'response');
  const status = numberOf(fields[0] ?? '', MAX_STATUS, 'status');
  if (status < 100 && status !== RAW_TUNNEL) refuse('a status from 100 to 999', String(status));
  const [, statusMessage = '', flags = ''] = fields;
  const rawHeaders = fields.slice(RESPONSE_FIELDS);
  return { status, statusMessage, rawHeaders, isComplete: flags.includes('c') };
}

/**
 * @param rawTrailers - name, value, name, value ...
 * @throws ZscaleError `ZSCALE_ERR_ENCODE` when a field has a line break or a character beyond latin1
 */
export function encodeTrailers(rawTrailers: readonly string[]): Buffer {
  const [first, ...rest] = rawTrailers;
  return first === undefined ? Buffer.alloc(0) : encode(first, rest, 1);
}

/** @throws ZscaleError `ZSCALE_ERR_DECODE` when the bytes are not pairs of names and values */
export function decodeTrailers(frame: Buffer): string[] {
  return frame.length === 0 ? [] : decode(frame, 0, 'trailers');
}

/** @param startFields - how many fields `start` has, for the check that no field has a line feed of its own */
function encode(start: string, rawFields: readonly string[], startFields: number): Buffer {
  let text = start;
  for (const field of rawFields) text += `\n${field}`;
  if (FORBIDDEN.test(text) || lineFeedsIn(text) !== startFields + rawFields.length - 1) {
    throw new ZscaleError(
      'ZSCALE_ERR_ENCODE',
      'No part of the head of an HTTP message may have a line break or a character beyond latin1 in it. Encode such values first, as with encodeURIComponent().',
    );
  }
  return Buffer.from(text, 'latin1');
}

function lineFeedsIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}

function decode(frame: Buffer, startFields: number, of: string): string[] {
  const text = frame.toString('latin1');
  if (text.includes('\r')) refuse(`${of} without carriage returns`, 'one');
  const fields = text.split('\n');
  if (fields.length < startFields || (fields.length - startFields) % 2 !== 0) {
    refuse(`${of} of ${startFields} fields and pairs of name and value`, `${fields.length} fields`);
  }
  return fields;
}

function numberOf(text: string, highest: number, what: string): number {
  const number = Number(text);
  const isDecimal = text.length > 0 && text.length <= 5 && number >= 0 && String(number) === text;
  if (!isDecimal || number > highest) {
    refuse(`a ${what} from 0 to ${highest}`, JSON.stringify(text.slice(0, 40)));
  }
  return number;
}

function refuse(expected: string, came: string): never {
  throw new ZscaleError(
    'ZSCALE_ERR_DECODE',
    `Expected ${expected}, as docs/reference/messages.md draws it; got ${came}.`,
  );
}
