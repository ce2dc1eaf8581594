/** One of the queue group at NATS: returns what it gets. Arguments: `port`, `subject`. */

import { connect } from '@nats-io/transport-node';
import { given, givenNumber, listen, sayReady } from './line.ts';

listen();
const connection = await connect({ servers: `127.0.0.1:${givenNumber('port')}` });
connection.subscribe(given('subject'), {
  queue: 'workers',
  callback(error, message) {
    if (error !== null) throw error;
    message.respond(message.data);
  },
});
await connection.flush(); // the server knows it
sayReady();
