/*
 * What the benchmark leaves behind when it is ended before its time.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { familyOf } from '../../bench/cpu.ts';
import { until } from '../support/until.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BUILD_TIMEOUT_MS = 60_000;
const folders: string[] = [];

beforeAll(() => {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  expect(spawnSync(process.execPath, [tsc, '--build', 'bench'], { cwd: ROOT }).status).toBe(0);
}, BUILD_TIMEOUT_MS);

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe('a benchmark that is ended', () => {
  it.each([
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s ends what it started, and exits with %i', async (signal, exitCode) => {
    const folder = mkdtempSync(join(tmpdir(), 'zscale-test-'));
    folders.push(folder);
    const child = spawn(process.execPath, ['bench/dist/main.js', 'round-trip-tcp-10b'], {
      cwd: ROOT,
      env: { ...process.env, TMPDIR: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const exited = once(child, 'exit');
    await until(() => said.includes('round-trip-tcp-10b') && readdirSync(folder).length > 0);
    child.kill(signal);
    expect(await exited).toEqual([exitCode, null]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('over HTTP leaves no server, no worker and no client behind', async () => {
    const child = spawn(process.execPath, ['bench/dist/main.js', 'http', 'mixed-2'], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const exited = once(child, 'exit');
    let family: readonly number[] = [];
    // It, the server, two workers, and the clients that let it get warm.
    await until(() => {
      family = familyOf([child.pid ?? 0]);
      return family.length === 5;
    });
    child.kill('SIGINT');
    expect(await exited).toEqual([130, null]);
    await until(() => !family.some((pid) => existsSync(`/proc/${pid}`)));
  });
});

describe('a benchmark over HTTP', () => {
  const http = (...args: string[]) =>
    spawnSync(process.execPath, ['bench/dist/main.js', 'http', ...args], {
      cwd: ROOT,
      env: { ...process.env, PATH: '' },
      encoding: 'utf8',
    });

  it.each([
    [['nope'], /there is no load nope; see --list/],
    [['--rounds', '0'], /--rounds is a whole number from 1 to 99; got 0/],
    [['--seconds', '1.5'], /--seconds is a whole number from 2 to 600; got 1\.5/],
    [['--cow'], /--cow.+; see --help/],
    [['--pm2'], /needs the command pm2: npm install/],
  ])('refuses %j in one line', (args, message) => {
    const { status, stderr } = http(...args);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('lists its loads', () => {
    expect(http('--list').stdout).toMatch(/^hello .+\nhello-open [\s\S]+mixed-8 /);
  });
});
