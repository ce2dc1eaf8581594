/**
 * How often the kernel killed a process of this cgroup because memory ran out: it sends a SIGKILL
 * like anybody's, and this counter is the only one who tells.
 *
 * `oom_kill` of `memory.events` in cgroup v2 (Linux admin-guide/cgroup-v2), of
 * `memory.oom_control` in v1 (admin-guide/cgroup-v1/memory).
 */

import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Where each version is mounted, what it counts in, and which line of /proc/self/cgroup names ours. */
const VERSIONS = [
  { mount: 'sys/fs/cgroup', file: 'memory.events', own: /^0::(.*)$/m },
  {
    mount: 'sys/fs/cgroup/memory',
    file: 'memory.oom_control',
    own: /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(.*)$/m,
  },
];

/**
 * The counter; undefined where it cannot be read: another system, no limit on memory.
 *
 * @param root - the folder that holds `proc` and `sys`. Default `/`.
 */
export function readOomKills(root: string = '/'): number | undefined {
  const cgroups = textOf(path.join(root, 'proc/self/cgroup'));
  for (const { mount, file, own } of VERSIONS) {
    const [, folder = ''] = own.exec(cgroups) ?? [];
    // In a container the mount may show just this cgroup, whatever its name is outside.
    for (const place of [path.join(root, mount, folder), path.join(root, mount)]) {
      const [, count] = /^oom_kill (\d+)$/m.exec(textOf(path.join(place, file))) ?? [];
      if (count !== undefined) return Number(count);
    }
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
