/*
 * The output side of a connection, over a stream that writes down what it is given.
 */
import { describe, expect, it } from 'vitest';
import type { ByteStream } from '../../../packages/transport/src/connections/byte-stream.ts';
import { Traffic } from '../../../packages/transport/src/connections/traffic.ts';
import { Writer } from '../../../packages/transport/src/connections/writer.ts';
import { Pipe } from '../../../packages/transport/src/pipes/pipe.ts';
import { Slab } from '../../../packages/transport/src/slab.ts';
import { hex } from '../../support/hex.ts';
import { message, RecordingSink } from '../../support/recording-pipe-ends.ts';
import { until } from '../../support/until.ts';

const KIB = 1024;

/** A stream that takes everything, and lets the system take it when the test says so. */
class RecordingStream implements ByteStream {
  readonly chunks: Buffer[] = [];
  writableLength = 0;
  corks = 0;

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  write(chunk: Buffer): boolean {
    this.chunks.push(chunk);
    this.writableLength += chunk.length;
    return this.writableLength < 16 * KIB;
  }

  cork(): void {
    this.corks += 1;
  }

  uncork(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

function writing(): { stream: RecordingStream; writer: Writer; pipe: Pipe; flushes: () => number } {
  const stream = new RecordingStream();
  let flushes = 0;
  const owner = {
    flushed: () => {
      flushes += 1;
    },
  };
  const writer = new Writer(stream, owner, new Slab());
  const pipe = new Pipe(new RecordingSink(), { sendHighWaterMark: 0, receiveHighWaterMark: 0 });
  writer.attach(pipe, new Traffic('DEALER', undefined, true));
  pipe.plug({ wake: () => writer.schedule(), pause: () => {}, resume: () => {}, close: () => {} });
  return { stream, writer, pipe, flushes: () => flushes };
}

describe('the writer', () => {
  it('lets the messages of one turn leave in one write, at its end', async () => {
    const { stream, writer, pipe, flushes } = writing();
    for (let i = 0; i < 1000; i++) pipe.write(message(`${i % 10}`));
    expect(writer.writes).toBe(0);
    await until(() => flushes() > 0);
    expect(writer.writes).toBe(1);
    expect(stream.chunks).toHaveLength(1);
    expect(stream.bytes).toEqual(
      Buffer.concat(Array.from({ length: 1000 }, (_, i) => hex('00 01 3', `${i % 10}`))),
    );
  });

  it('makes one write for each turn, not more', async () => {
    const { writer, pipe } = writing();
    for (let turn = 1; turn <= 5; turn++) {
      pipe.write(message('a'));
      pipe.write(message('b'));
      await until(() => pipe.unsent === 0);
      expect(writer.writes).toBe(turn);
    }
  });

  it('passes large bodies on without a copy, together with what stands around them', async () => {
    const { stream, writer, pipe } = writing();
    const large = Buffer.alloc(16 * KIB, 1);
    pipe.write([Buffer.from('a'), large, Buffer.from('b')]);
    await until(() => pipe.unsent === 0);
    expect(writer.writes).toBe(1);
    expect(stream.corks).toBe(1);
    expect(stream.chunks).toContain(large);
    expect(stream.bytes).toEqual(
      Buffer.concat([hex('01 01 61 03 0000000000004000'), large, hex('00 01 62')]),
    );
  });

  it('leaves messages in the pipe while the stream holds too much, and goes on at its drain', async () => {
    const { stream, writer, pipe } = writing();
    for (let i = 0; i < 100; i++) pipe.write([Buffer.alloc(10 * KIB)]);
    await until(() => writer.writes > 0);
    const held = pipe.unsent;
    expect(held).toBeGreaterThan(80);
    pipe.write([Buffer.alloc(10 * KIB)]);
    await new Promise(setImmediate);
    expect(pipe.unsent).toBe(held + 1);
    while (pipe.unsent > 0) {
      stream.writableLength = 0;
      writer.streamDrained();
    }
    expect(stream.bytes.length).toBe(101 * (10 * KIB + 9));
  });

  it('sends commands at once, before messages of the same turn', async () => {
    const { stream, writer, pipe, flushes } = writing();
    pipe.write(message('a'));
    writer.writeCommand(hex('04 504f4e47'));
    expect(stream.bytes).toEqual(hex('04 05 04 504f4e47'));
    await until(() => flushes() > 0);
    expect(stream.bytes).toEqual(hex('04 05 04 504f4e47 00 01 61'));
  });

  it('sends no commands to a stream that does not take them, and does again when it has', () => {
    const { stream, writer } = writing();
    for (let i = 0; i < 100_000; i++) writer.writeCommand(hex('04 504f4e47'));
    const { length } = stream.bytes;
    expect(length).toBeLessThan(65 * KIB);
    stream.writableLength = 0;
    writer.writeCommand(hex('04 504f4e47'));
    expect(stream.bytes.length).toBe(length + 7);
  });

  it('writes nothing any more once it is closed', async () => {
    const { stream, writer, pipe } = writing();
    pipe.write(message('a'));
    writer.close();
    writer.writeCommand(hex('04 504f4e47'));
    writer.flush();
    await new Promise(setImmediate);
    expect(stream.chunks).toEqual([]);
  });
});
