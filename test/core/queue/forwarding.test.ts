/*
 * What the queue does with bodies that are large: it passes on what came, and puts nothing together. Client and worker are libzmq,
 * whose memory is none of Node's, so that all Buffers of that size are the queue's.
 */

import { afterEach, expect, it, vi } from 'vitest';
import { Dealer, Reply } from 'zeromq';
import { closing } from '../../support/closing.ts';
import { backOf, frontOf, startQueue } from '../../support/worker-queue.ts';

const BODY_BYTES = 1024 * 1024;
const REQUESTS = 20;

afterEach(() => {
  vi.restoreAllMocks();
});

it('passes bodies on without a copy, there and back', async () => {
  const queue = await startQueue();
  const worker = closing(new Reply());
  worker.connect(backOf(queue));
  const client = closing(new Dealer({ linger: 0 }));
  client.connect(frontOf(queue));
  void (async () => {
    for await (const request of worker) await worker.send(request);
  })();

  const allocated = vi.spyOn(Buffer, 'allocUnsafeSlow');
  const concatenated = vi.spyOn(Buffer, 'concat');
  const body = Buffer.alloc(BODY_BYTES);
  for (let i = 0; i < REQUESTS; i += 1) {
    body.writeUInt32BE(i, BODY_BYTES - 4);
    await client.send(['', body]);
    const [, reply] = await client.receive();
    expect(reply?.equals(body)).toBe(true);
  }
  const copies = allocated.mock.calls.filter(([size]) => size >= BODY_BYTES / 2);
  // A body that comes in small pieces is put together, and how it comes is up to the system: but not all of them.
  expect(copies.length).toBeLessThan(2 * REQUESTS);
  const joined = concatenated.mock.results.filter(({ value }) => value.length >= BODY_BYTES / 2);
  expect(joined).toEqual([]);
});
