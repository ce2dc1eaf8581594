/*
 * PGM in UDP as OpenPGM sends it: packets that were captured between libzmq and others, byte for byte, and what a stream of them
 * means from any packet on. Group 239.192.1.1, endpoint port 5555.
 */
import { describe, expect, it } from 'vitest';
import { MessagePacker } from '../../packages/transport/src/transports/epgm/message-packer.ts';
import { MessageUnpacker } from '../../packages/transport/src/transports/epgm/message-unpacker.ts';
import {
  addressNumber,
  type Data,
  decodePacket,
  encodeSpm,
  encodeSpmr,
  encodeWanted,
  NAK,
  NCF,
  ODATA,
  RDATA,
  SPM,
  SPMR,
  sealData,
} from '../../packages/transport/src/transports/epgm/packet.ts';
import { hex } from '../support/hex.ts';

const GROUP = addressNumber('239.192.1.1');
const THEIRS = addressNumber('10.99.0.1');
const GSI = 0xb7c6d1bc038a;
const PORT = 5555;
/** Bytes of a payload when packets have 120, 1500. */
const SMALL = 48;
const UNLIMITED = { maxMessageSize: -1, maxMultipartSize: -1 };

const V1 = '7d2c15b30000d5adb7c6d1bc038a00000000000000000000ffffffff000100000a630001';
const V2 = '7d2c15b304006015b7c6d1bc038a000b00000000000000000000080068656c6c6f2030';
const V3 = '7d2c15b30000d5aab7c6d1bc038a0000000000030000000000000000000100000a630001';
const V4 = '7d2c15b304008a07b7c6d1bc038a00130000000200000000000006016d756c746907017061727420320100';
const V5 =
  '7d2c15b300014785b7c6d1bc038a0000000000120000000000000005000100000a630001000400088e040000';
const V6 = '15b3ed4708006ccdb7c6d1bc038a000000000002000100000a63000100010000efc00101';
const V7 = 'ed4715b30a006acdb7c6d1bc038a000000000002000100000a63000100010000efc00101';
const V8 = 'ed4715b3050018ecb7c6d1bc038a00130000000200000000000006016d756c746907017061727420320100';
const V9 =
  '15b39c9b0803340705fca81ae62e000000000002000100000a63000200010000efc001010004001482100000000000030000000400000007';
const V10 = '15b39c9b0800b64005fca81ae62e000000000002000100000a63000200010000efc00101';
const V11 =
  '15b3d3f5080303fdb7c6d1bc038a000000000003000100000a63000100010000efc001010004000c8208000000000006';
const V12 =
  'd3f515b30a03fffcb7c6d1bc038a000000000003000100000a63000100010000efc001010004000c8208020000000006';
const V13 = '15b3faee0c009d388b4ec24ff8860000';
const V14 = '15b3d0480c0080f6b7c6d1bc038a0000';
const V15 = 'd04815b30000825bb7c6d1bc038a0000000000030000000000000033000100000a630001';

/** Of libzmq with packets of 120 bytes: A×60 · [k, B×50] · C×20 · empty; after a pause [a, empty, D×254] · E×253. */
const STREAM: readonly string[] = [
  `0b1f15b304007554b7c6d1bc038a0030000000000000000000003d00${'41'.repeat(44)}`,
  `0b1f15b30400bb43b7c6d1bc038a003000000001000000000010${'41'.repeat(16)}02016b3300${'42'.repeat(25)}`,
  `0b1f15b304009304b7c6d1bc038a003000000002000000000019${'42'.repeat(25)}1500${'43'.repeat(19)}`,
  '0b1f15b304000b16b7c6d1bc038a000500000003000000000001430100',
  `0b1f15b30400e7a7b7c6d1bc038a0030000000040000000000000201610101ff00000000000000ff00${'44'.repeat(31)}`,
  ...['2bc9', '2bc8', '2bc7', '2bc6'].map(
    (sum, i) => `0b1f15b30400${sum}b7c6d1bc038a00300000000${5 + i}00000000ffff${'44'.repeat(46)}`,
  ),
  `0b1f15b304006ce1b7c6d1bc038a003000000009000000000027${'44'.repeat(39)}fe00${'45'.repeat(5)}`,
  ...['14ad', '14ac', '14ab', '14aa', '14a9'].map(
    (sum, i) =>
      `0b1f15b30400${sum}b7c6d1bc038a00300000000${'abcde'[i]}00000000ffff${'45'.repeat(46)}`,
  ),
  `0b1f15b30400de7bb7c6d1bc038a00140000000f000000000012${'45'.repeat(18)}`,
];
const FIRST_MESSAGES = [['A'.repeat(60)], ['k', 'B'.repeat(50)], ['C'.repeat(20)], ['']];
const LAST_MESSAGES = [['a', '', 'D'.repeat(254)], ['E'.repeat(253)]];

const route = (sourcePort: number) => ({ gsi: GSI, sourcePort, destinationPort: PORT });
const upstream = (destinationPort: number, gsi = GSI) => ({
  gsi,
  sourcePort: PORT,
  destinationPort,
});

describe('packets', () => {
  it('an SPM says number, trail, lead and the address of its sender (V1, V3, V15)', () => {
    expect(decodePacket(hex(V1))).toEqual({
      type: SPM,
      ...route(32044),
      sqn: 0,
      trail: 0,
      lead: 0xffff_ffff,
      address: THEIRS,
      isFinal: false,
    });
    expect(decodePacket(hex(V3))).toMatchObject({ sqn: 3, lead: 0 });
    expect(decodePacket(hex(V15))).toMatchObject({ sqn: 3, lead: 51 });
  });

  it('the last SPM has the option FIN (V5)', () => {
    expect(decodePacket(hex(V5))).toMatchObject({ type: SPM, sqn: 18, lead: 5, isFinal: true });
  });

  it('SPMs are written as libzmq writes them (V1, V3, V5)', () => {
    const common = { ...route(32044), trail: 0, address: THEIRS };
    const first = { ...common, sqn: 0, lead: 0xffff_ffff, isFinal: false };
    expect(encodeSpm(first).toString('hex')).toBe(V1);
    expect(encodeSpm({ ...first, sqn: 3, lead: 0 }).toString('hex')).toBe(V3);
    expect(encodeSpm({ ...common, sqn: 18, lead: 5, isFinal: true }).toString('hex')).toBe(V5);
  });

  it('ODATA carries its number and a payload with the offset of the first message (V2, V4)', () => {
    expect(decodePacket(hex(V2))).toEqual({
      type: ODATA,
      ...route(32044),
      sqn: 0,
      trail: 0,
      offset: 0,
      stream: Buffer.from('\x08\x00hello 0', 'latin1'),
      isFragment: false,
    });
    expect(decodePacket(hex(V4))).toMatchObject({ sqn: 2, offset: 0 });
  });

  it('RDATA differs in its type only (V8), and both are written as libzmq writes them (V2, V8)', () => {
    expect(decodePacket(hex(V8))).toMatchObject({ type: RDATA, sqn: 2, sourcePort: 60743 });
    const again = Buffer.concat([Buffer.alloc(24), hex(V8).subarray(24)]);
    expect(sealData(again, RDATA, route(60743), 2, 0).toString('hex')).toBe(V8);
    const once = Buffer.concat([Buffer.alloc(24), hex(V2).subarray(24)]);
    expect(sealData(once, ODATA, route(32044), 0, 0).toString('hex')).toBe(V2);
  });

  it('a NAK has the ports swapped and the address and group of the sender (V6, V10)', () => {
    const fields = { ...upstream(60743), sqns: [2], address: THEIRS, group: GROUP };
    expect(decodePacket(hex(V6))).toEqual({ type: NAK, ...fields });
    expect(encodeWanted(NAK, fields).toString('hex')).toBe(V6);
    expect(decodePacket(hex(V10))).toMatchObject({ type: NAK, sqns: [2], gsi: 0x05fca81ae62e });
  });

  it('a NAK for several packets lists the further ones (V9, V11)', () => {
    const nine = {
      ...upstream(40091, 0x05fca81ae62e),
      sqns: [2, 3, 4, 7],
      address: addressNumber('10.99.0.2'),
      group: GROUP,
    };
    expect(decodePacket(hex(V9))).toEqual({ type: NAK, ...nine });
    expect(encodeWanted(NAK, nine).toString('hex')).toBe(V9);
    const eleven = { ...upstream(54261), sqns: [3, 6], address: THEIRS, group: GROUP };
    expect(encodeWanted(NAK, eleven).toString('hex')).toBe(V11);
  });

  it('an NCF repeats the NAK the other way round (V7); the third byte of an option means nothing (V12)', () => {
    const seven = { ...route(60743), sqns: [2], address: THEIRS, group: GROUP };
    expect(decodePacket(hex(V7))).toEqual({ type: NCF, ...seven });
    expect(encodeWanted(NCF, seven).toString('hex')).toBe(V7);
    expect(decodePacket(hex(V12))).toMatchObject({ type: NCF, sqns: [3, 6] });
  });

  it('an SPMR is a header (V13, V14)', () => {
    expect(decodePacket(hex(V13))).toEqual({ type: SPMR, ...upstream(64238, 0x8b4ec24ff886) });
    expect(encodeSpmr(upstream(64238, 0x8b4ec24ff886)).toString('hex')).toBe(V13);
    expect(encodeSpmr(upstream(53320)).toString('hex')).toBe(V14);
  });

  it('data without a checksum is refused, another packet without one is taken', () => {
    const withoutSum = (packet: string) => hex(`${packet.slice(0, 12)}0000${packet.slice(16)}`);
    expect(decodePacket(withoutSum(V2))).toBeUndefined();
    expect(decodePacket(withoutSum(V1))).toMatchObject({ type: SPM });
  });
});

describe('the stream', () => {
  const offsets = STREAM.map((packet) => (decodePacket(hex(packet)) as Data).offset);

  /** Messages of the stream from a packet on. */
  function messagesFrom(first: number): string[][] {
    const messages: string[][] = [];
    const unpacker = new MessageUnpacker(
      { onMessage: (message) => messages.push(message.map(String)) },
      UNLIMITED,
    );
    for (const packet of STREAM.slice(first)) {
      const { offset, stream } = decodePacket(hex(packet)) as Data;
      unpacker.unpack(offset, stream);
    }
    return messages;
  }

  it('gives in each packet the offset of the first message, ffff for none', () => {
    const none = 0xffff;
    expect(offsets).toEqual([
      ...[0, 16, 25, 1, 0],
      ...[none, none, none, none, 39, none, none, none, none, none, 18],
    ]);
  });

  it('can be joined at any packet: what begins from its offset on comes whole', () => {
    const all = [...FIRST_MESSAGES, ...LAST_MESSAGES];
    expect(messagesFrom(0)).toEqual(all);
    expect(messagesFrom(1)).toEqual(all.slice(1));
    expect(messagesFrom(2)).toEqual(all.slice(2));
    expect(messagesFrom(3)).toEqual(all.slice(3));
    expect(messagesFrom(4)).toEqual(all.slice(4));
    for (let first = 5; first <= 9; first++) expect(messagesFrom(first)).toEqual(all.slice(5));
    for (let first = 10; first <= 15; first++) expect(messagesFrom(first)).toEqual([]);
  });

  it('is cut as libzmq cuts it: each packet is filled with what waits, and no message begins a packet of its own', () => {
    const packer = new MessagePacker(SMALL);
    const packed: string[] = [];
    for (const batch of [FIRST_MESSAGES, LAST_MESSAGES]) {
      const waiting = batch.map((message) => message.map((frame) => Buffer.from(frame)));
      const source = { take: () => waiting.shift() };
      for (;;) {
        const packet = Buffer.alloc(24 + SMALL);
        const bytes = packer.pack(packet, 24, source);
        if (bytes === 0) break;
        const sealed = sealData(
          packet.subarray(0, 24 + bytes),
          ODATA,
          { gsi: GSI, sourcePort: 2847, destinationPort: PORT },
          packed.length,
          0,
        );
        packed.push(sealed.toString('hex'));
      }
    }
    expect(packed).toEqual(STREAM);
  });

  it('has a body of 253 bytes in the short form and one of 254 in the long', () => {
    const packed = (bytes: number) => {
      const waiting = [[Buffer.alloc(bytes)]];
      const packet = Buffer.alloc(1428);
      new MessagePacker(1428).pack(packet, 0, { take: () => waiting.shift() });
      return packet.subarray(0, 13).toString('hex');
    };
    expect(packed(253)).toMatch(/^0000fe0000/);
    expect(packed(254)).toBe('0000ff00000000000000ff0000');
  });
});
