/**
 * A PULL, or any number of SUBs, that count what they get. Arguments: see library.ts; `type`, `mode`, `await` or `try`, the latter of
 * ours only; `sockets`, `topics`: subscriber i wants what begins with the letter i modulo topics.
 *
 * SUBs are ready when each has got a first message: from then on none misses one.
 */

import type { Pull, Subscriber } from '@zscale/transport';
import type * as Zeromq from 'zeromq';
import { attach, loadLibrary, receiveOptions } from './library.ts';
import { findGiven, given, sayReady } from './line.ts';
import { listenAndCount } from './tally.ts';

type Receiver = Zeromq.Pull | Zeromq.Subscriber;

const isSubscriber = given('type') === 'sub';
const isTry = given('mode') === 'try';
const topics = Number(findGiven('topics') ?? 1);
const count = listenAndCount();
const { Pull: PullSocket, Subscriber: SubscriberSocket } = await loadLibrary();

const endpoints: string[] = [];
const first: Promise<void>[] = [];
for (let i = 0; i < Number(findGiven('sockets') ?? 1); i++) {
  const socket = open(i);
  endpoints.push(await attach(socket));
  first.push(isTry ? watch(asOurs(socket)) : loop(socket));
}
if (isSubscriber) await Promise.all(first);
sayReady(...endpoints.slice(0, 1));

function open(i: number): Receiver {
  if (!isSubscriber) return new PullSocket(receiveOptions());
  const socket = new SubscriberSocket(receiveOptions());
  socket.subscribe(topicOf(i));
  return socket;
}

/** The letter that a subscriber wants. */
function topicOf(i: number): string {
  return String.fromCharCode('a'.charCodeAt(0) + (i % topics));
}

/** Only ours have `mode=try`. */
function asOurs(socket: Receiver): Pull | Subscriber {
  return socket as unknown as Pull | Subscriber; // loadLibrary() gave ours
}

/** Counts without promises. Resolves at the first message. */
function watch(socket: Pull | Subscriber): Promise<void> {
  return new Promise((resolve) => {
    socket.watch({
      readable() {
        let message = socket.tryReceive();
        if (message === undefined) return;
        resolve();
        do {
          count();
          message = socket.tryReceive();
        } while (message !== undefined);
      },
      writable() {},
    });
  });
}

/** Counts by iteration. Resolves at the first message. */
function loop(socket: Receiver): Promise<void> {
  return new Promise((resolve, reject) => {
    const run = async (): Promise<void> => {
      let isFirst = true;
      for await (const [_body] of socket) {
        if (isFirst) resolve(); // not each time: to resolve a promise again costs more than a message
        isFirst = false;
        count();
      }
    };
    run().catch(reject);
  });
}
