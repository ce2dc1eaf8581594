/*
 * A machine that systemd has booted: systemd itself as process 1 of namespaces of their own, with units of ours and folders that are gone
 * with it. It shares the network with the tests, so that they are its clients. There is no journal.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Program, ROOT } from './cli.ts';
import { closing } from './closing.ts';
import { childrenOf } from './programs.ts';
import { until } from './until.ts';

const SYSTEMD = '/lib/systemd/systemd';
const SPACES = ['--pid', '--fork', '--mount', '--uts', '--ipc', '--cgroup', '--kill-child'];

/** Where the machine has the project, the checkout, and its units. */
export const APP = '/srv/app';
export const CHECKOUT = '/srv/zscale';
export const UNITS = '/srv/units';

/** What units stand on: without the rest of a Debian, nothing else starts. */
const TARGETS = ['sysinit', 'basic', 'sockets', 'network-online', 'multi-user'];
const LAST_TARGETS = ['shutdown', 'umount', 'final'];

/** Boots; $1 is the project, $2 the checkout. Both may be below /tmp. The settings of the kernel are not this machine's to change. */
const BOOT = `set -e
mount --make-rprivate /
mount -t proc proc /proc
mount --bind /proc/sys /proc/sys
mount -o remount,ro,bind /proc/sys
for folder in /srv /run /var/lib; do mount -t tmpfs tmpfs $folder; done
mkdir ${APP} ${CHECKOUT} ${UNITS}
mount --bind "$1" ${APP}
mount --bind "$2" ${CHECKOUT}
cd ${UNITS}
for folder in /tmp /var/tmp; do mount -t tmpfs -o mode=1777 tmpfs $folder; done
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for target in ${TARGETS.join(' ')}; do echo '[Unit]' > $target.target; done
for target in ${LAST_TARGETS.join(' ')}; do printf '[Unit]\\nDefaultDependencies=no\\n' > $target.target; done
export container=zscale SYSTEMD_UNIT_PATH=${UNITS}
exec ${SYSTEMD} --system --unit=multi-user.target --log-target=null --show-status=no`;

const run = promisify(execFile);

/** Where a cgroup of v2 is made; undefined where there is none. */
const cgroups = cgroupsHere();

/** Why there can be no such machine here; undefined when there can. */
export const noSystemdMachine: string | undefined = whyNot();

function cgroupsHere(): string | undefined {
  try {
    const [, mount] = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/self/mounts', 'utf8')) ?? [];
    const [, own] = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8')) ?? [];
    return mount === undefined || own === undefined ? undefined : join(mount, dirname(own));
  } catch {
    return undefined; // there is no /proc
  }
}

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'systemd as process 1 needs root';
  if (cgroups === undefined) return 'there are no cgroups of version 2';
  if (spawnSync(SYSTEMD, ['--version']).status !== 0) return `there is no ${SYSTEMD}`;
  const tried = spawnSync('unshare', [...SPACES, 'mount', '--make-rprivate', '/']);
  if (tried.status !== 0) return `there are no namespaces: ${tried.stderr}`;
  try {
    rmdirSync(mkdtempSync(join(cgroups, 'zscale-test-')));
  } catch (error) {
    return `a cgroup cannot be made: ${error}`;
  }
  return undefined;
}

/** What a command on the machine came to. */
export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A booted machine, until the running test ends. */
export class SystemdMachine {
  readonly #program: Program;
  readonly #cgroup: string;
  /** Process 1, as it is called outside. */
  #first = 0;

  private constructor(program: Program, cgroup: string) {
    this.#program = program;
    this.#cgroup = cgroup;
  }

  /** Boots it with the files of `app` in {@link APP}; resolves when systemd says that it runs. */
  static async boot(app: string): Promise<SystemdMachine> {
    if (cgroups === undefined) throw new Error(noSystemdMachine);
    const cgroup = mkdtempSync(join(cgroups, 'zscale-test-'));
    const enter = 'echo $$ > "$0/cgroup.procs" && exec "$@"';
    const boot = ['unshare', ...SPACES, '/bin/sh', '-c', BOOT, 'boot', app, ROOT];
    const program = new Program('/bin/sh', ['-c', enter, cgroup, ...boot]);
    const machine = closing(new SystemdMachine(program, cgroup));
    await until(async () => {
      if (program.hasEnded) throw new Error(program.stderr);
      [machine.#first = 0] = childrenOf(program.pid ?? 0);
      const { stdout } = await machine.run('systemctl', 'is-system-running');
      return stdout === 'running\n';
    }, 'systemd to run');
    return machine;
  }

  /** Runs a command there, and resolves with what came of it. */
  async run(...words: readonly string[]): Promise<Ran> {
    if (this.#first === 0) throw new Error('the machine has no process 1 yet');
    const inside = ['--target', String(this.#first), '--mount', '--pid', '--'];
    try {
      const { stdout, stderr } = await run('nsenter', [...inside, ...words]);
      return { exitCode: 0, stdout, stderr };
    } catch (error) {
      // The only thing that execFile rejects with: what it said, and how it ended.
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { exitCode: code, stdout, stderr };
    }
  }

  /** Pulls its plug. */
  async close(): Promise<void> {
    await this.#program.close();
    await until(() => {
      remove(this.#cgroup); // refused while a process is in it
      return true;
    }, `nobody to be in ${this.#cgroup}`);
  }
}

function remove(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) remove(join(folder, entry.name));
  }
  rmdirSync(folder);
}
