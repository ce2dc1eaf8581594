/** Arbitrary bytes, and bytes that were right before something happened to them. */

import fc from 'fast-check';

/** Up to `maxLength` bytes. */
export function bytes(maxLength: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
}

/** Bodies as they matter to framing: mostly short, now and then around the limit of the short form, or long. */
export const body: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 8, arbitrary: bytes(12) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.integer({ min: 250, max: 600 }), fc.nat(255)).map(filled),
  },
);

/** A body of a length, all of one byte: its content is of no interest. */
export function filled([length, byte]: readonly [number, number]): Buffer {
  return Buffer.alloc(length, byte);
}

/** Sizes of chunks; see {@link cutBytes}. */
export const cuts: fc.Arbitrary<readonly number[]> = fc.oneof(
  fc.constant([]),
  fc.constant([1]),
  fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 6 }),
);

/** `whole` in chunks of these sizes, again and again; in one chunk for no sizes. */
export function cutBytes(whole: Buffer, sizes: readonly number[]): Buffer[] {
  if (sizes.length === 0) return whole.length > 0 ? [whole] : [];
  const chunks: Buffer[] = [];
  let offset = 0;
  for (let i = 0; offset < whole.length; i++) {
    const size = sizes[i % sizes.length] ?? whole.length;
    chunks.push(whole.subarray(offset, offset + size));
    offset += size;
  }
  return chunks;
}

/** Something that happens to one unit (a frame, or a part of a greeting) of a conversation. */
export type Mutation =
  | { readonly kind: 'flip'; readonly at: number; readonly offset: number; readonly xor: number }
  | {
      readonly kind: 'insert';
      readonly at: number;
      readonly offset: number;
      readonly bytes: Buffer;
    }
  | {
      readonly kind: 'delete';
      readonly at: number;
      readonly offset: number;
      readonly count: number;
    }
  | { readonly kind: 'truncate'; readonly at: number; readonly offset: number }
  | { readonly kind: 'duplicate'; readonly at: number }
  | { readonly kind: 'drop'; readonly at: number }
  | { readonly kind: 'swap'; readonly at: number }
  | { readonly kind: 'before'; readonly at: number; readonly bytes: Buffer };

/** One mutation. @param at of which unit. @param unit what a whole foreign unit may look like. */
export function mutation(
  at: fc.Arbitrary<number>,
  unit: fc.Arbitrary<Buffer>,
): fc.Arbitrary<Mutation> {
  // Offsets count modulo the unit's length. Half of them hit a header or a name.
  const offset = fc.oneof(fc.nat(12), fc.nat(300));
  const kind = fc.constant;
  return fc.oneof(
    fc.record({ kind: kind('flip' as const), at, offset, xor: fc.integer({ min: 1, max: 255 }) }),
    fc.record({
      kind: kind('insert' as const),
      at,
      offset,
      bytes: bytes(20).filter((b) => b.length > 0),
    }),
    fc.record({
      kind: kind('delete' as const),
      at,
      offset,
      count: fc.integer({ min: 1, max: 20 }),
    }),
    fc.record({ kind: kind('truncate' as const), at, offset }),
    fc.record({ kind: kind('duplicate' as const), at }),
    fc.record({ kind: kind('drop' as const), at }),
    fc.record({ kind: kind('swap' as const), at }),
    {
      weight: 2,
      arbitrary: fc.record({ kind: kind('before' as const), at, bytes: unit }),
    },
  );
}

/** Does the mutations to a conversation as it comes, unit by unit. */
export class Mutator {
  readonly #mutations: readonly Mutation[];
  #count = 0;
  /** Waits for the unit that is to come before it. */
  #held: Buffer | undefined = undefined;
  /** Whether anything that came out differs from what came in. */
  changed = false;

  constructor(mutations: readonly Mutation[]) {
    this.#mutations = mutations;
  }

  /** The next unit; what is to be passed on instead, in order. */
  pass(unit: Buffer): Buffer[] {
    const at = this.#count;
    this.#count += 1;
    let units: Buffer[] = [unit];
    let swaps = false;
    for (const each of this.#mutations) {
      if (each.at !== at) continue;
      if (each.kind === 'swap') swaps = true;
      else units = this.#apply(units, each);
    }
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) {
      this.changed = true;
      units.push(held);
    } else if (swaps) {
      this.#held = units.pop();
    }
    return units;
  }

  /** What is still held when nothing more comes. */
  rest(): Buffer[] {
    const held = this.#held;
    this.#held = undefined;
    return held === undefined ? [] : [held];
  }

  #apply(units: Buffer[], mutation: Exclude<Mutation, { kind: 'swap' }>): Buffer[] {
    if (mutation.kind === 'before') {
      if (mutation.bytes.length > 0) this.changed = true;
      return [mutation.bytes, ...units];
    }
    const last = units.at(-1);
    if (last === undefined) return units;
    const others = units.slice(0, -1);
    if (mutation.kind === 'duplicate') {
      this.changed = true;
      return [...others, last, last];
    }
    if (mutation.kind === 'drop') {
      this.changed = true;
      return others;
    }
    const changed = mutated(last, mutation);
    if (!changed.equals(last)) this.changed = true;
    return [...others, changed];
  }
}

/** A copy of `unit` with one thing wrong in it. */
export function mutated(
  unit: Buffer,
  mutation: Extract<Mutation, { kind: 'flip' | 'insert' | 'delete' | 'truncate' }>,
): Buffer {
  const at = mutation.offset % Math.max(1, unit.length);
  switch (mutation.kind) {
    case 'flip': {
      const copy = Buffer.from(unit);
      copy[at] = (copy[at] ?? 0) ^ mutation.xor;
      return copy;
    }
    case 'insert':
      return Buffer.concat([unit.subarray(0, at), mutation.bytes, unit.subarray(at)]);
    case 'delete':
      return Buffer.concat([unit.subarray(0, at), unit.subarray(at + mutation.count)]);
    case 'truncate':
      return Buffer.from(unit.subarray(0, at));
  }
}
