/** zscale's own queue with two workers that return what they get: supervisor and queue in this process. */

import { scale } from '@zscale/core';
import { listenToParent, say } from '../processes.ts';

void listenToParent();
const server = await scale(new URL('./echo-handler.js', import.meta.url), {
  workers: 2,
  bind: 'tcp://127.0.0.1:0',
  codec: 'raw',
});
say({ endpoint: server.endpoints.join() });
