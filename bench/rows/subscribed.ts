/** Starting a publisher and its subscribers so that none of them misses a message: what two rows share. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Role } from '../role.ts';

/** Between two probes. */
const PROBE_MS = 20;
/** Until the last probes have surely arrived, and are thrown away. */
const SETTLE_MS = 50;

/**
 * Lets the publisher send until the subscribers are ready, which they are when each has got a message.
 *
 * @param topics that it sends in turn.
 */
export async function untilSubscribed(
  publisher: Role,
  subscribers: Role,
  topics: number,
): Promise<void> {
  let isReady = false;
  const ready = subscribers.ready().finally(() => {
    isReady = true;
  });
  ready.catch(() => {}); // it is awaited below
  while (!isReady) {
    publisher.run(topics);
    await publisher.done();
    await Promise.race([ready, delay(PROBE_MS)]);
  }
  await ready;
  await delay(SETTLE_MS);
}
