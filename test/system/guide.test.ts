/*
 * The programs of docs/guide/sockets.md are what the page says they are: TypeScript that compiles, runs, and prints what stands
 * behind `//` after each `console.log`.
 *
 * They are compiled and run in a folder outside of the repository that sees its node_modules, at free ports in place of those
 * of the page.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Program, ROOT } from '../support/cli.ts';
import { freshTcp } from '../support/endpoints.ts';
import { until } from '../support/until.ts';

/** The heading above and the code of each program. */
function programsOf(page: string): { title: string; code: string }[] {
  const sections = readFileSync(join(ROOT, page), 'utf8').split(/^## /m);
  return sections.flatMap((section) => {
    const [heading = ''] = section.split('\n', 1);
    const blocks = [...section.matchAll(/^```ts\n(.*?)^```$/gms)];
    return blocks.map(([, code = ''], i) => ({
      title: blocks.length > 1 ? `${heading}, ${i + 1}` : heading,
      code,
    }));
  });
}

/** What the program says that it prints. */
function promisedBy(code: string): string {
  const lines = [...code.matchAll(/console\.log\(.*\);? \/\/ (.*)$/gm)];
  return lines.map(([, line]) => `${line}\n`).join('');
}

/** Changes ports to such as nobody uses. */
async function toFreePorts(texts: { source: string; script: string }): Promise<typeof texts> {
  let { source, script } = texts;
  for (const endpoint of new Set(source.match(/tcp:\/\/127\.0\.0\.1:\d+/g))) {
    const free = await freshTcp();
    source = source.replaceAll(endpoint, free);
    script = script.replaceAll(endpoint, free);
  }
  return { source, script };
}

const programs = programsOf('docs/guide/sockets.md');
const folder = mkdtempSync(join(tmpdir(), 'zscale-guide-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the compiler says about all of them; it leaves JavaScript beside each. */
async function compile(): Promise<string> {
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const [i, { code }] of programs.entries()) writeFileSync(join(folder, `${i}.ts`), code);
  const require = createRequire(import.meta.url);
  const compiler = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  const flags = '--strict --module nodenext --target es2022 --moduleDetection force --types node';
  const files = programs.map((_, i) => `${i}.ts`);
  const run = promisify(execFile)(process.execPath, [compiler, ...flags.split(' '), ...files], {
    cwd: folder,
  });
  return run.then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  );
}

describe('docs/guide/sockets.md', () => {
  let complaints = 'not compiled';
  beforeAll(async () => {
    complaints = await compile();
  }, 120_000);

  it('has programs that compile', () => {
    expect(programs.length).toBeGreaterThan(10);
    expect(complaints).toBe('');
  });

  for (const [i, { title, code }] of programs.entries()) {
    it(`prints what it says: ${title}`, async () => {
      const script = readFileSync(join(folder, `${i}.js`), 'utf8');
      const moved = await toFreePorts({ source: code, script });
      const promised = promisedBy(moved.source);
      expect(promised).not.toBe('');
      writeFileSync(join(folder, `${i}.js`), moved.script);
      const program = new Program(process.execPath, [join(folder, `${i}.js`)]);
      await until(
        () => program.hasEnded || program.stdout.length >= promised.length,
        `the program to print ${promised}`,
      );
      if (program.hasEnded) await program.end(); // with what it printed last
      expect({ stdout: program.stdout, stderr: program.stderr }).toEqual({
        stdout: promised,
        stderr: '',
      });
    });
  }
});
