/**
 * What may be sent: plain data, and whatever says of itself how it is plain data (`toJSON`).
 *
 * Two walks over a user's value. `checkSendable` refuses what would be lost without a word (a Map,
 * a promise that nobody awaited, a function) and says where in the value it sits.
 * `toMessagePackData` rewrites the few things that the MessagePack library cannot write by itself.
 */
import { types } from 'node:util';
import { ZscaleError } from '../errors.ts';
import { MAX_DEPTH } from './body-scan.ts';

/** The codecs that send values; `raw` sends bytes. */
export type ValueFormat = 'msgpack' | 'json';

/** The integers MessagePack has a form for: int 64 and uint 64. */
const MIN_INT64 = -(2n ** 63n);
const MAX_UINT64 = 2n ** 64n - 1n;
/** Beyond these the MessagePack library, when told to write bigints, writes numbers as floats. */
const MIN_INT32 = -0x8000_0000;
const MAX_UINT32 = 0xffff_ffff;

/** The first thing in a value that cannot be sent; the path grows on the way back from it. */
interface Fault {
  readonly path: string;
  readonly what: string;
  readonly advice: string;
}

/** What a handler of values cannot answer with, but an application of HTTP can. */
const STREAM_ADVICE =
  'send what it gives, or answer over HTTP by an application: export { fetch } or a listener (req, res)';
const RESPONSE_ADVICE =
  'send the value alone, or export { fetch }: then the service speaks HTTP, and answers with Responses';

/** Objects that both formats would write as `{}`. */
const UNSENDABLE: readonly { is(value: object): boolean; what: string; advice: string }[] = [
  { is: isThenable, what: 'a promise', advice: 'await it first' },
  { is: types.isMap, what: 'a Map', advice: 'send Object.fromEntries(map)' },
  { is: types.isSet, what: 'a Set', advice: 'send [...set]' },
  { is: types.isNativeError, what: 'an Error', advice: 'throw it, or send its message' },
  { is: types.isRegExp, what: 'a RegExp', advice: 'send its source' },
  { is: types.isBoxedPrimitive, what: 'a boxed primitive', advice: 'send its valueOf()' },
  { is: isOfWeb('ReadableStream'), what: 'a ReadableStream', advice: STREAM_ADVICE },
  { is: isAsyncIterable, what: 'a stream (it is async iterable)', advice: STREAM_ADVICE },
  { is: isOfWeb('Response'), what: 'a Response', advice: RESPONSE_ADVICE },
  { is: isOfWeb('Request'), what: 'a Request', advice: 'send the values that are in it' },
  { is: isOfWeb('Headers'), what: 'Headers', advice: 'send Object.fromEntries(headers)' },
  { is: isOfWeb('FormData'), what: 'FormData', advice: 'send Object.fromEntries(form)' },
  { is: isOfWeb('Blob'), what: 'a Blob', advice: 'send its bytes: await blob.arrayBuffer()' },
  {
    is: isOfWeb('URLSearchParams'),
    what: 'URLSearchParams',
    advice: 'send String(params), or Object.fromEntries(params)',
  },
  { is: types.isGeneratorObject, what: 'a generator', advice: 'send [...generator]' },
  { is: types.isWeakMap, what: 'a WeakMap', advice: 'leave it out' },
  { is: types.isWeakSet, what: 'a WeakSet', advice: 'leave it out' },
];

/**
 * Refuses a value that cannot be sent whole.
 *
 * `undefined` is fine: as a property it is left out, elsewhere it is sent as null, as JSON does.
 * What a `toJSON` method would return is not looked at.
 *
 * @throws ZscaleError `ZSCALE_ERR_ENCODE`: where in the value it sits, what it is, what to do. Also
 *   throws whatever a getter in the value throws.
 */
export function checkSendable(value: unknown, format: ValueFormat): void {
  const found = findFault(value, format, 1);
  if (found !== undefined) {
    throw new ZscaleError(
      'ZSCALE_ERR_ENCODE',
      `value${found.path} is ${found.what} and cannot be sent; ${found.advice}.`,
    );
  }
}

function findFault(value: unknown, format: ValueFormat, depth: number): Fault | undefined {
  switch (typeof value) {
    case 'object':
      return value === null ? undefined : findFaultInObject(value, format, depth);
    case 'function':
      return fault('a function', 'leave it out, or send what it returns');
    case 'symbol':
      return fault('a symbol', 'send a string in its place');
    case 'bigint':
      return findFaultOfBigInt(value, format);
    default:
      return undefined;
  }
}

function findFaultInObject(value: object, format: ValueFormat, depth: number): Fault | undefined {
  if (depth > MAX_DEPTH) {
    return fault(
      `nested more than ${MAX_DEPTH} deep (does it contain itself?)`,
      'send a flatter value, and ids in place of references',
    );
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const found = findFault(value[i], format, depth + 1);
      if (found !== undefined) return { ...found, path: `[${i}]${found.path}` };
    }
    return undefined;
  }
  if (!isPlain(value)) {
    if (types.isDate(value)) return findFaultOfDate(value);
    if (isBytes(value)) return findFaultOfBytes(format);
    if (hasToJson(value)) return undefined;
    const kind = UNSENDABLE.find(({ is }) => is(value));
    if (kind !== undefined) return fault(kind.what, kind.advice);
  } else if (hasToJson(value)) {
    return undefined;
  }
  for (const [key, item] of Object.entries(value)) {
    const found = findFault(item, format, depth + 1);
    if (found !== undefined) return { ...found, path: `${step(key)}${found.path}` };
  }
  return undefined;
}

function findFaultOfBigInt(value: bigint, format: ValueFormat): Fault | undefined {
  if (format === 'json') {
    return fault('a bigint, which JSON has no form for', 'send a string, or use codec msgpack');
  }
  return value < MIN_INT64 || value > MAX_UINT64
    ? fault('a bigint of more than 64 bits', 'send a string in its place')
    : undefined;
}

function findFaultOfDate(value: Date): Fault | undefined {
  return Number.isNaN(value.getTime())
    ? fault('an invalid Date', 'send null or leave it out')
    : undefined;
}

function findFaultOfBytes(format: ValueFormat): Fault | undefined {
  return format === 'json'
    ? fault('bytes, which JSON has no form for', 'send base64 text, or use codec msgpack or raw')
    : undefined;
}

function fault(what: string, advice: string): Fault {
  return { path: '', what, advice };
}

/** `.name`, or `["a name"]` where JavaScript would want it so. */
function step(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

/**
 * Whether the MessagePack library, told not to write bigints, writes this object as it should.
 * Anything else is for {@link checkSendable} and {@link toMessagePackData}. Arrays count as such;
 * dates are an extension and none of them.
 */
export function isMessagePackNative(value: object): boolean {
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return true;
  if (hasToJson(value)) return false;
  return isPlain(value) || !(isBytes(value) || UNSENDABLE.some(({ is }) => is(value)));
}

/**
 * Rewrites a value so that the MessagePack library, told to write bigints, writes every part of it
 * in the right form: whole numbers as integers, the smallest form that holds them; lone surrogates
 * as U+FFFD, so that texts are UTF-8; ArrayBuffers as bytes; objects with a `toJSON` as what it
 * returns.
 *
 * @param value - passed {@link checkSendable} for msgpack; not changed
 * @throws whatever a `toJSON` throws, or ZscaleError `ZSCALE_ERR_ENCODE` for what it returns
 */
export function toMessagePackData(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return toWellFormed(value);
    case 'number':
      return Number.isSafeInteger(value) && (value < MIN_INT32 || value > MAX_UINT32)
        ? BigInt(value)
        : value;
    case 'bigint':
      return value >= MIN_INT32 && value <= MAX_UINT32 ? Number(value) : value;
    case 'object':
      return value === null ? null : toMessagePackObject(value);
    default:
      return value;
  }
}

function toMessagePackObject(value: object): unknown {
  if (Array.isArray(value)) return value.map(toMessagePackData);
  if (types.isDate(value) || ArrayBuffer.isView(value)) return value;
  if (types.isAnyArrayBuffer(value)) return Buffer.from(value);
  if (hasToJson(value)) {
    const data = value.toJSON();
    checkSendable(data, 'msgpack');
    return toMessagePackData(data);
  }
  // Without a prototype, so that a key named __proto__ is a key and nothing else.
  const copy: Record<string, unknown> = Object.create(null);
  for (const [key, item] of Object.entries(value)) {
    copy[toWellFormed(key)] = toMessagePackData(item);
  }
  return copy;
}

/** What String.prototype.toWellFormed does, for runtimes and type libraries that lack it. */
function toWellFormed(text: string): string {
  return Buffer.from(text).toString();
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isBytes(value: object): boolean {
  return ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value);
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function';
}

/** Streams of Node and of the web, async generators, sockets of ours. */
function isAsyncIterable(value: object): boolean {
  return Symbol.asyncIterator in value;
}

/** By its tag: to look at the classes themselves would load all of fetch, and other libraries have classes of their own. */
function isOfWeb(tag: string): (value: object) => boolean {
  return (value) => Symbol.toStringTag in value && value[Symbol.toStringTag] === tag;
}

/** Whether it is a promise, whoever made it. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null &&
    (typeof value === 'object' || typeof value === 'function') &&
    'then' in value &&
    typeof value.then === 'function'
  );
}
