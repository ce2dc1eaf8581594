/**
 * The receiving side of an endpoint: packets to the senders they come from (source.ts), and what is to be asked of them.
 *
 * A sender is known by its global source id, its port and the address its packets come from. There are {@link SOURCES_MAX} at the
 * most: whoever sends into the group can make up others without end. No clock and no network: time is handed in, packets go to an
 * output.
 */

import type { Message } from '../../message.ts';
import type { MessageLimits } from './message-unpacker.ts';
import {
  addressNumber,
  decodePacket,
  encodeSpmr,
  encodeWanted,
  NAK,
  NAK_NUMBERS_MAX,
  NCF,
  type Packet,
  RDATA,
  SPM,
  SPMR,
} from './packet.ts';
import { Source, type SourceCounts } from './source.ts';
import { type MulticastStats, NO_STATS } from './stats.ts';

/** Senders that are known at once; beyond them the one that was silent longest is forgotten if it never said a message. */
export const SOURCES_MAX = 64;
/** NAKs at once, to all senders; more wait for the next time, so that missing packets that somebody made up do not fill the network. */
const NAKS_AT_ONCE = 16;
/** The least time between two reports of what was lost. */
const REPORT_MS = 100;

/** How a receiver is set up. */
export interface ReceiverSettings extends MessageLimits {
  /** The endpoint's. */
  readonly port: number;
  /** The group that is listened to. */
  readonly group: string;
  /** Packets, and bytes of them, that may wait for one that is missing; for each sender. */
  readonly windowPackets: number;
  readonly windowBytes: number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** What was lost since the last report. */
export interface Loss {
  readonly packets: number;
  readonly messages: number;
}

/** What a receiver does to the world. */
export interface ReceiverOutput {
  /** Sends a packet to `address`, at the endpoint's port. */
  send(packet: Buffer, address: string): void;
  onMessage(message: Message): void;
  /** Something is lost for good. */
  onLoss(loss: Loss): void;
}

/** Hears the senders of a group. */
export class Receiver {
  readonly #settings: ReceiverSettings;
  readonly #output: ReceiverOutput;
  readonly #group: number;
  readonly #sources = new Map<string, Source>();
  /** The one that was heard last: most packets come from the same sender as the one before. */
  #last: Source | undefined = undefined;
  /** Senders of whom a message was handed up. */
  readonly #proven = new Set<Source>();
  readonly #counts: SourceCounts = {
    packets: 0,
    duplicates: 0,
    repaired: 0,
    lost: 0,
    discarded: 0,
    torn: 0,
    faults: 0,
    naks: 0,
    buffered: 0,
  };
  #malformed = 0;
  #refused = 0;
  #isPaused = false;
  /** What was lost when it was last told, and when that was. */
  #toldPackets = 0;
  #toldMessages = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(settings: ReceiverSettings, output: ReceiverOutput) {
    this.#settings = settings;
    this.#output = output;
    this.#group = addressNumber(settings.group);
  }

  /** When {@link tick} has something to do next, on the clock of `now`; Infinity for never. */
  get wakeAt(): number {
    let at = this.#hasLoss ? this.#toldAt + REPORT_MS : Number.POSITIVE_INFINITY;
    for (const source of this.#sources.values()) at = Math.min(at, source.wakeAt);
    return at;
  }

  /** Hands nothing up: what comes waits in the windows, as far as they have room. Or goes on. */
  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    for (const source of this.#sources.values()) {
      source.setPaused(this.#isPaused);
      if (this.#isPaused !== isPaused) return; // by whoever took what came
    }
  }

  /** A datagram from `address`. */
  receive(datagram: Buffer, address: string, now: number): void {
    const packet = decodePacket(datagram);
    if (packet === undefined) this.#malformed += 1;
    else this.#receive(packet, address, now);
    this.#tellLoss(now);
  }

  /** Does what is due. */
  tick(now: number): void {
    const enough = this.#counts.naks + NAKS_AT_ONCE;
    for (const [key, source] of this.#sources) {
      if (source.isExpired(now)) {
        this.#drop(key, source);
        continue;
      }
      if (now < source.wakeAt) continue;
      if (this.#counts.naks >= enough) break;
      // Behind those that have not had their turn.
      this.#sources.delete(key);
      this.#sources.set(key, source);
      const { sqns, wantsPath } = source.tick(now);
      if (wantsPath) this.#output.send(encodeSpmr(this.#routeTo(source)), source.address);
      for (let i = 0; i < sqns.length; i += NAK_NUMBERS_MAX) {
        this.#counts.naks += 1;
        this.#output.send(
          encodeWanted(NAK, {
            ...this.#routeTo(source),
            sqns: sqns.slice(i, i + NAK_NUMBERS_MAX),
            address: addressNumber(source.address),
            group: this.#group,
          }),
          source.address,
        );
      }
    }
    this.#tellLoss(now);
  }

  /** Lets go of every sender. */
  close(): void {
    for (const [key, source] of this.#sources) this.#drop(key, source);
  }

  stats(): MulticastStats {
    const counts = this.#counts;
    return {
      ...NO_STATS,
      receivedPackets: counts.packets,
      duplicatePackets: counts.duplicates,
      sentNaks: counts.naks,
      repairedPackets: counts.repaired,
      lostPackets: counts.lost,
      tornMessages: counts.torn,
      discardedMessages: counts.discarded,
      sources: this.#sources.size,
      refusedPackets: this.#refused,
      malformedPackets: this.#malformed,
      bufferedBytes: counts.buffered,
    };
  }

  #receive(packet: Packet, address: string, now: number): void {
    if (packet.type === SPMR) {
      for (const source of this.#sources.values()) {
        const isAsked = source.gsi === packet.gsi && source.port === packet.destinationPort;
        if (isAsked) source.pathWasRequested(now);
      }
      return;
    }
    if (packet.type === NAK || packet.destinationPort !== this.#settings.port) {
      this.#malformed += 1;
      return;
    }
    if (packet.type === SPM && packet.address !== addressNumber(address)) {
      // NAKs go where an SPM says: it could make us send them to somebody who never asked.
      this.#malformed += 1;
      return;
    }
    const { gsi, sourcePort } = packet;
    let source = this.#find(gsi, sourcePort, address);
    if (source === undefined) {
      if (packet.type === NCF || packet.type === RDATA) return; // for others: it would start us far back
      source = this.#add(gsi, sourcePort, address, now);
      if (source === undefined) return;
    }
    this.#last = source;
    if (packet.type === SPM) source.receivePath(packet, now);
    else if ('stream' in packet) source.receiveData(packet, now);
    else if (packet.group === this.#group) source.receiveConfirmation(packet, now);
  }

  #find(gsi: number, port: number, address: string): Source | undefined {
    const last = this.#last;
    if (last?.gsi === gsi && last.port === port && last.address === address) return last;
    return this.#sources.get(keyOf(gsi, port, address));
  }

  #add(gsi: number, port: number, address: string, now: number): Source | undefined {
    if (this.#sources.size >= SOURCES_MAX && !this.#makeRoom()) {
      this.#refused += 1;
      return undefined;
    }
    const source = new Source(
      { gsi, port, address },
      this.#settings,
      this.#counts,
      {
        onMessage: (message) => {
          this.#proven.add(source);
          this.#output.onMessage(message);
        },
      },
      now,
    );
    source.setPaused(this.#isPaused);
    this.#sources.set(keyOf(gsi, port, address), source);
    return source;
  }

  /** Forgets the sender that was silent longest among those who never said a message. */
  #makeRoom(): boolean {
    let oldest: [string, Source] | undefined;
    for (const each of this.#sources) {
      if (this.#proven.has(each[1])) continue;
      if (oldest === undefined || each[1].heardAt < oldest[1].heardAt) oldest = each;
    }
    if (oldest === undefined) return false;
    this.#drop(...oldest);
    return true;
  }

  #drop(key: string, source: Source): void {
    source.close();
    this.#sources.delete(key);
    this.#proven.delete(source);
    if (this.#last === source) this.#last = undefined;
  }

  #routeTo(source: Source): { gsi: number; sourcePort: number; destinationPort: number } {
    return {
      gsi: source.gsi,
      sourcePort: this.#settings.port,
      destinationPort: source.port,
    };
  }

  get #hasLoss(): boolean {
    return this.#counts.lost !== this.#toldPackets || this.#messagesLost !== this.#toldMessages;
  }

  get #messagesLost(): number {
    return this.#counts.torn + this.#counts.discarded;
  }

  #tellLoss(now: number): void {
    if (!this.#hasLoss || now < this.#toldAt + REPORT_MS) return;
    const packets = this.#counts.lost - this.#toldPackets;
    const messages = this.#messagesLost - this.#toldMessages;
    this.#toldPackets = this.#counts.lost;
    this.#toldMessages = this.#messagesLost;
    this.#toldAt = now;
    this.#output.onLoss({ packets, messages });
  }
}

function keyOf(gsi: number, port: number, address: string): string {
  return `${gsi}:${port}:${address}`;
}
