/**
 * The sending side of an endpoint: messages to packets at a given rate, heartbeats, and packets again for those who missed them.
 *
 *    trail ............ lead |
 *    can be asked for again  |  next
 *
 * SPMs say what can be had, so that a receiver notices also the loss of the last packet: at growing intervals after data, and every
 * 30 s. What is sent again counts for the rate as anything else does, and goes first. No clock and no network: time is handed in,
 * packets go to an output.
 */

import { MessagePacker, type MessageSource } from './message-packer.ts';
import {
  addressNumber,
  DATA_HEADER_BYTES,
  decodePacket,
  encodeSpm,
  encodeWanted,
  NAK,
  NCF,
  ODATA,
  plus,
  RDATA,
  type Route,
  SPMR,
  sealData,
  UDP_OVERHEAD_BYTES,
  type Wanted,
} from './packet.ts';
import { type MulticastStats, NO_STATS } from './stats.ts';
import { TokenBucket } from './token-bucket.ts';

/** Times from one SPM to the next after the last data, ms, as OpenPGM has them. */
const HEARTBEATS_MS = [100, 100, 100, 100, 100, 1300, 7000, 16_000] as const;
const AMBIENT_MS = 30_000;
/** SPMs at the begin and at the end. */
const GREETING_SPMS = 3;
/** The least time between two SPMs that were asked for. */
const PATH_PAUSE_MS = 100;
/** Who asks for the same packet within this time is served by what is on its way: OpenPGM asks twice, and receivers are many. */
const RESEND_PAUSE_MS = 20;
/** Packets in a row; then others get their turn. */
const FAIRNESS_PACKETS = 64;

/** How a sender is set up. */
export interface SenderSettings {
  /** Global source id, 48 bits, and port: random, and new for each endpoint. */
  readonly gsi: number;
  readonly sourcePort: number;
  /** The endpoint's. */
  readonly port: number;
  /** Where it sends from, and to. */
  readonly address: string;
  readonly group: string;
  /** kbit/s. */
  readonly rate: number;
  /** Packets that can be sent again. */
  readonly windowPackets: number;
  /** Largest packet with its IP header, bytes. */
  readonly packetBytes: number;
  /** Largest payload of a packet, bytes. */
  readonly payloadBytes: number;
  /** Number of the first packet. Default 0. */
  readonly firstSqn?: number;
}

/** What a sender does to the world. */
export interface SenderOutput {
  /** Whether a packet can be sent now; false while the system has many of them. */
  readonly writable: boolean;
  /** Sends a packet to the group. */
  send(packet: Buffer): void;
}

interface Kept {
  readonly packet: Buffer;
  /** When it was last asked for or sent again: what else asks for it soon after is served by that. */
  servedAt: number;
}

/** Sends a stream of messages to a group. */
export class Sender {
  readonly #settings: SenderSettings;
  readonly #output: SenderOutput;
  readonly #route: Route;
  readonly #address: number;
  readonly #group: number;
  readonly #packer: MessagePacker;
  readonly #bucket: TokenBucket;
  /** Where packets are put together; one that is full is taken as it is. */
  #desk: Buffer;
  readonly #window = new Map<number, Kept>();
  #windowBytes = 0;
  #trail: number;
  #next: number;
  /** Put together, and not yet paid for. */
  #pending: Buffer | undefined = undefined;
  /** Numbers that were asked for and are not yet sent again, oldest first. */
  readonly #wanted = new Set<number>();
  #spmSqn = 0;
  #heartbeat: number = HEARTBEATS_MS.length;
  #heartbeatAt: number = Number.POSITIVE_INFINITY;
  #ambientAt: number = Number.POSITIVE_INFINITY;
  #pathSentAt: number = Number.NEGATIVE_INFINITY;
  #dataAt: number = Number.NEGATIVE_INFINITY;
  #sentAt: number = Number.NEGATIVE_INFINITY;
  #sentPackets = 0;
  #sentBytes = 0;
  #resentPackets = 0;
  #receivedNaks = 0;
  #malformed = 0;

  constructor(settings: SenderSettings, output: SenderOutput, now: number) {
    this.#settings = settings;
    this.#output = output;
    this.#route = {
      gsi: settings.gsi,
      sourcePort: settings.sourcePort,
      destinationPort: settings.port,
    };
    this.#address = addressNumber(settings.address);
    this.#group = addressNumber(settings.group);
    this.#packer = new MessagePacker(settings.payloadBytes);
    this.#bucket = new TokenBucket(settings.rate, settings.packetBytes, now);
    this.#desk = Buffer.alloc(DATA_HEADER_BYTES + settings.payloadBytes);
    this.#next = settings.firstSqn ?? 0;
    this.#trail = this.#next;
  }

  /** Says that it is there. */
  open(now: number): void {
    for (let i = 0; i < GREETING_SPMS; i++) this.#sendPath(now);
    this.#ambientAt = now + AMBIENT_MS;
  }

  /** When {@link tick} has something to do next, on the clock of `now`. */
  get wakeAt(): number {
    return Math.min(this.#heartbeatAt, this.#ambientAt);
  }

  /** Something of the messages that were taken is not yet sent. */
  get hasUnsent(): boolean {
    return this.#pending !== undefined || this.#packer.isInside;
  }

  /** The same, or something was asked for again and is not yet sent. */
  get isBusy(): boolean {
    return this.hasUnsent || this.#wanted.size > 0;
  }

  /** When data was last sent for the first time; -Infinity for never. */
  get dataAt(): number {
    return this.#dataAt;
  }

  /** When data was last sent at all; -Infinity for never. */
  get sentAt(): number {
    return this.#sentAt;
  }

  /**
   * Sends what there is, as far as the rate and the system allow, and not more than a few packets. Gives when to call it again, on
   * the clock of `now`; Infinity when nothing is left.
   */
  pump(source: MessageSource, now: number): number {
    for (let i = 0; i < FAIRNESS_PACKETS; i++) {
      if (!this.#output.writable) return now + 1;
      const repair = this.#nextWanted();
      if (repair !== undefined) {
        const at = this.#resend(repair.sqn, repair.kept, now);
        if (at > now) return at;
        continue;
      }
      this.#pending ??= this.#pack(source);
      if (this.#pending === undefined) return Number.POSITIVE_INFINITY;
      const cost = this.#pending.length + UDP_OVERHEAD_BYTES;
      if (!this.#bucket.take(cost, now)) return this.#bucket.readyAt(cost, now);
      this.#sendData(this.#pending, now);
      this.#pending = undefined;
    }
    return now;
  }

  /** A datagram that came to the sender's address. */
  receive(datagram: Buffer, now: number): void {
    const packet = decodePacket(datagram);
    const isOurs =
      packet !== undefined &&
      packet.gsi === this.#settings.gsi &&
      packet.destinationPort === this.#settings.sourcePort &&
      packet.sourcePort === this.#settings.port;
    if (!isOurs) {
      this.#malformed += 1;
    } else if (packet.type === SPMR) {
      if (now < this.#pathSentAt + PATH_PAUSE_MS) return;
      this.#pathSentAt = now;
      this.#sendPath(now);
    } else if (
      packet.type === NAK &&
      packet.address === this.#address &&
      packet.group === this.#group
    ) {
      this.#receiveNak(packet, now);
    } else {
      this.#malformed += 1;
    }
  }

  /** Does what is due. */
  tick(now: number): void {
    if (now >= this.#heartbeatAt) {
      this.#sendPath(now);
      this.#heartbeat += 1;
      const interval = HEARTBEATS_MS[this.#heartbeat];
      this.#heartbeatAt = interval === undefined ? Number.POSITIVE_INFINITY : now + interval;
    }
    if (now >= this.#ambientAt) {
      this.#sendPath(now);
      this.#ambientAt = now + AMBIENT_MS;
    }
  }

  /** Says that nothing more will come. */
  finish(now: number): void {
    for (let i = 0; i < GREETING_SPMS; i++) this.#sendPath(now, true);
    this.#heartbeatAt = Number.POSITIVE_INFINITY;
    this.#ambientAt = Number.POSITIVE_INFINITY;
    this.#window.clear();
    this.#windowBytes = 0;
    this.#wanted.clear();
  }

  stats(): MulticastStats {
    return {
      ...NO_STATS,
      sentPackets: this.#sentPackets,
      sentBytes: this.#sentBytes,
      resentPackets: this.#resentPackets,
      receivedNaks: this.#receivedNaks,
      malformedPackets: this.#malformed,
      bufferedBytes: this.#windowBytes,
    };
  }

  #pack(source: MessageSource): Buffer | undefined {
    const bytes = this.#packer.pack(this.#desk, DATA_HEADER_BYTES, source);
    if (bytes === 0) return undefined;
    const desk = this.#desk;
    if (DATA_HEADER_BYTES + bytes < desk.length)
      return Buffer.from(desk.subarray(0, DATA_HEADER_BYTES + bytes));
    this.#desk = Buffer.allocUnsafe(desk.length);
    return desk;
  }

  #sendData(packet: Buffer, now: number): void {
    const sqn = this.#next;
    this.#output.send(sealData(packet, ODATA, this.#route, sqn, this.#trail));
    this.#next = plus(sqn, 1);
    this.#window.set(sqn, { packet, servedAt: Number.NEGATIVE_INFINITY });
    this.#windowBytes += packet.length;
    if (this.#window.size > this.#settings.windowPackets) {
      this.#windowBytes -= this.#window.get(this.#trail)?.packet.length ?? 0;
      this.#window.delete(this.#trail);
      this.#wanted.delete(this.#trail);
      this.#trail = plus(this.#trail, 1);
    }
    this.#sentPackets += 1;
    this.#dataAt = now;
    this.#dataWasSent(packet, now);
  }

  #nextWanted(): { readonly sqn: number; readonly kept: Kept } | undefined {
    for (const sqn of this.#wanted) {
      const kept = this.#window.get(sqn);
      if (kept !== undefined) return { sqn, kept };
      this.#wanted.delete(sqn);
    }
    return undefined;
  }

  /** Gives when it can be sent; `now` when it was. */
  #resend(sqn: number, kept: Kept, now: number): number {
    const cost = kept.packet.length + UDP_OVERHEAD_BYTES;
    if (!this.#bucket.take(cost, now)) return this.#bucket.readyAt(cost, now);
    // A copy: the system may still hold the one that was sent before.
    const packet = Buffer.from(kept.packet);
    this.#output.send(sealData(packet, RDATA, this.#route, sqn, this.#trail));
    kept.servedAt = now;
    this.#wanted.delete(sqn);
    this.#resentPackets += 1;
    this.#dataWasSent(packet, now);
    return now;
  }

  #dataWasSent(packet: Buffer, now: number): void {
    this.#sentBytes += packet.length + UDP_OVERHEAD_BYTES;
    this.#sentAt = now;
    this.#heartbeat = 0;
    this.#heartbeatAt = now + HEARTBEATS_MS[0];
  }

  /** An SPM soon, and others after it. */
  #beatAgain(now: number): void {
    if (this.#heartbeatAt <= now + HEARTBEATS_MS[0]) return;
    this.#heartbeat = 0;
    this.#heartbeatAt = now + HEARTBEATS_MS[0];
  }

  #receiveNak(nak: Wanted, now: number): void {
    this.#receivedNaks += 1;
    const sqns: number[] = [];
    for (const sqn of nak.sqns) {
      const kept = this.#window.get(sqn);
      if (kept === undefined) {
        this.#beatAgain(now); // it is gone, which the trail of an SPM says
      } else if (now >= kept.servedAt + RESEND_PAUSE_MS) {
        kept.servedAt = now;
        this.#wanted.add(sqn);
        sqns.push(sqn);
      }
    }
    if (sqns.length === 0) return;
    const packet = encodeWanted(NCF, {
      ...this.#route,
      sqns,
      address: this.#address,
      group: this.#group,
    });
    this.#bucket.owe(packet.length + UDP_OVERHEAD_BYTES, now);
    this.#output.send(packet);
  }

  #sendPath(now: number, isFinal = false): void {
    const packet = encodeSpm({
      ...this.#route,
      sqn: this.#spmSqn,
      trail: this.#trail,
      lead: plus(this.#next, -1),
      address: this.#address,
      isFinal,
    });
    this.#spmSqn = plus(this.#spmSqn, 1);
    this.#bucket.owe(packet.length + UDP_OVERHEAD_BYTES, now);
    this.#output.send(packet);
  }
}
