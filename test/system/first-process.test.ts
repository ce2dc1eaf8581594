/*
 * zscale as the first process of a container: a PID namespace, where signals without a listener do nothing, and where processes that lose
 * their parent become its children.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '@zscale/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { BIN, Program } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { childrenOf, freshFolder } from '../support/programs.ts';
import { until } from '../support/until.ts';

/** Answers slowly, never, or not at all; leaves a process behind that is nobody's; tells who is there. */
const HANDLER = `
import { execFileSync } from 'node:child_process';
export default async (request) => {
  if (request === 'never') return new Promise(() => {});
  if (request === 'slow') return new Promise((answer) => setTimeout(answer, 500, 'done'));
  if (request === 'crash') process.exit(1);
  if (request === 'orphan') execFileSync('sh', ['-c', 'sleep 0.05 >/dev/null 2>&1 &']);
  return execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,comm='], { encoding: 'utf8' });
};
`;
const SPACE = ['--pid', '--fork', '--mount-proc', '--kill-child'];
const HAS_SPACES = spawnSync('unshare', [...SPACE, 'true']).status === 0;
const HAS_TINI = process.env.REQUIRE_TINI === '1' || spawnSync('tini', ['--version']).status === 0;

let module: string;
beforeEach(({ skip }) => {
  if (!HAS_SPACES && process.env.CI === undefined) skip('there are no PID namespaces');
  module = join(freshFolder(), 'handler.mjs');
  writeFileSync(module, HANDLER);
});

/** A service whose supervisor is process 1, or is started by it. */
async function first(
  before: readonly string[],
  ...args: readonly string[]
): Promise<{
  readonly program: Program;
  readonly ask: (what: string) => Promise<unknown>;
  /** Signals process 1, from outside. */
  readonly signal: (name: NodeJS.Signals) => void;
}> {
  const command = [...before, process.execPath, BIN, 'run', module, '--workers', '1'];
  const program = new Program(
    'unshare',
    [...SPACE, ...command, '--bind', 'tcp://127.0.0.1:*', '--control', 'off', ...args],
    { env: { TMPDIR: freshFolder() } },
  );
  const [, endpoint = ''] = await program.printed(/clients +(\S+)[\s\S]*Ctrl-C/);
  const client = closing(connect(endpoint));
  const [inner = 0] = childrenOf(program.pid ?? 0);
  return {
    program,
    ask: (what) => client.request(what),
    signal: (name) => void process.kill(inner, name),
  };
}

/** Those who have ended and whom nobody has taken in. */
function zombies(listed: unknown): string[] {
  return String(listed)
    .split('\n')
    .filter((line) => / Z/.test(line) && line.includes('sleep'));
}

describe('zscale as process 1', () => {
  it('answers what is open at SIGTERM, and ends with 0', async () => {
    const { program, ask, signal } = await first([]);
    expect(String(await ask('who'))).toMatch(/^ *1 +0 \S+ +(node|MainThread)/m);
    const open = ask('slow');
    await until(() => ask('who'));
    signal('SIGTERM');
    expect(await open).toBe('done');
    expect((await program.end()).exitCode).toBe(0);
  });

  it('ends at once, with 130, at a second SIGINT', async () => {
    const { program, ask, signal } = await first([], '--graceful-timeout', 'off');
    ask('never').catch(() => {});
    await until(() => ask('who'));
    await until(() => {
      if (!program.hasEnded) signal('SIGINT');
      return program.hasEnded;
    });
    expect((await program.end()).exitCode).toBe(130);
  });

  it('ends with 5 when its workers crash in a loop', async () => {
    const { program, ask } = await first([], '--max-restarts', '1/60s');
    for (let i = 0; i < 2; i += 1) await ask('crash').catch(() => {});
    expect((await program.end()).exitCode).toBe(5);
  });

  it('lets stand what others leave behind, as every program of Node does', async () => {
    const { ask } = await first([]);
    await ask('orphan');
    await until(async () => zombies(await ask('who')).length === 1);
  });

  it('behind an init leaves nothing, and is told its signals', async ({ skip }) => {
    if (!HAS_TINI) skip('tini is not here');
    const { program, ask, signal } = await first(['tini', '--']);
    await ask('orphan');
    await until(async () => !String(await ask('who')).includes('sleep'));
    const open = ask('slow');
    await until(() => ask('who'));
    signal('SIGTERM');
    expect(await open).toBe('done');
    expect((await program.end()).exitCode).toBe(0);
  });
});
