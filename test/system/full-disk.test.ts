/*
 * A service whose output cannot be written, because the disk with its log is full: /dev/full refuses
 * every byte as such a disk does.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { connect } from '@zscale/core';
import { describe, expect, it } from 'vitest';
import { BIN, Program, ROOT } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { freshTcp } from '../support/endpoints.ts';
import { freshFolder } from '../support/programs.ts';
import { until } from '../support/until.ts';

const NOISY = `
export default (request, { logger }) => {
  console.log('printed');
  console.error('printed');
  logger.warn('logged');
  return process.pid;
};`;

/** Logs into the full disk, then makes room (standard error becomes a file), and logs once more. */
const LOGGING = `
import { closeSync, openSync } from 'node:fs';
import { createLogger } from '${ROOT}packages/core/dist/index.js';
const [file, format, lines] = process.argv.slice(2);
const logger = createLogger({ format });
const turn = () => new Promise(setImmediate);
for (let i = 0; i < Number(lines); i++) {
  logger.info({ i }, 'line');
  if (i % 100 === 0) await turn();
}
await turn();
closeSync(2);
if (openSync(file, 'a') !== 2) process.exit(9);
logger.info('there is room');
await turn();
`;

/** A command whose standard streams are on a full disk. */
function intoFull(command: readonly string[]): Program {
  const script = 'exec "$@" > /dev/full 2>&1';
  return new Program('/bin/sh', ['-c', script, 'sh', ...command], {
    env: { TMPDIR: freshFolder() },
  });
}

function write(text: string): string {
  const file = path.join(freshFolder(), 'program.mjs');
  writeFileSync(file, text);
  return file;
}

describe.skipIf(!existsSync('/dev/full'))('on a full disk', () => {
  it.each(['json', 'pretty'])(
    'a service serves, replaces workers and ends in order (log %s)',
    async (format) => {
      const bind = await freshTcp();
      const options = ['--workers', '1', '--log-format', format, '--bind', bind];
      const program = intoFull([process.execPath, BIN, 'run', write(NOISY), ...options]);
      const client = closing(connect<(request: string) => Promise<number>>(bind));
      const pid = await client.request('first');
      expect(await client.request('second')).toBe(pid);
      process.kill(pid, 'SIGKILL');
      // The worker may have been given a request before its end was noticed.
      await until(
        async () => (await client.request('third')) !== pid,
        'an answer of another worker',
      );
      program.signal('SIGTERM');
      expect(await program.end()).toMatchObject({ exitCode: 0, signal: null });
    },
  );

  it.each(['json', 'pretty'])(
    'the log says how much it lost when there is room again (%s)',
    async (format) => {
      const file = path.join(freshFolder(), 'log');
      const all = 20_000;
      const program = intoFull([process.execPath, write(LOGGING), file, format, `${all}`]);
      expect(await program.end()).toMatchObject({ exitCode: 0 });
      const log = readFileSync(file, 'utf8');
      expect(log).toContain('there is room');
      expect(log).toMatch(/could not be written for a while; lines are missing/);
      const [, lost] = /"lines"\s*:\s*(\d+)/.exec(log) ?? [];
      expect(Number(lost)).toBe(all);
    },
  );

  it('what was asked for and cannot be printed is an error', async () => {
    const program = intoFull([process.execPath, BIN, '--version']);
    expect((await program.end()).exitCode).toBe(1);
  });

  it('what cannot be printed is told in one line', async () => {
    const script = 'exec "$@" > /dev/full';
    const program = new Program('/bin/sh', ['-c', script, 'sh', process.execPath, BIN, '--help']);
    const end = await program.end();
    expect(end.exitCode).toBe(1);
    expect(end.stderr).toMatch(/^zscale: cannot print: ENOSPC[^\n]*\n$/);
  });

  it('a service whose access log is there ends when it is told to', async () => {
    const file = write("export default (request, response) => response.end('hello');");
    const options = ['--http', '--bind', 'http://127.0.0.1:0', '--workers', '1'];
    const program = new Program(process.execPath, [
      ...[BIN, 'run', file, ...options],
      ...['--access-log', '/dev/full', '--log-format', 'json'],
    ]);
    const [, endpoint = ''] = await program.printed(/clients +(http:\S+)/);
    for (let i = 0; i < 50; i++) expect(await (await fetch(endpoint)).text()).toBe('hello');
    program.signal('SIGTERM');
    expect(await program.end()).toMatchObject({ exitCode: 0 });
  });
});
