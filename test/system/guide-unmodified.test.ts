/*
 * docs/guide/unmodified-servers.md and examples/07-unmodified do what they say: the programs of the page
 * are written into a folder under the names in their first lines, and its commands are run there, at a
 * free port in place of that of the page.
 */
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, startZscale } from '../support/cli.ts';
import { freshTcp } from '../support/endpoints.ts';
import { freshFolder } from '../support/programs.ts';
import { isPyzmqRequired, python } from '../support/their-peer.ts';
import { askAll } from '../support/unmodified.ts';

const PAGE = readFileSync(join(ROOT, 'docs/guide/unmodified-servers.md'), 'utf8');
const ADDRESS = 'tcp://127.0.0.1:5000';

/** The programs of the page, by file name. */
const programs = new Map(
  [...PAGE.matchAll(/^```(?:python|js)\n(?:#|\/\/) (\S+)\n(.*?)^```$/gms)].map(
    ([, name = '', code = '']) => [name, code] as const,
  ),
);

/** The commands of the page, as words. */
const commands = [...PAGE.matchAll(/^zscale run (.*?)(?: {2,}#.*)?$/gm)].map(([, line = '']) =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? ''),
);

const skipsPython = python === undefined && !isPyzmqRequired;
const PYTHON_VARIABLES = { ZSCALE_PYTHON: python ?? 'python3' };

/** Runs `zscale run` with these words in a folder with the programs, and asks until four workers answered. */
async function fourWorkersAnswer(words: readonly string[]): Promise<void> {
  const folder = freshFolder();
  const endpoint = await freshTcp();
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const [name, code] of programs) {
    writeFileSync(join(folder, name), code.replaceAll(ADDRESS, endpoint));
  }
  const args = words.map((word) =>
    word.replace(ADDRESS, endpoint).replace(/^python3 /, `${python} `),
  );
  const program = startZscale(['run', ...args], { cwd: folder, env: PYTHON_VARIABLES });
  await program.printed(/running +4 workers/);
  expect(program.stdout).toContain(`clients   ${endpoint}\n`);
  expect(await askAll(endpoint, 4)).toHaveLength(4);
}

describe('docs/guide/unmodified-servers.md', () => {
  it('has the programs and commands that are tested here', () => {
    expect([...programs.keys()]).toEqual([
      'server.py',
      'server_asyncio.py',
      'server.mjs',
      'worker.py',
    ]);
    expect(commands).toHaveLength(4);
  });

  for (const words of [...commands, ['server_asyncio.py', '--workers', '4']]) {
    const needsPython = words.join(' ').includes('.py');
    it.skipIf(needsPython && skipsPython)(`zscale run ${words.join(' ')}`, () =>
      fourWorkersAnswer(words),
    );
  }
});

describe('examples/07-unmodified', () => {
  for (const name of ['echo.mjs', 'echo.py']) {
    it.skipIf(name.endsWith('.py') && skipsPython)(`${name} runs on four workers`, async () => {
      const bind = await freshTcp();
      const args = [`examples/07-unmodified/${name}`, '--workers', '4', '--bind', bind];
      const program = startZscale(['run', ...args], { env: PYTHON_VARIABLES });
      await program.printed(/running +4 workers/);
      expect(await askAll(bind, 4)).toHaveLength(4);
      expect(program.stdout.match(/^\[worker \d\] listening$/gm)).toHaveLength(4);
    });
  }
});
