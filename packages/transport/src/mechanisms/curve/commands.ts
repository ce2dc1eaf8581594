/**
 * The commands of a CURVE handshake as bytes (RFC 26); offsets are those of the command body.
 *
 *   HELLO     0 05 HELLO   6 version(2)   8 zeros(72)   80 C'(32)   112 counter(8)   120 box(80) of 64 zeros
 *   WELCOME   0 07 WELCOME   8 random(16)   24 box(144) of S'(32) cookie(96)
 *   INITIATE  0 08 INITIATE   9 cookie(96)   105 counter(8)   113 box of C(32) vouch(96) metadata
 *   READY     0 05 READY   6 counter(8)   14 box of metadata
 *
 *   cookie    random(16) box(80) of C'(32) s'(32), which only its maker can open
 *   vouch     random(16) box(80) of C'(32) S(32), from C to S'
 *
 * It makes them and takes them apart, and checks sizes and what is constant. What the parts must be is for the two roles to say.
 */

import { ProtocolError } from '../../errors.ts';
import { decodeCommand } from '../../wire/command.ts';
import { failUnexpected } from '../refusals.ts';
import { KEY_BYTES, open, seal } from './boxes.ts';
import {
  COUNTER_BYTES,
  COUNTER_OFFSET,
  HELLO_NONCE,
  INITIATE_NONCE,
  nonceOf,
  type OwnCounter,
  RANDOM_BYTES,
  READY_NONCE,
  WELCOME_NONCE,
} from './nonces.ts';

/** A cookie, and a vouch. */
export const COOKIE_BYTES = 96;

const HELLO_BYTES = 200;
const HELLO_VERSION = 6;
const HELLO_PADDING = 8;
const HELLO_KEY = 80;
/** Where HELLO has its counter. */
export const HELLO_COUNTER = 112;
const HELLO_ZEROS = Buffer.alloc(64);
const WELCOME_BYTES = 168;
const INITIATE_MIN_BYTES = 257;
const INITIATE_COOKIE = 9;
/** Where INITIATE has its counter. */
export const INITIATE_COUNTER = 105;
const READY_MIN_BYTES = 30;
/** Where READY has its counter. */
export const READY_COUNTER = 6;

/** Where random bytes come from: `randomBytes` of node:crypto but for tests. */
export type RandomSource = (size: number) => Buffer;

/** HELLO. @param key of the boxes from C' to S. */
export function encodeHello(key: Buffer, transientKey: Buffer, counter: OwnCounter): Buffer {
  const head = Buffer.alloc(HELLO_COUNTER);
  head.write('\x05HELLO\x01\x00', 'latin1');
  transientKey.copy(head, HELLO_KEY);
  return withShortBox(head, HELLO_NONCE, counter, key, HELLO_ZEROS);
}

/**
 * C' of a HELLO. It is a copy.
 *
 * @throws ProtocolError `ERR_ZMTP_UNEXPECTED_COMMAND`, or `ERR_ZMTP_MALFORMED_COMMAND_HELLO` for another size or version or
 *   padding that is not zero.
 */
export function decodeHello(body: Buffer): Buffer {
  if (decodeCommand(body)?.name !== 'HELLO') failUnexpected('CURVE', 'HELLO', body);
  if (body.length !== HELLO_BYTES)
    malformed('HELLO', `${HELLO_BYTES} bytes`, `${body.length} bytes`);
  const version = body.toString('hex', HELLO_VERSION, HELLO_PADDING);
  if (version !== '0100') malformed('HELLO', 'version 0100', version);
  if (!body.subarray(HELLO_PADDING, HELLO_KEY).every(isZero))
    malformed('HELLO', 'padding of zeros', 'other padding');
  return Buffer.from(body.subarray(HELLO_KEY, HELLO_KEY + KEY_BYTES));
}

/** Whether the box of a HELLO opens and holds zeros: its sender has c' and knows S. */
export function openHello(key: Buffer, body: Buffer): boolean {
  return openShortBox(body, HELLO_COUNTER, HELLO_NONCE, key)?.equals(HELLO_ZEROS) ?? false;
}

/** WELCOME. @param key of the boxes from S to C'. */
export function encodeWelcome(
  key: Buffer,
  transientKey: Buffer,
  cookie: Buffer,
  random: RandomSource,
): Buffer {
  const box = encodeLongBox(WELCOME_NONCE, random, key, Buffer.concat([transientKey, cookie]));
  return Buffer.concat([Buffer.from('\x07WELCOME', 'latin1'), box]);
}

/**
 * S' and cookie of a WELCOME, whose name the caller has seen.
 *
 * @throws ProtocolError `ERR_ZMTP_MALFORMED_COMMAND_WELCOME`, `ERR_ZMTP_CRYPTOGRAPHIC`.
 */
export function decodeWelcome(key: Buffer, body: Buffer): { transientKey: Buffer; cookie: Buffer } {
  if (body.length !== WELCOME_BYTES)
    malformed('WELCOME', `${WELCOME_BYTES} bytes`, `${body.length} bytes`);
  const content = openLongBox(WELCOME_NONCE, body.subarray('\x07WELCOME'.length), key);
  if (content === undefined) failToOpen('WELCOME');
  return { transientKey: content.subarray(0, KEY_BYTES), cookie: content.subarray(KEY_BYTES) };
}

/** A box behind the random part of its nonce: cookie, vouch, and what WELCOME holds. */
export function encodeLongBox(
  prefix: string,
  random: RandomSource,
  key: Buffer,
  content: Buffer,
): Buffer {
  const rest = random(RANDOM_BYTES);
  return Buffer.concat([rest, seal(key, nonceOf(prefix, rest), content)]);
}

/** What is in a box of {@link encodeLongBox}; undefined when it does not open. */
export function openLongBox(prefix: string, bytes: Buffer, key: Buffer): Buffer | undefined {
  const rest = bytes.subarray(0, RANDOM_BYTES);
  return open(key, nonceOf(prefix, rest), bytes.subarray(RANDOM_BYTES));
}

/** INITIATE. @param key of the session. */
export function encodeInitiate(
  key: Buffer,
  cookie: Buffer,
  counter: OwnCounter,
  content: Buffer,
): Buffer {
  const head = Buffer.concat([Buffer.from('\x08INITIATE', 'latin1'), cookie]);
  return withShortBox(head, INITIATE_NONCE, counter, key, content);
}

/** @throws ProtocolError `ERR_ZMTP_UNEXPECTED_COMMAND`, `ERR_ZMTP_MALFORMED_COMMAND_INITIATE`. @returns the cookie in it. */
export function decodeInitiate(body: Buffer): Buffer {
  if (decodeCommand(body)?.name !== 'INITIATE') failUnexpected('CURVE', 'INITIATE', body);
  if (body.length < INITIATE_MIN_BYTES)
    malformed('INITIATE', `${INITIATE_MIN_BYTES} bytes or more`, `${body.length} bytes`);
  return body.subarray(INITIATE_COOKIE, INITIATE_COUNTER);
}

/** C, vouch and metadata of an INITIATE. @param key of the session. @throws ProtocolError `ERR_ZMTP_CRYPTOGRAPHIC`. */
export function openInitiate(
  key: Buffer,
  body: Buffer,
): { publicKey: Buffer; vouch: Buffer; metadata: Buffer } {
  const content = openShortBox(body, INITIATE_COUNTER, INITIATE_NONCE, key);
  if (content === undefined) failToOpen('INITIATE');
  return {
    publicKey: content.subarray(0, KEY_BYTES),
    vouch: content.subarray(KEY_BYTES, KEY_BYTES + COOKIE_BYTES),
    metadata: content.subarray(KEY_BYTES + COOKIE_BYTES),
  };
}

/** READY. @param key of the session. */
export function encodeReady(key: Buffer, counter: OwnCounter, metadata: Buffer): Buffer {
  return withShortBox(Buffer.from('\x05READY', 'latin1'), READY_NONCE, counter, key, metadata);
}

/** Metadata of a READY, whose name the caller has seen. @throws ProtocolError `ERR_ZMTP_MALFORMED_COMMAND_READY`, `ERR_ZMTP_CRYPTOGRAPHIC`. */
export function decodeReady(key: Buffer, body: Buffer): Buffer {
  if (body.length < READY_MIN_BYTES)
    malformed('READY', `${READY_MIN_BYTES} bytes or more`, `${body.length} bytes`);
  const content = openShortBox(body, READY_COUNTER, READY_NONCE, key);
  if (content === undefined) failToOpen('READY');
  return content;
}

/** @throws ProtocolError `ERR_ZMTP_CRYPTOGRAPHIC` always. */
export function failToOpen(what: string): never {
  throw new ProtocolError(
    'ERR_ZMTP_CRYPTOGRAPHIC',
    `${what} did not open: it was made with other keys, or changed on the way. Check curveServerKey on the client and curveSecretKey on the server.`,
  );
}

/** `head`, the next counter and a box whose nonce it completes. */
function withShortBox(
  head: Buffer,
  prefix: string,
  counter: OwnCounter,
  key: Buffer,
  content: Buffer,
): Buffer {
  const nonce = nonceOf(prefix);
  counter.writeNext(nonce, COUNTER_OFFSET);
  return Buffer.concat([head, nonce.subarray(COUNTER_OFFSET), seal(key, nonce, content)]);
}

/** What is in the box behind the counter at `offset`. */
function openShortBox(
  body: Buffer,
  offset: number,
  prefix: string,
  key: Buffer,
): Buffer | undefined {
  const box = offset + COUNTER_BYTES;
  return open(key, nonceOf(prefix, body.subarray(offset, box)), body.subarray(box));
}

function malformed(
  command: 'HELLO' | 'WELCOME' | 'INITIATE' | 'READY',
  expected: string,
  got: string,
): never {
  throw new ProtocolError(
    `ERR_ZMTP_MALFORMED_COMMAND_${command}`,
    `A ${command} of CURVE has ${expected}; got ${got}.`,
  );
}

function isZero(byte: number): boolean {
  return byte === 0;
}
