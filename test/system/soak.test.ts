/*
 * `pnpm soak` for a few seconds: it comes to its end, all that it asked was answered rightly, and it judges as it should. Whether anything
 * grows takes longer to see than a test may take.
 */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Figure, judge, type Sample } from '../soak/judgement.ts';
import { Program } from '../support/cli.ts';

const MEBIBYTE = 1024 * 1024;

const MAIN = fileURLToPath(new URL('../soak/main.ts', import.meta.url));

function soak(...args: string[]): Program {
  return new Program(process.execPath, ['--import', 'tsx', MAIN, ...args]);
}

function growing(values: readonly number[], figure: Figure = 'rss'): readonly Figure[] {
  const samples = values.map(
    (value): Sample => ({ rss: 80, fds: 30, threads: 11, [figure]: value }),
  );
  return judge(samples)
    .filter(({ grows }) => grows)
    .map((verdict) => verdict.figure);
}

const TIMES = Array.from({ length: 40 }, (_, i) => i);

describe('pnpm soak', () => {
  it('has every reply right, figures of each process, and says which one grew', {
    timeout: 90_000,
  }, async () => {
    const leak = String(32 * MEBIBYTE);
    const args = ['--for', '6s', '--every', '700', '--leak', leak, '--json'];
    const { exitCode, stdout, stderr } = await soak(...args).end();
    const told = JSON.parse(stdout);
    expect(told).toMatchObject({
      seconds: 6,
      complaints: [],
      messages: { wrong: 0, duplicated: 0, unanswered: 0 },
      http: { wrong: 0, failed: {} },
    });
    expect(told.badClients).toBeGreaterThan(20);
    expect(told.passingMachines).toBeGreaterThan(0);
    expect(Object.keys(told.series).sort()).toEqual([
      'http gateway',
      'http queue',
      'http worker',
      'joined machine',
      'joined worker',
      'zmtp front',
      'zmtp worker',
    ]);
    for (const { verdicts } of told.verdicts) expect(verdicts).toHaveLength(3);
    expect(stderr).toMatch(/^NOT RIGHT: zmtp worker grew: \d+ to \d+ MiB, up to \d+ is/m);
    expect(exitCode).toBe(1);
  });

  it('says what is wrong with its arguments', async () => {
    const { exitCode, stderr } = await soak('--for', 'ever').end();
    expect(exitCode).toBe(2);
    expect(stderr).toContain('--for ever');
  });
});

describe('its judgement', () => {
  it('finds what grows all the time', () => {
    expect(growing(TIMES.map((i) => 80 + 3 * i))).toEqual(['rss']);
    expect(
      growing(
        TIMES.map((i) => 30 + i),
        'fds',
      ),
    ).toEqual(['fds']);
    expect(
      growing(
        TIMES.map((i) => 11 + Math.floor(i / 4)),
        'threads',
      ),
    ).toEqual(['threads']);
  });

  it('takes warming up, peaks and saw teeth for no growth', () => {
    expect(growing(TIMES.map((i) => (i < 8 ? 40 : 140)))).toEqual([]);
    expect(growing(TIMES.map((i) => (i === 39 || i === 30 ? 900 : 80)))).toEqual([]);
    expect(growing(TIMES.map((i) => 80 + 5 * (i % 7)))).toEqual([]);
  });

  it('says nothing of a handful of samples', () => {
    expect(judge([{ rss: 1, fds: 1, threads: 1 }])).toEqual([]);
  });
});
