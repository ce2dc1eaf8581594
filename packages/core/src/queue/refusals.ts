/** The words of the queue's error replies: what happened, and what to do. Codes are explained in docs/reference/errors.md. */

import type { ZscaleErrorCode } from '../errors.ts';

/** An error reply of the queue's own. */
export interface Refusal {
  readonly code: ZscaleErrorCode;
  readonly text: string;
}

/** For requests that come or still wait when the service ends. */
export const STOPPING: Refusal = {
  code: 'ZSCALE_ERR_STOPPING',
  text: 'The service is stopping and takes no new requests. Try again at another one, or later.',
};

/** For requests whose worker's connection ended. */
export const WORKER_LOST: Refusal = {
  code: 'ZSCALE_ERR_WORKER_LOST',
  text: 'The worker that had this request is gone. Whether it did the work is unknown.',
};

/** For requests that were given out again and again, @param times in all, and lost every time. */
export function lostEachTime(times: number): Refusal {
  return {
    code: 'ZSCALE_ERR_WORKER_LOST',
    text: `${times} workers that had this request are gone, one after the other. Whether any of them did the work is unknown; it may be what ends them.`,
  };
}

/** For messages that are no requests. */
export const NO_DELIMITER: Refusal = {
  code: 'ZSCALE_ERR_ENVELOPE',
  text: 'Expected an empty frame between envelope and body. Send from a REQ socket, or from a DEALER [empty][body].',
};

/** For messages of zscale's own clients in which the frame behind the id is neither empty nor a control frame. */
export const BAD_CONTROL: Refusal = {
  code: 'ZSCALE_ERR_ENVELOPE',
  text: 'Expected an empty frame or a control frame behind the id, and a body behind that. Use the same version of zscale on both sides, or do not announce X-Zscale.',
};

/** @param what happened in the service's function `key`. */
export function badKey(what: string): Refusal {
  return {
    code: 'ZSCALE_ERR_KEY',
    text: `The service's function 'key' found no key for this request: ${what}.`,
  };
}

/** @param maxQueue in requests. */
export function tooManyWaiting(maxQueue: number): Refusal {
  return {
    code: 'ZSCALE_ERR_BUSY',
    text: `${maxQueue} requests wait already (maxQueue). Try again later, add workers, or raise maxQueue.`,
  };
}

/** @param maxQueueBytes in bytes. */
export function tooMuchWaiting(maxQueueBytes: number): Refusal {
  return {
    code: 'ZSCALE_ERR_BUSY',
    text: `With this request more than ${maxQueueBytes} bytes would wait (maxQueueBytes). Try again later, add workers, or raise maxQueueBytes.`,
  };
}

/** @param maxQueueWait in ms. */
export function waitedTooLong(maxQueueWait: number): Refusal {
  return {
    code: 'ZSCALE_ERR_QUEUE_WAIT',
    text: `No worker was free within ${maxQueueWait} ms (maxQueueWait). Try again later, or add workers.`,
  };
}

/** @param timeout in ms. */
export function tookTooLong(timeout: number): Refusal {
  return {
    code: 'ZSCALE_ERR_TIMEOUT',
    text: `There was no reply within ${Math.round(timeout)} ms (timeout). Whether the work was done is unknown.`,
  };
}

/** @param bytes of the request. @param limit in bytes. */
export function tooLarge(bytes: number, limit: number): Refusal {
  return {
    code: 'EMSGSIZE',
    text: `A request may have ${limit} bytes (maxMessageSize); this one has ${bytes}. Send less, or raise maxMessageSize.`,
  };
}

/** @param bytes of the reply. @param limit of the client, in bytes. */
export function replyTooLarge(bytes: number, limit: number): Refusal {
  return {
    code: 'EMSGSIZE',
    text: `The client takes replies of up to ${limit} bytes (maxMessageSize); this one has ${bytes}. Return less, or raise the client's maxMessageSize.`,
  };
}

/** For requests in several messages that do not come from a gateway. */
export const NO_GATEWAY: Refusal = {
  code: 'ENOTSUP',
  text: 'Only a gateway of this service may send a request in several messages. Send it whole.',
};

/** For requests in several messages where a plain REP worker was to take them. */
export const TAKES_WHOLE: Refusal = {
  code: 'ENOTSUP',
  text: 'The worker for this request is a plain REP, which takes a request in one message, and it came in several. Send it whole.',
};

/** @param who broke the rules of streams. @param what it did. */
export function brokeStream(who: 'worker' | 'gateway', what: string): Refusal {
  return {
    code: 'ZSCALE_ERR_STREAM',
    text: `The ${who} broke the rules of streams: ${what}. Use the same version of zscale everywhere.`,
  };
}
