/*
 * A service under clients that want something else than to be served: many that are silent, that
 * stop in the middle, that do not read or that flood. Good clients of npm zeromq are served all the time.
 */
import { connect, type ScaleOptions, type Server, scale } from '@zscale/core';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import * as theirs from 'zeromq';
import { closing } from '../support/closing.ts';
import { Crowd, requireOpenFiles } from '../support/crowd.ts';
import { freshFolder } from '../support/programs.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { until, within } from '../support/until.ts';

const ACTS = new URL('../fixtures/handlers/acts.mjs', import.meta.url);
const MIB = 1024 * 1024;
const MANY = 10_000;

beforeEach(() => {
  vi.stubEnv('TMPDIR', freshFolder());
  return () => vi.unstubAllEnvs();
});

const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

async function serve(options: ScaleOptions): Promise<Server> {
  const bind = 'tcp://127.0.0.1:*';
  return closing(await scale(ACTS, { workers: 1, bind, codec: 'json', logger: quiet, ...options }));
}

/** A REQ of npm zeromq, and what it is answered. */
function goodClient(endpoint: string): (value: object) => Promise<unknown> {
  const client = closing(new theirs.Request({ linger: 0 }));
  client.connect(endpoint);
  return async (value) => {
    await client.send(JSON.stringify(value));
    const [body] = await within(client.receive(), 'the reply to a good client');
    return JSON.parse(String(body));
  };
}

describe(`${MANY} clients that are silent`, () => {
  it('cost a service at most 200 MiB of resident memory, and nobody else anything', async () => {
    requireOpenFiles(MANY);
    const crowd = await Crowd.gather('service');
    const ask = goodClient(crowd.endpoint);
    expect(await ask({ act: 'echo', text: 'before' })).toBe('before');
    const before = await crowd.memory();
    const connected = await crowd.count();
    await crowd.connect(MANY);
    const after = await crowd.memory();
    expect(await crowd.count()).toBe(connected + MANY);
    expect(after.rss - before.rss).toBeLessThan(200 * MIB);
    for (let i = 0; i < 20; i++) {
      expect(await ask({ act: 'echo', text: `${i}` })).toBe(`${i}`);
    }
  });
});

describe('clients that stop in the middle', () => {
  it('of a greeting or of a request leave others alone', async () => {
    const server = await serve({});
    const [endpoint = ''] = server.endpoints;
    const ask = goodClient(endpoint);
    for (let i = 0; i < 100; i++) {
      const silent = await RawPeer.connect(endpoint);
      silent.write('ff 00 00 00 00');
      const half = await RawPeer.greeted(endpoint, 'DEALER');
      half.write('01 00 02 00 00 00 00 00 10 00 00 78'); // a body of 1 MiB was said to come
    }
    expect(await ask({ act: 'echo', text: 'served' })).toBe('served');
    expect(server.stats()).toMatchObject({ requests: 1, replies: 1, queued: 0, inFlight: 0 });
  });
});

describe('a client that does not read', () => {
  it('is disconnected before it takes too much memory', async () => {
    const server = await serve({ maxUnsentBytes: 16 * MIB });
    const [endpoint = ''] = server.endpoints;
    const ask = goodClient(endpoint);
    const slow = closing(new theirs.Dealer({ linger: 0, receiveHighWaterMark: 1 }));
    slow.connect(endpoint);
    const request = JSON.stringify({ act: 'echo', text: 'x'.repeat(MIB) });
    for (let sent = 0; server.stats().slowClients === 0 && sent < 500; sent++) {
      await slow.send(['', request]);
      expect(await ask({ act: 'echo', text: 'served' })).toBe('served');
    }
    expect(server.stats().slowClients).toBeGreaterThanOrEqual(1);
    expect(await ask({ act: 'echo', text: 'still served' })).toBe('still served');
  });
});

describe('a client that floods', () => {
  it('past maxQueue is refused, while others are let in and served', async () => {
    const server = await serve({ maxQueue: 50 });
    const [endpoint = ''] = server.endpoints;
    const flooding = closing(connect(endpoint, { codec: 'json' }));
    const codes: unknown[] = [];
    let isOver = false;
    const lane = async (): Promise<void> => {
      while (!isOver) {
        await flooding.request({ act: 'sleep', ms: 1 }).catch(({ code }) => codes.push(code));
      }
    };
    const flood = Promise.all(Array.from({ length: 500 }, lane));
    try {
      await until(() => codes.length > 500, 'the flood to be refused');
      const good = Array.from({ length: 5 }, () => goodClient(endpoint));
      for (let i = 0; i < 20; i++) {
        const answers = good.map((ask) => ask({ act: 'echo', text: `${i}` }));
        expect(await Promise.all(answers)).toEqual(good.map(() => `${i}`));
      }
    } finally {
      isOver = true; // or a closed client would be asked for ever
    }
    await flood;
    expect(new Set(codes)).toEqual(new Set(['ZSCALE_ERR_BUSY']));
    expect(server.stats()).toMatchObject({ queued: 0, inFlight: 0 });
  });
});
