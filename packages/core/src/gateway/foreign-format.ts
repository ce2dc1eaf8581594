/**
 * Requests of HTTP as messages for workers in any language: a REP socket gets each as one frame, and answers with one.
 *
 *     request   id method uri version headers body peer-address peer-port
 *     reply     code reason headers body            or: type "error", condition
 *
 * The names are those of ZHTTP (RFC 33 of ZeroMQ), the headers a list of pairs, in their order and their spelling. In `zhttp` a
 * message is `T` and a tnetstring, in `msgpack` a map, in `json` an object, whose bodies are texts; one that is no UTF-8 is
 * `body-base64`. Whole messages only, so both are bounded by maxMessageSize.
 *
 * A reply is looked at before anything of it goes to the client: what could not be an answer, or could be read as two, is a fault of
 * the worker. How the body is framed and whether the connection is kept is said by the gateway alone.
 */

import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http';
import { ZscaleError } from '../errors.ts';
import type { HttpFormat } from '../http-options.ts';
import type { RequestHead, ResponseHead } from '../messages/http-message.ts';
import { type Codec, createCodec } from '../messages/payload.ts';
import { decodeTnetstring, encodeTnetstring, type TnetValue } from '../messages/tnetstring.ts';

/** An answer, whole. */
export interface ForeignAnswer {
  readonly head: ResponseHead;
  readonly body: Buffer;
}

const EMPTY: Buffer = Buffer.alloc(0);
const TNETSTRING_MARK = 0x54; // T
const TNETSTRING_PREFIX: Buffer = Buffer.from('T');
const LEAST_STATUS = 200;
const MAX_STATUS = 999;
/** What is about the connection, or about how the body is framed. */
const OF_THE_GATEWAY =
  /^(connection|keep-alive|proxy-connection|transfer-encoding|content-length|trailer|upgrade)$/i;
const NOT_LATIN1 = /[^\t\x20-\x7e\x80-\xff]/;

/** See the top of the file. */
export class ForeignFormat {
  readonly #format: HttpFormat;
  readonly #codec: Codec | undefined;

  constructor(format: HttpFormat) {
    this.#format = format;
    this.#codec = format === 'zhttp' ? undefined : createCodec(format);
  }

  /** The frame of a request. @param id names it in logs */
  frameOf(head: RequestHead, body: Buffer, id: string): Buffer {
    const { method, target, httpVersion, rawHeaders, remoteAddress, remotePort } = head;
    const headers: (readonly [string, string])[] = [];
    let host = '';
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] ?? '';
      const value = rawHeaders[i + 1] ?? '';
      headers.push([name, value]);
      if (name.toLowerCase() === 'host') host = value;
    }
    const origin = `${head.isEncrypted ? 'https' : 'http'}://${host}`;
    return this.#encode({
      id,
      method,
      uri: target.startsWith('/') ? origin + target : target,
      version: httpVersion,
      headers: headers.map(([name, value]) => [name, this.#valueOf(value)]),
      ...this.#bodyOf(body),
      'peer-address': remoteAddress,
      'peer-port': remotePort,
    });
  }

  /**
   * The answer in a worker's reply.
   *
   * @throws ZscaleError `ZSCALE_ERR_DECODE` for what is none
   */
  answerOf(frames: readonly Buffer[]): ForeignAnswer {
    const [frame] = frames;
    if (frame === undefined || frames.length > 1) refuse('one frame', `${frames.length}`);
    const fields = fieldsOf(this.#decode(frame));
    if (textOf(fields.get('type')) === 'error') {
      refuse('an answer', `the error ${JSON.stringify(textOf(fields.get('condition')) ?? '')}`);
    }
    const status = fields.get('code') ?? fields.get('status');
    if (
      typeof status !== 'number' ||
      !(Number.isInteger(status) && status >= LEAST_STATUS && status <= MAX_STATUS)
    ) {
      refuse(`a whole number from ${LEAST_STATUS} to ${MAX_STATUS} as code`, shown(status));
    }
    const reason = fields.get('reason') ?? STATUS_CODES[status] ?? '';
    const statusMessage = textOf(reason);
    if (statusMessage === undefined || NOT_LATIN1.test(statusMessage)) {
      refuse('one line of latin1 as reason', shown(reason));
    }
    const rawHeaders = headersOf(fields.get('headers') ?? []);
    return { head: { status, statusMessage, rawHeaders }, body: bodyIn(fields) };
  }

  #encode(fields: Readonly<Record<string, TnetValue>>): Buffer {
    if (this.#codec === undefined) {
      return Buffer.concat([TNETSTRING_PREFIX, encodeTnetstring(fields)]);
    }
    const [frame = EMPTY] = this.#codec.encode(fields);
    return frame;
  }

  #decode(frame: Buffer): unknown {
    if (this.#codec !== undefined) return this.#codec.decode([frame]);
    if (frame[0] !== TNETSTRING_MARK) refuse('T as the first byte', shown(frame[0]));
    return decodeTnetstring(frame.subarray(1));
  }

  /** Header values are bytes, which Node has as latin1: where bytes can be sent they are. */
  #valueOf(value: string): TnetValue {
    return this.#format === 'zhttp' ? Buffer.from(value, 'latin1') : value;
  }

  #bodyOf(body: Buffer): Readonly<Record<string, TnetValue>> {
    if (this.#format !== 'json') return { body };
    const text = body.toString();
    return Buffer.from(text).equals(body)
      ? { body: text }
      : { 'body-base64': body.toString('base64') };
  }
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  if (value instanceof Map) return value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse('fields by their names', shown(value));
  }
  return new Map(Object.entries(value));
}

function headersOf(value: unknown): string[] {
  if (!Array.isArray(value)) refuse('a list of pairs as headers', shown(value));
  const list: string[] = [];
  let hasDate = false;
  for (const pair of value) {
    const [name, text] = Array.isArray(pair) ? pair.map(textOf) : [];
    if (name === undefined || text === undefined)
      refuse('a name and a value as a header', shown(pair));
    try {
      validateHeaderName(name);
      validateHeaderValue(name, text);
    } catch {
      refuse('a header that HTTP allows', JSON.stringify(`${name}: ${text}`.slice(0, 80)));
    }
    if (OF_THE_GATEWAY.test(name)) continue;
    hasDate ||= /^date$/i.test(name);
    list.push(name, text);
  }
  if (!hasDate) list.push('Date', new Date().toUTCString());
  return list;
}

function bodyIn(fields: ReadonlyMap<string, unknown>): Buffer {
  const base64 = fields.get('body-base64');
  if (typeof base64 === 'string') return Buffer.from(base64, 'base64');
  const body = fields.get('body') ?? EMPTY;
  if (Buffer.isBuffer(body)) return body;
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (typeof body !== 'string') refuse('bytes or a text as body', shown(body));
  return Buffer.from(body);
}

/** Bytes in the place of a text are one in latin1. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : undefined;
}

function shown(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return (JSON.stringify(value) ?? String(value)).slice(0, 80);
}

function refuse(expected: string, came: string): never {
  throw new ZscaleError(
    'ZSCALE_ERR_DECODE',
    `A worker's reply should have ${expected} (docs/guide/http.md); got ${came}.`,
  );
}
