/*
 * `zscale run server.py`: servers in Python that know nothing of zscale and are not changed.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Reply } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { isAlive, startZscale, zscale } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { freshTcp } from '../support/endpoints.ts';
import { filesIn, logOf } from '../support/programs.ts';
import { isPyzmqRequired, python } from '../support/their-peer.ts';
import { ask, askAll, serve, write } from '../support/unmodified.ts';
import { until } from '../support/until.ts';

/** The echo server of the introduction, in today's Python; it says which process answered. */
const ECHO = `import os
import zmq

socket = zmq.Context().socket(zmq.REP)
socket.bind("ENDPOINT")
while True:
    message = socket.recv()
    socket.send(message + b" from %d" % os.getpid())
`;

const WITH_PYTHON = ['--python', python ?? 'python3'];

describe.skipIf(python === undefined && !isPyzmqRequired)('a server in Python', () => {
  it('runs in several workers that share the load, at the address it binds, and ends with zscale', async () => {
    const { file, folder, endpoint } = await write('server.py', ECHO);
    const program = await serve([file, '--workers', '3', ...WITH_PYTHON], {
      env: { TMPDIR: folder },
    });
    expect(program.stdout).toContain(`clients   ${endpoint}\n`);
    const pids = (await askAll(endpoint, 3)).map(Number);
    program.signal('SIGTERM');
    expect(await program.end()).toMatchObject({ exitCode: 0, signal: null });
    expect(pids.filter(isAlive)).toEqual([]);
    expect(readdirSync(folder)).toEqual(['server.py']);
  });

  it('is replaced when a worker is killed, and the others go on', async () => {
    const { file, endpoint } = await write('server.py', ECHO);
    await serve([file, '--workers', '2', ...WITH_PYTHON]);
    const before = (await askAll(endpoint, 2)).map(Number);
    process.kill(before[0] ?? 0, 'SIGKILL');
    const after = await until(async () => {
      const pids = (await askAll(endpoint, 2)).map(Number);
      return !pids.includes(before[0] ?? 0) && pids;
    });
    expect(after).toContain(before[1]);
  });

  it('is answered ZSCALE_ERR_WORKER_LOST in raw bytes for the request that killed its worker', async () => {
    const { file, endpoint } = await write(
      'server.py',
      ECHO.replace(
        'message = socket.recv()',
        'message = socket.recv()\n    message == b"die" and os._exit(3)',
      ),
    );
    const program = await serve([file, '--workers', '2', ...WITH_PYTHON]);
    expect(await ask(endpoint, 'die')).toMatch(/^-ZSCALE_ERR_WORKER_LOST /);
    expect(await ask(endpoint, 'hello')).toMatch(/^hello from \d+$/);
    await until(() => logOf(program).some(({ msg, code }) => /restarting/.test(msg) && code === 3));
  });

  it('answers every request once, and rightly or with WORKER_LOST, while workers are killed', async () => {
    const { file, endpoint } = await write('server.py', ECHO);
    await serve([file, '--workers', '3', '--max-restarts', '100/60s', ...WITH_PYTHON]);
    const pids = new Set<number>();
    const counts = { right: 0, lost: 0, wrong: [] as string[] };
    let isOver = false;
    const client = async (name: string): Promise<void> => {
      for (let i = 0; !isOver; i++) {
        const reply = await ask(endpoint, `${name}-${i}`);
        const [, pid] = new RegExp(`^${name}-${i} from (\\d+)$`).exec(reply) ?? [];
        if (pid !== undefined) counts.right += 1;
        else if (reply.startsWith('-ZSCALE_ERR_WORKER_LOST ')) counts.lost += 1;
        else counts.wrong.push(reply);
        if (pid !== undefined) pids.add(Number(pid));
      }
    };
    const clients = Promise.all(Array.from({ length: 8 }, (_, i) => client(`client${i}`)));
    for (let kills = 0; kills < 5; kills++) {
      const victim = await until(() => [...pids].find(isAlive));
      process.kill(victim, 'SIGKILL');
      const before = counts.right;
      await until(() => counts.right > before + 50 && !isAlive(victim));
    }
    isOver = true;
    await clients;
    expect(counts.wrong).toEqual([]);
    expect(counts.lost).toBeLessThanOrEqual(5); // one request at a time is in a worker's hands
    expect(pids.size).toBeGreaterThan(5);
  });

  it('ends with its supervisor when that is killed, with what it started itself, and leaves no file', async () => {
    const { file, folder, endpoint } = await write(
      'server.py',
      ECHO.replace(
        'import zmq',
        'import subprocess, zmq\nchild = subprocess.Popen(["sleep", "1000"])',
      ).replace('os.getpid()', 'child.pid'),
    );
    const program = await serve([file, '--workers', '2', ...WITH_PYTHON], {
      env: { TMPDIR: folder },
    });
    const children = (await askAll(endpoint, 2)).map(Number);
    expect(children.every(isAlive)).toBe(true);
    program.signal('SIGKILL');
    await program.end();
    await until(() => !children.some(isAlive), 'the grandchildren to end');
    await until(() => filesIn(folder).join() === 'server.py', 'the folder to be removed');
  });

  it('may be asyncio, a class of its own, or bind in a with statement', async () => {
    const text = `import asyncio, os
import zmq.asyncio

class Server(zmq.asyncio.Socket):
    def bind(self, addr):
        return super().bind(addr)

async def main():
    socket = Server(zmq.asyncio.Context(), zmq.REP)
    with socket.bind("ENDPOINT"):
        assert socket.last_endpoint == b"ENDPOINT", socket.last_endpoint
        while True:
            message = await socket.recv()
            await asyncio.sleep(0)
            await socket.send(message + b" from %d" % os.getpid())

asyncio.run(main())
`;
    const { file, endpoint } = await write('server.py', text);
    await serve([file, '--workers', '2', ...WITH_PYTHON]);
    expect(await askAll(endpoint, 2)).toHaveLength(2);
  });

  it('may close its socket and bind again, and unbind', async () => {
    const text = `import zmq
context = zmq.Context()
socket = context.socket(zmq.REP)
socket.bind("ENDPOINT")
socket.send(socket.recv())
socket.close()
socket = context.socket(zmq.REP)
socket.bind("ENDPOINT")
socket.send(b"again " + socket.recv())
socket.unbind("ENDPOINT")
socket.bind("ENDPOINT")
while True:
    socket.send(b"thrice " + socket.recv())
`;
    const { file, endpoint } = await write('server.py', text);
    await serve([file, '--workers', '1', ...WITH_PYTHON]);
    // What comes between an answer and the close of its socket is lost with that, as it would be without zscale.
    const askAgain = async (text: string): Promise<string> => {
      for (;;) {
        const reply = await ask(endpoint, text);
        if (!reply.startsWith('-ZSCALE_ERR_WORKER_LOST ')) return reply;
      }
    };
    expect(await ask(endpoint, 'a')).toBe('a');
    expect(await askAgain('b')).toBe('again b');
    expect(await askAgain('c')).toBe('thrice c');
  });

  it('keeps the sitecustomize, the PYTHONPATH and the arguments that it had', async () => {
    const text = `import os, sys
import zmq
import mine
socket = zmq.Context().socket(zmq.REP)
socket.bind("ENDPOINT")
while True:
    socket.recv()
    socket.send_string("|".join([sys.argv[1], sys.argv[2], os.environ["PYTHONPATH"], os.environ["WAS_RUN"],
        str("zscale" in "".join(sys.path)), os.environ["ZSCALE_WORKER_ID"], str(os.environ.get("ZSCALE_REPORT_FD"))]))
`;
    const { file, folder, endpoint } = await write('server.py', text);
    const site = join(folder, 'site');
    mkdirSync(site);
    writeFileSync(join(site, 'sitecustomize.py'), 'import os\nos.environ["WAS_RUN"] = "yes"\n');
    writeFileSync(join(site, 'mine.py'), '');
    await serve([file, '--workers', '1', ...WITH_PYTHON, '--', 'one', '--two'], {
      env: { PYTHONPATH: site },
    });
    expect(await ask(endpoint, '')).toBe(`one|--two|${site}|yes|False|0|None`);
  });

  it('has clients where --bind says, whatever address it asks for', async () => {
    const { file, endpoint } = await write('server.py', ECHO);
    const bind = await freshTcp();
    const program = await serve([file, '--workers', '2', '--bind', bind, ...WITH_PYTHON]);
    expect(program.stdout).not.toContain(endpoint);
    expect(await askAll(bind, 2)).toHaveLength(2);
  });

  it.each([
    [
      'a second socket that binds',
      'zmq.Context.instance().socket(zmq.REP).bind("ipc:///tmp/never")',
      /binds ipc:\/\/\/tmp\/never after tcp:\/\/.*Bind once/,
    ],
    [
      'a socket of another type',
      'zmq.Context.instance().socket(zmq.PUB).bind("tcp://127.0.0.1:9")',
      /a zmq\.PUB socket binds tcp:\/\/127\.0\.0\.1:9, and only one process can/,
    ],
    [
      'a random port',
      'zmq.Context.instance().socket(zmq.REP).bind_to_random_port("tcp://127.0.0.1")',
      /bind_to_random_port\('tcp:\/\/127\.0\.0\.1'\) .* a port of its own/,
    ],
  ])('refuses %s, and says what to do', async (_, line, expected) => {
    const { file } = await write('server.py', ECHO.replace('while True:', `${line}\nwhile True:`));
    const end = await zscale(['run', file, '--workers', '2', ...WITH_PYTHON]);
    expect(end.exitCode).toBe(4);
    expect(end.stderr).toMatch(/^zscale: /m);
    expect(end.stderr.split('\n').find((text) => text.startsWith('zscale: '))).toMatch(expected);
    expect(end.stderr).toMatch(/^\[worker \d\] Traceback/m);
  });

  it('refuses PLAIN and CURVE, which are between clients and the front end', async () => {
    const { file } = await write(
      'server.py',
      ECHO.replace('socket.bind', 'socket.plain_server = True\nsocket.bind'),
    );
    const end = await zscale(['run', file, '--workers', '1', ...WITH_PYTHON]);
    expect(end.exitCode).toBe(4);
    expect(end.stderr).toMatch(/^zscale: .* asks for PLAIN or CURVE/m);
  });

  it('lets other sockets bind where that is a matter of the process alone', async () => {
    const lines = [
      'zmq.Context.instance().socket(zmq.PULL).bind("inproc://work")',
      'zmq.Context.instance().socket(zmq.REP).bind("inproc://control")',
      'zmq.Context.instance().socket(zmq.PUB).bind_to_random_port("tcp://127.0.0.1")',
    ];
    const text = ECHO.replace('while True:', `${lines.join('\n')}\nwhile True:`);
    const { file, endpoint } = await write('server.py', text);
    await serve([file, '--workers', '2', ...WITH_PYTHON]);
    expect(await askAll(endpoint, 2)).toHaveLength(2);
  });

  it('is told that its address is taken, and what to do', async () => {
    const { file, endpoint } = await write('server.py', ECHO);
    const other = closing(new Reply());
    await other.bind(endpoint);
    const end = await zscale(['run', file, '--workers', '2', ...WITH_PYTHON]);
    expect(end.exitCode).toBe(1);
    expect(end.stderr).toMatch(/^zscale: the program binds tcp:.*--bind.*EADDRINUSE/m);
  });

  it('says so when it ends before it binds, when there is no file, and no interpreter', async () => {
    const { file } = await write('server.py', 'raise SystemExit("not today")\n');
    const early = await zscale(['run', file, '--workers', '1', ...WITH_PYTHON]);
    expect(early.exitCode).toBe(3);
    expect(early.stderr).toMatch(/^\[worker 0\] not today$/m);
    expect(early.stderr).toMatch(/exit code 1 before it was ready.*must bind a zmq\.REP socket/);

    const absent = await zscale(['run', `${file}.no.py`]);
    expect(absent).toMatchObject({
      exitCode: 4,
      stderr: `zscale: there is no file ${file}.no.py\n`,
    });

    const none = await zscale(['run', file, '--workers', '1', '--python', '/no/python']);
    expect(none.exitCode).toBe(3);
    expect(none.stderr).toMatch(/exit code 127 .*\/no\/python/);
  });

  it('is one that does not become ready in time when it never binds', async () => {
    const { file } = await write('server.py', 'import time\ntime.sleep(1000)\n');
    const end = await zscale([
      'run',
      file,
      '--workers',
      '1',
      '--start-timeout',
      '1s',
      ...WITH_PYTHON,
    ]);
    expect(end.exitCode).toBe(3);
    expect(end.stderr).toMatch(/not ready after 1000 ms.*must bind a zmq\.REP socket/);
    expect(existsSync(file)).toBe(true);
  });
});

describe('the command line', () => {
  it('takes arguments of the program behind -- only', async () => {
    const end = await startZscale(['run', 'server.py', 'one']).end();
    expect(end).toMatchObject({ exitCode: 2 });
    expect(end.stderr).toMatch(
      /Expected 1 argument but got 2; those of the program come after "--"/,
    );
  });
});
