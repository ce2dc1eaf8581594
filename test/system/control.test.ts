/*
 * The control socket, and the commands that use it: each verb on a real supervisor, what comes out with --json as
 * docs/reference/control.md says, and nothing that a client does to it disturbs the service.
 */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect as connectTo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connect, createCodec, type Server, scale } from '@zscale/core';
import { Dealer, Request } from '@zscale/transport';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import {
  Program,
  type ProgramEnd,
  ROOT,
  type RunningServer,
  startZscale,
  zscale,
  zscaleRun,
} from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { faultsOf, schemasOf } from '../support/json-schema.ts';
import { freshFolder, startProgram, startService } from '../support/programs.ts';
import { python } from '../support/their-peer.ts';
import { until } from '../support/until.ts';
import { recordingLogger } from '../support/worker-queue.ts';

const CODEC = createCodec('msgpack');
const SCHEMAS = schemasOf('docs/reference/control.md');
const UID = process.getuid?.() ?? 0;

let folder: string;
let module: string;
beforeEach(() => {
  folder = freshFolder();
  module = join(freshFolder(), 'handler.mjs');
  write('one');
  vi.stubEnv('TMPDIR', folder);
  vi.stubEnv('XDG_RUNTIME_DIR', '');
  return () => vi.unstubAllEnvs();
});

/** Writes a version of the handler. */
function write(version: string): void {
  writeFileSync(
    module,
    `import { setTimeout as delay } from 'node:timers/promises';
export default async ({ ms = 0 }) => { await delay(ms); return '${version}'; };`,
  );
}

function run(...args: string[]): Promise<RunningServer> {
  return zscaleRun([module, ...args]);
}

/** A service in this process. */
async function serve(): Promise<Server> {
  const { logger } = recordingLogger();
  return closing(await scale(module, { workers: 1, bind: 'tcp://127.0.0.1:*', logger }));
}

/** Where the control socket of that name is. */
function socketOf(name: string): string {
  return join(folder, `zscale-${UID}`, `${name}.sock`);
}

/** What a command prints with --json, which is as the schema of that name says. */
async function json(schema: string, ...args: string[]): Promise<Record<string, unknown>> {
  const end = await zscale([...args, '--json']);
  expect(end).toMatchObject({ exitCode: 0, stderr: '' });
  const printed = JSON.parse(end.stdout);
  expect(SCHEMAS.has(schema)).toBe(true);
  expect(faultsOf(printed, SCHEMAS.get(schema))).toEqual([]);
  return printed;
}

/** Its workers' process ids, by id. */
async function pids(): Promise<Map<number, number>> {
  const { workers } = await json('status', 'status');
  const list = workers as { id: number; pid: number }[]; // as the schema says
  return new Map(list.map(({ id, pid }) => [id, pid]));
}

/** Asks as any ZeroMQ client may. */
async function ask(path: string, body: Buffer | Buffer[]): Promise<Record<string, unknown>> {
  const socket = new Request({ linger: 0 });
  try {
    socket.connect(`ipc://${path}`);
    await socket.send(body);
    return Object(CODEC.decode(await socket.receive()));
  } finally {
    socket.close();
  }
}

function complaint({ exitCode, stderr, stdout }: ProgramEnd, expected: number): string {
  expect({ exitCode, stdout }, stderr).toEqual({ exitCode: expected, stdout: '' });
  return stderr;
}

describe('zscale status', () => {
  it('shows the service and its workers, in 80 columns and as JSON', async () => {
    const { endpoint, program } = await run('--name', 'api');
    await zscale(['call', endpoint, '{}']);
    const { stdout } = await zscale(['ps']);
    expect(stdout).toMatch(/^api: service serving for \d+m?s, pid \d+\n/);
    expect(stdout).toContain(`clients   ${endpoint}\n`);
    expect(stdout).toMatch(
      /^ID +PID +POOL +STATE +UPTIME +REQUESTS +IN FLIGHT +MEMORY +RESTARTS$/m,
    );
    expect(stdout.match(/^ *[01] +\d+ +- +ready +\S+ +[01] +0 +\d+\.\d MB +0$/gm)).toHaveLength(2);
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThan(81);
    const report = await json('status', 'status');
    expect(report).toMatchObject({ name: 'api', pid: program.pid, endpoints: [endpoint] });
    expect(report.workers).toHaveLength(2);
  });

  it('says that none is running, and ends with 69', async () => {
    expect(complaint(await zscale(['status']), 69)).toMatch(/no supervisor is running\. Start one/);
    const at = await zscale(['status', '--control', join(folder, 'nothing.sock')]);
    expect(complaint(at, 69)).toMatch(/no supervisor answers at .*nothing\.sock \(ENOENT\)/);
  });

  it('answers for a program that calls scale(), too', async () => {
    const { pid, folder: own } = await startService({ workers: 1, name: 'embedded' });
    const end = await zscale(['status', '--json'], { env: { TMPDIR: own } });
    expect(JSON.parse(end.stdout)).toMatchObject({ name: 'embedded', pid });
  });

  it('answers for a machine that has joined, which also tells where', async () => {
    const { program } = await run('--name', 'front', '--backend', 'tcp://127.0.0.1:*');
    const [, backend = ''] = await program.printed(/back end +(\S+)/);
    const joined = startZscale(['join', backend, module, '-w', '1', '--name', 'far']);
    await joined.printed(/Ctrl-C/);
    const report = await json('status', 'status', '--name', 'far');
    expect(report).toMatchObject({ kind: 'machine', backends: [backend], queued: null });
    const { configuration } = await json('inspect', 'inspect', '0', '--name', 'far');
    expect(configuration).toMatchObject({ name: 'far', codec: 'msgpack' });
    expect(Object.keys(Object(configuration))).not.toContain('bind'); // a service's alone
    expect(await json('machines', 'machines', '--name', 'far')).toMatchObject({
      machines: [{ address: backend, workers: 1 }],
    });
    expect(await json('machines', 'machines', '--name', 'front')).toMatchObject({
      machines: [{ machine: expect.stringContaining('/'), workers: 1, address: 'tcp://127.0.0.1' }],
    });
    await json('reload, scale, drain', 'reload', '--name', 'far');
    await zscale(['stop', '--name', 'far']);
    expect(await joined.end()).toMatchObject({ exitCode: 0 });
  });
});

describe('zscale reload', () => {
  it('waits until new code is served', async () => {
    const { endpoint } = await run();
    const before = await pids();
    write('two');
    expect(await json('reload, scale, drain', 'reload')).toMatchObject({ workers: 2 });
    const after = await pids();
    expect([...after.keys()]).toEqual([...before.keys()]);
    expect([...after.values()].some((pid) => [...before.values()].includes(pid))).toBe(false);
    expect((await zscale(['call', endpoint, '{}'])).stdout).toBe('"two"\n');
  });

  it('ends with 75 and the text of the error when new code does not start, and the old serves on', async () => {
    const { endpoint, program } = await run();
    const before = await pids();
    writeFileSync(module, "throw new Error('it is broken');");
    const told = complaint(await zscale(['reload']), 75);
    expect(told).toMatch(/the reload failed, and all 2 workers go on serving as before: /);
    expect(told).toContain('it is broken');
    expect(await pids()).toEqual(before);
    expect((await zscale(['call', endpoint, '{}'])).stdout).toBe('"one"\n');
    const failed = program.stderr.split('\n').find((line) => line.includes('"reload failed"'));
    expect(JSON.parse(failed ?? '{}').err.message.match(/it is broken/g)).toHaveLength(1);
  });

  it('keeps nobody from asking meanwhile', async () => {
    const { endpoint } = await run('--workers', '1');
    const client = closing(connect<(value: object) => unknown>(endpoint));
    const slow = client.request({ ms: 3000 });
    await until(async () => (await json('stats', 'stats')).inFlight === 1);
    const reload = startZscale(['reload']);
    await until(async () => (await zscale(['logs'])).stdout.includes('reloading'));
    expect(reload.hasEnded).toBe(false);
    expect(await json('status', 'status')).toMatchObject({ state: 'serving' });
    expect(await slow).toBe('one');
    expect(await reload.end()).toMatchObject({ exitCode: 0 });
  });
});

function encode(verb: string, rest: object = {}): Buffer[] {
  return CODEC.encode({ version: 1, verb, ...rest });
}

describe('zscale scale', () => {
  it('goes to so many workers, more, fewer, and what the machine has', async () => {
    await run();
    expect(await json('reload, scale, drain', 'scale', '3')).toMatchObject({ workers: 3 });
    expect(await json('reload, scale, drain', 'scale', '+1')).toMatchObject({ workers: 4 });
    expect(await json('reload, scale, drain', 'scale', '-3')).toMatchObject({ workers: 1 });
    vi.stubEnv('ZSCALE_WORKERS', '');
    const { workers, reason } = await json('reload, scale, drain', 'scale', 'auto');
    expect(workers).toBeGreaterThan(0);
    expect(reason).toMatch(/^\d+ workers?: \S/);
  });

  it('refuses what cannot be, before or after asking', async () => {
    await run();
    expect(complaint(await zscale(['scale', 'many']), 2)).toContain('+n, -n or auto');
    expect(complaint(await zscale(['scale', '-2']), 2)).toContain('from 1 to 1024; got 0');
    expect((await pids()).size).toBe(2);
  });

  it('to a number ends following the load, and auto takes it up again', async () => {
    await run('--autoscale', '1-2', '--workers', '1');
    await json('reload, scale, drain', 'scale', '4');
    const { stdout } = await zscale(['scale', 'auto']);
    expect(stdout).toMatch(/^4 workers/);
    // Nobody asks for anything, so in the end it goes to the least.
    await until(async () => (await pids()).size === 2, 'fewer workers', { deadline: 40_000 });
  });
});

describe('zscale kill and drain', () => {
  it('kills a worker, which is no crash, and another one takes its place', async () => {
    await run('--max-restarts', '0/60s');
    const before = await pids();
    for (let i = 0; i < 2; i += 1) {
      const old = (await pids()).get(1);
      expect(await json('kill', 'kill', '1')).toEqual({ worker: 1, pid: old, signal: 'SIGKILL' });
      await until(async () => ![old, undefined].includes((await pids()).get(1)));
    }
    expect((await pids()).get(0)).toBe(before.get(0));
  });

  it('sends any other signal, and says which there are', async () => {
    await run();
    const old = (await pids()).get(0);
    await json('kill', 'kill', '0', '--signal', 'term');
    await until(async () => (await pids()).get(0) !== old);
    expect(complaint(await zscale(['kill', '0', '--signal', 'STAB']), 2)).toContain('SIGUSR2');
  });

  it('drains a worker: what it holds is answered, and its successor serves before it goes', async () => {
    const { endpoint } = await run('--workers', '1');
    const client = closing(connect<(value: object) => unknown>(endpoint));
    const slow = client.request({ ms: 1500 });
    await until(async () => (await json('stats', 'stats')).inFlight === 1);
    const old = (await pids()).get(0);
    await json('reload, scale, drain', 'drain', '0');
    expect(await slow).toBe('one');
    expect((await pids()).get(0)).not.toBe(old);
  });

  it('say that there is no such worker', async () => {
    await run();
    for (const verb of ['kill', 'drain', 'inspect']) {
      expect(complaint(await zscale([verb, '7']), 1)).toContain(
        'no worker 7; the workers are 0, 1',
      );
      expect(complaint(await zscale([verb, 'seven']), 2)).toContain('got "seven"');
      expect(complaint(await zscale([verb]), 2)).toContain('worker is missing');
    }
  });
});

describe('zscale inspect', () => {
  it('shows what a worker holds and how old that is, and its configuration without secrets', async () => {
    const { endpoint } = await run('--workers', '1', '--env', 'TOKEN=sesame');
    const client = closing(connect<(value: object) => unknown>(endpoint));
    const slow = client.request({ ms: 2000 }, { id: 'the-slow-one' });
    const report = await until(async () => {
      const { requests, ...rest } = await json('inspect', 'inspect', '0');
      const [first] = requests as { id: string; age: number }[]; // as the schema says
      return first !== undefined && first.age > 0 && { first, ...rest };
    });
    expect(report.first.id).toBe('the-slow-one');
    expect(report).toMatchObject({
      configuration: { workers: 1, maxQueueWait: null, env: expect.arrayContaining(['TOKEN']) },
      lastDeath: null,
    });
    const { stdout } = await zscale(['inspect', '0']);
    expect(stdout).toMatch(/requests in progress: 1\n +the-slow-one +\d+/);
    expect(stdout + JSON.stringify(report)).not.toContain('sesame');
    await slow;
  });

  it('tells how the worker died last', async () => {
    await run();
    const victim = (await pids()).get(1) ?? 0;
    process.kill(victim, 'SIGKILL');
    const { lastDeath } = await until(async () => {
      const report = await json('inspect', 'inspect', '1');
      return report.lastDeath !== null && report;
    });
    expect(lastDeath).toMatchObject({ pid: victim, signal: 'SIGKILL', held: 0 });
    expect((await zscale(['inspect', '1'])).stdout).toMatch(/last death: .*\n +SIGKILL: somebody/);
    expect((await json('inspect', 'inspect', '0')).lastDeath).toBeNull();
  });

  it('shows what a worker says of itself, and lets it not steer the terminal; so do events, logs and the log', async () => {
    writeFileSync(
      module,
      `import { writeSync } from 'node:fs';
export default () => {
  const stack = '\\u001b]0;pwned\\u0007\\u001b[2J\\u009b31m\\r here';
  writeSync(4, JSON.stringify({ type: 'hung', ms: 1, stack }) + '\\n');
};`,
    );
    const { endpoint, program } = await run('--workers', '1', '--log-format', 'pretty');
    await zscale(['call', endpoint, '{}']);
    await until(async () => (await json('inspect', 'inspect', '0')).lastDeath !== null);
    const shown = '\\u001b]0;pwned\\u0007\\u001b[2J\\u009b31m\\u000d here';
    const commands = [['inspect', '0'], ['events'], ['logs']];
    for (const { stdout } of await Promise.all(commands.map((words) => zscale(words)))) {
      expect(stdout).toContain(shown);
      expect(stdout).not.toMatch(/(?!\n)\p{Cc}/u);
    }
    expect(program.stderr).toContain(shown);
    expect(program.stderr).not.toMatch(/(?!\n)\p{Cc}/u);
  });
});

describe('zscale events and logs', () => {
  it.each([
    ['events', /"event":"worker-started"/],
    ['logs', /"text":"resized"/],
  ])('%s are followed line by line, until the service ends', async (verb, later) => {
    await run();
    const follower = startZscale([verb, '--follow', '--json']);
    await follower.printed(/"number":1,/);
    await zscale(['scale', '3']);
    await follower.printed(later);
    await zscale(['stop']);
    expect(await follower.end()).toMatchObject({ exitCode: 0, stderr: '' });
    const entries = follower.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const entry of entries) {
      const schema = Object(SCHEMAS.get('events and logs')).properties.entries.items;
      expect(faultsOf(entry, schema)).toEqual([]);
    }
    expect(entries.map(({ number }) => number)).toEqual(entries.map((_, i) => i + 1));
  });

  it('end when nobody reads them any more', async () => {
    await run();
    const script = 'set -o pipefail; "$0" "$1" logs -f | head -n 1; echo "ended $?"';
    const bin = join(ROOT, 'packages/cli/bin/zscale.js');
    const shell = closing(new Program('bash', ['-c', script, process.execPath, bin]));
    await shell.printed(/ info serving /);
    await until(async () => {
      await zscale(['scale', '+1']);
      return shell.hasEnded;
    });
    expect(shell.stdout).toContain('ended 0');
  });

  it('are what happened so far, without --follow', async () => {
    await run();
    expect((await zscale(['events'])).stdout).toMatch(/^\S+Z worker-started id=0 pid=\d+$/m);
    expect((await zscale(['logs'])).stdout).toMatch(/^\S+Z info serving /m);
  });

  it('that were forgotten are counted', async () => {
    await run();
    for (let i = 0; i < 1100; i += 1) {
      await ask(socketOf('zscale'), encode('kill', { worker: 99, signal: 'SIGKILL' }));
    }
    const { data } = await ask(socketOf('zscale'), encode('logs', { after: 1, wait: 0 }));
    expect(faultsOf(data, SCHEMAS.get('events and logs'))).toEqual([]);
    expect(Object(data).entries).toHaveLength(200);
    expect(Object(data).missed).toBeGreaterThan(1000);
    const { stderr } = await zscale(['logs']);
    expect(stderr).toBe('');
  });
});

describe('zscale inject', () => {
  it('sends a request by the front end, in the codec of the service', async () => {
    await run('--codec', 'json', '--bind', 'tcp://*:0');
    expect(await zscale(['inject', '{}'])).toMatchObject({ exitCode: 0, stdout: '"one"\n' });
    expect(await json('stats', 'stats')).toMatchObject({ requests: 1, replies: 1 });
    expect((await zscale(['inject', '-r'], { input: '{}' })).stdout).toBe('one');
    expect(complaint(await zscale(['inject', '{}', '-n', 'web']), 69)).toContain('zscale');
  });

  it('says how to ask a service that speaks HTTP alone, and takes the other face where there are two', async () => {
    const http = 'http://127.0.0.1:0';
    const web = await run('--bind', http, '--codec', 'json');
    expect(complaint(await zscale(['inject', '{}']), 2)).toMatch(
      /^zscale: zscale speaks HTTP alone.*curl http:\/\/127\.0\.0\.1:\d+\n$/,
    );
    web.program.signal('SIGTERM');
    await web.program.end();
    await run('--bind', http, '--bind', 'tcp://127.0.0.1:0', '--codec', 'json');
    expect(await zscale(['inject', '{}'])).toMatchObject({ exitCode: 0, stdout: '"one"\n' });
  });
});

describe('zscale stop', () => {
  it('waits until the service is gone, which answers what is open', async () => {
    const { endpoint, program } = await run();
    const client = closing(connect<(value: object) => unknown>(endpoint));
    const slow = client.request({ ms: 1000 });
    await until(async () => (await json('stats', 'stats')).inFlight === 1);
    const end = await zscale(['stop']);
    expect(end).toMatchObject({ exitCode: 0, stdout: 'stopped\n', stderr: '' });
    expect(await slow).toBe('one');
    expect(await program.end()).toMatchObject({ exitCode: 0 });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('the socket', () => {
  it('and its folder are for their user alone', async () => {
    await run();
    expect(statSync(join(folder, `zscale-${UID}`)).mode & 0o777).toBe(0o700);
    expect(statSync(socketOf('zscale')).mode & 0o777).toBe(0o600);
  });

  it('is in XDG_RUNTIME_DIR where there is one, and at a path that was given', async () => {
    vi.stubEnv('XDG_RUNTIME_DIR', freshFolder());
    await run('--name', 'there');
    expect(existsSync(join(process.env.XDG_RUNTIME_DIR ?? '', 'zscale', 'there.sock'))).toBe(true);
    const path = join(folder, 'own.sock');
    await run('--name', 'given', '--control', path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await json('status', 'status', '--control', path)).toMatchObject({ name: 'given' });
    expect(await json('status', 'status')).toMatchObject({ name: 'there' });
  });

  it('is not there with --control off', async () => {
    const { program } = await run('--control', 'off');
    expect(existsSync(join(folder, `zscale-${UID}`))).toBe(false);
    complaint(await zscale(['status']), 69);
    expect(program.hasEnded).toBe(false);
  });

  it('that cannot be had is an error when it was asked for, and a line of the log when not', async () => {
    const path = join(folder, 'no', 'such', 'folder.sock');
    const end = await zscale(['run', module, '--control', path, '--bind', 'tcp://127.0.0.1:*']);
    expect(complaint(end, 1)).toMatch(/ENOENT|does not exist/);

    const open = join(folder, `zscale-${UID}`);
    mkdirSync(open);
    chmodSync(open, 0o755);
    const { logger, lines } = recordingLogger();
    closing(await scale(module, { workers: 1, bind: 'tcp://127.0.0.1:*', logger }));
    expect(lines.filter(({ text }) => text.startsWith('no control socket'))).toHaveLength(1);
    expect(readdirSync(open)).toEqual([]);
  });

  it('of a supervisor that was killed stands in nobody’s way', async () => {
    const { program } = await run();
    program.signal('SIGKILL');
    await program.end();
    expect(existsSync(socketOf('zscale'))).toBe(true);
    complaint(await zscale(['status']), 69);
    const next = await run();
    expect(await json('status', 'status')).toMatchObject({ pid: next.program.pid });
    expect(readdirSync(join(folder, `zscale-${UID}`))).toEqual(['zscale.sock']);
  });

  it('that somebody removes is open again, and clients that were there stay', async () => {
    const { program } = await run();
    const follower = startZscale(['events', '--follow', '--json']);
    await follower.printed(/worker-ready/);
    rmSync(join(folder, `zscale-${UID}`), { recursive: true });
    await until(() => existsSync(socketOf('zscale')), 'the socket to be open again');
    expect(statSync(socketOf('zscale')).mode & 0o777).toBe(0o600);
    expect(await json('status', 'status')).toMatchObject({ pid: program.pid });
    expect(program.stderr.match(/somebody removed the control socket/g)).toHaveLength(1);
    expect((await zscale(['kill', '0'])).exitCode).toBe(0);
    await follower.printed(/worker-exited/);
  });

  it('whose folder is no folder any more is told once, and is open again when it can be', async () => {
    const home = join(folder, `zscale-${UID}`);
    const spoil = (): void => {
      rmSync(home, { recursive: true });
      writeFileSync(home, '');
    };
    const { program, endpoint } = await run();
    const client = closing(connect<(value: object) => unknown>(endpoint));
    spoil();
    await until(() => program.stderr.includes('no control socket'), 'a warning');
    // It looks again every second: the request takes longer.
    expect(await client.request({ ms: 1100 })).toBe('one');
    rmSync(home);
    await until(() => program.stderr.includes('somebody removed the control socket'), 'it again');
    expect(await json('status', 'status')).toMatchObject({ pid: program.pid });
    expect(program.stderr.match(/no control socket|cannot be made again/g)).toHaveLength(1);
    // Also one that ends while it is so.
    spoil();
    program.signal('SIGTERM');
    expect(await program.end()).toMatchObject({ exitCode: 0, signal: null });
  });

  it('goes with a program that ends by process.exit()', async () => {
    const { program, folder: own } = startProgram('exits-serving.mjs');
    expect(await program.end()).toMatchObject({ exitCode: 0 });
    expect(existsSync(join(own, `zscale-${UID}`))).toBe(false);
  });

  it('is told apart by name; a second of one name gets a suffix, and several are listed', async () => {
    const first = await run('--name', 'api');
    const second = await run('--name', 'api');
    await run('--name', 'web');
    expect(second.program.stderr).toContain('--name api~2');
    expect(complaint(await zscale(['status']), 2)).toContain('--name: api, api~2, web');
    const pidOf = async (name: string) => (await json('status', 'ps', '--name', name)).pid;
    expect(await pidOf('api')).toBe(first.program.pid);
    expect(await pidOf('api~2')).toBe(second.program.pid);
    expect(complaint(await zscale(['ps', '--name', 'db']), 69)).toContain('api, api~2, web');
  });
});

describe('any client', () => {
  it.skipIf(python === undefined)('is answered: pyzmq', async () => {
    await run();
    const script = `
import sys, zmq
socket = zmq.Context().socket(zmq.REQ)
socket.connect("ipc://" + sys.argv[1])
socket.send(bytes.fromhex("82a776657273696f6e01a476657262a6737461747573"))
print(socket.recv().hex())`;
    const { stdout } = await promisify(execFile)(python ?? '', ['-c', script, socketOf('zscale')]);
    const reply = Object(CODEC.decode([Buffer.from(stdout.trim(), 'hex')]));
    expect(reply).toMatchObject({ version: 1, ok: true });
    expect(faultsOf(reply.data, SCHEMAS.get('status'))).toEqual([]);
  });

  it.each([
    ['another version', CODEC.encode({ version: 2, verb: 'status' }), 'ZSCALE_ERR_CONTROL_VERSION'],
    ['no version', CODEC.encode({ verb: 'status' }), 'ZSCALE_ERR_CONTROL_VERSION'],
    ['an unknown verb', CODEC.encode({ version: 1, verb: 'fly' }), 'ZSCALE_ERR_CONTROL'],
    ['a word of Object', CODEC.encode({ version: 1, verb: 'toString' }), 'ZSCALE_ERR_CONTROL'],
    ['an argument too many', encode('status', { loud: true }), 'ZSCALE_ERR_CONTROL'],
    ['a missing argument', encode('inspect'), 'ZSCALE_ERR_CONTROL'],
    ['a wrong argument', encode('kill', { worker: 0, signal: 9 }), 'ZSCALE_ERR_CONTROL'],
    ['no map', CODEC.encode([1, 'status']), 'ZSCALE_ERR_CONTROL'],
    ['no MessagePack', [Buffer.from('status')], 'ZSCALE_ERR_CONTROL'],
    ['nothing', [Buffer.alloc(0)], 'ZSCALE_ERR_CONTROL'],
    ['two frames', [...encode('status'), Buffer.from('more')], 'ZSCALE_ERR_CONTROL'],
    ['too many bytes', [Buffer.alloc(100_000, 0xc1)], 'EMSGSIZE'],
  ])('that sends %s gets a typed error', async (_, body, code) => {
    const server = await serve();
    const reply = await ask(socketOf('zscale'), body);
    expect(reply).toMatchObject({ version: 1, ok: false, error: { code } });
    expect(server.workers).toMatchObject([{ state: 'ready', restarts: 0 }]);
  });

  it('that sends megabytes, or garbage, is cut off, and others are answered', async () => {
    await serve();
    const huge = closing(new Request({ linger: 0 }));
    const ended = new Promise((resolve) => huge.events.on('disconnect', resolve));
    huge.connect(`ipc://${socketOf('zscale')}`);
    await huge.send(Buffer.alloc(2 * 1024 * 1024));
    await ended;
    const garbage = connectTo(socketOf('zscale'));
    const closed = new Promise((resolve) => garbage.on('close', resolve));
    garbage.on('error', () => {}); // a reset is as good
    garbage.write(Buffer.alloc(4096, 0x55));
    garbage.resume();
    await closed;
    expect(await ask(socketOf('zscale'), encode('status'))).toMatchObject({ ok: true });
  });

  it('that asks on and on and never reads costs little, and others are served', async () => {
    const server = await serve();
    const greedy = closing(
      new Dealer({ linger: 0, receiveHighWaterMark: 1, sendHighWaterMark: 0 }),
    );
    greedy.connect(`ipc://${socketOf('zscale')}`);
    for (let i = 0; i < 5000; i += 1)
      await greedy.send([Buffer.alloc(0), ...encode('logs', { after: 0, wait: 60_000 })]);
    const status = await until(async () => {
      const reply = await ask(socketOf('zscale'), encode('status'));
      return reply.ok === true && reply;
    });
    expect(status).toMatchObject({ version: 1 });
    const client = closing(connect<(value: object) => unknown>(server.endpoints[0] ?? ''));
    expect(await client.request({})).toBe('one');
    await server.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('beyond the sixty-fourth that waits is told so', async () => {
    await serve();
    const many = closing(new Dealer({ linger: 0 }));
    many.connect(`ipc://${socketOf('zscale')}`);
    const { last } = Object(
      (await ask(socketOf('zscale'), encode('events', { after: 0, wait: 0 }))).data,
    );
    for (let i = 0; i < 65; i += 1)
      await many.send([Buffer.alloc(0), ...encode('events', { after: last, wait: 60_000 })]);
    const [, body = Buffer.alloc(0)] = await many.receive();
    expect(CODEC.decode([body])).toMatchObject({ ok: false, error: { code: 'ZSCALE_ERR_BUSY' } });
  });
});
