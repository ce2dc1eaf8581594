/*
 * A service and machines on separate hosts: network namespaces, with a link between them that can be slow, lossy or cut.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Client, connect } from '@zscale/core';
import { describe, expect, it } from 'vitest';
import { closing } from '../support/closing.ts';
import { Hosts, noHosts } from '../support/hosts.ts';
import { freshFolder, gone, linesOf, type RunningService, serving } from '../support/programs.ts';
import { until } from '../support/until.ts';

/** The promise: a machine that is silent for so long is given up. */
const HEARTBEAT_MS = 3000;
/** For the answers to travel, on a machine that has a lot to do. */
const MARGIN_MS = 2000;

/** Where the test itself asks: a socket file, for it is on none of the hosts. */
interface Front extends RunningService {
  readonly client: Client<(request: object) => unknown>;
}

/** A service on a host, with one worker there. */
async function frontOn(hosts: Hosts, host: number): Promise<Front> {
  const address = hosts.addressOf(host);
  const ipc = `ipc://${join(freshFolder(), 'front.sock')}`;
  const options = {
    workers: 1,
    bind: [`tcp://${address}:5555`, ipc],
    backend: `tcp://${address}:5556`,
    insecure: true,
  };
  const service = await serving(hosts.start(host, 'service.mjs', [JSON.stringify(options)]));
  return { ...service, client: closing(connect<(request: object) => unknown>(ipc)) };
}

/** A machine on a host that joined services on others, with two workers. */
function machineOn(hosts: Hosts, host: number, fronts: readonly number[]): Promise<RunningService> {
  const backends = fronts.map((front) => `tcp://${hosts.addressOf(front)}:5556`);
  return serving(hosts.start(host, 'machine.mjs', [JSON.stringify({ connect: backends })]));
}

/** Asks until each of these processes answered. */
async function haveAllAnswered({ client }: Front, pids: readonly number[]): Promise<void> {
  const seen = new Set<unknown>();
  await until(
    async () => {
      const asked = pids.map(() => client.request({ act: 'compute', ms: 20 }));
      for (const pid of await Promise.all(asked)) seen.add(pid);
      return pids.every((pid) => seen.has(pid));
    },
    () => `answers of ${pids}; there were those of ${[...seen]}`,
    { deadline: 30_000 },
  );
}

/** Requests that each of these processes has begun: what becomes of them, a process id or a code. */
async function inProgress(front: Front, pids: readonly number[], ms: number) {
  const file = join(freshFolder(), 'begun');
  writeFileSync(file, '');
  const begun = (): number[] => readFileSync(file, 'utf8').trim().split('\n').map(Number);
  const outcomes: Promise<unknown>[] = [];
  await until(async () => {
    const missing = pids.filter((pid) => !begun().includes(pid));
    for (const _ of missing) {
      const asked = front.client.request({ act: 'hold', file, ms });
      outcomes.push(asked.catch((error) => error.code));
    }
    const count = outcomes.length;
    await until(() => begun().length >= count);
    return missing.length === 0;
  });
  return outcomes;
}

// On a developer's machine without the means they are left out; where everything is to be checked, they fail.
describe.skipIf(noHosts !== undefined && process.env.CI === undefined)('on separate hosts', () => {
  it('there are hosts to test with', () => {
    expect(noHosts).toBeUndefined();
  });

  it('a machine joins, serves, and leaves', async () => {
    const hosts = await Hosts.make(2);
    const front = await frontOn(hosts, 1);
    const machine = await machineOn(hosts, 2, [1]);
    await haveAllAnswered(front, [...front.workers, ...machine.workers]);
    const outcomes = await inProgress(front, [...front.workers, ...machine.workers], 500);
    machine.program.signal('SIGTERM');
    expect((await machine.program.end()).exitCode).toBe(0);
    expect((await Promise.all(outcomes)).every(Number.isInteger)).toBe(true);
    expect(front.program.stderr).toMatch(/a machine left/);
  });

  it('what a machine had when its link was cut is answered in time, the others go on, and it serves again when the link is back', async () => {
    const hosts = await Hosts.make(2);
    const front = await frontOn(hosts, 1);
    const machine = await machineOn(hosts, 2, [1]);
    await haveAllAnswered(front, machine.workers);
    const outcomes = await inProgress(front, [...front.workers, ...machine.workers], 8000);
    const lost = outcomes.map((outcome) =>
      outcome.then((result) => ({ result, at: performance.now() })),
    );
    const cutAt = performance.now();
    await hosts.cut(2);
    await until(() => /lost a machine/.test(front.program.stderr));
    for (let i = 0; i < 20; i++) {
      expect(await front.client.request({ act: 'compute', ms: 1 })).toBe(front.workers[0]);
    }
    const settled = await Promise.all(lost);
    const refused = settled.filter(({ result }) => result === 'ZSCALE_ERR_WORKER_LOST');
    expect(refused.length).toBeGreaterThanOrEqual(2);
    for (const { at } of refused) expect(at - cutAt).toBeLessThan(HEARTBEAT_MS + MARGIN_MS);
    const others = settled.filter(({ result }) => result !== 'ZSCALE_ERR_WORKER_LOST');
    expect(others.every(({ result }) => result === front.workers[0])).toBe(true);
    await until(() => linesOf(machine.program, 'lost').length > 0); // it noticed, too

    await hosts.heal(2);
    await haveAllAnswered(front, machine.workers);
    expect(linesOf(machine.program, 'worker-exited')).toEqual([]); // the same workers, and nobody touched them
  });

  it('a machine that dies with its link, without a word, is answered for in time', async () => {
    const hosts = await Hosts.make(2);
    const front = await frontOn(hosts, 1);
    const machine = await machineOn(hosts, 2, [1]);
    await haveAllAnswered(front, machine.workers);
    const outcomes = await inProgress(front, machine.workers, 10_000);
    const cutAt = performance.now();
    await hosts.cut(2);
    process.kill(machine.pid, 'SIGKILL');
    await gone([machine.pid, ...machine.workers]);
    expect(await Promise.race(outcomes)).toBe('ZSCALE_ERR_WORKER_LOST');
    expect(performance.now() - cutAt).toBeLessThan(HEARTBEAT_MS + MARGIN_MS);
    await hosts.heal(2);
    const next = await machineOn(hosts, 2, [1]);
    await haveAllAnswered(front, next.workers);
  });

  it('a machine whose supervisor is killed is answered for at once, and leaves no process', async () => {
    const hosts = await Hosts.make(2);
    const front = await frontOn(hosts, 1);
    const machine = await machineOn(hosts, 2, [1]);
    await haveAllAnswered(front, machine.workers);
    const outcomes = await inProgress(front, machine.workers, 20_000);
    process.kill(machine.pid, 'SIGKILL');
    expect(await Promise.race(outcomes)).toBe('ZSCALE_ERR_WORKER_LOST');
    await gone(machine.workers);
    expect(await front.client.request({ act: 'compute', ms: 1 })).toBe(front.workers[0]);
  });

  it('a machine of two front ends goes on for one when the other is cut off, and comes back to it', async () => {
    const hosts = await Hosts.make(3);
    const fronts = [await frontOn(hosts, 1), await frontOn(hosts, 3)] as const;
    const machine = await machineOn(hosts, 2, [1, 3]);
    for (const front of fronts) await haveAllAnswered(front, machine.workers);
    await hosts.cut(1);
    await until(() => linesOf(machine.program, 'lost').length > 0);
    await haveAllAnswered(fronts[1], machine.workers);
    await hosts.heal(1);
    await haveAllAnswered(fronts[0], machine.workers);
    expect(linesOf(machine.program, 'worker-exited')).toEqual([]);
  });

  it('over a link with 50 ms of delay and 2 % of loss all replies are right, and nobody is given up', async () => {
    const hosts = await Hosts.make(3);
    const front = await frontOn(hosts, 1);
    await hosts.worsen({ delay: 50, loss: 0.02 });
    const machine = await machineOn(hosts, 2, [1]);
    await haveAllAnswered(front, machine.workers);
    const endpoint = `tcp://${hosts.addressOf(1)}:5555`;
    const { program } = hosts.start(3, 'many-questions.mjs', [endpoint, '1000']);
    await program.printed(/"event":"asked".*\n/);
    const [line = { event: 'nothing' }] = linesOf(program, 'asked');
    expect(line).toMatchObject({ count: 1000, wrong: [] });
    expect(line.pids).toEqual(expect.arrayContaining(machine.workers as number[]));
    expect(front.program.stderr).not.toMatch(/lost a machine/);
  });
});
