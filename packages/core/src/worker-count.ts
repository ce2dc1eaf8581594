/**
 * How many workers `workers: 'auto'` means on this machine, and why.
 *
 * `readMachineFacts` looks (CPUs, the limits of the cgroups this process is in, the environment);
 * `chooseWorkerCount` decides, and is pure. A container's limit is often set on a parent of its own
 * cgroup, so every level up to the mount counts and the tightest wins.
 *
 * cgroups(7), proc_pid_mountinfo(5); for the files, Linux's admin-guide/cgroup-v2, cgroup-v1/memory
 * and scheduler/sched-bwc.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { posix } from 'node:path';
import { ZscaleError } from './errors.ts';
import { MAX_WORKERS } from './options.ts';

const BYTES_PER_MIB = 1024 * 1024;

/** What one worker is reckoned to need: Node itself, a program, and some data. */
const WORKER_MEMORY_MIB = 128;

/**
 * Variables that set the number; the first that is set wins. The second is known from Heroku and
 * gunicorn.
 */
const VARIABLES = ['ZSCALE_WORKERS', 'WEB_CONCURRENCY'] as const;

/** A limit, and where it stands for those who want to look. */
export interface Limit {
  readonly amount: number;
  /** `cgroup cpu.max 200000/100000` */
  readonly source: string;
}

/** All that the number of workers depends on. */
export interface MachineFacts {
  /** CPUs this process may run on. */
  readonly cpus: number;
  /** CPU time it may use, in CPUs, also as a fraction; undefined where there is no limit. */
  readonly cpuLimit: Limit | undefined;
  /** Memory it may use, in bytes; undefined where there is no limit. */
  readonly memoryLimit: Limit | undefined;
  /** What the environment asks for, as it stands there; undefined where it asks for nothing. */
  readonly wish: { readonly variable: string; readonly value: string } | undefined;
}

/** The decision, with one sentence that an operator can check. */
export interface WorkerCount {
  readonly workers: number;
  /** `2 workers: 2 of 16 CPUs (cgroup cpu.max 200000/100000)` */
  readonly reason: string;
}

/**
 * Chooses the number of workers: what the environment asks for, else one for each CPU, as far as
 * the CPU limit (rounded up) and the memory limit (at 128 MiB each) allow; one at least.
 *
 * @throws ZscaleError `ZSCALE_ERR_OPTIONS` when the environment asks for neither a number from 1 to
 *   1024 nor `auto`
 */
export function chooseWorkerCount(facts: MachineFacts): WorkerCount {
  const { cpus, cpuLimit, memoryLimit, wish } = facts;
  if (wish !== undefined && wish.value !== 'auto') {
    return because(parseWish(wish.variable, wish.value), `${wish.variable}=${wish.value}`);
  }
  let choice = because(cpus, cpus === 1 ? 'there is 1 CPU' : `one for each of ${cpus} CPUs`);
  if (cpuLimit !== undefined && Math.ceil(cpuLimit.amount) < choice.workers) {
    const share = `${rounded(cpuLimit.amount)} of ${cpus} CPUs`;
    choice = because(Math.ceil(cpuLimit.amount), `${share} (${cpuLimit.source})`);
  }
  if (memoryLimit !== undefined) {
    const mib = memoryLimit.amount / BYTES_PER_MIB;
    const fitting = Math.max(1, Math.floor(mib / WORKER_MEMORY_MIB));
    if (fitting < choice.workers) {
      const share = `${rounded(mib)} MiB of memory at ${WORKER_MEMORY_MIB} MiB each`;
      choice = because(fitting, `${share} (${memoryLimit.source})`);
    }
  }
  return choice;
}

function because(workers: number, why: string): WorkerCount {
  return { workers, reason: `${workers} ${workers === 1 ? 'worker' : 'workers'}: ${why}` };
}

function parseWish(variable: string, value: string): number {
  const workers = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (workers >= 1 && workers <= MAX_WORKERS) return workers;
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    `The environment variable ${variable} must be a whole number from 1 to ${MAX_WORKERS}, ` +
      `or auto; got ${JSON.stringify(value)}. Correct it or unset it.`,
  );
}

/** Two digits behind the point at most, and only where they say something. */
function rounded(amount: number): string {
  return String(Math.round(amount * 100) / 100);
}

/** Where to look; every field is what this process has by default. */
export interface MachineView {
  /** The folder that holds `proc` and, behind the mount points, the cgroups. Default `/`. */
  readonly root?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default `os.availableParallelism()`. */
  readonly cpus?: number;
}

/**
 * Looks at the machine. Never throws: what cannot be read, as outside of Linux, is no limit. Reads
 * a dozen small files at once, so it belongs to the start of a service.
 */
export function readMachineFacts(view: MachineView = {}): MachineFacts {
  const { root = '/', env = process.env, cpus = availableParallelism() } = view;
  const variable = VARIABLES.find((name) => (env[name] ?? '') !== '');
  const folders = cgroupFolders(root);
  return {
    cpus,
    cpuLimit: tightest(folders.flatMap((folder) => [cpuMax(folder), cfsQuota(folder)])),
    memoryLimit: tightest(
      folders.flatMap((folder) => [
        memoryLimitOf(folder, 'memory.max'),
        memoryLimitOf(folder, 'memory.limit_in_bytes'),
      ]),
    ),
    wish: variable === undefined ? undefined : { variable, value: env[variable] ?? '' },
  };
}

/**
 * The folders whose files limit this process: its cgroups and their parents, as far as they are
 * mounted.
 */
function cgroupFolders(root: string): string[] {
  const paths = new Map<string, string>();
  for (const line of linesOf(root, 'proc/self/cgroup')) {
    // "4:cpu,cpuacct:/docker/3f2a" in v1; in v2, whose controllers share one tree,
    // "0::/docker/3f2a".
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    for (const controller of controllers.split(',')) paths.set(controller, path);
  }
  const folders: string[] = [];
  for (const line of linesOf(root, 'proc/self/mountinfo')) {
    // "31 23 0:28 <root> <mount point> rw,relatime - cgroup cgroup rw,cpu,cpuacct"
    const [mount = '', source = ''] = line.split(' - ');
    const [, , , mountRoot = '/', mountPoint = '/'] = mount.split(' ');
    const [type, , options = ''] = source.split(' ');
    const controller =
      type === 'cgroup2'
        ? ''
        : options.split(',').find((name) => name === 'cpu' || name === 'memory');
    const path = controller === undefined ? undefined : paths.get(controller);
    if (path === undefined || !type?.startsWith('cgroup')) continue;
    const top = posix.join(root, mountPoint);
    let folder = posix.join(top, pathBelow(mountRoot, path));
    for (; folder.length > top.length; folder = posix.dirname(folder)) folders.push(folder);
    folders.push(top);
  }
  return folders;
}

/**
 * A cgroup's path as seen from a mount of its tree. In a container the mount may show only a part
 * of the tree; where the cgroup is outside of that part, the mount itself is the nearest we can
 * see.
 */
function pathBelow(mountRoot: string, path: string): string {
  const below = posix.relative(mountRoot, path);
  return below.split('/').includes('..') ? '' : below;
}

/** v2: "200000 100000", quota and period in microseconds, or "max 100000". */
function cpuMax(folder: string): Limit | undefined {
  const [quota, period] = linesOf(folder, 'cpu.max')[0]?.split(' ') ?? [];
  return cpuLimitOf('cpu.max', quota, period);
}

/** v1: two files; a quota of -1 is none. */
function cfsQuota(folder: string): Limit | undefined {
  const [quota] = linesOf(folder, 'cpu.cfs_quota_us');
  const [period] = linesOf(folder, 'cpu.cfs_period_us');
  return cpuLimitOf('cpu.cfs_quota_us', quota, period);
}

function cpuLimitOf(file: string, quota?: string, period?: string): Limit | undefined {
  const amount = Number(quota) / Number(period);
  return amount > 0 && Number.isFinite(amount)
    ? { amount, source: `cgroup ${file} ${quota}/${period}` }
    : undefined;
}

/** "419430400" or, for no limit, "max" in v2 and the largest page-aligned int64 in v1. */
function memoryLimitOf(folder: string, file: string): Limit | undefined {
  const [bytes] = linesOf(folder, file);
  const amount = Number(bytes);
  return Number.isSafeInteger(amount) ? { amount, source: `cgroup ${file} ${bytes}` } : undefined;
}

function tightest(limits: readonly (Limit | undefined)[]): Limit | undefined {
  let least: Limit | undefined;
  for (const limit of limits) {
    if (limit !== undefined && limit.amount < (least?.amount ?? Infinity)) least = limit;
  }
  return least;
}

/** The lines of a file; none where there is no such file. */
function linesOf(folder: string, file: string): string[] {
  try {
    const text = readFileSync(posix.join(folder, file), 'utf8').trim();
    return text === '' ? [] : text.split('\n');
  } catch {
    // Another system, another version of cgroups, or a controller that is off: there is no limit
    // here.
    return [];
  }
}
