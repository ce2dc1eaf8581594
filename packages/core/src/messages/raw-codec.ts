/**
 * Codec raw: bytes as they are, any number of frames.
 */
import { types } from 'node:util';
import { type ErrorReply, ZscaleError } from '../errors.ts';
import type { Codec } from './codec.ts';

/** `-CODE message`; any other bytes behind a minus are a value. */
const RAW_ERROR = /^-([A-Z][A-Z0-9_]{0,63}) /;
const MINUS = 0x2d;
/** Enough to hold any code that {@link RAW_ERROR} takes. */
const RAW_ERROR_START_BYTES = 66;
const EMPTY_FRAME = Buffer.alloc(0);

/** See {@link Codec}. */
export class RawCodec implements Codec {
  readonly name = 'raw';

  encode(value: unknown): Buffer[] {
    if (!Array.isArray(value)) return [toFrame(value, undefined)];
    if (value.length === 0) return [EMPTY_FRAME];
    const frames: Buffer[] = [];
    for (let i = 0; i < value.length; i++) frames.push(toFrame(value[i], i));
    return frames;
  }

  decode(body: Buffer[]): unknown {
    return body.length > 1 ? body : (body[0] ?? EMPTY_FRAME);
  }

  encodeError(code: string, message: string): Buffer[] {
    return [Buffer.from(`-${code} ${message}`)];
  }

  decodeError(body: Buffer[]): ErrorReply | undefined {
    const frame = body.length === 1 ? body[0] : undefined;
    if (frame === undefined || frame[0] !== MINUS) return undefined;
    const [start, code] = RAW_ERROR.exec(frame.toString('latin1', 0, RAW_ERROR_START_BYTES)) ?? [];
    if (start === undefined || code === undefined) return undefined;
    return { code, message: frame.toString('utf8', start.length) };
  }
}

/**
 * The bytes of one frame, shared and not copied. `index` is its place in an array, for the error.
 */
function toFrame(value: unknown, index: number | undefined): Buffer {
  if (Buffer.isBuffer(value)) return value;
  if (typeof value === 'string') return Buffer.from(value);
  if (value === undefined || value === null) return EMPTY_FRAME;
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  if (types.isAnyArrayBuffer(value)) return Buffer.from(value);
  const path = index === undefined ? 'value' : `value[${index}]`;
  throw new ZscaleError(
    'ZSCALE_ERR_ENCODE',
    `${path} is of type ${typeof value}, and codec raw sends bytes: a Buffer, Uint8Array, ` +
      'ArrayBuffer, string, or an array of these. Convert it, or use codec msgpack or json.',
  );
}
