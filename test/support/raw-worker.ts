/*
 * A worker at the back end of a queue that is written byte by byte: what it is given is taken from
 * the wire, and it answers what a test says.
 */
import { type Control, decodeControl } from '../../packages/core/src/messages/control.ts';
import { hex } from './hex.ts';
import { RawPeer } from './raw-peer.ts';
import { until } from './until.ts';
import { backOf, type startQueue } from './worker-queue.ts';

type Queue = Awaited<ReturnType<typeof startQueue>>;

/** The flag of a frame whose length is written in eight bytes. */
const LONG = 2;

/** A message to a worker. */
export interface Taken {
  /** In hex. */
  readonly ticket: string;
  /** What stands in place of the delimiter; undefined when that is empty. */
  readonly control: Control | undefined;
  /** Its first frame; undefined for a message without a body. */
  readonly text: string | undefined;
}

/** A raw peer that speaks zscale as a worker does. */
export class RawWorker {
  readonly peer: RawPeer;

  private constructor(peer: RawPeer) {
    this.peer = peer;
  }

  /** Connects with these properties in its READY beside X-Zscale, and waits until the queue knows it. */
  static async join(
    queue: Queue,
    properties: Readonly<Record<string, string>> = {},
  ): Promise<RawWorker> {
    const before = queue.stats().workers.length;
    const peer = await RawPeer.connect(backOf(queue));
    await peer.greet(readyOf({ 'Socket-Type': 'REP', 'X-Zscale': '1', ...properties }));
    await until(() => queue.stats().workers.length > before, 'the queue to know the worker');
    return new RawWorker(peer);
  }

  /** Takes the next message from the wire. */
  async take(): Promise<Taken> {
    const ticket = (await this.peer.takeFrame()).subarray(2).toString('hex');
    const frame = await this.peer.takeFrame();
    const hasBody = (frame[0] ?? 0) & 1;
    const mark = frame.subarray((frame[0] ?? 0) & LONG ? 9 : 2);
    return {
      ticket,
      control: mark.length > 0 ? decodeControl(mark) : undefined,
      text: hasBody ? (await this.peer.takeFrame()).subarray(2).toString() : undefined,
    };
  }

  /** Answers with one frame of text. */
  answer(ticket: string, text: string): void {
    const body = Buffer.from(text);
    this.peer.write(`01 08 ${ticket} 01 00 00`, Buffer.from([body.length]), body);
  }

  /** Sends `[ticket][control]`. */
  say(ticket: string, control: Buffer): void {
    this.peer.write(`01 08 ${ticket} 00`, Buffer.from([control.length]), control);
  }
}

/** A READY command with these properties. */
export function readyOf(properties: Readonly<Record<string, string>>): string {
  const parts = [Buffer.from('\x05READY', 'latin1')];
  for (const [name, value] of Object.entries(properties)) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(value.length);
    parts.push(Buffer.from([name.length]), Buffer.from(name), length, Buffer.from(value));
  }
  const body = Buffer.concat(parts);
  return Buffer.concat([hex('04'), Buffer.from([body.length]), body]).toString('hex');
}
