import { describe, expect, it } from 'vitest';
import { parseArguments } from '../../packages/cli/src/args.ts';
import { CONTROL_COMMANDS } from '../../packages/cli/src/control-commands.ts';
import { UsageError } from '../../packages/cli/src/failure.ts';
import type {
  CallInvocation,
  JoinInvocation,
  RunInvocation,
} from '../../packages/cli/src/invocation.ts';
import { DEFAULTS, resolveScaleOptions } from '../../packages/core/src/options.ts';

const VERSION = '1.2.3';

function run(...argv: string[]): RunInvocation {
  const invocation = parseArguments(argv, VERSION);
  if (invocation.command !== 'run') throw new Error(`expected run; got ${invocation.command}`);
  return invocation;
}

/** What `zscale run server.ts <argv>` hands to scale(). */
function options(...argv: string[]): RunInvocation['options'] {
  return run('run', 'server.ts', ...argv).options;
}

function call(...argv: string[]): CallInvocation {
  const invocation = parseArguments(['call', ...argv], VERSION);
  if (invocation.command !== 'call') throw new Error(`expected call; got ${invocation.command}`);
  return invocation;
}

function text(...argv: string[]): string {
  const invocation = parseArguments(argv, VERSION);
  if (invocation.command !== 'print') throw new Error(`expected text; got ${invocation.command}`);
  return invocation.text;
}

/** The one line with which a command line is refused. */
function refusal(...argv: string[]): string {
  try {
    parseArguments(argv, VERSION);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    expect(error.message, 'a refusal is one line').not.toContain('\n');
    return error.message;
  }
  throw new Error(`not refused: zscale ${argv.join(' ')}`);
}

describe('zscale run', () => {
  it('is the default command', () => {
    expect(run('server.ts')).toEqual(run('run', 'server.ts'));
    expect(run('-w', '4', './server')).toEqual(run('run', './server', '-w', '4'));
  });

  it('passes on only what was given, so that core keeps the defaults', () => {
    expect(run('run', 'server.ts')).toEqual({
      command: 'run',
      entry: 'server.ts',
      options: {},
      logLevel: undefined,
      logFormat: 'auto',
    });
  });

  it('hands every flag to scale() under the name of its option', () => {
    const argv =
      '--workers 8 --bind tcp://*:5555 --backend tcp://*:5556 --codec json --concurrency 7 --threads 2 ' +
      '--max-queue 500 --max-queue-bytes 1mb --max-queue-wait 1s --timeout 5s --start-timeout 2m ' +
      '--graceful-timeout 250ms --max-message-size 512kb --max-restarts 3/10s ' +
      '--max-unsent-bytes 16mb --balance hash --retries 2 ' +
      '--export main --name greeter --env A=1 --python /usr/bin/python3 --output json -- --own 1';
    expect(options(...argv.split(' '))).toEqual({
      workers: 8,
      bind: ['tcp://*:5555'],
      backend: ['tcp://*:5556'],
      codec: 'json',
      concurrency: 7,
      threads: 2,
      maxQueue: 500,
      maxQueueBytes: 1_048_576,
      maxQueueWait: 1_000,
      timeout: 5_000,
      startTimeout: 120_000,
      gracefulTimeout: 250,
      maxMessageSize: 524_288,
      maxUnsentBytes: 16_777_216,
      balance: 'hash',
      retries: 2,
      maxRestarts: 3,
      restartWindow: 10_000,
      exportName: 'main',
      python: '/usr/bin/python3',
      output: 'json',
      args: ['--own', '1'],
      name: 'greeter',
      env: { A: '1' },
    });
  });

  it('has the short flags -w -b -t -n -e', () => {
    const argv = ['-w', '2', '-b', 'tcp://*:1', '-t', '1s', '-n', 'x', '-e', 'A=1'];
    expect(options(...argv)).toEqual({
      workers: 2,
      bind: ['tcp://*:1'],
      timeout: 1_000,
      name: 'x',
      env: { A: '1' },
    });
  });

  it('gathers --bind, --backend and --env in the order given', () => {
    expect(options('-b', 'tcp://*:1', '-b', 'ipc:///run/a.sock').bind).toEqual([
      'tcp://*:1',
      'ipc:///run/a.sock',
    ]);
    expect(options('--backend', 'tcp://*:1', '--backend', 'tcp://*:2').backend).toHaveLength(2);
    expect(options('-e', 'A=1', '-e', 'B=two=2', '-e', 'C=').env).toEqual({
      A: '1',
      B: 'two=2',
      C: '',
    });
  });

  it('takes the log level and format', () => {
    const { logLevel, logFormat } = run('a.ts', '--log-level', 'debug', '--log-format', 'json');
    expect([logLevel, logFormat]).toEqual(['debug', 'json']);
  });
});

describe('a duration', () => {
  it.each([
    ['1ms', 1],
    ['250ms', 250],
    ['5s', 5_000],
    ['1.5s', 1_500],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['596h', 2_145_600_000],
    ['off', Number.POSITIVE_INFINITY],
  ])('%s is %d ms', (given, ms) => {
    expect(options('--timeout', given).timeout).toBe(ms);
  });

  it.each(['', 's', '5x', '-5s', '5 s', '5S', '1e3ms', 'never', '0s', '0.1ms', '597h'])(
    '"%s" is refused with examples of good ones',
    (given) => {
      expect(refusal('a.ts', `--timeout=${given}`)).toMatch(
        `--timeout takes a duration such as 250ms, 5s, 2m, or off; got "${given}".`,
      );
    },
  );

  it('may be 0 for --graceful-timeout, which then waits for nothing', () => {
    expect(options('--graceful-timeout', '0s').gracefulTimeout).toBe(0);
  });

  it('without a unit is refused with both things it may have meant', () => {
    expect(refusal('a.ts', '--timeout', '30')).toContain('Write 30s or 30ms.');
  });
});

describe('a size', () => {
  it.each([
    ['800', 800],
    ['800b', 800],
    ['512kb', 524_288],
    ['16mb', 16_777_216],
    ['16MB', 16_777_216],
    ['0.5mb', 524_288],
    ['1gb', 1_073_741_824],
    ['off', Number.POSITIVE_INFINITY],
  ])('%s is %d bytes', (given, bytes) => {
    expect(options('--max-message-size', given).maxMessageSize).toBe(bytes);
  });

  it.each(['', 'mb', '5q', '-1', '0', '1 kb', 'big'])(
    '"%s" is refused with examples of good ones',
    (given) => {
      expect(refusal('a.ts', `--max-message-size=${given}`)).toMatch(
        `--max-message-size takes a size such as 512kb, 16mb, or off; got "${given}".`,
      );
    },
  );
});

describe('a count', () => {
  it.each(['0', 'x', '-1', '1.5', '', '99999999999999999999'])(
    '--workers "%s" is refused',
    (given) => {
      expect(refusal('a.ts', `--workers=${given}`)).toBe(
        `--workers takes a whole number from 1, or auto; got "${given}".`,
      );
    },
  );

  it('--workers takes auto', () => {
    expect(options('--workers', 'auto').workers).toBe('auto');
  });

  it('--threads starts at 0, which is none', () => {
    expect(options('--threads', '0')).toEqual({ threads: 0 });
    expect(refusal('a.ts', '--threads', '-1')).toContain('--threads takes a whole number from 0');
  });

  it('--concurrency starts at 1', () => {
    expect(refusal('a.ts', '--concurrency', '0')).toBe(
      '--concurrency takes a whole number from 1; got "0".',
    );
  });

  it('--pool names workers and what they get, one pattern at a time', () => {
    const argv = ['--pool', 'a=2:report*', '--pool', 'b=1:/x:y', '--pool', 'a=2:export'];
    expect(options(...argv).pools).toEqual({
      a: { workers: 2, routes: ['report*', 'export'] },
      b: { workers: 1, routes: ['/x:y'] },
    });
    for (const given of ['a', 'a=2', 'a=0:x', 'a=2:', '=2:x', 'a b=2:x', 'a=x:y']) {
      expect(refusal('a.ts', '--pool', given)).toContain('name=workers:pattern');
    }
    expect(refusal('a.ts', '--pool', 'a=2:x', '--pool', 'a=3:y')).toContain('2 workers and 3');
  });

  it('--balance and --retries say what they take', () => {
    expect(refusal('a.ts', '--balance', 'random')).toContain('one of least, round-robin, hash');
    expect(options('--retries', '0').retries).toBe(0);
    expect(refusal('a.ts', '--retries', 'off')).toContain('a whole number from 0');
  });

  it('--max-queue may be 0, for no waiting at all, or off', () => {
    expect(options('--max-queue', '0').maxQueue).toBe(0);
    expect(options('--max-queue', 'off').maxQueue).toBe(Number.POSITIVE_INFINITY);
    expect(refusal('a.ts', '--max-queue', 'x')).toContain('a whole number from 0, or off');
  });

  it('--autoscale is a range', () => {
    expect(options('--autoscale', '2-8')).toEqual({ autoscale: { min: 2, max: 8 } });
    for (const given of ['8', '8-2', '0-2', '2-', '-2', '1-2-3', 'a-b', '']) {
      expect(refusal('a.ts', `--autoscale=${given}`)).toContain('--autoscale takes');
    }
  });

  it('limits after which a worker is replaced', () => {
    expect(
      options('--max-memory', '512mb', '--max-requests', '1000', '--max-lifetime', '1h'),
    ).toEqual({ maxMemory: 512 * 1024 * 1024, maxRequests: 1000, maxLifetime: 3_600_000 });
  });

  it('--max-restarts is a count, with or without a time', () => {
    expect(options('--max-restarts', '0')).toEqual({ maxRestarts: 0 });
    expect(options('--max-restarts', '9/1m')).toEqual({ maxRestarts: 9, restartWindow: 60_000 });
    for (const given of ['x', '5/', '5/60', '/60s', '5/6s/7s']) {
      expect(refusal('a.ts', `--max-restarts=${given}`)).toContain('--max-restarts takes');
    }
  });
});

describe('an endpoint', () => {
  it('is left to the transport once its transport is known', () => {
    for (const endpoint of ['tcp://*:*', 'tcp://[::1]:5555', 'ipc://@name', 'ipc://a/b.sock']) {
      expect(options('--bind', endpoint).bind).toEqual([endpoint]);
    }
  });

  it.each([
    ['5555', 'Did you mean tcp://127.0.0.1:5555?'],
    ['localhost:5555', 'Did you mean tcp://localhost:5555?'],
    ['*:5555', 'Did you mean tcp://*:5555?'],
    ['/run/app.sock', 'Did you mean ipc:///run/app.sock?'],
    ['TCP://127.0.0.1:80', 'The transport "TCP" is not supported; use tcp or ipc'],
    ['tcp:/x', 'an endpoint such as tcp://127.0.0.1:5555'],
    ['tcp://', 'an endpoint such as tcp://127.0.0.1:5555'],
    ['', 'an endpoint such as tcp://127.0.0.1:5555'],
  ])('"%s" is refused: %s', (given, advice) => {
    for (const line of [
      refusal('a.ts', `--bind=${given}`),
      refusal('a.ts', `--backend=${given}`),
      refusal('call', given, '{}'),
    ]) {
      expect(line).toContain(`got "${given}"`);
      expect(line).toContain(advice);
    }
  });
});

describe('an endpoint of HTTP', () => {
  it('is for clients alone', () => {
    for (const endpoint of ['http://*:3000', 'https://[::1]:1', 'unix:/run/app.sock', 'fd:3']) {
      expect(options('--bind', endpoint).bind).toEqual([endpoint]);
      expect(refusal('a.ts', `--backend=${endpoint}`)).toContain(`got "${endpoint}"`);
    }
    expect(refusal('a.ts', '--backend=http://a:1')).toContain('use tcp or ipc.');
  });

  it('has a short form', () => {
    expect(options('-p', '3000').bind).toEqual(['http://*:3000']);
    expect(options('--bind', 'tcp://a:1', '--port', '0').bind).toEqual(['tcp://a:1', 'http://*:0']);
    expect(refusal('a.ts', '-p', '65536')).toBe(
      '--port takes a port from 0 to 65535; got "65536".',
    );
  });
});

describe('zscale call', () => {
  it('takes an endpoint and a value, and waits five seconds for a MessagePack reply', () => {
    expect(call('tcp://127.0.0.1:5555', '{"a":1}')).toEqual({
      command: 'call',
      endpoint: 'tcp://127.0.0.1:5555',
      value: '{"a":1}',
      codec: 'msgpack',
      timeout: 5_000,
      rawOutput: false,
    });
  });

  it('reads stdin for "-" and for no value', () => {
    expect(call('tcp://127.0.0.1:5555', '-').value).toBeUndefined();
    expect(call('tcp://127.0.0.1:5555').value).toBeUndefined();
  });

  it('takes a negative number for a value, not for a flag', () => {
    expect(call('tcp://127.0.0.1:5555', '-5').value).toBe('-5');
  });

  it('takes codec, timeout and raw output', () => {
    const flags = ['--codec', 'raw', '-t', 'off', '-r'];
    expect(call('ipc:///run/a.sock', 'PING', ...flags)).toMatchObject({
      codec: 'raw',
      timeout: Number.POSITIVE_INFINITY,
      rawOutput: true,
    });
  });
});

describe('a wrong command line', () => {
  it('without an entry says that the file is missing', () => {
    for (const argv of [[], [''], ['run'], ['run', ''], ['--workers', '2']]) {
      expect(refusal(...argv)).toContain('the file to run is missing');
    }
  });

  it('with a name of which no files could be made is told so', () => {
    for (const name of ['', 'keys/']) expect(refusal('keygen', name)).toContain('takes a name');
  });

  it('without an endpoint says that the endpoint is missing', () => {
    expect(refusal('call')).toBe('the endpoint to call is missing. See "zscale call --help".');
  });

  it('with a mistyped flag names the one that was meant', () => {
    expect(refusal('a.ts', '--wrokers', '4')).toBe(
      `unknown option '--wrokers' (Did you mean --workers?). See "zscale run --help".`,
    );
    expect(refusal('call', 'tcp://h:1', '{}', '--codek', 'raw')).toContain('zscale call --help');
  });

  it('with a mistyped command says which there are', () => {
    expect(refusal('cal', 'tcp://h:1', '{}')).toMatch(
      /^"cal" is no command \(run, join, call, .*keygen, .*status, ps, reload,/,
    );
    expect(refusal('serve')).toContain('zscale run ./serve');
    expect(run('run', 'status').entry).toBe('status');
  });

  it('with too many arguments says how many were expected', () => {
    expect(refusal('run', 'a.ts', 'b.ts')).toContain('Expected 1 argument but got 2');
    expect(refusal('call', 'tcp://h:1', '{"a":', '1}')).toContain('Expected 2 arguments');
  });

  it('with a flag that lacks its value says so', () => {
    expect(refusal('a.ts', '--workers')).toContain("'-w, --workers <n|auto>' argument missing");
  });

  it.each([
    ['--codec', 'xml', '--codec takes one of msgpack, json, raw; got "xml".'],
    ['--log-level', 'loud', 'one of trace, debug, info, warn, error, fatal, silent; got "loud".'],
    ['--log-format', 'xml', '--log-format takes one of json, pretty; got "xml".'],
    ['--env', 'NAME', '--env takes KEY=value; got "NAME".'],
    ['--env', '=x', '--env takes KEY=value; got "=x".'],
  ])('with %s %s says what it takes', (flag, given, words) => {
    expect(refusal('a.ts', flag, given)).toContain(words);
  });
});

/** What `zscale join` with these arguments means. */
function joined(...args: readonly string[]): JoinInvocation {
  const invocation = parseArguments(['join', ...args], VERSION);
  if (invocation.command !== 'join') throw new Error(`not join but ${invocation.command}`);
  return invocation;
}

describe('join', () => {
  it('takes the back ends, and last the file', () => {
    const { entry, options } = joined('tcp://a:1', 'tcp://b:1', 'server.ts', '--workers', '8');
    expect([entry, options]).toEqual([
      'server.ts',
      { connect: ['tcp://a:1', 'tcp://b:1'], workers: 8 },
    ]);
    expect(joined('--workers', '8', 'tcp://a:1', 'server.ts').entry).toBe('server.ts');
  });

  it('takes keys from a file', () => {
    const { options } = joined('tcp://a:1', 's.ts', '--curve-key', 'a.key_secret');
    expect(options.curve).toEqual({ keyFile: 'a.key_secret', serverKey: undefined });
    const flags = ['--curve-key', 'a.key_secret', '--curve-server-key', 'KEY'];
    const { curve } = joined('tcp://a:1', 's.ts', ...flags).options;
    expect(curve).toEqual({ keyFile: 'a.key_secret', serverKey: 'KEY' });
  });

  it.each([
    [[], /join takes the back end of a service and the file/],
    [['server.ts'], /the back end is missing/],
    [['tcp://a:1'], /the file is missing/],
    [['tcp://a:1', 'tcp://b:1'], /the file is missing/],
    [['a:1', 'server.ts'], /Did you mean tcp:\/\/a:1/],
    [['tcp://a:1', 's.ts', '--curve-server-key', 'KEY'], /--curve-key <file>/],
  ])('is refused with %o', (args, message) => {
    expect(refusal('join', ...args)).toMatch(message);
  });
});

describe('keygen', () => {
  it('takes a name and --json', () => {
    const parse = (...args: readonly string[]) => parseArguments(['keygen', ...args], VERSION);
    expect(parse()).toEqual({ command: 'keygen', name: 'zscale', json: false });
    expect(parse('a/b', '--json')).toEqual({ command: 'keygen', name: 'a/b', json: true });
  });
});

describe('keys', () => {
  it('of run are a file, and lists of those who may come', () => {
    const flags = ['--curve-key', 'k', '--curve-allow', 'a', '--curve-allow-workers', 'b'];
    expect(options(...flags, '--curve-allow', 'c').curve).toEqual({
      keyFile: 'k',
      allow: ['a', 'c'],
      allowWorkers: ['b'],
    });
    expect(refusal('run', 'server.ts', '--curve-allow', 'a')).toMatch(/--curve-key <file>/);
  });

  it('of call are the public one of the service, and perhaps own ones', () => {
    const { curve } = call('tcp://a:1', '1', '--curve-server-key', 'K');
    expect(curve).toEqual({ serverKey: 'K', keyFile: undefined });
    expect(call('tcp://a:1', '1')).not.toHaveProperty('curve');
    expect(refusal('call', 'tcp://a:1', '1', '--curve-key', 'f')).toMatch(/--curve-server-key/);
  });
});

describe('help', () => {
  it('is there for the program and for each command, with examples', () => {
    for (const argv of [['--help'], ['-h'], ['help'], ['run', '--help'], ['call', '-h']]) {
      expect(text(...argv)).toMatch(/^Usage: zscale .*Examples:\n {2}(zscale|echo) /s);
    }
    expect(text('help', 'run')).toBe(text('run', '--help'));
  });

  it('fits a terminal of 80 columns', () => {
    const [, list = ''] = /Commands:\n(.*?)\n\n/s.exec(text('--help')) ?? [];
    const commands = [...list.matchAll(/^ {2}([a-z]+)/gm)].map(([, name = '']) => name);
    expect(commands).toEqual(
      expect.arrayContaining(['run', 'bench', ...CONTROL_COMMANDS.map(({ name }) => name)]),
    );
    for (const argv of [['--help'], ...commands.map((name) => [name, '--help'])]) {
      for (const line of text(...argv).split('\n')) expect(line.length, line).toBeLessThan(81);
    }
  });

  it('names the defaults that core has', () => {
    const words = text('run', '--help').replace(/\s+/g, ' ');
    const shown = words.matchAll(/(--[a-z-]+) <[^>]+> (?:(?! -)[^(])*\(default: ([^)]+)\)/g);
    const named: unknown[] = [];
    for (const [, flag = '', value = ''] of shown) {
      if (['--export', '--log-level', '--log-format', '--output'].includes(flag)) continue;
      const option = resolveScaleOptions(options(flag, value));
      expect(option, `${flag} ${value}`).toEqual(DEFAULTS);
      named.push(flag);
    }
    expect(named).toHaveLength(33);
  });

  it('names the defaults that core has for machines that join, too', () => {
    const words = text('join', '--help').replace(/\s+/g, ' ');
    const shown = words.matchAll(/(--[a-z-]+) <[^>]+> (?:(?! -)[^(])*\(default: ([^)]+)\)/g);
    let named = 0;
    for (const [, flag = '', value = ''] of shown) {
      const isWord = ['--export', '--log-level', '--log-format', '--curve-server-key'].includes(
        flag,
      );
      if (isWord) continue;
      const { connect, ...joining } = joined('tcp://a:1', 'server.ts', flag, value).options;
      expect(resolveScaleOptions(joining), `${flag} ${value}`).toEqual(DEFAULTS);
      named += 1;
    }
    expect(named).toBe(18);
  });

  it('for a command that is not there is refused', () => {
    expect(refusal('help', 'fly')).toBe('there is no help for "fly". See "zscale --help".');
  });

  it('--version prints the version and nothing else', () => {
    expect(text('--version').trim()).toBe(VERSION);
    expect(text('-V').trim()).toBe(VERSION);
  });
});
