/*
 * `zscale run --exec`: programs in any language that are told where to connect.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isAlive, startZscale, zscale } from '../support/cli.ts';
import { freshTcp } from '../support/endpoints.ts';
import { filesIn, freshFolder, gone } from '../support/programs.ts';
import { isPyzmqRequired, python } from '../support/their-peer.ts';
import { ask, askAll, serve, write } from '../support/unmodified.ts';
import { until } from '../support/until.ts';

const WORKER = `import os, signal, sys, time
import zmq
socket = zmq.Context().socket(zmq.REP)
socket.connect(os.environ["ZSCALE_BACKEND"])
def bye(*_):
    print("bye", *sys.argv[1:], flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, bye)
while True:
    message = socket.recv()
    if message == b"slow": time.sleep(0.5)
    socket.send(message + b" from %d" % os.getpid())
`;

interface Row {
  readonly pid: number;
  readonly parent: number;
  readonly args: string;
}

/** The processes of this machine that are meant. */
function inTable(isMeant: (row: Row) => boolean): number[] {
  const table = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' });
  return [...table.matchAll(/^ *(\d+) +(\d+) +(.*)$/gm)]
    .map(([, pid, parent, args = '']): Row => ({ pid: Number(pid), parent: Number(parent), args }))
    .filter(isMeant)
    .map(({ pid }) => pid);
}

describe.skipIf(python === undefined && !isPyzmqRequired)('a command', () => {
  it('is run as a shell understands it, in several workers, and ends in order', async () => {
    const { file, folder } = await write('worker.py', WORKER);
    const bind = await freshTcp();
    const exec = `NAME=value && ${python} ${file} "two words" $NAME`;
    const program = await serve(['--exec', exec, '--workers', '2', '--bind', bind], {
      env: { TMPDIR: folder },
    });
    expect(program.stdout).toContain(`zscale runs ${exec}\n`);
    const pids = (await askAll(bind, 2)).map(Number);
    program.signal('SIGTERM');
    const end = await program.end();
    expect(end.exitCode).toBe(0);
    expect(end.stdout.match(/^\[worker \d\] bye two words value$/gm)).toHaveLength(2);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(readdirSync(folder)).toEqual(['worker.py']);
  });

  it('is replaced when it is killed', async () => {
    const { file } = await write('worker.py', WORKER);
    const bind = await freshTcp();
    await serve(['--exec', `${python} ${file}`, '--workers', '2', '--bind', bind]);
    const [killed = 0] = (await askAll(bind, 2)).map(Number);
    process.kill(killed, 'SIGKILL');
    await until(async () => !(await askAll(bind, 2)).map(Number).includes(killed));
  });

  it('answers what it holds before it is stopped', async () => {
    const { file } = await write('worker.py', WORKER);
    const bind = await freshTcp();
    const program = await serve([
      '--exec',
      `exec ${python} ${file}`,
      '--workers',
      '1',
      '--bind',
      bind,
    ]);
    const slow = ask(bind, 'slow');
    const waiting = ask(bind, 'slow');
    expect(await ask(bind, 'quick')).toMatch(/^quick from/); // behind the two that came before it
    expect(await slow).toMatch(/^slow from/);
    const last = ask(bind, 'slow');
    await waiting;
    program.signal('SIGTERM');
    expect(await Promise.race([last, program.end().then(() => 'ended first')])).toMatch(
      /^slow from|^-ZSCALE_ERR_STOPPING/,
    );
  });

  it('ends with its supervisor when that is killed, also when it ignores SIGTERM', async () => {
    const { file, folder } = await write('worker.py', WORKER.replace('sys.exit(0)', 'pass'));
    const bind = await freshTcp();
    const program = await serve(
      ['--exec', `sleep 1000 & ${python} ${file}`, '--workers', '2', '--bind', bind],
      { env: { TMPDIR: folder } },
    );
    const pids = (await askAll(bind, 2)).map(Number);
    program.signal('SIGKILL');
    await until(() => !pids.some(isAlive), 'the workers to end');
    await until(() => filesIn(folder).join() === 'worker.py', 'the folder to be removed');
  });
});

describe.skipIf(process.platform !== 'linux')('the shell that watches over a command', () => {
  it('has a successor when it is killed, which ends the command with the supervisor', async () => {
    const folder = freshFolder();
    const program = startZscale(
      ['run', '--exec', 'exec sleep 1000', '--workers', '1', '--bind', await freshTcp()],
      { env: { TMPDIR: folder } },
    );
    const shells = (): number[] =>
      inTable(({ args }) => args.includes(folder) && args.includes('read -r goodbye'));
    const commands = (): number[] =>
      inTable(({ args, parent }) => args === 'sleep 1000' && parent === program.pid);
    const [shell = 0] = await until(
      () => commands().length === 1 && shells().length === 1 && shells(),
    );
    const [command = 0] = commands();
    process.kill(shell, 'SIGKILL');
    const [successor = 0] = await until(() => shells().find((pid) => pid !== shell) && shells());
    expect(isAlive(command)).toBe(true);
    program.signal('SIGKILL');
    await gone([command, successor]);
    await until(() => filesIn(folder).length === 0, 'the folder to be removed');
  });
});

describe('a command that cannot be', () => {
  it('ends with 3 and says what it must do', async () => {
    const end = await zscale(['run', '--exec', '/no/such/thing --flag', '--workers', '1']);
    expect(end.exitCode).toBe(3);
    expect(end.stderr).toMatch(
      /exit code 127 .*\/no\/such\/thing --flag; it must connect a REP socket to ZSCALE_BACKEND/,
    );
    expect(end.stderr).toMatch(/^\[worker 0\] .*not found/m);
  });

  it.each([
    [['--exec', 'a', 'b.js'], /"b\.js" has no place beside it/],
    [['--exec', ' '], /--exec takes a command; got ""/],
    [['--workers', '2'], /the file to run is missing/],
  ])('is refused: zscale run %j', async (args, expected) => {
    const end = await zscale(['run', ...args]);
    expect(end.exitCode).toBe(2);
    expect(end.stderr).toMatch(expected);
  });
});
