/**
 * The properties inside READY and INITIATE (RFC 37, "The NULL mechanism"), back to back:
 *
 *   name-length(1, 1..255) name   value-length(4, big-endian) value
 */

import { copyOf } from '../bytes.ts';
import { ProtocolError } from '../errors.ts';
import { EMPTY_FRAME } from '../message.ts';

const VALUE_LENGTH_BYTES = 4;
const VALUE_LENGTH_MAX = 0x7fff_ffff;

/** Properties in the given order. Names are ASCII, 1 to 255 bytes; values are copied. */
export function encodeMetadata(properties: Iterable<readonly [string, Buffer]>): Buffer {
  const chunks: Buffer[] = [];
  for (const [name, value] of properties) {
    const head = Buffer.alloc(1 + name.length + VALUE_LENGTH_BYTES);
    head[0] = name.length;
    head.write(name, 1, 'latin1');
    head.writeUInt32BE(value.length, 1 + name.length);
    chunks.push(head, value);
  }
  return Buffer.concat(chunks);
}

/**
 * Reads properties by their exact names; values are copies, since they are kept for the life of the connection. Of two
 * properties with one name the last counts.
 *
 * @throws ProtocolError `ERR_ZMTP_INVALID_METADATA` when lengths do not add up to the end of the data.
 */
export function decodeMetadata(data: Buffer): Map<string, Buffer> {
  const properties = new Map<string, Buffer>();
  let offset = 0;
  while (offset < data.length) {
    const nameEnd = offset + 1 + (data[offset] as number); // offset < length
    const valueStart = nameEnd + VALUE_LENGTH_BYTES;
    if (valueStart > data.length) refuse(offset, data.length);
    const length = data.readUInt32BE(nameEnd);
    if (length > VALUE_LENGTH_MAX || valueStart + length > data.length) refuse(offset, data.length);
    const name = data.toString('latin1', offset + 1, nameEnd);
    offset = valueStart + length;
    // Not from Node's pool: a few bytes that live as long as a connection would keep 8 KiB of it.
    properties.set(name, length === 0 ? EMPTY_FRAME : copyOf(data, valueStart, offset));
  }
  return properties;
}

function refuse(offset: number, length: number): never {
  throw new ProtocolError(
    'ERR_ZMTP_INVALID_METADATA',
    `A property is a name and a value with their lengths; the one at byte ${offset} runs past the end of ${length} bytes of metadata.`,
  );
}
