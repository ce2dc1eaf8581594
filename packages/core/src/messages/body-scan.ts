/**
 * A first look at the bytes of a body, before anything is built from them.
 *
 * A few bytes can claim four billion elements, nest without end, or become fifty times their size
 * in memory. These scans walk over an encoded value without building it and refuse what lies about
 * its length or exceeds a limit, so that the decoders behind them only ever meet harmless bytes.
 * They take one pass and no memory that grows with the body.
 *
 * MessagePack: https://github.com/msgpack/msgpack/blob/master/spec.md. JSON: RFC 8259.
 */
import { isUtf8 } from 'node:buffer';
import { ZscaleError } from '../errors.ts';

/** How deep arrays and maps may nest, in every codec and in both directions. */
export const MAX_DEPTH = 100;

/**
 * How many values one body may hold, keys included. Four million empty maps are 4 MiB on the wire
 * and 270 MB as objects; the 64 million that the default `maxMessageSize` has room for would end
 * any process.
 */
export const MAX_VALUES = 4_194_304;

/** The only MessagePack extension that is a value; 1 is an error reply and never part of one. */
const TIMESTAMP_TYPE = -1;

/** Up to this length a loop finds a text to be ASCII faster than a call out of JavaScript does. */
const SHORT_TEXT_BYTES = 32;

/** Beyond it an integer does not fit a JavaScript number: the high word of 2^53. */
const UNSAFE_HIGH_WORD = 0x20_0000;

/**
 * Walks over one MessagePack value.
 *
 * @returns whether it holds an integer that only a bigint can represent
 * @throws ZscaleError `ZSCALE_ERR_DECODE` when the bytes are not exactly one well-formed value,
 *   claim more than there is, exceed {@link MAX_DEPTH} or {@link MAX_VALUES}, or hold a text that
 *   is not UTF-8 or an extension that is no timestamp
 */
export function scanMessagePack(body: Buffer): boolean {
  return new MessagePackScan(body).run();
}

class MessagePackScan {
  readonly #body: Buffer;
  /** Values still to come in each array and map around the current one, the outermost first. */
  readonly #around: number[] = [];
  #position = 0;
  /** Values still to come in the current array or map; at first, the one value of the body. */
  #left = 1;
  /** Values still to come in all of them; each takes a byte at least. */
  #due = 1;
  #values = 1;
  #hasWideIntegers = false;

  constructor(body: Buffer) {
    this.#body = body;
  }

  run(): boolean {
    while (this.#due > 0) {
      while (this.#left === 0) this.#left = this.#around.pop() ?? 0;
      this.#left -= 1;
      this.#due -= 1;
      this.#value(this.#unsigned(1));
    }
    const rest = this.#body.length - this.#position;
    if (rest > 0) refuse(`${rest} of ${this.#body.length} bytes follow the end of the value`);
    return this.#hasWideIntegers;
  }

  /**
   * Steps over what follows a first byte, in the order of the table "Formats, overview". The short
   * ones (fixint, fixmap, fixarray, fixstr) have their number or length in that byte.
   */
  #value(first: number): void {
    if (first < 0x80 || first >= 0xe0) return;
    if (first < 0x90) this.#open((first & 0x0f) * 2);
    else if (first < 0xa0) this.#open(first & 0x0f);
    else if (first < 0xc0) this.#text(first & 0x1f);
    else this.#longValue(first);
  }

  /** Of one kind each next format has twice the bytes, hence the shifts. */
  #longValue(first: number): void {
    switch (first) {
      case 0xc0: // nil
      case 0xc2: // false
      case 0xc3: // true
        break;
      case 0xc4: // bin 8, 16, 32
      case 0xc5:
      case 0xc6:
        this.#skip(this.#unsigned(1 << (first - 0xc4)));
        break;
      case 0xc7: // ext 8, 16, 32
      case 0xc8:
      case 0xc9:
        this.#extension(this.#unsigned(1 << (first - 0xc7)));
        break;
      case 0xca: // float 32, 64
      case 0xcb:
        this.#skip(4 << (first - 0xca));
        break;
      case 0xcc: // uint 8, 16, 32
      case 0xcd:
      case 0xce:
        this.#skip(1 << (first - 0xcc));
        break;
      case 0xcf: // uint 64
        this.#wideInteger(this.#unsigned(4));
        break;
      case 0xd0: // int 8, 16, 32
      case 0xd1:
      case 0xd2:
        this.#skip(1 << (first - 0xd0));
        break;
      case 0xd3: // int 64
        this.#wideInteger(this.#unsigned(4) | 0);
        break;
      case 0xd4: // fixext 1, 2, 4, 8, 16
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        this.#extension(1 << (first - 0xd4));
        break;
      case 0xd9: // str 8, 16, 32
      case 0xda:
      case 0xdb:
        this.#text(this.#unsigned(1 << (first - 0xd9)));
        break;
      case 0xdc: // array 16, 32
      case 0xdd:
        this.#open(this.#unsigned(2 << (first - 0xdc)));
        break;
      case 0xde: // map 16, 32
      case 0xdf:
        this.#open(this.#unsigned(2 << (first - 0xde)) * 2);
        break;
      default:
        refuse(`MessagePack has no value that starts with 0x${first.toString(16)}`);
    }
  }

  /** An array or map of so many values (a map's keys are values too) begins. */
  #open(count: number): void {
    this.#due += count;
    this.#values += count;
    if (this.#due > this.#body.length - this.#position) this.#refuseTruncated();
    if (this.#values > MAX_VALUES) refuseTooMany();
    // The body itself stands at the bottom of #around, hence the value at depth n has n entries
    // below.
    if (this.#around.push(this.#left) > MAX_DEPTH) refuseTooDeep();
    this.#left = count;
  }

  #text(length: number): void {
    const start = this.#position;
    this.#skip(length);
    if (!isText(this.#body, start, this.#position)) {
      refuse('a text in it is not UTF-8; send other bytes as bin');
    }
  }

  #extension(length: number): void {
    const type = (this.#unsigned(1) << 24) >> 24;
    this.#skip(length);
    if (type !== TIMESTAMP_TYPE) {
      refuse(
        `extension type ${type} is unknown; ${TIMESTAMP_TYPE} (timestamp) is the only one here`,
      );
    }
    if (length !== 4 && length !== 8 && length !== 12) {
      refuse(`a timestamp has 4, 8 or 12 bytes, this one ${length}`);
    }
  }

  /** Of a 64-bit integer the high word has been read; `high` is negative where the integer is. */
  #wideInteger(high: number): void {
    const low = this.#unsigned(4);
    if (
      high >= UNSAFE_HIGH_WORD ||
      high < -UNSAFE_HIGH_WORD ||
      (high === -UNSAFE_HIGH_WORD && low === 0)
    ) {
      this.#hasWideIntegers = true;
    }
  }

  /** Reads 1, 2 or 4 bytes. */
  #unsigned(bytes: number): number {
    const start = this.#position;
    this.#skip(bytes);
    switch (bytes) {
      case 1:
        return this.#body.readUInt8(start);
      case 2:
        return this.#body.readUInt16BE(start);
      default:
        return this.#body.readUInt32BE(start);
    }
  }

  #skip(bytes: number): void {
    this.#position += bytes;
    if (this.#position > this.#body.length) this.#refuseTruncated();
  }

  #refuseTruncated(): never {
    refuse(`the body ends after ${this.#body.length} bytes, in the middle of a value`);
  }
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Walks over a JSON text. Whether it is well-formed is for the parser to say.
 *
 * @throws ZscaleError `ZSCALE_ERR_DECODE` when the bytes are not UTF-8 or the value exceeds
 *   {@link MAX_DEPTH} or {@link MAX_VALUES}
 */
export function scanJson(body: Buffer): void {
  if (!isUtf8(body)) refuse('the body is not UTF-8, as JSON must be');
  let depth = 0;
  let values = 1;
  let inText = false;
  for (let i = 0; i < body.length; i++) {
    const byte = body[i];
    if (inText) {
      if (byte === QUOTE) inText = false;
      else if (byte === BACKSLASH) i++;
      continue;
    }
    switch (byte) {
      case QUOTE:
        inText = true;
        break;
      case OPEN_BRACKET:
      case OPEN_BRACE:
        depth += 1;
        values += 1;
        if (depth > MAX_DEPTH) refuseTooDeep();
        break;
      case CLOSE_BRACKET:
      case CLOSE_BRACE:
        depth -= 1;
        break;
      case COMMA:
      case COLON:
        values += 1;
        break;
    }
  }
  if (values > MAX_VALUES) refuseTooMany();
}

function isText(body: Buffer, start: number, end: number): boolean {
  let i = start;
  if (end - start <= SHORT_TEXT_BYTES) {
    while (i < end && (body[i] ?? 0) < 0x80) i++;
    if (i === end) return true;
  }
  return isUtf8(body.subarray(i, end));
}

function refuseTooDeep(): never {
  refuse(`arrays and maps nest more than ${MAX_DEPTH} deep; send a flatter value`);
}

function refuseTooMany(): never {
  refuse(
    `it holds more than ${MAX_VALUES} values; send it in parts, or long lists of numbers as bytes`,
  );
}

function refuse(reason: string): never {
  throw new ZscaleError('ZSCALE_ERR_DECODE', reason);
}
