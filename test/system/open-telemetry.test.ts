/*
 * A service whose operator loads an OpenTelemetry SDK into its processes: what is recorded of a request on its way through them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '@zscale/core';
import { describe, expect, it } from 'vitest';
import { fixture, Program, zscaleRun } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { freshFolder } from '../support/programs.ts';
import { type RecordedSpan, Recording } from '../support/spans.ts';

const SERVER = 1;
const INTERNAL = 0;
const ERROR = 2;
const PARENT = 'b7ad6b7169203331';

let traces = 0;

/** A trace that no other test has. */
function newTrace(flags = '01'): { readonly traceId: string; readonly traceparent: string } {
  traces += 1;
  const traceId = traces.toString(16).padStart(32, 'a');
  return { traceId, traceparent: `00-${traceId}-${PARENT}-${flags}` };
}

/** What server.mjs answers: the headers that it got, and those that it would send on. */
interface Told {
  readonly headers: { readonly traceparent: string };
  readonly carrier: { readonly traceparent: string };
}

async function toldBy(url: string, headers: Record<string, string>): Promise<Told> {
  return (await (await fetch(url, { headers })).json()) as Told; // server.mjs
}

interface Service {
  readonly program: Program;
  readonly endpoint: string;
  readonly recording: Recording;
}

async function run(
  name: string,
  args: readonly string[] = [],
  {
    env = {},
    recording = new Recording(),
  }: { env?: Record<string, string>; recording?: Recording } = {},
): Promise<Service> {
  const words = [fixture(`otel/${name}`), '--workers', '1', ...args];
  const started = await zscaleRun(words, { env: { ...recording.env, ...env } });
  return { ...started, recording };
}

function runHttp(name: string, env: Record<string, string> = {}): Promise<Service> {
  return run(name, ['--bind', 'http://127.0.0.1:0'], { env: { PORT: '0', ...env } });
}

/** Each name with its kind, and whether it is a child of the one before it. */
function chain(spans: readonly RecordedSpan[], first = PARENT): unknown[] {
  return spans.map(({ name, kind, parentId }, i) => [
    name,
    kind,
    parentId === (i === 0 ? first : spans[i - 1]?.spanId) ? 'child' : parentId,
  ]);
}

const THROUGH_HTTP = [
  ['GET', SERVER, 'child'],
  ['queue', INTERNAL, 'child'],
  ['worker', INTERNAL, 'child'],
  ['application', INTERNAL, 'child'],
];

describe('a server of node:http', () => {
  it('has one trace from the client to the spans of the application', async () => {
    const { endpoint, program, recording } = await runHttp('server.mjs');
    const { traceId, traceparent } = newTrace();
    const headers = { traceparent, tracestate: 'vendor=1', 'User-Agent': 'me' };
    const told = await toldBy(`${endpoint}/a?b=c`, headers);
    const spans = await recording.trace(traceId, 4);
    expect(chain(spans)).toEqual(THROUGH_HTTP);
    expect(spans.map(({ state }) => state)).toEqual(Array(4).fill('vendor=1'));
    const [gateway, queue, worker, application] = spans;
    expect([gateway?.pid, queue?.pid]).toEqual([program.pid, program.pid]);
    expect(worker?.pid).toBe(application?.pid);
    expect(worker?.pid).not.toBe(program.pid);
    const { port } = new URL(endpoint);
    expect(gateway?.attributes).toEqual({
      'http.request.method': 'GET',
      'url.scheme': 'http',
      'url.path': '/a',
      'url.query': 'b=c',
      'server.address': '127.0.0.1',
      'server.port': Number(port),
      'client.address': '127.0.0.1',
      'network.protocol.version': '1.1',
      'user_agent.original': 'me',
      'http.response.status_code': 200,
      'zscale.request.id': expect.any(String),
    });
    expect(queue).toMatchObject({
      events: ['given'],
      status: 0,
      attributes: {
        'zscale.attempt': 1,
        'zscale.worker.id': 0,
        'zscale.outcome': 'replied',
        'zscale.queue.wait': expect.any(Number),
      },
    });
    expect(worker?.attributes).toMatchObject({
      'zscale.worker.id': 0,
      'zscale.request.id': gateway?.attributes['zscale.request.id'],
      'http.response.status_code': 200,
    });
    // Whoever reads the header itself, or asks the API for what to send on, goes on from the worker's span.
    const own = `00-${traceId}-${worker?.spanId}-01`;
    expect(told.headers).toMatchObject({ traceparent: own, tracestate: 'vendor=1' });
    expect(told.carrier).toMatchObject({ traceparent: own, tracestate: 'vendor=1' });
  });

  it('ends the spans of an answer in parts, and of one that it sends later', async () => {
    const { endpoint, recording } = await runHttp('server.mjs');
    const { traceId, traceparent } = newTrace();
    const answer = await fetch(`${endpoint}/stream`, { headers: { traceparent } });
    expect(await answer.text()).toBe('onetwo');
    expect(chain(await recording.trace(traceId, 4))).toEqual(THROUGH_HTTP);

    // One that has no end is over when its client goes, which is nobody's fault.
    const endless = newTrace();
    const headers = { traceparent: endless.traceparent };
    const leave = new AbortController();
    await fetch(`${endpoint}/events`, { headers, signal: leave.signal });
    expect(recording.spans.filter((span) => span.traceId === endless.traceId)).toEqual([]);
    leave.abort();
    const spans = await recording.trace(endless.traceId, 3);
    expect(chain(spans)).toEqual(THROUGH_HTTP.slice(0, 3));
    expect(spans.map(({ status }) => status)).toEqual([0, 0, 0]);
    expect(spans[1]?.attributes['zscale.outcome']).toBe('cancelled');
  });

  it('takes a traceparent that is none for none', async () => {
    const { endpoint, recording } = await runHttp('server.mjs');
    const zero = `00-${'0'.repeat(32)}-${PARENT}-01`;
    for (const traceparent of ['nonsense', zero, `ff-${'1'.repeat(32)}-${PARENT}-01`]) {
      const { headers } = await toldBy(endpoint, { traceparent });
      const [, traceId = ''] = headers.traceparent.split('-');
      const spans = await recording.trace(traceId, 4);
      expect(spans[0]?.parentId).toBeUndefined();
      expect(chain(spans.slice(1), spans[0]?.spanId)).toEqual(THROUGH_HTTP.slice(1));
    }
  });

  it('records nothing of what the client does not sample, and passes that on', async () => {
    const { endpoint, recording } = await runHttp('server.mjs');
    const { traceId, traceparent } = newTrace('00');
    const { headers, carrier } = await toldBy(endpoint, { traceparent });
    expect(headers.traceparent).toMatch(new RegExp(`^00-${traceId}-[\\da-f]{16}-00$`));
    expect(carrier.traceparent).toBe(headers.traceparent);
    const sampled = newTrace();
    await fetch(endpoint, { headers: { traceparent: sampled.traceparent } });
    await recording.trace(sampled.traceId, 4);
    expect(recording.spans.filter((span) => span.traceId === traceId)).toEqual([]);
  });

  it('records as failed what was answered 500, and each worker that was lost', async () => {
    const { endpoint, recording } = await runHttp('server.mjs');
    const failed = newTrace();
    await fetch(`${endpoint}/fail`, { headers: { traceparent: failed.traceparent } });
    const [gateway, queue, worker] = await recording.trace(failed.traceId, 3);
    expect(gateway).toMatchObject({ status: ERROR, attributes: { 'error.type': '500' } });
    expect(queue).toMatchObject({ status: 0, attributes: { 'zscale.outcome': 'replied' } });
    expect(worker?.status).toBe(ERROR);

    const lost = newTrace();
    const { status } = await fetch(`${endpoint}/exit`, {
      headers: { traceparent: lost.traceparent },
    });
    const [front, ...attempts] = await recording.trace(lost.traceId, 4);
    expect(front).toMatchObject({
      name: 'GET',
      status: ERROR,
      attributes: { 'http.response.status_code': status, 'error.type': 'ZSCALE_ERR_WORKER_LOST' },
    });
    expect(attempts.map(({ name, parentId }) => [name, parentId])).toEqual(
      Array(3).fill(['queue', front?.spanId]),
    );
    expect(attempts.map((span) => span.attributes['zscale.outcome'])).toEqual([
      'retried',
      'retried',
      'refused',
    ]);
    expect(attempts.map((span) => span.attributes['zscale.attempt'])).toEqual([1, 2, 3]);
    expect(attempts.map((span) => span.status)).toEqual([ERROR, ERROR, ERROR]);
  });

  it('measures requests, and sends the last of it when it stops', async () => {
    const { endpoint, program, recording } = await runHttp('server.mjs');
    for (const path of ['/', '/', '/fail']) await (await fetch(endpoint + path)).text();
    program.signal('SIGTERM');
    await program.end();
    const { metrics = [] } = recording.metrics.findLast(({ pid }) => pid === program.pid) ?? {};
    const of = (name: string) => metrics.find((metric) => metric.name === name);
    const http = of('http.server.request.duration');
    expect(http?.unit).toBe('s');
    expect(http?.dataPoints.map(({ attributes, value }) => [attributes, value])).toEqual([
      [
        {
          'http.request.method': 'GET',
          'url.scheme': 'http',
          'network.protocol.version': '1.1',
          'http.response.status_code': 200,
        },
        expect.objectContaining({ count: 2 }),
      ],
      [
        expect.objectContaining({ 'http.response.status_code': 500, 'error.type': '500' }),
        expect.objectContaining({ count: 1 }),
      ],
    ]);
    expect(of('zscale.request.duration')?.dataPoints).toMatchObject([
      {
        attributes: { 'zscale.outcome': 'replied', 'zscale.service': 'zscale' },
        value: { count: 3 },
      },
    ]);
    expect(of('zscale.queue.wait.duration')?.dataPoints).toMatchObject([{ value: { count: 3 } }]);
  });
});

it('a fetch handler has the same trace', async () => {
  const { endpoint, recording } = await runHttp('fetch.mjs');
  const { traceId, traceparent } = newTrace();
  const method = 'POST';
  await fetch(endpoint, { method, body: 'x'.repeat(200_000), headers: { traceparent } });
  const [gateway, ...others] = await recording.trace(traceId, 4);
  expect(gateway).toMatchObject({ name: 'POST', parentId: PARENT });
  expect(chain(others, gateway?.spanId)).toEqual(THROUGH_HTTP.slice(1));
});

describe('a handler of values', () => {
  const THROUGH_QUEUE = [
    ['queue', SERVER, 'child'],
    ['worker', INTERNAL, 'child'],
    ['application', INTERNAL, 'child'],
  ];

  it.each([
    ['in CommonJS', 'handler.cjs', []],
    ['in threads', 'handler.mjs', ['--threads', '1']],
  ])('%s has one trace from the client to its own spans', async (_, name, args) => {
    const { endpoint, recording } = await run(name, args);
    const client = closing(connect(endpoint));
    const { traceId, traceparent } = newTrace();
    await client.request({}, { trace: { traceparent } });
    expect(chain(await recording.trace(traceId, 3))).toEqual(THROUGH_QUEUE);
  });

  it('has one trace through the services that it asks by connect()', async () => {
    const recording = new Recording();
    const inner = await run('handler.mjs', ['--name', 'inner'], { recording });
    const outer = await run('handler.mjs', [], { recording, env: { INNER: inner.endpoint } });
    const client = closing(connect<(request: object) => unknown>(outer.endpoint));
    const { traceId, traceparent } = newTrace();
    const { active } = (await client.request({}, { trace: { traceparent } })) as {
      active: { spanId: string };
    };
    const spans = await recording.trace(traceId, 6);
    expect(chain(spans)).toEqual([...THROUGH_QUEUE, ...THROUGH_QUEUE]);
    expect(spans.at(-1)?.spanId).toBe(active.spanId);
    expect(spans.map(({ pid }) => pid)).toEqual([
      outer.program.pid,
      spans[1]?.pid,
      spans[1]?.pid,
      inner.program.pid,
      spans[4]?.pid,
      spans[4]?.pid,
    ]);
  });

  it('has its baggage through the services that it asks, and in threads, as its program changes it; so have the spans', async () => {
    const recording = new Recording();
    const innerArgs = ['--name', 'inner', '--threads', '1'];
    const inner = await run('handler.mjs', innerArgs, { recording });
    const http = ['--bind', 'http://127.0.0.1:0'];
    const outer = await run('handler.mjs', http, { recording, env: { INNER: inner.endpoint } });
    const { traceId, traceparent } = newTrace();
    const ask = async (request: object, more: object = {}): Promise<unknown> => {
      const headers = { baggage: 'user=42,team=a%20b;p=1', ...more };
      const body = JSON.stringify(request);
      const answer = await fetch(outer.endpoint, { method: 'POST', headers, body });
      return Reflect.get(Object(await answer.json()), 'baggage');
    };
    expect(await ask({}, { traceparent })).toEqual({ user: '42', team: 'a b' });
    expect(await ask({ more: 'x' })).toEqual({ team: 'a b', more: 'x' });
    const spans = await recording.trace(traceId, 7);
    expect(spans.map(({ attributes }) => attributes['baggage.user'])).toEqual(Array(7).fill('42'));
  });

  it.each([
    ['in threads', ['--threads', '2']],
    ['in the worker itself', []],
  ])('has the last of its spans sent when it stops, %s', async (_, args) => {
    const { endpoint, program, recording } = await run('handler.mjs', args, {
      env: { BATCHED: '1' },
    });
    const client = closing(connect(endpoint));
    const { traceId, traceparent } = newTrace();
    await Promise.all([1, 2].map((ms) => client.request({ ms }, { trace: { traceparent } })));
    expect(recording.spans).toEqual([]);
    program.signal('SIGTERM');
    await program.end();
    const names = recording.spans
      .filter((span) => span.traceId === traceId)
      .map(({ name }) => name);
    expect(names.sort()).toEqual(['application', 'queue', 'worker'].flatMap((one) => [one, one]));
  });

  it('records what it threw, and twice what was done again', async () => {
    const { endpoint, recording } = await run('handler.mjs', ['--retries', '1']);
    const client = closing(connect<(request: object) => unknown>(endpoint));
    const failed = newTrace();
    const ask = (request: object, { traceparent }: { traceparent: string }) =>
      client.request(request, { trace: { traceparent } });
    await expect(ask({ fail: true }, failed)).rejects.toThrow('no such thing');
    expect(await recording.trace(failed.traceId, 2)).toMatchObject([
      { name: 'queue', status: ERROR, attributes: { 'error.type': 'ZSCALE_ERR_HANDLER' } },
      {
        name: 'worker',
        status: ERROR,
        events: ['exception'],
        attributes: { 'error.type': 'E_NONE' },
      },
    ]);
    const lost = newTrace();
    await expect(ask({ exit: true }, lost)).rejects.toThrow('2 workers');
    const spans = await recording.trace(lost.traceId, 2);
    expect(spans).toMatchObject([
      { name: 'queue', parentId: PARENT, attributes: { 'zscale.outcome': 'retried' } },
      { name: 'queue', parentId: PARENT, attributes: { 'zscale.outcome': 'refused' } },
    ]);
  });
});

it('a program that registers its SDK itself has one trace from its own client on', async () => {
  const recording = new Recording();
  const { NODE_OPTIONS: _, ...env } = recording.env;
  const program = new Program(process.execPath, [fixture('otel/program.mjs')], { env });
  const { stdout } = await program.end();
  const { traceId, reply } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  const spans = await recording.trace(traceId, 4);
  expect(spans.map(({ name }) => name)).toEqual(['ask', 'queue', 'worker', 'application']);
  expect(chain(spans.slice(1), spans[0]?.spanId)).toEqual([
    ['queue', SERVER, 'child'],
    ['worker', INTERNAL, 'child'],
    ['application', INTERNAL, 'child'],
  ]);
  expect(reply).toBe(`00-${traceId}-${spans[3]?.spanId}-01`);
});

describe('without an SDK', () => {
  it('each service, worker and client looks once for one, however many requests there are; baggage goes its way', async () => {
    const file = join(freshFolder(), 'looks');
    const env = { NODE_OPTIONS: `--import ${fixture('otel/looks.mjs')}`, LOOKS: file };
    const args = [fixture('otel/plain.mjs'), '--workers', '1'];
    const inner = await zscaleRun([...args, '--name', 'inner'], { env });
    const bind = ['tcp://127.0.0.1:*', 'http://127.0.0.1:0'].flatMap((one) => ['--bind', one]);
    const outer = await zscaleRun([...args, ...bind], { env: { ...env, INNER: inner.endpoint } });
    const [, http = ''] = await outer.program.printed(/(http:\S+)/);
    const client = closing(connect(outer.endpoint));
    const trace = { traceparent: newTrace().traceparent };
    for (let i = 0; i < 50; i++) {
      await client.request(i, { trace });
      await (await fetch(http, { method: 'POST', body: 'null' })).text();
    }
    const headers = { baggage: 'user=42,team=a' };
    const answer = await fetch(http, { method: 'POST', body: '"baggage"', headers });
    expect(await answer.json()).toBe(headers.baggage);
    for (const { program } of [outer, inner]) {
      program.signal('SIGTERM');
      await program.end();
    }
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    const counts = lines.map((line): object => JSON.parse(line));
    expect(counts).toHaveLength(4);
    expect(counts).toEqual(
      expect.arrayContaining([
        { pid: outer.program.pid, isWorker: false, looks: 1, loads: 0 },
        { pid: inner.program.pid, isWorker: false, looks: 1, loads: 0 },
        { pid: expect.any(Number), isWorker: true, looks: 2, loads: 0 }, // with its client
        { pid: expect.any(Number), isWorker: true, looks: 1, loads: 0 },
      ]),
    );
  });
});
