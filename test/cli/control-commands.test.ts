import { describe, expect, it } from 'vitest';
import { parseArguments } from '../../packages/cli/src/args.ts';
import { UsageError } from '../../packages/cli/src/failure.ts';

function parse(...argv: string[]) {
  return parseArguments(argv, '1.2.3');
}

const anyone = { name: undefined, control: undefined, json: false, follow: false };

describe('a command for a running service', () => {
  it.each([
    [['status'], { verb: 'status' }],
    [['ps'], { verb: 'status' }],
    [['reload'], { verb: 'reload' }],
    [['stop'], { verb: 'stop' }],
    [['stats'], { verb: 'stats' }],
    [['machines'], { verb: 'machines' }],
    [['scale', '4'], { verb: 'scale', workers: 4 }],
    [['scale', '+4'], { verb: 'scale', by: 4 }],
    [['scale', '-4'], { verb: 'scale', by: -4 }],
    [['scale', 'auto'], { verb: 'scale', workers: 'auto' }],
    [['drain', '0'], { verb: 'drain', worker: 0 }],
    [['inspect', '1024'], { verb: 'inspect', worker: 1024 }],
    [['kill', '2'], { verb: 'kill', worker: 2, signal: 'SIGKILL' }],
    [['kill', '2', '-s', 'usr2'], { verb: 'kill', worker: 2, signal: 'SIGUSR2' }],
    [['events'], { verb: 'events', after: 0, wait: 0 }],
    [['logs'], { verb: 'logs', after: 0, wait: 0 }],
  ])('%j asks %j of the only one that runs', (argv, request) => {
    expect(parse(...argv)).toEqual({ command: request.verb, ...anyone, request });
  });

  it('says which supervisor, and that it wants JSON, before or behind its argument', () => {
    const meant = { name: 'api', control: '/run/api.sock', json: true };
    expect(parse('scale', '-1', '-n', 'api', '--control', '/run/api.sock', '--json')).toMatchObject(
      meant,
    );
    expect(parse('scale', '--json', '-n', 'api', '--control', '/run/api.sock', '-1')).toMatchObject(
      { ...meant, request: { by: -1 } },
    );
    expect(parse('logs', '-f')).toMatchObject({ follow: true });
  });

  it.each([
    [['scale', '0'], '+n, -n or auto; got "0"'],
    [['scale', '1025'], 'scale takes 1 to 1024'],
    [['scale', '--wrokers'], "unknown option '--wrokers'"],
    [['scale', '1', '2'], 'too many arguments'],
    [['scale'], 'count is missing. See "zscale scale --help"'],
    [['kill', '-1'], 'kill takes a whole number from 0; got "-1"'],
    [['kill', '1', '--signal', 'STAB'], '--signal takes the name of a signal'],
    [['drain', '1.5'], 'a whole number from 0; got "1.5"'],
    [['status', '--follow'], "unknown option '--follow'"],
    [['reload', 'now'], 'too many arguments'],
  ])('%j is refused in one line', (argv, text) => {
    expect(() => parse(...argv)).toThrow(UsageError);
    expect(() => parse(...argv)).toThrow(text);
  });
});

describe('--control of run and join', () => {
  it('is a path, or off', () => {
    expect(parse('run', 'a.ts', '--control', '/run/a.sock')).toMatchObject({
      options: { control: '/run/a.sock' },
    });
    expect(parse('join', 'tcp://a:1', 'a.ts', '--control', 'off')).toMatchObject({
      options: { control: false },
    });
  });
});
