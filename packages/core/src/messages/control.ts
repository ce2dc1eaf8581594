/**
 * Control frames: what zscale's own queue, workers and clients tell each other beside the messages.
 *
 * Between two peers that both announced `X-Zscale` in their READY (announcement.ts), the delimiter
 * may carry a MessagePack map where plain REQ and REP peers have an empty frame
 * (docs/reference/messages.md). An empty delimiter is no control frame: it means a whole message.
 */
import { type Codec, createCodec } from './payload.ts';

/** What a control frame says; what is absent is not said. */
export interface Control {
  /** Worker to queue: how many requests it wants to hold at once, 0 to 65535. */
  readonly credit?: number;
  /** Worker to queue, and queue to client: the body is an error reply. */
  readonly error?: boolean;
  /** Worker to queue: give me nothing more. Queue to worker: nothing more comes. */
  readonly drain?: boolean;
}

/** As many requests as `concurrency` may allow a worker. */
export const MAX_CREDIT = 65_535;

/** All keys and values together take 25 as we write them, and not much more in any other way. */
const MAX_CONTROL_BYTES = 64;

/** Control frames are MessagePack whatever the service's codec is. */
const CODEC: Codec = createCodec('msgpack');

/** @returns the frame; it belongs to the caller */
export function encodeControl(control: Control): Buffer {
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
      return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_CREDIT;
    case 'error':
    case 'drain':
      return typeof value === 'boolean';
    default:
      return false;
  }
}
