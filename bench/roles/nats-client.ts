/**
 * Keeps requests in flight at NATS. Arguments: `port`, `subject`, `bytes`, `inflight`; `mode`: `request`, by its request API, or
 * `inboxes`, by one subscription for all replies and reply subjects made by hand, without a promise for each.
 */

import { connect } from '@nats-io/transport-node';
import { makeBody } from './body.ts';
import { InFlight } from './in-flight.ts';
import { given, givenNumber, listen, listenAndTime, sayDone, sayReady } from './line.ts';

const TIMEOUT_MS = 20_000;

const subject = given('subject');
const bytes = givenNumber('bytes');
const body = makeBody(bytes);
const limit = givenNumber('inflight');
const connection = await connect({ servers: `127.0.0.1:${givenNumber('port')}` });

if (given('mode') === 'request') request();
else await useInboxes();
sayReady();

function request(): void {
  listenAndTime(async (count) => {
    let left = count;
    const lane = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const { data } = await connection.request(subject, body, { timeout: TIMEOUT_MS });
        if (data.length !== bytes) throw new Error(`a reply of ${data.length} bytes`);
      }
    };
    await Promise.all(Array.from({ length: limit }, lane));
  });
}

async function useInboxes(): Promise<void> {
  const inFlight = new InFlight(limit);
  const inbox = `inbox.${process.pid}`;
  let serial = 0;
  let start = 0;
  const send = (): void => {
    while (inFlight.mayAsk()) {
      serial += 1;
      connection.publish(subject, body, { reply: `${inbox}.${serial}` });
    }
  };
  connection.subscribe(`${inbox}.*`, {
    callback(error, message) {
      if (error !== null) throw error;
      if (inFlight.answer(message.data.length, bytes)) sayDone((performance.now() - start) / 1000);
      else send();
    },
  });
  await connection.flush(); // the server knows it
  listen((count) => {
    inFlight.begin(count);
    start = performance.now();
    send();
  });
}
