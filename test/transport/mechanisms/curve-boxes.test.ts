/*
 * The boxes of CURVE's traffic: those of libsodium are those of @noble/ciphers and of a published vector, and what was changed does
 * not open. Afterwards nothing of them is left in the memory that all connections share.
 */
import fc from 'fast-check';
// @ts-expect-error: there are no types of it.
import makeLibrary from 'libsodium';
import { beforeAll, describe, expect, it } from 'vitest';
import { seal } from '../../../packages/transport/src/mechanisms/curve/boxes.ts';
import { nonceOf } from '../../../packages/transport/src/mechanisms/curve/nonces.ts';
import {
  type Library,
  loadSodium,
  MAX_CONTENT_BYTES,
  Sodium,
} from '../../../packages/transport/src/mechanisms/curve/sodium.ts';
import { TrafficBoxes } from '../../../packages/transport/src/mechanisms/curve/traffic-boxes.ts';
import { hex } from '../../support/hex.ts';

const PREFIX = 'CurveZMQMESSAGEC';
const COUNTER_BYTES = 8;
const MAC_BYTES = 16;

/** NaCl's own example of a box (tests/secretbox.c). */
const NACL = {
  key: '1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389',
  nonce: '69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37',
  content:
    'be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c6129' +
    '6cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde' +
    '048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705',
  box:
    'f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186a' +
    'c0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae' +
    '90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74' +
    'e355a5',
};

/** Bytes that look random, the same each time. */
function bytes(length: number, seed: number): Buffer {
  const made = Buffer.alloc(length);
  let state = seed + 1;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    made[i] = state >>> 16;
  }
  return made;
}

interface Given {
  readonly key: Buffer;
  readonly prefix: string;
  readonly counter: Buffer;
  readonly content: Buffer;
}

const given = (length: number): Given => ({
  key: bytes(32, length),
  prefix: PREFIX,
  counter: bytes(COUNTER_BYTES, length + 1),
  content: bytes(length, length + 2),
});

const anyBytes = (minLength: number, maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength, maxLength, size: 'max' }).map((array) => Buffer.from(array));

const anyGiven = (maxLength: number): fc.Arbitrary<Given> =>
  fc.record({
    key: anyBytes(32, 32),
    prefix: anyBytes(16, 16).map((prefix) => prefix.toString('latin1')),
    counter: anyBytes(COUNTER_BYTES, COUNTER_BYTES),
    content: anyBytes(1, maxLength),
  });

/** Counter and box, written into the middle of other bytes, which must stay. */
function sealed(boxes: TrafficBoxes, { counter, content }: Given): Buffer {
  const [before, after] = [5, 7];
  const length = COUNTER_BYTES + MAC_BYTES + content.length;
  const target = Buffer.alloc(before + length + after, 0xee);
  counter.copy(target, before);
  boxes.seal(content[0] ?? 0, content.subarray(1), target, before);
  const around = [target.subarray(0, before), target.subarray(before + length)];
  expect(Buffer.concat(around).every((byte) => byte === 0xee)).toBe(true);
  return target.subarray(before, before + length);
}

/** The same by @noble/ciphers. */
function expectedSeal({ key, prefix, counter, content }: Given): Buffer {
  return Buffer.concat([counter, seal(key, nonceOf(prefix, counter), content)]);
}

function flipped(message: Buffer, bit: number): Buffer {
  const forged = Buffer.from(message);
  forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return forged;
}

const library: Library = await makeLibrary({ getRandomValue: () => 0 });
const sodium = Promise.resolve(new Sodium(library));

/** Boxes of libsodium's. */
async function sodiumBoxes({ key, prefix }: Pick<Given, 'key' | 'prefix'>): Promise<TrafficBoxes> {
  const boxes = new TrafficBoxes(key, prefix, sodium);
  await sodium;
  return boxes;
}

/** The same without libsodium. */
async function portableBoxes({
  key,
  prefix,
}: Pick<Given, 'key' | 'prefix'>): Promise<TrafficBoxes> {
  return new TrafficBoxes(key, prefix, Promise.resolve(undefined));
}

async function expectSame(box: Given): Promise<void> {
  const boxes = await sodiumBoxes(box);
  const expected = expectedSeal(box);
  expect(sealed(boxes, box).equals(expected), `${box.content.length} bytes`).toBe(true);
  const opened = boxes.open(expected, 0);
  expect(opened?.equals(box.content), `${box.content.length} bytes`).toBe(true);
}

describe('libsodium', () => {
  it('is loaded once in a thread', async () => {
    expect(await loadSodium()).toBeInstanceOf(Sodium);
    expect(loadSodium()).toBe(loadSodium());
  });

  it('makes and opens the boxes of @noble/ciphers, for every length up to 600 and around powers of two', async () => {
    for (let length = 1; length <= 600; length += 1) await expectSame(given(length));
    for (let power = 10; power <= 16; power += 1) {
      for (let more = -2; more <= 2; more += 1) await expectSame(given(2 ** power + more));
    }
  });

  it('makes and opens the boxes of @noble/ciphers with any key, nonce and content', async () => {
    await fc.assert(fc.asyncProperty(anyGiven(5001), expectSame));
  });

  it('makes and opens the box that NaCl gives as an example', async () => {
    const nonce = hex(NACL.nonce);
    const box = {
      key: hex(NACL.key),
      prefix: nonce.toString('latin1', 0, 16),
      counter: nonce.subarray(16),
      content: hex(NACL.content),
    };
    const boxes = await sodiumBoxes(box);
    const message = sealed(boxes, box);
    expect(message.toString('hex', COUNTER_BYTES)).toBe(NACL.box);
    expect(boxes.open(message, 0)?.toString('hex')).toBe(NACL.content);
  });

  it('leaves contents that are too large for its memory to @noble/ciphers, and its memory as it was', async () => {
    const size = library.HEAPU8.buffer.byteLength;
    await expectSame(given(MAX_CONTENT_BYTES));
    await expectSame(given(MAX_CONTENT_BYTES + 1));
    await expectSame(given(3 * MAX_CONTENT_BYTES));
    expect(library.HEAPU8.buffer.byteLength).toBe(size);
  });

  it.each([1, 64, 65, 1025, 100_000])(
    'has nothing in its memory of a box of %d bytes that it made, opened or refused',
    async (length) => {
      const box = given(length);
      const boxes = await sodiumBoxes(box);
      const secrets = [box.key, box.content.subarray(0, 32)].filter(({ length }) => length >= 16);
      const isWiped = (): boolean => {
        const memory = Buffer.from(library.HEAPU8.buffer);
        return secrets.every((secret) => !memory.includes(secret));
      };
      const message = sealed(boxes, box);
      expect(isWiped()).toBe(true);
      expect(boxes.open(message, 0)).toBeDefined();
      expect(isWiped()).toBe(true);
      expect(boxes.open(flipped(message, message.length * 8 - 1), 0)).toBeUndefined();
      expect(isWiped()).toBe(true);
    },
  );

  it('does not give views of its memory', async () => {
    for (const length of [10, 1000]) {
      const box = given(length);
      const content = (await sodiumBoxes(box)).open(expectedSeal(box), 0);
      await expectSame(given(2 * length));
      expect(content?.equals(box.content)).toBe(true);
    }
  });

  it('finds its memory again after it has grown', async () => {
    const before = library.HEAPU8.buffer;
    const address = library._malloc(before.byteLength);
    expect(address).not.toBe(0);
    expect(library.HEAPU8.buffer).not.toBe(before);
    await expectSame(given(1000));
  });
});

describe.each([
  ['libsodium', sodiumBoxes],
  ['@noble/ciphers', portableBoxes],
])('boxes of %s', (_, boxesOf) => {
  const box = given(200);
  const message = expectedSeal(box);
  let boxes: TrafficBoxes;

  beforeAll(async () => {
    boxes = await boxesOf(box);
  });

  it('open', () => {
    expect(boxes.open(message, 0)?.equals(box.content)).toBe(true);
    expect(sealed(boxes, box).equals(message)).toBe(true);
  });

  it('do not open with any bit of them or of their nonce turned over', () => {
    for (let bit = 0; bit < message.length * 8; bit += 1)
      expect(boxes.open(flipped(message, bit), 0), `bit ${bit}`).toBeUndefined();
  });

  it('do not open with another key, cut short or with more behind them', async () => {
    for (let length = 0; length < message.length; length += 1)
      expect(boxes.open(message.subarray(0, length), 0)).toBeUndefined();
    expect(boxes.open(Buffer.concat([message, hex('00')]), 0)).toBeUndefined();
    for (let bit = 0; bit < 256; bit += 1) {
      const others = await boxesOf({ key: flipped(box.key, bit), prefix: PREFIX });
      expect(others.open(message, 0)).toBeUndefined();
    }
  });

  it('do not depend on the key that was given, which may be wiped', async () => {
    const key = Buffer.from(box.key);
    const others = await boxesOf({ key, prefix: PREFIX });
    key.fill(0);
    expect(others.open(message, 0)?.equals(box.content)).toBe(true);
  });

  it('do not open once they are closed', async () => {
    const others = await boxesOf(box);
    others.close();
    expect(others.open(message, 0)).toBeUndefined();
  });
});

describe('boxes of traffic', () => {
  it('go on as they were when libsodium comes', async () => {
    const box = given(300);
    let come: (sodium: Sodium | undefined) => void = () => {};
    const coming = new Promise<Sodium | undefined>((resolve) => {
      come = resolve;
    });
    const boxes = new TrafficBoxes(box.key, box.prefix, coming);
    const before = sealed(boxes, box);
    come(await sodium);
    await coming;
    expect(sealed(boxes, box).equals(before)).toBe(true);
    expect(boxes.open(before, 0)?.equals(box.content)).toBe(true);
  });
});
