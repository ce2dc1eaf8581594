/**
 * What the queue tells zscale's own worker with a request, in place of the empty delimiter: what the client said of it, how long
 * it may still take, and which attempt it is. Pure.
 */

import { EMPTY_FRAME } from '@zscale/transport';
import { type Control, encodeControl } from '../messages/control.ts';
import type { QueuedRequest } from './queued-request.ts';
import { takesParts } from './streams.ts';

/**
 * A request that waited for this part of its time is told what is left, for the worker counts from when it came there. One that
 * waited less is not: most requests say nothing, and cost nothing.
 */
const NOTICEABLE = 1 / 16;
/** The longest there is, in ms. */
const DEADLINE_MAX_MS = 2_147_483_647;

/** @param now in ms of `performance.now()`. @returns the empty frame when there is nothing to say. */
export function wordsFor(request: QueuedRequest, now: number): Buffer {
  const { control, mark, attempts, arrived, expires, isHurried } = request;
  const limit = expires - arrived;
  const hasWaited = now - arrived > limit * NOTICEABLE && limit < Infinity;
  if (control === undefined && attempts === 0 && !hasWaited) return EMPTY_FRAME;
  if (mark !== undefined && attempts === 0 && !hasWaited && !isHurried) return mark;
  const words: Control = {
    ...(control?.id !== undefined && { id: control.id }),
    ...(control?.trace !== undefined && { trace: control.trace }),
    ...(control?.state !== undefined && { state: control.state }),
    ...(control?.baggage !== undefined && { baggage: control.baggage }),
    ...((isHurried || hasWaited) && { deadline: leftOf(expires - now) }),
    ...(attempts > 0 && { attempt: attempts + 1 }),
    ...(takesParts(request) && { streams: true }),
    ...(control?.more === true && { more: true }),
  };
  return Object.keys(words).length === 0 ? EMPTY_FRAME : encodeControl(words);
}

function leftOf(ms: number): number {
  return Math.min(Math.max(Math.ceil(ms), 0), DEADLINE_MAX_MS);
}
