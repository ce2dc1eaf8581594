/**
 * The face of HTTP that a message handler gets: POST a value, and get the reply.
 *
 *     POST / HTTP/1.1                       HTTP/1.1 200 OK
 *     Content-Type: application/json   -->  Content-Type: application/json
 *     {"name":"you"}                        {"hello":"you"}
 *
 * | codec   | takes                                | answers                                          |
 * |---------|--------------------------------------|--------------------------------------------------|
 * | msgpack | JSON; MessagePack where it says so   | what `Accept` asks for, else as the request came |
 * | json    | JSON                                 | JSON                                             |
 * | raw     | any bytes                            | application/octet-stream                         |
 *
 * What a client has compressed is decompressed before it comes here (encoded-body.ts).
 *
 * Only what is in the bytes and the types; an error reply has the status of its code (error-page.ts). The path means nothing here,
 * but for pools, which are chosen by it.
 */

import type { IncomingMessage } from 'node:http';
import { ZscaleError } from '../errors.ts';
import { type Codec, createCodec } from '../messages/payload.ts';

/** An answer, whole. */
export interface FaceAnswer {
  readonly contentType: string;
  readonly body: Buffer;
}

const JSON_TYPE = 'application/json';
const MSGPACK_TYPE = 'application/msgpack';
const BYTES_TYPE = 'application/octet-stream';

/** The names that MessagePack has in use. */
const MSGPACK_TYPES = /\bapplication\/(x-|vnd\.)?msgpack\b/i;
/** `curl -d` says of everything that it is a form: there the bytes decide. */
const JSON_TYPES =
  /^(application\/([\w.+-]+\+)?json|text\/(plain|json)|application\/x-www-form-urlencoded)\b/i;

/** JSON is UTF-8 (RFC 8259, 8.1), of which US-ASCII is a part. */
const CHARSET = /;\s*charset\s*=\s*"?([^\s";]*)/i;
const UTF8_NAMES = /^(utf-?8|us-ascii|)$/i;

/** See the top of the file. */
export class MessageFace {
  readonly #codec: Codec;
  readonly #json: Codec;

  /** @param codec of the service */
  constructor(codec: Codec) {
    this.#codec = codec;
    this.#json = createCodec('json');
  }

  /**
   * The frames of a request for the handler.
   *
   * @throws ZscaleError `ENOTSUP` for a type or a charset that is not taken, `ZSCALE_ERR_DECODE` for bytes that are not of their type
   */
  framesOf({ headers }: IncomingMessage, bytes: Buffer): Buffer[] {
    const { 'content-type': type = JSON_TYPE } = headers;
    if (this.#codec.name === 'raw') return [bytes];
    if (this.#codec.name === 'msgpack' && MSGPACK_TYPES.test(type)) return [bytes];
    if (!JSON_TYPES.test(type)) {
      throw new ZscaleError(
        'ENOTSUP',
        `This service takes application/json${this.#codec.name === 'msgpack' ? ' and application/msgpack' : ''}; got ${JSON.stringify(type.slice(0, 60))}.`,
      );
    }
    if (type !== JSON_TYPE) checkCharset(type);
    const value = this.#json.decode([bytes]);
    return this.#codec.name === 'json' ? [bytes] : this.#codec.encode(value);
  }

  /**
   * The answer that a reply of the handler becomes.
   *
   * @throws ZscaleError `ZSCALE_ERR_DECODE`, `ZSCALE_ERR_ENCODE` for a reply that cannot be had in the form asked for
   */
  answerOf({ headers }: IncomingMessage, frames: Buffer[]): FaceAnswer {
    const bytes = frames.length === 1 ? frames[0] : undefined;
    if (this.#codec.name === 'raw') {
      return { contentType: BYTES_TYPE, body: bytes ?? Buffer.concat(frames) };
    }
    const { accept = '', 'content-type': type = '' } = headers;
    const wantsMsgpack =
      MSGPACK_TYPES.test(accept) || (MSGPACK_TYPES.test(type) && !/json/.test(accept));
    if (bytes !== undefined && this.#codec.name === 'json') {
      return { contentType: JSON_TYPE, body: bytes };
    }
    if (bytes !== undefined && wantsMsgpack) return { contentType: MSGPACK_TYPE, body: bytes };
    const [body = Buffer.alloc(0)] = this.#json.encode(this.#codec.decode(frames));
    return { contentType: JSON_TYPE, body };
  }
}

function checkCharset(type: string): void {
  const [, charset = ''] = CHARSET.exec(type) ?? [];
  if (UTF8_NAMES.test(charset)) return;
  throw new ZscaleError(
    'ENOTSUP',
    `This service takes JSON in UTF-8; got charset ${JSON.stringify(charset.slice(0, 60))}.`,
  );
}
