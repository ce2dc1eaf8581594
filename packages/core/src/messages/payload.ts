/**
 * Payloads: the codec of a service by its name, and the codec msgpack.
 *
 * The MessagePack library is fast and trusting. So bytes are looked through before it decodes them
 * (body-scan.ts), and values that it would write wrongly or not at all are taken out of its hands
 * (sendable.ts). This is its only importer.
 */
import { types } from 'node:util';
import {
  Decoder,
  decodeTimestampExtension,
  Encoder,
  EXT_TIMESTAMP,
  ExtData,
  type ExtensionCodecType,
  encodeTimestampExtension,
} from '@msgpack/msgpack';
import type { ErrorReply } from '../errors.ts';
import type { CodecName } from '../options.ts';
import { MAX_DEPTH, scanMessagePack } from './body-scan.ts';
import { type Codec, isRecord, onlyFrame, refuseBody, refuseValue } from './codec.ts';
import { JsonCodec } from './json-codec.ts';
import { RawCodec } from './raw-codec.ts';
import { checkSendable, isMessagePackNative, toMessagePackData } from './sendable.ts';

export type { CodecName } from '../options.ts';
export type { Codec } from './codec.ts';

/** Makes the codec of that name. */
export function createCodec(name: CodecName): Codec {
  switch (name) {
    case 'msgpack':
      return new MessagePackCodec();
    case 'json':
      return new JsonCodec();
    case 'raw':
      return new RawCodec();
  }
}

/** MessagePack's extension type of an error reply. */
const ERROR_TYPE = 1;

/** The first byte of a lone surrogate written as if it were UTF-8; some Korean letters share it. */
const SURROGATE_LEAD = 0xed;

/** Larger messages leave no buffer of their size behind. */
const KEEP_BYTES = 1024 * 1024;

/** Dates are timestamps; whatever the library would write wrongly is thrown out of its hands. */
const EXTENSIONS: ExtensionCodecType<undefined> = {
  tryToEncode(value) {
    if (typeof value === 'object' && value !== null) {
      if (value instanceof ExtData) return value;
      if (isMessagePackNative(value)) return null;
      const timestamp = types.isDate(value) ? encodeTimestamp(value) : null;
      if (timestamp !== null) return new ExtData(EXT_TIMESTAMP, timestamp);
    }
    throw new TypeError(`MessagePack has no form for this ${typeof value}`);
  },
  decode(data) {
    const date = decodeTimestampExtension(data);
    if (Number.isNaN(date.getTime())) throw new RangeError('a timestamp is beyond any Date');
    return date;
  },
};

function encodeTimestamp(date: Date): Uint8Array | null {
  return Number.isNaN(date.getTime()) ? null : encodeTimestampExtension(date);
}

class MessagePackCodec implements Codec {
  readonly name = 'msgpack';
  /** Writes into one buffer of its own, again and again. */
  #encoder = createEncoder({ useBigInt64: false });
  readonly #decoder = createDecoder({ useBigInt64: false });

  encode(value: unknown): Buffer[] {
    return [this.#encodeAtOnce(value) ?? encodeWithCare(value)];
  }

  decode(body: Buffer[]): unknown {
    const frame = onlyFrame(body, this.name);
    try {
      const hasWideIntegers = scanMessagePack(frame);
      if (hasWideIntegers) {
        return narrowIntegers(createDecoder({ useBigInt64: true }).decode(frame));
      }
      // A decoder holds on to its last frame.
      const isLarge = frame.length > KEEP_BYTES;
      return (isLarge ? createDecoder({ useBigInt64: false }) : this.#decoder).decode(frame);
    } catch (error) {
      refuseBody(frame, 'MessagePack', error);
    }
  }

  encodeError(code: string, message: string): Buffer[] {
    const pair = Buffer.concat(this.encode([code, message]));
    return [Buffer.from(this.#encoder.encode(new ExtData(ERROR_TYPE, pair)))];
  }

  decodeError(body: Buffer[]): ErrorReply | undefined {
    const data = body.length === 1 && body[0] !== undefined ? errorData(body[0]) : undefined;
    if (data === undefined) return undefined;
    try {
      const pair = this.decode([data]);
      if (!Array.isArray(pair)) return undefined;
      const [code, message]: unknown[] = pair;
      return typeof code === 'string' && typeof message === 'string'
        ? { code, message }
        : undefined;
    } catch {
      // An extension of type 1 that holds something else: decode() says what is wrong with it.
      return undefined;
    }
  }

  /** Nearly every value goes this way; undefined for one that needs a closer look. */
  #encodeAtOnce(value: unknown): Buffer | undefined {
    try {
      const bytes = this.#encoder.encodeSharedRef(value);
      if (bytes.includes(SURROGATE_LEAD) && !isWellFormed(bytes)) return undefined;
      if (bytes.length <= KEEP_BYTES) return Buffer.from(bytes);
      this.#encoder = createEncoder({ useBigInt64: false });
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    } catch {
      // Whatever it was, encodeWithCare() meets it again and can say what it is and where.
      this.#encoder = createEncoder({ useBigInt64: false });
      return undefined;
    }
  }
}

function createEncoder({ useBigInt64 }: { useBigInt64: boolean }): Encoder {
  return new Encoder({
    extensionCodec: EXTENSIONS,
    useBigInt64,
    // A receiver sees no difference between an absent and an undefined property; null it would.
    ignoreUndefined: true,
    // The library counts what is in the innermost array too.
    maxDepth: MAX_DEPTH + 1,
  });
}

function createDecoder({ useBigInt64 }: { useBigInt64: boolean }): Decoder {
  return new Decoder({ extensionCodec: EXTENSIONS, useBigInt64, mapKeyConverter: toPropertyName });
}

/** Numbers as names are what an object makes of them anyway; it refuses anything else. */
function toPropertyName(key: unknown): string {
  if (typeof key === 'string') return key;
  if (typeof key === 'number' || typeof key === 'bigint') return String(key);
  throw new TypeError('a key of a map is neither a text nor a number');
}

/**
 * For values with bigints, `toJSON`, ArrayBuffers or lone surrogates, and those that cannot be
 * sent.
 */
function encodeWithCare(value: unknown): Buffer {
  try {
    checkSendable(value, 'msgpack');
    return Buffer.from(createEncoder({ useBigInt64: true }).encode(toMessagePackData(value)));
  } catch (error) {
    refuseValue('MessagePack', error);
  }
}

/** Whether all texts in a value we have just written are UTF-8. */
function isWellFormed(bytes: Uint8Array): boolean {
  try {
    scanMessagePack(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    return true;
  } catch {
    // The library wrote it, so nothing but a lone surrogate can be wrong with it; if it is too
    // large for a receiver, writing it again changes nothing.
    return false;
  }
}

/** Undoes the decoder's choice of bigint for integers that a number can hold. Changes `value`. */
function narrowIntegers(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = narrowIntegers(value[i]);
  } else if (isRecord(value) && !Buffer.isBuffer(value)) {
    for (const key of Object.keys(value)) value[key] = narrowIntegers(value[key]);
  }
  return value;
}

/** What is in a frame that is an extension of type 1 as a whole; undefined for any other frame. */
function errorData(frame: Buffer): Buffer | undefined {
  const first = frame[0] ?? 0;
  if (first >= 0xd4 && first <= 0xd8) {
    // fixext:  d4..d8  type  data (1, 2, 4, 8, 16 bytes)
    return frame[1] === ERROR_TYPE && frame.length === 2 + (1 << (first - 0xd4))
      ? frame.subarray(2)
      : undefined;
  }
  if (first < 0xc7 || first > 0xc9) return undefined;
  // ext:  c7..c9  length (1, 2, 4 bytes)  type  data
  const start = 2 + (1 << (first - 0xc7));
  return frame[start - 1] === ERROR_TYPE && frame.length === start + frame.readUIntBE(1, start - 2)
    ? frame.subarray(start)
    : undefined;
}
