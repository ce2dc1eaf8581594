/*
 * The programs of these pages are what the pages say they are: TypeScript that compiles, runs, and prints what stands behind `//`
 * after each `console.log`. One that begins with `// name.ts` is a module of that name, for the others to load.
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
import { freshGroup, freshTcp } from '../support/endpoints.ts';
import { until } from '../support/until.ts';

/** The heading above, the code, and the name of the file without `.ts`. */
interface Block {
  readonly title: string;
  readonly code: string;
  readonly name: string;
  readonly isModule: boolean;
}

/** Every block of code of a page. */
function blocksOf(page: string): Block[] {
  let count = 0;
  const sections = readFileSync(join(ROOT, page), 'utf8').split(/^## /m);
  return sections.flatMap((section) => {
    const [heading = ''] = section.split('\n', 1);
    const blocks = [...section.matchAll(/^```ts\n(.*?)^```$/gms)];
    return blocks.map(([, code = ''], i) => {
      const module = /^\/\/ (\w+)\.ts\n/.exec(code)?.[1];
      return {
        title: blocks.length > 1 ? `${heading}, ${i + 1}` : heading,
        code,
        name: module ?? `${count++}`,
        isModule: module !== undefined,
      };
    });
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
  for (const group of new Set(source.match(/epgm:\/\/127\.0\.0\.1;[\d.]+:\d+/g))) {
    const free = await freshGroup();
    source = source.replaceAll(group, free);
    script = script.replaceAll(group, free);
  }
  return { source, script };
}

/** What the compiler says about all of them; it leaves JavaScript beside each. */
async function compile(folder: string, blocks: readonly Block[]): Promise<string> {
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const { name, code } of blocks) writeFileSync(join(folder, `${name}.ts`), code);
  const require = createRequire(import.meta.url);
  const compiler = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  const flags = '--strict --module nodenext --target es2022 --moduleDetection force --types node';
  const files = blocks.map(({ name }) => `${name}.ts`);
  const run = promisify(execFile)(process.execPath, [compiler, ...flags.split(' '), ...files], {
    cwd: folder,
  });
  return run.then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  );
}

describe.each([
  ['docs/guide/sockets.md', 10],
  ['docs/guide/handlers.md', 5],
  ['docs/guide/multicast.md', 1],
])('%s', (page, least) => {
  const blocks = blocksOf(page);
  const programs = blocks.filter(({ isModule }) => !isModule);
  const folder = mkdtempSync(join(tmpdir(), 'zscale-guide-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  let complaints = 'not compiled';
  beforeAll(async () => {
    complaints = await compile(folder, blocks);
  }, 120_000);

  it('has programs that compile', () => {
    expect(programs.length).toBeGreaterThan(least);
    expect(complaints).toBe('');
  });

  for (const { title, code, name } of programs) {
    it(`prints what it says: ${title}`, async () => {
      const file = join(folder, `${name}.js`);
      const moved = await toFreePorts({ source: code, script: readFileSync(file, 'utf8') });
      const promised = promisedBy(moved.source);
      expect(promised).not.toBe('');
      writeFileSync(file, moved.script);
      const program = new Program(process.execPath, [file], {
        env: { ZSCALE_LOG_LEVEL: 'error' }, // of those that say on stderr that they serve
      });
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
