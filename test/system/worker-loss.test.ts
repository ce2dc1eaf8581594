/*
 * Workers killed with SIGKILL, one after the other, while many clients of all kinds keep them busy:
 * what a dead worker held is answered or done again, everything else is served, and nobody gets
 * what is another's.
 */
import { connect, type ScaleOptions, type Server, scale } from '@zscale/core';
import { Dealer } from '@zscale/transport';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { closing } from '../support/closing.ts';
import { freshFolder } from '../support/programs.ts';
import { until, within } from '../support/until.ts';

const ACTS = new URL('../fixtures/handlers/acts.mjs', import.meta.url);
const CLIENTS = 12;
const IN_FLIGHT = 8;
const KILLS = 6;
/** Between two deaths so many requests are answered at least. */
const PROGRESS = 300;

beforeEach(() => {
  vi.stubEnv('TMPDIR', freshFolder());
  return () => vi.unstubAllEnvs();
});

const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

async function serve(options: ScaleOptions): Promise<Server> {
  return closing(
    await scale(ACTS, {
      workers: 4,
      bind: 'tcp://127.0.0.1:*',
      codec: 'json',
      logger: quiet,
      restartDelay: 0,
      maxRestarts: Infinity,
      ...options,
    }),
  );
}

/** What the clients of a test got: texts and codes by what was asked. */
class Traffic {
  readonly answers = new Map<string, string[]>();
  #asked = 0;
  #isOver = false;

  /** Answers in all. */
  get count(): number {
    let count = 0;
    for (const { length } of this.answers.values()) count += length;
    return count;
  }

  /** Asks until {@link stop}; resolves when everything asked was answered. */
  async run(endpoint: string): Promise<void> {
    const runs = Array.from({ length: CLIENTS }, (_, i) =>
      i % 3 === 0 ? this.#asDealer(endpoint) : this.#asClient(endpoint),
    );
    await Promise.all(runs);
  }

  stop(): void {
    this.#isOver = true;
  }

  #next(): { name: string; value: object } {
    const name = `request ${this.#asked}`;
    this.#asked += 1;
    this.answers.set(name, []);
    return { name, value: { act: 'echo', text: name } };
  }

  #note(name: string, answer: unknown): void {
    this.answers.get(name)?.push(String(answer));
  }

  async #asClient(endpoint: string): Promise<void> {
    const client = closing(connect(endpoint, { codec: 'json' }));
    const lane = async (): Promise<void> => {
      while (!this.#isOver) {
        const { name, value } = this.#next();
        const answer = client.request(value).catch(({ code }) => code);
        this.#note(name, await within(answer, name));
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  }

  async #asDealer(endpoint: string): Promise<void> {
    const dealer = closing(new Dealer());
    dealer.connect(endpoint);
    let open = 0;
    while (!this.#isOver || open > 0) {
      for (; open < IN_FLIGHT && !this.#isOver; open++) {
        const { name, value } = this.#next();
        await dealer.send([name, '', JSON.stringify(value)]);
      }
      const [name, , body] = await within(dealer.receive(), 'an answer to a DEALER');
      open -= 1;
      const answer = JSON.parse(String(body));
      this.#note(String(name), answer?.error?.code ?? answer);
    }
  }
}

/** Kills workers under load, and gives what the clients got. */
async function killUnderLoad(server: Server): Promise<Traffic> {
  const traffic = new Traffic();
  const run = traffic.run(server.endpoints[0] ?? '');
  for (let i = 0; i < KILLS; i++) {
    const goal = traffic.count + PROGRESS;
    await until(() => traffic.count >= goal, 'requests to be answered');
    const victim = await until(
      () => server.workers.find(({ id, state }) => id === i % 4 && state === 'ready'),
      'a worker to be ready',
    );
    process.kill(victim.pid ?? 0, 'SIGKILL');
    await until(
      () =>
        server.workers.some(
          ({ id, pid, state }) => id === victim.id && pid !== victim.pid && state === 'ready',
        ),
      'the replacement to be ready',
    );
  }
  traffic.stop();
  await within(run, 'the clients to end');
  return traffic;
}

describe('workers killed under full load', () => {
  it('take along only what they held, which is answered once, and nothing is mixed up', async () => {
    const server = await serve({});
    const { answers, count } = await killUnderLoad(server);
    let lost = 0;
    for (const [name, got] of answers) {
      expect(got).toHaveLength(1);
      if (got[0] === name) continue;
      expect(got).toEqual(['ZSCALE_ERR_WORKER_LOST']);
      lost += 1;
    }
    expect(count).toBeGreaterThan(KILLS * PROGRESS);
    expect(server.stats()).toMatchObject({
      requests: count,
      replies: count - lost,
      inFlight: 0,
      queued: 0,
      undelivered: 0,
      retried: 0,
    });
  });

  it('take nothing along where requests may be done again', async () => {
    const server = await serve({ retries: 3 });
    const { answers } = await killUnderLoad(server);
    for (const [name, got] of answers) expect(got).toEqual([name]);
    expect(server.stats()).toMatchObject({ errors: {}, inFlight: 0, queued: 0, keptBytes: 0 });
  });
});

describe('a request that kills its worker', () => {
  it('is answered after `retries` more, and everything else is served', async () => {
    const server = await serve({ retries: 2, workers: 2 });
    const client = closing(connect(server.endpoints[0] ?? '', { codec: 'json' }));
    const poison = client.request({ act: 'exit', code: 7 }).catch(({ code }) => code);
    const others = Array.from({ length: 50 }, (_, i) =>
      client.request({ act: 'echo', text: `${i}` }),
    );
    expect(await within(poison, 'the answer')).toBe('ZSCALE_ERR_WORKER_LOST');
    // What shared a worker with it may have been lost as often as it was.
    const answers = await Promise.allSettled(others);
    for (const [i, answer] of answers.entries()) {
      if (answer.status === 'fulfilled') expect(answer.value).toBe(`${i}`);
      else expect(answer.reason).toMatchObject({ code: 'ZSCALE_ERR_WORKER_LOST' });
    }
    await until(() => server.stats().restarts === 3);
    expect(await client.request({ act: 'echo', text: 'still here' })).toBe('still here');
  });

  it('does not end the service, however often it is given out again', async () => {
    const server = await serve({ retries: 4, workers: 1, maxRestarts: 2 });
    const client = closing(connect(server.endpoints[0] ?? '', { codec: 'json' }));
    const poison = client.request({ act: 'exit', code: 7 }).catch(({ code }) => code);
    expect(await within(poison, 'the answer')).toBe('ZSCALE_ERR_WORKER_LOST');
    expect(await client.request({ act: 'echo', text: 'still here' })).toBe('still here');
    expect(server.stats().restarts).toBe(5);
  });
});

describe('what a killed worker held', () => {
  it('is answered long before its time is up, and at once', async () => {
    const server = await serve({ workers: 2 });
    const client = closing(connect(server.endpoints[0] ?? '', { codec: 'json' }));
    const codes = Array.from({ length: 20 }, () =>
      client.request({ act: 'sleep', ms: 60_000 }).catch(({ code }) => code),
    );
    await until(() => server.stats().inFlight === 20);
    const start = performance.now();
    for (const { pid } of server.workers) process.kill(pid ?? 0, 'SIGKILL');
    expect(new Set(await within(Promise.all(codes), 'the answers'))).toEqual(
      new Set(['ZSCALE_ERR_WORKER_LOST']),
    );
    expect(performance.now() - start).toBeLessThan(5000); // 100 ms are promised; a machine may have other things to do
  });
});
