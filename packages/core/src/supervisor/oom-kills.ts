/**
 * How often the kernel killed a process of this cgroup because memory ran out: it sends a SIGKILL
 * like anybody's, and this counter is the only one who tells.
 *
 * cgroup v2: `oom_kill` of `memory.events` (Linux admin-guide/cgroup-v2).
 */

import { readFileSync } from 'node:fs';
import path from 'node:path';

const MOUNT = 'sys/fs/cgroup';

/**
 * The counter; undefined where it cannot be read: another system, cgroup v1, no limit on memory.
 *
 * @param root - the folder that holds `proc` and `sys`. Default `/`.
 */
export function readOomKills(root: string = '/'): number | undefined {
  const [, own = ''] = /^0::(.*)$/m.exec(textOf(path.join(root, 'proc/self/cgroup'))) ?? [];
  // In a container the mount may show just this cgroup, whatever its name is outside.
  for (const folder of [path.join(root, MOUNT, own), path.join(root, MOUNT)]) {
    const [, count] = /^oom_kill (\d+)$/m.exec(textOf(path.join(folder, 'memory.events'))) ?? [];
    if (count !== undefined) return Number(count);
  }
  return undefined;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // There is none: nothing is counted here.
  }
}
