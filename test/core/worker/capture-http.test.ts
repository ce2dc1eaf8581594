import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcp, Server as TcpServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HttpCapture } from '../../../packages/core/src/worker/capture-http.ts';

interface Captured {
  readonly capture: HttpCapture;
  readonly endpoints: string[];
  readonly refusals: string[];
  readonly requests: { connections: number; destroyAll(): void };
  closes: number;
}

function capturing(): Captured {
  const requests = {
    connections: 0,
    destroyAll(): void {
      requests.connections = 0;
    },
  };
  const captured: Omit<Captured, 'capture'> = { endpoints: [], refusals: [], requests, closes: 0 };
  const capture = new HttpCapture({
    onListen: (_server, endpoint) => {
      captured.endpoints.push(endpoint);
      return requests;
    },
    onClose: () => {
      captured.closes += 1;
    },
    onRefused: ({ message }) => captured.refusals.push(message),
  });
  onTestFinished(() => capture.end());
  return Object.assign(captured, { capture });
}

describe('a captured server', () => {
  it('listens nowhere, and is told that it does', async () => {
    const captured = capturing();
    const server = createServer();
    let called = 0;
    expect(server.listen(1, '127.0.0.1', () => (called += 1))).toBe(server);
    expect(server.listening).toBe(true);
    await once(server, 'listening');
    expect(called).toBe(1);
    expect(server.address()).toEqual({ address: '127.0.0.1', family: 'IPv4', port: 1 });
    expect(captured.endpoints).toEqual(['http://127.0.0.1:1']);
    expect(captured.capture.hasListened).toBe(true);
  });

  it('closes when its last request is over, and says so', async () => {
    const captured = capturing();
    const server = createServer().listen(1);
    captured.requests.connections = 1;
    const seen: unknown[] = [];
    server.on('close', () => seen.push('close'));
    server.close((error) => seen.push(error));
    expect([server.listening, server.address(), captured.closes]).toEqual([false, null, 1]);
    for (let i = 0; i < 5; i += 1) await new Promise(setImmediate);
    expect(seen).toEqual([]);
    server.closeAllConnections();
    await expect.poll(() => seen).toEqual(['close', undefined]);
    server.close((error) => seen.push(Reflect.get(error ?? {}, 'code')));
    await expect.poll(() => seen.at(-1)).toBe('ERR_SERVER_NOT_RUNNING');
  });

  it('counts its requests, is closed by a signal, and may listen again', async () => {
    const captured = capturing();
    const controller = new AbortController();
    const server = createServer().listen({ port: 1, signal: controller.signal });
    captured.requests.connections = 3;
    expect(await new Promise((resolve) => server.getConnections((_e, n) => resolve(n)))).toBe(3);
    captured.requests.connections = 0;
    controller.abort();
    await once(server, 'close');
    server.listen(1);
    await once(server, 'listening');
    expect(server.listening).toBe(true);
    expect(captured.endpoints).toHaveLength(1);
  });

  it('may be on several addresses of its port, by servers of their own', async () => {
    const captured = capturing();
    createServer().listen(1, '127.0.0.1');
    const second = createServer().listen(1, '::1');
    await once(second, 'listening');
    expect(captured.endpoints).toEqual(['http://127.0.0.1:1']);
    second.close();
    await once(second, 'close');
    expect(captured.closes).toBe(0);
  });

  it('knows its listeners', () => {
    const { capture } = capturing();
    const listener = (): void => {};
    createServer(listener).listen(1);
    expect([capture.calls(listener), capture.calls(() => {})]).toEqual([true, false]);
  });
});

describe('what is not captured', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['a second place', () => createServer().listen(2), /http:\/\/\*:2 after http:\/\/\*:1/],
    ['another protocol', () => createTcp().listen(2), /tcp:\/\/\*:2 with a server that does not/],
  ])('is refused: %s', (_what, act, expected) => {
    const captured = capturing();
    createServer().listen(1);
    expect(act).toThrow(expect.objectContaining({ code: 'ZSCALE_ERR_LOAD' }));
    expect(captured.refusals[0]).toMatch(expected);
  });

  it('may have a free port', async () => {
    const captured = capturing();
    const tcp = createTcp().listen(0);
    createServer().listen(1);
    const metrics = createServer().listen(0);
    await Promise.all([tcp, metrics].map((server) => once(server, 'listening')));
    for (const server of [tcp, metrics]) {
      expect((server.address() as AddressInfo).port).toBeGreaterThan(0);
      server.close();
    }
    expect(captured.endpoints).toEqual(['http://*:1']);
  });

  it('is anything when it has ended, and somebody else who came later stays', async () => {
    const { capture } = capturing();
    const before = TcpServer.prototype.listen;
    const theirs = function (this: Server, ...args: unknown[]): Server {
      return Reflect.apply(before, this, args) as Server;
    };
    TcpServer.prototype.listen = theirs;
    capture.end();
    expect(TcpServer.prototype.listen).toBe(theirs);
    const server = createTcp().listen(0);
    await once(server, 'listening');
    server.close();
    TcpServer.prototype.listen = before;
    capture.end();
    expect(TcpServer.prototype.listen).not.toBe(before);
  });

  it('is what an exported application does later: it is told that it listens', async () => {
    const captured = capturing();
    const warned = once(process, 'warning');
    captured.capture.keep(captured.requests);
    const server = createServer().listen(1);
    await once(server, 'listening');
    expect(captured.endpoints).toEqual([]);
    expect(captured.capture.hasListened).toBe(false);
    expect(String((await warned)[0])).toMatch(/is served where --bind/);
  });
});
