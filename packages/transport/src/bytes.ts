/**
 * Views and small copies of bytes, as Buffers, several times quicker than by Buffer's own methods (docs/performance.md, "Bodies"):
 * Node makes a Buffer in 23 ns with the constructor that `subarray` uses inside, and takes 80 for `subarray` itself.
 */

type BufferConstructor = new (
  source: number | ArrayBufferLike,
  offset?: number,
  length?: number,
) => Buffer;

/** Undefined on a runtime whose Buffers are made in another way. */
const FastBuffer: BufferConstructor | undefined = findConstructor();

/** Typed arrays up to this size lie on the JavaScript heap; larger ones have memory of their own, which costs ten times as much. */
export const HEAP_BYTES = 64;
/** Below this a loop is quicker than a call of `set`. */
const LOOP_BYTES = 32;

/** A view of `source` from `start` to `stop`, which must lie in it. */
export function viewOf(source: Buffer, start: number, stop: number): Buffer {
  return FastBuffer === undefined
    ? source.subarray(start, stop)
    : new FastBuffer(source.buffer, source.byteOffset + start, stop - start);
}

/** A copy of the bytes of `source` from `start` to `stop`. Up to {@link HEAP_BYTES} it lies on the JavaScript heap, and keeps nothing else. */
export function copyOf(source: Buffer, start: number, stop: number): Buffer {
  const size = stop - start;
  if (FastBuffer === undefined || size > HEAP_BYTES)
    return Buffer.from(source.subarray(start, stop));
  const copy = new FastBuffer(size);
  if (size <= LOOP_BYTES) {
    for (let i = 0; i < size; i++) copy[i] = source[start + i] as number; // start + i < stop
  } else {
    copy.set(new FastBuffer(source.buffer, source.byteOffset + start, size));
  }
  return copy;
}

/** Buffers say by `Symbol.species` what makes them; it is used only if what it makes is a Buffer like any other. */
function findConstructor(): BufferConstructor | undefined {
  const species: unknown = Reflect.get(Buffer, Symbol.species);
  if (typeof species !== 'function' || species === Buffer) return undefined;
  try {
    const made: unknown = Reflect.construct(species, [new ArrayBuffer(2), 1, 1]);
    const isBuffer = Buffer.isBuffer(made) && Object.getPrototypeOf(made) === Buffer.prototype;
    return isBuffer && made.length === 1 && made.byteOffset === 1
      ? (species as BufferConstructor) // it was just tried
      : undefined;
  } catch {
    return undefined; // not a constructor of this kind
  }
}
