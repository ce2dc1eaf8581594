/*
 * Names in DNS: whoever follows one is connected to all that it stands for, as long as it does; with a real name server and real
 * services, each at an address of loopback of its own.
 */
import { connect, join, type Server, scale } from '@zscale/core';
import { Reply } from '@zscale/transport';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fixture, zscale } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { DnsServer } from '../support/dns-server.ts';
import { freshTcp } from '../support/endpoints.ts';
import { freshFolder } from '../support/programs.ts';
import { until } from '../support/until.ts';
import { recordingLogger } from '../support/worker-queue.ts';

const ACTS = new URL('../fixtures/handlers/acts.mjs', import.meta.url);
const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
const HOST = 'front.test';

let dns: DnsServer;
let port: string;
beforeEach(async () => {
  dns = await DnsServer.start();
  port = (await freshTcp()).replace(/^.*:/, '');
  vi.stubEnv('TMPDIR', freshFolder());
  return () => vi.unstubAllEnvs();
});

/** A service with one worker whose front end or back end is at an address of loopback, 127.0.0.<last>, at `port`. */
async function serveAt(last: number, side: 'bind' | 'backend'): Promise<Server> {
  const any = `tcp://127.0.0.${last}:*`;
  const sides = { bind: any, backend: any, [side]: `tcp://127.0.0.${last}:${port}` };
  return closing(await scale(ACTS, { workers: 1, logger: quiet, signals: false, ...sides }));
}

/** A machine that follows a name, and its log. */
async function follow(name: string, workers = 1) {
  const { logger, lines } = recordingLogger();
  const dnsServers = [dns.address];
  const machine = closing(
    await join(ACTS, { connect: name, dnsServers, workers, logger, signals: false }),
  );
  return { machine, lines };
}

/** Waits until each service gives requests to so many workers. */
async function have(servers: readonly Server[], workers: readonly number[]): Promise<void> {
  const counts = (): number[] =>
    servers.map((server) => server.stats().workers.filter(({ credit }) => credit > 0).length);
  await until(
    () => counts().join() === workers.join(),
    () => `${workers} workers; there are ${counts()}`,
  );
}

describe('a machine that follows a name', () => {
  it('joins every address of it, comes to new ones and leaves those that are gone', async () => {
    const servers = [await serveAt(1, 'backend'), await serveAt(2, 'backend')];
    const third = await serveAt(3, 'backend');
    dns.zones.set(HOST, { A: ['127.0.0.1', '127.0.0.2'] });
    const { machine } = await follow(`dns:${HOST}:${port}`);
    await have([...servers, third], [2, 2, 1]);
    dns.zones.set(HOST, { A: ['127.0.0.2', '127.0.0.3'] });
    await have([...servers, third], [1, 2, 2]);
    await until(() => machine.backends.length === 2);
    expect(machine.backends.map(({ endpoint }) => endpoint).sort()).toEqual([
      `tcp://127.0.0.2:${port}`,
      `tcp://127.0.0.3:${port}`,
    ]);
    dns.zones.set(HOST, { A: ['127.0.0.1', '127.0.0.2', '127.0.0.3'] });
    await have([...servers, third], [2, 2, 2]);
    expect(machine.workers.map(({ restarts }) => restarts)).toEqual([0]);
  });

  it('finishes what it has begun for one that is gone', async () => {
    const servers = [await serveAt(1, 'backend'), await serveAt(2, 'backend')];
    const [leaving] = servers as [Server, Server];
    dns.zones.set(HOST, { A: ['127.0.0.1', '127.0.0.2'] });
    const { machine } = await follow(`dns:${HOST}:${port}`);
    await have(servers, [2, 2]);
    const client = closing(connect(leaving.endpoints[0] ?? ''));
    const asked = [1, 2].map(() => client.request({ act: 'sleep', ms: 4000 }));
    await until(() => leaving.stats().workers.every(({ inFlight }) => inFlight === 1));
    dns.zones.set(HOST, { A: ['127.0.0.2'] });
    await have(servers, [1, 2]);
    expect(leaving.stats().workers).toHaveLength(2); // still there: it has a request to finish
    expect(await Promise.all(asked)).toEqual(['slept', 'slept']);
    await until(() => leaving.stats().workers.length === 1 && machine.backends.length === 1);
    expect(leaving.stats().errors).toEqual({});
  });

  it.each([
    ['fails', 'fails'],
    ['is silent', 'silent'],
    ['has no such name', 'answers'],
  ] as const)('keeps what works while the name server %s, and says so once', async (_, mood) => {
    const server = await serveAt(1, 'backend');
    dns.zones.set(HOST, { A: ['127.0.0.1'] });
    const { machine, lines } = await follow(`dns:${HOST}:${port}`);
    await have([server], [2]);
    dns.mood = mood;
    dns.zones.delete(HOST);
    const told = (): number => lines.filter(({ text }) => text.startsWith('a name cannot')).length;
    await until(() => told() === 1);
    const asked = dns.questions.length;
    await until(() => dns.questions.length >= asked + 4);
    expect(told()).toBe(1);
    expect(machine.backends).toEqual([{ endpoint: `tcp://127.0.0.1:${port}`, workers: 1 }]);
    const client = closing(connect(server.endpoints[0] ?? ''));
    expect(await client.request({ act: 'sleep', ms: 0 })).toBe('slept');
    dns.mood = 'answers';
    dns.zones.set(HOST, { A: ['127.0.0.2'] });
    const other = await serveAt(2, 'backend');
    await have([server, other], [1, 2]);
  });

  it('follows the targets of SRV records, at their own ports', async () => {
    const servers = [await serveAt(1, 'backend'), await serveAt(2, 'backend')];
    const service = '_zscale._tcp.front.test';
    dns.zones.set('a.test', { A: ['127.0.0.1'] });
    dns.zones.set('b.test', { A: ['127.0.0.2'] });
    dns.zones.set(service, { SRV: [`a.test:${port}`] });
    await follow(`srv:${service}`);
    await have(servers, [2, 1]);
    dns.zones.set(service, { SRV: [`a.test:${port}`, `b.test:${port}`] });
    await have(servers, [2, 2]);
    dns.zones.set(service, { SRV: [`b.test:${port}`] });
    await have(servers, [1, 2]);
  });

  it('waits for a name that has no address yet', async () => {
    const joining = follow(`dns:${HOST}:${port}`);
    await until(() => dns.questions.length >= 4);
    const server = await serveAt(1, 'backend');
    dns.zones.set(HOST, { A: ['127.0.0.1'] });
    await joining;
    await have([server], [2]);
  });
});

describe('a client that follows a name', () => {
  it('asks all that the name stands for, and finishes with those that are gone', async () => {
    const servers = [await serveAt(1, 'bind'), await serveAt(2, 'bind')];
    const pids = servers.map((server) => server.workers[0]?.pid);
    dns.zones.set(HOST, { A: ['127.0.0.1', '127.0.0.2'] });
    const client = closing(connect(`dns:${HOST}:${port}`, { dnsServers: [dns.address] }));
    const askedOfBoth = async (): Promise<Set<unknown>> =>
      new Set(await Promise.all([1, 2].map(() => client.request({ act: 'compute', ms: 20 }))));
    await until(async () => (await askedOfBoth()).size === 2);
    const slow = [1, 2].map(() => client.request({ act: 'sleep', ms: 3000 }));
    dns.zones.set(HOST, { A: ['127.0.0.2'] });
    await until(async () => {
      const answered = await askedOfBoth();
      return answered.size === 1 && answered.has(pids[1]);
    });
    expect(await Promise.all(slow)).toEqual(['slept', 'slept']);
    for (const _ of [1, 2, 3]) expect([...(await askedOfBoth())]).toEqual([pids[1]]);
  });

  it('is the command, too', async () => {
    await serveAt(1, 'bind');
    dns.zones.set(HOST, { A: ['127.0.0.1'] });
    const value = JSON.stringify({ act: 'sleep', ms: 0 });
    const args = ['call', `dns:${HOST}:${port}`, value, '--dns-server', dns.address];
    expect(await zscale(args)).toMatchObject({ exitCode: 0, stdout: '"slept"\n', stderr: '' });
    const wrong = await zscale(['call', 'dns:front', value]);
    expect(wrong).toMatchObject({ exitCode: 2, stdout: '' });
    expect(wrong.stderr).toMatch(/dns:<name>:<port>/);
    const none = await zscale(['join', 'srv:', fixture('handlers/acts.mjs')]);
    expect(none).toMatchObject({ exitCode: 2, stdout: '' });
    const server = await zscale([...args.slice(0, -1), 'not an address']);
    expect(server.stderr).toMatch(/must be IP addresses/);
  });

  it('reaches addresses of IPv6', async () => {
    const server = closing(new Reply({ ipv6: true }));
    await server.bind(`tcp://[::1]:${port}`);
    dns.zones.set(HOST, { AAAA: ['::1'] });
    const options = { codec: 'raw', dnsServers: [dns.address] } as const;
    const client = closing(connect(`dns:${HOST}:${port}`, options));
    const reply = client.request(Buffer.from('hello'));
    expect(String(await server.receive())).toBe('hello');
    await server.send('and hello to you');
    expect(String(await reply)).toBe('and hello to you');
  });
});
