/*
 * What the benchmark leaves behind when it is ended before its time.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
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
});
