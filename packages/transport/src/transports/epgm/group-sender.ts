/**
 * A publisher's endpoint: a sender (sender.ts) between UDP sockets, timers, and the socket's pipe.
 *
 *   up   bound to our address and the endpoint's port: what receivers ask for            tx   sends to the group
 *
 *   OPEN -> CLOSING -> DONE     CLOSING: what is queued goes out at the rate, and receivers have a moment to ask for what they
 *                               missed, as long as linger lasts. DONE through `#finish`
 */

import { randomBytes, randomInt } from 'node:crypto';
import type { ResolvedSocketOptions } from '../../options.ts';
import { Pipe, type PipeLink } from '../../pipes/pipe.ts';
import type { Dialer, PipeHost } from '../transport.ts';
import type { GroupAddress } from './group-address.ts';
import { UDP_OVERHEAD_BYTES } from './packet.ts';
import { Sender, type SenderOutput } from './sender.ts';
import type { MulticastStats } from './stats.ts';
import { UdpPort } from './udp.ts';
import { windowOf } from './window.ts';

/** PGM header, data header, and what OpenPGM keeps free for an option that it never sends. */
const PGM_OVERHEAD_BYTES = 44;
/** How long receivers may ask for the last packets after they were sent, or sent again; and in all, whoever goes on asking. */
const REPAIR_TIME_MS = 250;
const REPAIR_LIMIT_MS = 2000;
const PORT_MAX = 65_535;
const TIMER_MAX_MS = 0x7fff_ffff;

/** Sends to one group. */
export class GroupSender implements Dialer, PipeLink, SenderOutput {
  readonly endpoint: string;
  readonly #host: PipeHost;
  readonly #options: ResolvedSocketOptions;
  readonly #address: GroupAddress;
  readonly #pipe: Pipe;
  readonly #up: UdpPort;
  readonly #tx: UdpPort;
  readonly #sender: Sender;
  /** Data goes on at this time. It holds the process. */
  #pumpTimer: NodeJS.Timeout | undefined = undefined;
  #isPumpDue = false;
  #heartbeat: NodeJS.Timeout | undefined = undefined;
  #heartbeatAt = Number.POSITIVE_INFINITY;
  #isClosing = false;
  /** When lingering is over, on the clock of `performance`; Infinity for never. */
  #deadline: number = Number.POSITIVE_INFINITY;
  #endTimer: NodeJS.Timeout | undefined = undefined;
  #isDone = false;
  readonly #ended: Promise<void>;
  #resolveEnded: () => void = () => {};

  /** @throws TransportError of the system: `EADDRINUSE` and others. */
  constructor(
    endpoint: string,
    address: GroupAddress,
    host: PipeHost,
    options: ResolvedSocketOptions,
  ) {
    this.endpoint = endpoint;
    this.#host = host;
    this.#options = options;
    this.#address = address;
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#up = new UdpPort(address.local, address.port, endpoint, (datagram) =>
      this.#receive(datagram),
    );
    try {
      this.#tx = new UdpPort(address.local, 0, endpoint);
      this.#tx.sendFrom(address.local, options);
    } catch (error) {
      void this.#up.close();
      throw error;
    }
    const packetBytes = options.multicastMaxTransportDataUnit;
    this.#sender = new Sender(
      {
        gsi: randomBytes(6).readUIntBE(0, 6),
        sourcePort: choosePort(address.port),
        port: address.port,
        address: address.local,
        group: address.sendGroup,
        rate: options.rate,
        windowPackets: windowOf(options).packets,
        packetBytes,
        payloadBytes: packetBytes - UDP_OVERHEAD_BYTES - PGM_OVERHEAD_BYTES,
      },
      this,
      performance.now(),
    );
    this.#sender.open(performance.now());
    this.#beat();
    this.#pipe = new Pipe(host, options);
    this.#pipe.endpoint = endpoint;
    this.#pipe.wantsAll = true;
    host.attach(this.#pipe);
    this.#pipe.plug(this);
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  stats(): MulticastStats {
    return { ...this.#sender.stats(), sendErrors: this.#tx.errors };
  }

  close(linger: number): Promise<void> {
    if (this.#isClosing || this.#isDone) return this.#ended;
    this.#isClosing = true;
    this.#pipe.close(linger);
    if (linger === 0) {
      this.#finish();
      return this.#ended;
    }
    if (linger > 0) this.#deadline = performance.now() + linger;
    this.#endWhenSent();
    return this.#ended;
  }

  // From the pipe.

  wake(): void {
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    process.nextTick(pump, this);
  }

  flush(): void {
    if (this.#pumpTimer !== undefined) return; // the rate allows no more now
    this.#pump();
    this.#pipe.taken();
  }

  pause(): void {}

  resume(): void {}

  // From the sender.

  get writable(): boolean {
    return this.#tx.writable;
  }

  send(packet: Buffer): void {
    this.#tx.send(packet, this.#address.port, this.#address.sendGroup);
  }

  /** For ticks and timers: sends what may be sent. */
  pump(): void {
    this.#isPumpDue = false;
    clearTimeout(this.#pumpTimer);
    this.#pumpTimer = undefined;
    if (this.#isDone) return;
    this.#pump();
    this.#pipe.taken();
    if (this.#isClosing) this.#endWhenSent();
  }

  /** For the timer: heartbeats. */
  tick(): void {
    this.#heartbeatAt = Number.POSITIVE_INFINITY;
    this.#sender.tick(performance.now());
    this.#beat();
  }

  /** For the timer: lingering may be over. */
  endWhenSent(): void {
    this.#endWhenSent();
  }

  #receive(datagram: Buffer): void {
    if (this.#isDone) return;
    this.#sender.receive(datagram, performance.now());
    if (this.#sender.isBusy && this.#pumpTimer === undefined) this.wake();
    this.#beat();
  }

  #pump(): void {
    const now = performance.now();
    const at = this.#sender.pump(this.#pipe, now);
    this.#beat();
    if (at === Number.POSITIVE_INFINITY || this.#isPumpDue) return;
    if (at <= now) {
      this.#isPumpDue = true;
      setImmediate(pump, this);
      return;
    }
    clearTimeout(this.#pumpTimer);
    this.#pumpTimer = setTimeout(pump, Math.min(Math.ceil(at - now), TIMER_MAX_MS), this);
    if ((this.#host.linger ?? this.#options.linger) === 0) this.#pumpTimer.unref(); // it would be dropped in the end
  }

  #beat(): void {
    const at = this.#sender.wakeAt;
    if (at >= this.#heartbeatAt || this.#isDone) return;
    clearTimeout(this.#heartbeat);
    this.#heartbeatAt = at;
    const delay = Math.max(1, Math.ceil(at - performance.now()));
    this.#heartbeat = setTimeout(tick, delay, this).unref();
  }

  #endWhenSent(): void {
    if (this.#isDone) return;
    const now = performance.now();
    const { hasUnsent, isBusy, dataAt, sentAt } = this.#sender;
    const isSent = this.#pipe.unsent === 0 && !hasUnsent && this.#tx.isSent;
    const repairs = isBusy ? Number.POSITIVE_INFINITY : sentAt + REPAIR_TIME_MS;
    const end = isSent
      ? Math.min(this.#deadline, dataAt + REPAIR_LIMIT_MS, repairs)
      : this.#deadline;
    if (now >= end) {
      this.#finish();
      return;
    }
    clearTimeout(this.#endTimer);
    const delay = Math.min(Math.ceil(end - now), REPAIR_TIME_MS);
    this.#endTimer = setTimeout(endWhenSent, delay, this);
  }

  #finish(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    clearTimeout(this.#pumpTimer);
    clearTimeout(this.#heartbeat);
    clearTimeout(this.#endTimer);
    this.#sender.finish(performance.now());
    this.#pipe.end();
    void Promise.all([this.#up.close(), this.#tx.close()]).then(this.#resolveEnded);
  }
}

/** Of the sender's identity; it must not be the endpoint's, or what it says would look like what is said to it. */
function choosePort(endpointPort: number): number {
  const port = randomInt(1, PORT_MAX);
  return port < endpointPort ? port : port + 1;
}

function pump(sender: GroupSender): void {
  sender.pump();
}

function tick(sender: GroupSender): void {
  sender.tick();
}

function endWhenSent(sender: GroupSender): void {
  sender.endWhenSent();
}
