/*
 * The sending side of multicast: never faster than its rate, never more than its window, and what it says when it has nothing to say.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Message } from '../../../../packages/transport/src/message.ts';
import {
  addressNumber,
  decodePacket,
  encodeSpmr,
  encodeWanted,
  NAK,
  NCF,
  ODATA,
  RDATA,
  SPM,
} from '../../../../packages/transport/src/transports/epgm/packet.ts';
import {
  Sender,
  type SenderSettings,
} from '../../../../packages/transport/src/transports/epgm/sender.ts';
import { TokenBucket } from '../../../../packages/transport/src/transports/epgm/token-bucket.ts';

const GSI = 0x0102030405;
const ADDRESS = '10.0.0.1';
const GROUP = '239.192.1.1';
const UPSTREAM = { gsi: GSI, sourcePort: 5555, destinationPort: 7000 };

/** A sender, and the packets it sent: when, and of what size with all headers. */
function senderWith(settings: Partial<SenderSettings> = {}) {
  const sent: { at: number; bytes: number; type: number; packet: Buffer }[] = [];
  const clock = { now: 0 };
  const packetBytes = settings.packetBytes ?? 1500;
  const output = {
    writable: true,
    send: (packet: Buffer) =>
      sent.push({ at: clock.now, bytes: packet.length + 28, type: packet[4] ?? -1, packet }),
  };
  const sender = new Sender(
    {
      gsi: GSI,
      sourcePort: 7000,
      port: 5555,
      address: ADDRESS,
      group: GROUP,
      rate: 100,
      windowPackets: 80,
      packetBytes,
      payloadBytes: packetBytes - 72,
      ...settings,
    },
    output,
    0,
  );
  return { sender, sent, clock, output };
}

function nakFor(sqns: readonly number[], changes: object = {}): Buffer {
  return encodeWanted(NAK, {
    ...UPSTREAM,
    sqns,
    address: addressNumber(ADDRESS),
    group: addressNumber(GROUP),
    ...changes,
  });
}

/** A source that never runs dry of messages of this size. */
function endless(bytes: number) {
  return { take: (): Message => [Buffer.alloc(bytes)] };
}

/** A source with these messages. */
function sourceOf(messages: Message[]) {
  return { take: () => messages.shift() };
}

/** Sends from `source` for so long, as timers would. */
function run(
  { sender, clock }: ReturnType<typeof senderWith>,
  source: { take(): Message | undefined },
  ms: number,
): void {
  const end = clock.now + ms;
  let at = clock.now;
  for (;;) {
    const next = Math.min(at, sender.wakeAt);
    if (next > end) break;
    clock.now = Math.max(clock.now, next);
    sender.tick(clock.now);
    if (at <= clock.now) at = sender.pump(source, clock.now);
  }
  clock.now = end;
}

/** The most bytes in any window of `span` ms. */
function busiest(sent: readonly { at: number; bytes: number }[], span: number): number {
  let most = 0;
  let bytes = 0;
  let first = 0;
  for (const each of sent) {
    bytes += each.bytes;
    while ((sent[first]?.at ?? 0) <= each.at - span) {
      bytes -= sent[first]?.bytes ?? 0;
      first += 1;
    }
    most = Math.max(most, bytes);
  }
  return most;
}

describe('the rate of a sender', () => {
  it('is that of libzmq at 100 kbit/s: 8 full packets at once, then one every 118.4 ms, and what the SPM between them costs', () => {
    const played = senderWith();
    run(played, endless(3000), 2000);
    const data = played.sent.filter(({ type }) => type === ODATA);
    expect(data.filter(({ at }) => at === 0)).toHaveLength(8);
    const [nine, ten, eleven] = data.slice(8, 11).map(({ at }) => at);
    const spm = (36 + 28) / 12.5;
    expect((ten ?? 0) - (nine ?? 0)).toBeCloseTo(118.4 + spm, 3);
    expect((eleven ?? 0) - (ten ?? 0)).toBeCloseTo(118.4 + spm, 3);
    expect(data[0]?.bytes).toBe(1480);
  });

  it('is never exceeded: not by data, repairs, confirmations and SPMs together', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 8, max: 20_000 }),
        fc.integer({ min: 1, max: 5000 }),
        fc.array(fc.nat(100), { minLength: 1, maxLength: 60 }),
        (rate, bytes, wanted) => {
          const played = senderWith({ rate });
          const bucket = new TokenBucket(rate, 1500, 0).capacity;
          for (let i = 0; i < 15; i++) {
            run(played, endless(bytes), 100);
            // Everybody asks for everything again and again.
            played.sender.receive(nakFor(wanted), played.clock.now);
            played.sender.receive(encodeSpmr(UPSTREAM), played.clock.now);
          }
          // Of an SPM at rest and of a confirmation there may be one each time, which is owed.
          const owed = 36 + 4 * 64 + 28 + 64;
          for (const span of [10, 500, 1500]) {
            const allowed = (rate / 8) * span + bucket + owed + 1500;
            expect(busiest(played.sent, span)).toBeLessThanOrEqual(allowed);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('is reached, also where a bucket holds a few milliseconds only and timers are late', () => {
    const played = senderWith({ rate: 80_000 });
    const source = endless(1000);
    for (let now = 0; now < 2000; now += 3) {
      played.clock.now = now;
      while (played.sender.pump(source, now) <= now);
    }
    const bytes = played.sent.reduce((sum, each) => sum + each.bytes, 0);
    expect(bytes).toBeGreaterThan(0.95 * 10_000 * 2000);
    expect(bytes).toBeLessThan(1.02 * 10_000 * 2000);
  });

  it('sends also when the rate is so low that a second brings less than a packet', () => {
    const played = senderWith({ rate: 1 });
    run(played, sourceOf([[Buffer.alloc(1400)], [Buffer.alloc(1400)]]), 30_000);
    expect(played.sender.stats().sentPackets).toBeGreaterThan(1);
  });

  it('waits while the system takes no more', () => {
    const played = senderWith();
    played.output.writable = false;
    run(played, sourceOf([[Buffer.from('a')]]), 50);
    expect(played.sender.stats().sentPackets).toBe(0);
    played.output.writable = true;
    run(played, sourceOf([[Buffer.from('a')]]), 50);
    expect(played.sender.stats().sentPackets).toBe(1);
  });
});

describe('the window of a sender', () => {
  it('holds what the rate brings in the recovery interval, and no more, however much is sent', () => {
    const played = senderWith({ rate: 1_000_000, windowPackets: 80 });
    let most = 0;
    for (let i = 0; i < 100; i++) {
      run(played, endless(1000), 1);
      most = Math.max(most, played.sender.stats().bufferedBytes);
    }
    expect(played.sender.stats().sentPackets).toBeGreaterThan(1000);
    expect(most).toBeLessThanOrEqual(80 * 1500);
    expect(most).toBeGreaterThan(79 * 1400);
  });

  it('is empty again when the sender has finished', () => {
    const played = senderWith();
    run(played, sourceOf([[Buffer.alloc(5000)]]), 10);
    expect(played.sender.stats().bufferedBytes).toBeGreaterThan(5000);
    played.sender.finish(10);
    expect(played.sender.stats().bufferedBytes).toBe(0);
    expect(played.sent.slice(-3).map(({ packet }) => decodePacket(packet))).toMatchObject([
      { type: SPM, isFinal: true, sqn: 0 },
      { type: SPM, isFinal: true, sqn: 1 },
      { type: SPM, isFinal: true, sqn: 2 },
    ]);
  });
});

describe('what a sender says', () => {
  it('is three SPMs at the begin, numbered from 0, with nothing to have: trail 0, lead -1', () => {
    const { sender, sent } = senderWith();
    sender.open(0);
    expect(sent.map(({ packet }) => decodePacket(packet))).toMatchObject(
      [0, 1, 2].map((sqn) => ({ type: SPM, sqn, trail: 0, lead: 0xffff_ffff })),
    );
  });

  it('is an SPM 0.1, 0.2, 0.3, 0.4, 0.5, 1.8, 8.8 and 24.8 s after the last data, and every 30 s', () => {
    const played = senderWith();
    played.sender.open(0);
    run(played, sourceOf([[Buffer.from('a')]]), 65_000);
    const times = played.sent.filter(({ type }) => type === SPM).map(({ at }) => at / 1000);
    expect(times.slice(3)).toEqual([0.1, 0.2, 0.3, 0.4, 0.5, 1.8, 8.8, 24.8, 30, 60]);
  });

  it('confirms a NAK to all and sends what it asks for again', () => {
    const played = senderWith({ rate: 100_000 });
    run(played, sourceOf([[Buffer.alloc(10_000)]]), 50);
    played.sent.length = 0;
    played.sender.receive(nakFor([1, 3, 4]), 50);
    run(played, sourceOf([]), 1);
    expect(played.sent.map(({ packet }) => decodePacket(packet))).toMatchObject([
      { type: NCF, sqns: [1, 3, 4], sourcePort: 7000, destinationPort: 5555 },
      { type: RDATA, sqn: 1 },
      { type: RDATA, sqn: 3 },
      { type: RDATA, sqn: 4 },
    ]);
    expect(played.sender.stats()).toMatchObject({ resentPackets: 3, receivedNaks: 1 });
  });

  it('answers the same question of many once', () => {
    const played = senderWith({ rate: 100_000 });
    run(played, sourceOf([[Buffer.from('a')]]), 50);
    for (let i = 0; i < 5; i++) played.sender.receive(nakFor([0]), 50 + i);
    run(played, sourceOf([]), 10);
    expect(played.sender.stats().resentPackets).toBe(1);
    played.sender.receive(nakFor([0]), 80);
    run(played, sourceOf([]), 40);
    expect(played.sender.stats().resentPackets).toBe(2);
  });

  it('answers an SPMR with an SPM, ten times a second at the most', () => {
    const { sender, sent } = senderWith();
    for (let now = 0; now < 1000; now += 10) sender.receive(encodeSpmr(UPSTREAM), now);
    expect(sent).toHaveLength(10);
  });

  it('is nothing to what is not for it, which it counts', () => {
    const played = senderWith();
    run(played, sourceOf([[Buffer.from('a')]]), 50);
    const before = played.sent.length;
    const notForIt = [
      nakFor([0], { gsi: GSI + 1 }),
      nakFor([0], { destinationPort: 7001 }),
      nakFor([0], { sourcePort: 5556 }),
      nakFor([0], { address: addressNumber('10.0.0.2') }),
      nakFor([0], { group: addressNumber('239.192.1.2') }),
      encodeSpmr({ ...UPSTREAM, gsi: 1 }),
      Buffer.from('what is this'),
      Buffer.alloc(0),
    ];
    for (const packet of notForIt) played.sender.receive(packet, 50);
    expect(played.sent).toHaveLength(before);
    expect(played.sender.stats()).toMatchObject({
      malformedPackets: notForIt.length,
      receivedNaks: 0,
    });
  });

  it('is never what makes a receiver of libzmq abort: no payload below 3 bytes, no offset behind the payload, no options with data', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 400 }),
        fc.array(fc.array(fc.nat(700), { minLength: 1, maxLength: 5 }), { maxLength: 40 }),
        fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
        (packetBytes, sizes, flushes) => {
          const played = senderWith({ rate: 1_000_000, packetBytes });
          sizes.forEach((frames, i) => {
            const messages = [frames.map((bytes) => Buffer.alloc(bytes))];
            if (flushes[i] === true) run(played, sourceOf(messages), 1);
            else
              while (played.sender.pump(sourceOf(messages), played.clock.now) <= played.clock.now);
          });
          for (const { type, packet, bytes } of played.sent) {
            expect(bytes).toBeLessThanOrEqual(packetBytes);
            if (type !== ODATA && type !== RDATA) continue;
            const payload = packet.readUInt16BE(14);
            expect(packet[5]).toBe(0);
            expect(payload).toBe(packet.length - 24);
            expect(payload).toBeGreaterThanOrEqual(3);
            expect(payload).toBeLessThanOrEqual(packetBytes - 72);
            const offset = packet.readUInt16BE(24);
            if (offset !== 0xffff) expect(offset).toBeLessThanOrEqual(payload - 2);
          }
        },
      ),
    );
  });
});
