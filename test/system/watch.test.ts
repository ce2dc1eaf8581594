import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type Program, startZscale, zscale } from '../support/cli.ts';
import { until } from '../support/until.ts';

/** A folder with these files, gone at the end of the test; `write` changes one. */
function folder(files: Readonly<Record<string, string>>) {
  const cwd = mkdtempSync(path.join(tmpdir(), 'zscale-watch-'));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  const write = (name: string, text: string) => {
    mkdirSync(path.dirname(path.join(cwd, name)), { recursive: true });
    writeFileSync(path.join(cwd, name), text);
  };
  for (const [name, text] of Object.entries(files)) write(name, text);
  return { cwd, write };
}

/** Starts a service with one worker that logs JSON; `log` is what it has logged. */
async function serve(cwd: string, ...args: readonly string[]) {
  const usual = [
    '--bind',
    'tcp://127.0.0.1:*',
    '-w',
    '1',
    '--log-format',
    'json',
    '--name',
    path.basename(cwd),
  ];
  const program: Program = startZscale([...args, ...usual], { cwd });
  const [, endpoint = ''] = await program.printed(/clients +(\S+)[\s\S]*Ctrl-C/);
  const log = (): readonly Readonly<Record<string, unknown>>[] =>
    program.stderr
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line));
  const count = (msg: string) => log().filter((line) => line.msg === msg).length;
  const ask = async () => {
    const end = await zscale(['call', endpoint, '1']);
    return end.stdout === '' ? end.stderr : JSON.parse(end.stdout);
  };
  return { program, log, count, ask };
}

it('--watch reloads when code changes, and only then; code that fails changes nothing', async () => {
  const { cwd, write } = folder({
    'server.mjs': `import { answer } from './src/answer.mjs'; export default () => answer;`,
    'src/answer.mjs': 'export const answer = 1;',
    'node_modules/x/index.js': '1',
    '.hidden/x.js': '1',
    'data.txt': '1',
  });
  const { count, log, ask } = await serve(cwd, 'server.mjs', '--watch');
  expect(await ask()).toBe(1);

  for (const name of ['node_modules/x/index.js', '.hidden/x.js', 'data.txt', '.env'])
    write(name, '2');
  write('src/answer.mjs', 'export const answer = 2;');
  await until(
    () => count('reloaded') === 1,
    () => JSON.stringify(log()),
  );
  expect(await ask()).toBe(2);
  expect(log().filter(({ msg }) => msg === 'files have changed')).toMatchObject([
    { files: [path.join(cwd, 'src/answer.mjs')] },
  ]);

  write('src/answer.mjs', 'export const answer = ;');
  await until(() => count('reload failed: the workers go on as they were') === 1);
  expect(await ask()).toBe(2);

  write('src/new.mjs', 'export const answer = 3;');
  write('src/answer.mjs', `export { answer } from './new.mjs';`);
  await until(() => count('reloaded') === 2);
  expect(await ask()).toBe(3);
});

it('changes during a reload lead to one more', async () => {
  const slow = (n: number) =>
    `await new Promise((resolve) => setTimeout(resolve, 400)); export default () => ${n};`;
  const { cwd, write } = folder({ 'server.mjs': slow(1) });
  const { count, ask } = await serve(cwd, 'server.mjs', '--watch');
  write('server.mjs', slow(2));
  await until(() => count('reloading') === 1);
  write('server.mjs', slow(3));
  await until(() => count('reloaded') === 2);
  expect(await ask()).toBe(3);
});

it('--watch-path watches a file of any kind, and nothing else', async () => {
  const { cwd, write } = folder({
    'server.mjs': `import { readFileSync } from 'node:fs'; const text = readFileSync('data.txt', 'utf8'); export default () => text;`,
    'data.txt': 'one',
    'other.mjs': '1',
  });
  const { count, ask, log } = await serve(cwd, 'server.mjs', '--watch-path', 'data.txt');
  write('other.mjs', '2');
  write('data.txt', 'two');
  await until(() => count('reloaded') === 1);
  expect(await ask()).toBe('two');
  expect(log().filter(({ msg }) => msg === 'files have changed')).toMatchObject([
    { files: [path.join(cwd, 'data.txt')] },
  ]);
});

it('a reload reads --env-from and the config file again: the environment is replaced, the rest is named', async () => {
  const { cwd, write } = folder({
    'server.mjs':
      'export default () => [process.env.A, process.env.B, process.env.C, process.argv[2]].map((it) => it ?? null);',
    'zscale.config.mjs': `export default { entry: 'server.mjs', envFrom: '.env', env: { C: 'file' }, args: ['one'], timeout: '5s' };`,
    '.env': 'A=1\nB="with space"\n',
  });
  const { program, count, log, ask } = await serve(cwd, 'run');
  expect(await ask()).toEqual(['1', 'with space', 'file', 'one']);

  write('.env', 'A=2\n');
  write(
    'zscale.config.mjs',
    `export default { entry: 'server.mjs', envFrom: '.env', args: ['two'], timeout: '6s', maxQueue: 5 };`,
  );
  program.signal('SIGHUP');
  await until(() => count('reloaded') === 1);
  expect(await ask()).toEqual(['2', null, null, 'two']);
  const named = log().find(({ msg }) => /count after a restart/.test(String(msg)));
  expect(named).toMatchObject({ level: 40, settings: ['timeout', 'maxQueue'] });

  write('zscale.config.mjs', `export default { maxQeue: 5 };`);
  const failed = await zscale(['reload', '--name', path.basename(cwd)]);
  expect(failed).toMatchObject({ exitCode: 75, stdout: '' });
  expect(failed.stderr).toMatch(/zscale\.config\.mjs: there is no setting maxQeue/);
  expect(await ask()).toEqual(['2', null, null, 'two']);

  write('zscale.config.mjs', `export default { env: { A: '3' } };`);
  program.signal('SIGHUP');
  await until(() =>
    log().some(({ err }) => /the file to run is missing/.test(JSON.stringify(err))),
  );
  write('zscale.config.mjs', `export default { entry: 'server.mjs', env: { A: '3' } };`);
  expect(await zscale(['reload', '--name', path.basename(cwd)])).toMatchObject({ exitCode: 0 });
  expect(await ask()).toEqual(['3', null, null, null]);
});

it('an --env-from that is not there is refused', async () => {
  const end = await zscale(['run', 'server.mjs', '--env-from', 'none.env']);
  expect(end).toMatchObject({ exitCode: 2, stdout: '' });
  expect(end.stderr).toMatch(/^zscale: --env-from none\.env cannot be read: ENOENT/);
});
