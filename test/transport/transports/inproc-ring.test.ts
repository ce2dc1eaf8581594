/*
 * The ring between two threads (shared-ring.ts), both of its ends in one: order, bounds, and the wishes to be woken.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Message } from '../../../packages/transport/src/message.ts';
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

/** Takes everything, or as much as it is told to. */
class Sink implements RingSink {
  readonly got: Message[] = [];
  readonly carried: Message[] = [];
  room = Number.POSITIVE_INFINITY;

  get isPaused(): boolean {
    return this.got.length >= this.room;
  }

  deliver(message: Message): void {
    this.got.push(message);
  }

  nextCarried(): Message | undefined {
    return this.carried.shift();
  }
}

/** Both ends of a ring, somewhere in a memory. */
function ring(offset = 0): { writer: RingWriter; reader: RingReader; sink: Sink } {
  const memory = new SharedArrayBuffer(offset + SHARED_RING_BYTES);
  return {
    writer: new RingWriter(memory, offset),
    reader: new RingReader(memory, offset),
    sink: new Sink(),
  };
}

function write(writer: RingWriter, ...texts: string[]): void {
  for (const text of texts) {
    const message = [Buffer.from(text)];
    writer.write(message, recordBytes(message));
  }
}

/** As toEqual, without a look at every byte of every frame. */
function expectSame(got: readonly Message[], expected: readonly Message[]): void {
  expect(got.map((frames) => frames.length)).toEqual(expected.map((frames) => frames.length));
  const [gotFrames, expectedFrames] = [got.flat(), expected.flat()];
  const wrong = expectedFrames.findIndex((frame, i) => !gotFrames[i]?.equals(frame));
  expect(wrong).toBe(-1);
}

const all = (reader: RingReader, sink: Sink): number =>
  reader.read(sink, 1_000_000_000, Number.MAX_SAFE_INTEGER);

describe('a shared ring', () => {
  it('gives every message back as it was written, over any number of rounds', () => {
    const frame = fc.uint8Array({ maxLength: 300 });
    const large = fc.integer({ min: 0, max: RECORD_BYTES_MAX - 8 }).map((n) => new Uint8Array(n));
    const messages = fc.array(
      fc.array(fc.oneof({ weight: 9, arbitrary: frame }, large), { minLength: 1, maxLength: 4 }),
      {
        maxLength: 20,
      },
    );
    const { writer, reader, sink } = ring(256);
    let rounds = 0;
    fc.assert(
      fc.property(messages, (batch) => {
        const written: Message[] = [];
        for (const frames of batch) {
          const message = frames.map((bytes) => Buffer.from(bytes));
          if (recordBytes(message) > RECORD_BYTES_MAX) continue;
          if (!writer.hasRoom) break;
          writer.write(message, recordBytes(message));
          written.push(message);
        }
        writer.publish();
        sink.got.length = 0;
        expect(all(reader, sink)).toBe(EMPTY);
        expectSame(sink.got, written);
        rounds += 1;
      }),
      { numRuns: 300 },
    );
    expect(rounds).toBeGreaterThan(0);
  });

  it('takes records of the largest size while it says that it has room, and never writes over what is unread', () => {
    const { writer, reader, sink } = ring();
    const body = (n: number): Message => [Buffer.alloc(RECORD_BYTES_MAX - 8 - (n % 5) * 1000, n)];
    let written = 0;
    for (let round = 0; round < 20; round++) {
      while (writer.hasRoom) {
        const message = body(written);
        writer.write(message, recordBytes(message));
        written += 1;
      }
      writer.publish();
      sink.room = sink.got.length + 3;
      all(reader, sink);
    }
    sink.room = Number.POSITIVE_INFINITY;
    expect(all(reader, sink)).toBe(EMPTY);
    expectSame(
      sink.got,
      Array.from({ length: written }, (_, n) => body(n)),
    );
  });

  it('shows nothing before it is published', () => {
    const { writer, reader, sink } = ring();
    write(writer, 'a');
    expect(all(reader, sink)).toBe(EMPTY);
    expect(sink.got).toEqual([]);
    writer.publish();
    all(reader, sink);
    expect(sink.got).toHaveLength(1);
  });

  it('stops where the sink is full, and goes on with the next message', () => {
    const { writer, reader, sink } = ring();
    write(writer, 'a', 'b', 'c');
    writer.publish();
    sink.room = 2;
    expect(all(reader, sink)).toBe(PAUSED);
    expect(sink.got.map(String)).toEqual(['a', 'b']);
    sink.room = 9;
    expect(all(reader, sink)).toBe(EMPTY);
    expect(sink.got.map(String)).toEqual(['a', 'b', 'c']);
  });

  it('stops at a budget of messages, and of bytes', () => {
    const { writer, reader, sink } = ring();
    write(writer, 'a', 'b', 'c');
    writer.publish();
    expect(reader.read(sink, 2, 1000)).toBe(BUDGET);
    expect(sink.got).toHaveLength(2);
    const message = [Buffer.alloc(60_000)];
    for (let i = 0; i < 5; i++) writer.write(message, recordBytes(message));
    writer.publish();
    expect(reader.read(sink, 1000, 100_000)).toBe(BUDGET);
    expect(sink.got.length).toBeLessThan(8);
    expect(reader.read(sink, 1000, 1_000_000)).toBe(EMPTY);
    expect(sink.got).toHaveLength(8);
  });

  it('waits for a carried message in its place', () => {
    const { writer, reader, sink } = ring();
    write(writer, 'a');
    writer.writeCarried();
    write(writer, 'b');
    writer.publish();
    expect(all(reader, sink)).toBe(STARVED);
    expect(sink.got.map(String)).toEqual(['a']);
    sink.carried.push([Buffer.from('large')]);
    expect(all(reader, sink)).toBe(EMPTY);
    expect(sink.got.map(String)).toEqual(['a', 'large', 'b']);
  });

  it('has a reader woken once after it went to sleep, and never when something is there', () => {
    const { writer, reader, sink } = ring();
    write(writer, 'a');
    expect(writer.publish()).toBe(false); // it does not sleep yet
    expect(reader.sleep()).toBe(false); // there is something
    all(reader, sink);
    expect(reader.sleep()).toBe(true);
    expect(writer.publish()).toBe(false); // nothing new
    write(writer, 'b');
    expect(writer.publish()).toBe(true);
    write(writer, 'c');
    expect(writer.publish()).toBe(false);
  });

  it('does not let a reader sleep over the end', () => {
    const { writer, reader } = ring();
    expect(reader.isEnded).toBe(false);
    writer.end();
    expect(reader.sleep()).toBe(false);
    expect(reader.isEnded).toBe(true);
  });

  it('gives credit up to the mark, for what is neither under way nor unread', () => {
    const { writer, reader, sink } = ring();
    expect(writer.credit).toBe(Number.POSITIVE_INFINITY);
    reader.acknowledge(0, 3);
    expect(writer.credit).toBe(3);
    write(writer, 'a', 'b');
    expect(writer.credit).toBe(1);
    writer.publish();
    all(reader, sink);
    reader.acknowledge(2, 3);
    expect(writer.credit).toBe(1);
    reader.acknowledge(1, 3);
    expect(writer.credit).toBe(2);
    reader.acknowledge(2, 1);
    expect(writer.credit).toBe(0);
  });

  it('has a writer woken when it waits for credit, and does not let it wait when there is some', () => {
    const { writer, reader, sink } = ring();
    expect(reader.acknowledge(0, 1)).toBe(false);
    expect(writer.wait()).toBe(false);
    write(writer, 'a');
    writer.publish();
    expect(writer.wait()).toBe(true);
    all(reader, sink);
    expect(reader.acknowledge(0, 1)).toBe(true);
    expect(reader.takeWish()).toBe(true);
    expect(reader.takeWish()).toBe(false);
    expect(writer.wait()).toBe(false);
  });

  it.each([0x7ff0_0000, -0x10_0000])('counts on when its counters wrap, from %i', (start) => {
    const memory = new SharedArrayBuffer(SHARED_RING_BYTES);
    const words = new Int32Array(memory);
    words[0] = start; // HEAD
    words[32] = start; // TAIL
    const [writer, reader] = [new RingWriter(memory, 0), new RingReader(memory, 0)];
    for (let round = 0; round < 20; round++) {
      const sink = new Sink();
      const batch = [1, 2, 3].map((n) => [Buffer.alloc(60_000 + round, n)]);
      expect(writer.hasRoom).toBe(true);
      for (const message of batch) writer.write(message, recordBytes(message));
      writer.publish();
      expect(all(reader, sink)).toBe(EMPTY);
      expectSame(sink.got, batch);
    }
    expect(Math.sign(words[0])).toBe(-Math.sign(start));
  });
});

describe('recordBytes', () => {
  it('is never small for what is large', () => {
    const huge = { length: 0x7fff_ffff } as Buffer; // nothing else of it is looked at
    expect(recordBytes([huge])).toBeGreaterThan(RECORD_BYTES_MAX);
    expect(recordBytes([huge, huge, huge])).toBeGreaterThan(RECORD_BYTES_MAX);
    expect(recordBytes([])).toBe(4);
    expect(recordBytes([Buffer.alloc(1)])).toBe(12);
  });
});
