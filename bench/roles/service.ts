/** zscale's own queue and its workers, which return what they get: supervisor and queue in this process. Argument: `workers`. */

import { scale } from '@zscale/core';
import { givenNumber, listen, sayReady } from './line.ts';

listen();
const server = await scale(new URL('./echo-handler.js', import.meta.url), {
  workers: givenNumber('workers'),
  bind: 'tcp://127.0.0.1:0',
  codec: 'raw',
});
sayReady(...server.endpoints);
