import { describe, expect, it } from 'vitest';
import { launchHost, launchProgram } from '../../../packages/core/src/supervisor/launch.ts';

const nothing = { env: {}, execArgv: [] };
const program = { argv: ['/usr/bin/node', '/srv/app.js', '--port', '80'], execArgv: [], env: {} };

/** Without the preload of our own, which is always first. */
function nodeOptionsOf(execArgv: readonly string[], added: readonly string[] = []): string[] {
  const launch = launchHost({ ...program, execArgv }, { env: {}, execArgv: added });
  expect(launch.execArgv[0]).toBe('--import');
  expect(launch.execArgv[1]).toMatch(/^file:.*\/worker\/preload\.js$/);
  return launch.execArgv.slice(2);
}

describe('the start of a worker', () => {
  it('runs the program again with its own arguments', () => {
    const { file, args } = launchProgram(program, nothing);
    expect(file).toBe('/srv/app.js');
    expect(args).toEqual(['--port', '80']);
  });

  it('runs a module in the host that was built', () => {
    const { file, args } = launchHost(program, nothing);
    expect(file).toMatch(/packages\/core\/dist\/worker\/main\.js$/);
    expect(args).toEqual([]);
  });

  it('hands on the Node options of the program, and adds those of the user behind them', () => {
    const options = nodeOptionsOf(
      ['--enable-source-maps', '--max-old-space-size=64'],
      ['--max-old-space-size=128'],
    );
    expect(options).toEqual([
      '--enable-source-maps',
      '--max-old-space-size=64',
      '--max-old-space-size=128',
    ]);
  });

  it.each([
    [['--inspect']],
    [['--inspect=9229']],
    [['--inspect-brk=127.0.0.1:0']],
    [['--inspect-port', '9333']],
    [['-e', 'scale("./handler.js")']],
    [['--eval', 'scale("./handler.js")']],
    [['--eval=scale("./handler.js")']],
    [['-p', '-e', '1']],
    [['--input-type=module', '-e', '1']],
  ])('leaves out %j, which are for one process', (execArgv) => {
    expect(nodeOptionsOf(['--no-warnings', ...execArgv, '--require', 'x'])).toEqual([
      '--no-warnings',
      '--require',
      'x',
    ]);
  });

  it('hands on the environment, with what the user adds', () => {
    const facts = { ...program, env: { A: '1', B: '2', WATCH_REPORT_DEPENDENCIES: '1' } };
    expect(launchHost(facts, { env: { B: '3' }, execArgv: [] }).env).toEqual({ A: '1', B: '3' });
  });

  it.each([
    ['node -e', { ...program, execArgv: ['-e', '1'] }],
    ['node -p', { ...program, execArgv: ['--print', '1'] }],
    ['standard input', { ...program, argv: ['/usr/bin/node', '-'] }],
    ['the REPL', { ...program, argv: ['/usr/bin/node'] }],
    [
      'vitest',
      {
        argv: ['node', '/srv/node_modules/vitest/vitest.mjs'],
        execArgv: [],
        env: { VITEST: 'true' },
      },
    ],
    [
      'jest',
      { argv: ['node', '/srv/node_modules/.bin/jest'], execArgv: [], env: { JEST_WORKER_ID: '1' } },
    ],
    ['node --test', { ...program, env: { NODE_TEST_CONTEXT: 'child-v8' } }],
  ])('refuses to run %s again, and says what to do instead', (_, facts) => {
    expect(() => launchProgram(facts, nothing)).toThrow(
      expect.objectContaining({
        code: 'ZSCALE_ERR_NO_PROGRAM',
        message: expect.stringContaining("scale(new URL('./handler.js', import.meta.url))"),
      }),
    );
    expect(launchHost(facts, nothing).file).toMatch(/main\.js$/);
  });

  it('runs a program again that a test has started', () => {
    const facts = { ...program, env: { VITEST: 'true', JEST_WORKER_ID: '1' } };
    expect(launchProgram(facts, nothing).file).toBe('/srv/app.js');
  });
});
