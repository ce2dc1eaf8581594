/*
 * A limit on memory that the kernel itself enforces: a cgroup, made for one test, in which a program
 * starts. It is made where the limits above this process hold for it too: in its own cgroup in
 * cgroup v1, and beside it in v2, where a cgroup with processes cannot divide its memory.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { closing } from './closing.ts';
import { until } from './until.ts';

const MOUNT = '/sys/fs/cgroup';

/** Which file takes the limit, and which says whether pages may be swapped out in place of a kill. */
interface Version {
  readonly parent: string;
  readonly limit: string;
  readonly swap: string;
}

const version: Version | undefined = versionHere();

/** Why there can be no such cgroup on this machine; undefined when there can. */
export const noMemoryCgroup: string | undefined = whyNot();

function versionHere(): Version | undefined {
  if (!existsSync('/proc/self/cgroup')) return undefined;
  const cgroups = readFileSync('/proc/self/cgroup', 'utf8');
  const [, old] = /^\d+:memory:(.*)$/m.exec(cgroups) ?? [];
  if (old !== undefined) {
    const parent = join(MOUNT, 'memory', old);
    return { parent, limit: 'memory.limit_in_bytes', swap: 'memory.swappiness' };
  }
  const [, own] = /^0::(.*)$/m.exec(cgroups) ?? [];
  if (own === undefined) return undefined;
  return { parent: join(MOUNT, dirname(own)), limit: 'memory.max', swap: 'memory.swap.max' };
}

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'a cgroup needs root';
  if (version === undefined) return 'there are no cgroups';
  const folder = nameOf(version);
  try {
    mkdirSync(folder);
  } catch (error) {
    return `a cgroup cannot be made: ${error}`;
  }
  const takesLimit = existsSync(join(folder, version.limit));
  rmdirSync(folder);
  return takesLimit ? undefined : `there is no ${version.limit} in ${version.parent}`;
}

function nameOf({ parent }: Version): string {
  return join(parent, `zscale-test-${process.pid}`);
}

/** One cgroup; gone when the running test ends. Programs in it must be started after it. */
export class MemoryCgroup {
  readonly #folder: string;

  /** @param limit in bytes, for all its processes together. */
  constructor(limit: number) {
    if (version === undefined) throw new Error(noMemoryCgroup);
    this.#folder = nameOf(version);
    mkdirSync(this.#folder);
    closing(this);
    writeFileSync(join(this.#folder, version.limit), `${limit}`);
    const swap = join(this.#folder, version.swap);
    if (existsSync(swap)) writeFileSync(swap, '0');
  }

  /** The words of a command that starts this one in the cgroup, with the same process id. */
  around(command: readonly string[]): [string, ...string[]] {
    const script = 'echo $$ > "$0/cgroup.procs" && exec "$@"';
    return ['/bin/sh', '-c', script, this.#folder, ...command];
  }

  async close(): Promise<void> {
    await until(() => {
      rmdirSync(this.#folder); // Refused while a process is in it.
      return true;
    }, `the cgroup ${this.#folder} to be empty`);
  }
}
