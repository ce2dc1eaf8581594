/*
 * A service as a unit of systemd: what it says to a real notify socket by the real systemd-notify, and clients at a socket that systemd
 * opened. The service is started as the unit of `zscale init --systemd` says.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '@zscale/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { BIN, fixture, Program, startZscale, zscale, zscaleRun } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { freshTcp } from '../support/endpoints.ts';
import { initIn, project, readUnit, unitWords } from '../support/init-files.ts';
import { HAS_SYSTEMD, type Notice, NotifySocket } from '../support/notify-socket.ts';
import { childrenOf, freshFolder, logOf } from '../support/programs.ts';
import { until } from '../support/until.ts';

/** A handler that tells what a worker knows of its service manager, and can end its worker. */
const HANDLER = `
export default (request) => {
  if (request === 'die') process.exit(1);
  return Object.keys(process.env).filter((name) => /NOTIFY|WATCHDOG|LISTEN/.test(name));
};
`;
const WATCHDOG_MS = 400;

let folder: string;
let socket: NotifySocket;
beforeEach(async ({ skip }) => {
  if (!HAS_SYSTEMD) skip('the programs of systemd are not here');
  folder = freshFolder();
  writeFileSync(join(folder, 'handler.mjs'), HANDLER);
  socket = await NotifySocket.listen(join(folder, 'notify'));
});

function environment(
  watchdog: Readonly<Record<string, string>> = { WATCHDOG_USEC: String(WATCHDOG_MS * 1000) },
): Record<string, string> {
  return { NOTIFY_SOCKET: socket.name, TMPDIR: folder, ...watchdog };
}

const handler = (): string => join(folder, 'handler.mjs');

/** How many times the watchdog was told that all is well, between two points in time. */
function pings(from: number, to: number): number {
  return socket.having('WATCHDOG=1').filter(({ at }) => at > from && at < to).length;
}

function arrival(notice: Notice | undefined): number {
  return notice?.at ?? Number.NaN;
}

describe('a service of Type=notify', () => {
  it('says that it is ready, reloads and stops, each when it is so', async () => {
    const { program, endpoint } = await zscaleRun([handler()], { env: environment({}) });
    await socket.heard(/^READY=1$/);
    expect(await socket.heard(/^STATUS=serving/)).toBe(
      `STATUS=serving ${endpoint}, 2 of 2 workers ready`,
    );
    program.signal('SIGHUP');
    await socket.heard(/^READY=1$/, 2);
    const [reloading] = socket.having('RELOADING=1');
    const [, usec] = /MONOTONIC_USEC=(\d+)/.exec(reloading?.lines.join('\n') ?? '') ?? [];
    // Not before it was ready, and not after it came.
    expect(Number(usec)).toBeGreaterThan(arrival(socket.having('READY=1')[0]));
    expect(Number(usec)).toBeLessThanOrEqual(arrival(reloading));
    program.signal('SIGTERM');
    expect((await program.end()).exitCode).toBe(0);
    expect(socket.states).toEqual(['READY=1', 'RELOADING=1', 'READY=1', 'STOPPING=1']);
    expect(socket.having('WATCHDOG=1')).toEqual([]);
  });

  it('says nothing of being ready while no worker has loaded', async () => {
    writeFileSync(handler(), 'throw new Error("no");');
    const program = startZscale(['run', handler()], { env: environment({}) });
    expect((await program.end()).exitCode).toBe(4);
    expect(socket.states).toEqual(['STOPPING=1']);
  });

  it('is ready again when a reload failed, and serves what it served', async () => {
    const { program, endpoint } = await zscaleRun([handler()], { env: environment({}) });
    writeFileSync(handler(), 'throw new Error("no");');
    program.signal('SIGHUP');
    await socket.heard(/^READY=1$/, 2);
    expect(socket.states).toEqual(['READY=1', 'RELOADING=1', 'READY=1']);
    expect((await zscale(['call', endpoint, '1'])).exitCode).toBe(0);
  });

  it('tells how many workers are ready when that changes', async () => {
    const { program } = await zscaleRun([handler()], { env: environment({}) });
    program.signal('SIGTTIN');
    await socket.heard(/, 3 of 3 workers ready$/);
  });

  it('keeps what a service manager says to itself: workers know nothing of it', async () => {
    const env = { ...environment(), LISTEN_FDS: '0', LISTEN_PID: '1' };
    const { endpoint } = await zscaleRun([handler()], { env });
    expect((await zscale(['call', endpoint, '1'])).stdout.trim()).toBe('[]');
  });

  it('speaks to an abstract socket too', async () => {
    socket = await NotifySocket.listen(`@zscale-test-${process.pid}`);
    await zscaleRun([handler()], { env: environment({}) });
    await socket.heard(/^READY=1$/);
  });

  it('serves without systemd-notify, and says once what is missing', async () => {
    const env = { ...environment(), PATH: folder };
    const { program, endpoint } = await zscaleRun([handler()], { env });
    const complaints = (): unknown[] =>
      logOf(program).filter(({ msg }) => msg.includes('there is no systemd-notify'));
    await until(() => complaints().length > 0);
    expect((await zscale(['call', endpoint, '1'])).exitCode).toBe(0);
    program.signal('SIGTERM');
    expect((await program.end()).exitCode).toBe(0);
    expect(complaints()).toHaveLength(1);
  });

  it('is the same for a machine that joins', async () => {
    const backend = await freshTcp();
    await zscaleRun([handler(), '--backend', backend], { env: { TMPDIR: folder } });
    const args = ['join', backend, handler(), '--workers', '1', '--name', 'machine'];
    const machine = startZscale(args, { env: environment({}) });
    await socket.heard(/^READY=1$/);
    expect(await socket.heard(/^STATUS=serving/)).toBe(
      `STATUS=serving ${backend}, 1 of 1 workers ready`,
    );
    machine.signal('SIGTERM');
    await machine.end();
    expect(socket.states).toEqual(['READY=1', 'STOPPING=1']);
  });
});

describe('the watchdog of systemd', () => {
  it('is told that all is well, and leaves no process behind', async () => {
    const { program } = await zscaleRun([handler()], { env: environment() });
    await socket.heard(/^WATCHDOG=1$/, 4);
    program.signal('SIGTERM');
    expect((await program.end()).exitCode).toBe(0);
    expect(childrenOf(program.pid ?? 0)).toEqual([]);
  });

  it('is told nothing while the event loop of the service stands still', async () => {
    const words = [fixture('systemd/stands-still.mjs'), handler()];
    const program = new Program(process.execPath, words, { env: environment() });
    await socket.heard(/^READY=1$/);
    await socket.heard(/^WATCHDOG=1$/, 2);
    program.signal('SIGUSR2');
    const [line = ''] = await program.printed(/\{"from".*\}/);
    const { from, to } = JSON.parse(line) as { from: number; to: number };
    await socket.heard(/^WATCHDOG=1$/, 4);
    // One may have been on its way.
    expect(pings(from, to)).toBeLessThanOrEqual(1);
  });

  it('is told nothing while no worker serves, and the log says so', async () => {
    const { program, endpoint } = await zscaleRun([handler(), '--workers', '1'], {
      env: { ...environment() },
    });
    await socket.heard(/^WATCHDOG=1$/, 2);
    const client = closing(connect(endpoint));
    // Its successor takes its time to load.
    writeFileSync(handler(), `await new Promise((go) => setTimeout(go, 1500));\n${HANDLER}`);
    await client.request('die').catch(() => {});
    await socket.heard(/, 0 of 1 workers ready$/);
    await socket.heard(/, 1 of 1 workers ready$/, 2);
    const [down] = socket.notices
      .filter(({ lines }) => lines.some((line) => / 0 of 1 /.test(line)))
      .slice(-1);
    const up = socket.notices
      .filter(({ lines }) => lines.some((line) => / 1 of 1 /.test(line)))
      .at(-1);
    expect(pings(arrival(down), arrival(up))).toBeLessThanOrEqual(1);
    const told = logOf(program).map(({ msg }) => msg);
    expect(told).toContain('no worker serves, so the watchdog of systemd is told nothing');
    await until(() =>
      logOf(program).some(({ msg }) => msg === 'systemd is told again that all is well'),
    );
  });

  it('that waits for another process is not answered in its place', async () => {
    const watchdog = { WATCHDOG_USEC: '100000', WATCHDOG_PID: '1' };
    const { program } = await zscaleRun([handler()], { env: environment(watchdog) });
    await socket.heard(/^STATUS=serving/);
    expect(logOf(program).some(({ msg }) => msg.includes('waits for another process'))).toBe(true);
    program.signal('SIGTERM');
    await program.end();
    expect(socket.having('WATCHDOG=1')).toEqual([]);
  });
});

describe('the units of zscale init --systemd', () => {
  it('serve at a socket that systemd has opened, and say so', async () => {
    const app = project({
      'server.mjs':
        'export default { fetch: (request) => new Response(new URL(request.url).pathname) };',
    });
    const port = (await freshTcp()).replace(/^.*:/, '');
    await initIn(app, 'server.mjs', '--systemd', '--bind', `http://127.0.0.1:${port}`);
    const [address = ''] = readUnit(join(app, 'my-app.socket')).get('Socket.ListenStream') ?? [];
    const unit = readUnit(join(app, 'my-app.service'));
    const control = join(folder, 'control.sock');
    const words = unitWords(unit.get('Service.ExecStart')?.[0] ?? '').map((word) =>
      word.endsWith('control.sock') ? control : word,
    );
    expect(words[1]).toBe(BIN);
    const env = environment({});
    const args = ['-l', address, ...Object.keys(env).flatMap((name) => ['-E', name]), ...words];
    const program = new Program('systemd-socket-activate', args, {
      cwd: unit.get('Service.WorkingDirectory')?.[0] ?? '',
      env,
    });
    // systemd-socket-activate starts it for the first who connects.
    await until(() => program.stderr.includes('Listening on'));
    const answer = await fetch(`http://${address}/hello`);
    expect(await answer.text()).toBe('/hello');
    await socket.heard(/^READY=1$/);
    const reload = unitWords(unit.get('Service.ExecReload')?.[0] ?? '').slice(2);
    const done = await zscale(reload.map((word) => (word.endsWith('.sock') ? control : word)));
    expect(done.exitCode).toBe(0);
    program.signal('SIGTERM');
    expect((await program.end()).exitCode).toBe(0);
    expect(socket.states).toEqual(['READY=1', 'RELOADING=1', 'READY=1', 'STOPPING=1']);
  });

  it('are started again without a client who notices', async () => {
    const app = project({
      'server.mjs':
        'export default { fetch: async () => {\n' +
        '  await new Promise((go) => setTimeout(go, 20));\n' +
        '  return new Response(String(process.ppid));\n' +
        '} };',
    });
    const holder = [fixture('systemd/socket-unit.py'), process.execPath, BIN, 'run', 'server.mjs'];
    const flags = ['--bind', 'fd:3', '--workers', '2', '--control', 'off'];
    const program = new Program(process.env.PYTHON ?? 'python3', [...holder, ...flags], {
      cwd: app,
      env: { TMPDIR: folder },
    });
    // Before it is killed, so that what it has started ends too.
    closing({
      close: () => {
        program.signal('SIGTERM');
        return program.end();
      },
    });
    const [port = ''] = await program.printed(/\d+/);
    await program.printed(/Ctrl-C/);
    const supervisors = new Set<string>();
    let asked = 0;
    const failures: unknown[] = [];
    // Each request comes on a connection of its own. The second time the service ends while some of its workers still load.
    const ask = async (): Promise<void> => {
      asked += 1;
      const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { Connection: 'close' } });
      if (answer.status === 200) supervisors.add(await answer.text());
      else failures.push(answer.status);
    };
    const client = async (): Promise<void> => {
      while (supervisors.size < 3 && failures.length === 0) {
        await ask().catch((error: Error) => failures.push(error.cause ?? error));
      }
    };
    const clients = [client(), client(), client(), client()];
    for (const before of [1, 2]) {
      await until(() => supervisors.size >= before || failures.length > 0);
      program.signal('SIGHUP');
    }
    await Promise.all(clients);
    expect(failures).toEqual([]);
    expect(asked).toBeGreaterThan(3);
    program.signal('SIGTERM');
    expect((await program.end()).exitCode).toBe(0);
  });
});
