import { describe, expect, it } from 'vitest';
import { type Death, explainDeath } from '../../../packages/core/src/supervisor/death-report.ts';

const DEATH: Death = { code: null, signal: null, hang: undefined, outOfMemory: false };

describe('why a worker died', () => {
  it.each<[Partial<Death>, RegExp]>([
    [{ code: 0 }, /^it ended itself with exit code 0$/],
    [{ code: 1 }, /exit code 1: an error that nobody caught/],
    [{ code: 3 }, /exit code 3$/],
    [{ signal: 'SIGKILL' }, /somebody killed it, or the kernel/],
    [{ signal: 'SIGKILL', outOfMemory: true }, /^the kernel killed it: .*oom_kill/],
    [{ code: 137, outOfMemory: true }, /^the kernel killed it: .*oom_kill/],
    [{ signal: 'SIGABRT' }, /heap was full/],
    [{ code: 134 }, /^SIGABRT: .*heap was full/],
    [{ signal: 'SIGSEGV' }, /native code/],
    [{}, /^there was no process: it could not be started$/],
    [{ signal: 'SIGUSR2' }, /^it was ended by SIGUSR2$/],
    [{ signal: 'SIGKILL', hang: { ms: 31_000, stack: undefined } }, /stood still for 31000 ms/],
  ])('of %o', (facts, expected) => {
    expect(explainDeath({ ...DEATH, ...facts })).toMatch(expected);
  });

  it('is not said to be a lack of memory when something else ended it', () => {
    expect(explainDeath({ ...DEATH, code: 3, outOfMemory: true })).not.toMatch(/memory/);
  });
});
