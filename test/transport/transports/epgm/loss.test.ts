/*
 * The two state machines of multicast over a network that loses, doubles and delays packets as it likes: what arrives is what was
 * sent, or whole messages are missing and counted.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Message } from '../../../../packages/transport/src/message.ts';
import { PlayedGroup, textOf } from '../../../support/played-group.ts';

/** Enough for every repair: 50 tries of 250 ms each. */
const LONG_MS = 60_000;

const frame = fc.oneof(
  { weight: 4, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 250, maxLength: 1500 }) },
);
const message = fc
  .array(frame, { minLength: 1, maxLength: 4 })
  .map((frames): Message => frames.map((bytes) => Buffer.from(bytes)));
const messages = fc.array(message, { minLength: 1, maxLength: 60 });
const weather = fc.record({
  loss: fc.double({ min: 0, max: 0.3, noNaN: true }),
  doubled: fc.double({ min: 0, max: 0.3, noNaN: true }),
  delay: fc.double({ min: 0, max: 60, noNaN: true }),
});
const CALM = { loss: 0, doubled: 0, delay: 0 };
/** The next number of packets that does not fit 32 bits, somewhere in the stream. */
const firstSqn = fc.constantFrom(0, 1_234_567_890, 0xffff_fffd, 0xffff_ff00);

function copyOf(all: readonly Message[]): Message[] {
  return all.map((each) => [...each]);
}

describe('multicast over a bad network', () => {
  it('brings every message to every receiver, once and in order, whatever is lost, doubled or late', () => {
    fc.assert(
      fc.property(fc.integer(), weather, messages, firstSqn, (seed, bad, stream, first) => {
        const group = new PlayedGroup(seed, CALM);
        const receivers = [group.addReceiver(), group.addReceiver()];
        const sender = group.addSender({ firstSqn: first });
        group.play(1); // they heard its first SPM, so they miss nothing from here on
        group.weather = bad;
        group.send(sender, copyOf(stream));
        group.play(LONG_MS, () => receivers.every((each) => each.messages.length >= stream.length));
        for (const each of receivers) {
          expect(each.messages).toEqual(stream.map(textOf));
          expect(each.receiver.stats()).toMatchObject({
            lostPackets: 0,
            tornMessages: 0,
            malformedPackets: 0,
          });
        }
      }),
      { numRuns: 200 },
    );
  });

  it('brings the messages of several senders, each stream once and in order', () => {
    fc.assert(
      fc.property(fc.integer(), weather, messages, messages, (seed, bad, one, other) => {
        const group = new PlayedGroup(seed, CALM);
        const { messages: heard } = group.addReceiver();
        const senders = [group.addSender(), group.addSender()];
        group.play(1);
        group.weather = bad;
        const marked = [one, other].map((stream, i) =>
          stream.map((each): Message => [Buffer.from(`${i}`), ...each]),
        );
        senders.forEach((sender, i) => {
          group.send(sender, copyOf(marked[i] ?? []));
        });
        group.play(LONG_MS, () => heard.length >= one.length + other.length);
        marked.forEach((stream, i) => {
          expect(heard.filter((text) => text.startsWith(`${i}\u2016`))).toEqual(stream.map(textOf));
        });
      }),
      { numRuns: 40 },
    );
  });

  it('loses whole messages, and says so, where windows are too small to repair everything', () => {
    let lossy = 0;
    fc.assert(
      fc.property(
        fc.integer(),
        weather,
        messages,
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 12 }),
        (seed, bad, stream, sendWindow, receiveWindow) => {
          const group = new PlayedGroup(seed, CALM);
          const {
            messages: heard,
            receiver,
            losses,
          } = group.addReceiver({
            windowPackets: receiveWindow,
            windowBytes: receiveWindow * 300,
          });
          const sender = group.addSender({ windowPackets: sendWindow, packetBytes: 120 });
          group.play(1);
          group.weather = bad;
          const numbered = stream.map((each, i): Message => [Buffer.from(`${i}`), ...each]);
          group.send(sender, copyOf(numbered));
          group.play(LONG_MS);
          const whole = numbered.map(textOf);
          const places = heard.map((text) => whole.indexOf(text));
          expect(places).not.toContain(-1); // none is torn
          expect(places).toEqual([...places].sort((a, b) => a - b));
          expect(new Set(places).size).toBe(places.length);
          const { lostPackets, tornMessages, discardedMessages } = receiver.stats();
          if (heard.length < stream.length) {
            lossy += 1;
            expect(lostPackets).toBeGreaterThan(0);
          }
          const told = (what: 'packets' | 'messages') =>
            losses.reduce((sum, loss) => sum + loss[what], 0);
          expect(told('packets')).toBe(lostPackets);
          expect(told('messages')).toBe(tornMessages + discardedMessages);
        },
      ),
      { numRuns: 200 },
    );
    expect(lossy).toBeGreaterThan(10); // the windows were too small indeed
  });

  it('repairs the loss of the very last packet, which only a heartbeat shows', () => {
    const group = new PlayedGroup(1, CALM);
    const { messages: heard } = group.addReceiver();
    const sender = group.addSender();
    group.play(1);
    group.send(sender, [[Buffer.from('first')]]);
    group.play(50);
    group.weather = { ...CALM, loss: 1 };
    group.send(sender, [[Buffer.from('last')]]);
    group.play(1);
    group.weather = CALM;
    group.play(500);
    expect(heard).toEqual(['first', 'last']);
  });

  it('gives a packet up that never comes after 50 tries, about 11 s, and goes on with the next message', () => {
    const group = new PlayedGroup(1, CALM);
    const { messages: heard, receiver, losses } = group.addReceiver();
    const sender = group.addSender({ windowPackets: 1000 });
    group.play(1);
    group.send(sender, [[Buffer.alloc(100, 'a')]]);
    group.weather = { ...CALM, loss: 1 };
    group.play(0.5);
    group.weather = CALM;
    group.send(sender, [[Buffer.from('next')]]);
    // What is asked for reaches nobody.
    sender.sender.receive = () => {};
    group.play(9000);
    expect(heard).toEqual([]);
    group.play(8000);
    expect(heard).toEqual(['next']);
    expect(receiver.stats()).toMatchObject({ lostPackets: 1, sentNaks: 50 });
    expect(losses.length).toBeGreaterThan(0);
  });

  it('lets a receiver join in the middle of a message, and brings it everything from the next one on', () => {
    const group = new PlayedGroup(1, CALM);
    const sender = group.addSender({ rate: 2400 });
    const long = Buffer.alloc(20_000, 'x');
    group.send(sender, [[long], [Buffer.from('a'), long], [Buffer.from('b')]]);
    group.play(30);
    const { messages: heard } = group.addReceiver();
    group.play(5000);
    expect(heard.map((text) => text.length)).toEqual([2 + long.length, 1]);
  });
});
