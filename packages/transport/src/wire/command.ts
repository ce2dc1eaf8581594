/**
 * Command bodies (RFC 37, "Commands"):  name-length(1) name(ASCII) data
 *
 * The commands of a mechanism are built by the mechanism; PING and PONG, which every mechanism shares, stand here.
 *
 *   PING  ttl(2, tenths of a second) context(0..16)        PONG  context
 */

/** A command taken apart. `data` is a view of the frame. */
export interface Command {
  readonly name: string;
  readonly data: Buffer;
}

/** Longest PING context a peer must echo (RFC 37). */
const PING_CONTEXT_MAX_BYTES = 16;
const PING_TTL_BYTES = 2;
/** libzmq multiplies the time to live in 16 bits: anything above would wrap there and end the connection. */
const PING_TTL_MAX_DECISECONDS = 655;

/** A command body. `name` is ASCII, 1 to 255 bytes; `data` is copied. */
export function encodeCommand(name: string, data: Buffer): Buffer {
  const body = Buffer.allocUnsafe(1 + name.length + data.length);
  body[0] = name.length;
  body.write(name, 1, 'latin1');
  data.copy(body, 1 + name.length);
  return body;
}

/** Takes a command apart; undefined for an empty body, an empty name or one that runs past the end. */
export function decodeCommand(body: Buffer): Command | undefined {
  const length = body[0];
  if (length === undefined || length === 0 || 1 + length > body.length) return undefined;
  return { name: body.toString('latin1', 1, 1 + length), data: body.subarray(1 + length) };
}

/** A PING that asks for an answer. @param timeToLive milliseconds; 0 for none; sent in tenths of a second, at most 65.5 s. */
export function encodePing(timeToLive: number): Buffer {
  const data = Buffer.alloc(PING_TTL_BYTES);
  data.writeUInt16BE(Math.min(Math.floor(timeToLive / 100), PING_TTL_MAX_DECISECONDS));
  return encodeCommand('PING', data);
}

/** What a PING asks for; undefined for one that is too short, which is dropped. */
export function decodePing(data: Buffer): { timeToLive: number; context: Buffer } | undefined {
  if (data.length < PING_TTL_BYTES) return undefined;
  const context = data.subarray(PING_TTL_BYTES, PING_TTL_BYTES + PING_CONTEXT_MAX_BYTES);
  return { timeToLive: data.readUInt16BE(0) * 100, context };
}

/** The answer to a PING, with its context of 0 to 16 bytes. */
export function encodePong(context: Buffer): Buffer {
  return encodeCommand('PONG', context);
}
