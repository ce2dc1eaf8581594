/*
 * Viewers with real connections; only the clock of the snapshots is the test's.
 */
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Snapshot } from '../../../packages/core/src/dashboard/snapshot.ts';
import { MAX_VIEWERS, Viewers } from '../../../packages/core/src/dashboard/viewers.ts';
import { closing } from '../../support/closing.ts';
import { until } from '../../support/until.ts';
import { recordingLogger } from '../../support/worker-queue.ts';

const PERCENTILES = { p50: null, p95: null, p99: null };

function snapshotNamed(name: string): Snapshot {
  return {
    ...{
      at: 0,
      name,
      kind: 'service' as const,
      pid: 1,
      state: 'serving',
      uptime: 0,
      gateways: [],
      endpoints: [],
      reason: '',
    },
    load: {
      requests: 0,
      replies: 0,
      errors: 0,
      queued: 0,
      inFlight: 0,
      longestWait: 0,
      restarts: 0,
    },
    ...{ waits: PERCENTILES, services: PERCENTILES, workers: [], machines: [], deaths: [] },
  };
}

beforeEach(() => vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => vi.useRealTimers());

/** Viewers of snapshots with numbers for names, made as `look` says. */
async function serve(nameOf: (n: number) => string = String) {
  const counted = { looks: 0, fails: false };
  const { logger, lines } = recordingLogger();
  const viewers = new Viewers({
    look: async () => {
      counted.looks += 1;
      if (counted.fails) throw new Error('no such thing');
      return snapshotNamed(nameOf(counted.looks));
    },
    logger,
  });
  const responses: ServerResponse[] = [];
  const server = createServer((_request, response) => {
    responses.push(response);
    response.writeHead(200);
    viewers.add(response);
  }).listen(0, '127.0.0.1');
  closing({
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  });
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const look = async (): Promise<IncomingMessage> => {
    const request = get({ port, host: '127.0.0.1', agent: false });
    request.on('error', () => {}); // its server drops it
    const [response]: IncomingMessage[] = await once(request, 'response');
    if (response === undefined) throw new Error('no response');
    response.on('error', () => {}); // the same
    return response;
  };
  return { viewers, counted, look, lines, responses };
}

/** What came, as it comes. */
function reading(response: IncomingMessage): { text: string; hasEnded: boolean } {
  const read = { text: '', hasEnded: false };
  response.setEncoding('utf8').on('data', (chunk) => {
    read.text += chunk;
  });
  response.on('close', () => {
    read.hasEnded = true;
  });
  return read;
}

describe('viewers', () => {
  it('get the same snapshot each second, made once, and only while somebody looks', async () => {
    const { counted, look } = await serve();
    expect(vi.getTimerCount()).toBe(0);
    const first = await look();
    const one = reading(first);
    await until(() => one.text.includes('"name":"1"'));
    const second = await look();
    const other = reading(second);
    // The one who comes later is shown the last at once.
    await until(() => other.text.includes('"name":"1"'));
    vi.advanceTimersByTime(1000);
    await until(() => one.text.includes('"name":"2"') && other.text.includes('"name":"2"'));
    expect(counted.looks).toBe(2);
    expect(one.text).toMatch(/^retry: 1000\n\ndata: \{.*\}\n\ndata: \{.*\}\n\n$/);
    first.destroy();
    second.destroy();
    await until(() => vi.getTimerCount() === 0);
  });

  it('are so many and no more', async () => {
    const { viewers, look } = await serve();
    const all = await Promise.all(Array.from({ length: MAX_VIEWERS }, look));
    expect(viewers.isFull).toBe(true);
    all[0]?.destroy();
    await until(() => !viewers.isFull);
  });

  it('are dropped when they take nothing, and others go on', async () => {
    const { counted, look, lines, responses } = await serve((n) => `${n}${'x'.repeat(4_000_000)}`);
    const slow = await look();
    slow.pause();
    const read = reading(await look());
    const isDropped = (): boolean => lines.some(({ text }) => text.endsWith('dropped'));
    for (let turn = 1; turn <= 12; turn += 1) {
      await until(() => counted.looks === turn && responses[1]?.writableLength === 0);
      expect([turn, isDropped()]).toEqual([turn, turn === 12]);
      vi.advanceTimersByTime(1000);
    }
    slow.resume(); // one that is paused hears of its end only when it is read
    await until(() => slow.destroyed);
    expect(read.hasEnded).toBe(false);
  });

  it('wait when the service cannot be looked at, and the log says why', async () => {
    const { counted, look, lines } = await serve();
    counted.fails = true;
    const read = reading(await look());
    await until(() => lines.some(({ text }) => text.includes('cannot show')));
    counted.fails = false;
    vi.advanceTimersByTime(1000);
    await until(() => read.text.includes('"name":"2"'));
    expect(read.hasEnded).toBe(false);
  });
});
