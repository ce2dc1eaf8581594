import { delimiter } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type CommandOptions,
  launchCommand,
  launchPython,
} from '../../../packages/core/src/supervisor/command-launch.ts';

const nothing: CommandOptions = { env: {}, args: [], python: undefined };

describe('the start of a Python program', () => {
  it.each([
    [{}, nothing, 'python3'],
    [{ VIRTUAL_ENV: '/venv' }, nothing, '/venv/bin/python'],
    [{ VIRTUAL_ENV: '/venv', ZSCALE_PYTHON: 'pypy3' }, nothing, 'pypy3'],
    [{ ZSCALE_PYTHON: 'pypy3' }, { ...nothing, python: '/usr/bin/python3' }, '/usr/bin/python3'],
    [{}, { ...nothing, env: { VIRTUAL_ENV: '/other' } }, '/other/bin/python'],
    [{ ZSCALE_PYTHON: '' }, nothing, 'python3'],
  ])(
    'takes the interpreter that was asked for, else that of the environment %o',
    (env, options, expected) => {
      expect(launchPython('/srv/server.py', env, options, false).words).toEqual([
        expected,
        '/srv/server.py',
      ]);
    },
  );

  it('has its arguments behind it, and our folder in front of its PYTHONPATH', () => {
    const options = { ...nothing, args: ['--port', '80'], env: { PYTHONPATH: '/lib/a' } };
    const { words, env } = launchPython('server.py', { PYTHONPATH: '/lib/b' }, options, true);
    expect(words).toEqual(['python3', 'server.py', '--port', '80']);
    expect(env.PYTHONPATH?.split(delimiter)).toEqual([
      expect.stringMatching(/packages\/core\/python$/),
      '/lib/a',
    ]);
    expect(env).toMatchObject({ ZSCALE_REPORT_FD: '3', ZSCALE_OWN_ADDRESS: '1' });
  });

  it('prints at once, unless the user says otherwise', () => {
    expect(launchPython('a.py', {}, nothing, false).env.PYTHONUNBUFFERED).toBe('1');
    const env = { PYTHONUNBUFFERED: '' };
    expect(launchPython('a.py', env, nothing, false).env.PYTHONUNBUFFERED).toBe('');
  });
});

describe('the start of a command', () => {
  it('is the shell, with the environment of the user and nothing of Python', () => {
    const { words, env } = launchCommand('run "a b"', { A: '1' }, { env: { B: '2' } });
    expect(words.slice(0, 2)).toEqual(['/bin/sh', '-c']);
    expect(words[2]).toMatch(/^trap .*\nrun "a b"$/);
    expect(env).toEqual({ A: '1', B: '2' });
  });
});
