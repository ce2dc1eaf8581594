/*
 * The code in docs/guide/security.md runs as it stands there, and prints what it says it prints.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';

const page = readFileSync(new URL('../../../docs/guide/security.md', import.meta.url), 'utf8');
const samples = [...page.matchAll(/^## (.+)$|```ts\n([\s\S]*?)```/gm)];

/** Inside the project, where `@zscale/transport` can be found. */
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(fileURLToPath(new URL('.', import.meta.url)), 'guide-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('docs/guide/security.md', () => {
  let heading = '';
  for (const [index, [, title, code]] of samples.entries()) {
    if (title !== undefined) heading = title;
    if (code === undefined) continue;
    it(`has code that runs under "${heading}" (${index})`, async () => {
      const printed: string[] = [];
      const log = vi.spyOn(console, 'log').mockImplementation((...words) => {
        printed.push(words.join(' '));
      });
      onTestFinished(() => log.mockRestore());
      const path = join(folder, `sample-${index}.ts`);
      writeFileSync(path, code);
      await import(path);
      const promised = [...code.matchAll(/console\.log\(String\(.*\); \/\/ (.*)$/gm)];
      expect(printed.slice(0, promised.length)).toEqual(
        promised.length === 0 ? [] : promised.map(([, words]) => words),
      );
    });
  }

  it('has code at all', () => {
    expect(samples.filter(([, , code]) => code !== undefined).length).toBeGreaterThan(3);
  });
});
