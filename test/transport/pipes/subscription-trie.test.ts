import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  SubscriptionTrie,
  type TopicLimits,
} from '../../../packages/transport/src/pipes/subscription-trie.ts';
import { until } from '../../support/until.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** A trie with `holder: topics` in it. */
function trieOf(held: Record<string, readonly string[]>, limits?: TopicLimits) {
  const trie = new SubscriptionTrie<string>(limits);
  for (const [holder, topics] of Object.entries(held)) {
    for (const topic of topics) trie.add(bytes(topic), holder);
  }
  return trie;
}

/** Who is found, each as often as it is given out. */
function found(trie: SubscriptionTrie<string>, topic: string): string[] {
  const into: string[] = ['left', 'over', 'from', 'before'];
  return into.slice(0, trie.match(bytes(topic), into)).toSorted();
}

describe('SubscriptionTrie', () => {
  it.each([
    ['stock', []],
    ['stock.', ['a']],
    ['stock.i', ['a']],
    ['stock.ibm', ['a', 'b']],
    ['stock.ibm.ask', ['a', 'b']],
    ['stock.intel', ['a', 'c']],
    ['stocks', []],
    ['', []],
  ])('finds those who hold a prefix of %j', (topic, expected) => {
    const trie = trieOf({ a: ['stock.'], b: ['stock.ibm'], c: ['stock.intel', 'x'] });
    expect(found(trie, topic)).toEqual(expected);
    expect(trie.matches(bytes(topic))).toBe(expected.length > 0);
    for (const holder of ['a', 'b', 'c', 'nobody']) {
      expect(trie.wasMatched(holder)).toBe(expected.includes(holder));
    }
  });

  it('finds a holder once however many of its topics match', () => {
    const trie = trieOf({ a: ['', 't', 'to', 'top', 'topic'], b: ['to'] });
    expect(found(trie, 'topics')).toEqual(['a', 'b']);
  });

  it('finds holders of the empty topic for every message, the empty one too', () => {
    const trie = trieOf({ a: [''], b: [''] });
    expect([found(trie, ''), found(trie, 'x')]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });

  it('takes bytes as they are, all 256 of them', () => {
    const trie = new SubscriptionTrie<number>();
    for (let byte = 255; byte >= 0; byte--) trie.add(Buffer.from([7, byte]), byte);
    for (let byte = 0; byte < 256; byte++) {
      const into: number[] = [];
      expect(trie.match(Buffer.from([7, byte, 0]), into)).toBe(1);
      expect(into[0]).toBe(byte);
    }
  });

  it('says who else holds what was added and removed', () => {
    const trie = new SubscriptionTrie<string>();
    const topic = bytes('t');
    expect(trie.add(topic, 'a')).toBe('first');
    expect(trie.add(topic, 'a')).toBe('held');
    expect(trie.add(topic, 'b')).toBe('shared');
    expect(trie.remove(topic, 'a')).toBe('shared');
    expect(trie.remove(topic, 'a')).toBe('unknown');
    expect(trie.remove(topic, 'nobody')).toBe('unknown');
    expect(trie.remove(bytes('to'), 'b')).toBe('unknown');
    expect(trie.remove(bytes(''), 'b')).toBe('unknown');
    expect(trie.remove(topic, 'b')).toBe('last');
    expect(trie.add(topic, 'b')).toBe('first');
  });

  it('holds a topic once per holder: one removal undoes two additions', () => {
    const trie = trieOf({ a: ['t', 't'] });
    trie.remove(bytes('t'), 'a');
    expect(found(trie, 't')).toEqual([]);
  });

  it('keeps no hold of the Buffer it was given', () => {
    const trie = new SubscriptionTrie<string>();
    const topic = bytes('abc');
    trie.add(topic, 'a');
    topic.fill('z');
    expect(found(trie, 'abc')).toEqual(['a']);
  });

  it('frees the nodes of what is removed, and joins what had been cut', () => {
    const trie = trieOf({ a: ['abcdef'] });
    expect(trie.nodes).toBe(2);
    trie.add(bytes('abcxyz'), 'a');
    trie.add(bytes('ab'), 'b');
    expect(trie.nodes).toBe(5);
    trie.remove(bytes('abcxyz'), 'a');
    expect(trie.nodes).toBe(3);
    trie.remove(bytes('ab'), 'b');
    expect(trie.nodes).toBe(2);
    expect(found(trie, 'abcdefg')).toEqual(['a']);
    trie.removeAll('a');
    expect(trie.nodes).toBe(1);
  });

  it('has few nodes for long topics, and frees them', () => {
    const trie = new SubscriptionTrie<string>();
    const long = Buffer.alloc(1024 * 1024, 'x');
    trie.add(long, 'a');
    trie.add(Buffer.concat([long, bytes('!')]), 'b');
    expect(trie.nodes).toBeLessThan(1100);
    const into: string[] = [];
    expect(trie.match(long, into)).toBe(1);
    expect(trie.match(Buffer.concat([long, bytes('!')]), into)).toBe(2);
    expect(trie.match(long.subarray(1), into)).toBe(0);
    trie.removeAll('a');
    trie.removeAll('b');
    expect(trie.nodes).toBe(1);
  });

  it('tells each topic of a holder that goes, and whether it was the last to hold it', () => {
    const trie = trieOf({ a: ['', 'x', 'xyz', '\xff\0'], b: ['x', 'y'] });
    const told: [string, boolean][] = [];
    trie.removeAll('a', (topic, isLast) => told.push([topic.toString('latin1'), isLast]));
    expect(told.toSorted()).toEqual([
      ['', true],
      ['x', false],
      ['xyz', true],
      ['\xff\0', true],
    ]);
    expect(found(trie, 'xyz')).toEqual(['b']);
    trie.removeAll('a', () => expect.unreachable());
  });

  it('refuses everybody when all of them together hold too much, until somebody lets go', () => {
    const trie = trieOf({ a: ['1', '2'], b: ['1'] }, { topics: 10, bytes: 100, total: 3 });
    expect(trie.add(bytes('1'), 'b')).toBe('held');
    expect(trie.add(bytes('2'), 'b')).toBe('refused');
    expect(trie.add(bytes('3'), 'c')).toBe('refused');
    trie.remove(bytes('2'), 'a');
    expect(trie.add(bytes('3'), 'c')).toBe('first');
    expect(trie.add(bytes('4'), 'c')).toBe('refused');
    trie.removeAll('a');
    expect(trie.add(bytes('4'), 'c')).toBe('first');
  });

  it('finds a holder of very many topics no more at once, and takes them out over several turns', async () => {
    const trie = trieOf({ stays: ['5', '77'] });
    for (let i = 0; i < 25_000; i++) trie.add(bytes(String(i)), 'goes');
    let told = 0;
    let last = 0;
    trie.removeAll('goes', (_, isLast) => {
      told += 1;
      if (isLast) last += 1;
    });
    expect(told).toBeLessThan(25_000);
    expect(found(trie, '24999')).toEqual([]);
    expect(trie.add(bytes('24999'), 'goes')).not.toBe('held');
    expect(found(trie, '24999')).toEqual(['goes']);
    await until(() => told === 25_000);
    expect(last).toBe(25_000 - 3); // 5, 77 and 24999 are still held
    expect(found(trie, '24999')).toEqual(['goes']);
    expect(found(trie, '777')).toEqual(['stays']);
    trie.removeAll('goes');
    trie.removeAll('stays');
    expect(trie.nodes).toBe(1);
  });

  it('refuses a holder more topics than it may have, and has room again after a removal', () => {
    const trie = trieOf({ a: ['1', '2'], b: ['1'] }, { topics: 2, bytes: 100 });
    expect(trie.add(bytes('3'), 'a')).toBe('refused');
    expect(trie.add(bytes('2'), 'a')).toBe('held');
    expect(trie.add(bytes('3'), 'b')).toBe('first');
    expect(trie.remove(bytes('3'), 'a')).toBe('unknown');
    trie.remove(bytes('1'), 'a');
    expect(trie.add(bytes('3'), 'a')).toBe('shared');
  });

  it('refuses a holder more bytes of topics than it may have', () => {
    const trie = trieOf({ a: ['12345'] }, { topics: 100, bytes: 8 });
    const nodes = trie.nodes;
    expect(trie.add(bytes('xxxx'), 'a')).toBe('refused');
    expect(trie.nodes).toBe(nodes);
    expect(trie.add(bytes('xxx'), 'a')).toBe('first');
    trie.remove(bytes('12345'), 'a');
    expect(trie.add(bytes('yyyyy'), 'a')).toBe('first');
    trie.removeAll('a');
    expect(trie.add(bytes('12345678'), 'a')).toBe('first');
  });

  it('does what a list of (holder, topic) does, whatever is added and removed', () => {
    // Few letters and few holders: topics are often prefixes of each other, and shared. Long runs reach over nodes.
    const piece = fc.constantFrom('a', 'b', '\0', '\xff', 'ab'.repeat(600), 'a'.repeat(1024));
    const topic = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(''));
    const holder = fc.constantFrom('A', 'B', 'C');
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant('add' as const), topic, holder }) },
      { weight: 5, arbitrary: fc.record({ do: fc.constant('remove' as const), topic, holder }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('removeAll' as const), topic, holder }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('match' as const), topic, holder }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const trie = new SubscriptionTrie<string>();
        const model = new Map<string, Set<string>>();
        for (const { do: verb, topic: about, holder: who } of steps) {
          const holders = model.get(about) ?? new Set();
          if (verb === 'add') {
            const expected = holders.has(who) ? 'held' : holders.size > 0 ? 'shared' : 'first';
            expect(trie.add(bytes(about), who)).toBe(expected);
            model.set(about, holders.add(who));
          } else if (verb === 'remove') {
            const was = holders.delete(who);
            const expected = was ? (holders.size > 0 ? 'shared' : 'last') : 'unknown';
            expect(trie.remove(bytes(about), who)).toBe(expected);
          } else if (verb === 'removeAll') {
            const told: string[] = [];
            trie.removeAll(who, (each, isLast) => told.push(`${each.toString('latin1')}${isLast}`));
            const expected: string[] = [];
            for (const [each, those] of model) {
              if (those.delete(who)) expected.push(`${each}${those.size === 0}`);
            }
            expect(told.toSorted()).toEqual(expected.toSorted());
          } else {
            const expected = new Set<string>();
            for (const [each, those] of model) {
              if (about.startsWith(each)) for (const one of those) expected.add(one);
            }
            expect(found(trie, about)).toEqual([...expected].toSorted());
            expect(trie.matches(bytes(about))).toBe(expected.size > 0);
          }
        }
        for (const who of ['A', 'B', 'C']) trie.removeAll(who);
        expect(trie.nodes).toBe(1);
      }),
      { numRuns: 500 },
    );
  });
});
