/*
 * `zscale start`: a service in the background, or the reason why there is none.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { isAlive, startZscale, zscale } from '../support/cli.ts';
import { freshFolder } from '../support/programs.ts';
import { until } from '../support/until.ts';

interface Started {
  readonly name: string;
  readonly pid: number;
  readonly endpoints: readonly string[];
  readonly log: string;
}

let folder: string;
let module: string;
beforeEach(() => {
  folder = freshFolder();
  module = join(folder, 'handler.mjs');
  writeFileSync(module, 'export default ({ name }) => "hello ".concat(name);');
  vi.stubEnv('TMPDIR', folder);
  vi.stubEnv('XDG_RUNTIME_DIR', '');
  vi.stubEnv('XDG_STATE_HOME', folder);
  return () => vi.unstubAllEnvs();
});

function argsOf(...args: string[]): string[] {
  return ['start', module, '--workers', '1', '--bind', 'tcp://127.0.0.1:*', ...args];
}

async function started(...args: string[]): Promise<Started> {
  const end = await zscale(argsOf('--json', ...args));
  expect(end).toMatchObject({ exitCode: 0, stderr: '' });
  const report: Started = JSON.parse(end.stdout);
  onTestFinished(() => {
    if (isAlive(report.pid)) process.kill(report.pid, 'SIGKILL');
  });
  return report;
}

describe('zscale start', () => {
  it('returns when the service serves, which goes on without it until it is stopped', async () => {
    const { name, pid, endpoints, log } = await started('--name', 'api');
    expect(name).toBe('api');
    expect(log).toBe(join(folder, 'zscale', 'api.log'));
    expect(await zscale(['call', endpoints[0] ?? '', '{"name":"you"}'])).toMatchObject({
      exitCode: 0,
      stdout: '"hello you"\n',
    });
    expect(await zscale(['stop', '--name', 'api'])).toMatchObject({ exitCode: 0 });
    await until(() => !isAlive(pid));
    expect(readFileSync(log, 'utf8')).toContain('zscale runs');
  });

  it('says for people where it listens, where its log is, and how to stop it', async () => {
    const log = join(folder, 'own.log');
    const { stdout, exitCode } = await zscale(argsOf('--log-file', log));
    const [, pid = ''] = /^zscale runs in the background, pid (\d+)$/m.exec(stdout) ?? [];
    onTestFinished(() => {
      process.kill(Number(pid), 'SIGKILL');
    });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^ {2}clients {3}tcp:\/\/127\.0\.0\.1:\d+$/m);
    expect(stdout).toContain(`  log       ${log}\n  stop it   zscale stop --name zscale\n`);
  });

  it('knows what the config file says: the program, the name, and that nobody could ask it', async () => {
    const config = join(folder, 'zscale.config.json');
    const settings = { entry: module, name: 'filed', workers: 1, bind: 'tcp://127.0.0.1:*' };
    writeFileSync(config, JSON.stringify(settings));
    const { stdout } = await zscale(['start', '--json', '-c', config]);
    const { name, pid, log }: Started = JSON.parse(stdout);
    onTestFinished(() => {
      process.kill(pid, 'SIGKILL');
    });
    expect([name, log]).toEqual(['filed', join(folder, 'zscale', 'filed.log')]);
    expect((await zscale(['start', '-c', config])).stderr).toMatch(/named filed runs already/);
    writeFileSync(config, JSON.stringify({ ...settings, control: false }));
    const silent = await zscale(['start', '-c', config]);
    expect(silent).toMatchObject({ exitCode: 2, stdout: '' });
    expect(silent.stderr).toMatch(/--control off does not go with it/);
  });

  it('refuses a name that runs already, given or not, and leaves that one alone', async () => {
    const api = await started('--name', 'api');
    const again = await zscale(argsOf('--name', 'api'));
    expect(again).toMatchObject({ exitCode: 1, stdout: '' });
    expect(again.stderr).toMatch(/^zscale: a service named api runs already\./);
    const nameless = await started();
    const twice = await zscale(argsOf());
    expect(twice).toMatchObject({ exitCode: 1, stdout: '' });
    expect(twice.stderr).toMatch(/^zscale: a service named zscale runs already\./);
    expect([isAlive(api.pid), isAlive(nameless.pid)]).toEqual([true, true]);
  });

  it('ends as zscale run would when the service does not start, and says why', async () => {
    writeFileSync(module, "throw new Error('no database');");
    const end = await zscale(argsOf());
    expect(end).toMatchObject({ exitCode: 4, stdout: '' });
    expect(end.stderr).toContain('no database');
    expect(end.stderr).toMatch(/zscale: it did not start; its log is \S+zscale\.log\.\n$/);
  });

  it('does not leave anything behind when it is interrupted', async () => {
    writeFileSync(
      module,
      `await import('node:fs').then((fs) => fs.writeFileSync('${folder}/pid', String(process.ppid)));
await new Promise(() => setInterval(() => {}, 1000));`,
    );
    const starting = startZscale(argsOf());
    await until(() => existsSync(join(folder, 'pid')));
    const pid = Number(await until(() => readFileSync(join(folder, 'pid'), 'utf8')));
    starting.signal('SIGINT');
    expect((await starting.end()).exitCode).toBe(130);
    await until(() => !isAlive(pid));
  });

  it.each([
    [['start'], 'the file to run is missing'],
    [['start', 'a.ts', '--workers', 'x'], '--workers takes'],
    [['start', 'a.ts', '--control', 'off'], 'Use "zscale run"'],
    [['start', 'a.ts', '--log-file'], "'--log-file <file>' argument missing"],
  ])('refuses %j before anything is started', async (argv, words) => {
    const end = await zscale(argv);
    expect(end).toMatchObject({ exitCode: 2, stdout: '' });
    expect(end.stderr).toContain(words);
  });
});
