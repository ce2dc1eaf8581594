/*
 * What a service tells Prometheus: numbers that are equal to what was sent, that never fall whatever becomes of the workers, and that
 * come also while a worker hangs; with what the application measures itself. The pages that describe it say neither more nor less.
 */
import {
  connect,
  join as joinService,
  type RequestOptions,
  type ScaleOptions,
  type Server,
  scale,
} from '@zscale/core';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { CATALOGUE } from '../../packages/core/src/metrics/catalogue.ts';
import { fixture, zscale, zscaleRun } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { freshTcp } from '../support/endpoints.ts';
import { countersOf, type Family, numberOf, readExposition } from '../support/exposition.ts';
import { faultsOf, schemasOf } from '../support/json-schema.ts';
import { freshFolder } from '../support/programs.ts';
import { textOf } from '../support/source-tree.ts';
import { until } from '../support/until.ts';
import { failureOf, recordingLogger } from '../support/worker-queue.ts';

const ESM = fixture('metrics/handler.mjs');
const CJS = fixture('metrics/handler.cjs');
const OPENMETRICS = 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5';

type Families = ReadonlyMap<string, Family>;

beforeEach(() => {
  vi.stubEnv('TMPDIR', freshFolder());
  vi.stubEnv('XDG_RUNTIME_DIR', '');
  return () => vi.unstubAllEnvs();
});

async function freeHttp(): Promise<string> {
  return (await freshTcp()).replace('tcp:', 'http:');
}

/** Asks as Prometheus does, and reads what comes. */
async function scrape(admin: string, accept?: string): Promise<Families> {
  const headers = accept === undefined ? {} : { accept };
  const response = await fetch(`${admin}/metrics`, { headers });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  const isOpen =
    response.headers.get('content-type')?.startsWith('application/openmetrics') === true;
  expect(isOpen).toBe(accept !== undefined);
  return readExposition(text, isOpen ? 'openmetrics' : 'prometheus');
}

/** The same, once a metric is so much: a worker that the machine gives no time to is asked again. */
function scrapeWith(admin: string, name: string, value: number): Promise<Families> {
  return until(
    async () => {
      const families = await scrape(admin);
      return numberOf(families, name) === value && families;
    },
    () => `${name} to be ${value}`,
  );
}

/** A service in this process with an admin address. */
async function serve(
  module: string,
  options: ScaleOptions = {},
): Promise<{
  server: Server;
  admin: string;
  request: (value: object, options?: RequestOptions) => Promise<unknown>;
}> {
  const admin = await freeHttp();
  const { logger } = recordingLogger();
  const defaults = { workers: 3, bind: 'tcp://127.0.0.1:*', admin, logger, signals: false };
  const server = closing(await scale(module, { ...defaults, ...options }));
  const client = closing(connect<(value: object) => unknown>(server.endpoints[0] ?? ''));
  return { server, admin, request: (value, options) => client.request(value, options) };
}

/** Asks until each worker has answered. */
async function askEveryone({
  server,
  request,
}: {
  server: Server;
  request: (value: object) => Promise<unknown>;
}): Promise<number> {
  const pids = new Set<unknown>();
  let asked = 0;
  await until(async () => {
    const answers = await Promise.all(server.workers.map(() => request({ ms: 20 })));
    asked += answers.length;
    for (const pid of answers) pids.add(pid);
    return server.workers.every(({ pid }) => pids.has(pid));
  });
  return asked;
}

/** Those that fell, or that are gone. */
function fallen(before: Families, after: Families): string[] {
  const later = countersOf(after);
  return [...countersOf(before)].flatMap(([key, value]) =>
    (later.get(key) ?? -1) < value ? [`${key}: ${value} -> ${later.get(key)}`] : [],
  );
}

describe('GET /metrics', () => {
  it('has numbers that are equal to what was sent, and nothing that the reference does not describe', async () => {
    const admin = await freeHttp();
    const http = await freeHttp();
    const args = [ESM, '--name', 'counted', '--admin', admin, '--bind', http, '--gateways', '2'];
    const { endpoint } = await zscaleRun([
      ...args,
      '--bind',
      'tcp://127.0.0.1:*',
      '--pool',
      'slow=1:slow*',
    ]);
    const tcp = endpoint.startsWith('tcp:') ? endpoint : await tcpOf('counted');
    const client = closing(connect<(value: object) => unknown>(tcp));
    await Promise.all(Array.from({ length: 40 }, () => client.request({})));
    for (let i = 0; i < 3; i++) await failureOf(client.request({ fail: true }));
    for (let i = 0; i < 5; i++) {
      const response = await fetch(http, { method: 'POST', body: '{}' });
      expect(response.status).toBe(200);
    }
    // Taken back by its client once a worker has it: with a time limit the queue might be first to say that it is over.
    const patience = new AbortController();
    const taken = failureOf(client.request({ ms: 5000 }, { signal: patience.signal }));
    await until(async () => numberOf(await scrape(admin), 'zscale_requests_in_flight') === 1);
    patience.abort();
    await taken;
    const families = await until(async () => {
      const now = await scrape(admin);
      return numberOf(now, 'zscale_requests_total', { outcome: 'cancelled' }) === 1 && now;
    });
    const total = (labels: Record<string, string>): number | undefined =>
      numberOf(families, 'zscale_requests_total', labels);
    expect(total({ outcome: 'ok' })).toBe(45);
    expect(total({ outcome: 'error' })).toBe(3);
    expect(total({})).toBe(49);
    expect(numberOf(families, 'zscale_requests_received_total')).toBe(49);
    expect(numberOf(families, 'zscale_request_wait_seconds_count')).toBe(49);
    expect(numberOf(families, 'zscale_request_service_seconds_count', { pool: 'default' })).toBe(
      48,
    );
    expect(numberOf(families, 'zscale_http_requests_total', { status: '2xx' })).toBe(5);
    expect(numberOf(families, 'zscale_http_request_body_bytes_total')).toBe(10);
    expect(numberOf(families, 'zscale_http_request_duration_seconds_count')).toBe(5);
    // Gateways come in by ZMTP as well, and are no clients.
    expect(numberOf(families, 'zscale_client_connections', { protocol: 'zmtp' })).toBe(1);
    expect(numberOf(families, 'zscale_connections_accepted_total', { side: 'clients' })).toBe(1);
    expect(numberOf(families, 'zscale_gateway_requests_total', { status: '2xx' })).toBe(5);
    expect(numberOf(families, 'zscale_gateway_connections')).toBe(
      numberOf(families, 'zscale_client_connections', { protocol: 'http' }),
    );
    for (const gateway of ['0', '1']) {
      expect(numberOf(families, 'zscale_gateway_state', { gateway, state: 'ready' })).toBe(1);
      expect(numberOf(families, 'zscale_gateway_exits_total', { gateway, reason: 'hang' })).toBe(0);
    }
    expect(numberOf(families, 'zscale_received_bytes_total', { side: 'clients' })).toBeGreaterThan(
      40 * 10,
    );
    expect(numberOf(families, 'zscale_workers_connected', { kind: 'own' })).toBe(3);
    expect(numberOf(families, 'zscale_worker_state', { state: 'ready' })).toBe(3);
    for (const kind of ['worker', 'gateway', 'supervisor']) {
      expect(numberOf(families, `zscale_${kind}_resident_memory_bytes`)).toBeGreaterThan(20e6);
      expect(numberOf(families, `zscale_${kind}_event_loop_idle_seconds_total`)).toBeGreaterThan(0);
      expect(numberOf(families, `zscale_${kind}_cpu_seconds_total`)).toBeGreaterThan(0);
    }
    const own = [...families.values()].filter(({ name }) => name.startsWith('zscale_'));
    expect(own.map(({ name }) => name).sort()).toEqual([...described().keys()].sort());
    for (const { name, type, samples } of own) {
      const row = described().get(name);
      const labels = new Set(samples.flatMap((sample) => Object.keys(sample.labels)));
      labels.delete('le');
      expect([name, row?.type]).toEqual([name, type]);
      expect(row?.labels, name).toEqual(expect.arrayContaining([...labels]));
    }
    const open = await scrape(admin, OPENMETRICS);
    expect([...open.keys()].sort()).toEqual(
      [...families.keys()].map((name) => name.replace(/_total$/, '')).sort(),
    );
  });

  it('is described row by row', () => {
    const rows = Object.entries(CATALOGUE).map(([name, { type, labels }]) => [
      name,
      { type, labels },
    ]);
    expect([...described()]).toEqual(rows);
  });

  it('shows no count that falls, while workers and gateways are killed under load', async () => {
    const service = await serve(ESM, {
      workers: 2,
      bind: ['tcp://127.0.0.1:*', 'http://127.0.0.1:0'],
      gateways: 2,
      retries: 1,
      restartDelay: 10,
      maxRestarts: 100,
    });
    const { server, admin, request } = service;
    await askEveryone(service);
    let isOver = false;
    const load = Array.from({ length: 4 }, async () => {
      while (!isOver) await request({ ms: 1 }).catch(() => {});
    });
    const http = server.endpoints.find((endpoint) => endpoint.startsWith('http')) ?? '';
    load.push(
      (async () => {
        while (!isOver) await fetch(http, { method: 'POST', body: '{"ms":1}' }).catch(() => {});
      })(),
    );
    await until(
      async () => (numberOf(await scrape(admin), 'zscale_gateway_requests_total') ?? 0) > 0,
    );
    try {
      let before = await scrape(admin);
      for (let kills = 0; kills < 4; kills++) {
        const [victim] = server.workers.filter(({ state }) => state === 'ready');
        process.kill(victim?.pid ?? 0, 'SIGKILL');
        const [gateway] = server.gateways.filter(({ state }) => state === 'ready');
        process.kill(gateway?.pid ?? 0, 'SIGKILL');
        for (const ready of [1, 2]) {
          const areReady = (all: readonly { readonly state: string }[]): boolean =>
            all.filter(({ state }) => state === 'ready').length >= ready;
          await until(() => areReady(server.workers) && areReady(server.gateways));
          const after = await scrape(admin);
          expect(fallen(before, after)).toEqual([]);
          before = after;
        }
      }
    } finally {
      isOver = true;
    }
    await Promise.all(load);
    const last = await scrape(admin);
    expect(numberOf(last, 'zscale_worker_exits_total', { reason: 'crash' })).toBe(4);
    expect(numberOf(last, 'zscale_gateway_exits_total', { reason: 'crash' })).toBe(4);
    expect(numberOf(last, 'zscale_gateway_requests_total')).toBe(
      numberOf(last, 'zscale_http_requests_total'),
    );
  });

  it('comes while a worker hangs, with what that said before, and tells of it', async () => {
    const service = await serve(ESM, { workers: 2, hangTimeout: Infinity });
    const { server, admin, request } = service;
    const asked = await askEveryone(service);
    const before = await scrapeWith(admin, 'app_jobs_total', asked);
    const stuck = failureOf(request({ spin: true }));
    await until(() => server.stats().inFlight === 1);
    const hung = server.stats().workers.find(({ inFlight }) => inFlight === 1);
    const worker = String(hung?.id);
    const failuresIn = (families: Families): number =>
      numberOf(families, 'zscale_worker_scrape_failures_total', { worker }) ?? 0;
    let failures = 0;
    await until(async () => {
      failures = failuresIn(await scrape(admin)); // it may not have begun to spin
      return failures > 0;
    });
    const [after] = await Promise.all([scrape(admin), scrape(admin)]);
    expect(fallen(before, after)).toEqual([]);
    expect(failuresIn(after)).toBe(failures + 1);
    expect(numberOf(after, 'zscale_requests_in_flight', { worker })).toBe(1);
    expect(numberOf(after, 'app_jobs_total')).toBe(asked);
    expect(numberOf(after, 'zscale_worker_resident_memory_bytes', { worker })).toBeGreaterThan(0);
    process.kill(server.workers.find(({ id }) => id === hung?.id)?.pid ?? 0, 'SIGKILL');
    await stuck;
  });

  it('says why workers ended', async () => {
    const { server, admin, request } = await serve(ESM, {
      workers: 2,
      maxRequests: 20,
      restartDelay: 10,
    });
    const exits = async (reason: string): Promise<number> =>
      numberOf(await scrape(admin), 'zscale_worker_exits_total', { reason }) ?? 0;
    await server.reload();
    expect(await exits('reload')).toBe(2);
    await server.resize(1);
    expect(await exits('scale')).toBe(1);
    await failureOf(request({ crash: true }));
    await until(async () => (await exits('crash')) === 1);
    await until(() => server.workers.every(({ state }) => state === 'ready'));
    await Promise.all(Array.from({ length: 20 }, () => request({})));
    await until(async () => (await exits('requests')) === 1);
  });
});

describe('what the application measures', () => {
  it('adds up over workers, and grows on over a reload and a crash', async () => {
    const service = await serve(ESM);
    const { server, admin, request } = service;
    let asked = await askEveryone(service);
    const before = await scrapeWith(admin, 'app_jobs_total', asked);
    expect(numberOf(before, 'app_size_bucket', { le: '10' })).toBe(asked);
    expect(numberOf(before, 'app_workers')).toBe(3);
    expect(numberOf(before, 'app_oldest')).toBe(
      Math.max(...server.workers.map(({ pid = 0 }) => pid)),
    );
    for (let i = 0; i < 10; i++) await request({ kind: 'late' });
    await server.reload();
    const reloaded = await scrape(admin);
    expect(fallen(before, reloaded)).toEqual([]);
    expect(numberOf(reloaded, 'app_jobs_total', { kind: 'late' })).toBe(10);
    expect(numberOf(reloaded, 'app_workers')).toBe(3);
    asked += await askEveryone(service);
    await scrapeWith(admin, 'app_jobs_total', asked + 10);
    process.kill(server.workers[0]?.pid ?? 0, 'SIGKILL');
    await until(() => server.workers[0]?.restarts === 2 && server.workers[0]?.state === 'ready');
    await scrapeWith(admin, 'app_jobs_total', asked + 10);
  });

  it('is found in CommonJS, and in a registry that was told; a name of zscale’s, or too much, is left out and logged once', async () => {
    const { logger, lines } = recordingLogger();
    const service = await serve(CJS, { workers: 2, logger });
    const { admin, request } = service;
    const asked = await askEveryone(service);
    await scrapeWith(admin, 'app_jobs_total', asked);
    const families = await scrape(admin);
    expect(numberOf(families, 'app_jobs_total')).toBe(asked);
    expect(numberOf(families, 'own_jobs_total')).toBe(asked);
    expect(numberOf(families, 'zscale_requests_total', { outcome: 'ok' })).toBe(asked);
    const told = (): unknown[] => lines.filter(({ text }) => /application are left out/.test(text));
    expect(told()).toHaveLength(1);
    expect(numberOf(families, 'zscale_application_reports_refused_total')).toBeGreaterThan(3);
    await request({ series: 100_000 });
    const after = await scrape(admin);
    expect(after.has('many_total')).toBe(false);
    expect(fallen(families, after)).toEqual([]);
    expect(told()).toHaveLength(2);
  });
});

describe('what the application measures in threads', () => {
  it('adds up over them, and grows on over a thread that ends and a reload, also while one computes', async () => {
    const service = await serve(ESM, {
      workers: 2,
      threads: 2,
      env: { NODE_NO_WARNINGS: '1' }, // of the thread that ends
    });
    const { server, admin, request } = service;
    const asked = await askEveryone(service);
    await scrapeWith(admin, 'app_workers', 4);
    const before = await scrapeWith(admin, 'app_jobs_total', asked);
    expect(numberOf(before, 'app_size_bucket', { le: '10' })).toBe(asked);
    expect(numberOf(before, 'app_oldest')).toBe(
      Math.max(...server.workers.map(({ pid = 0 }) => pid)),
    );
    await failureOf(request({ crash: true }));
    const replaced = await scrapeWith(admin, 'app_workers', 3); // what replaces it is loaded when it gets a request
    expect(fallen(before, replaced)).toEqual([]);
    expect(numberOf(replaced, 'app_jobs_total')).toBe(asked);
    const patience = new AbortController();
    const computing = failureOf(request({ spin: true }, { signal: patience.signal }));
    await until(() => server.stats().inFlight === 1);
    const meanwhile = await scrape(admin);
    expect(fallen(replaced, meanwhile)).toEqual([]);
    expect(numberOf(meanwhile, 'app_workers')).toBeGreaterThanOrEqual(3);
    expect(numberOf(meanwhile, 'zscale_worker_scrape_failures_total')).toBe(0);
    patience.abort();
    await computing;
    for (let i = 0; i < 10; i++) await request({ kind: 'late' });
    await server.reload();
    const reloaded = await scrape(admin);
    expect(fallen(meanwhile, reloaded)).toEqual([]);
    expect(numberOf(reloaded, 'app_jobs_total', { kind: 'late' })).toBe(10);
    expect(numberOf(reloaded, 'app_jobs_total')).toBe(asked + 10);
  });

  it('is told and shown but for a name of zscale’s, which is counted and logged once', async () => {
    const { logger, lines } = recordingLogger();
    const { admin, request } = await serve(CJS, { workers: 1, threads: 2, logger });
    for (let i = 0; i < 10; i++) await request({});
    await scrapeWith(admin, 'app_jobs_total', 10);
    const families = await scrapeWith(admin, 'own_jobs_total', 10);
    expect(numberOf(families, 'zscale_requests_total', { outcome: 'ok' })).toBe(10);
    expect(numberOf(families, 'zscale_application_reports_refused_total')).toBeGreaterThan(0);
    expect(lines.filter(({ text }) => /application are left out/.test(text))).toMatchObject([
      { facts: { reason: expect.stringContaining('zscale_requests_total') } },
    ]);
  });
});

describe('zscale metrics', () => {
  it('prints the same without an admin address, also of a machine that has joined and of threads', async () => {
    const bind = 'tcp://127.0.0.1:*';
    const { logger } = recordingLogger();
    const shared = { workers: 1, logger, signals: false };
    const server = closing(
      await scale(ESM, { ...shared, bind, backend: bind, threads: 1, name: 'here' }),
    );
    const connectTo = server.backendEndpoints[0] ?? '';
    const admin = await freeHttp();
    closing(await joinService(ESM, { ...shared, connect: connectTo, name: 'there', admin }));
    await until(() => server.stats().workers.length === 2);
    const print = async (name: string): Promise<Families> => {
      const { stdout, stderr } = await zscale(['metrics', '--name', name]);
      expect(stderr).toBe('');
      return readExposition(stdout);
    };
    const here = await print('here');
    expect(numberOf(here, 'app_workers')).toBe(1);
    expect(numberOf(here, 'zscale_machines')).toBe(1);
    expect(numberOf(here, 'zscale_workers_connected', { kind: 'joined' })).toBe(1);
    expect(numberOf(here, 'zscale_worker_heap_used_bytes')).toBeGreaterThan(0);
    const there = await print('there');
    expect(numberOf(there, 'zscale_info', { kind: 'machine' })).toBe(1);
    expect(numberOf(there, 'zscale_worker_state', { state: 'ready' })).toBe(1);
    expect(numberOf(there, 'app_workers')).toBe(1);
    expect(there.has('zscale_requests_total')).toBe(false);
    expect([...(await scrape(admin)).keys()]).toEqual([...there.keys()]);
    expect((await fetch(`${admin}/readyz`)).status).toBe(200);
    const { stdout } = await zscale(['metrics', '--name', 'here', '--json']);
    expect(
      faultsOf(JSON.parse(stdout), schemasOf('docs/reference/control.md').get('metrics')),
    ).toEqual([]);
    await server.close();
    await until(async () => (await fetch(`${admin}/readyz`)).status === 503);
  });

  it('tells of programs that are not Node what can be seen from outside', async () => {
    const program = fixture('metrics/plain-worker.mjs');
    const args = [
      '--exec',
      `exec ${process.execPath} ${program}`,
      '--name',
      'foreign',
      '--workers',
      '1',
    ];
    await zscaleRun(args);
    const families = readExposition((await zscale(['metrics', '--name', 'foreign'])).stdout);
    expect(numberOf(families, 'zscale_worker_resident_memory_bytes')).toBeGreaterThan(20e6);
    expect(families.has('zscale_worker_heap_used_bytes')).toBe(false);
    expect(numberOf(families, 'zscale_worker_scrape_failures_total')).toBe(0);
  });
});

/** Where a service listens for ZeroMQ clients. */
async function tcpOf(name: string): Promise<string> {
  const { stdout } = await zscale(['status', '--name', name, '--json']);
  const endpoints: unknown = Reflect.get(Object(JSON.parse(stdout)), 'endpoints');
  return String(Object(endpoints).find((endpoint: string) => endpoint.startsWith('tcp:')));
}

/** The tables of docs/reference/metrics.md: what stands there of each metric. */
function described(): Map<string, { type: string; labels: string[] }> {
  const rows = textOf('docs/reference/metrics.md').matchAll(
    /^\| `(zscale_\w+)` *\| (\w+) *\|([^|]*)\|/gm,
  );
  return new Map(
    [...rows].map(([, name = '', type = '', labels = '']) => [
      name,
      { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label) },
    ]),
  );
}
