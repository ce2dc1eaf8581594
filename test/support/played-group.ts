/*
 * A multicast group without network or clock: our senders and receivers, and between them packets that are late, doubled or lost by
 * a chance that is the same each time. Time goes from one event to the next.
 */
import type { Message } from '../../packages/transport/src/message.ts';
import {
  type Loss,
  Receiver,
  type ReceiverSettings,
} from '../../packages/transport/src/transports/epgm/receiver.ts';
import {
  Sender,
  type SenderSettings,
} from '../../packages/transport/src/transports/epgm/sender.ts';

/** Of each packet to each receiver, and of each to a sender. */
export interface Weather {
  /** Chances, from 0 to 1. */
  readonly loss: number;
  readonly doubled: number;
  /** A packet takes up to so long, ms: later ones overtake it. */
  readonly delay: number;
}

const PORT = 5555;
const GROUP = '239.192.1.1';

/** A chance that a seed repeats (mulberry32). */
export function chanceOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A sender with what waits for it. */
export class PlayedSender {
  readonly sender: Sender;
  readonly address: string;
  readonly queue: Message[] = [];
  /** When it goes on sending. */
  pumpAt = 0;

  constructor(sender: Sender, address: string) {
    this.sender = sender;
    this.address = address;
  }
}

/** A receiver with what it handed up. */
export class PlayedReceiver {
  readonly receiver: Receiver;
  readonly messages: string[] = [];
  readonly losses: Loss[] = [];

  constructor(
    make: (output: ConstructorParameters<typeof Receiver>[1]) => Receiver,
    send: (packet: Buffer, address: string) => void,
  ) {
    this.receiver = make({
      send,
      onMessage: (message) => this.messages.push(textOf(message)),
      onLoss: (loss) => this.losses.push(loss),
    });
  }
}

/** A message as one text, in which the cuts between frames show. */
export function textOf(message: readonly Buffer[]): string {
  return message.map((frame) => frame.toString('latin1')).join('\u2016');
}

interface Event {
  readonly at: number;
  readonly happen: () => void;
}

/** A group and its time. */
export class PlayedGroup {
  now = 0;
  readonly #chance: () => number;
  weather: Weather;
  readonly senders: PlayedSender[] = [];
  readonly receivers: PlayedReceiver[] = [];
  /** Of every packet that a sender sent into the group. */
  readonly sent: { at: number; bytes: number; packet: Buffer }[] = [];
  readonly #events: Event[] = [];

  constructor(seed: number, weather: Weather) {
    this.#chance = chanceOf(seed);
    this.weather = weather;
  }

  addSender(settings: Partial<SenderSettings> = {}): PlayedSender {
    const address = `10.0.0.${this.senders.length + 1}`;
    const packetBytes = settings.packetBytes ?? 300;
    const sender = new Sender(
      {
        gsi: 0xb7c6d1bc038a,
        sourcePort: 1000 + this.senders.length,
        port: PORT,
        address,
        group: GROUP,
        rate: 8000,
        windowPackets: 10_000,
        packetBytes,
        payloadBytes: packetBytes - 72,
        ...settings,
      },
      {
        writable: true,
        send: (packet) => {
          this.sent.push({ at: this.now, bytes: packet.length + 28, packet });
          for (const { receiver } of this.receivers) {
            this.#carry(packet, (copy) => receiver.receive(copy, address, this.now));
          }
        },
      },
      this.now,
    );
    const played = new PlayedSender(sender, address);
    this.senders.push(played);
    sender.open(this.now);
    return played;
  }

  addReceiver(settings: Partial<ReceiverSettings> = {}): PlayedReceiver {
    const played = new PlayedReceiver(
      (output) =>
        new Receiver(
          {
            port: PORT,
            group: GROUP,
            windowPackets: 10_000,
            windowBytes: 15_000_000,
            maxMessageSize: -1,
            maxMultipartSize: -1,
            random: this.#chance,
            ...settings,
          },
          output,
        ),
      (packet, address) => {
        const to = this.senders.find((each) => each.address === address);
        if (to === undefined) return;
        this.#carry(packet, (copy) => {
          to.sender.receive(copy, this.now);
          to.pumpAt = Math.min(to.pumpAt, this.now);
        });
      },
    );
    this.receivers.push(played);
    return played;
  }

  send(to: PlayedSender, messages: readonly Message[]): void {
    for (const message of messages) to.queue.push(message);
    to.pumpAt = Math.min(to.pumpAt, this.now);
  }

  /** Lets time go on for so long, ms, or until `isOver`. */
  play(ms: number, isOver: () => boolean = () => false): void {
    const end = this.now + ms;
    while (!isOver()) {
      const next = this.#nextTime();
      if (next > end) break;
      this.now = Math.max(this.now, next);
      this.#happen();
    }
    if (!isOver()) this.now = end;
  }

  #nextTime(): number {
    let next = this.#events[0]?.at ?? Number.POSITIVE_INFINITY;
    for (const { sender, pumpAt } of this.senders) next = Math.min(next, pumpAt, sender.wakeAt);
    for (const { receiver } of this.receivers) next = Math.min(next, receiver.wakeAt);
    return next;
  }

  #happen(): void {
    for (let first = this.#events[0]; first !== undefined; first = this.#events[0]) {
      if (first.at > this.now) break;
      this.#events.shift();
      first.happen();
    }
    for (const each of this.senders) {
      each.sender.tick(this.now);
      if (each.pumpAt > this.now) continue;
      const source = { take: () => each.queue.shift() };
      do each.pumpAt = each.sender.pump(source, this.now);
      while (each.pumpAt <= this.now);
    }
    for (const { receiver } of this.receivers) receiver.tick(this.now);
  }

  /** Events are kept in order; those of the same time, as they came. */
  #schedule(event: Event): void {
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#events[middle]?.at ?? 0) <= event.at) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, event);
  }

  #carry(packet: Buffer, arrive: (copy: Buffer) => void): void {
    const { loss, doubled, delay } = this.weather;
    if (this.#chance() < loss) return;
    const times = this.#chance() < doubled ? 2 : 1;
    for (let i = 0; i < times; i++) {
      const copy = Buffer.from(packet); // a sender may write into its own
      const at = this.now + this.#chance() * delay;
      this.#schedule({ at, happen: () => arrive(copy) });
    }
  }
}
