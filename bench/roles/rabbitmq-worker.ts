/**
 * A consumer of a queue at RabbitMQ: returns what it gets to whom the message names. Nothing is acknowledged and nothing is kept,
 * as with the other peers: it is the fastest that RabbitMQ has. Arguments: `port`, `queue`.
 */

import { connect } from 'amqplib';
import { given, givenNumber, listen, sayReady } from './line.ts';

listen();
const connection = await connect(`amqp://127.0.0.1:${givenNumber('port')}`);
const channel = await connection.createChannel();
const queue = given('queue');
await channel.assertQueue(queue, { durable: false });
await channel.consume(
  queue,
  (message) => {
    if (message === null) throw new Error('RabbitMQ has cancelled the consumer');
    channel.sendToQueue(message.properties.replyTo, message.content);
  },
  { noAck: true },
);
sayReady();
