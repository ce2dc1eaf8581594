/**
 * Writes a flat map of booleans, whole numbers and short texts as MessagePack, which is what a control frame is. A gateway sends one
 * with each request: the codec, which takes any value, needs three times as long.
 *
 *   81 a4 "more" c3      map of 1, text of 4, true
 */

/** What a control frame has in it. */
type Entry = boolean | number | string | undefined;

const FIXMAP = 0x80;
const FIXMAP_MAX = 15;
const FIXSTR = 0xa0;
const FIXSTR_MAX = 31;
const ASCII_MAX = 0x7f;
const FALSE = 0xc2;
const TRUE = 0xc3;
const UINT8 = 0xcc;
const UINT16 = 0xcd;
const UINT32 = 0xce;
const STR8 = 0xd9;
const STR16 = 0xda;
/** Room for a key, and the header of a value. */
const MARGIN_BYTES = 64;

/** Writes one map. */
export class ControlWriter {
  readonly #scratch: Buffer;
  #place: number;

  /** @param scratch is written to; the frame is a copy. */
  constructor(scratch: Buffer) {
    this.#scratch = scratch;
    this.#place = 1;
  }

  /** @returns undefined for what it does not know how to write, or has no room for */
  write(control: object): Buffer | undefined {
    let entries = 0;
    for (const key of Object.keys(control)) {
      const value: Entry = Reflect.get(control, key);
      if (value === undefined || !this.#text(key) || !this.#value(value)) return undefined;
      entries += 1;
    }
    if (entries > FIXMAP_MAX) return undefined;
    this.#scratch[0] = FIXMAP | entries;
    return Buffer.from(this.#scratch.subarray(0, this.#place));
  }

  #value(value: Exclude<Entry, undefined>): boolean {
    switch (typeof value) {
      case 'boolean':
        this.#byte(value ? TRUE : FALSE);
        return true;
      case 'number':
        return this.#number(value);
      case 'string':
        return this.#text(value);
      default:
        return false;
    }
  }

  #number(value: number): boolean {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) return false;
    if (value <= 0x7f) {
      this.#byte(value);
    } else if (value <= 0xff) {
      this.#byte(UINT8);
      this.#byte(value);
    } else if (value <= 0xffff) {
      this.#byte(UINT16);
      this.#place = this.#scratch.writeUInt16BE(value, this.#place);
    } else {
      this.#byte(UINT32);
      this.#place = this.#scratch.writeUInt32BE(value, this.#place);
    }
    return true;
  }

  /** Keys and ids are a few letters: written one by one they need a third of the time. */
  #text(text: string): boolean {
    const { length } = text;
    const start = this.#place;
    if (length > FIXSTR_MAX || start + length + MARGIN_BYTES > this.#scratch.length) {
      return this.#longText(text);
    }
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > ASCII_MAX) return this.#longText(text);
      this.#scratch[start + 1 + i] = code;
    }
    this.#scratch[start] = FIXSTR | length;
    this.#place = start + 1 + length;
    return true;
  }

  #longText(text: string): boolean {
    const bytes = Buffer.byteLength(text);
    if (this.#place + bytes + MARGIN_BYTES > this.#scratch.length) return false;
    if (bytes <= FIXSTR_MAX) {
      this.#byte(FIXSTR | bytes);
    } else if (bytes <= 0xff) {
      this.#byte(STR8);
      this.#byte(bytes);
    } else {
      this.#byte(STR16);
      this.#place = this.#scratch.writeUInt16BE(bytes, this.#place);
    }
    this.#place += this.#scratch.write(text, this.#place);
    return true;
  }

  #byte(value: number): void {
    this.#scratch[this.#place] = value;
    this.#place += 1;
  }
}
