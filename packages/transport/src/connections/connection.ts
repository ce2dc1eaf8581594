/**
 * One ZMTP conversation over one byte stream (RFC 37): greeting, handshake, traffic.
 *
 *   GREETING -> HANDSHAKE -> TRAFFIC -> CLOSING -> CLOSED
 *      \------------\----------\-----------------> CLOSED
 *
 * It gathers frames into messages for its pipe, hands the pipe's messages to its writer, and has one exit, `#finish`,
 * that every end goes through: the stream's close, a peer's fault, a timeout, the socket's close. It does not own the
 * pipe (a dialer's outlives it) and does not know who made the stream.
 */

import type { Authenticator } from '../authenticator.ts';
import type { Blocks } from '../blocks.ts';
import { copyOf, HEAP_BYTES, viewOf } from '../bytes.ts';
import { AuthError, ProtocolError, TransportError } from '../errors.ts';
import { checkSecurity } from '../mechanisms/create-mechanism.ts';
import type { Mechanism } from '../mechanisms/mechanism.ts';
import type { ResolvedSocketOptions } from '../options.ts';
import type { PeerInfo } from '../peer-info.ts';
import type { Pipe, PipeLink } from '../pipes/pipe.ts';
import type { Slab } from '../slab.ts';
import type { SocketType } from '../socket-type.ts';
import { decodeCommand } from '../wire/command.ts';
import { FrameDecoder, type FrameSink } from '../wire/decoder.ts';
import { FLAG_COMMAND, FLAG_MORE } from '../wire/frame.ts';
import type { ByteStream } from './byte-stream.ts';
import { Gathering } from './gathering.ts';
import { Handshake, type HandshakeOwner } from './handshake.ts';
import { Heartbeat, type HeartbeatOwner } from './heartbeat.ts';
import { subscriptionOf, Traffic, takesSubscriptions } from './traffic.ts';
import { Writer, type WriterOwner } from './writer.ts';

/** How a connection ended. */
export interface ConnectionEnd {
  /** Why, if it did not end in order. */
  readonly error: Error | undefined;
  /** The same would happen again: a dialer does not try this endpoint any more. */
  readonly permanent: boolean;
  /** It ended before both sides were ready. */
  readonly duringHandshake: boolean;
}

/** Whoever made the stream: a listener or a dialer. */
export interface ConnectionOwner {
  readonly socketType: SocketType;
  readonly options: ResolvedSocketOptions;
  readonly authenticator: Authenticator;
  /** Its socket passes messages on unread: large frames may come as ropes (`rope.ts`). */
  readonly forwards: boolean;
  /** Where the connection puts its batches together. */
  readonly slab: Slab;
  /** Memory of large frames that are passed on. */
  readonly blocks: Blocks;
  /** Whether this peer is sent PINGs, where the options ask for them; left out: every peer that knows them. */
  pings?(peer: PeerInfo): boolean;
  /** So many bytes are kept of a message that is not whole; told at the end of a chunk, when they are more or fewer than before. */
  unfinished?(pipe: Pipe, bytes: number): void;
  /** The handshake is done. Gives the pipe to plug in; undefined ends the connection. */
  connectionReady(connection: Connection, peer: PeerInfo): Pipe | undefined;
  /** The end; the stream is destroyed. Called once, after the connection settled its own state. */
  connectionClosed(connection: Connection, end: ConnectionEnd): void;
}

const GREETING = 0;
const HANDSHAKE = 1;
const TRAFFIC = 2;
const CLOSING = 3;
const CLOSED = 4;

/** Largest frame of a handshake: nobody whom we do not know yet makes us take megabytes of properties apart. */
const HANDSHAKE_FRAME_BYTES = 64 * 1024;
/** What a frame costs beside its bytes, for `maxMultipartSize`: messages of endless empty frames are bounded too. */
const FRAME_OVERHEAD_BYTES = 64;
/** Frames of one message: a peer that sends empty ones without end would take some 50 bytes of memory for each two of its own. */
export const FRAMES_MAX: number = 256 * 1024;
/** After the last byte was written, the peer has this long to read it and close before we do. */
const FAREWELL_MS = 1000;

/** A conversation with one peer. */
export class Connection
  implements FrameSink, PipeLink, WriterOwner, HandshakeOwner, HeartbeatOwner
{
  readonly #stream: ByteStream;
  readonly #owner: ConnectionOwner;
  readonly #decoder: FrameDecoder;
  readonly #writer: Writer;
  /** Undefined once it is done: an idle connection keeps nothing of it. */
  #handshake: Handshake | undefined;
  readonly #maxMultipartSize: number;
  #state = GREETING;
  #pipe: Pipe | undefined = undefined;
  #heartbeat: Heartbeat | undefined = undefined;
  /** The mechanism, after the handshake and where it encrypts. */
  #cipher: Mechanism | undefined = undefined;
  /** The handshake's limit, and later the linger's. */
  #timer: NodeJS.Timeout | undefined = undefined;
  readonly #gathering = new Gathering();
  #messageBytes = 0;
  /** What the owner was last told to be kept of a message that is not whole. */
  #unfinished = 0;
  #paused = false;
  /** Everything was handed to the stream, and it was told so. */
  #ending = false;

  /** @param address the peer's address, for `PeerInfo`. */
  constructor(stream: ByteStream, owner: ConnectionOwner, address: string) {
    const options = owner.options;
    this.#stream = stream;
    this.#owner = owner;
    this.#decoder = new FrameDecoder(this, handshakeLimit(options.maxMessageSize));
    this.#writer = new Writer(stream, this, owner.slab);
    this.#handshake = new Handshake(this, owner.socketType, options, owner.authenticator, address);
    this.#maxMultipartSize = options.maxMultipartSize;
  }

  /** Sends our signature and starts the handshake's clock. */
  start(): void {
    const limit = this.#owner.options.handshakeInterval;
    if (limit > 0) this.#timer = setTimeout(handshakeTimeout, limit, this, limit).unref();
    this.#handshake?.start();
  }

  // From the stream.

  /** A chunk of the stream. It belongs to the connection from here on. */
  receive(chunk: Buffer): void {
    this.#receive(chunk, false);
  }

  /** A chunk of the stream, whose memory is somebody else's again when this returns. */
  receiveLent(chunk: Buffer): void {
    if (this.#state === TRAFFIC) this.#receive(chunk, true);
    else this.#receive(Buffer.from(chunk), false);
  }

  /** So many bytes of the stream were read to where {@link nextPlace} said. */
  receivePlaced(count: number): void {
    if (this.#state !== TRAFFIC) return;
    this.#heartbeat?.heard();
    let failure: unknown;
    try {
      this.#decoder.placed(count);
    } catch (error) {
      failure = error;
    }
    this.#settle(failure);
  }

  /** Where the next bytes of the stream may be read to, instead of a chunk; undefined for nowhere. Without memory for it the connection ends. */
  nextPlace(): Buffer | undefined {
    if (this.#state !== TRAFFIC) return undefined;
    try {
      return this.#decoder.place;
    } catch (error) {
      this.#settle(error);
      return undefined;
    }
  }

  /** Large bodies come: a place is near. */
  get expectsPlace(): boolean {
    return this.#decoder.expectsPlace;
  }

  #receive(chunk: Buffer, isLent: boolean): void {
    if (this.#state >= CLOSING) return;
    this.#heartbeat?.heard();
    let failure: unknown;
    try {
      if (this.#state === TRAFFIC) this.#decoder.decode(chunk, isLent);
      else this.#shakeHands(chunk);
    } catch (error) {
      failure = error;
    }
    this.#settle(failure);
  }

  /** The stream has written what it held. */
  streamDrained(): void {
    this.#writer.streamDrained();
  }

  /** The stream is closed, by the peer or by an error of the system. */
  streamClosed(error: Error | undefined): void {
    if (this.#state === TRAFFIC) this.#deliverRest();
    if (this.#state === GREETING || this.#state === HANDSHAKE) {
      this.#finish(error ?? lost('The peer closed the connection during the handshake.'));
    } else {
      this.#finish(error);
    }
  }

  // From the decoder.

  onFrame(flags: number, body: Buffer): void {
    if (this.#state !== TRAFFIC) {
      if (this.#state === HANDSHAKE) this.#handshake?.receiveFrame(flags, body);
      return;
    }
    if (this.#cipher === undefined) {
      this.#receiveFrame(flags, body);
      return;
    }
    const plain = this.#cipher.decrypt(body);
    const size = plain.length;
    // A view of what lies on the JavaScript heap would move it out of there.
    const content = size > HEAP_BYTES ? viewOf(plain, 1, size) : copyOf(plain, 1, size);
    this.#receiveFrame(plain[0] as number, content); // decrypt gives a byte of flags first
  }

  #receiveFrame(flags: number, body: Buffer): void {
    if ((flags & FLAG_COMMAND) !== 0) {
      // A command between the frames of a message may share a chunk with them, which they keep in memory.
      if (this.#gathering.hasBegun && this.#maxMultipartSize >= 0) this.#countBytes(body.length);
      this.#command(body);
      return;
    }
    if (this.#maxMultipartSize >= 0) this.#countBytes(body.length);
    if ((flags & FLAG_MORE) !== 0) {
      if (this.#gathering.add(body) >= FRAMES_MAX) refuseFrames();
      return;
    }
    this.#messageBytes = 0;
    this.#pipe?.deliver(this.#gathering.end(body));
  }

  // From the pipe.

  wake(): void {
    this.#writer.schedule();
  }

  flush(): void {
    this.#writer.flush();
  }

  pause(): void {
    this.#paused = true;
    this.#heartbeat?.suspend();
    this.#decoder.halt();
    this.#stream.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#heartbeat?.resume();
    process.nextTick(resumeReceiving, this);
  }

  close(linger: number): void {
    if (this.#state >= CLOSING) return;
    if (this.#state !== TRAFFIC) {
      this.#finish(undefined);
      return;
    }
    this.#state = CLOSING;
    this.#decoder.stop();
    this.#heartbeat?.stop();
    if (linger > 0) this.#timer = setTimeout(lingerTimeout, linger, this);
    else if (linger === 0) this.#timer = setTimeout(lingerTimeout, FAREWELL_MS, this).unref();
    this.#stream.resume(); // what still comes is read and dropped, so that the peer's close is seen
    this.#writer.flush();
  }

  // From the writer.

  flushed(): void {
    if (this.#state === CLOSING) this.#endWhenSent();
  }

  // From the handshake and the heartbeat.

  sendBytes(bytes: Buffer): void {
    this.#writer.writeBytes(bytes);
  }

  sendCommand(body: Buffer): void {
    this.#writer.writeCommand(body);
  }

  handshakeDone(peer: PeerInfo, mechanism: Mechanism): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#state = TRAFFIC;
    this.#handshake = undefined;
    this.#decoder.limit(this.#owner.options.maxMessageSize);
    if (takesSubscriptions(this.#owner.socketType)) this.#decoder.expectUnflaggedCommands();
    const knowsCommands = peer.version === '3.1';
    this.#cipher = mechanism.encrypts ? mechanism : undefined;
    if (this.#cipher !== undefined) this.#decoder.giveViews();
    else if (this.#owner.forwards) this.#decoder.makeRopes(this.#owner.blocks);
    const pings = knowsCommands && (this.#owner.pings?.(peer) ?? true);
    this.#heartbeat = new Heartbeat(this, this.#owner.options, pings);
    const pipe = this.#owner.connectionReady(this, peer);
    if (this.#state !== TRAFFIC) return; // the owner closed us
    if (pipe === undefined) {
      this.#finish(undefined);
      return;
    }
    this.#pipe = pipe;
    this.#writer.attach(pipe, new Traffic(this.#owner.socketType, this.#cipher, knowsCommands));
    pipe.plug(this);
    if (pipe.isClosed)
      this.close(-1); // the socket is closed already: only what was unsent goes out
    else pipe.connected(peer);
  }

  handshakeFailed(error: Error): void {
    this.#finish(error);
  }

  heartbeatExpired(reason: string): void {
    this.#finish(new TransportError('ETIMEDOUT', `The connection was given up: ${reason}.`));
  }

  /** Ends at once; what was queued in the stream may be lost. */
  destroy(): void {
    this.#finish(undefined);
  }

  /** For the timers and ticks below. */
  expire(error: Error | undefined): void {
    this.#finish(error);
  }

  /** After a pause: first what the decoder kept back, then the stream. */
  resumeReceiving(): void {
    if (this.#paused || this.#state !== TRAFFIC) return;
    let failure: unknown;
    try {
      this.#decoder.resume();
    } catch (error) {
      failure = error;
    }
    if (!this.#paused && this.#state === TRAFFIC) this.#stream.resume();
    this.#settle(failure);
  }

  /** What the decoder kept back during a pause: the stream ended behind it, so it came as whole as the rest. */
  #deliverRest(): void {
    let failure: unknown;
    try {
      this.#decoder.resume(); // the pipe is at its mark and has asked for a pause: it does not ask again
    } catch (error) {
      failure = error;
    }
    this.#settle(failure);
  }

  #shakeHands(chunk: Buffer): void {
    this.#stream.cork();
    try {
      const handshake = this.#handshake;
      const rest = handshake?.inGreeting ? handshake.receiveGreeting(chunk) : chunk;
      if (!handshake?.inGreeting && this.#state === GREETING) this.#state = HANDSHAKE;
      if (rest.length > 0) this.#decoder.decode(rest);
    } finally {
      this.#stream.uncork();
    }
  }

  /** The end of a chunk: the socket learns of its messages first, then a fault in it ends the connection. */
  #settle(failure: unknown): void {
    this.#pipe?.delivered();
    if (this.#messageBytes + this.#decoder.unfinished !== this.#unfinished) this.#tellUnfinished();
    if (failure === undefined) return;
    if (failure instanceof RangeError) {
      this.#finish(
        new ProtocolError('EMSGSIZE', `No memory for the peer's message: ${failure.message}.`),
      );
      return;
    }
    this.#finish(failure instanceof Error ? failure : undefined);
    if (!(failure instanceof ProtocolError)) throw failure; // not the peer's doing but a bug: let it be seen
  }

  #tellUnfinished(): void {
    this.#unfinished = this.#messageBytes + this.#decoder.unfinished;
    if (this.#pipe !== undefined) this.#owner.unfinished?.(this.#pipe, this.#unfinished);
  }

  /** A command in traffic. Malformed and unknown ones and those of the handshake are dropped, as in libzmq. */
  #command(body: Buffer): void {
    const command = decodeCommand(body);
    if (command === undefined) return;
    if (command.name === 'PING') {
      this.#heartbeat?.receivePing(command.data);
      return;
    }
    const subscription = subscriptionOf(this.#owner.socketType, command);
    if (subscription !== undefined) this.#pipe?.deliver(subscription);
  }

  #countBytes(length: number): void {
    this.#messageBytes += length + FRAME_OVERHEAD_BYTES;
    if (this.#messageBytes <= this.#maxMultipartSize) return;
    throw new ProtocolError(
      'EMSGSIZE',
      `A message may have ${this.#maxMultipartSize} bytes over all its frames; the peer's has more. Raise maxMultipartSize if this is a real message.`,
    );
  }

  /** Everything was handed to the stream: says goodbye. */
  #endWhenSent(): void {
    if (this.#ending || (this.#pipe?.unsent ?? 0) > 0) return;
    this.#ending = true;
    this.#stream.end(() => this.#sayFarewell());
  }

  /** Everything was handed to the system. */
  #sayFarewell(): void {
    if (this.#state !== CLOSING) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(lingerTimeout, FAREWELL_MS, this).unref();
  }

  #finish(error: Error | undefined): void {
    if (this.#state === CLOSED) return;
    const duringHandshake = this.#state < TRAFFIC;
    this.#state = CLOSED;
    clearTimeout(this.#timer);
    this.#heartbeat?.stop();
    this.#handshake?.close();
    this.#cipher?.close();
    this.#decoder.stop();
    this.#writer.close();
    this.#gathering.clear();
    this.#pipe = undefined;
    const isTold = duringHandshake && error instanceof ProtocolError; // by our own READY, which the peer can judge
    if (error instanceof AuthError || isTold) sayWhy(this.#stream);
    else this.#stream.destroy();
    const permanent = error instanceof ProtocolError || error instanceof AuthError;
    this.#owner.connectionClosed(this, { error, permanent, duringHandshake });
  }
}

function handshakeLimit(maxMessageSize: number): number {
  return maxMessageSize < 0
    ? HANDSHAKE_FRAME_BYTES
    : Math.min(maxMessageSize, HANDSHAKE_FRAME_BYTES);
}

function refuseFrames(): never {
  throw new ProtocolError(
    'EMSGSIZE',
    `A message may have ${FRAMES_MAX} frames; the peer's has more. Send several messages.`,
  );
}

/** The peer can see why it was refused: what was written goes out before the end. */
function sayWhy(stream: ByteStream): void {
  const timer = setTimeout(() => stream.destroy(), FAREWELL_MS).unref();
  stream.end(() => {
    clearTimeout(timer);
    stream.destroy();
  });
}

/**
 * Refuses options of security with which no handshake could succeed. For those who make connections, before the first.
 *
 * @throws TransportError `EINVAL`.
 */
export function checkConnectionOptions(options: ResolvedSocketOptions): void {
  checkSecurity(options);
}

function lost(text: string): TransportError {
  return new TransportError('ECONNRESET', text);
}

function handshakeTimeout(connection: Connection, limit: number): void {
  connection.expire(
    new TransportError(
      'ETIMEDOUT',
      `The peer did not finish the handshake within ${limit} ms (handshakeInterval).`,
    ),
  );
}

function lingerTimeout(connection: Connection): void {
  connection.expire(undefined);
}

function resumeReceiving(connection: Connection): void {
  connection.resumeReceiving();
}
