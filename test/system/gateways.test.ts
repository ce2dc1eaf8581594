/*
 * Several gateway processes at one address (`gateways`): each takes connections, one that dies costs its own and no others, and all
 * of them together stop, reload, count and end as one gateway does.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, get, type RequestOptions } from 'node:http';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import {
  checkService,
  connect,
  type GatewayExit,
  type ScaleOptions,
  type Server,
  scale,
} from '@zscale/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { isAlive, zscale } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { rawClient } from '../support/http-client.ts';
import { freshFolder } from '../support/programs.ts';
import { until } from '../support/until.ts';
import { HANDLER, SERVER, startWeb } from '../support/web.ts';
import { recordingLogger } from '../support/worker-queue.ts';

const FREE = 'http://127.0.0.1:0';
const CLIENTS = 24;

interface Started {
  readonly server: Server;
  readonly endpoint: string;
  readonly logged: () => readonly string[];
}

/** A service in this process, with three gateways that are others. */
async function serve(options: ScaleOptions = {}, text: string = SERVER): Promise<Started> {
  const module = join(freshFolder(), 'server.mjs');
  writeFileSync(module, text);
  const { logger, lines } = recordingLogger();
  const server = closing(
    await scale(module, { workers: 2, bind: FREE, gateways: 3, logger, ...options }),
  );
  return { server, endpoint: server.endpoints[0] ?? '', logged: () => lines.map((l) => l.text) };
}

interface Answer {
  readonly status: number | undefined;
  readonly text: string;
  /** Which gateway it came by: the ids of its requests have a beginning in common. */
  readonly gateway: string;
}

function ask(url: string, options: RequestOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    get(url, options, (response) => {
      const gateway = String(response.headers['x-request-id']).replace(/-.*/, '');
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, text, gateway }));
      response.on('error', reject);
    }).on('error', reject);
  });
}

/** Clients that keep a connection each and ask until they are told to stop. */
class Load {
  /** The gateway that each client's connection is with. */
  readonly gateways: string[] = Array.from({ length: CLIENTS }, () => '');
  /** The gateways that the connections were with on which something failed. */
  readonly failed: string[] = [];
  readonly pids = new Set<string>();
  answered = 0;
  #stopped = false;
  readonly #over: Promise<unknown>;

  constructor(endpoint: string) {
    this.#over = Promise.all(this.gateways.map((_, client) => this.#loop(endpoint, client)));
    onTestFinished(() => this.stop());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#over;
  }

  async #loop(endpoint: string, client: number): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!this.#stopped) {
      try {
        const { status, text, gateway } = await ask(`${endpoint}/a`, { agent });
        if (status !== 200) this.failed.push(`${status} ${text}`);
        this.gateways[client] = gateway;
        this.pids.add(text.replace(/^.* /, ''));
        this.answered += 1;
      } catch {
        this.failed.push(this.gateways[client] ?? '');
      }
    }
    agent.destroy();
  }
}

async function loaded(endpoint: string): Promise<Load> {
  const load = new Load(endpoint);
  await until(() => load.answered > 10 * CLIENTS);
  return load;
}

function pidsOf(server: Server): number[] {
  return server.gateways.map(({ pid }) => pid ?? 0);
}

/** Does it while all gateways but one are stopped, so that this one takes the connections. */
async function whileAlone<T>(server: Server, alone: number, act: () => Promise<T>): Promise<T> {
  const others = pidsOf(server).filter((pid) => pid !== alone);
  try {
    for (const pid of others) process.kill(pid, 'SIGSTOP');
    return await act();
  } finally {
    for (const pid of others) process.kill(pid, 'SIGCONT');
  }
}

describe('several gateways', () => {
  it('share the connections of one port, and each takes some', async () => {
    const { server, endpoint } = await serve();
    expect(server.endpoints).toHaveLength(1);
    expect(server.gateways.map(({ id, state }) => [id, state])).toEqual([
      [0, 'ready'],
      [1, 'ready'],
      [2, 'ready'],
    ]);
    const seen = new Set<string>();
    for (const pid of pidsOf(server)) {
      const asked = (): Promise<Answer> => ask(`${endpoint}/x`, { agent: false });
      const { status, gateway } = await whileAlone(server, pid, asked);
      expect(status).toBe(200);
      seen.add(gateway);
    }
    expect(seen.size).toBe(3);
  });

  it('one that is killed costs its own connections alone, and is replaced', async () => {
    const { server, endpoint, logged } = await serve();
    const exits: unknown[] = [];
    server.on('gateway-exited', ({ pid, signal, expected }) =>
      exits.push({ pid, signal, expected }),
    );
    const load = await loaded(endpoint);
    const [victim = 0] = pidsOf(server);
    process.kill(victim, 'SIGKILL');
    await until(() =>
      server.gateways.every(({ state, pid }) => state === 'ready' && pid !== victim),
    );
    expect(isAlive(victim)).toBe(false);
    const before = load.answered;
    await until(() => load.answered > before + 10 * CLIENTS);
    await load.stop();
    expect(new Set(load.failed).size).toBeLessThanOrEqual(1);
    expect(exits).toEqual([{ pid: victim, signal: 'SIGKILL', expected: false }]);
    expect(server.gateways.map(({ restarts }) => restarts)).toEqual([1, 0, 0]);
    expect(logged()).toContain('gateway ended unexpectedly, restarting it');
    // The new one takes connections, too: the only one that can while the others are stopped.
    const [successor = 0] = pidsOf(server);
    const { status } = await whileAlone(server, successor, () =>
      ask(`${endpoint}/x`, { agent: false }),
    );
    expect(status).toBe(200);
  });

  it('one that is told to end finishes what it has, and is replaced', async () => {
    const { server, endpoint } = await serve();
    const slow = Array.from({ length: 24 }, () => ask(`${endpoint}/slow?ms=400`));
    await until(() => server.stats().inFlight === 24);
    const [victim = 0] = pidsOf(server);
    process.kill(victim, 'SIGTERM');
    for (const { status, text } of await Promise.all(slow))
      expect([status, text]).toEqual([200, 'slow']);
    await until(() =>
      server.gateways.every(({ state, pid }) => state === 'ready' && pid !== victim),
    );
    expect(server.stats().http?.cut).toBe(0);
  });

  it('one that hangs is told and replaced', async () => {
    const preload = join(freshFolder(), 'hang.mjs');
    writeFileSync(preload, "process.on('SIGUSR2', () => { for (;;); });");
    const name = `hanging-${process.pid}`;
    const { program, endpoint } = await startWeb(
      SERVER,
      ['--bind', FREE, '--gateways', '2', '--hang-timeout', '300ms', '--name', name],
      { env: { NODE_OPTIONS: `--import ${preload}` } },
    );
    const { stdout } = await zscale(['status', '--json', '--name', name]);
    const [{ pid }] = JSON.parse(stdout).gateways;
    process.kill(pid, 'SIGUSR2');
    await until(() => /gateway hangs: its event loop stands still/.test(program.stderr));
    await until(() => /gateway is ready again/.test(program.stderr));
    expect(isAlive(pid)).toBe(false);
    expect((await ask(`${endpoint}/x`)).status).toBe(200);
  });

  it('one that is stopped as a whole is told and replaced', async () => {
    const { server, endpoint, logged } = await serve({ hangTimeout: 500 });
    const exits: GatewayExit[] = [];
    server.on('gateway-exited', (facts) => exits.push(facts));
    const [, victim = 0] = pidsOf(server);
    process.kill(victim, 'SIGSTOP');
    await until(() => exits.length > 0);
    expect(isAlive(victim)).toBe(false);
    expect(exits).toEqual([
      expect.objectContaining({
        id: 1,
        pid: victim,
        signal: 'SIGKILL',
        expected: false,
        why: expect.stringMatching(/nothing was heard of it for \d+ ms .*SIGSTOP/),
        uptime: expect.any(Number),
        stack: undefined,
      }),
    ]);
    await until(() => server.gateways.every(({ state }) => state === 'ready'));
    expect(logged()).toContain('gateway is stopped: nothing is heard of it, killing it');
    expect(server.gateways.map(({ restarts }) => restarts)).toEqual([0, 1, 0]);
    expect((await ask(`${endpoint}/x`)).status).toBe(200);
  });

  it('nobody notices that the workers behind them are replaced', async () => {
    const { server, endpoint } = await serve();
    const load = await loaded(endpoint);
    await server.reload();
    await until(() => load.pids.size >= 4);
    await load.stop();
    expect(load.failed).toEqual([]);
    expect(new Set(load.gateways).size).toBeGreaterThan(1);
  });

  it('count as one', async () => {
    const { server, endpoint } = await serve();
    for (let i = 0; i < 30; i++) await ask(`${endpoint}/x`);
    await until(() => server.stats().http?.requests === 30);
    const client = rawClient(endpoint);
    await until(() => server.stats().http?.connections === 1);
    client.send('nonsense\r\n\r\n');
    await client.ends();
    await until(() => server.stats().http?.malformed === 1);
    // What the dead have counted stays.
    for (const pid of pidsOf(server)) process.kill(pid, 'SIGKILL');
    await until(() =>
      server.gateways.every(({ state, restarts }) => state === 'ready' && restarts),
    );
    expect(server.stats().http).toMatchObject({ requests: 30, malformed: 1, connections: 0 });
  });

  it('divide the connections that there may be, and have no more in all', async () => {
    const { server, endpoint } = await serve({ maxConnections: 4 });
    let opened = 0;
    /** How many of them are open once more have come. */
    async function openMore(count: number): Promise<number> {
      opened += count;
      for (let i = 0; i < count; i++) rawClient(endpoint);
      return until(() => {
        const { connections, refused } = server.stats().http ?? { connections: 0, refused: 0 };
        return connections + refused === opened && connections;
      });
    }
    const open: number[] = [];
    for (const pid of pidsOf(server)) open.push(await whileAlone(server, pid, () => openMore(6)));
    expect(open).toEqual([2, 3, 4]);
  });

  it('write whole lines into one access log', async () => {
    const log = join(freshFolder(), 'access');
    const { server, endpoint } = await serve({ accessLog: log });
    const load = await loaded(endpoint);
    await load.stop();
    await server.close();
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(load.answered);
    expect(new Set(lines.map((line) => JSON.parse(line).status))).toEqual(new Set([200]));
  });

  it('give a message handler its face, beside clients of ZeroMQ', async () => {
    const { server, endpoint } = await serve({ bind: [FREE, 'tcp://127.0.0.1:*'] }, HANDLER);
    const http = server.endpoints.find((one) => one.startsWith('http')) ?? endpoint;
    const response = await fetch(http, { method: 'POST', body: '{"a":1}' });
    expect(await response.json()).toMatchObject({ got: { a: 1 } });
    const client = closing(
      await connect(server.endpoints.find((one) => one.startsWith('tcp')) ?? ''),
    );
    expect(await client.request({ a: 1 })).toMatchObject({ got: { a: 1 } });
  });

  it('keep clients with their worker', async () => {
    const { endpoint } = await serve({ sticky: 'header:x-user' });
    const headers = { 'x-user': 'somebody' };
    const answers = await Promise.all(
      Array.from({ length: 24 }, () => ask(`${endpoint}/x`, { headers })),
    );
    expect(new Set(answers.map(({ gateway }) => gateway)).size).toBeGreaterThan(1);
    expect(new Set(answers.map(({ text }) => text.replace(/^.* /, ''))).size).toBe(1);
  });

  it('are at a Unix socket, whose file goes with the service', async () => {
    const path = join(freshFolder(), 'app.sock');
    const { server } = await serve({ bind: `unix:${path}` });
    expect(server.endpoints).toEqual([`unix:${path}`]);
    const seen = new Set<string>();
    for (const pid of pidsOf(server)) {
      const asked = (): Promise<Answer> => ask('http://unix/a', { socketPath: path, agent: false });
      seen.add((await whileAlone(server, pid, asked)).gateway);
    }
    expect(seen.size).toBe(3);
    await server.close();
    expect(() => readFileSync(path)).toThrow('ENOENT');
  });

  it('are refused where no HTTP is spoken, where other settings of HTTP are told to do nothing, and where there are fewer connections than gateways', async () => {
    const nothingToDo = {
      code: 'ZSCALE_ERR_OPTIONS',
      message: expect.stringMatching(/connect at tcp:.*2 of them would do nothing.*--gateways/),
    };
    const tcp = 'tcp://127.0.0.1:*';
    const command = scale({ exec: 'sleep 60' }, { workers: 1, bind: tcp, gateways: 2 });
    await expect(command).rejects.toMatchObject(nothingToDo);
    // Of a module it is not known before it is loaded.
    await expect(
      serve({ bind: undefined, gateways: 2, workers: 1 }, HANDLER),
    ).rejects.toMatchObject(nothingToDo);
    const { logger, lines } = recordingLogger();
    const idle = { accessLog: '/nowhere/x.log', trustedProxies: '10.0.0.0/8', bind: tcp };
    const module = join(freshFolder(), 'handler.mjs');
    writeFileSync(module, 'export default () => 1;');
    closing(await scale(module, { ...idle, workers: 1, logger }));
    await checkService(module, { ...idle, logger });
    const told = lines.filter(({ text }) => text?.includes('no HTTP is spoken here'));
    expect(told.map(({ level, text }) => [level, text])).toEqual(
      Array(2).fill(['warn', 'accessLog, trustedProxies do nothing: no HTTP is spoken here']),
    );
    await expect(serve({ maxConnections: 2 })).rejects.toMatchObject({
      code: 'ZSCALE_ERR_OPTIONS',
      message: expect.stringMatching(/maxConnections must be at least gateways \(3\)/),
    });
  });

  it('say what is wrong with an address', async () => {
    const { endpoint } = await serve();
    await expect(serve({ bind: endpoint })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await expect(serve({ bind: 'http://192.0.2.1:0' })).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
      message: expect.stringContaining('this machine has no such address'),
    });
  });
});

describe('TLS of several gateways', () => {
  it('is spoken by each, and has new certificates by each after a reload, which one that starts has too', async () => {
    const folder = freshFolder();
    const first = certificate(folder, 'first');
    const { server, endpoint, logged } = await serve({
      bind: 'https://127.0.0.1:0',
      tlsCert: first.cert,
      tlsKey: first.key,
    });
    /** What each gateway shows. */
    async function names(): Promise<Set<string>> {
      const shown = new Map<string, string>();
      for (const pid of pidsOf(server)) {
        await whileAlone(server, pid, async () => {
          const client = rawClient(endpoint);
          client.send('GET /x HTTP/1.1\r\nHost: a\r\n\r\n');
          const [, gateway = ''] = await client.receives(/X-Request-Id: (\w+)-/);
          const { subject } = (client.socket as TLSSocket).getPeerCertificate();
          shown.set(gateway, String(subject.CN));
          client.close();
        });
      }
      expect(shown.size).toBe(3);
      return new Set(shown.values());
    }
    expect(await names()).toEqual(new Set(['first']));
    certificate(folder, 'second');
    await server.reload();
    await until(async () => [...(await names())].every((name) => name === 'second'));
    // A renewal that is half done: those that serve and those that start go on with the pair that was good.
    copyFileSync(certificate(freshFolder(), 'third').key, first.key);
    await server.reload();
    await until(() => logged().includes('the certificate stays as it was'));
    expect(await names()).toEqual(new Set(['second']));
    const [victim = 0] = pidsOf(server);
    process.kill(victim, 'SIGKILL');
    await until(() => server.gateways[0]?.state === 'ready' && server.gateways[0].pid !== victim);
    expect(await names()).toEqual(new Set(['second']));
    expect(server.gateways.map(({ restarts }) => restarts)).toEqual([1, 0, 0]);
    expect(logged().filter((text) => text === 'the certificate stays as it was')).toHaveLength(1);
  });
});

describe('a service with several gateways', () => {
  it('stops when what is open is answered, and leaves nothing', async () => {
    const name = `stopped-${process.pid}`;
    const args = ['--bind', FREE, '--gateways', '3', '--name', name];
    const { program, endpoint } = await startWeb(SERVER, args);
    const slow = Array.from({ length: 6 }, () => ask(`${endpoint}/slow?ms=1500`));
    await until(async () => {
      const { stdout } = await zscale(['stats', '--json', '--name', name]);
      return JSON.parse(stdout).inFlight === 6;
    });
    program.signal('SIGTERM');
    const answers = await Promise.all(slow);
    expect(answers.map(({ status, text }) => [status, text])).toEqual(
      Array.from({ length: 6 }, () => [200, 'slow']),
    );
    expect(await program.end()).toMatchObject({ exitCode: 0 });
    await expect(ask(endpoint)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('cuts what has no end after the time that it has', async () => {
    const args = ['--bind', FREE, '--gateways', '2', '--graceful-timeout', '500ms'];
    const { program, endpoint } = await startWeb(SERVER, args);
    const client = rawClient(endpoint);
    client.send('GET /events HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.receives(/data: 1/);
    program.signal('SIGTERM');
    await client.ends();
    expect(await program.end()).toMatchObject({ exitCode: 0 });
  });

  it('has no process and no port when its supervisor was killed', async () => {
    const name = `gateways-${process.pid}`;
    const args = ['--bind', FREE, '--gateways', '3', '--name', name];
    const { program, endpoint } = await startWeb(SERVER, args);
    const { stdout } = await zscale(['status', '--json', '--name', name]);
    const pids: number[] = JSON.parse(stdout).gateways.map(({ pid }: { pid: number }) => pid);
    expect(pids).toHaveLength(3);
    expect(pids.every(isAlive)).toBe(true);
    const text = (await zscale(['status', '--name', name])).stdout;
    expect(text).toContain('gateways  3 of 3 processes ready, 0 restarts');
    expect(text).toMatch(
      /^GATEWAY +PID +STATE +UPTIME +REQUESTS +CLIENTS +BUSY +MEMORY +RESTARTS$/m,
    );
    for (const [id, pid] of pids.entries()) {
      expect(text).toMatch(
        new RegExp(`^ +${id} +${pid} +ready +\\d.* +0 +0 +(\\d+%|-) +\\d+\\.\\d MB +0$`, 'm'),
      );
    }
    program.signal('SIGKILL');
    await program.end();
    await until(() => !pids.some(isAlive));
    await expect(ask(endpoint)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('is where its program listens, which is known late', async () => {
    const { program, endpoints } = await startWeb(SERVER, ['--gateways', '2', '-p', '0']);
    expect(endpoints[0]).toMatch(/^http:\/\/\[::\]:\d+$/);
    const at = (endpoints[0] ?? '').replace('[::]', '127.0.0.1');
    expect((await ask(`${at}/x`)).status).toBe(200);
    expect(program.stdout).toMatch(/try it +curl/);
  });

  it('gives up when its gateways cannot live', async () => {
    const { server, logged } = await serve({ maxRestarts: 1, restartDelay: 1 });
    const failed = new Promise<{ code: string }>((resolve) => server.once('failed', resolve));
    const killer = setInterval(() => {
      for (const { pid, state } of server.gateways) {
        if (state === 'ready' && pid !== undefined) process.kill(pid, 'SIGKILL');
      }
    }, 10);
    onTestFinished(() => clearInterval(killer));
    expect(await failed).toMatchObject({ code: 'ZSCALE_ERR_CRASH_LOOP' });
    clearInterval(killer);
    expect(logged().join()).toMatch(/gateway \d crashed more than 1 times/);
  });
});
