/**
 * A subscriber's endpoint: a receiver (receiver.ts) between UDP sockets, a timer, and the socket's pipe.
 *
 *   rx   bound to the group: what senders say            tx   bound to our address: NAKs and SPMRs, to one sender each
 *
 * When the socket reads no more, nothing is handed up: what comes waits in the windows, and beyond them the oldest messages go,
 * whole. Subscriptions have nobody to go to: a subscriber filters by itself.
 */

import type { Message } from '../../message.ts';
import type { ResolvedSocketOptions } from '../../options.ts';
import { Pipe, type PipeLink } from '../../pipes/pipe.ts';
import type { Dialer, PipeHost } from '../transport.ts';
import type { GroupAddress } from './group-address.ts';
import { type Loss, Receiver, type ReceiverOutput } from './receiver.ts';
import type { MulticastStats } from './stats.ts';
import { UdpPort } from './udp.ts';
import { windowOf } from './window.ts';

/** Longest delay of a Node timer. */
const TIMER_MAX_MS = 0x7fff_ffff;

/** Listens to one group. */
export class GroupReceiver implements Dialer, PipeLink, ReceiverOutput {
  readonly endpoint: string;
  readonly #host: PipeHost;
  readonly #port: number;
  readonly #pipe: Pipe;
  readonly #rx: UdpPort;
  readonly #tx: UdpPort;
  readonly #receiver: Receiver;
  #timer: NodeJS.Timeout | undefined = undefined;
  /** When the timer goes off. */
  #timerAt = Number.POSITIVE_INFINITY;
  #isPaused = false;
  #isWoken = false;
  #ended: Promise<void> | undefined = undefined;

  /** @throws TransportError of the system: `EADDRINUSE` and others. */
  constructor(
    endpoint: string,
    address: GroupAddress,
    host: PipeHost,
    options: ResolvedSocketOptions,
  ) {
    this.endpoint = endpoint;
    this.#host = host;
    this.#port = address.port;
    const { packets, bytes } = windowOf(options);
    this.#receiver = new Receiver(
      {
        port: address.port,
        group: address.group,
        windowPackets: packets,
        windowBytes: bytes,
        maxMessageSize: options.maxMessageSize,
        maxMultipartSize: options.maxMultipartSize,
        random: Math.random,
      },
      this,
    );
    // Windows has no binding to a group; elsewhere nothing but the group's datagrams come this way.
    const bound = process.platform === 'win32' ? '0.0.0.0' : address.group;
    this.#rx = new UdpPort(bound, address.port, endpoint, (datagram, from) =>
      this.#receive(datagram, from.address),
    );
    this.#rx.join(address);
    this.#rx.setReceiveBuffer(options);
    try {
      this.#tx = new UdpPort(address.local, 0, endpoint);
    } catch (error) {
      void this.#rx.close();
      throw error;
    }
    this.#pipe = new Pipe(host, options);
    this.#pipe.endpoint = endpoint;
    host.attach(this.#pipe);
    this.#pipe.plug(this);
  }

  get isDone(): boolean {
    return this.#ended !== undefined;
  }

  stats(): MulticastStats {
    return { ...this.#receiver.stats(), sendErrors: this.#tx.errors };
  }

  /** Nothing is lingered for: there is nothing to send. */
  close(_linger: number): Promise<void> {
    if (this.#ended !== undefined) return this.#ended;
    clearTimeout(this.#timer);
    this.#ended = Promise.all([this.#rx.close(), this.#tx.close()]).then(() => {});
    this.#receiver.close();
    this.#pipe.close(0);
    this.#pipe.end();
    return this.#ended;
  }

  // From the pipe.

  wake(): void {
    if (this.#isWoken) return;
    this.#isWoken = true;
    process.nextTick(drain, this);
  }

  pause(): void {
    this.#isPaused = true;
    this.#receiver.setPaused(true);
  }

  resume(): void {
    this.#isPaused = false;
    setImmediate(goOn, this);
  }

  /** For the tick of {@link wake}: what an XSUB sends has nowhere to go. */
  drain(): void {
    this.#isWoken = false;
    while (this.#pipe.take() !== undefined) {
      // one more
    }
    this.#pipe.taken();
  }

  /** For the turn after {@link resume}. */
  goOn(): void {
    if (this.#isPaused || this.isDone) return;
    this.#receiver.setPaused(false);
    this.#settle();
  }

  // From the receiver.

  send(packet: Buffer, address: string): void {
    this.#tx.send(packet, this.#port, address);
  }

  onMessage(message: Message): void {
    this.#pipe.deliver(message);
  }

  onLoss({ packets, messages }: Loss): void {
    this.#host.report({ type: 'multicast:loss', address: this.endpoint, packets, messages });
  }

  #receive(datagram: Buffer, address: string): void {
    if (this.isDone) return;
    this.#receiver.receive(datagram, address, performance.now());
    this.#settle();
  }

  tick(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#receiver.tick(performance.now());
    this.#settle();
  }

  /** After anything that happened: tells the socket what came, and sets the timer. */
  #settle(): void {
    this.#pipe.delivered();
    if (this.isDone) return; // by what a socket did when it was told
    const at = this.#receiver.wakeAt;
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    const delay = Math.min(Math.max(1, Math.ceil(at - performance.now())), TIMER_MAX_MS);
    this.#timer = setTimeout(tick, delay, this).unref();
  }
}

function tick(receiver: GroupReceiver): void {
  receiver.tick();
}

function drain(receiver: GroupReceiver): void {
  receiver.drain();
}

function goOn(receiver: GroupReceiver): void {
  receiver.goOn();
}
