/**
 * One peer as a pattern sees it: a queue in each direction, both with a high-water mark (zmq_socket(3), "pipe").
 *
 *            socket (PipeSink)
 *    write() |            ^ read()          whole messages; never blocks
 *            v            |
 *          [out]         [in]               counted in messages, as ZMQ_SNDHWM and ZMQ_RCVHWM are
 *            |            ^
 *     take() v            | deliver()
 *            link (PipeLink): a connection, or the dialer while there is none
 *
 * A pipe is made by the listener's side when a handshake succeeded and ends with that connection; a dialer's pipe is
 * made at connect() and outlives its connections, so unsent messages survive a reconnect. It has never heard of frames.
 *
 * Back-pressure: `write` refuses at the mark until half of it was taken; `deliver` counts on, but asks the link to pause at
 * the mark and to resume at half of it, so at most what the link had already read comes on top. Where the mark is high or
 * none, it asks for a pause until the next turn each time many have come that nobody read: a socket that is read as fast as
 * it can be must not fall behind what the system has, for messages that wait long are dear to collect (bench: pub-sub).
 */

import { Fifo } from '../fifo.ts';
import type { Message } from '../message.ts';
import type { PeerInfo } from '../peer-info.ts';

/** What a link delivers in one turn on top of what is unread. */
const TURN_MESSAGES = 256;

/** Below the pipe. Calls never come back into the pipe before they return. */
export interface PipeLink {
  /** There is something to take. Called once until the link has taken everything. */
  wake(): void;
  /** Hand on what waits now, as far as there is room below, without waiting for the end of the turn. Links without it have none. */
  flush?(): void;
  /** Deliver nothing more; a chunk that was already read may still be delivered. */
  pause(): void;
  /** Go on delivering, not before the current turn is over. */
  resume(): void;
  /** The socket is done with this pipe. @param linger ms to go on sending what is in it; 0 drops it; -1 no limit. */
  close(linger: number): void;
}

/** Above the pipe. Calls come from the event loop, never from inside `write` or `read`. */
export interface PipeSink {
  /** Messages came after the last one was read. Once per chunk at most, not per message. */
  pipeReadable(pipe: Pipe): void;
  /** There is room again after the pipe was full. */
  pipeWritable(pipe: Pipe): void;
  /** A connection finished its handshake and is plugged in; `pipe.peer` is known from here on. */
  pipeConnected(pipe: Pipe): void;
  /** No message can be written any more. What was received can still be read. */
  pipeClosed(pipe: Pipe): void;
}

/** The high-water marks of a new pipe, in messages; 0 means none. */
export interface PipeMarks {
  readonly sendHighWaterMark: number;
  readonly receiveHighWaterMark: number;
  /** Each direction keeps only its newest message, and the marks count for nothing (`ZMQ_CONFLATE`). Default false. */
  readonly conflate?: boolean;
}

/** A pair of queues between one socket and one peer; see the drawing at the top of the file. */
export class Pipe {
  /** Known once a handshake succeeded; it stays while the dialer reconnects. */
  peer: PeerInfo | undefined = undefined;
  /** What was connected to, as it was given to connect(); undefined where the peer came to us. */
  endpoint: string | undefined = undefined;
  /** Who is there cannot subscribe: a PUB sends it everything (multicast). Set before the pipe is attached. */
  wantsAll = false;

  readonly #sink: PipeSink;
  #link: PipeLink | undefined = undefined;
  readonly #out = new Fifo<Message>();
  readonly #in = new Fifo<Message>();
  #sendMark: number;
  #receiveMark: number;
  #conflatesIn: boolean;
  #conflatesOut: boolean;
  /** A connection is plugged in and its peer known. */
  #connected = false;
  /** The link was woken and has not yet found `out` empty. */
  #linkAwake = false;
  /** `out` reached its mark, and the sink was not yet told of room again. */
  #full = false;
  /** The sink knows that `in` has something. */
  #readableTold = false;
  /** The link was asked to pause. */
  #paused = false;
  /** So many unread messages make it pause; and whether that is for a turn only. */
  #pauseAt: number;
  #resumesNextTurn = false;
  #closed = false;

  constructor(sink: PipeSink, marks: PipeMarks) {
    this.#sink = sink;
    this.#sendMark = marks.sendHighWaterMark;
    this.#receiveMark = marks.receiveHighWaterMark;
    this.#conflatesIn = marks.conflate ?? false;
    this.#conflatesOut = marks.conflate ?? false;
    this.#pauseAt = this.#nextPause();
  }

  /** A connection with a known peer is below; false while a dialer looks for one. */
  get isConnected(): boolean {
    return this.#connected;
  }

  /** No message can be written any more. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Messages waiting to be sent. */
  get unsent(): number {
    return this.#out.length;
  }

  /** Messages waiting to be read. */
  get unread(): number {
    return this.#in.length;
  }

  /** Whether `write` would take a message now. */
  get writable(): boolean {
    return !this.#closed && !this.#full;
  }

  // For the socket above.

  /** One way is for subscriptions, of which each counts: it keeps all of them, up to its mark, whatever `conflate` says. */
  keepAll(way: 'in' | 'out'): void {
    if (way === 'in') this.#conflatesIn = false;
    else this.#conflatesOut = false;
  }

  /** Queues a message. False when the pipe is full or closed: the message stays the caller's. */
  write(message: Message): boolean {
    return !this.#full && this.writeBeyondMark(message);
  }

  /** As {@link write}, but also when the pipe is full: for those who bound what they write in another way. False when closed. */
  writeBeyondMark(message: Message): boolean {
    if (this.#closed) return false;
    if (this.#conflatesOut) this.#out.clear();
    this.#out.push(message);
    this.#full = this.#sendMark > 0 && this.#out.length >= this.#sendMark && !this.#conflatesOut;
    if (!this.#linkAwake && this.#link !== undefined) {
      this.#linkAwake = true;
      this.#link.wake();
    }
    return true;
  }

  /** For those who would drop a message because the pipe is full: makes room if there is any below. */
  flush(): void {
    if (this.#linkAwake) this.#link?.flush?.();
  }

  /** The oldest message from the peer; undefined when there is none, and then the sink will be told of the next. */
  read(): Message | undefined {
    const message = this.#in.shift();
    if (this.#in.length === 0) {
      this.#readableTold = false;
      if (!this.#paused) this.#pauseAt = this.#nextPause();
    }
    if (this.#paused && this.#in.length <= lowWaterMark(this.#pauseAt)) this.#resume();
    return message;
  }

  /**
   * The socket is done with this peer: nothing more is written, and what is unread is dropped. Idempotent.
   *
   * @param linger how long the link may go on sending what is queued, ms; 0 drops it; -1 no limit (`ZMQ_LINGER`).
   */
  close(linger: number): void {
    this.#in.clear();
    this.retire(linger);
  }

  /** As {@link close}, but what was received can still be read. */
  retire(linger: number): void {
    if (this.#closed) return;
    this.#closed = true;
    if (linger === 0) this.#out.clear();
    this.#link?.close(linger);
    this.#sink.pipeClosed(this);
  }

  /** New marks for a live pipe (`ZMQ_SNDHWM` and `ZMQ_RCVHWM` work at once). */
  setMarks(marks: PipeMarks): void {
    this.#sendMark = marks.sendHighWaterMark;
    this.#receiveMark = marks.receiveHighWaterMark;
    if (this.#sendMark > 0 && this.#out.length >= this.#sendMark && !this.#conflatesOut)
      this.#full = true;
    else this.taken();
    this.#pauseAt = this.#nextPause();
    if (this.#paused && this.#in.length < this.#pauseAt) this.#resume();
  }

  // For the link below.

  /** A connection (or the waiting dialer) takes its place under the pipe, and is woken if messages wait. */
  plug(link: PipeLink): void {
    this.#link = link;
    this.#connected = false;
    this.#linkAwake = false;
    if (this.#paused) link.pause();
    if (this.#out.length > 0) {
      this.#linkAwake = true;
      link.wake();
    }
  }

  /** A handshake succeeded: tells the socket who is there. */
  connected(peer: PeerInfo): void {
    this.peer = peer;
    this.#connected = true;
    if (!this.#closed) this.#sink.pipeConnected(this);
  }

  /** A message from the peer. Follow the last one of a chunk by {@link delivered}. */
  deliver(message: Message): void {
    if (this.#closed) return;
    if (this.#conflatesIn) this.#in.clear();
    this.#in.push(message);
    if (this.#conflatesIn) return;
    if (this.#in.length >= this.#pauseAt && !this.#paused) this.#pause();
  }

  /** The end of a chunk: tells the socket if it has something to read. */
  delivered(): void {
    if (this.#in.length > 0 && !this.#readableTold) {
      this.#readableTold = true;
      this.#sink.pipeReadable(this);
    }
  }

  /** The turn is over in which much came. Called by its own schedule only. */
  nextTurn(): void {
    this.#resumesNextTurn = false;
    if (!this.#paused) return;
    this.#pauseAt = this.#nextPause();
    if (this.#in.length < this.#pauseAt) this.#resume();
  }

  /** The next message to send; undefined when there is none, and then the link will be woken again. */
  take(): Message | undefined {
    const message = this.#out.shift();
    if (message === undefined) this.#linkAwake = false;
    return message;
  }

  /** The end of a batch of `take`: tells the socket if there is room again. */
  taken(): void {
    if (this.#closed || !this.#full) return;
    if (this.#sendMark === 0 || this.#out.length <= lowWaterMark(this.#sendMark)) {
      this.#full = false;
      this.#sink.pipeWritable(this);
    }
  }

  /** The peer is gone for good, with what was queued for it. What it had sent can still be read. Idempotent. */
  end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connected = false;
    this.#link = undefined;
    this.#out.clear();
    this.#sink.pipeClosed(this);
  }

  /** At its mark it resumes when much of that was read; before, also when the turn is over. */
  #pause(): void {
    this.#paused = true;
    this.#link?.pause();
    if (this.#pauseAt === this.#receiveMark || this.#resumesNextTurn) return;
    this.#resumesNextTurn = true;
    setImmediate(nextTurn, this);
  }

  #resume(): void {
    this.#paused = false;
    this.#pauseAt = this.#nextPause();
    this.#link?.resume();
  }

  #nextPause(): number {
    const soon = this.#in.length + TURN_MESSAGES;
    return this.#receiveMark === 0 ? soon : Math.min(soon, this.#receiveMark);
  }
}

function nextTurn(pipe: Pipe): void {
  pipe.nextTurn();
}

/** Where a full queue counts as having room again: half of the mark, as in libzmq (`compute_lwm`). */
function lowWaterMark(highWaterMark: number): number {
  return highWaterMark - Math.floor((highWaterMark + 1) / 2);
}
