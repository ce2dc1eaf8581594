/*
 * `pnpm chaos` for a few seconds: workers die, stop, are reloaded and resized under load, and every request has exactly one answer.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../chaos/main.ts', import.meta.url));
const run = promisify(execFile);

/** What a run says of itself. */
async function chaos(...options: string[]): Promise<Record<string, unknown>> {
  return told('--json', ...options);
}

async function chaosOfHttp(...options: string[]): Promise<Record<string, unknown>> {
  return told('http', '--json', ...options);
}

async function told(...args: string[]): Promise<Record<string, unknown>> {
  return JSON.parse((await start(...args)).stdout);
}

function start(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return run(process.execPath, ['--import', 'tsx', MAIN, ...args], {
    env: { ...process.env, ZSCALE_LOG_LEVEL: 'silent', VITEST: undefined },
  });
}

const PATIENCE = { timeout: 90_000 };

it('answers every request once while workers are killed and stopped', PATIENCE, async () => {
  const told = await chaos('--seconds', '4', '--deeds', 'kill,stop', '--every', '300');
  expect(told).toMatchObject({ wrong: 0, duplicated: 0, unanswered: 0, complaints: [] });
  expect(told.crashes).toBeGreaterThan(0);
  expect(told.replied).toBeGreaterThan(0);
  expect(told.replaced).toMatchObject({ count: expect.any(Number) });
});

it('fails no request while it is reloaded and resized', PATIENCE, async () => {
  const told = await chaos('--seconds', '4', '--deeds', 'reload,resize', '--every', '500');
  expect(told).toMatchObject({
    wrong: 0,
    duplicated: 0,
    unanswered: 0,
    failed: {},
    complaints: [],
  });
  expect(told.done).toMatchObject({ kill: 0, stop: 0 });
  expect(told.replied).toBe(told.sent);
});

it('says what is wrong with its arguments', async () => {
  await expect(chaos('--deeds', 'kill,pray')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('there is no deed pray'),
  });
});

it.each<[string[], RegExp]>([
  [['--sekonds', '1'], /^chaos: Unknown option '--sekonds'; see --help\n$/],
  [['http', '--sekonds', '1'], /^chaos: Unknown option '--sekonds'; see --help\n$/],
])('says in one line what is wrong with %j', async (args, line) => {
  await expect(told(...args)).rejects.toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(line),
  });
});

it('prints the options of its load of HTTP', async () => {
  const { stdout, stderr } = await start('http', '--help');
  expect(stdout).toMatch(/^pnpm chaos http \[options\]\n[\s\S]*--gateways N/);
  expect(stderr).toBe('');
});

it(
  'answers every GET of keep-alive clients while workers are killed and replaced',
  PATIENCE,
  async () => {
    const told = await chaosOfHttp('--seconds', '6');
    expect(told).toMatchObject({ failed: {}, failures: 0, wrong: 0, reconnects: 0 });
    expect(told.kills).toBeGreaterThan(2);
    expect(told.reloads).toBeGreaterThan(0);
    expect(told.answered).toBeGreaterThan(0);
  },
);

it(
  'answers every GET, asked once more where its gateway process was killed, and resets nobody else',
  PATIENCE,
  async () => {
    const told = await chaosOfHttp('--seconds', '4', '--gateways', '2');
    expect(told).toMatchObject({ failed: {}, failures: 0, wrong: 0 });
    expect(told.gatewayKills).toBeGreaterThan(0);
    expect(told.resetBy).toBeLessThanOrEqual(Number(told.gatewayKills));
    expect(told.answered).toBeGreaterThan(0);
  },
);
