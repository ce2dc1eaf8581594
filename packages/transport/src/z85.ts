/** Z85 (RFC 32): four bytes as five printable characters, the form in which CURVE keys are written down. */

const ALPHABET =
  '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';
const BASE = 85;
const GROUP_BYTES = 4;
const GROUP_CHARACTERS = 5;
const UINT32_MAX = 0xffff_ffff;

const VALUES: ReadonlyMap<string, number> = new Map(
  [...ALPHABET].map((character, value) => [character, value]),
);

/** Bytes as text. The length must be a multiple of 4; what is beyond the last multiple is not encoded. */
export function encodeZ85(bytes: Buffer): string {
  let text = '';
  for (let offset = 0; offset + GROUP_BYTES <= bytes.length; offset += GROUP_BYTES) {
    let value = bytes.readUInt32BE(offset);
    let group = '';
    for (let i = 0; i < GROUP_CHARACTERS; i++) {
      group = ALPHABET.charAt(value % BASE) + group;
      value = Math.floor(value / BASE);
    }
    text += group;
  }
  return text;
}

/** Text as bytes; undefined for a length that is no multiple of 5, a foreign character or a group above 2^32 - 1. */
export function decodeZ85(text: string): Buffer | undefined {
  if (text.length === 0 || text.length % GROUP_CHARACTERS !== 0) return undefined;
  const bytes = Buffer.alloc((text.length / GROUP_CHARACTERS) * GROUP_BYTES);
  for (let group = 0; group * GROUP_CHARACTERS < text.length; group++) {
    let value = 0;
    for (let i = 0; i < GROUP_CHARACTERS; i++) {
      const digit = VALUES.get(text.charAt(group * GROUP_CHARACTERS + i));
      if (digit === undefined) return undefined;
      value = value * BASE + digit;
    }
    if (value > UINT32_MAX) return undefined;
    bytes.writeUInt32BE(value, group * GROUP_BYTES);
  }
  return bytes;
}
