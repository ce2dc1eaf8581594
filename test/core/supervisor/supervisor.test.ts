/*
 * The supervisor with real processes, where the reason not to start one is the machine's.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { Supervisor } from '../../../packages/core/src/supervisor/supervisor.ts';
import { until } from '../../support/until.ts';

const READY =
  "process.send({ type: 'ready' }); process.on('message', ({ type }) => type === 'stop' && process.exit(0));";

let supervisor: Supervisor | undefined;
afterEach(() => supervisor?.kill());

function spawnWorker(): ChildProcess {
  return spawn(process.execPath, ['-e', READY], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

function shortage(code: string): Error {
  return Object.assign(new Error(`spawn node ${code}`), { code });
}

describe('a machine that is short of descriptors', () => {
  it('delays a restart, and does not count as a crash of the worker', async () => {
    const warnings: string[] = [];
    const crashLoops: unknown[] = [];
    let refusals = 0;
    const logger = {
      debug() {},
      info() {},
      error() {},
      warn: (_facts: object | string, text?: string) => void warnings.push(text ?? ''),
      child: () => logger,
    };
    supervisor = new Supervisor({
      fork: () => {
        if (refusals === 0) return spawnWorker();
        refusals -= 1;
        throw shortage('EMFILE');
      },
      subject: 'a worker of this test',
      policy: { maxRestarts: 1, restartWindow: 60_000, restartDelay: 0, restartMaxDelay: 1 },
      startTimeout: 20_000,
      gracefulTimeout: 1000,
      logger,
      sink: {
        drainWorker: () => Promise.resolve(),
        heldBy: () => ({ count: 0, oldest: 0, names: [], again: 0 }),
        workerStarted() {},
        workerReady() {},
        workerBound() {},
        workerExited() {},
        workerRestarting() {},
        crashLoop: (error) => void crashLoops.push(error),
      },
    });
    await supervisor.start(1);
    const [before] = supervisor.workers;
    refusals = 5;
    process.kill(before?.pid ?? 0, 'SIGKILL');
    await until(() => supervisor?.workers[0]?.state === 'ready' && refusals === 0);
    expect(supervisor.workers[0]?.pid).not.toBe(before?.pid);
    expect(crashLoops).toEqual([]);
    expect(warnings.filter((text) => text.includes('could not be started'))).toHaveLength(5);
  });
});
