import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairQueue } from '../../../packages/transport/src/pipes/fair-queue.ts';
import type { Pipe } from '../../../packages/transport/src/pipes/pipe.ts';
import { texts } from '../../support/hex.ts';
import { message, recordedPipe } from '../../support/recording-pipe-ends.ts';

/** A queue over so many pipes, each with messages named after it. */
function queueOver(counts: readonly number[]): { queue: FairQueue; pipes: Pipe[] } {
  const queue = new FairQueue();
  const pipes = counts.map((count, i) => {
    const { pipe } = recordedPipe();
    for (let n = 0; n < count; n++) pipe.deliver(message(`${i}.${n}`));
    queue.attach(pipe);
    if (count > 0) queue.activate(pipe);
    return pipe;
  });
  return { queue, pipes };
}

function drain(queue: FairQueue): string[] {
  const got: string[] = [];
  for (let m = queue.receive(); m !== undefined; m = queue.receive()) got.push(texts(m).join());
  return got;
}

describe('FairQueue', () => {
  it('takes one message from each pipe in turn', () => {
    const { queue } = queueOver([2, 2, 2]);
    expect(drain(queue)).toEqual(['0.0', '1.0', '2.0', '0.1', '1.1', '2.1']);
  });

  it('passes over pipes that have nothing', () => {
    const { queue } = queueOver([1, 0, 3]);
    expect(drain(queue)).toEqual(['0.0', '2.0', '2.1', '2.2']);
  });

  it('gives undefined when there is nothing, and goes on once a pipe is active again', () => {
    const { queue, pipes } = queueOver([0, 0]);
    expect(queue.receive()).toBeUndefined();
    const [, pipe] = pipes as [Pipe, Pipe];
    pipe.deliver(message('late'));
    queue.activate(pipe);
    expect(drain(queue)).toEqual(['late']);
  });

  it('says which pipe the last message came from', () => {
    const { queue, pipes } = queueOver([1, 1]);
    queue.receive();
    expect(queue.lastPipe).toBe(pipes[0]);
    queue.receive();
    expect(queue.lastPipe).toBe(pipes[1]);
  });

  it('reads what a lost peer had left before anything else, so that a peer that came back is heard in order', () => {
    const { queue, pipes } = queueOver([3, 2]);
    const [lost] = pipes as [Pipe, Pipe];
    expect(texts(queue.receive() ?? [])).toEqual(['0.0']);
    lost.end();
    queue.retire(lost);
    expect(queue.readable).toBe(true);
    expect(drain(queue)).toEqual(['0.1', '0.2', '1.0', '1.1']);
    expect(queue.readable).toBe(false);
  });

  it('loses the messages of a pipe that is detached, and no others', () => {
    const { queue, pipes } = queueOver([2, 2]);
    queue.detach(pipes[0] as Pipe);
    expect(drain(queue)).toEqual(['1.0', '1.1']);
  });

  it('still gives out what a retired pipe has, and then forgets it', () => {
    const { queue, pipes } = queueOver([2, 1]);
    const [pipe] = pipes as [Pipe];
    pipe.end();
    queue.retire(pipe);
    expect(drain(queue)).toEqual(['0.0', '0.1', '1.0']);
    pipe.deliver(message('never'));
    queue.activate(pipe);
    expect(queue.receive()).toBeUndefined();
  });

  it('gives everything exactly once, in order per pipe, whatever comes and goes between', () => {
    const step = fc.record({
      pipe: fc.nat({ max: 4 }),
      deliver: fc.nat({ max: 3 }),
      receive: fc.nat({ max: 4 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { queue, pipes } = queueOver([0, 0, 0, 0, 0]);
        const sent = pipes.map(() => 0);
        const got: string[] = [];
        for (const { pipe: which, deliver, receive } of steps) {
          const pipe = pipes[which] as Pipe;
          for (let i = 0; i < deliver; i++) {
            pipe.deliver(message(`${which}.${sent[which]}`));
            sent[which] = (sent[which] ?? 0) + 1;
          }
          if (deliver > 0) queue.activate(pipe);
          for (let i = 0; i < receive; i++) got.push(...texts(queue.receive() ?? []));
        }
        got.push(...drain(queue));
        for (const which of pipes.keys()) {
          const own = got.filter((text) => text.startsWith(`${which}.`));
          expect(own).toEqual(Array.from({ length: sent[which] ?? 0 }, (_, n) => `${which}.${n}`));
        }
      }),
    );
  });

  it('lets no pipe have a second turn while another waits for its first', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 8 }),
        (counts) => {
          const { queue } = queueOver(counts);
          const first = drain(queue).slice(0, counts.length);
          expect(new Set(first.map((text) => text.split('.')[0])).size).toBe(counts.length);
        },
      ),
    );
  });
});
