import { describe, expect, it } from 'vitest';
import { Distributor } from '../../../packages/transport/src/pipes/distributor.ts';
import type { Pipe, PipeMarks } from '../../../packages/transport/src/pipes/pipe.ts';
import { SubscriptionTrie } from '../../../packages/transport/src/pipes/subscription-trie.ts';
import { texts } from '../../support/hex.ts';
import { message, recordedPipe } from '../../support/recording-pipe-ends.ts';

/** A distributor over so many pipes. */
function over(count: number, marks: Partial<PipeMarks> = {}) {
  const distributor = new Distributor();
  const pipes = Array.from({ length: count }, () => recordedPipe(marks).pipe);
  for (const pipe of pipes) distributor.attach(pipe);
  return { distributor, pipes };
}

/** The first frames of what waits in each pipe. */
function waiting(pipes: readonly Pipe[]): string[] {
  return pipes.map((pipe) => {
    const got: string[] = [];
    for (let m = pipe.take(); m !== undefined; m = pipe.take()) got.push(texts(m).join('+'));
    return got.join(' ');
  });
}

/** A trie in which the given pipes hold 'a'. */
function holding(...pipes: readonly (Pipe | undefined)[]): SubscriptionTrie<Pipe> {
  const trie = new SubscriptionTrie<Pipe>();
  for (const pipe of pipes) if (pipe !== undefined) trie.add(Buffer.from('a'), pipe);
  return trie;
}

describe('Distributor', () => {
  it('sends to every selected pipe', () => {
    const { distributor, pipes } = over(3);
    distributor.selectAll();
    distributor.send(message('x'));
    expect(waiting(pipes)).toEqual(['x', 'x', 'x']);
  });

  it('sends to those who hold a prefix of the topic, and to no others', () => {
    const { distributor, pipes } = over(3);
    distributor.selectMatching(holding(pipes[0], pipes[2]), Buffer.from('ab'));
    distributor.send(message('ab'));
    expect(waiting(pipes)).toEqual(['ab', '', 'ab']);
  });

  it('sends to all but those who hold a prefix of the topic', () => {
    const { distributor, pipes } = over(3);
    distributor.selectOthers(holding(pipes[0], pipes[2]), Buffer.from('ab'));
    distributor.send(message('ab'));
    expect(waiting(pipes)).toEqual(['', 'ab', '']);
  });

  it('sends nothing where nothing is selected', () => {
    const { distributor, pipes } = over(2);
    distributor.selectMatching(holding(), Buffer.from('ab'));
    distributor.send(message('ab'));
    expect([distributor.selected, ...waiting(pipes)]).toEqual([0, '', '']);
  });

  it('gives each pipe an array of its own around the same Buffers, and the last one the original', () => {
    const { distributor, pipes } = over(3);
    const sent = [Buffer.from('a'), Buffer.from('b')];
    distributor.selectAll();
    distributor.send(sent);
    const got = pipes.map((pipe) => pipe.take());
    expect(new Set(got).size).toBe(3);
    expect(got[2]).toBe(sent);
    got[0]?.shift();
    expect(got[1]).toHaveLength(2);
    for (const each of [got[1], got[2]]) expect(each?.[0]).toBe(sent[0]);
  });

  it('drops a message for a full pipe alone, and counts it', () => {
    const { distributor, pipes } = over(2, { sendHighWaterMark: 2 });
    pipes[0]?.write(message('0'));
    for (const text of ['1', '2', '3']) {
      distributor.selectAll();
      distributor.send(message(text));
    }
    expect(waiting(pipes)).toEqual(['0 1', '1 2']);
    expect(distributor.dropped).toBe(3);
  });

  it('knows whether all who are selected have room, whoever else has none', () => {
    const { distributor, pipes } = over(2, { sendHighWaterMark: 1 });
    pipes[1]?.write(message('0'));
    distributor.selectMatching(holding(pipes[0]), Buffer.from('a'));
    expect(distributor.hasRoom).toBe(true);
    distributor.selectAll();
    expect(distributor.hasRoom).toBe(false);
  });

  it('sends nothing more to a pipe that was detached, selected or not', () => {
    const { distributor, pipes } = over(3);
    distributor.selectAll();
    distributor.detach(pipes[1] as Pipe);
    distributor.send(message('x'));
    distributor.selectAll();
    distributor.send(message('y'));
    distributor.detach(pipes[1] as Pipe);
    expect(waiting(pipes)).toEqual(['y', '', 'y']);
    expect(distributor.pipes).toEqual([pipes[0], pipes[2]]);
  });
});
