/**
 * Tnetstrings: values as text that says its own length, which any language can read in a few lines.
 *
 * ```
 * SIZE:DATA TYPE      5:hello,   2:42#   4:true!   0:~   16:5:hello,5:world,]   11:4:name,1:x,}
 *                     bytes      integer boolean   null  list                   dictionary
 * ```
 *
 * Floats are `^`. Texts are written as UTF-8; what is read as bytes stays bytes, for nothing says which they are. Sizes, depth and
 * numbers are checked before anything is made of them.
 */
import { ZscaleError } from '../errors.ts';

/** What can be written. */
export type TnetValue =
  | Buffer
  | string
  | number
  | boolean
  | null
  | readonly TnetValue[]
  | { readonly [name: string]: TnetValue };

const COLON = 0x3a;
const MAX_SIZE_DIGITS = 9;
const MAX_DEPTH = 32;
const BYTES = ',';
const INTEGER = '#';
const FLOAT = '^';
const BOOLEAN = '!';
const NOTHING = '~';
const LIST = ']';
const DICTIONARY = '}';

/** @throws ZscaleError `ZSCALE_ERR_ENCODE` for numbers that are not finite */
export function encodeTnetstring(value: TnetValue): Buffer {
  const pieces: Buffer[] = [];
  write(value, pieces);
  return Buffer.concat(pieces);
}

/**
 * One value, to the last byte. Dictionaries become Maps, bytes views of `bytes`.
 *
 * @throws ZscaleError `ZSCALE_ERR_DECODE`
 */
export function decodeTnetstring(bytes: Buffer): unknown {
  const { value, end } = read(bytes, 0, bytes.length, 0);
  if (end !== bytes.length) refuse(`nothing behind the value`, `${bytes.length - end} bytes`);
  return value;
}

function write(value: TnetValue, pieces: Buffer[]): number {
  if (Buffer.isBuffer(value)) return piece(value, BYTES, pieces);
  switch (typeof value) {
    case 'string':
      return piece(Buffer.from(value), BYTES, pieces);
    case 'number':
      if (!Number.isFinite(value)) {
        throw new ZscaleError('ZSCALE_ERR_ENCODE', `A tnetstring has no number ${value}.`);
      }
      return piece(Buffer.from(String(value)), Number.isInteger(value) ? INTEGER : FLOAT, pieces);
    case 'boolean':
      return piece(Buffer.from(String(value)), BOOLEAN, pieces);
  }
  if (value === null) return piece(Buffer.alloc(0), NOTHING, pieces);
  const at = pieces.push(Buffer.alloc(0)) - 1;
  let size = 0;
  if (isList(value)) {
    for (const item of value) size += write(item, pieces);
  } else {
    for (const [name, item] of Object.entries(value)) {
      size += write(name, pieces) + write(item, pieces);
    }
  }
  const start = Buffer.from(`${size}:`);
  pieces[at] = start;
  pieces.push(Buffer.from(isList(value) ? LIST : DICTIONARY));
  return start.length + size + 1;
}

/** Array.isArray does not tell readonly ones apart. */
function isList(value: TnetValue): value is readonly TnetValue[] {
  return Array.isArray(value);
}

function piece(data: Buffer, type: string, pieces: Buffer[]): number {
  const start = Buffer.from(`${data.length}:`);
  pieces.push(start, data, Buffer.from(type));
  return start.length + data.length + 1;
}

interface Read {
  readonly value: unknown;
  readonly end: number;
}

function read(bytes: Buffer, start: number, limit: number, depth: number): Read {
  if (depth > MAX_DEPTH) refuse(`at most ${MAX_DEPTH} values in each other`, 'more');
  const colon = bytes.subarray(start, Math.min(limit, start + MAX_SIZE_DIGITS + 1)).indexOf(COLON);
  const digits = colon < 0 ? '' : bytes.toString('latin1', start, start + colon);
  if (!/^(0|[1-9]\d*)$/.test(digits)) {
    refuse('a size and a colon', JSON.stringify(bytes.toString('latin1', start, start + 12)));
  }
  const from = start + colon + 1;
  const to = from + Number(digits);
  if (to >= limit) refuse(`${digits} bytes and a type`, `${limit - from} bytes`);
  return { value: valueAt(bytes, from, to, depth), end: to + 1 };
}

function valueAt(bytes: Buffer, from: number, to: number, depth: number): unknown {
  const type = String.fromCharCode(bytes[to] ?? 0); // read() saw that it is there
  switch (type) {
    case BYTES:
      return bytes.subarray(from, to);
    case INTEGER:
    case FLOAT:
      return numberOf(bytes.toString('latin1', from, to), type);
    case BOOLEAN: {
      const text = bytes.toString('latin1', from, to);
      if (text !== 'true' && text !== 'false') refuse('true or false', JSON.stringify(text));
      return text === 'true';
    }
    case NOTHING:
      if (to > from) refuse('null without bytes', `${to - from} bytes`);
      return null;
    case LIST:
      return listOf(bytes, from, to, depth);
    case DICTIONARY:
      return dictionaryOf(listOf(bytes, from, to, depth));
    default:
      return refuse('one of the types , # ^ ! ~ ] }', JSON.stringify(type));
  }
}

function numberOf(text: string, type: string): number {
  const number = Number(text);
  const isSound = type === INTEGER ? /^-?\d+$/.test(text) : /^-?\d[\d.eE+-]*$/.test(text);
  if (!isSound || !Number.isFinite(number) || (type === INTEGER && !Number.isSafeInteger(number))) {
    refuse('a number', JSON.stringify(text.slice(0, 40)));
  }
  return number;
}

function listOf(bytes: Buffer, from: number, to: number, depth: number): unknown[] {
  const items: unknown[] = [];
  for (let at = from; at < to; ) {
    const { value, end } = read(bytes, at, to, depth + 1);
    items.push(value);
    at = end;
  }
  return items;
}

function dictionaryOf(items: readonly unknown[]): Map<string, unknown> {
  if (items.length % 2 !== 0) refuse('a value for each name', 'a name without one');
  const found = new Map<string, unknown>();
  for (let i = 0; i < items.length; i += 2) {
    const name = items[i];
    if (!Buffer.isBuffer(name)) refuse('bytes as a name', typeof name);
    found.set(name.toString(), items[i + 1]);
  }
  return found;
}

function refuse(expected: string, came: string): never {
  throw new ZscaleError('ZSCALE_ERR_DECODE', `A tnetstring should have ${expected}; got ${came}.`);
}
