import { describe, expect, it } from 'vitest';
import { parseArguments } from '../../packages/cli/src/args.ts';
import { UsageError } from '../../packages/cli/src/failure.ts';
import type { KnifeInvocation } from '../../packages/cli/src/invocation.ts';
import { KNIFE_COMMANDS } from '../../packages/cli/src/knife-commands.ts';

const HERE = 'tcp://127.0.0.1:1';

function knife(...argv: string[]): KnifeInvocation {
  const invocation = parseArguments(argv, '1.2.3');
  if (!KNIFE_COMMANDS.some(({ name }) => name === invocation.command)) {
    throw new Error(`got ${invocation.command}`);
  }
  return invocation as KnifeInvocation; // it is one of them
}

function texts({ messages }: KnifeInvocation): string[] | undefined {
  return messages?.map((frames) => frames.map(String).join('|'));
}

function refusal(...argv: string[]): string {
  try {
    parseArguments(argv, '1.2.3');
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error(`not refused: zscale ${argv.join(' ')}`);
}

describe('the words of zscale push and its like', () => {
  it('are endpoints as long as they look so, and then messages', () => {
    const sent = knife('push', HERE, 'ipc:///a.sock', 'one', 'http://two', 'a\tb');
    expect(sent.endpoints).toEqual([HERE, 'ipc:///a.sock']);
    expect(texts(sent)).toEqual(['one', 'http://two', 'a|b']);
  });

  it('are messages after --, whatever they look like', () => {
    const sent = knife('push', HERE, '--count', '2', '--', 'tcp://x:1', '--json', '-');
    expect(sent.endpoints).toEqual([HERE]);
    expect(texts(sent)).toEqual(['tcp://x:1', '--json', '-']);
  });

  it('mean stdin where there is no message, or only "-"', () => {
    expect(knife('pub', HERE).messages).toBeUndefined();
    expect(knife('pub', HERE, '-').messages).toBeUndefined();
    expect(texts(knife('pub', HERE, '--', '-'))).toEqual(['-']);
  });

  it('have the form that the flags say', () => {
    expect(texts(knife('req', HERE, '--json', '["a","b"]'))).toEqual(['a|b']);
    expect(texts(knife('req', HERE, '--hex', '61'))).toEqual(['a']);
    expect(texts(knife('req', HERE, '--raw', 'a\tb'))).toEqual(['a\tb']);
  });
});

describe('the flags of zscale push and its like', () => {
  it('are handed on', () => {
    const argv = '-b -n 3 -i 250ms -t 2s --linger 1s --hwm 5 --max-message-size 1kb --wait 2';
    expect(knife('pub', HERE, ...argv.split(' '), 'x')).toMatchObject({
      bind: true,
      count: 3,
      interval: 250,
      timeout: 2_000,
      linger: 1_000,
      highWaterMark: 5,
      maxMessageSize: 1_024,
      wait: 2,
    });
    const prefixes = ['-s', 'a', '--subscribe', 'b'];
    expect(knife('sub', HERE, ...prefixes).topics).toEqual([Buffer.from('a'), Buffer.from('b')]);
  });

  it('let it wait for ever, subscribe to all and stay at the end as long as it waits, by default', () => {
    expect(knife('sub', HERE)).toMatchObject({
      timeout: Number.POSITIVE_INFINITY,
      topics: [Buffer.alloc(0)],
    });
    expect(knife('push', HERE, 'x', '-t', '2s').linger).toBe(2_000);
  });

  it.each([
    [['push'], 'the endpoint is missing'],
    [['push', 'hello'], 'push takes an endpoint such as'],
    [['pull', HERE, 'hello'], 'pull takes endpoints only; got "hello"'],
    [['push', HERE, 'x', '--file', 'y'], 'from arguments or from --file'],
    [['push', HERE, '--json', '--hex'], 'got --json and --hex'],
    [['rep', HERE, '--answer', 'a', '--exec', 'b'], 'from --answer or from --exec'],
    [['push', HERE, '--curve-key', 'k'], '--curve-server-key <key>'],
    [['push', HERE, '--bind', '--curve-server-key', 'k'], 'for those who connect'],
    [['push', HERE, '--json', '{}'], 'a message must be an array of frames'],
    [['sub', HERE, '--interval', '1s'], "unknown option '--interval'"],
  ])('are refused in one line where they make no sense: %j', (argv, words) => {
    expect(refusal(...argv)).toContain(words);
    expect(refusal(...argv)).not.toContain('\n');
  });

  it.each(KNIFE_COMMANDS.map(({ name }) => name))('of %s have a help of 80 columns', (name) => {
    const help = parseArguments([name, '--help'], '1.2.3');
    const text = help.command === 'print' ? help.text : '';
    expect(text.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(text).toContain('Exit codes:');
  });
});
