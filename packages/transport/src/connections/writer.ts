/**
 * The output side of a connection: what a turn of the event loop queued leaves in one write.
 *
 * The first message of a turn schedules one flush for its end; later ones only queue up in the pipe. A flush encodes
 * batches until the pipe is empty or the stream holds too much, and then waits for its `drain`. Commands go out at once:
 * they are rare, and a frame may stand anywhere between messages.
 */

import type { Pipe } from '../pipes/pipe.ts';
import type { Slab } from '../slab.ts';
import { Encoder, encodeFrame } from '../wire/encoder.ts';
import { FLAG_COMMAND } from '../wire/frame.ts';
import type { ByteStream } from './byte-stream.ts';
import type { Traffic } from './traffic.ts';

/** A batch is closed once it has this many bytes or messages. */
const BATCH_BYTES = 64 * 1024;
const BATCH_MESSAGES = 4096;
/** With more than this waiting in the stream, the flush waits for `drain`: the pipe is the queue, not the stream. */
const STREAM_BYTES = 64 * 1024;
/** Batches per flush; then others get their turn (`setImmediate`). */
const FAIRNESS_BATCHES = 16;

/** The connection around a writer. */
export interface WriterOwner {
  /** A flush is over; the pipe may be empty or not. */
  flushed(): void;
}

/** Writes the messages of one pipe, and commands, to one stream. */
export class Writer {
  readonly #stream: ByteStream;
  readonly #owner: WriterOwner;
  readonly #encoder: Encoder;
  #pipe: Pipe | undefined = undefined;
  /** Known once the handshake is done. */
  #traffic: Traffic | undefined = undefined;
  #scheduled = false;
  /** The stream holds too much; `streamDrained` goes on. */
  #blocked = false;
  #closed = false;
  /** Writes made, for `stats` and for tests of the batching. */
  writes = 0;

  /** @param slab where batches are put together. */
  constructor(stream: ByteStream, owner: WriterOwner, slab: Slab) {
    this.#stream = stream;
    this.#owner = owner;
    this.#encoder = new Encoder(slab);
  }

  /** The handshake is done: messages come from this pipe and are encoded so. */
  attach(pipe: Pipe, traffic: Traffic): void {
    this.#pipe = pipe;
    this.#traffic = traffic;
  }

  /** The pipe has something: flush at the end of this turn. */
  schedule(): void {
    if (this.#scheduled || this.#blocked || this.#closed) return;
    this.#scheduled = true;
    process.nextTick(flush, this);
  }

  /**
   * A command frame, at once; dropped while the peer does not read what it has: it needs no answer, and could ask for ever.
   */
  writeCommand(body: Buffer): void {
    if (this.#closed || this.#stream.writableLength > STREAM_BYTES) return;
    this.writeBytes(this.#traffic?.encodeCommand(body) ?? encodeFrame(body, FLAG_COMMAND));
  }

  /** Bytes outside of framing (the greeting), at once. */
  writeBytes(bytes: Buffer): void {
    if (this.#closed) return;
    this.writes += 1;
    this.#stream.write(bytes);
  }

  /** The stream took what it held. */
  streamDrained(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.flush();
  }

  /** Nothing is written any more. */
  close(): void {
    this.#closed = true;
  }

  /** Writes what the pipe has, as far as the stream takes it. */
  flush(): void {
    this.#scheduled = false;
    const pipe = this.#pipe;
    const traffic = this.#traffic;
    if (pipe === undefined || traffic === undefined || this.#closed) return;
    for (let batches = 0; !this.#blocked; batches++) {
      if (batches === FAIRNESS_BATCHES) {
        this.#scheduled = true;
        setImmediate(flush, this);
        break;
      }
      if (!this.#writeBatch(pipe, traffic)) break;
    }
    pipe.taken();
    this.#owner.flushed();
  }

  /** Writes one batch; false when the pipe had run empty. */
  #writeBatch(pipe: Pipe, traffic: Traffic): boolean {
    const encoder = this.#encoder;
    let message = pipe.take();
    if (message === undefined) return false;
    let count = 0;
    while (message !== undefined) {
      traffic.encode(message, encoder);
      count += 1;
      if (encoder.bytes >= BATCH_BYTES || count === BATCH_MESSAGES) break;
      message = pipe.take();
    }
    this.#writeChunks(encoder.finish());
    encoder.settle(this.#stream.writableLength === 0);
    return message !== undefined;
  }

  #writeChunks(chunks: Buffer[]): void {
    const stream = this.#stream;
    this.writes += 1;
    let took = true;
    if (chunks.length === 1) {
      took = stream.write(chunks[0] as Buffer); // length is 1
    } else {
      stream.cork();
      for (let i = 0; i < chunks.length; i++) took = stream.write(chunks[i] as Buffer); // i < length
      stream.uncork();
    }
    // The stream says `drain` only after a write that it did not like: its own mark may be above ours.
    this.#blocked = !took && stream.writableLength > STREAM_BYTES;
  }
}

function flush(writer: Writer): void {
  writer.flush();
}
