/**
 * PGM packets (RFC 3208) as OpenPGM sends them inside UDP: bytes to fields and back. All integers are big-endian.
 *
 *    0 source port      2 destination port   4 type   5 flags   6 checksum
 *    8 global source id, 6 bytes            14 length of the payload, 0 for all but data
 *
 *   SPM           16 number of the SPM   20 trail   24 lead   28 family   30 0   32 address of the sender
 *   ODATA, RDATA  16 number of the packet   20 trail   24 payload: 2 bytes offset of the first message, then the stream
 *   NAK, NCF      16 first wanted number   20 family   22 0   24 address of the sender   28 family   30 0   32 group
 *   SPMR          nothing more
 *
 * With flag 01 options follow the fixed part: `00 04 total`, then `kind length reserved ...`; bit 80 of the kind marks the last one.
 * What a sender says has its port first and the endpoint's second; what is said to a sender has them the other way round.
 */

import { endianness } from 'node:os';

/** A sender says what it has. */
export const SPM = 0x00;
/** Data, for the first time. */
export const ODATA = 0x04;
/** Data, sent again. */
export const RDATA = 0x05;
/** A receiver misses data. */
export const NAK = 0x08;
/** A sender has heard a NAK. */
export const NCF = 0x0a;
/** A receiver wants an SPM. */
export const SPMR = 0x0c;

/** In place of an offset: no message begins in this packet. */
export const NO_MESSAGE = 0xffff;
/** Bytes before the payload of ODATA and RDATA. */
export const DATA_HEADER_BYTES = 24;
/** Numbers that one NAK or NCF can carry: the first, and 62 in its list. */
export const NAK_NUMBERS_MAX = 63;
/** IPv4 and UDP headers, which the rate and the largest packet include. */
export const UDP_OVERHEAD_BYTES = 28;

const HEADER_BYTES = 16;
const SPM_BYTES = 36;
const NAK_BYTES = 36;
const OFFSET_BYTES = 2;
const FLAG_OPTIONS = 0x01;
const FLAG_NETWORK = 0x02;
const FLAG_PARITY = 0x80;
const FAMILY_IPV4 = 1;
const OPTION_LENGTH = 0x00;
const OPTION_FRAGMENT = 0x01;
const OPTION_NAK_LIST = 0x02;
const OPTION_FIN = 0x0e;
const OPTION_LAST = 0x80;
const OPTION_HEADER_BYTES = 4;
const OPTIONS_MAX = 16;
const IS_LITTLE_ENDIAN = endianness() === 'LE';

/** By whom a packet was sent, or to whom it is: fields of every packet. */
export interface Route {
  /** Global source id of the sender, 48 bits. */
  readonly gsi: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** The sender is there, and this is what it has. */
export interface SourcePath extends Route {
  readonly type: typeof SPM;
  readonly sqn: number;
  /** The oldest packet that can be asked for. */
  readonly trail: number;
  /** The newest packet that was sent. */
  readonly lead: number;
  /** Address of the sender, as a number. */
  readonly address: number;
  /** It is the last thing the sender says. */
  readonly isFinal: boolean;
}

/** A piece of the stream, for the first time (ODATA) or again (RDATA). */
export interface Data extends Route {
  readonly type: typeof ODATA | typeof RDATA;
  readonly sqn: number;
  readonly trail: number;
  /** Where in `stream` the first message begins; {@link NO_MESSAGE} when none does. */
  readonly offset: number;
  /** A view of the datagram. */
  readonly stream: Buffer;
  /** It is a part of a larger packet, which nobody sends and we do not put together. */
  readonly isFragment: boolean;
}

/** Packets are missing (NAK), or the sender heard so (NCF). */
export interface Wanted extends Route {
  readonly type: typeof NAK | typeof NCF;
  readonly sqns: readonly number[];
  readonly address: number;
  readonly group: number;
}

/** Somebody asks for an SPM. */
export interface PathRequest extends Route {
  readonly type: typeof SPMR;
}

/** A packet that was understood. */
export type Packet = SourcePath | Data | Wanted | PathRequest;

/**
 * The fields of a packet. Undefined for anything that is none: too short, a wrong checksum or length, an address that is not IPv4, a
 * type or a parity flag that we do not speak, an offset behind the payload. Never throws and keeps nothing but a view of a payload.
 */
export function decodePacket(datagram: Buffer): Packet | undefined {
  if (datagram.length < HEADER_BYTES) return undefined;
  const type = byteAt(datagram, 4);
  const flags = byteAt(datagram, 5);
  const isData = type === ODATA || type === RDATA;
  if ((flags & FLAG_PARITY) !== 0) return undefined;
  if (datagram.readUInt16BE(6) === 0 ? isData : sumOf(datagram) !== 0xffff) return undefined;
  const payloadBytes = datagram.readUInt16BE(14);
  if (!isData && payloadBytes !== 0) return undefined;
  const hasOptions = (flags & FLAG_OPTIONS) !== 0;
  switch (type) {
    case SPM:
      return decodeSpm(datagram, hasOptions);
    case ODATA:
    case RDATA:
      return decodeData(datagram, type, payloadBytes, hasOptions);
    case NAK:
    case NCF:
      return decodeWanted(datagram, type, hasOptions);
    case SPMR:
      return { type, ...routeOf(datagram) };
    default:
      return undefined;
  }
}

/** Fields of an SPM as its sender gives them. */
export interface SpmFields extends Omit<SourcePath, 'type'> {}

/** An SPM, ready to be sent. */
export function encodeSpm(fields: SpmFields): Buffer {
  const packet = Buffer.alloc(fields.isFinal ? SPM_BYTES + 2 * OPTION_HEADER_BYTES : SPM_BYTES);
  writeRoute(packet, SPM, fields.isFinal ? FLAG_OPTIONS : 0, fields);
  packet.writeUInt32BE(fields.sqn, 16);
  packet.writeUInt32BE(fields.trail, 20);
  packet.writeUInt32BE(fields.lead, 24);
  packet.writeUInt16BE(FAMILY_IPV4, 28);
  packet.writeUInt32BE(fields.address, 32);
  if (fields.isFinal) {
    writeOptionLength(packet, SPM_BYTES, 2 * OPTION_HEADER_BYTES);
    packet[SPM_BYTES + OPTION_HEADER_BYTES] = OPTION_FIN | OPTION_LAST;
    packet[SPM_BYTES + OPTION_HEADER_BYTES + 1] = OPTION_HEADER_BYTES;
  }
  return seal(packet);
}

/** Header of a data packet whose payload is in `packet` already, behind its first {@link DATA_HEADER_BYTES}. */
export function sealData(
  packet: Buffer,
  type: typeof ODATA | typeof RDATA,
  route: Route,
  sqn: number,
  trail: number,
): Buffer {
  writeRoute(packet, type, 0, route);
  packet.writeUInt16BE(packet.length - DATA_HEADER_BYTES, 14);
  packet.writeUInt32BE(sqn, 16);
  packet.writeUInt32BE(trail, 20);
  return seal(packet);
}

/** Fields of a NAK or NCF; 1 to {@link NAK_NUMBERS_MAX} numbers. */
export interface WantedFields extends Route {
  readonly sqns: readonly number[];
  readonly address: number;
  readonly group: number;
}

/** A NAK or NCF, ready to be sent. */
export function encodeWanted(type: typeof NAK | typeof NCF, fields: WantedFields): Buffer {
  const { sqns } = fields;
  const listBytes = sqns.length > 1 ? OPTION_HEADER_BYTES + 4 * (sqns.length - 1) : 0;
  const optionBytes = listBytes === 0 ? 0 : OPTION_HEADER_BYTES + listBytes;
  const packet = Buffer.alloc(NAK_BYTES + optionBytes);
  writeRoute(packet, type, listBytes === 0 ? 0 : FLAG_OPTIONS | FLAG_NETWORK, fields);
  packet.writeUInt32BE(sqns[0] ?? 0, 16);
  packet.writeUInt16BE(FAMILY_IPV4, 20);
  packet.writeUInt32BE(fields.address, 24);
  packet.writeUInt16BE(FAMILY_IPV4, 28);
  packet.writeUInt32BE(fields.group, 32);
  if (listBytes > 0) {
    writeOptionLength(packet, NAK_BYTES, optionBytes);
    const list = NAK_BYTES + OPTION_HEADER_BYTES;
    packet[list] = OPTION_NAK_LIST | OPTION_LAST;
    packet[list + 1] = listBytes;
    for (let i = 1; i < sqns.length; i++) packet.writeUInt32BE(sqns[i] ?? 0, list + 4 * i);
  }
  return seal(packet);
}

/** An SPMR, ready to be sent. */
export function encodeSpmr(route: Route): Buffer {
  const packet = Buffer.alloc(HEADER_BYTES);
  writeRoute(packet, SPMR, 0, route);
  return seal(packet);
}

/** Whether `a` comes before `b`: numbers go round at 2^32. */
export function isBefore(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

/** A packet number further on, or back. */
export function plus(sqn: number, distance: number): number {
  return (sqn + distance) >>> 0;
}

/** An IPv4 address as it is written, to a number. */
export function addressNumber(address: string): number {
  return address.split('.').reduce((number, part) => number * 256 + Number(part), 0);
}

/** An IPv4 address as it is written. */
export function addressText(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}

function decodeSpm(datagram: Buffer, hasOptions: boolean): SourcePath | undefined {
  if (datagram.length < SPM_BYTES || datagram.readUInt16BE(28) !== FAMILY_IPV4) return undefined;
  const options = hasOptions ? readOptions(datagram, SPM_BYTES) : NO_OPTIONS;
  if (options === undefined) return undefined;
  return {
    type: SPM,
    ...routeOf(datagram),
    sqn: datagram.readUInt32BE(16),
    trail: datagram.readUInt32BE(20),
    lead: datagram.readUInt32BE(24),
    address: datagram.readUInt32BE(32),
    isFinal: options.isFinal,
  };
}

function decodeData(
  datagram: Buffer,
  type: typeof ODATA | typeof RDATA,
  payloadBytes: number,
  hasOptions: boolean,
): Data | undefined {
  if (datagram.length < DATA_HEADER_BYTES) return undefined;
  const options = hasOptions ? readOptions(datagram, DATA_HEADER_BYTES) : NO_OPTIONS;
  if (options === undefined) return undefined;
  const start = DATA_HEADER_BYTES + options.bytes;
  if (payloadBytes < OFFSET_BYTES || datagram.length - start !== payloadBytes) return undefined;
  const offset = datagram.readUInt16BE(start);
  const stream = datagram.subarray(start + OFFSET_BYTES);
  if (offset !== NO_MESSAGE && offset > stream.length) return undefined;
  return {
    type,
    ...routeOf(datagram),
    sqn: datagram.readUInt32BE(16),
    trail: datagram.readUInt32BE(20),
    offset,
    stream,
    isFragment: options.isFragment,
  };
}

function decodeWanted(
  datagram: Buffer,
  type: typeof NAK | typeof NCF,
  hasOptions: boolean,
): Wanted | undefined {
  if (
    datagram.length < NAK_BYTES ||
    datagram.readUInt16BE(20) !== FAMILY_IPV4 ||
    datagram.readUInt16BE(28) !== FAMILY_IPV4
  ) {
    return undefined;
  }
  const options = hasOptions ? readOptions(datagram, NAK_BYTES) : NO_OPTIONS;
  if (options === undefined) return undefined;
  return {
    type,
    ...routeOf(datagram),
    sqns: [datagram.readUInt32BE(16), ...options.list],
    address: datagram.readUInt32BE(24),
    group: datagram.readUInt32BE(32),
  };
}

interface Options {
  /** All of them together. */
  readonly bytes: number;
  readonly list: readonly number[];
  readonly isFinal: boolean;
  readonly isFragment: boolean;
}

const NO_OPTIONS: Options = { bytes: 0, list: [], isFinal: false, isFragment: false };

/** The third byte of an option means nothing: OpenPGM leaves there what was there. Undefined for what is no list of options. */
function readOptions(datagram: Buffer, start: number): Options | undefined {
  if (datagram.length < start + OPTION_HEADER_BYTES) return undefined;
  if ((byteAt(datagram, start) & ~OPTION_LAST) !== OPTION_LENGTH) return undefined;
  const bytes = datagram.readUInt16BE(start + 2);
  const end = start + bytes;
  if (bytes < OPTION_HEADER_BYTES || end > datagram.length) return undefined;
  let list: number[] = [];
  let isFinal = false;
  let isFragment = false;
  let at = start + OPTION_HEADER_BYTES;
  for (let i = 0; i < OPTIONS_MAX && at + OPTION_HEADER_BYTES <= end; i++) {
    const kind = byteAt(datagram, at);
    const length = byteAt(datagram, at + 1);
    if (length < OPTION_HEADER_BYTES || at + length > end) return undefined;
    switch (kind & ~OPTION_LAST) {
      case OPTION_NAK_LIST:
        list = [];
        for (let each = at + 4; each + 4 <= at + length; each += 4)
          list.push(datagram.readUInt32BE(each));
        break;
      case OPTION_FIN:
        isFinal = true;
        break;
      case OPTION_FRAGMENT:
        isFragment = true;
        break;
      default: // one that we do not know
    }
    if ((kind & OPTION_LAST) !== 0) break;
    at += length;
  }
  return { bytes, list: list.slice(0, NAK_NUMBERS_MAX - 1), isFinal, isFragment };
}

function routeOf(datagram: Buffer): Route {
  return {
    gsi: datagram.readUIntBE(8, 6),
    sourcePort: datagram.readUInt16BE(0),
    destinationPort: datagram.readUInt16BE(2),
  };
}

function writeRoute(packet: Buffer, type: number, flags: number, route: Route): void {
  packet.writeUInt16BE(route.sourcePort, 0);
  packet.writeUInt16BE(route.destinationPort, 2);
  packet[4] = type;
  packet[5] = flags;
  packet.writeUInt16BE(0, 6);
  packet.writeUIntBE(route.gsi, 8, 6);
  packet.writeUInt16BE(0, 14);
}

function writeOptionLength(packet: Buffer, at: number, bytes: number): void {
  packet[at] = OPTION_LENGTH;
  packet[at + 1] = OPTION_HEADER_BYTES;
  packet.writeUInt16BE(bytes, at + 2);
}

/** Fills the checksum in, which is 0 until now; ffff stands for 0, which would mean none. */
function seal(packet: Buffer): Buffer {
  packet.writeUInt16BE(~sumOf(packet) & 0xffff || 0xffff, 6);
  return packet;
}

/**
 * One's complement sum of the 16-bit words (RFC 1071), 0 to ffff; an odd last byte is the high one of its word.
 *
 * Words of 32 bits have the same sum, for 2^16 is 1 modulo ffff, and so have words of the other byte order, with its bytes swapped. A
 * double holds the sum of 2^21 of them. Byte by byte it was half of what a receiver of large packets does (bench: multicast).
 */
function sumOf(packet: Buffer): number {
  if (!IS_LITTLE_ENDIAN || (packet.byteOffset & 3) !== 0) return sumFrom(packet, 0, 0);
  const amount = packet.length >>> 2;
  const words = new Uint32Array(packet.buffer, packet.byteOffset, amount);
  let even = 0;
  let odd = 0;
  const pairs = amount & ~1;
  for (let i = 0; i < pairs; i += 2) {
    even += words[i] as number; // i < amount
    odd += words[i + 1] as number; // as above
  }
  if (pairs < amount) even += words[pairs] as number; // as above
  const total = even + odd;
  const folded = total === 0 ? 0 : ((total - 1) % 0xffff) + 1;
  return sumFrom(packet, amount << 2, ((folded & 0xff) << 8) | (folded >>> 8));
}

/** The rest, byte by byte, from an even place on. */
function sumFrom(packet: Buffer, start: number, before: number): number {
  let sum = before;
  const even = packet.length & ~1;
  for (let i = start; i < even; i += 2) sum += (byteAt(packet, i) << 8) | byteAt(packet, i + 1);
  if (even < packet.length) sum += byteAt(packet, even) << 8;
  sum = (sum & 0xffff) + (sum >>> 16);
  return (sum & 0xffff) + (sum >>> 16);
}

/** The caller knows that it is there. */
function byteAt(bytes: Buffer, at: number): number {
  return bytes[at] as number; // within the length
}
