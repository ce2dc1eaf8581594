/**
 * A conversation without ZMTP, for STREAM sockets (zmq_socket(3), "Native pattern"): chunks as they come and go. The counterpart of
 * `Connection`: same calls from the stream, the pipe and the owner.
 *
 *   OPEN -> CLOSING -> CLOSED
 *      \-------------> CLOSED
 *
 * Every chunk is a message of one frame. With `notify` an empty message stands for the connection's begin, and another for its end
 * unless we ended it ourselves. The high-water mark counts chunks; at it the stream is paused.
 */

import { EMPTY_FRAME } from '../message.ts';
import type { ResolvedSocketOptions } from '../options.ts';
import type { PeerInfo } from '../peer-info.ts';
import type { Pipe, PipeLink } from '../pipes/pipe.ts';
import type { ByteStream } from './byte-stream.ts';
import type { ConnectionEnd } from './connection.ts';

/** Whoever made the stream: a listener or a dialer. */
export interface RawConnectionOwner {
  readonly options: ResolvedSocketOptions;
  /** It starts. Gives the pipe to plug in; undefined ends the connection. */
  connectionReady(connection: RawConnection, peer: PeerInfo): Pipe | undefined;
  /** The end; the stream is destroyed. Called once, after the connection settled its own state. */
  connectionClosed(connection: RawConnection, end: ConnectionEnd): void;
}

const OPEN = 0;
const CLOSING = 1;
const CLOSED = 2;

/** With more than this waiting in the stream, the rest stays in the pipe until `drain`. */
const STREAM_BYTES = 64 * 1024;
/** Messages per flush; then others get their turn (`setImmediate`). */
const FAIRNESS_MESSAGES = 4096;
/** After the last byte was written, the peer has this long to read it and close before we do. */
const FAREWELL_MS = 1000;

const NO_METADATA: ReadonlyMap<string, Buffer> = new Map();

/** Chunks from and to one peer. */
export class RawConnection implements PipeLink {
  readonly #stream: ByteStream;
  readonly #owner: RawConnectionOwner;
  readonly #address: string;
  #state = OPEN;
  #pipe: Pipe | undefined = undefined;
  /** The linger's limit, and later the farewell's. */
  #timer: NodeJS.Timeout | undefined = undefined;
  #paused = false;
  #scheduled = false;
  /** The stream holds too much; `streamDrained` goes on. */
  #blocked = false;
  /** Everything was handed to the stream, and it was told so. */
  #ending = false;

  /** @param address the peer's address, for `PeerInfo`. */
  constructor(stream: ByteStream, owner: RawConnectionOwner, address: string) {
    this.#stream = stream;
    this.#owner = owner;
    this.#address = address;
  }

  /** There is no handshake: the peer is there. */
  start(): void {
    const peer: PeerInfo = {
      socketType: '',
      routingId: EMPTY_FRAME,
      metadata: NO_METADATA,
      version: '3.1', // there is none; nobody asks
      address: this.#address,
    };
    const pipe = this.#owner.connectionReady(this, peer);
    if (this.#state !== OPEN) return; // the owner closed us
    if (pipe === undefined) {
      this.#finish(undefined);
      return;
    }
    this.#pipe = pipe;
    pipe.plug(this);
    if (pipe.isClosed) {
      this.close(-1); // the socket is closed already: only what was unsent goes out
      return;
    }
    pipe.connected(peer);
    this.#notify(pipe);
  }

  // From the stream.

  /** A chunk of the stream. It belongs to the connection from here on. */
  receive(chunk: Buffer): void {
    const pipe = this.#pipe;
    if (this.#state !== OPEN || pipe === undefined) return;
    pipe.deliver([chunk]);
    pipe.delivered();
  }

  /** A chunk of the stream, whose memory is somebody else's again when this returns. */
  receiveLent(chunk: Buffer): void {
    this.receive(Buffer.from(chunk));
  }

  /** The stream has written what it held. */
  streamDrained(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.flush();
  }

  /** The stream is closed, by the peer or by an error of the system. */
  streamClosed(error: Error | undefined): void {
    this.#finish(error);
  }

  // From the pipe.

  wake(): void {
    if (this.#scheduled || this.#blocked || this.#state === CLOSED) return;
    this.#scheduled = true;
    process.nextTick(flush, this);
  }

  pause(): void {
    this.#paused = true;
    this.#stream.pause();
  }

  resume(): void {
    this.#paused = false;
    process.nextTick(resumeReceiving, this);
  }

  close(linger: number): void {
    if (this.#state !== OPEN) return;
    this.#state = CLOSING;
    if (linger > 0) this.#timer = setTimeout(expire, linger, this);
    else if (linger === 0) this.#timer = setTimeout(expire, FAREWELL_MS, this).unref();
    this.#stream.resume(); // what still comes is read and dropped, so that the peer's close is seen
    this.flush();
  }

  /** Ends at once; what was queued in the stream may be lost. */
  destroy(): void {
    this.#finish(undefined);
  }

  /** For the ticks below: after a pause. */
  resumeReceiving(): void {
    if (!this.#paused && this.#state === OPEN) this.#stream.resume();
  }

  /** For the ticks below: writes what the pipe has, as far as the stream takes it. */
  flush(): void {
    this.#scheduled = false;
    const pipe = this.#pipe;
    if (pipe === undefined || this.#state === CLOSED) return;
    const stream = this.#stream;
    let hasMore = true;
    stream.cork();
    for (let count = 0; !this.#blocked; count++) {
      if (count === FAIRNESS_MESSAGES) {
        this.#scheduled = true;
        setImmediate(flush, this);
        break;
      }
      const body = pipe.take()?.[0];
      hasMore = body !== undefined;
      if (body === undefined) break;
      // Only after a write that gave false does the stream say `drain`; its own mark may be above ours.
      this.#blocked = !stream.write(body) && stream.writableLength > STREAM_BYTES;
    }
    stream.uncork();
    pipe.taken();
    if (this.#state === CLOSING && !hasMore) this.#sayFarewell();
  }

  #notify(pipe: Pipe): void {
    if (!this.#owner.options.notify) return;
    pipe.deliver([EMPTY_FRAME]);
    pipe.delivered();
  }

  /** Everything was handed to the stream. */
  #sayFarewell(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#stream.end(() => {
      if (this.#state !== CLOSING) return;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(expire, FAREWELL_MS, this).unref();
    });
  }

  #finish(error: Error | undefined): void {
    if (this.#state === CLOSED) return;
    const endedByPeer = this.#state === OPEN;
    const pipe = this.#pipe;
    this.#state = CLOSED;
    clearTimeout(this.#timer);
    this.#pipe = undefined;
    this.#stream.destroy();
    if (endedByPeer && pipe !== undefined) this.#notify(pipe);
    this.#owner.connectionClosed(this, { error, permanent: false, duringHandshake: false });
  }
}

function flush(connection: RawConnection): void {
  connection.flush();
}

function resumeReceiving(connection: RawConnection): void {
  connection.resumeReceiving();
}

function expire(connection: RawConnection): void {
  connection.destroy();
}
