/** Both ends of a round trip in one thread. Arguments: `library`, `bytes`. */

import { makeBody } from './body.ts';
import { bothOptions, loadLibrary } from './library.ts';
import { givenNumber, listenAndTime, sayReady } from './line.ts';

const ENDPOINT = 'inproc://bench';

const { Reply, Request } = await loadLibrary();
const body = makeBody(givenNumber('bytes'));
const reply = new Reply(bothOptions());
const request = new Request(bothOptions());
await reply.bind(ENDPOINT);
request.connect(ENDPOINT);

listenAndTime(async (count) => {
  for (let i = 0; i < count; i++) {
    await request.send(body);
    await reply.send(await reply.receive());
    await request.receive();
  }
});
sayReady();
