/*
 * The sessions of docs/guide/zeromq-knife.md print what the page says, at free ports in place of those of the page.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BIN, Program, ROOT } from '../support/cli.ts';
import { freshTcp } from '../support/endpoints.ts';

interface Session {
  readonly title: string;
  readonly commands: readonly string[];
  readonly printed: string;
}

/** What is typed in each block, and what comes. */
function sessionsOf(page: string): Session[] {
  const sections = readFileSync(join(ROOT, page), 'utf8').split(/^## /m);
  return sections.flatMap((section) => {
    const [heading = ''] = section.split('\n', 1);
    return [...section.matchAll(/^```console\n(.*?)^```$/gms)].map(([, block = ''], i) => {
      const lines = block.split('\n').filter((line) => line !== '');
      return {
        title: `${heading}, ${i + 1}`,
        commands: lines.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2)),
        printed: lines
          .filter((line) => !line.startsWith('$ '))
          .map((line) => `${line}\n`)
          .join(''),
      };
    });
  });
}

describe('docs/guide/zeromq-knife.md', () => {
  const sessions = sessionsOf('docs/guide/zeromq-knife.md');

  it('has a session for each part', () => {
    expect(sessions.length).toBeGreaterThan(5);
    expect(sessions.filter(({ printed }) => printed === '')).toEqual([]);
  });

  it.each(sessions)('prints what it says: $title', async ({ commands, printed }) => {
    const folder = mkdtempSync(join(tmpdir(), 'zscale-knife-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    mkdirSync(join(folder, 'bin'));
    const command = `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`;
    writeFileSync(join(folder, 'bin', 'zscale'), command, { mode: 0o755 });
    let script = [
      `PATH=${folder}/bin:$PATH`,
      "trap 'kill $(jobs -p) 2> /dev/null' EXIT",
      'exec 2>&1',
      ...commands,
    ].join('\n');
    let expected = printed;
    for (const endpoint of new Set(script.match(/tcp:\/\/127\.0\.0\.1:\d+/g))) {
      const free = await freshTcp();
      script = script.replaceAll(endpoint, free);
      expected = expected.replaceAll(endpoint, free);
    }
    const { stdout } = await new Program('bash', ['-c', script], { cwd: folder }).end();
    expect(stdout).toBe(expected);
  });
});
