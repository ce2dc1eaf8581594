/**
 * The ring between two threads, with both sides in one: any sequence of writes, reads and waits in any order. What was written comes
 * out as it was and in order, past the ring's end as often as it goes; the mark is kept; and nobody sleeps while there is something
 * for him to do.
 */

import { strictEqual } from 'node:assert';
import fc from 'fast-check';
import {
  BUDGET,
  EMPTY,
  PAUSED,
  RECORD_BYTES_MAX,
  RingReader,
  type RingSink,
  RingWriter,
  recordBytes,
  SHARED_RING_BYTES,
  STARVED,
} from '../../../packages/transport/src/transports/inproc/shared-ring.ts';
import { ok } from '../ok.ts';
import type { FuzzTarget } from '../target.ts';

/** Lengths of frames: small ones for the layout, large ones to get around the ring. */
const frameLength = fc.oneof(
  { weight: 6, arbitrary: fc.nat(40) },
  { weight: 1, arbitrary: fc.integer({ min: 1000, max: 9000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 30_000, max: RECORD_BYTES_MAX + 50 }) },
  { weight: 1, arbitrary: fc.integer({ min: RECORD_BYTES_MAX - 12, max: RECORD_BYTES_MAX }) },
);

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      frames: fc.array(frameLength, { minLength: 1, maxLength: 4 }),
      times: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('publish' as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      messages: fc.oneof(fc.integer({ min: 1, max: 10 }), fc.constant(1_000_000)),
      bytes: fc.oneof(fc.integer({ min: 1, max: 100_000 }), fc.constant(1_000_000_000)),
      pauseAfter: fc.option(fc.nat(5), { nil: undefined, freq: 3 }),
      /** The socket takes what was delivered. */
      consumes: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('arrive' as const) }) },
);

const play = fc.record({
  offset: fc.constantFrom(0, 4, 256),
  mark: fc.constantFrom(0, 1, 2, 10, 1000),
  steps: fc.array(step, { maxLength: 60 }),
});

interface Expected {
  readonly lengths: readonly number[];
  readonly fill: number;
}

/** The reading side's socket: it compares. */
class Checker implements RingSink {
  readonly expected: Expected[] = [];
  /** Messages outside of the ring: on their way, and there. */
  readonly sent: Buffer[][] = [];
  readonly arrived: Buffer[][] = [];
  /** Delivered and not taken by the socket. */
  unread = 0;
  pauseAfter: number | undefined = undefined;
  #delivered = 0;

  get isPaused(): boolean {
    return this.pauseAfter !== undefined && this.#delivered >= this.pauseAfter;
  }

  startRead(pauseAfter: number | undefined): void {
    this.#delivered = 0;
    this.pauseAfter = pauseAfter;
  }

  nextCarried(): Buffer[] | undefined {
    return this.arrived.shift();
  }

  deliver(message: Buffer[]): void {
    ok(!this.isPaused, 'delivered while paused');
    this.#delivered += 1;
    this.unread += 1;
    const expected = this.expected.shift();
    ok(expected !== undefined, 'delivered what nobody published');
    strictEqual(message.length, expected.lengths.length);
    for (const [i, frame] of message.entries()) {
      strictEqual(frame.length, expected.lengths[i]);
      ok(frame.equals(Buffer.alloc(frame.length, expected.fill + i)), `frame ${i} is another`);
    }
  }
}

export const sharedRing: FuzzTarget = {
  name: 'shared-ring',
  promise: 'gives all messages to the other thread, in order and whole, and wakes whoever waits',
  runs: 60,
  property: fc.property(play, ({ offset, mark, steps }) => {
    const memory = new SharedArrayBuffer(offset + SHARED_RING_BYTES + 256);
    // What is outside of the ring belongs to others.
    const outside = [
      new Uint8Array(memory, 0, offset),
      new Uint8Array(memory, offset + SHARED_RING_BYTES),
    ];
    for (const part of outside) part.fill(0xaa);
    const writer = new RingWriter(memory, offset);
    const reader = new RingReader(memory, offset);
    const sink = new Checker();
    const written: Expected[] = [];
    let fill = 1;
    let isWriterWaiting = false;
    let isReaderAsleep = false;
    reader.acknowledge(0, mark);

    const publish = (): void => {
      const isNew = written.length > 0;
      sink.expected.push(...written.splice(0));
      const wakes = writer.publish();
      strictEqual(wakes, isNew && isReaderAsleep, 'who sleeps is woken, and nobody else');
      if (wakes) isReaderAsleep = false;
    };
    const read = (messages: number, bytes: number, consumes: boolean): number => {
      const end = reader.read(sink, messages, bytes);
      if (mark > 0) ok(sink.unread <= mark, `${sink.unread} wait, and the mark is ${mark}`);
      if (consumes) sink.unread = 0;
      const asked = reader.acknowledge(sink.unread, mark);
      ok(!isWriterWaiting || asked, 'the wish of the writer is forgotten');
      if (asked && (consumes || mark === 0)) {
        ok(reader.takeWish() && !reader.takeWish(), 'a wish is taken once');
        isWriterWaiting = false;
      }
      return end;
    };

    for (const each of steps) {
      if (each.kind === 'publish') publish();
      else if (each.kind === 'arrive') sink.arrived.push(...sink.sent.splice(0, 1));
      else if (each.kind === 'read') {
        sink.startRead(each.pauseAfter);
        const end = read(each.messages, each.bytes, each.consumes);
        if (end === EMPTY) {
          strictEqual(sink.expected.length, 0, 'it is not empty');
          isReaderAsleep = reader.sleep();
          ok(isReaderAsleep, 'it can sleep: nothing came meanwhile');
        } else {
          ok(sink.expected.length > 0, 'stopped early though there is nothing');
          if (end === PAUSED) ok(sink.isPaused, 'paused though nobody asked');
          else if (end === STARVED) strictEqual(sink.arrived.length, 0);
          else strictEqual(end, BUDGET);
        }
      } else {
        for (let i = 0; i < each.times; i++) {
          if (!writer.hasRoom || writer.credit === 0) {
            publish();
            isWriterWaiting = writer.wait() || isWriterWaiting;
            ok(isWriterWaiting, 'it can wait: there is no room');
            break;
          }
          fill = (fill % 200) + 1;
          const message = each.frames.map((length, k) => Buffer.alloc(length, fill + k));
          const bytes = recordBytes(message);
          if (bytes > RECORD_BYTES_MAX) {
            writer.writeCarried();
            sink.sent.push(message);
          } else {
            writer.write(message, bytes);
          }
          written.push({ lengths: each.frames, fill });
        }
      }
    }
    publish();
    sink.arrived.push(...sink.sent.splice(0));
    sink.startRead(undefined);
    for (let i = 0; i < 2000 && read(1_000_000, 1_000_000_000, true) !== EMPTY; i++);
    strictEqual(sink.expected.length, 0, 'something never came');
    ok(writer.hasRoom, 'an empty ring has room');
    ok(!reader.isEnded, 'ended though nobody said so');
    writer.end();
    ok(reader.isEnded && !reader.sleep(), 'the end is seen, and nobody sleeps through it');
    for (const part of outside)
      ok(
        part.every((byte) => byte === 0xaa),
        'wrote outside of the ring',
      );
  }),
};
