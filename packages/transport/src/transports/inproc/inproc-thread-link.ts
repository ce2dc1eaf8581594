/**
 * A pipe whose other end is in another thread: two rings of shared memory, one each way, and a wire for wake-ups and large
 * messages. Waking a thread costs as much as a hundred small messages (measured: 80 to 100 us for a round trip), so it is done
 * once per batch, and only when the other side said that it sleeps or waits. A thread that stays awake (busy-poll.ts) says that
 * it doesn't sleep and looks at the ring itself (measured: 7 us for a round trip).
 *
 *   socket A      [out] -- flush --> ring ------> drain --> [in]      socket B
 *                 [in] <-- drain <------ ring <-- flush -- [out]
 *
 * The marks hold as in one thread: the reader tells how many messages left its pipe, and the writer never has more than the
 * reader's mark under way. As with a stream, what waits to be sent holds the thread; an idle connection does not.
 */

import type { BusyPoll, Lookout } from '../../busy-poll.ts';
import { Fifo } from '../../fifo.ts';
import type { Message } from '../../message.ts';
import type { PipeLink } from '../../pipes/pipe.ts';
import { type CarriedMessages, packMessage, unpackMessages } from './inproc-carried.ts';
import type { LinkOwner } from './inproc-link.ts';
import type { InprocPipe } from './inproc-pipe.ts';
import {
  BUDGET,
  EMPTY,
  RingReader,
  type RingSink,
  RingWriter,
  recordBytes,
  SHARED_RING_BYTES,
} from './shared-ring.ts';

/** Messages and bytes per flush or drain; then others get their turn (`setImmediate`). */
const FAIRNESS_MESSAGES = 4096;
const FAIRNESS_BYTES = 1024 * 1024;
/**
 * The largest record that goes through a ring. To copy larger ones into it and out of it costs more than memory of their own does
 * (measured: one way 12 kB a half more and 60 kB twice as much; a round trip of 32 kB 43 us, and 21 us).
 */
const COPIED_BYTES_MAX = 8 * 1024;
/** Room for so many messages is worth waking the writer for, also when it is less than half of the mark. */
const ROOM_MESSAGES = 256;
/** The longest delay of a Node timer, in ms. */
const TIMER_MAX_MS = 0x7fff_ffff;

/** The way to the other thread. Everything arrives, in order, unless that thread is gone. */
export interface LinkWire {
  /** Calls `wake` on the link of the other side. */
  wake(link: ThreadLink): void;
  /** Calls `receiveCarried` on it. */
  carry(link: ThreadLink, carried: CarriedMessages): void;
  /** The link is over; nothing more need reach it. */
  remove(link: ThreadLink): void;
}

/** Bytes of shared memory under a link: the ring from the dialer, then the ring to it. */
export const LINK_MEMORY_BYTES: number = 2 * SHARED_RING_BYTES;

/** One of the two ends of a connection between threads. */
export class ThreadLink implements PipeLink, RingSink, Lookout {
  /** Names the connection among those of the two threads. */
  readonly id: number;
  readonly pipe: InprocPipe;
  readonly #owner: LinkOwner;
  readonly #wire: LinkWire;
  readonly #poll: BusyPoll;
  readonly #writer: RingWriter;
  readonly #reader: RingReader;
  readonly #carried = new Fifo<Message>();
  /** Our pipe has something to send. */
  #pending = false;
  #flushScheduled = false;
  #drainScheduled = false;
  /** The last drain found the end of the ring: the next begins when we see something there, or are woken. */
  #isIdle = false;
  /** Plugged in under the pipe; before that the link only waits for its dial to be answered. */
  #started = false;
  /** Our pipe is at its receive mark. */
  #paused = false;
  /** The other side sends nothing more: what is there is delivered, whatever the mark says. */
  #isLast = false;
  #closing = false;
  #ended = false;
  #linger: NodeJS.Timeout | undefined = undefined;
  /** Holds the thread while the other side must make room. */
  #hold: NodeJS.Timeout | undefined = undefined;

  /** @param side which of the two ends this is. */
  constructor(
    id: number,
    side: 'dialer' | 'listener',
    memory: SharedArrayBuffer,
    pipe: InprocPipe,
    owner: LinkOwner,
    wire: LinkWire,
    poll: BusyPoll,
  ) {
    this.id = id;
    this.pipe = pipe;
    this.#owner = owner;
    this.#wire = wire;
    this.#poll = poll;
    const [own, other] = side === 'dialer' ? [0, SHARED_RING_BYTES] : [SHARED_RING_BYTES, 0];
    this.#writer = new RingWriter(memory, own);
    this.#reader = new RingReader(memory, other);
    this.#reader.acknowledge(0, pipe.receiveMark);
    this.#reader.sleep();
  }

  // From the pipe.

  wake(): void {
    this.#pending = true;
    this.#scheduleFlush();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#scheduleDrain();
  }

  close(linger: number): void {
    if (this.#closing || this.#ended) return;
    this.#closing = true;
    this.#paused = false; // what still comes is read and dropped, so that the other side's end is seen
    if (linger > 0) this.#linger = setTimeout(lingerIsOver, linger, this).unref();
    this.#scheduleFlush();
    this.#scheduleDrain();
  }

  // From the ring.

  get isPaused(): boolean {
    return this.#paused && !this.#isLast;
  }

  deliver(message: Message): void {
    this.pipe.deliver(message);
  }

  nextCarried(): Message | undefined {
    return this.#carried.shift();
  }

  // From the wire.

  /** Both sides are known to each other. Plug it in afterwards. */
  start(): void {
    this.#started = true;
    this.#poll.add(this);
    this.pipe.allow(this.#writer.credit);
    this.#scheduleDrain();
  }

  /** The other side wrote something, made room, or ended. */
  receiveWake(): void {
    if (this.#pending) this.flush();
    this.drain();
  }

  /** Large messages, whose places are in the ring or soon will be. */
  receiveCarried(carried: CarriedMessages): void {
    for (const message of unpackMessages(carried)) this.#carried.push(message);
    this.drain();
  }

  /** The other thread is gone. What it had written can still be read. */
  peerGone(): void {
    this.#isLast = true;
    if (this.#started) {
      this.drain();
    } else if (!this.#ended) {
      this.#end();
      this.#wire.remove(this);
    }
  }

  /** This thread ends: hands over at once what there is room for, and says goodbye. */
  exit(): void {
    if (this.#ended) return;
    while (this.#pending && !this.#write()) {} // each round is one budget
    this.abort();
  }

  /** Ends now, whatever is unsent. */
  abort(): void {
    if (this.#ended) return;
    this.#writer.end();
    this.#end();
    this.#wire.wake(this);
    this.#wire.remove(this);
  }

  // From the poll, while the link is started and has not ended.

  stayAwake(): void {
    this.#reader.stayAwake();
  }

  look(): void {
    if (this.#isIdle && this.#reader.hasMore) this.drain();
  }

  fallAsleep(): void {
    if (this.#isIdle && !this.#reader.sleep()) this.#drainSoon();
  }

  // For the ticks and timers below.

  /** Writes what the pipe has, as far as the other side takes it. */
  flush(): void {
    this.#flushScheduled = false;
    if (this.#ended) return;
    const isBlocked = this.#write();
    if (this.#ended) return; // by what the socket did when it was told of room
    if (!isBlocked) {
      this.#hold?.unref();
    } else if (this.#writer.wait()) {
      this.#hold ??= setInterval(noop, TIMER_MAX_MS);
      this.#hold.ref();
    } else {
      this.#scheduleFlush();
    }
    if (this.#closing && !this.#pending) this.abort();
  }

  /** Delivers what the other side wrote, as far as the socket takes it. */
  drain(): void {
    this.#drainScheduled = false;
    if (this.#ended || !this.#started) return;
    const isLast = this.#isLast || this.#reader.isEnded; // asked before the ring is: it was filled before
    this.#isLast = isLast;
    const end = this.#reader.read(this, FAIRNESS_MESSAGES, FAIRNESS_BYTES);
    this.pipe.delivered();
    if (this.#ended) return; // by what the socket did when it was told
    if (end === EMPTY && isLast) {
      this.#end();
      this.#wire.remove(this);
      return;
    }
    this.#isIdle = end === EMPTY;
    if (end === BUDGET || (this.#isIdle && !this.#poll.isTurning && !this.#reader.sleep()))
      this.#drainSoon();
    if (this.#acknowledge()) {
      // The socket is about to read what it was told of: let it, so that the writer is woken once for all of it. But where there
      // is room for a good batch, at once: the writer wakes while the socket reads (bench: push-pull-threads-10b, a third).
      const { unread, receiveMark } = this.pipe;
      const hasRoom = unread <= Math.max(receiveMark / 2, receiveMark - ROOM_MESSAGES);
      if (hasRoom && !this.#reader.hasMore) this.#fulfilWish();
      else if (!this.#paused) setImmediate(acknowledge, this);
    }
  }

  /** Tells the other side how far it may go, and wakes it if it waits for that. */
  acknowledge(): void {
    if (!this.#ended && this.#acknowledge() && !this.#paused) this.#fulfilWish();
  }

  /** Moves messages from the pipe to the ring. True when the other side must take some first. */
  #write(): boolean {
    const writer = this.#writer;
    const carried: CarriedMessages = { buffers: [], layout: [] };
    let isBlocked = false;
    let bytes = 0;
    let credit = writer.credit;
    for (let messages = 0; ; messages++) {
      if (this.pipe.unsent > 0) {
        if (credit <= 0 || !writer.hasRoom) {
          isBlocked = true;
          break;
        }
        if (messages >= FAIRNESS_MESSAGES || bytes >= FAIRNESS_BYTES) {
          this.#flushSoon();
          break;
        }
      }
      const message = this.pipe.take();
      if (message === undefined) {
        this.#pending = false;
        break;
      }
      const size = recordBytes(message);
      if (size <= COPIED_BYTES_MAX) {
        writer.write(message, size);
        bytes += size;
      } else {
        bytes += packMessage(message, carried);
        writer.writeCarried();
      }
      credit -= 1;
    }
    // Carried first: a reader that finds the place of a message in the ring can rely on the message.
    if (carried.layout.length > 0) this.#wire.carry(this, carried);
    if (writer.publish()) this.#wire.wake(this);
    this.pipe.allow(writer.credit);
    return isBlocked;
  }

  #acknowledge(): boolean {
    const { unread, receiveMark } = this.pipe;
    // A pipe that does not pause takes one more, always: it is the next message that makes it pause at a mark that was lowered.
    const isOpen = receiveMark > 0 && !this.#paused && unread >= receiveMark;
    return this.#reader.acknowledge(unread, isOpen ? unread + 1 : receiveMark);
  }

  #fulfilWish(): void {
    if (this.#reader.takeWish()) this.#wire.wake(this);
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled || this.#ended) return;
    this.#flushScheduled = true;
    process.nextTick(flush, this);
  }

  #flushSoon(): void {
    this.#flushScheduled = true;
    setImmediate(flush, this);
  }

  #scheduleDrain(): void {
    if (this.#drainScheduled || this.#ended) return;
    this.#drainScheduled = true;
    process.nextTick(drain, this);
  }

  #drainSoon(): void {
    this.#drainScheduled = true;
    setImmediate(drain, this);
  }

  #end(): void {
    this.#ended = true;
    clearTimeout(this.#linger);
    clearInterval(this.#hold);
    this.#carried.clear();
    this.#poll.remove(this);
    if (this.#started) this.pipe.end();
    this.#owner.linkEnded(this);
  }
}

function flush(link: ThreadLink): void {
  link.flush();
}

function drain(link: ThreadLink): void {
  link.drain();
}

function acknowledge(link: ThreadLink): void {
  link.acknowledge();
}

function lingerIsOver(link: ThreadLink): void {
  link.abort();
}

function noop(): void {}
