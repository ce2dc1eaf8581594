/**
 * Control frames: what zscale's own queue, workers and clients tell each other beside the messages.
 *
 * Between two peers that both announced `X-Zscale` in their READY (announcement.ts), the delimiter
 * may carry a MessagePack map where plain REQ and REP peers have an empty frame
 * (docs/reference/messages.md). An empty delimiter is no control frame: it means a whole message.
 */
import { ControlWriter } from './control-writer.ts';
import { type Codec, createCodec } from './payload.ts';

/** What a control frame says; what is absent is not said. */
export interface Control {
  /** Worker to queue: how many requests it wants to hold at once, 0 to 65535. */
  readonly credit?: number;
  /**
   * Worker to queue, with `credit`, absent for 0: so many more may wait here, 0 to 255, while more requests wait than there are workers.
   */
  readonly spare?: number;
  /** Worker to queue, and queue to client: the body is an error reply. */
  readonly error?: boolean;
  /** Worker to queue: give me nothing more. Queue to worker: nothing more comes. */
  readonly drain?: boolean;
  /** Nobody waits for this request any more: client to queue, and queue to worker. It has no body. */
  readonly cancel?: boolean;
  /** With a request: how many ms are left for it, 0 to 2 147 483 647. Absent: the service's `timeout`. */
  readonly deadline?: number;
  /** With a request: its name in logs, 1 to 64 printable ASCII characters without spaces. */
  readonly id?: string;
  /** With a request: W3C Trace Context, `traceparent`, as it stands in HTTP. */
  readonly trace?: string;
  /** With a request that has `trace`: W3C Trace Context, `tracestate`, up to 512 characters. */
  readonly state?: string;
  /** With a request: W3C Baggage, as the HTTP header of that name has it, up to 8192 characters. */
  readonly baggage?: string;
  /**
   * Client to queue, with a request, and worker to queue, about one it holds: it may be done again
   * when the worker that holds it is lost.
   */
  readonly idempotent?: boolean;
  /** Queue to worker, with a request that was given to another before: which attempt it is, from 2. */
  readonly attempt?: number;
  /** Client to queue, with a request: those with the same key go to the same worker; up to 128 characters. */
  readonly key?: string;
  /** Client to queue, with a request: what pools are chosen by; up to 256 characters. */
  readonly route?: string;
  /** With a request: its reply may come in several messages. A gateway to the queue, and the queue to the worker. */
  readonly streams?: boolean;
  /** With a request, a reply or a part: further messages of the same follow. */
  readonly more?: boolean;
  /** The message continues a request or a reply: its body has no head. */
  readonly part?: boolean;
  /** Worker to queue, and queue to gateway, with `more`: a head that comes before the reply's. */
  readonly interim?: boolean;
  /** Of what the other side sends about this request so many bytes more may be on the way, 1 to 2 147 483 647. It has no body. */
  readonly grant?: number;
}

/** As many requests as `concurrency` may allow a worker. */
export const MAX_CREDIT = 65_535;
const MAX_SPARE = 255;

/** As much baggage as W3C wants everybody to pass on. */
const MAX_BAGGAGE_CHARACTERS = 8192;

/** The longest there is; an id, a trace and a key are far below. */
const MAX_CONTROL_BYTES: number = 2048 + MAX_BAGGAGE_CHARACTERS;

const MAX_GRANT_BYTES = 2_147_483_647;

/** The longest a timer can wait, in ms. */
const MAX_DEADLINE_MS = 2_147_483_647;
const MAX_ATTEMPTS = 1000;

/** W3C Trace Context, `traceparent`, version 00 and what later versions may append. */
const TRACE = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}(-[\x21-\x7e]{0,64})?$/;
/** Printable ASCII without spaces. */
const ID = /^[\x21-\x7e]{1,64}$/;
/** Printable ASCII. */
const STATE = /^[\x20-\x7e]{1,512}$/;
/** Of a header field: printable ASCII, and tabs. */
const BAGGAGE = /^[\t\x20-\x7e]+$/;
const MAX_KEY_CHARACTERS = 128;
const MAX_ROUTE_CHARACTERS = 256;

/** Control frames are MessagePack whatever the service's codec is. */
const CODEC: Codec = createCodec('msgpack');

/** Where control frames are written before they are copied out. */
const SCRATCH: Buffer = Buffer.alloc(2 * MAX_CONTROL_BYTES);

/** Of parts there are many: these frames are read without being decoded. */
const MARKS: ReadonlyArray<{ readonly words: Control; readonly marks: Buffer }> = [
  { part: true, more: true },
  { part: true },
  { more: true },
].map((words) => ({ words, marks: encodeControl(words) }));

/** With the first message of a streamed request or reply. */
export const MORE: Buffer = encodeControl({ more: true });
/** With a part that others follow. */
export const PART: Buffer = encodeControl({ part: true, more: true });
/** With the last part. */
export const LAST_PART: Buffer = encodeControl({ part: true });
/** With a head that comes before the reply's. */
export const INTERIM: Buffer = encodeControl({ more: true, interim: true });

/** @returns the frame; it belongs to the caller */
export function encodeControl(control: Control): Buffer {
  return new ControlWriter(SCRATCH).write(control) ?? encodeWithCare(control);
}

/** What has texts that are too long for any peer, or numbers that are not whole: whoever gets it will say so. */
function encodeWithCare(control: Control): Buffer {
  const [frame] = CODEC.encode(control);
  if (frame === undefined) throw new Error('a MessagePack value is one frame');
  return frame;
}

/**
 * Checks on arrival. A key that this version does not know makes the frame invalid: its meaning may
 * be that the body is something else than a whole message.
 *
 * @returns undefined when the frame is no valid control frame; an empty one is none
 */
export function decodeControl(frame: Buffer): Control | undefined {
  if (frame.length === 0 || frame.length > MAX_CONTROL_BYTES) return undefined;
  for (const { words, marks } of MARKS) {
    if (frame.length === marks.length && frame.equals(marks)) return words;
  }
  try {
    const control = CODEC.decode([frame]);
    return isControl(control) ? control : undefined;
  } catch {
    // Not MessagePack: a peer's fault, which the caller deals with as it does with any other.
    return undefined;
  }
}

function isControl(value: unknown): value is Control {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  for (const [key, item] of Object.entries(value)) {
    if (!isEntry(key, item)) return false;
  }
  return true;
}

function isEntry(key: string, value: unknown): boolean {
  switch (key) {
    case 'credit':
      return isWhole(value, 0, MAX_CREDIT);
    case 'spare':
      return isWhole(value, 0, MAX_SPARE);
    case 'deadline':
      return isWhole(value, 0, MAX_DEADLINE_MS);
    case 'attempt':
      return isWhole(value, 2, MAX_ATTEMPTS);
    case 'grant':
      return isWhole(value, 1, MAX_GRANT_BYTES);
    case 'error':
    case 'drain':
    case 'cancel':
    case 'idempotent':
    case 'streams':
    case 'more':
    case 'part':
    case 'interim':
      return typeof value === 'boolean';
    case 'id':
      return typeof value === 'string' && ID.test(value);
    case 'trace':
      return typeof value === 'string' && TRACE.test(value);
    case 'state':
      return typeof value === 'string' && STATE.test(value);
    case 'baggage':
      return typeof value === 'string' && isBaggage(value);
    case 'key':
      return typeof value === 'string' && value.length <= MAX_KEY_CHARACTERS;
    case 'route':
      return typeof value === 'string' && value.length <= MAX_ROUTE_CHARACTERS;
    default:
      return false;
  }
}

/** Whether a frame takes it as baggage. */
export function isBaggage(text: string): boolean {
  return text.length <= MAX_BAGGAGE_CHARACTERS && BAGGAGE.test(text);
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
}
