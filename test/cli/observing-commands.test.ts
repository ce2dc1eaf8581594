import { describe, expect, it } from 'vitest';
import { parseArguments } from '../../packages/cli/src/args.ts';
import { UsageError } from '../../packages/cli/src/failure.ts';

function parse(...argv: string[]) {
  return parseArguments(argv, '1.2.3');
}

const ANYONE = { name: undefined, control: undefined };

describe('zscale top', () => {
  it('takes which service, and how often it looks', () => {
    expect(parse('top')).toEqual({ ...ANYONE, command: 'top', interval: 1000 });
    expect(parse('top', '-n', 'api', '--interval', '5s')).toMatchObject({
      ...{ name: 'api', interval: 5000 },
    });
  });
});

describe('zscale profile', () => {
  it('takes what, which worker, how long and where to', () => {
    const usual = { ...ANYONE, command: 'profile', file: undefined, json: false };
    expect(parse('profile', 'cpu', '2')).toEqual({
      ...usual,
      kind: 'cpu',
      worker: 2,
      time: 10_000,
    });
    expect(parse('profile', 'heap', '0')).toEqual({ ...usual, kind: 'heap', worker: 0, time: 0 });
    expect(parse('profile', 'cpu', '2', '--for', '5m', '-o', 'x', '--json')).toMatchObject({
      ...{ time: 300_000, file: 'x', json: true },
    });
  });
});

describe('zscale bench', () => {
  it('asks the service that runs with 64 at once for ten seconds', () => {
    expect(parse('bench')).toEqual({
      ...ANYONE,
      ...{ command: 'bench', endpoint: undefined, message: undefined, concurrency: 64 },
      ...{ duration: 10_000, requests: Number.POSITIVE_INFINITY, rate: undefined },
      ...{ codec: undefined, timeout: 5000, chaos: new Map(), json: false },
    });
  });

  it('takes an endpoint, a message, both, or the message alone', () => {
    const endpoint = 'tcp://127.0.0.1:5555';
    expect(parse('bench', endpoint)).toMatchObject({ endpoint, message: undefined });
    expect(parse('bench', endpoint, '1')).toMatchObject({ endpoint, message: '1' });
    expect(parse('bench', '{"a":1}')).toMatchObject({ endpoint: undefined, message: '{"a":1}' });
  });

  it('takes a rate per second, minute or hour, and acts of chaos in their rhythms', () => {
    expect(parse('bench', '--rate', '500/s')).toMatchObject({ rate: 500 });
    expect(parse('bench', '--rate', '30/m')).toMatchObject({ rate: 0.5 });
    expect(parse('bench', '--chaos', 'kill=5s,reload=250ms')).toMatchObject({
      chaos: new Map([
        ['kill', 5000],
        ['reload', 250],
      ]),
    });
  });
});

describe('a command line that makes no sense', () => {
  it.each([
    [['top', '--interval', '1ms'], '--interval takes'],
    [['top', 'api'], 'too many arguments'],
    [['profile', 'disk', '0'], 'profile takes one of cpu, heap; got "disk"'],
    [['profile', 'cpu'], 'worker is missing. See "zscale profile --help"'],
    [['profile', 'cpu', '-1'], 'a whole number from 0'],
    [['profile', 'cpu', '0', '--for', '6m'], '--for takes at most 5m; got 6m'],
    [['profile', 'cpu', '0', '--for', 'off'], '--for takes at most 5m'],
    [['profile', 'heap', '0', '--for', '1s'], '--for belongs to profile cpu'],
    [['bench', '5555'], 'bench takes an endpoint'],
    [['bench', 'localhost'], 'bench takes an endpoint'],
    [['bench', '--rate', '1/s', '-c', '2'], 'exclude each other'],
    [['bench', '--rate', '0/s'], '--rate takes a number of requests'],
    [['bench', '--rate', '5/d'], '--rate takes a number of requests'],
    [['bench', '-c', '10001'], '--concurrency takes 1 to 10000'],
    [['bench', '-d', 'off'], 'a bench needs an end'],
    [['bench', '--chaos', 'burn=1s'], '--chaos takes one of kill, reload, drain, pause'],
    [['bench', '--chaos', 'kill'], '--chaos takes how often'],
    [['bench', '--chaos', 'kill=off'], '--chaos takes how often'],
    [['bench', '--curve-key', 'x'], "needs the service's public key too"],
  ])('%j is refused in one line', (argv, text) => {
    expect(() => parse(...argv)).toThrow(UsageError);
    expect(() => parse(...argv)).toThrow(text);
  });
});
