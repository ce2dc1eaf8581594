import { describe, expect, it } from 'vitest';
import { LoadBalancer } from '../../../packages/transport/src/pipes/load-balancer.ts';
import type { Pipe } from '../../../packages/transport/src/pipes/pipe.ts';
import { texts } from '../../support/hex.ts';
import { message, recordedPipe } from '../../support/recording-pipe-ends.ts';

function balancerOver(marks: readonly number[]): { balancer: LoadBalancer; pipes: Pipe[] } {
  const balancer = new LoadBalancer();
  const pipes = marks.map((sendHighWaterMark) => {
    const { pipe } = recordedPipe({ sendHighWaterMark });
    balancer.attach(pipe);
    return pipe;
  });
  return { balancer, pipes };
}

/** Sends numbered messages; the place of the pipe that took each, -1 for none. */
function deal(balancer: LoadBalancer, pipes: readonly Pipe[], count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const pipe = balancer.send(message(String(i)));
    return pipe === undefined ? -1 : pipes.indexOf(pipe);
  });
}

describe('LoadBalancer', () => {
  it('deals to each pipe in turn', () => {
    const { balancer, pipes } = balancerOver([0, 0, 0]);
    expect(deal(balancer, pipes, 7)).toEqual([0, 1, 2, 0, 1, 2, 0]);
  });

  it('passes over pipes that are full', () => {
    const { balancer, pipes } = balancerOver([1, 3, 2]);
    const dealt = deal(balancer, pipes, 6);
    expect(dealt.toSorted()).toEqual([0, 1, 1, 1, 2, 2]);
  });

  it('gives undefined when no pipe has room, and leaves the message to its owner', () => {
    const { balancer, pipes } = balancerOver([1]);
    expect(deal(balancer, pipes, 2)).toEqual([0, -1]);
    expect(balancer.writable).toBe(false);
    const kept = message('kept');
    expect(balancer.send(kept)).toBeUndefined();
    expect(texts(kept)).toEqual(['kept']);
  });

  it('takes no messages without a pipe', () => {
    const balancer = new LoadBalancer();
    expect([balancer.writable, balancer.send(message('x'))]).toEqual([false, undefined]);
  });

  it('deals to a pipe again once it has room', () => {
    const { balancer, pipes } = balancerOver([1, 1]);
    expect(deal(balancer, pipes, 3)).toEqual([0, 1, -1]);
    const [first] = pipes as [Pipe];
    first.take();
    first.taken();
    balancer.activate(first);
    expect(balancer.writable).toBe(true);
    expect(deal(balancer, pipes, 2)).toEqual([0, -1]);
  });

  it('goes on with the others when a pipe is detached, wherever its turn was', () => {
    for (let turns = 0; turns < 4; turns++) {
      const { balancer, pipes } = balancerOver([0, 0, 0]);
      deal(balancer, pipes, turns);
      balancer.detach(pipes[1] as Pipe);
      const dealt = deal(balancer, pipes, 4);
      expect(dealt.toSorted(), `after ${turns} turns`).toEqual([0, 0, 2, 2]);
    }
  });

  it('deals to a pipe that was added later as to the others', () => {
    const { balancer, pipes } = balancerOver([0, 0]);
    const { pipe } = recordedPipe();
    balancer.attach(pipe);
    pipes.push(pipe);
    expect(deal(balancer, pipes, 6).toSorted()).toEqual([0, 0, 1, 1, 2, 2]);
  });
});
