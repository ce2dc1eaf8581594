/*
 * The receiving side of multicast against whoever can send into the group: nothing throws, everything is counted and bounded, and
 * what the program cannot take is lost as whole messages.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressNumber,
  decodePacket,
  encodeSpm,
  encodeWanted,
  NAK,
  NCF,
  ODATA,
  RDATA,
  SPMR,
  sealData,
} from '../../../../packages/transport/src/transports/epgm/packet.ts';
import {
  Receiver,
  type ReceiverSettings,
  SOURCES_MAX,
} from '../../../../packages/transport/src/transports/epgm/receiver.ts';

const FROM = '10.0.0.1';
const GROUP = '239.192.1.1';
const DOWNSTREAM = { gsi: 0x0102030405, sourcePort: 7000, destinationPort: 5555 };

function receiverWith(settings: Partial<ReceiverSettings> = {}) {
  const messages: string[] = [];
  const packets: Buffer[] = [];
  const losses: { packets: number; messages: number }[] = [];
  const receiver = new Receiver(
    {
      port: 5555,
      group: GROUP,
      windowPackets: 80,
      windowBytes: 80 * 1500,
      maxMessageSize: -1,
      maxMultipartSize: -1,
      random: () => 0.5,
      ...settings,
    },
    {
      send: (packet) => packets.push(packet),
      onMessage: (message) => messages.push(message.map(String).join(' ')),
      onLoss: (loss) => losses.push(loss),
    },
  );
  return { receiver, messages, packets, losses };
}

/** A packet with these bytes of the stream. */
function dataPacket(
  sqn: number,
  stream: Buffer | string,
  { offset = 0, type = ODATA as typeof ODATA | typeof RDATA, trail = 0, route = DOWNSTREAM } = {},
): Buffer {
  const bytes = Buffer.from(stream as string, 'latin1');
  const packet = Buffer.alloc(26 + bytes.length);
  packet.writeUInt16BE(offset, 24);
  bytes.copy(packet, 26);
  return sealData(packet, type, route, sqn, trail);
}

/** A packet with one message of one short frame. */
function messagePacket(sqn: number, text: string, trail = 0): Buffer {
  return dataPacket(sqn, `${String.fromCharCode(text.length + 1)}\0${text}`, { trail });
}

function spm(sqn: number, trail: number, lead: number, changes: object = {}): Buffer {
  return encodeSpm({
    ...DOWNSTREAM,
    sqn,
    trail,
    lead,
    address: addressNumber(FROM),
    isFinal: false,
    ...changes,
  });
}

/** The same packet with some bytes changed, and a checksum that is right again. */
function forged(packet: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(packet);
  change(copy);
  copy.writeUInt16BE(0, 6);
  let sum = 0;
  for (let i = 0; i < copy.length; i += 2) sum += ((copy[i] ?? 0) << 8) | (copy[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  copy.writeUInt16BE(~sum & 0xffff || 0xffff, 6);
  return copy;
}

const GENUINE = [
  spm(0, 0, 5),
  spm(1, 0, 5, { isFinal: true }),
  messagePacket(0, 'hello'),
  encodeWanted(NCF, {
    ...DOWNSTREAM,
    sqns: [1, 2, 3],
    address: addressNumber(FROM),
    group: addressNumber(GROUP),
  }),
];

describe('a hostile packet', () => {
  it('is dropped and counted, whichever byte of a genuine one was changed', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...GENUINE),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (packet, place, difference) => {
          const { receiver, messages } = receiverWith();
          const changed = Buffer.from(packet);
          const at = place % changed.length;
          changed[at] = (changed[at] ?? 0) ^ difference;
          // Only where the change made the checksum 0 is there none to be wrong; data must have one.
          fc.pre(changed.readUInt16BE(6) !== 0);
          receiver.receive(changed, FROM, 0);
          expect(receiver.stats()).toMatchObject({
            malformedPackets: 1,
            receivedPackets: 0,
            sources: 0,
          });
          expect(messages).toEqual([]);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('never throws nor tears a message, whatever fields of a genuine one were changed and sealed again', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            packet: fc.constantFrom(...GENUINE),
            places: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
            cut: fc.option(fc.nat(40)),
          }),
          { maxLength: 20 },
        ),
        (attacks) => {
          const { receiver, messages } = receiverWith();
          let now = 0;
          receiver.receive(messagePacket(0, 'first'), FROM, now);
          for (const { packet, places, cut } of attacks) {
            const changed = forged(packet, (copy) => {
              for (const [place, byte] of places) copy[place % copy.length] = byte;
            });
            now += 10;
            receiver.receive(cut === null ? changed : changed.subarray(0, cut), FROM, now);
            receiver.tick(now);
          }
          // Of messages that begin in the changed payload anything may come, but nothing that is not whole.
          expect(messages[0]).toBe('first');
          expect(receiver.stats().bufferedBytes).toBeLessThanOrEqual(80 * 1500);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('is dropped and counted when it is random', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const { receiver } = receiverWith();
        receiver.receive(Buffer.from(bytes), FROM, 0);
        expect(receiver.stats().malformedPackets).toBe(1);
      }),
      { numRuns: 1000 },
    );
  });

  const wrong: ReadonlyArray<readonly [string, Buffer]> = [
    [
      'has no payload',
      forged(messagePacket(0, 'a').subarray(0, 24), (p) => p.writeUInt16BE(0, 14)),
    ],
    [
      'has a payload of one byte',
      forged(messagePacket(0, 'a').subarray(0, 25), (p) => p.writeUInt16BE(1, 14)),
    ],
    [
      'says another length than it has',
      forged(messagePacket(0, 'a'), (p) => p.writeUInt16BE(4, 14)),
    ],
    ['has an offset behind its payload', dataPacket(0, '\x02\0a', { offset: 4 })],
    ['is data without a checksum', withoutSum(messagePacket(0, 'a'))],
    ['is for another port', forged(spm(0, 0, 0), (p) => p.writeUInt16BE(5556, 2))],
    ['is parity', forged(messagePacket(0, 'a'), (p) => p.writeUInt8(0x80, 5))],
    ['has an address of another family', forged(spm(0, 0, 0), (p) => p.writeUInt16BE(2, 28))],
    ['claims options that it has not', forged(spm(0, 0, 0), (p) => p.writeUInt8(1, 5))],
    ['is of an unknown type', forged(spm(0, 0, 0), (p) => p.writeUInt8(0x33, 4))],
    [
      'is a NAK, which is for senders',
      encodeWanted(NAK, { ...DOWNSTREAM, sqns: [1], address: 1, group: 1 }),
    ],
  ];
  for (const [what, packet] of wrong) {
    it(`is dropped and counted when it ${what}`, () => {
      const { receiver, messages } = receiverWith();
      receiver.receive(packet, FROM, 0);
      expect(receiver.stats()).toMatchObject({ malformedPackets: 1, sources: 0 });
      expect(messages).toEqual([]);
    });
  }

  it('cannot make us send to a third: an SPM counts only when it comes from the address that it gives', () => {
    const { receiver, packets } = receiverWith();
    receiver.receive(spm(0, 0, 0, { address: addressNumber('10.0.0.66') }), FROM, 0);
    receiver.receive(spm(1, 0, 60, { address: addressNumber('10.0.0.66') }), FROM, 1);
    receiver.tick(1000);
    expect(packets).toEqual([]);
    expect(receiver.stats()).toMatchObject({ malformedPackets: 2, sources: 0 });
  });

  it('cannot make us remember more senders than a few, nor push out one that says something', () => {
    const { receiver, messages } = receiverWith();
    receiver.receive(messagePacket(0, 'one'), FROM, 0);
    for (let i = 0; i < 10_000; i++) receiver.receive(spm(0, 0, 0, { gsi: 1 + i }), FROM, i);
    expect(receiver.stats().sources).toBe(SOURCES_MAX);
    receiver.receive(messagePacket(1, 'two'), FROM, 10_000);
    expect(messages).toEqual(['one', 'two']);
  });

  it('is refused and counted when it comes from one more sender than there may be, who all said something', () => {
    const { receiver } = receiverWith();
    for (let i = 0; i < 1000; i++) {
      receiver.receive(dataPacket(0, '\x02\0a', { route: { ...DOWNSTREAM, gsi: i } }), FROM, i);
    }
    expect(receiver.stats()).toMatchObject({
      sources: SOURCES_MAX,
      refusedPackets: 1000 - SOURCES_MAX,
    });
  });

  it('cannot make us keep account of more missing packets than the window holds, nor ask for them all at once', () => {
    const { receiver, packets } = receiverWith({ windowPackets: 0x3fff_ffff, windowBytes: 1e12 });
    receiver.receive(messagePacket(0, 'one'), FROM, 0);
    receiver.receive(spm(0, 0, 4000), FROM, 1);
    receiver.tick(100);
    expect(packets).toHaveLength(8);
    receiver.receive(spm(1, 0, 1_000_000_000), FROM, 101);
    packets.length = 0;
    for (let now = 102; now < 1000; now += 5) receiver.tick(now);
    expect(packets).toEqual([]); // given up, not asked for
    expect(receiver.stats().lostPackets).toBe(1_000_000_000);
  });

  it('cannot make us ask all the senders that it makes up for everything at once', () => {
    const { receiver, packets } = receiverWith({ windowPackets: 10_000, windowBytes: 1e9 });
    receiver.receive(spm(0, 0, 0xffff_ffff), FROM, 0);
    for (let i = 1; i < SOURCES_MAX; i++) {
      receiver.receive(spm(0, 0, 0, { gsi: i }), FROM, 0);
      receiver.receive(spm(1, 0, 4000, { gsi: i }), FROM, 0);
    }
    receiver.receive(messagePacket(1, 'two'), FROM, 0); // of the first, and one is missing before it
    let most = 0;
    for (let now = 25; now < 425; now += 5) {
      const before = packets.length;
      receiver.tick(now);
      most = Math.max(most, packets.length - before);
    }
    expect(most).toBeLessThanOrEqual(16 + 8);
    const asked = packets.map((packet) => decodePacket(packet));
    expect(asked).toContainEqual(
      expect.objectContaining({ type: NAK, gsi: DOWNSTREAM.gsi, sqns: [0] }),
    );
  });

  it('cannot make us deaf for ever: numbers far behind what it claimed are the sender’s own again', () => {
    const { receiver, messages } = receiverWith();
    receiver.receive(messagePacket(0, 'one'), FROM, 0);
    receiver.receive(messagePacket(1_000_000, 'forged'), FROM, 1);
    receiver.receive(messagePacket(1, 'two'), FROM, 2);
    expect(messages).toEqual(['one', 'forged', 'two']);
  });

  it('ends the message it is part of when a frame has the length 0 or is too large, and nothing else', () => {
    const { receiver, messages } = receiverWith({ maxMessageSize: 10 });
    receiver.receive(dataPacket(0, '\x02\0a\x02\x01b\0\x02\0c'), FROM, 0);
    receiver.receive(messagePacket(1, 'next'), FROM, 1);
    receiver.receive(dataPacket(2, `\x02\x01d\xff\0\0\0\0\0\0\x01\0`), FROM, 2);
    receiver.receive(dataPacket(3, 'rest\x02\0e', { offset: 4 }), FROM, 3);
    expect(messages).toEqual(['a', 'next', 'e']);
    expect(receiver.stats().tornMessages).toBe(2);
  });

  it('counts as lost when it is a fragment, which we do not put together', () => {
    const { receiver, messages } = receiverWith();
    receiver.receive(messagePacket(0, 'one'), FROM, 0);
    const payload = '\x02\0a';
    const packet = Buffer.alloc(24 + 20 + 2 + payload.length);
    packet.write(payload, 46, 'latin1');
    const fragment = forged(sealData(packet, ODATA, DOWNSTREAM, 1, 0), (p) => {
      p.writeUInt8(1, 5);
      p.writeUInt16BE(2 + payload.length, 14);
      p.set([0, 4, 0, 20, 0x81, 16], 24);
    });
    receiver.receive(fragment, FROM, 1);
    receiver.receive(messagePacket(2, 'three'), FROM, 2);
    expect(messages).toEqual(['one', 'three']);
    expect(receiver.stats().lostPackets).toBe(1);
  });
});

describe('a receiver', () => {
  it('asks a sender that it heard without an SPM for one, after 25 ms', () => {
    const { receiver, packets } = receiverWith();
    receiver.receive(messagePacket(0, 'one'), FROM, 0);
    expect(receiver.wakeAt).toBe(25);
    receiver.tick(25);
    expect(packets.map((packet) => decodePacket(packet))).toMatchObject([
      { type: SPMR, gsi: DOWNSTREAM.gsi, sourcePort: 5555, destinationPort: 7000 },
    ]);
    receiver.receive(spm(0, 0, 0), FROM, 26);
    receiver.tick(5000);
    expect(packets).toHaveLength(1);
  });

  it('is not started by a repair or a confirmation, which are for others', () => {
    const { receiver, messages } = receiverWith();
    receiver.receive(dataPacket(7, '\x02\0a', { type: RDATA }), FROM, 0);
    for (const packet of GENUINE.slice(3)) receiver.receive(packet, FROM, 0);
    expect(receiver.stats().sources).toBe(0);
    expect(messages).toEqual([]);
  });

  it('asks for what is missing after up to 50 ms, in one NAK for a burst', () => {
    const { receiver, packets } = receiverWith();
    receiver.receive(spm(0, 0, 0xffff_ffff), FROM, 0);
    receiver.receive(messagePacket(0, 'one'), FROM, 0);
    receiver.receive(messagePacket(5, 'six'), FROM, 0);
    expect(receiver.wakeAt).toBe(25);
    receiver.tick(25);
    expect(packets.map((packet) => decodePacket(packet))).toMatchObject([
      { type: NAK, sqns: [1, 2, 3, 4], address: addressNumber(FROM), group: addressNumber(GROUP) },
    ]);
  });

  it('waits when somebody else’s question was confirmed, and asks again when no data comes of it', () => {
    const { receiver, packets } = receiverWith();
    receiver.receive(messagePacket(0, 'one'), FROM, 0);
    receiver.receive(spm(0, 0, 1), FROM, 0);
    const ncf = encodeWanted(NCF, {
      ...DOWNSTREAM,
      sqns: [1],
      address: addressNumber(FROM),
      group: addressNumber(GROUP),
    });
    receiver.receive(ncf, FROM, 10);
    for (let now = 10; now < 200; now += 5) receiver.tick(now);
    expect(packets).toEqual([]);
    for (let now = 200; now < 300; now += 5) receiver.tick(now);
    expect(packets).toHaveLength(1);
  });

  it('takes data that comes as a repair before it came at all', () => {
    const { receiver, messages } = receiverWith();
    receiver.receive(spm(0, 0, 0xffff_ffff), FROM, 0);
    receiver.receive(spm(1, 0, 0), FROM, 0); // libzmq says so before it sends
    receiver.receive(dataPacket(0, '\x02\0a', { type: RDATA }), FROM, 1);
    receiver.receive(dataPacket(0, '\x02\0a'), FROM, 2);
    expect(messages).toEqual(['a']);
    expect(receiver.stats()).toMatchObject({ repairedPackets: 1, duplicatePackets: 1 });
  });

  it('gives up what is older than the trail, with the whole message it was part of', () => {
    const { receiver, messages, losses } = receiverWith();
    receiver.receive(dataPacket(0, '\x02\x01a'), FROM, 0);
    receiver.receive(messagePacket(2, 'three'), FROM, 0);
    receiver.receive(spm(0, 2, 2), FROM, 1);
    expect(messages).toEqual(['three']);
    expect(receiver.stats()).toMatchObject({ lostPackets: 1, tornMessages: 1 });
    expect(losses).toEqual([{ packets: 1, messages: 1 }]);
  });

  it('forgets a sender that is silent for five minutes', () => {
    const { receiver } = receiverWith();
    receiver.receive(spm(0, 0, 0), FROM, 0);
    receiver.tick(299_999);
    expect(receiver.stats().sources).toBe(1);
    receiver.tick(300_000);
    expect(receiver.stats().sources).toBe(0);
  });

  it('keeps what the program does not take within its window, and beyond it drops whole messages and counts each', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.array(fc.integer({ min: 1, max: 240 }), { minLength: 1, maxLength: 120 }),
        (windowPackets, sizes) => {
          const windowBytes = windowPackets * 200;
          const { receiver, messages, losses } = receiverWith({ windowPackets, windowBytes });
          receiver.receive(spm(0, 0, 0xffff_ffff), FROM, 0);
          receiver.setPaused(true);
          const sent: string[] = [];
          let stream = '';
          let sqn = 0;
          sizes.forEach((size, i) => {
            const text = `${i}`.padEnd(size, '.');
            sent.push(text);
            stream += `${String.fromCharCode(text.length + 1)}\0${text}`;
          });
          // Cut anywhere; the receiver knows no offset but the first.
          for (let at = 0; at < stream.length; at += 100) {
            const offset = at === 0 ? 0 : 0xffff;
            receiver.receive(dataPacket(sqn++, stream.slice(at, at + 100), { offset }), FROM, sqn);
            expect(receiver.stats().bufferedBytes).toBeLessThanOrEqual(windowBytes);
          }
          expect(messages).toEqual([]);
          receiver.setPaused(false);
          receiver.tick(1000);
          const { discardedMessages, tornMessages, lostPackets } = receiver.stats();
          expect(messages).toEqual(sent.slice(discardedMessages));
          expect([tornMessages, lostPackets]).toEqual([0, 0]);
          expect(losses.reduce((sum, loss) => sum + loss.messages, 0)).toBe(discardedMessages);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('tells of losses ten times a second at the most, and of every one', () => {
    const { receiver, losses } = receiverWith({ windowPackets: 1 });
    receiver.receive(messagePacket(0, 'one'), FROM, 0);
    receiver.setPaused(true);
    for (let i = 1; i <= 1000; i++) receiver.receive(messagePacket(i, 'm'), FROM, i);
    receiver.tick(2000);
    expect(losses.length).toBeLessThanOrEqual(11);
    expect(losses.reduce((sum, loss) => sum + loss.messages, 0)).toBe(999);
  });
});

function withoutSum(packet: Buffer): Buffer {
  const copy = Buffer.from(packet);
  copy.writeUInt16BE(0, 6);
  return copy;
}
