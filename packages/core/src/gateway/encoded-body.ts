/**
 * A body that its client has compressed, on its way back to what it was: for message handlers, who are given values and hear nothing
 * of codings. An application of HTTP gets bodies as they came.
 *
 * A few bytes may become gigabytes: what comes out is counted as it comes, and nothing is made beyond the limit. Codings that were
 * applied one upon the other are not taken. (RFC 9110, 8.4)
 */

import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  type Gunzip,
} from 'node:zlib';
import { ZscaleError } from '../errors.ts';

/** The codings that are taken, as `Accept-Encoding` names them. */
export const CODINGS: string = 'gzip, deflate, br';

type Coding = 'gzip' | 'deflate' | 'br';
/** What a stream of zlib is here; Gunzip has no more than they all have. */
type Decoder = Gunzip;

const NAMES: ReadonlyMap<string, Coding> = new Map([
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['br', 'br'],
]);
/** How a stream of zlib begins; without it, some send the bare one as `deflate`. */
const ZLIB_METHOD = 8;

/** Whoever waits for it. Called from the event loop, never from inside the constructor. */
export interface EncodedBodySink {
  /** So many bytes more are kept. May lead to `stop`. */
  bodyDecodes(bytes: number): void;
  /** All of it. */
  bodyDecoded(bytes: Buffer): void;
  /** `EMSGSIZE` where it has more than its limit, `ZSCALE_ERR_DECODE` where it is not what it says. */
  bodyUndecodable(error: ZscaleError): void;
}

/**
 * The coding that a header `Content-Encoding` names; undefined for none.
 *
 * @throws ZscaleError `ENOTSUP` for any that is not taken, or for several
 */
export function codingOf(header: string): Coding | undefined {
  const name = header.trim().toLowerCase();
  if (name === '' || name === 'identity') return undefined;
  const coding = NAMES.get(name);
  if (coding !== undefined) return coding;
  throw new ZscaleError(
    'ENOTSUP',
    `This service takes bodies in one of the codings ${CODINGS}, or in none; got Content-Encoding: ${JSON.stringify(name.slice(0, 60))}.`,
  );
}

/** One body. See the top of the file. */
export class EncodedBody {
  readonly #coding: Coding;
  readonly #limit: number;
  readonly #sink: EncodedBodySink;
  readonly #decoder: Decoder;
  #chunks: Buffer[];
  #size: number;
  #isOver: boolean;

  /** @param limit of what comes out, in bytes */
  constructor(bytes: Buffer, coding: Coding, limit: number, sink: EncodedBodySink) {
    this.#coding = coding;
    this.#limit = limit;
    this.#sink = sink;
    this.#chunks = [];
    this.#size = 0;
    this.#isOver = false;
    this.#decoder = decoderOf(coding, bytes);
    this.#decoder.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#decoder.once('end', () => this.#onEnd());
    this.#decoder.on('error', (error) => this.#onError(error));
    this.#decoder.end(bytes);
  }

  /** Nobody wants it any more. Idempotent. */
  stop(): void {
    this.#isOver = true;
    this.#chunks = [];
    this.#decoder.destroy();
  }

  #onData(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#size += chunk.length;
    if (this.#size > this.#limit) {
      this.stop();
      this.#sink.bodyUndecodable(
        new ZscaleError(
          'EMSGSIZE',
          `A body may have ${this.#limit} bytes, also when it is decompressed (maxBodySize, maxMessageSize); this one has more.`,
        ),
      );
      return;
    }
    this.#chunks.push(chunk);
    this.#sink.bodyDecodes(chunk.length);
  }

  #onEnd(): void {
    if (this.#isOver) return;
    const bytes = Buffer.concat(this.#chunks, this.#size);
    this.stop();
    this.#sink.bodyDecoded(bytes);
  }

  #onError({ message }: Error): void {
    if (this.#isOver) return;
    this.stop();
    this.#sink.bodyUndecodable(
      new ZscaleError(
        'ZSCALE_ERR_DECODE',
        `The body is not ${this.#coding}, as its Content-Encoding says: ${message}.`,
      ),
    );
  }
}

function decoderOf(coding: Coding, bytes: Buffer): Decoder {
  switch (coding) {
    case 'gzip':
      return createGunzip();
    case 'br':
      return createBrotliDecompress() as unknown as Decoder; // it has no params(), which nobody here calls
    case 'deflate':
      return ((bytes[0] ?? ZLIB_METHOD) & 0x0f) === ZLIB_METHOD
        ? createInflate()
        : createInflateRaw();
  }
}
