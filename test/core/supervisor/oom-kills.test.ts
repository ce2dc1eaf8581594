import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readOomKills } from '../../../packages/core/src/supervisor/oom-kills.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'zsoom-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(file: string, text: string): void {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  writeFileSync(path.join(root, file), text);
}

const events = (kills: number): string => `low 0\nhigh 0\nmax 4\noom 2\noom_kill ${kills}\n`;

describe('readOomKills()', () => {
  it('reads the counter of the cgroup that this process is in', () => {
    write('proc/self/cgroup', '0::/app/server\n');
    write('sys/fs/cgroup/app/server/memory.events', events(3));
    write('sys/fs/cgroup/memory.events', events(7));
    expect(readOomKills(root)).toBe(3);
  });

  it('reads the one at the mount where that is all a container can see', () => {
    write('proc/self/cgroup', '0::/../../elsewhere\n');
    write('sys/fs/cgroup/memory.events', events(7));
    expect(readOomKills(root)).toBe(7);
  });

  it.each(['4:memory:/app', '4:hugetlb,memory:/app', '4:memory,hugetlb:/app'])(
    'reads the counter of cgroup v1, where that has the memory (%s)',
    (line) => {
      write('proc/self/cgroup', `9:name=systemd:/\n${line}\n1:cpu:/other\n0::/\n`);
      write('sys/fs/cgroup/memory/app/memory.oom_control', 'oom_kill_disable 0\noom_kill 5\n');
      write('sys/fs/cgroup/memory/memory.oom_control', 'oom_kill_disable 0\noom_kill 9\n');
      expect(readOomKills(root)).toBe(5);
    },
  );

  it('knows nothing where nothing is counted', () => {
    expect(readOomKills(root)).toBeUndefined();
    write('proc/self/cgroup', '4:memory:/app\n');
    write('sys/fs/cgroup/memory/app/memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\n');
    write('sys/fs/cgroup/memory.events', 'low 0\n');
    expect(readOomKills(root)).toBeUndefined();
  });
});
