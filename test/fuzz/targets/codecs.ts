/** The small codecs: commands, metadata, greetings, subscriptions, and what is carried between threads. */

import { deepStrictEqual, strictEqual } from 'node:assert';
import fc from 'fast-check';
import {
  decodePlainHello,
  encodePlainHello,
} from '../../../packages/transport/src/mechanisms/plain-commands.ts';
import { decodeErrorReason } from '../../../packages/transport/src/mechanisms/refusals.ts';
import {
  encodeSubscription,
  isSubscription,
  topicOf,
} from '../../../packages/transport/src/pipes/subscription-message.ts';
import { Slab } from '../../../packages/transport/src/slab.ts';
import {
  type CarriedMessages,
  packMessage,
  unpackMessages,
} from '../../../packages/transport/src/transports/inproc/inproc-carried.ts';
import {
  decodeCommand,
  decodePing,
  encodeCommand,
  encodePing,
  encodePong,
} from '../../../packages/transport/src/wire/command.ts';
import { Encoder, encodeFrame } from '../../../packages/transport/src/wire/encoder.ts';
import { decodeGreeting, encodeGreeting } from '../../../packages/transport/src/wire/greeting.ts';
import { decodeMetadata, encodeMetadata } from '../../../packages/transport/src/wire/metadata.ts';
import { body, bytes, filled } from '../bytes.ts';
import { checkProtocolError } from '../faults.ts';
import { ok } from '../ok.ts';
import type { FuzzTarget } from '../target.ts';
import { commandBody, greeting, properties, readFrames } from '../wire.ts';

const latin1 = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array).toString('latin1'));

const name = fc.oneof(
  latin1(1, 20),
  latin1(255, 255),
  fc.constantFrom('READY', 'Socket-Type', 'Identity', 'X-a', '__proto__', 'constructor'),
);

const property = fc.tuple(name, body);

/** Bytes that are nearly metadata. */
const nearlyMetadata = fc.oneof(
  bytes(40),
  fc
    .tuple(fc.array(property, { maxLength: 4 }), fc.nat(200), fc.nat(255))
    .map(([entries, at, byte]) => {
      const encoded = properties(entries);
      if (encoded.length > 0) encoded[at % encoded.length] = byte;
      return encoded;
    }),
  fc
    .tuple(fc.array(property, { maxLength: 3 }), fc.nat(400))
    .map(([entries, length]) => properties(entries).subarray(0, length)),
);

export const commands: FuzzTarget = {
  name: 'commands',
  promise:
    'reads back every command, PING, HELLO and greeting it wrote, and any bytes without an exception',
  runs: 1000,
  property: fc.property(
    fc.record({
      name,
      data: body,
      any: fc.oneof(bytes(300), bytes(6)),
      timeToLive: fc.integer({ min: 0, max: 10_000_000 }),
      username: bytes(255),
      mechanism: latin1(0, 20).filter((each) => !each.includes('\0')),
    }),
    ({ name: title, data, any, timeToLive, username, mechanism }) => {
      const encoded = encodeCommand(title, data);
      deepStrictEqual(encoded, commandBody(title, data));
      deepStrictEqual(decodeCommand(encoded), { name: title, data });

      const ping = decodePing(decodeCommand(encodePing(timeToLive))?.data ?? Buffer.alloc(0));
      strictEqual(ping?.timeToLive, Math.min(Math.floor(timeToLive / 100) * 100, 65_500));
      strictEqual(ping?.context.length, 0);
      deepStrictEqual(decodeCommand(encodePong(data)), { name: 'PONG', data });

      const hello = decodeCommand(encodePlainHello(username, any.subarray(0, 255)));
      ok(hello !== undefined, 'what was written is a command');
      deepStrictEqual(decodePlainHello(hello.data), [username, any.subarray(0, 255)]);

      deepStrictEqual(encodeGreeting(mechanism, false), greeting(mechanism));
      deepStrictEqual(decodeGreeting(greeting(mechanism)), { minor: 1, mechanism });

      const command = decodeCommand(any);
      if (command !== undefined) {
        deepStrictEqual(encodeCommand(command.name, command.data), any);
      }
      const context = decodePing(any)?.context;
      ok(context === undefined || context.length <= 16, 'a context has 16 bytes at most');
      decodeGreeting(Buffer.concat([any, Buffer.alloc(64)]).subarray(0, 64));
      const credentials = valueOrProtocolError(() => decodePlainHello(any));
      if (credentials !== undefined) {
        deepStrictEqual(encodePlainHello(...credentials), commandBody('HELLO', any));
      }
      const refusal = valueOrProtocolError(() => decodeErrorReason(any));
      ok(refusal === undefined || refusal instanceof Error, 'a reason is an error');
    },
  ),
};

export const metadata: FuzzTarget = {
  name: 'metadata',
  promise:
    'reads back the properties it wrote, and refuses with a ProtocolError what does not add up',
  runs: 1500,
  property: fc.property(fc.array(property, { maxLength: 6 }), nearlyMetadata, (entries, any) => {
    const encoded = encodeMetadata(entries);
    deepStrictEqual(encoded, properties(entries));
    deepStrictEqual(decodeMetadata(encoded), new Map(entries));

    const read = valueOrProtocolError(() => decodeMetadata(any));
    if (read === undefined) return;
    let length = 0;
    for (const [key, value] of read) length += 5 + key.length + value.length;
    ok(length <= any.length, 'has no more than there was');
    deepStrictEqual(decodeMetadata(encodeMetadata(read)), read);
  }),
};

const largeBody = fc.tuple(fc.integer({ min: 8000, max: 9000 }), fc.nat(255)).map(filled);
const aMessage = fc.array(
  fc.oneof({ weight: 20, arbitrary: body }, { weight: 1, arbitrary: largeBody }),
  { minLength: 1, maxLength: 5 },
);

export const encoder: FuzzTarget = {
  name: 'encoder',
  promise: 'writes any batch of messages so that it can be read back frame by frame',
  runs: 1000,
  property: fc.property(fc.array(aMessage, { maxLength: 8 }), fc.nat(8), (batch, some) => {
    const count = Math.min(some, batch.length);
    const sent = batch.slice(0, count);
    const encoder = new Encoder(new Slab());
    for (const each of sent) encoder.add(each);
    const length = encoder.bytes;
    const written = Buffer.concat(encoder.finish());
    strictEqual(written.length, length);
    const expected = sent.flatMap((each) =>
      each.map((content, i) => ({
        flags: (i < each.length - 1 ? 1 : 0) | (content.length > 255 ? 2 : 0),
        body: content,
      })),
    );
    deepStrictEqual(readFrames(written), { frames: expected, end: 'more may come', rest: 0 });
    const [first] = expected;
    if (first === undefined) return;
    deepStrictEqual(readFrames(encodeFrame(first.body, 4)).frames, [
      { flags: first.body.length > 255 ? 6 : 4, body: first.body },
    ]);
  }),
};

export const subscriptions: FuzzTarget = {
  name: 'subscriptions',
  promise: 'tells subscriptions from other frames, and their topics',
  runs: 1000,
  property: fc.property(
    fc.constantFrom(0 as const, 1 as const),
    body,
    bytes(5),
    (kind, topic, any) => {
      for (const form of [topic, topic.toString('latin1')]) {
        const encoded = encodeSubscription(kind, form);
        ok(isSubscription(encoded), 'what was written is a subscription');
        strictEqual(encoded[0], kind);
        deepStrictEqual(topicOf(encoded), topic);
      }
      strictEqual(isSubscription(any), any[0] === 0 || any[0] === 1);
    },
  ),
};

export const carried: FuzzTarget = {
  name: 'carried',
  promise: 'gives messages that go round the ring between threads back as they were',
  runs: 500,
  property: fc.property(
    fc.array(fc.array(fc.tuple(body, fc.boolean()), { minLength: 1, maxLength: 4 }), {
      maxLength: 5,
    }),
    (messages) => {
      const packed: CarriedMessages = { buffers: [], layout: [] };
      for (const each of messages) {
        packMessage(
          each.map(([content, isShared]) => (isShared ? shared(content) : content)),
          packed,
        );
      }
      deepStrictEqual(
        unpackMessages(packed).map((each) => each.map((content) => content.toString('hex'))),
        messages.map((each) => each.map(([content]) => content.toString('hex'))),
      );
    },
  ),
};

/** The same bytes in memory that threads share, and not at its start. */
function shared(content: Buffer): Buffer {
  const memory = Buffer.from(new SharedArrayBuffer(content.length + 3), 3, content.length);
  content.copy(memory);
  return memory;
}

function valueOrProtocolError<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    checkProtocolError(error);
    return undefined;
  }
}
