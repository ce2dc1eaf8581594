import { describe, expect, it } from 'vitest';
import { readFlags } from '../../packages/cli/src/args.ts';
import { levelOfConfig } from '../../packages/cli/src/config-file.ts';
import { faultsOf, jsonSchemaOfConfig } from '../../packages/cli/src/config-schema.ts';
import type { JoinInvocation, RunInvocation } from '../../packages/cli/src/invocation.ts';
import { mistypedVariables, wordsOfVariable } from '../../packages/cli/src/setting-variables.ts';
import {
  attributeOf,
  flagOf,
  SETTINGS,
  type Setting,
  settingsOf,
  variableOf,
} from '../../packages/cli/src/settings.ts';
import { describeOrigin } from '../../packages/cli/src/settings-origin.ts';
import {
  type Sources,
  settleCommandLine,
  settleSettings,
  type TypedSettings,
} from '../../packages/cli/src/settled-invocation.ts';
import { textOf } from '../support/source-tree.ts';

/** Options that only a program can give. */
const OF_PROGRAMS = ['logger', 'signals', 'onReload'];
/** Settings that are no flag: arguments, and a function. */
const WITHOUT_FLAG = ['entry', 'args', 'connect', 'key'];

/** Names of the properties of an interface, and of those in a list of words. */
function namesIn(path: string, start: string, end: string, pattern: RegExp): string[] {
  const text = textOf(path);
  const from = text.indexOf(start);
  expect(from, start).toBeGreaterThan(0);
  const body = text.slice(from, text.indexOf(end, from));
  return [...body.matchAll(pattern)].map(([, name]) => name ?? '');
}

const PROPERTY = /^ {2}(\w+)\??:/gm;
const SCALE_OPTIONS = [
  ...namesIn('packages/core/src/options.ts', 'export interface ScaleOptions', '\n}', PROPERTY),
  ...namesIn('packages/core/src/http-options.ts', 'export interface HttpOptions', '\n}', PROPERTY),
];
const JOIN_OPTIONS = [
  ...namesIn('packages/core/src/join-options.ts', 'type SharedName', ';', /'(\w+)'/g),
  ...namesIn('packages/core/src/join-options.ts', 'export interface JoinOptions', '\n}', PROPERTY),
];

/** Different values of a setting, as text, lowest source first: each is one that the next does not contain. */
function textsOf({ key, kind: { shape, parse } }: Setting): readonly [string, string, string] {
  switch (shape.type) {
    case 'boolean':
      return ['false', 'true', 'true'];
    case 'choice':
      return [shape.choices[0] ?? '', shape.choices[1] ?? '', shape.choices.at(-1) ?? ''];
    case 'pools':
      return ['a=1:x*', 'b=1:x*', 'c=1:x*'];
    case 'range':
      return ['1-2', '2-3', '3-4'];
    case 'assignments':
      return ['A=1', 'A=2', 'A=3'];
    case 'quantity':
      return accepts(parse, '3s') && key !== 'maxRestarts'
        ? ['3s', '4s', '5s']
        : accepts(parse, '3kb')
          ? ['3kb', '4kb', '5kb']
          : ['3', '4', '5'];
    default:
      if (key === 'umask') return ['27', '007', '77'];
      if (['bind', 'backend', 'connect'].includes(key))
        return ['tcp://a:1', 'tcp://a:2', 'tcp://a:3'];
      return key === 'sticky'
        ? ['address', 'cookie:a', 'header:b']
        : key === 'admin'
          ? ['http://a:1', 'http://a:2', 'http://a:3']
          : ['one', 'two', 'three'];
  }
}

function accepts(parse: Setting['kind']['parse'], text: string): boolean {
  try {
    return parse('', text, undefined) !== undefined;
  } catch {
    return false; // it says what it takes: that is looked at elsewhere
  }
}

const RUN: TypedSettings = { command: 'run', entry: 'a.ts', args: [], flags: {} };
const NOTHING: Sources = { environment: {}, flags: {}, file: undefined };

/** What `zscale run a.ts` does in an environment, with a config file. */
function run(
  environment: Record<string, string>,
  config?: object,
  ...argv: string[]
): RunInvocation {
  const invocation = settleCommandLine(
    { ...RUN, flags: readFlags('run', argv, 'argv') },
    sourcesOf(environment, config),
  );
  if (invocation.command !== 'run') throw new Error(invocation.command);
  return invocation;
}

function sourcesOf(environment: Record<string, string>, config?: object): Sources {
  if (config !== undefined) expect(faultsOf(config)).toEqual([]);
  const level = levelOfConfig(config ?? {}, 'zscale.config.ts', '/app', '/app');
  return {
    environment,
    flags: readFlags('run', wordsOfVariable(environment), 'ZSCALE_ARGS'),
    file: { file: 'zscale.config.ts', level, warnings: [] },
  };
}

describe('the table of settings', () => {
  it.each([
    ['run', SCALE_OPTIONS],
    ['join', JOIN_OPTIONS],
  ] as const)('has each option of %s that text or a file can hold', (host, options) => {
    expect(options.length).toBeGreaterThan(20);
    const keys = settingsOf(host).map(({ key }) => key.split('.')[0]);
    const missing = options.filter((name) => !keys.includes(name) && !OF_PROGRAMS.includes(name));
    expect(missing).toEqual([]);
  });

  it('names no option that is none', () => {
    const known = [...SCALE_OPTIONS, ...JOIN_OPTIONS];
    const keys = SETTINGS.filter(({ isOfCommand }) => !isOfCommand).map(
      ({ key }) => key.split('.')[0] ?? '',
    );
    expect(keys.filter((key) => !known.includes(key))).toEqual([]);
  });

  it('gives each a flag, a variable and a line', () => {
    for (const setting of SETTINGS) {
      expect(setting.doc, setting.key).toMatch(/\w/);
      if (WITHOUT_FLAG.includes(setting.key)) continue;
      expect(flagOf(setting), setting.key).toMatch(/^--[a-z-]+$/);
      expect(variableOf(setting), setting.key).toMatch(/^ZSCALE_[A-Z_]+$/);
    }
  });

  it.each(['run', 'join'] as const)('says nothing of %s twice', (host) => {
    for (const nameOf of [flagOf, variableOf, ({ key }: Setting) => key]) {
      const names = settingsOf(host).flatMap((setting) => nameOf(setting) ?? []);
      expect(new Set(names).size).toBe(names.length);
    }
  });

  it('is docs/reference/configuration.md, row by row', () => {
    const page = textOf('docs/reference/configuration.md').replaceAll(/ +/g, ' ');
    const rows = SETTINGS.map((setting) => documentedRow(setting));
    expect(rows.filter((row) => !page.includes(row))).toEqual([]);
  });
});

/** A row of the table in the reference, with single blanks. */
function documentedRow(setting: Setting): string {
  const code = (text: string | undefined) =>
    text === undefined ? '' : `\`${text.replaceAll('|', '\\|')}\` `;
  const { key, flags, opposite, doc } = setting;
  const variables = [variableOf(setting), ...(setting.alsoVariables ?? [])].filter(Boolean);
  const flag = [flags, opposite?.flags].filter(Boolean).join('`, `');
  return `| \`${key}\` | ${code(flag || undefined)}| ${code(variables.join('`, `') || undefined)}| ${doc} |`;
}

describe('precedence', () => {
  const rows = settingsOf('run').filter((setting) => flagOf(setting) !== undefined);

  it.each(rows.map((setting) => [setting.key, setting] as const))(
    '%s: the flag, then ZSCALE_ARGS, then the variable, then the file, then the default',
    (key, setting) => {
      const [low, middle, high] = textsOf(setting);
      const { kind } = setting;
      const isSwitch = kind.shape.type === 'boolean';
      const flag = flagOf(setting) ?? '';
      const variable = variableOf(setting) ?? '';
      const fileValue = isSwitch
        ? false
        : kind.shape.type === 'pools' || kind.shape.type === 'assignments'
          ? kind.parse('', low, undefined)
          : low;
      const config = key
        .split('.')
        .reduceRight<unknown>((inner, name) => ({ [name]: inner }), fileValue);
      const words = isSwitch ? [flag] : [flag, high];
      const settled = (
        environment: Record<string, string>,
        argv: readonly string[],
        file: object,
      ) =>
        settleSettings(
          { ...RUN, flags: readFlags('run', argv, 'argv') },
          sourcesOf(environment, file),
        ).get(key);
      const read = (text: string) => {
        const value = kind.parse('', text, undefined);
        return key === 'maxRestarts' ? Reflect.get(Object(value), 'maxRestarts') : value;
      };

      const file = Object(config);
      expect(settled({}, [], {})).toMatchObject({ value: undefined, origin: { from: 'default' } });
      expect(settled({}, [], file)).toMatchObject({
        value: isSwitch ? false : read(low),
        origin: { from: 'file', file: 'zscale.config.ts' },
      });
      expect(settled({ [variable]: middle }, [], file)).toMatchObject({
        value: read(middle),
        origin: { from: 'variable', variable },
      });
      const args = { ZSCALE_ARGS: words.join(' ') };
      expect(settled({ [variable]: middle, ...args }, [], file)).toMatchObject({
        value: isSwitch ? true : read(high),
        origin: { from: 'variable', variable: 'ZSCALE_ARGS' },
      });
      const inArgs = { ZSCALE_ARGS: isSwitch ? flag : `${flag} ${middle}` };
      const found = settled({ [variable]: low, ...inArgs }, words, file);
      expect(found).toMatchObject({
        value: isSwitch ? true : read(high),
        origin: { from: 'flag', flag },
      });
      expect(found && describeOrigin(found.origin)).toBe(flag);
      expect(attributeOf(setting)).toMatch(/^\w+$/);
    },
  );

  it('environment variables of workers are put together, name by name', () => {
    const { options } = run(
      { ZSCALE_ENV: 'B=variable,C=variable' },
      { env: { A: 'file', B: 'file', C: 'file' } },
      '--env',
      'C=flag',
    );
    expect(options.env).toEqual({ A: 'file', B: 'variable', C: 'flag' });
  });

  it('--port and --bind are one thing: the higher source says both', () => {
    expect(run({}, { bind: 'tcp://*:1' }, '--port', '3000').options.bind).toEqual([
      'http://*:3000',
    ]);
    expect(run({ ZSCALE_BIND: 'tcp://*:1,tcp://*:2' }, { port: 3000 }).options.bind).toEqual([
      'tcp://*:1',
      'tcp://*:2',
    ]);
    expect(run({}, { port: 3000, bind: ['http://*:1'] }).options.bind).toEqual([
      'http://*:1',
      'http://*:3000',
    ]);
  });

  it('PORT is for core to read, which knows whether the application says where it listens', () => {
    expect(run({ PORT: '3000' }).options.bind).toBeUndefined();
  });

  it('the number of workers in a variable is left to core, which says where it had it from', () => {
    expect(run({ WEB_CONCURRENCY: '3' }, { workers: 2 }).options).not.toHaveProperty('workers');
    expect(run({ WEB_CONCURRENCY: '3' }, { workers: 2 }, '-w', '4').options.workers).toBe(4);
    expect(run({}, { workers: 2 }).options.workers).toBe(2);
  });

  it('--max-restarts with a time is two settings, of which the second may be said alone', () => {
    expect(run({}, { maxRestarts: '3/10s' }).options).toMatchObject({
      maxRestarts: 3,
      restartWindow: 10_000,
    });
    expect(run({}, { maxRestarts: '3/10s' }, '--restart-window', '1m').options).toMatchObject({
      maxRestarts: 3,
      restartWindow: 60_000,
    });
  });

  it('--exec stands for an entry of the file, and an entry for exec of the file', () => {
    const exec = settleCommandLine(
      { ...RUN, entry: undefined, flags: readFlags('run', ['--exec', './server'], '') },
      sourcesOf({}, { entry: 'a.ts' }),
    );
    expect(exec).toMatchObject({ entry: './server', exec: './server' });
    expect(run({}, { exec: './server' })).toMatchObject({ entry: 'a.ts', exec: undefined });
  });

  it('paths in a file elsewhere are meant from there', () => {
    const config = { entry: 'a.ts', accessLog: '-', curve: { allow: ['k/a.key', '/k/b.key'] } };
    const { values } = levelOfConfig(config, 'x', '/etc/app', '/');
    expect(Object.fromEntries(values)).toEqual({
      entry: '/etc/app/a.ts',
      accessLog: '-',
      'curve.allow': ['/etc/app/k/a.key', '/k/b.key'],
    });
  });
});

describe('zscale join', () => {
  const joined = (words: readonly string[], config: object): JoinInvocation => {
    const invocation = settleCommandLine(
      { command: 'join', words, flags: {} },
      sourcesOf({}, config),
    );
    if (invocation.command !== 'join') throw new Error(invocation.command);
    return invocation;
  };

  it('takes what is its own out of a file that is for both', () => {
    const config = {
      connect: 'tcp://a:1',
      entry: 'a.ts',
      workers: 2,
      bind: 'tcp://*:5',
      maxQueue: 3,
    };
    expect(joined([], config)).toMatchObject({
      entry: 'a.ts',
      options: { connect: ['tcp://a:1'], workers: 2 },
    });
    expect(joined([], config).options).not.toHaveProperty('bind');
    expect(joined(['tcp://b:1'], config).options.connect).toEqual(['tcp://b:1']);
    expect(joined(['b.ts'], config)).toMatchObject({
      entry: 'b.ts',
      options: { connect: ['tcp://a:1'] },
    });
  });
});

describe('a variable that makes no sense', () => {
  it.each([
    [
      { ZSCALE_MAX_QUEUE: 'many' },
      'ZSCALE_MAX_QUEUE takes a whole number from 0, or off; got "many".',
    ],
    [{ ZSCALE_TIMEOUT: '30' }, 'ZSCALE_TIMEOUT takes a duration'],
    [{ ZSCALE_HTTP: 'maybe' }, 'ZSCALE_HTTP takes true or false; got "maybe".'],
    [{ ZSCALE_ENV: 'production' }, 'ZSCALE_ENV takes KEY=value; got "production".'],
    [{ WEB_CONCURRENCY: 'lots' }, 'WEB_CONCURRENCY takes a whole number from 1, or auto'],
    [{ ZSCALE_CONCURRENCY: '70000' }, 'ZSCALE_CONCURRENCY: concurrency must be a whole number'],
    [{ ZSCALE_ARGS: '--wat' }, "ZSCALE_ARGS: unknown option '--wat'"],
    [{ ZSCALE_ARGS: '--max-queue x' }, 'ZSCALE_ARGS: --max-queue takes'],
    [{ ZSCALE_ARGS: 'server.ts' }, 'ZSCALE_ARGS takes flags alone; got "server.ts".'],
    [{ ZSCALE_ARGS: "--name 'x" }, 'ZSCALE_ARGS takes flags as in a shell; a quote is open'],
  ])('%o is refused by its name', (environment, words) => {
    expect(() => run(environment as Record<string, string>)).toThrow(words);
  });

  it('is not there when it is empty', () => {
    expect(run({ ZSCALE_MAX_QUEUE: '', ZSCALE_ARGS: '' }).options).toEqual({});
  });
});

describe('a variable that is mistyped', () => {
  it('is named, with the one that was meant', () => {
    expect(mistypedVariables({ ZSCALE_MAX_QEUE: '1' })).toEqual([
      'the variable ZSCALE_MAX_QEUE is no setting and changes nothing. Did you mean ZSCALE_MAX_QUEUE?',
    ]);
  });

  it('is not one that zscale gives its workers, nor one that is like no setting', () => {
    const own = {
      ZSCALE: '1',
      ZSCALE_SERVICE: 'x',
      ZSCALE_POOL: 'a',
      ZSCALE_SOMETHING_ELSE: '1',
      OTHER: '1',
    };
    expect(mistypedVariables(own)).toEqual([]);
    expect(
      mistypedVariables({ ZSCALE_MAX_QUEUE: '1', ZSCALE_ARGS: '', ZSCALE_CONFIG: '' }),
    ).toEqual([]);
  });
});

describe('in a worker', () => {
  it('variables were meant for the zscale that started it', () => {
    const environment = {
      ZSCALE_WORKER_ID: '0',
      ZSCALE_BACKEND: 'ipc:///run/door',
      ZSCALE_MAX_QUEUE: 'nonsense',
      ZSCALE_ARGS: '--wat',
      ZSCALE_MAX_QEUE: '1',
    };
    expect(run(environment).options).toEqual({});
    expect(mistypedVariables(environment)).toEqual([]);
  });
});

describe('the words of ZSCALE_ARGS', () => {
  it.each([
    ['  -w 2\t--http ', ['-w', '2', '--http']],
    [`-e 'A=b c' -e "D=\\"e\\" f" g\\ h`, ['-e', 'A=b c', '-e', 'D="e" f', 'g h']],
    [`--env=X='a'"b"c ''`, ['--env=X=abc', '']],
  ])('%s', (text, words) => {
    expect(wordsOfVariable({ ZSCALE_ARGS: text })).toEqual(words);
  });
});

describe('a config file', () => {
  it.each([
    [{ maxQeue: 1 }, 'there is no setting maxQeue. Did you mean maxQueue?'],
    [{ curve: { keyfile: 'a' } }, 'there is no setting curve.keyfile. Did you mean curve.keyFile?'],
    [{ name: 5 }, 'name takes a text; got 5.'],
    [{ timeout: true }, 'timeout takes a number, or a text such as 5s, 64mb or off; got true.'],
    [{ codec: 'xml' }, 'codec takes one of msgpack, json, raw; got "xml".'],
    [{ bind: [1] }, 'bind takes a text, or a list of texts; got a list.'],
    [{ env: { A: 1 } }, 'env takes an object whose values are texts; got an object.'],
    [{ pools: { a: { workers: 1 } } }, 'pools takes an object of pools'],
    [{ curve: 'a' }, 'curve takes an object; got "a".'],
    [{ key: 'user' }, 'key takes a function; got "user".'],
    ['text', 'the config must be an object; got "text".'],
  ])('%o is refused by the key, with what was expected and what came', (config, words) => {
    expect(faultsOf(config).join('\n')).toContain(words);
  });

  it('is refused for all that is wrong at once', () => {
    expect(faultsOf({ maxQeue: 1, name: 5, codec: 'xml' })).toHaveLength(3);
  });

  it('may hold what scale() takes: numbers, Infinity, functions', () => {
    const key = (request: never): string => String(request);
    const config = { timeout: 5_000, maxQueue: Number.POSITIVE_INFINITY, balance: 'hash', key };
    expect(run({}, config).options).toEqual(config);
  });

  it('text is read as behind the flag, and refused with the name of the file', () => {
    expect(() => levelOfConfig({ timeout: '30' }, 'zscale.config.json', '/', '/')).toThrow(
      'zscale.config.json: timeout takes a duration',
    );
    expect(() => run({}, { concurrency: 70_000 })).toThrow('zscale.config.ts: concurrency must be');
  });

  it('has a JSON schema with each setting that JSON can hold, and no other', () => {
    const schema = jsonSchemaOfConfig();
    const properties = Object(Reflect.get(schema, 'properties'));
    const keys = new Set(SETTINGS.map(({ key }) => key.split('.')[0]));
    keys.delete('key');
    expect(Object.keys(properties).sort()).toEqual([...keys, '$schema'].sort());
    expect(properties.maxQueue).toMatchObject({
      type: ['number', 'string'],
      description: '--max-queue <n>: how many may wait (default: 10000)',
    });
    expect(schema).toMatchObject({ additionalProperties: false });
  });
});

describe('nothing said anywhere', () => {
  it('leaves every default to core', () => {
    const invocation = settleCommandLine(RUN, NOTHING);
    expect(invocation).toMatchObject({ options: {}, logLevel: undefined, logFormat: 'auto' });
  });
});
