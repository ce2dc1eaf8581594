import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ROOT, startZscale, zscale } from '../support/cli.ts';

const HANDLER = `export default (value) => ({ value, greeting: process.env.GREETING ?? null, worker: process.env.ZSCALE_WORKER_ID })`;

/** A folder with these files, gone at the end of the test. */
function folder(files: Readonly<Record<string, string>>): string {
  const made = mkdtempSync(path.join(tmpdir(), 'zscale-config-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(made, name)), { recursive: true });
    writeFileSync(path.join(made, name), text);
  }
  // A project has the package that defineConfig comes from.
  mkdirSync(path.join(made, 'node_modules/@zscale'), { recursive: true });
  symlinkSync(path.join(ROOT, 'packages/cli'), path.join(made, 'node_modules/@zscale/cli'));
  return made;
}

async function call(endpoint: string, value: unknown): Promise<unknown> {
  const { stdout, stderr } = await zscale(['call', endpoint, JSON.stringify(value)]);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

const OBJECT = {
  entry: 'handler.mjs',
  bind: 'tcp://127.0.0.1:*',
  workers: 1,
  env: { GREETING: 'from the file' },
};
const SETTINGS = JSON.stringify(OBJECT);

describe('a config file', () => {
  it.each([
    [
      'zscale.config.ts',
      `import { type Config, defineConfig } from '@zscale/cli';\nconst it: Config = ${SETTINGS};\nexport default defineConfig(it);`,
    ],
    ['zscale.config.cjs', `module.exports = ${SETTINGS};`],
    ['package.json', JSON.stringify({ zscale: OBJECT })],
  ])('%s makes "zscale run" alone start the service', async (name, text) => {
    const cwd = folder({ [name]: text, 'handler.mjs': HANDLER });
    const program = startZscale(['run'], { cwd });
    const [, endpoint = ''] = await program.printed(/clients +(\S+)[\s\S]*Ctrl-C/);
    expect(program.stdout).toContain('1 worker: as asked for');
    expect(await call(endpoint, 1)).toEqual({ value: 1, greeting: 'from the file', worker: '0' });
    program.signal('SIGTERM');
    expect(await program.end()).toMatchObject({ exitCode: 0 });
  });

  it('elsewhere is named by --config, and its paths are meant from there', async () => {
    const cwd = folder({
      'etc/app.json': `{"entry":"../handler.mjs","bind":"tcp://127.0.0.1:*","workers":1}`,
      'handler.mjs': HANDLER,
    });
    const program = startZscale(['-c', path.join(cwd, 'etc/app.json')], { cwd: tmpdir() });
    const [, endpoint = ''] = await program.printed(/clients +(\S+)[\s\S]*Ctrl-C/);
    expect(await call(endpoint, 'x')).toMatchObject({ value: 'x' });
  });

  it.each([
    [
      '{"codec":"xml","maxQeue":1}',
      2,
      /^zscale: zscale\.config\.json: codec takes .*\nzscale\.config\.json: there is no setting maxQeue\. Did you mean maxQueue\?\n$/,
    ],
    ['{"codec":', 4, /^zscale: .*zscale\.config\.json could not be loaded: /],
  ])('%s ends with %i before anything starts', async (text, exitCode, stderr) => {
    const cwd = folder({ 'zscale.config.json': text, 'handler.mjs': HANDLER });
    const end = await zscale(['handler.mjs'], { cwd });
    expect(end).toMatchObject({ exitCode, stdout: '' });
    expect(end.stderr).toMatch(stderr);
  });

  it('that throws is told with its place', async () => {
    const cwd = folder({ 'zscale.config.ts': "const a: number = 1;\nthrow new Error('no ' + a);" });
    const end = await zscale(['config'], { cwd });
    expect(end).toMatchObject({ exitCode: 4, stdout: '' });
    expect(end.stderr).toMatch(
      /zscale\.config\.ts could not be loaded:\nError: no 1\n +at .*zscale\.config\.ts/,
    );
  });

  it('that is named and not there is refused', async () => {
    const end = await zscale(['run', 'a.ts', '-c', 'none.json']);
    expect(end).toMatchObject({ exitCode: 2, stdout: '' });
    expect(end.stderr).toMatch(/there is no config file .*none\.json/);
  });
});

describe('zscale config', () => {
  it('says of each setting where it came from, and no secret', async () => {
    const cwd = folder({
      'zscale.config.mjs': `export default Promise.resolve({ timeout: '5s', env: { PASSWORD: 'geheim' } });`,
    });
    const env = { ZSCALE_CODEC: 'json', ZSCALE_ENV: 'TOKEN=geheim', WEB_CONCURRENCY: '3' };
    const shown = await zscale(['config', '--max-queue', 'off', '-e', 'KEY=geheim'], { cwd, env });
    expect(shown).toMatchObject({ exitCode: 0, stderr: '' });
    expect(shown.stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['SETTING', 'VALUE', 'FROM'],
      ['workers', '3', 'WEB_CONCURRENCY'],
      ['env.KEY', '(not shown)', '--env'],
      ['env.TOKEN', '(not shown)', 'ZSCALE_ENV'],
      ['env.PASSWORD', '(not shown)', 'zscale.config.mjs'],
      ['codec', 'json', 'ZSCALE_CODEC'],
      ['timeout', '5s', 'zscale.config.mjs'],
      ['maxQueue', 'off', '--max-queue'],
      [''],
    ]);
    const json = await zscale(['config', '--effective', '--json'], { cwd, env });
    expect(json.stdout).not.toContain('geheim');
    const { settings } = JSON.parse(json.stdout);
    expect(settings).toContainEqual({
      key: 'timeout',
      value: 5000,
      from: 'file',
      file: 'zscale.config.mjs',
    });
    expect(settings).toContainEqual({
      key: 'workers',
      value: 3,
      from: 'variable',
      variable: 'WEB_CONCURRENCY',
    });
    expect(settings).toContainEqual({ key: 'maxQueue', value: null, from: 'default' });
  });

  it('--schema is a JSON schema', async () => {
    const { stdout, exitCode } = await zscale(['config', '--schema']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'object', additionalProperties: false });
  });

  it('warns of a variable that is mistyped, on stderr', async () => {
    const { stdout, stderr } = await zscale(['config', '--json'], {
      env: { ZSCALE_MAX_QEUE: '1' },
    });
    expect(stderr).toBe(
      'zscale: the variable ZSCALE_MAX_QEUE is no setting and changes nothing. Did you mean ZSCALE_MAX_QUEUE?\n',
    );
    expect(JSON.parse(stdout)).toEqual({ settings: [] });
  });
});

describe('the environment', () => {
  it('says settings, and PORT the port of a web application', async () => {
    const cwd = folder({ 'app.mjs': `export default { fetch: () => new Response('hello') };` });
    const env = {
      PORT: '0',
      ZSCALE_WORKERS: '1',
      ZSCALE_NAME: 'by-variable',
      ZSCALE_LOG_FORMAT: 'json',
    };
    const program = startZscale(['app.mjs'], { cwd, env });
    const [, port = ''] = await program.printed(/clients +http:\/\/\S+:(\d+)[\s\S]*Ctrl-C/);
    expect(program.stdout).toContain('1 worker: ZSCALE_WORKERS=1');
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('hello');
    const status = await zscale(['status', '--json', '--name', 'by-variable']);
    expect(JSON.parse(status.stdout)).toMatchObject({ name: 'by-variable' });
  });

  it('means nothing to a zscale that a worker starts', async () => {
    const inner = `import { execFileSync } from 'node:child_process';
      export default () => execFileSync(process.execPath, [${JSON.stringify(path.join(ROOT, 'packages/cli/bin/zscale.js'))}, 'config', '--json']).toString();`;
    const cwd = folder({ 'handler.mjs': inner });
    const env = {
      ZSCALE_CODEC: 'msgpack',
      ZSCALE_NAME: 'outer',
      ZSCALE_BIND: 'tcp://127.0.0.1:*',
      ZSCALE_ARGS: '-w 1',
    };
    const program = startZscale(['handler.mjs'], { cwd, env });
    const [, endpoint = ''] = await program.printed(/clients +(\S+)[\s\S]*Ctrl-C/);
    expect(JSON.parse(String(await call(endpoint, 1)))).toEqual({ settings: [] });
  });
});

describe('zscale check', () => {
  it.each([
    [
      'a handler of values, in json',
      `export default () => 1;`,
      { kind: 'handler', codec: 'json', endpoint: null },
    ],
    [
      'a web application',
      `export default { fetch: () => new Response('') };`,
      { kind: 'web application', codec: null, endpoint: null },
    ],
    [
      'a program that listens for HTTP at http://127.0.0.1:PORT',
      `import { createServer } from 'node:http'; createServer((req, res) => res.end()).listen(PORT, '127.0.0.1');`,
      { kind: 'program', codec: null, endpoint: 'http://127.0.0.1:PORT' },
    ],
  ])('finds %s, and takes no address', async (words, source, found) => {
    // It is in use, as by the service that runs.
    const taken = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void taken.close());
    await once(taken, 'listening');
    const port = String(Object(taken.address()).port);
    const cwd = folder({
      'server.mjs': source.replace('PORT', port),
      'zscale.config.json': JSON.stringify({ entry: 'server.mjs', codec: 'json' }),
    });
    const flags =
      found.codec === null
        ? ['--bind', `http://127.0.0.1:${port}`]
        : ['--bind', `tcp://127.0.0.1:${port}`];
    const text = await zscale(['check', ...flags], { cwd });
    expect(text).toEqual({
      exitCode: 0,
      signal: null,
      stdout: `server.mjs is ${words.replace('PORT', port)}.\n`,
      stderr: '',
    });
    const json = await zscale(['check', '--json', ...flags], { cwd });
    const endpoint = found.endpoint?.replace('PORT', port) ?? null;
    expect(JSON.parse(json.stdout)).toEqual({ entry: 'server.mjs', ...found, endpoint });
  });

  it.each([
    ['throws', `throw new Error('no');`, [], 4, /Error: no/],
    ['exports nothing', `export const x = 1;`, [], 4, /no handler in/],
    [
      'never becomes ready',
      `import { createServer } from 'node:net'; createServer().listen(0); await new Promise(() => {});`,
      ['--start-timeout', '1s'],
      3,
      /1000 ms|ready/,
    ],
    [
      'has settings that make no sense',
      `export default () => 1;`,
      ['--timeout', '5'],
      2,
      /--timeout takes/,
    ],
  ])('tells of one that %s', async (_, source, flags, exitCode, words) => {
    const cwd = folder({ 'server.mjs': source });
    const end = await zscale(['check', 'server.mjs', ...flags], { cwd });
    expect(end.exitCode, end.stderr).toBe(exitCode);
    expect(end.stderr).toMatch(words);
  });
});

describe('zscale check, like zscale run,', () => {
  const cwd = mkdtempSync(path.join(tmpdir(), 'zscale-both-'));
  afterAll(() => rmSync(cwd, { recursive: true, force: true }));
  beforeAll(() => {
    writeFileSync(path.join(cwd, 'values.mjs'), 'export default (value) => value;');
    writeFileSync(path.join(cwd, 'web.mjs'), 'export default { fetch: () => new Response("hi") };');
    writeFileSync(path.join(cwd, 'file'), 'neither a key nor a folder\n');
  });

  const tcp = '--bind tcp://127.0.0.1:*';
  it.each([
    [`values.mjs ${tcp} --curve-key none`, 2, /the file of a key pair \(ENOENT\)/],
    [`values.mjs ${tcp} --control /no/such/x.sock`, 1, /\/no\/such does not exist/],
    [`values.mjs ${tcp} --watch-path none`, 2, /there is no "none"/],
    [`web.mjs ${tcp}`, 2, /the service speaks HTTP/],
    ['web.mjs --bind http://127.0.0.1:0 --access-log file/log', 2, /cannot be opened: ENOTDIR/],
    ['web.mjs --bind https://127.0.0.1:0', 2, /https:\/\/127.0.0.1:0 needs a certificate/],
    [`none.mjs ${tcp}`, 4, /there is no file/],
  ])('refuses %s', async (words, exitCode, reason) => {
    const options = { cwd, env: { ZSCALE_LOG_LEVEL: 'silent', WEB_CONCURRENCY: '1' } };
    const [run, check] = await Promise.all(
      ['run', 'check'].map((command) => zscale([command, ...words.split(' ')], options)),
    );
    expect(check).toEqual(run);
    expect(check).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(reason) });
    expect(existsSync(path.join(cwd, 'none'))).toBe(false);
  });

  it('passes what a service has taken, and makes no files', async () => {
    const flags = ['values.mjs', '--bind', 'ipc://x.sock', '--control', 'c.sock'];
    const program = startZscale(['run', ...flags, '-w', '1'], { cwd });
    await program.printed(/Ctrl-C/);
    expect((await zscale(['check', ...flags], { cwd })).stderr).toBe('');
    const web = ['web.mjs', '--bind', 'unix:y.sock', '--access-log', 'log'];
    expect((await zscale(['check', ...web], { cwd })).stderr).toBe('');
    expect(readdirSync(cwd).filter((name) => ['y.sock', 'log'].includes(name))).toEqual([]);
  });
});

describe('an ecosystem file of PM2', () => {
  it('is run, and what it has that means nothing is named', async () => {
    const cwd = folder({
      'ecosystem.config.cjs': `module.exports = { apps: [{ name: 'api', script: './app.cjs', args: '--loud', instances: 3,
        exec_mode: 'cluster', cwd: 'src', env: { GREETING: 'hi' }, cron_restart: '0 0 * * *' }] };`,
      'src/app.cjs': `require('node:http').createServer((req, res) => res.end(process.env.GREETING + process.argv[2] + require('node:path').basename(process.cwd()))).listen(0);`,
    });
    const program = startZscale(['run', 'ecosystem.config.cjs', '-w', '1'], { cwd });
    const [, port = ''] = await program.printed(/clients +http:\/\/\S+:(\d+)[\s\S]*Ctrl-C/);
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('hi--loudsrc');
    expect(program.stdout).toContain('1 worker: as asked for');
    expect(program.stderr).toContain(
      'zscale: ecosystem.config.cjs: not understood, and left out: cron_restart.\n',
    );
  });
});
