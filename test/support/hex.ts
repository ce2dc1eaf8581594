/*
 * Bytes as the specification writes them: hex digits, grouped by blanks as one likes.
 */

/** `hex('04 19 05', '5245414459')` is those bytes. Throws on anything but pairs of hex digits. */
export function hex(...parts: readonly string[]): Buffer {
  const digits = parts.join('').replaceAll(/\s+/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new Error(`not pairs of hex digits: ${digits}`);
  return Buffer.from(digits, 'hex');
}

/** Frames as text, for comparing whole messages at a glance. */
export function texts(message: readonly Buffer[]): string[] {
  return message.map((frame) => frame.toString());
}

/** Frames as hex digits. */
export function digits(message: readonly Buffer[]): string[] {
  return message.map((frame) => frame.toString('hex'));
}
