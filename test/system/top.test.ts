/*
 * zscale top in a real terminal: what it shows of a running service, what its keys do to that, and that it gives the terminal back
 * however it ends.
 */

import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { BIN, type RunningServer, zscale, zscaleRun } from '../support/cli.ts';
import { freshFolder } from '../support/programs.ts';
import { TerminalProgram } from '../support/terminal.ts';
import { until } from '../support/until.ts';

let module: string;
beforeEach(() => {
  module = join(freshFolder(), 'handler.mjs');
  writeFileSync(module, 'export default () => 1;');
  vi.stubEnv('TMPDIR', freshFolder());
  vi.stubEnv('XDG_RUNTIME_DIR', '');
  return () => vi.unstubAllEnvs();
});

function serve(...args: string[]): Promise<RunningServer> {
  return zscaleRun([module, ...args]);
}

function top(
  args: readonly string[] = [],
  options?: ConstructorParameters<typeof TerminalProgram>[1],
): TerminalProgram {
  return new TerminalProgram(
    [process.execPath, BIN, 'top', '--interval', '100ms', ...args],
    options,
  );
}

/** The process id of a worker on the screen. */
async function pidOf(terminal: TerminalProgram, id: number): Promise<string> {
  const [, pid = ''] = await terminal.shows(new RegExp(`^[> ] +${id} +(\\d+) .*ready`, 'm'));
  return pid;
}

/** The cursor, and the first screen. */
const GIVEN_BACK = '\x1b[?25h\x1b[?1049l';

describe('zscale top', () => {
  it('shows the service and its workers in 80 columns and 24 rows, and leaves by q', async () => {
    const binds = ['--bind', 'tcp://127.0.0.1:*', '--bind', 'http://127.0.0.1:0'];
    const { endpoint } = await serve('--name', 'api', ...binds, '--gateways', '2');
    const terminal = top();
    await terminal.shows(/^api: service serving for \S+.*, pid \d+$/m);
    expect(terminal.screen).toHaveLength(24);
    expect(terminal.isWithinWidth).toBe(true);
    await terminal.shows(/^requests\/s 0 +in flight 0 +waiting 0 +longest 0ms +errors 0$/m);
    await terminal.shows(/^2 workers, sorted by ID, lowest first$/m);
    await terminal.shows(/^> +0 +\d+ - +ready +\S+ +0 +0 +\d+\.\d MB +0$/m);
    await terminal.shows(
      /^GATEWAY +PID STATE +UPTIME +REQ\/S CONNECTIONS +BUSY +MEMORY RESTARTS$/m,
    );
    for (const id of [0, 1]) {
      await terminal.shows(
        new RegExp(`^ +${id} +\\d+ ready +\\S.* +0 +0 +\\d+% +\\d+\\.\\d MB +0$`, 'm'),
      );
    }
    for (let i = 0; i < 3; i += 1) await zscale(['call', endpoint, '1']);
    terminal.press('q');
    expect(await terminal.event('ended')).toEqual({ event: 'ended', code: 0, restored: true });
    expect(terminal.written).toContain(GIVEN_BACK);
    expect(terminal.screen).toEqual(['']);
  });

  it('counts requests per second', async () => {
    const { endpoint } = await serve();
    const terminal = top(['--interval', '1s']);
    await terminal.shows(/requests\/s 0/);
    await zscale(['call', endpoint, '1']);
    await terminal.shows(/requests\/s (?!0 |-)/);
  });

  it('asks before it drains or kills the chosen worker, and does nothing without a yes', async () => {
    await serve();
    const terminal = top();
    const [first, second] = [await pidOf(terminal, 0), await pidOf(terminal, 1)];
    terminal.press('k');
    await terminal.shows(new RegExp(`^kill worker 0 \\(pid ${first}\\) by SIGKILL\\?.* y/n$`, 'm'));
    terminal.press('n');
    await terminal.shows(/^nothing was done$/m);
    terminal.press('\x1b[B');
    await terminal.shows(/^> +1 /m);
    terminal.press('ky');
    await terminal.shows(/^kill worker 1: done$/m);
    await terminal.shows(new RegExp(`^> +1 +(?!${second} )\\d+ .*ready`, 'm'));
    terminal.press('d');
    await terminal.shows(/^drain worker 1 .* y\/n$/m);
    terminal.press('y');
    await terminal.shows(/^drain worker 1: done/m);
    expect(await pidOf(terminal, 0)).toBe(first);
  });

  it('reloads, and goes to one worker more and one less', async () => {
    await serve();
    const terminal = top();
    const before = await pidOf(terminal, 0);
    terminal.press('+');
    await terminal.shows(/^one worker more: done: 3 workers$/m);
    await terminal.shows(/^3 workers, /m);
    terminal.press('-');
    await terminal.shows(/^one worker less: done: 2 workers$/m);
    await terminal.shows(/^2 workers, /m);
    terminal.press('r');
    await terminal.shows(/^reload: replace all 2 workers\? y\/n$/m);
    terminal.press('y');
    await terminal.shows(/^reload: done: 2 workers$/m);
    await terminal.shows(new RegExp(`^> +0 +(?!${before} )\\d+ .*ready`, 'm'));
  });

  it('says what the service refuses', async () => {
    await serve('--workers', '1');
    const terminal = top();
    await pidOf(terminal, 0);
    terminal.press('-');
    await terminal.shows(/^one worker less failed: the number of workers must be/m);
  });

  it('sorts, pauses, shows its keys, and draws anew when the terminal is resized', async () => {
    await serve();
    const terminal = top();
    await pidOf(terminal, 0);
    terminal.press('\x1b[C\x1b[C');
    await terminal.shows(/sorted by POOL, lowest first/);
    terminal.press('S');
    await terminal.shows(/sorted by POOL, highest first/);
    terminal.press('p');
    await terminal.shows(/PAUSED for/);
    terminal.press('p');
    await terminal.shows(/, pid \d+$/m);
    terminal.press('h');
    await terminal.shows(/^up, down +choose a worker/m);
    terminal.press(' ');
    await terminal.shows(/^[> ] +1 +\d+/m);
    terminal.resize(70, 7);
    await vi.waitFor(() => {
      expect(terminal.screen).toHaveLength(7);
      expect(terminal.isWithinWidth).toBe(true);
    });
    await terminal.shows(/; 1 are not/);
  });

  it('waits for a service that ends, and goes on when it is there again', async () => {
    const { program } = await serve('--name', 'api');
    const terminal = top();
    await pidOf(terminal, 0);
    program.signal('SIGTERM');
    await terminal.shows(/^api: ended; waiting for it to come back$/m);
    terminal.press('+');
    await terminal.shows(/^the service does not answer now$/m);
    const again = await serve('--name', 'api');
    await terminal.shows(
      new RegExp(`^api: service serving for .*, pid ${again.program.pid}$`, 'm'),
    );
  });

  it.each([
    ['Ctrl-C', (terminal: TerminalProgram) => terminal.press('\x03'), 130],
    ['SIGTERM', (terminal: TerminalProgram) => terminal.signal(constants.signals.SIGTERM), 143],
  ])('gives the terminal back at %s', async (_, end, code) => {
    await serve();
    const terminal = top();
    await pidOf(terminal, 0);
    end(terminal);
    expect(await terminal.event('ended')).toEqual({ event: 'ended', code, restored: true });
    expect(terminal.written).toContain(GIVEN_BACK);
  });

  it('ends by SIGHUP when the terminal goes away', async () => {
    await serve();
    const terminal = top();
    await pidOf(terminal, 0);
    terminal.hangUp();
    expect(await terminal.event('ended')).toMatchObject({ code: -constants.signals.SIGHUP });
  });

  it('gives the terminal back while it is stopped, and takes it again', async () => {
    await serve();
    const terminal = top();
    await pidOf(terminal, 0);
    terminal.press('\x1a');
    expect(await terminal.event('stopped')).toMatchObject({ restored: true });
    await until(() => terminal.screen.join('') === '');
    terminal.signal(constants.signals.SIGCONT);
    await pidOf(terminal, 0);
    terminal.press('q');
    expect(await terminal.event('ended')).toMatchObject({ code: 0, restored: true });
  });

  it('uses no colours with NO_COLOR, and some without', async () => {
    await serve();
    const plain = top();
    await pidOf(plain, 0);
    expect(plain.written).not.toContain('\x1b[1m');
    const coloured = top([], { env: { NO_COLOR: '' } });
    await pidOf(coloured, 0);
    expect(coloured.written).toContain('\x1b[7m>');
  });

  it('refuses without a terminal, and says what to use', async () => {
    const { exitCode, stderr, stdout } = await zscale(['top']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/draws on a terminal.*zscale status --json/);
  });

  it('ends with 69 when no service runs', async () => {
    const terminal = top();
    expect(await terminal.event('ended')).toMatchObject({ code: 69, restored: true });
    await until(() => /no supervisor is running/.test(terminal.written));
  });
});
