import { describe, expect, it } from 'vitest';
import { describeFailure, UsageError } from '../../packages/cli/src/failure.ts';

function coded(code: string, message = 'it went wrong'): Error {
  return Object.assign(new Error(message), { code });
}

describe('a failure', () => {
  it.each([
    ['ZSCALE_ERR_OPTIONS', 2],
    ['EINVAL', 2],
    ['EPROTONOSUPPORT', 2],
    ['ENAMETOOLONG', 2],
    ['ZSCALE_ERR_BOOT', 3],
    ['ZSCALE_ERR_LOAD', 4],
    ['ZSCALE_ERR_CRASH_LOOP', 5],
    ['EADDRINUSE', 1],
    ['EACCES', 1],
    ['ZSCALE_ERR_CLOSED', 1],
  ])('of code %s ends the command with %d', (code, exitCode) => {
    expect(describeFailure(coded(code)).exitCode).toBe(exitCode);
  });

  it('of the command line ends it with 2, in the words it came with', () => {
    expect(describeFailure(new UsageError('--workers takes a number.'))).toEqual({
      text: 'zscale: --workers takes a number.',
      exitCode: 2,
    });
  });

  it('of the system names its errno, once', () => {
    const bare = coded('EADDRINUSE', 'Cannot listen on tcp://*:1: in use.');
    expect(describeFailure(bare).text).toBe(
      'zscale: Cannot listen on tcp://*:1: in use (EADDRINUSE).',
    );
    const named = coded('EACCES', 'EACCES: permission denied');
    expect(describeFailure(named).text).toBe('zscale: EACCES: permission denied');
  });

  it('of a module that threw keeps the place and drops the rest of its stack', () => {
    const message =
      'a.js could not be loaded:\nError: no\n    at a.js:2:7\n    at b.js:1:1\n    at c';
    expect(describeFailure(coded('ZSCALE_ERR_LOAD', message)).text).toBe(
      'zscale: a.js could not be loaded:\nError: no\n    at a.js:2:7',
    );
  });

  it('shows its stack only on demand, unless nobody expected it', () => {
    const error = coded('ZSCALE_ERR_LOAD');
    expect(describeFailure(error).text).toBe('zscale: it went wrong');
    expect(describeFailure(error, { stack: true }).text).toContain(error.stack);
    expect(describeFailure(new TypeError('a bug')).text).toMatch(/unexpected.*a bug\n +at /);
    expect(describeFailure('thrown text')).toEqual({
      text: 'zscale: unexpected error: thrown text',
      exitCode: 1,
    });
  });
});
