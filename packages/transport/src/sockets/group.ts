/**
 * Groups of RADIO and DISH (draft; RFC 48): names of 0 to 255 bytes without a zero byte, compared as a whole.
 *
 * A DISH tells its RADIOs which groups it is in, in messages of one frame: `[01 group]` joins, `[00 group]` leaves. Connections
 * make JOIN and LEAVE commands of them.
 */

import { fail } from '../errors.ts';

const GROUP_BYTES_MAX = 255;
const LEAVE = 0;
const JOIN = 1;

/** The bytes of a group's name. @throws TransportError `EINVAL` for what cannot be one. */
export function toGroup(value: unknown): Buffer {
  const group = typeof value === 'string' ? Buffer.from(value) : value;
  if (!Buffer.isBuffer(group)) {
    return fail(
      'EINVAL',
      `Invalid argument: a group is a string or a Buffer; got ${typeof value}.`,
    );
  }
  if (!isGroup(group)) {
    fail('EINVAL', 'Invalid argument: a group has 0 to 255 bytes, none of which is zero.');
  }
  return group;
}

/** Whether these bytes can name a group. */
export function isGroup(bytes: Buffer): boolean {
  return bytes.length <= GROUP_BYTES_MAX && !bytes.includes(0);
}

/** By what a group is found in maps and sets. */
export function groupKey(group: Buffer): string {
  return group.toString('latin1');
}

/** The message that joins a group. */
export function encodeJoin(key: string): Buffer {
  return encode(JOIN, key);
}

/** The message that leaves a group. */
export function encodeLeave(key: string): Buffer {
  return encode(LEAVE, key);
}

/** What a message of a DISH says; undefined for one that says nothing. */
export function decodeMembership(frame: Buffer): { isMember: boolean; key: string } | undefined {
  const kind = frame[0];
  const group = frame.subarray(1);
  if ((kind !== JOIN && kind !== LEAVE) || !isGroup(group)) return undefined;
  return { isMember: kind === JOIN, key: groupKey(group) };
}

function encode(kind: number, key: string): Buffer {
  const frame = Buffer.allocUnsafe(1 + key.length);
  frame[0] = kind;
  frame.write(key, 1, 'latin1');
  return frame;
}
