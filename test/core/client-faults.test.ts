/*
 * connect(), when connections break, limits are met, and the client itself is closed.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Router } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { freshTcp, TCP_WILDCARD } from '../support/endpoints.ts';
import { RawListener } from '../support/raw-peer.ts';
import { transports } from '../support/transports.ts';
import { until, within } from '../support/until.ts';
import {
  failureOf,
  frontOf,
  HeldRequests,
  plainWorker,
  serve,
  shout,
  startQueue,
  zscaleClient,
  zscaleWorker,
} from '../support/worker-queue.ts';

/** A ROUTER that answers every request with what it says. */
async function echo(endpoint: string): Promise<Router> {
  const server = closing(new Router());
  await server.bind(endpoint);
  void (async () => {
    for await (const message of server) await server.send(message);
  })();
  return server;
}

describe.each(transports)('a lost connection over $name', ({ anywhere, fresh }) => {
  it('fails what was sent on it at once, with ZSCALE_ERR_CONNECTION_LOST', async () => {
    const listener = await RawListener.listen(await fresh());
    const client = zscaleClient(listener.endpoint);
    const failures = ['1', '2'].map((text) => failureOf(client.request(text)));
    const peer = await listener.greeted('ROUTER');
    await peer.take(1);
    peer.reset();
    for (const failure of failures) {
      expect(await within(failure, 'the failure')).toMatchObject({
        code: 'ZSCALE_ERR_CONNECTION_LOST',
      });
    }
    expect(client.stats()).toMatchObject({ open: 0, unsent: 0 });
  });

  it('is made again by itself, and requests made meanwhile are served', async () => {
    const endpoint = await fresh();
    const first = await startQueue({ bind: [endpoint] });
    await zscaleWorker(first, shout);
    const client = zscaleClient(endpoint);
    expect(String(await client.request('a'))).toBe('a!');
    await first.close();
    const meanwhile = until(async () => String(await client.request('b')) === 'b!');
    const second = await startQueue({ bind: [endpoint] });
    await zscaleWorker(second, shout);
    await meanwhile;
    expect(String(await client.request('c'))).toBe('c!');
  });

  it('that broke in the middle of a reply gives no half reply', async () => {
    const listener = await RawListener.listen(await fresh());
    const client = zscaleClient(listener.endpoint);
    const failure = failureOf(client.request('x'));
    const peer = await listener.greeted('ROUTER');
    await peer.take(10);
    peer.write('01 08 0000000000000001 01 00 00 05 6162');
    await peer.flushed();
    peer.end();
    expect(await failure).toMatchObject({ code: 'ZSCALE_ERR_CONNECTION_LOST' });
    expect(client.stats().replies).toBe(0);
  });

  it('hands over the reply that came just before', async () => {
    const listener = await RawListener.listen(await fresh());
    const client = zscaleClient(listener.endpoint);
    const reply = client.request('x').then(String);
    const peer = await listener.greeted('ROUTER');
    await peer.take(10);
    peer.write('01 08 0000000000000001 01 00 00 02 6162');
    peer.end();
    expect(await reply).toBe('ab');
  });

  it('by a reply above maxMessageSize is made again too', async () => {
    const server = closing(new Router());
    const client = zscaleClient(await boundTo(server, anywhere()), { maxMessageSize: 20_000 });
    const failure = failureOf(client.request('big'));
    const message = await within(server.receive(), 'the request');
    await server.send([...message.slice(0, -1), Buffer.alloc(20_001)]);
    expect(await failure).toMatchObject({ code: 'ZSCALE_ERR_CONNECTION_LOST' });
    const reply = client.request('small').then(String);
    await server.send(await within(server.receive(), 'the next request'));
    expect(await reply).toBe('small');
  });
});

describe('a client whose port answers in another protocol', () => {
  it('tries again, and is served when the service is there', async () => {
    const endpoint = await freshTcp();
    const web = await RawListener.listen(endpoint);
    const client = zscaleClient(endpoint);
    const reply = client.request('x').then(String);
    const peer = await web.accept();
    peer.write(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'.padEnd(100)));
    await peer.expectClosed();
    await web.accept(); // it came again
    await web.close();
    await echo(endpoint);
    expect(await reply).toBe('x');
  });
});

describe('EMSGSIZE', () => {
  it('is told at once for a request that the service said it would not take', async () => {
    const queue = await startQueue({ maxMessageSize: 1000 });
    serve(await plainWorker(queue), () => 'ok');
    const client = zscaleClient(frontOf(queue));
    expect(String(await client.request(Buffer.alloc(1000)))).toBe('ok');
    expect(await failureOf(client.request(Buffer.alloc(1001)))).toMatchObject({
      name: 'ZscaleError',
      code: 'EMSGSIZE',
    });
    expect(await failureOf(client.request([...'x'.repeat(20)]))).toMatchObject({
      code: 'EMSGSIZE', // 20 bytes, and 64 for each frame after the first
    });
    expect(queue.stats().requests).toBe(1);
  });

  it('is told to requests that waited for the service, and those behind them are sent', async () => {
    const endpoint = await freshTcp();
    const client = zscaleClient(endpoint);
    const failure = failureOf(client.request(Buffer.alloc(1001)));
    const reply = client.request('x').then(String);
    const queue = await startQueue({ bind: [endpoint], maxMessageSize: 1000 });
    serve(await plainWorker(queue));
    expect(await failure).toMatchObject({ code: 'EMSGSIZE' });
    expect(await reply).toBe('x!');
  });
});

describe('maxRequests', () => {
  it('fails further requests with ZSCALE_ERR_BUSY until some are done', async () => {
    const server = closing(new Router());
    const client = zscaleClient(await boundTo(server, TCP_WILDCARD), { maxRequests: 1 });
    const first = client.request('1').then(String);
    expect(await failureOf(client.request('2'))).toMatchObject({ code: 'ZSCALE_ERR_BUSY' });
    await server.send(await within(server.receive(), 'the request'));
    expect(await first).toBe('1');
    void client.request('3').catch(() => {});
    expect(client.stats().open).toBe(1);
  });
});

describe('requests that timed out before they were sent', () => {
  it('are never sent, and hold up none that come later', async () => {
    const endpoint = await freshTcp();
    const client = zscaleClient(endpoint);
    const early = Array.from({ length: 100 }, () =>
      failureOf(client.request('early', { timeout: 1 })),
    );
    for (const failure of early)
      expect(await failure).toMatchObject({ code: 'ZSCALE_ERR_TIMEOUT' });
    const seen: string[] = [];
    const queue = await startQueue({ bind: [endpoint] });
    serve(await plainWorker(queue), ([text = '']) => {
      seen.push(text);
      return text;
    });
    expect(String(await client.request('later'))).toBe('later');
    expect(seen).toEqual(['later']);
  });

  it('are not kept in memory', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const client = zscaleClient('ipc:///nonexistent/folder/socket');
    const timedOut = async (): Promise<WeakRef<AbortSignal>> => {
      const { signal } = new AbortController();
      await failureOf(client.request('x', { timeout: 1, signal }));
      return new WeakRef(signal);
    };
    const signals = await Promise.all(Array.from({ length: 50 }, timedOut));
    await until(() => {
      collectGarbage();
      return signals.every((signal) => signal.deref() === undefined);
    }, 'the requests to be collected');
  });
});

describe('close()', () => {
  it('rejects open requests with ZSCALE_ERR_CLOSED, sent and unsent ones, and later ones', async () => {
    const queue = await startQueue();
    const held = new HeldRequests();
    await zscaleWorker(queue, held.handle);
    const client = zscaleClient(frontOf(queue));
    const sent = failureOf(client.request('sent'));
    await until(() => held.length === 1);
    const alone = zscaleClient(await freshTcp());
    const unsent = failureOf(alone.request('unsent'));
    await within(Promise.all([client.close(), alone.close()]), 'close()');
    expect(await sent).toMatchObject({ code: 'ZSCALE_ERR_CLOSED' });
    expect(await unsent).toMatchObject({ code: 'ZSCALE_ERR_CLOSED' });
    expect(await failureOf(client.request('late'))).toMatchObject({ code: 'ZSCALE_ERR_CLOSED' });
    await within(client.close(), 'close() again');
    expect(client.stats().open).toBe(0);
  });

  it('is what `await using` does at the end', async () => {
    const server = await echo(await freshTcp());
    let failure: Promise<unknown>;
    {
      await using client = zscaleClient(server.lastEndpoint ?? '');
      expect(String(await client.request('x'))).toBe('x');
      failure = Promise.resolve(client).then((one) => failureOf(one.request('y')));
    }
    expect(await failure).toMatchObject({ code: 'ZSCALE_ERR_CLOSED' });
  });
});
