/*
 * docs/guide/two-machines.md is true: its commands are commands, its programs compile, and what it tells to type, in order, makes a
 * service on two machines. Both are this one, and names and ports are changed to such as are here.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseArguments } from '../../packages/cli/src/args.ts';
import { ROOT, startZscale, zscale } from '../support/cli.ts';
import { freshTcp } from '../support/endpoints.ts';

const page = readFileSync(join(ROOT, 'docs/guide/two-machines.md'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'zscale-guide-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The blocks of one language below a heading, or of the whole page. */
function blocks(language: string, heading?: string): string[] {
  const section = page.split(/^## /m).find((each) => each.startsWith(`${heading}\n`));
  const text = heading === undefined ? page : (section ?? '');
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(
    ([, code = '']) => code,
  );
}

/** Words as a shell sees them; the page quotes with '' only. */
function words(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain = '']) => quoted ?? plain);
}

/** Every command of the page, as arguments of zscale. */
const commands = [...page.matchAll(/^.*?\bzscale ((?:run|join|call|keygen) .*)$/gm)]
  .map(([line, rest = '']) => ({ line, args: words(rest) }))
  .filter(({ line }) => !line.includes('`'));

describe('docs/guide/two-machines.md', () => {
  it('has commands that the command line takes', () => {
    expect(commands.length).toBeGreaterThan(7);
    for (const { line, args } of commands) {
      expect(parseArguments(args, '').command, line).toBe(args[0]);
    }
  });

  it('has programs that compile', () => {
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    const programs = blocks('ts');
    expect(programs.length).toBe(3);
    const files = programs.map((code, i) => {
      writeFileSync(join(folder, `${i}.ts`), code);
      return `${i}.ts`;
    });
    const require = createRequire(import.meta.url);
    const compiler = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
    const flags = '--noEmit --strict --module nodenext --target es2022 --types node'.split(' ');
    const run = (): Buffer =>
      execFileSync(process.execPath, [compiler, ...flags, ...files], { cwd: folder });
    expect(run).not.toThrow();
  });

  it('makes a service on two machines with what it says to type', async () => {
    copyFileSync(join(ROOT, 'examples/01-hello/handler.ts'), join(folder, 'server.ts'));
    const ports = await Promise.all([freshTcp(), freshTcp()]);
    const [front, back] = ports.map((endpoint) => endpoint.replace(/^.*:/, ''));
    const here = (text: string): string =>
      text
        .replaceAll(/\*:5555|front:5555/g, `127.0.0.1:${front}`)
        .replaceAll(/\*:5556|front:5556/g, `127.0.0.1:${back}`);
    const typed = ['The first machine', 'The second machine'].flatMap((heading) =>
      blocks('sh', heading).flatMap((block) => block.trim().split('\n')),
    );
    const [keygen = [], run = [], joining = [], call = []] = typed.map((line) =>
      words(here(line)).slice(1),
    );
    expect(await zscale(keygen, { cwd: folder })).toMatchObject({ exitCode: 0 });
    const server = startZscale([...run, '--workers', '1'], { cwd: folder });
    await server.printed(/Ctrl-C/);
    const machine = startZscale([...joining, '--workers', '1'], { cwd: folder });
    await machine.printed(/joined[\s\S]*Ctrl-C/);
    const key = /"(.{40})"/.exec(readFileSync(join(folder, 'service.key'), 'utf8'))?.[1] ?? '';
    const args = call.map((word) => word.replace('THE KEY IN service.key', () => key));
    expect(args).toContain(key);
    const pids = new Set<unknown>();
    while (pids.size < 2) {
      const { exitCode, stdout, stderr } = await zscale(args, { cwd: folder });
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      pids.add(/"pid":(\d+)/.exec(stdout)?.[1]);
    }
    for (const program of [machine, server]) {
      program.signal('SIGINT');
      expect(await program.end()).toMatchObject({ exitCode: 0 });
    }
  });
});
