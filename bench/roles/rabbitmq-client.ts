/** Keeps requests in flight at RabbitMQ, by direct reply-to. Arguments: `port`, `queue`, `bytes`, `inflight`. */

import { connect } from 'amqplib';
import { makeBody } from './body.ts';
import { InFlight } from './in-flight.ts';
import { given, givenNumber, listen, sayDone, sayReady } from './line.ts';

/** RabbitMQ's name for "to this very channel". */
const REPLY_TO = 'amq.rabbitmq.reply-to';

const queue = given('queue');
const bytes = givenNumber('bytes');
const body = makeBody(bytes);
const inFlight = new InFlight(givenNumber('inflight'));
const connection = await connect(`amqp://127.0.0.1:${givenNumber('port')}`);
const channel = await connection.createChannel();
let start = 0;

await channel.consume(
  REPLY_TO,
  (message) => {
    if (inFlight.answer(message?.content.length, bytes))
      sayDone((performance.now() - start) / 1000);
    else send();
  },
  { noAck: true },
);
listen((count) => {
  inFlight.begin(count);
  start = performance.now();
  send();
});
sayReady();

function send(): void {
  while (inFlight.mayAsk()) channel.sendToQueue(queue, body, { replyTo: REPLY_TO });
}
