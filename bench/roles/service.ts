/** zscale's own queue and its workers: supervisor and queue in this process. Arguments: `workers`; `handler`, by default the one that returns what it gets. */

import { scale } from '@zscale/core';
import { findGiven, givenNumber, listen, sayReady } from './line.ts';

listen();
const server = await scale(
  new URL(`./${findGiven('handler') ?? 'echo-handler'}.js`, import.meta.url),
  {
    workers: givenNumber('workers'),
    bind: 'tcp://127.0.0.1:0',
    codec: 'raw',
  },
);
sayReady(...server.endpoints);
