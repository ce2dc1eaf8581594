/*
 * Types are a part of being drop-in: what TypeScript accepts or refuses with zeromq.js, it accepts or refuses with ours.
 */
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const folder = fileURLToPath(new URL('../fixtures/zeromq-types/', import.meta.url));
const compiler = join(
  dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin',
  'tsc',
);

/** What the compiler says; nothing when it agrees with every line of the program. */
async function complaints(project: string): Promise<string> {
  const run = promisify(execFile)(process.execPath, [compiler, '-p', join(folder, project)]);
  return run.then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  );
}

it.each([
  ['npm zeromq', 'tsconfig.json'],
  ['ours', 'tsconfig.ours.json'],
])('the same program has the same types: %s', { timeout: 120_000 }, async (_, project) => {
  expect(await complaints(project)).toBe('');
});
