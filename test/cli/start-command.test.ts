import { describe, expect, it } from 'vitest';
import { parseArguments } from '../../packages/cli/src/args.ts';
import { UsageError } from '../../packages/cli/src/failure.ts';
import { splitStart } from '../../packages/cli/src/start-command.ts';

describe('the words of zscale start', () => {
  it('are its own two flags, and all others go to run as they are', () => {
    const words = [
      'a.ts',
      '-w',
      '2',
      '--json',
      '--log-file',
      'x.log',
      '--name=api',
      '--',
      '--json',
    ];
    expect(splitStart(words)).toEqual({
      argv: ['a.ts', '-w', '2', '--name=api', '--', '--json'],
      logFile: 'x.log',
      json: true,
      name: 'api',
      control: undefined,
    });
    expect(splitStart(['--log-file=y', 'a.ts', '-nother', '--control', '/run/c.sock'])).toEqual({
      argv: ['a.ts', '-nother', '--control', '/run/c.sock'],
      logFile: 'y',
      json: false,
      name: 'other',
      control: '/run/c.sock',
    });
  });

  it('are those of a command line that run would take', () => {
    expect(parseArguments(['start', 'a.ts', '--workers', '2'], '1')).toMatchObject({
      command: 'start',
      argv: ['a.ts', '--workers', '2'],
    });
    expect(() => parseArguments(['start', 'a.ts', '--no-such'], '1')).toThrow(UsageError);
    expect(() => parseArguments(['start', 'a.ts', 'b.ts'], '1')).toThrow(/too many arguments/);
  });
});
