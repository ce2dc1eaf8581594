/**
 * What pins a request to a worker, with `balance: 'hash'`: the key that the service's own function finds in it; else the `key`
 * that its client says; else its client, which is its connection, or its routing id where it announces one. (What comes by
 * another way than ZeroMQ brings its key in the same `key`.)
 *
 * The function is the user's code in the queue's process. It is given the decoded request; that it throws, or gives no text,
 * is the answer to that request. That it is slow delays everybody, which the log says.
 */

import { randomInt } from 'node:crypto';
import { type Frames as Message, wholeFrame } from '@zscale/transport';
import { errorReplyOf } from '../errors.ts';
import type { Control } from '../messages/control.ts';
import type { Codec } from '../messages/payload.ts';
import type { FaultLog } from './fault-log.ts';
import type { Client } from './queued-request.ts';
import { badKey, type Refusal } from './refusals.ts';
import { pinOf } from './rendezvous.ts';

/** Finds the key in a decoded request. */
export type KeyFunction = (request: never) => string;

/** A key function that takes longer than this, in ms, is told of. */
const SLOW_MS = 10;
const PINS = 0x1_0000_0000;

/** Finds what pins a request. */
export class Stickiness {
  readonly #codec: Codec;
  readonly #keyOf: ((request: unknown) => unknown) | undefined;
  readonly #faults: FaultLog;

  constructor(codec: Codec, keyOf: KeyFunction | undefined, faults: FaultLog) {
    this.#codec = codec;
    // What a client sends is not known before it comes: from here on the parameter is unknown.
    this.#keyOf = keyOf as ((request: unknown) => unknown) | undefined;
    this.#faults = faults;
  }

  /** @param body frames of the request; left as they are. @returns its pin, or why it cannot be given to anybody. */
  pinOf(client: Client, control: Control | undefined, body: Message): number | Refusal {
    if (this.#keyOf !== undefined) return this.#pinByFunction(this.#keyOf, body);
    if (control?.key !== undefined) return pinOf(control.key);
    client.pin ??= pinOfClient(client);
    return client.pin;
  }

  #pinByFunction(keyOf: (request: unknown) => unknown, body: Message): number | Refusal {
    const start = performance.now();
    try {
      const key = keyOf(this.#codec.decode(body.map(wholeFrame)));
      if (typeof key === 'string') return pinOf(key);
      return badKey(`it gave ${key === null ? 'null' : typeof key} where a string is expected`);
    } catch (error) {
      const { code, message } = errorReplyOf(error);
      return code === 'ZSCALE_ERR_DECODE' ? { code, text: message } : badKey(message);
    } finally {
      const ms = Math.round(performance.now() - start);
      if (ms > SLOW_MS) {
        this.#faults.tell(
          { ms },
          'the function `key` was slow; while it runs the queue serves nobody',
        );
      }
    }
  }
}

function pinOfClient({ pipe }: Client): number {
  const routingId = pipe.peer?.routingId;
  return routingId !== undefined && routingId.length > 0 ? pinOf(routingId) : randomInt(PINS);
}
