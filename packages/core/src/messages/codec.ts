/**
 * What a codec is, and what its refusals look like.
 *
 * The codecs themselves: `payload.ts` (msgpack, and the choice by name), `json-codec.ts`,
 * `raw-codec.ts`. The bytes are drawn in docs/reference/messages.md.
 */
import { isUtf8 } from 'node:buffer';
import { type ErrorReply, ZscaleError } from '../errors.ts';
import type { CodecName } from '../options.ts';

/**
 * Values to body frames and back.
 *
 * | codec   | a value is sent as                        | an error reply is              |
 * |---------|-------------------------------------------|--------------------------------|
 * | msgpack | one frame: a MessagePack value            | extension 1 of [code, message] |
 * | json    | one frame: a JSON text                    | {"error":{"code","message"}}   |
 * | raw     | its bytes; of an array, a frame for each  | -CODE message                  |
 *
 * One instance serves a whole process: nothing remains of one message when the next comes.
 */
export interface Codec {
  readonly name: CodecName;

  /**
   * @returns frames that now belong to the caller. With codec raw they are views of the bytes in
   *   `value`, which therefore must not be changed afterwards; the others copy.
   * @throws ZscaleError `ZSCALE_ERR_ENCODE`: what cannot be sent, where it sits, what to do
   */
  encode(value: unknown): Buffer[];

  /**
   * @param body - the frames behind the envelope; bytes in the result are views of them
   * @returns msgpack: plain data, with bytes as Buffer, timestamps as Date, and integers beyond
   *   2^53 - 1 as bigint; json: plain data; raw: a Buffer, or with several frames a Buffer[]
   * @throws ZscaleError `ZSCALE_ERR_DECODE`: why these bytes are refused, what to do
   */
  decode(body: Buffer[]): unknown;

  /** Never throws. */
  encodeError(code: string, message: string): Buffer[];

  /**
   * A client asks this before {@link Codec.decode}. Never throws.
   *
   * @returns undefined when the body is no error reply
   */
  decodeError(body: Buffer[]): ErrorReply | undefined;
}

/** @throws ZscaleError `ZSCALE_ERR_DECODE` unless the body is one frame */
export function onlyFrame(body: Buffer[], name: CodecName): Buffer {
  const frame = body[0];
  if (body.length === 1 && frame !== undefined) return frame;
  throw new ZscaleError(
    'ZSCALE_ERR_DECODE',
    `Codec ${name} takes a body of one frame; ${body.length} came. ` +
      'Send one frame, or use codec raw (--codec raw) on both sides, which takes any number.',
  );
}

/** @throws ZscaleError `ZSCALE_ERR_ENCODE`, always */
export function refuseValue(format: string, error: unknown): never {
  if (error instanceof ZscaleError) throw error;
  const reason = error instanceof Error ? error.message : String(error);
  throw new ZscaleError('ZSCALE_ERR_ENCODE', `The value cannot be sent as ${format}: ${reason}.`, {
    cause: error,
  });
}

/** @throws ZscaleError `ZSCALE_ERR_DECODE`, always */
export function refuseBody(frame: Buffer, format: 'MessagePack' | 'JSON', error: unknown): never {
  const reason = error instanceof Error ? error.message : String(error);
  throw new ZscaleError(
    'ZSCALE_ERR_DECODE',
    `The body is refused as ${format}: ${reason}. ${adviceFor(frame, format)}`,
    { cause: error },
  );
}

function adviceFor(frame: Buffer, format: 'MessagePack' | 'JSON'): string {
  if (format === 'JSON' || !isReadable(frame)) return 'Both sides must use the same codec.';
  const looks = /^\s*[[{"]/.test(frame.toString('latin1', 0, 64)) ? 'JSON' : 'text';
  const codec = looks === 'JSON' ? 'json' : 'raw';
  const switchTo = `use codec ${codec} (--codec ${codec}) on both sides`;
  return `It looks like ${looks}: send MessagePack, or ${switchTo}.`;
}

/** Whether a person could read it: UTF-8, and at its beginning no control characters. */
function isReadable(frame: Buffer): boolean {
  return (
    isUtf8(frame) &&
    /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Z}\t\r\n]+$/u.test(frame.toString('utf8', 0, 128))
  );
}

/** Whether it is an object, of whatever kind. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
