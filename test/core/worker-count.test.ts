import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  chooseWorkerCount,
  type MachineFacts,
  readMachineFacts,
} from '../../packages/core/src/worker-count.ts';

const MIB = 1024 * 1024;

function facts(some: Partial<MachineFacts>): MachineFacts {
  return { cpus: 16, cpuLimit: undefined, memoryLimit: undefined, wish: undefined, ...some };
}

const cpuLimit = (amount: number) => ({ amount, source: 'cgroup cpu.max …' });
const memoryLimit = (mib: number) => ({ amount: mib * MIB, source: 'cgroup memory.max …' });

describe('the number of workers', () => {
  it.each<[Partial<MachineFacts>, number, string]>([
    [{}, 16, '16 workers: one for each of 16 CPUs'],
    [{ cpus: 1 }, 1, '1 worker: there is 1 CPU'],
    [{ cpuLimit: cpuLimit(2) }, 2, '2 workers: 2 of 16 CPUs (cgroup cpu.max …)'],
    [{ cpuLimit: cpuLimit(1.5) }, 2, '2 workers: 1.5 of 16 CPUs (cgroup cpu.max …)'],
    [{ cpuLimit: cpuLimit(0.1) }, 1, '1 worker: 0.1 of 16 CPUs (cgroup cpu.max …)'],
    [{ cpuLimit: cpuLimit(1 / 3) }, 1, '1 worker: 0.33 of 16 CPUs (cgroup cpu.max …)'],
    [{ cpuLimit: cpuLimit(32) }, 16, '16 workers: one for each of 16 CPUs'],
    [
      { memoryLimit: memoryLimit(400) },
      3,
      '3 workers: 400 MiB of memory at 128 MiB each (cgroup memory.max …)',
    ],
    [
      { memoryLimit: memoryLimit(64) },
      1,
      '1 worker: 64 MiB of memory at 128 MiB each (cgroup memory.max …)',
    ],
    [{ memoryLimit: memoryLimit(65_536) }, 16, '16 workers: one for each of 16 CPUs'],
    [
      { cpuLimit: cpuLimit(4), memoryLimit: memoryLimit(256) },
      2,
      '2 workers: 256 MiB of memory at 128 MiB each (cgroup memory.max …)',
    ],
    [
      { cpuLimit: cpuLimit(2), memoryLimit: memoryLimit(512) },
      2,
      '2 workers: 2 of 16 CPUs (cgroup cpu.max …)',
    ],
    [
      { cpuLimit: cpuLimit(2), wish: { variable: 'ZSCALE_WORKERS', value: '24' } },
      24,
      '24 workers: ZSCALE_WORKERS=24',
    ],
    [
      { cpus: 4, wish: { variable: 'WEB_CONCURRENCY', value: 'auto' } },
      4,
      '4 workers: one for each of 4 CPUs',
    ],
  ])('for %o is %i, and says why', (some, workers, reason) => {
    expect(chooseWorkerCount(facts(some))).toEqual({ workers, reason });
  });

  it.each(['0', '-1', 'x', '1.5', '1025', ' 4', '1e3'])(
    'is refused when the environment asks for %j',
    (value) => {
      const wish = { variable: 'WEB_CONCURRENCY', value };
      expect(() => chooseWorkerCount(facts({ wish }))).toThrow(
        expect.objectContaining({
          code: 'ZSCALE_ERR_OPTIONS',
          message: expect.stringMatching(
            /^The environment variable WEB_CONCURRENCY must be .+ got/,
          ),
        }),
      );
    },
  );

  it('is at least one and at most the number of CPUs, whatever the limits', () => {
    const limit = fc.option(fc.double({ min: 0, noNaN: true }), { nil: undefined });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 512 }), limit, limit, (cpus, quota, bytes) => {
        const { workers } = chooseWorkerCount({
          cpus,
          cpuLimit: quota ? { amount: quota, source: '' } : undefined,
          memoryLimit: bytes === undefined ? undefined : { amount: bytes, source: '' },
          wish: undefined,
        });
        expect(Number.isInteger(workers) && workers >= 1 && workers <= cpus).toBe(true);
      }),
    );
  });
});

describe('the facts about a machine', () => {
  const roots: string[] = [];
  afterEach(() => {
    for (const root of roots.splice(0)) rmSync(root, { recursive: true });
  });

  /** A root folder with these files in it. */
  function machine(files: Record<string, string>): string {
    const root = mkdtempSync(join(tmpdir(), 'zscale-machine-'));
    roots.push(root);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), `${text}\n`);
    }
    return root;
  }

  const read = (files: Record<string, string>): MachineFacts =>
    readMachineFacts({ root: machine(files), env: {}, cpus: 16 });

  const V2_MOUNT = '30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate';
  const GIB = 1024 * MIB;

  it('are only the CPUs where there are no cgroups', () => {
    expect(read({})).toEqual({
      cpus: 16,
      cpuLimit: undefined,
      memoryLimit: undefined,
      wish: undefined,
    });
  });

  it('have the limits of the cgroup of a container, version 2', () => {
    const { cpuLimit, memoryLimit } = read({
      'proc/self/cgroup': '0::/',
      'proc/self/mountinfo': `22 1 8:1 / / rw - ext4 /dev/sda1 rw\n${V2_MOUNT}`,
      'sys/fs/cgroup/cpu.max': '200000 100000',
      'sys/fs/cgroup/memory.max': '419430400',
    });
    expect(cpuLimit).toEqual({ amount: 2, source: 'cgroup cpu.max 200000/100000' });
    expect(memoryLimit).toEqual({ amount: 419_430_400, source: 'cgroup memory.max 419430400' });
  });

  it('have the tightest limit of the cgroup and its parents, version 2', () => {
    const { cpuLimit, memoryLimit } = read({
      'proc/self/cgroup': '0::/system.slice/app.service',
      'proc/self/mountinfo': V2_MOUNT,
      'sys/fs/cgroup/system.slice/app.service/cpu.max': '800000 100000',
      'sys/fs/cgroup/system.slice/app.service/memory.max': `${GIB}`,
      'sys/fs/cgroup/system.slice/cpu.max': '150000 100000',
      'sys/fs/cgroup/system.slice/memory.max': `${2 * GIB}`,
    });
    expect(cpuLimit?.amount).toBe(1.5);
    expect(memoryLimit?.amount).toBe(GIB);
  });

  it('have no limit where the files say max', () => {
    const { cpuLimit, memoryLimit } = read({
      'proc/self/cgroup': '0::/app',
      'proc/self/mountinfo': V2_MOUNT,
      'sys/fs/cgroup/app/cpu.max': 'max 100000',
      'sys/fs/cgroup/app/memory.max': 'max',
    });
    expect([cpuLimit, memoryLimit]).toEqual([undefined, undefined]);
  });

  it('have the limits of version 1, whose controllers are mounted one by one', () => {
    const { cpuLimit, memoryLimit } = read({
      'proc/self/cgroup': '9:memory:/docker/3f\n4:cpu,cpuacct:/docker/3f\n0::/',
      'proc/self/mountinfo': [
        '31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755',
        '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
        '35 31 0:32 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory',
      ].join('\n'),
      'sys/fs/cgroup/cpu,cpuacct/docker/3f/cpu.cfs_quota_us': '-1',
      'sys/fs/cgroup/cpu,cpuacct/docker/3f/cpu.cfs_period_us': '100000',
      'sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_quota_us': '300000',
      'sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_period_us': '100000',
      'sys/fs/cgroup/memory/docker/3f/memory.limit_in_bytes': '268435456',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712',
    });
    expect(cpuLimit).toEqual({ amount: 3, source: 'cgroup cpu.cfs_quota_us 300000/100000' });
    expect(memoryLimit).toEqual({
      amount: 268_435_456,
      source: 'cgroup memory.limit_in_bytes 268435456',
    });
  });

  it("find a container's limits where only its own part of the tree is mounted", () => {
    const { memoryLimit } = read({
      'proc/self/cgroup': '9:memory:/docker/3f',
      'proc/self/mountinfo':
        '35 31 0:32 /docker/3f /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '268435456',
    });
    expect(memoryLimit?.amount).toBe(268_435_456);
  });

  it('have the limits of the mount where the cgroup itself cannot be seen', () => {
    const { cpuLimit } = read({
      'proc/self/cgroup': '0::/../../elsewhere',
      'proc/self/mountinfo': V2_MOUNT,
      'sys/fs/cgroup/cpu.max': '100000 100000',
    });
    expect(cpuLimit?.amount).toBe(1);
  });

  it('are no limits where files hold nonsense', () => {
    const { cpuLimit, memoryLimit } = read({
      'proc/self/cgroup': 'nonsense\n0::/',
      'proc/self/mountinfo': `nonsense\n\n${V2_MOUNT}`,
      'sys/fs/cgroup/cpu.max': '0 0',
      'sys/fs/cgroup/memory.max': 'lots',
    });
    expect([cpuLimit, memoryLimit]).toEqual([undefined, undefined]);
  });

  it('have what the environment asks for, ZSCALE_WORKERS first', () => {
    const wishIn = (env: Record<string, string>) =>
      readMachineFacts({ root: '/nowhere', env, cpus: 1 }).wish;
    expect(wishIn({ WEB_CONCURRENCY: '3' })).toEqual({ variable: 'WEB_CONCURRENCY', value: '3' });
    expect(wishIn({ WEB_CONCURRENCY: '3', ZSCALE_WORKERS: '5' })).toEqual({
      variable: 'ZSCALE_WORKERS',
      value: '5',
    });
    expect(wishIn({ WEB_CONCURRENCY: '3', ZSCALE_WORKERS: '' })?.value).toBe('3');
    expect(wishIn({})).toBeUndefined();
  });

  it('can be read on this very machine', () => {
    const real = readMachineFacts({ env: {} });
    expect(real.cpus).toBe(availableParallelism());
    expect(chooseWorkerCount(real).workers).toBeGreaterThanOrEqual(1);
  });
});
