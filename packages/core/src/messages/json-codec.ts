/**
 * Codec json: one frame, one JSON text (RFC 8259) in UTF-8, with what `JSON.stringify` would leave
 * out refused.
 */
import type { ErrorReply } from '../errors.ts';
import { scanJson } from './body-scan.ts';
import { type Codec, isRecord, onlyFrame, refuseBody, refuseValue } from './codec.ts';
import { checkSendable } from './sendable.ts';

/** How an error reply begins; only what begins like this is parsed to see whether it is one. */
const JSON_ERROR = /^\s*\{\s*"error"\s*:/;

/** See {@link Codec}. */
export class JsonCodec implements Codec {
  readonly name = 'json';

  encode(value: unknown): Buffer[] {
    try {
      checkSendable(value, 'json');
      // undefined, and an object whose toJSON() gives that, have no JSON text.
      return [Buffer.from(JSON.stringify(value) ?? 'null')];
    } catch (error) {
      refuseValue('JSON', error);
    }
  }

  decode(body: Buffer[]): unknown {
    const frame = onlyFrame(body, this.name);
    try {
      scanJson(frame);
      const text = frame.toString();
      const value: unknown = JSON.parse(text);
      if (mayNameProto(text)) refuseProtoKeys(value);
      return value;
    } catch (error) {
      refuseBody(frame, 'JSON', error);
    }
  }

  encodeError(code: string, message: string): Buffer[] {
    return [Buffer.from(JSON.stringify({ error: { code, message } }))];
  }

  decodeError(body: Buffer[]): ErrorReply | undefined {
    const frame = body.length === 1 ? body[0] : undefined;
    if (frame === undefined || !JSON_ERROR.test(frame.toString('latin1', 0, 64))) return undefined;
    try {
      const reply = this.decode([frame]);
      if (!isRecord(reply) || Object.keys(reply).length !== 1 || !isRecord(reply.error)) {
        return undefined;
      }
      const { code, message } = reply.error;
      return typeof code === 'string' && typeof message === 'string'
        ? { code, message }
        : undefined;
    } catch {
      // Not JSON after all: decode() says what is wrong with it.
      return undefined;
    }
  }
}

/** Whether a key `__proto__` can be in this text: as it is, or with letters written as `\u00..`. */
function mayNameProto(text: string): boolean {
  return text.includes('__proto__') || text.includes('\\u00');
}

/**
 * JSON.parse makes a key `__proto__` an ordinary property, but whoever copies it with `target[key]
 * =` changes a prototype. MessagePack's decoder refuses it by itself.
 */
function refuseProtoKeys(value: unknown): void {
  if (Array.isArray(value)) {
    for (const item of value) refuseProtoKeys(item);
  } else if (isRecord(value)) {
    if (Object.hasOwn(value, '__proto__')) throw new TypeError('The key __proto__ is not allowed');
    for (const item of Object.values(value)) refuseProtoKeys(item);
  }
}
