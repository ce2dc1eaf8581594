/** The application of the HTTP benchmark, the same for all who serve it: answers at once, computes for a millisecond, or blocks for as many as asked. */

import type { IncomingMessage, ServerResponse } from 'node:http';

const COMPUTE_MS = 1;
const cell = new Int32Array(new SharedArrayBuffer(4));

/** A listener of node:http. */
export default function answer({ url = '/' }: IncomingMessage, res: ServerResponse): void {
  if (url.startsWith('/block/')) Atomics.wait(cell, 0, 0, Number(url.slice(7)));
  else if (url === '/compute')
    for (const end = performance.now() + COMPUTE_MS; performance.now() < end; );
  res.setHeader('Content-Type', 'text/plain');
  res.end('Hello World');
}
