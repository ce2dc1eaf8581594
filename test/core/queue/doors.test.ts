/*
 * Doors: endpoints of one worker each, by which plain REP sockets are known.
 */
import { existsSync } from 'node:fs';
import { Reply } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { createCodec } from '../../../packages/core/src/messages/payload.ts';
import { closing } from '../../support/closing.ts';
import { freshIpc } from '../../support/endpoints.ts';
import { until } from '../../support/until.ts';
import {
  ask,
  plainWorker,
  reqClient,
  serve,
  shout,
  startQueue,
  workerSocket,
} from '../../support/worker-queue.ts';

/** A queue with a door for the first process of worker 7, and what it told of those who came. */
async function queueWithDoor() {
  const came: number[] = [];
  const queue = await startQueue({
    ownEndpoint: 'ipc:///nobody',
    onWorkerCame: (generation) => void came.push(generation),
  });
  const door = freshIpc();
  queue.openDoor({ id: 7, generation: 1 }, door);
  return { queue, door, came };
}

describe('whoever comes in by a door', () => {
  it('is the worker it was opened for, and nobody else is', async () => {
    const { queue, door, came } = await queueWithDoor();
    await plainWorker(queue);
    const worker = closing(new Reply());
    worker.connect(door);
    serve(worker);
    await until(() => came.length > 0);
    expect(came).toEqual([1]);
    expect(queue.stats().workers.map(({ id }) => id)).toEqual([undefined, 7]);
  });

  it('is that one also when it says that it is another', async () => {
    const { queue, door, came } = await queueWithDoor();
    workerSocket(shout, { workerId: 3 }).connect(door);
    await until(() => came.length > 0);
    expect(queue.stats().workers.map(({ id }) => id)).toEqual([7]);
  });

  it('is drained by its number: it gets nothing more, and what it holds is waited for', async () => {
    const { queue, door, came } = await queueWithDoor();
    const worker = closing(new Reply());
    worker.connect(door);
    await until(() => came.length > 0);
    const reply = ask(reqClient(queue), 'a');
    const request = await worker.receive();
    let isDrained = false;
    const drained = queue.drainWorker(1).then(() => {
      isDrained = true;
    });
    const next = ask(reqClient(queue), 'b');
    await until(() => queue.stats().queued === 1);
    expect(isDrained).toBe(false);
    await worker.send(request);
    expect(await reply).toEqual(['a']);
    await drained;
    serve(await plainWorker(queue));
    expect(await next).toEqual(['b!']);
  });

  it('may have died: its last reply is still taken, then the door is gone, and another one is not', async () => {
    const { queue, door, came } = await queueWithDoor();
    const worker = closing(new Reply());
    worker.connect(door);
    await until(() => came.length > 0);
    const reply = ask(reqClient(queue), 'a');
    await worker.receive();
    await worker.send('last words');
    queue.workerExited(1);
    const next = freshIpc();
    queue.openDoor({ id: 7, generation: 2 }, next);
    expect(await reply).toEqual(['last words']);
    await until(() => !existsSync(door.slice('ipc://'.length)));
    const replacement = closing(new Reply());
    replacement.connect(next);
    serve(replacement);
    expect(await ask(reqClient(queue), 'b')).toEqual(['b!']);
    expect(came).toEqual([1, 2]);
  });
});

describe('a front end that comes later', () => {
  it('serves at the address it is given then', async () => {
    const queue = await startQueue({ bind: [] });
    expect(queue.endpoints).toEqual([]);
    const endpoint = freshIpc();
    await queue.bindFrontEnd([endpoint]);
    expect(queue.endpoints).toEqual([endpoint]);
    serve(await plainWorker(queue));
    expect(await ask(reqClient(queue), 'a')).toEqual(['a!']);
  });

  it('answers errors in the codec it is given then', async () => {
    const queue = await startQueue({ maxQueue: 0, codec: createCodec('json') });
    expect(await ask(reqClient(queue), 'a')).toEqual([expect.stringContaining('{"error":')]);
    queue.useCodec(createCodec('raw'));
    expect(await ask(reqClient(queue), 'a')).toEqual([expect.stringMatching(/^-ZSCALE_ERR_BUSY /)]);
  });
});
