import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type Duplex, Readable, Writable } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { currentContext } from '../../../packages/core/src/current-context.ts';
import { HttpHandler } from '../../../packages/core/src/handlers/http-handler.ts';
import { LateReader } from '../../../packages/core/src/handlers/late-reader.ts';
import { type Asked, MemoryExchange } from '../../support/memory-exchange.ts';
import { until } from '../../support/until.ts';

const KIB = 1024;

function give(target: RequestListener | Server, asked: Asked = {}): MemoryExchange {
  const server = typeof target === 'function' ? createServer(target) : target;
  return new MemoryExchange(asked).give(new HttpHandler(server));
}

describe('what the queue is told', () => {
  it('gets one message for a response that is written in one turn', async () => {
    const exchange = give((_req, res) => {
      res.write('a');
      res.write(Buffer.from('b'));
      res.end('c');
    });
    expect(exchange.messages).toBe(1);
    expect(exchange.text).toBe('abc');
  });

  it('gets what was written in a turn when the turn ends', async () => {
    const exchange = give((_req, res) => {
      res.write('data: 1\n\n');
    });
    await until(() => exchange.text === 'data: 1\n\n');
    expect(exchange.isEnded).toBe(false);
    expect(exchange.header('transfer-encoding')).toEqual(['chunked']);
  });

  // Node 22 and 24 lose the last piece then.
  it('gets all of a response that stays corked to its end', async () => {
    const exchange = give((_req, res) => {
      res.cork();
      res.write('a');
      setImmediate(() => res.end('b'));
    });
    expect((await exchange.ended()).text).toBe('ab');
  });

  it('gets the head alone when it is flushed', async () => {
    const exchange = give((_req, res) => res.flushHeaders());
    await until(() => exchange.response?.status === 200);
    expect(exchange.isEnded).toBe(false);
  });

  it('gets nothing beyond the window, and the program is told to wait', async () => {
    let drains = 0;
    let written = 0;
    const exchange = give(
      (_req, res) => {
        const go = (): void => {
          while (written < 64) {
            written += 1;
            if (!res.write(Buffer.alloc(16 * KIB, written))) {
              res.once('drain', () => {
                drains += 1;
                go();
              });
              return;
            }
          }
          res.end();
        };
        go();
      },
      { window: 128 * KIB },
    );
    await until(() => exchange.text.length >= 128 * KIB);
    for (let i = 0; i < 20; i += 1) await new Promise(setImmediate);
    const inHand = written * 16 * KIB - exchange.text.length;
    expect(exchange.text.length).toBeLessThan(256 * KIB);
    expect(inHand).toBeLessThanOrEqual(128 * KIB);
    while (!exchange.isEnded) {
      exchange.open(64 * KIB);
      await new Promise(setImmediate);
    }
    expect(exchange.text.length).toBe(1024 * KIB);
    expect(drains).toBeGreaterThan(3);
    for (let i = 0; i < 64; i += 1) expect(exchange.text.charCodeAt(i * 16 * KIB)).toBe(i + 1);
  });

  it("tells 'finish' and callbacks when the bytes have left, and not before", async () => {
    const seen: string[] = [];
    const exchange = give(
      (_req, res) => {
        res.on('finish', () => seen.push('finish'));
        res.on('close', () => seen.push('close'));
        res.write(Buffer.alloc(100 * KIB), () => seen.push('first'));
        setImmediate(() => res.end(Buffer.alloc(100 * KIB)));
      },
      { window: 50 * KIB },
    );
    await until(() => seen.length === 1);
    for (let i = 0; i < 10; i += 1) await new Promise(setImmediate);
    expect(seen).toEqual(['first']);
    exchange.open(300 * KIB);
    await until(() => seen.length === 3);
    expect(seen).toEqual(['first', 'finish', 'close']);
    expect(exchange.isEnded).toBe(true);
  });

  it('grants as the program reads, and no more', async () => {
    let resume: () => void = () => {};
    const exchange = give(
      (req, res) => {
        resume = () => {
          req.on('data', () => {});
          req.on('end', () => res.end());
        };
      },
      { method: 'POST', more: true, body: Buffer.alloc(64 * KIB) },
    );
    for (let i = 0; i < 3; i += 1) exchange.part(Buffer.alloc(64 * KIB));
    await new Promise(setImmediate);
    expect(exchange.granted).toBe(0);
    resume();
    await until(() => exchange.granted === 256 * KIB);
    exchange.end();
    await exchange.ended();
  });

  it('does not let a part of a body pass for all of it, when the response ends first', async () => {
    const seen: string[] = [];
    const exchange = give(
      (req, res) => {
        for (const event of ['data', 'end', 'aborted', 'error', 'close']) {
          req.on(event, () => seen.push(event));
        }
        req.once('data', () => {
          res.write('enough'); // of no known length: the client waits for its end
          res.end();
        });
      },
      { method: 'POST', more: true, body: 'a part' },
    );
    await until(() => seen.includes('close'));
    expect(exchange.text).toBe('enough');
    expect(exchange.isEnded).toBe(true);
    expect(seen).toEqual(['data', 'aborted', 'error', 'close']);
  });

  it.each<[string, (req: IncomingMessage, seen: string[]) => void]>([
    ['by events', (req, seen) => void req.on('data', (bytes) => seen.push(String(bytes)))],
    [
      'by a pipe that is full',
      (req, seen) => {
        const write = (bytes: Buffer, _encoding: string, done: () => void): void => {
          seen.push(String(bytes));
          setImmediate(done);
        };
        req.pipe(new Writable({ highWaterMark: 1, write }));
      },
    ],
    [
      'by iterating',
      async (req, seen) => {
        for await (const bytes of req) seen.push(String(bytes));
      },
    ],
  ])('goes on with a body that is read %s behind the answer', async (_how, read) => {
    const seen: string[] = [];
    const exchange = give(
      (req, res) => {
        res.on('finish', () => seen.push('finish'));
        res.on('close', () => seen.push('res close'));
        req.on('end', () => seen.push('end'));
        req.on('close', () => seen.push(`close, ${req.complete ? 'complete' : 'cut'}`));
        void read(req, seen);
        res.end('at once');
      },
      { method: 'POST', more: true },
    );
    await until(() => seen.includes('res close'));
    expect(exchange.text).toBe('at once');
    expect(exchange.isEnded).toBe(false);
    exchange.part('one');
    exchange.part('two');
    await until(() => seen.join('').includes('two'));
    expect(exchange.isEnded).toBe(false);
    exchange.end();
    expect(exchange.isEnded).toBe(true);
    await until(() => seen.includes('close, complete'));
    expect(seen.filter((one) => /^(one|two|onetwo)$/.test(one)).join('')).toBe('onetwo');
    expect(seen.slice(-2)).toEqual(['end', 'close, complete']);
    expect(exchange.error).toBeUndefined();
  });

  it('tells a program that reads on that the client went', async () => {
    const seen: string[] = [];
    const exchange = give(
      (req, res) => {
        for (const event of ['aborted', 'error', 'end', 'close']) {
          req.on(event, () => seen.push(event));
        }
        req.resume();
        res.end('at once');
        res.on('close', () => seen.push('res close'));
      },
      { method: 'POST', more: true },
    );
    await until(() => seen.includes('res close'));
    exchange.abort();
    await until(() => seen.includes('close'));
    expect(seen).toEqual(['res close', 'aborted', 'error', 'close']);
  });

  it('ends the exchange when the program destroys what it read on, and cuts nothing', async () => {
    let req: IncomingMessage | undefined;
    const exchange = give(
      (request, res) => {
        req = request.resume();
        res.end('at once');
      },
      { method: 'POST', more: true },
    );
    await until(() => req?.socket.destroyed === false && exchange.text !== '');
    const closed = once(req?.on('error', () => {}) ?? new Readable(), 'close');
    req?.destroy();
    await closed;
    expect(exchange.isEnded).toBe(true);
    expect(exchange.error).toBeUndefined();
  });

  it('gives up a program that has answered and takes nothing, but no client that is slow', () => {
    vi.useFakeTimers();
    try {
      let isGivenUp = false;
      const req = new Readable({ read: () => {} });
      const reader = new LateReader(req as IncomingMessage, () => {
        isGivenUp = true;
      });
      vi.advanceTimersByTime(60_000);
      expect(isGivenUp).toBe(false); // nothing came
      const give = (bytes: number): void => {
        req.push(Buffer.alloc(bytes));
        reader.came(bytes);
      };
      for (let i = 0; i < 5; i += 1) {
        give(10);
        if (i > 0) req.read(10);
        vi.advanceTimersByTime(5000);
        expect(isGivenUp).toBe(false); // slow, but it takes some
      }
      vi.advanceTimersByTime(5000);
      expect(isGivenUp).toBe(true);
      reader.stop();
    } finally {
      vi.useRealTimers();
    }
  });

  it('ends a body that nobody reads with the response', async () => {
    const seen: string[] = [];
    give(
      (req, res) => {
        for (const event of ['end', 'aborted', 'error', 'close']) {
          req.on(event, () => seen.push(event));
        }
        res.end('no');
      },
      { method: 'POST', more: true, body: 'a part' },
    );
    await until(() => seen.includes('close'));
    expect(seen).toEqual(['end', 'close']);
  });

  it('hears that the program ended the connection, before the head and behind it', async () => {
    const before = give((req) => void req.destroy());
    expect(before.error).toMatchObject({ code: 'ECONNRESET' });
    const behind = give((_req, res) => {
      res.write('a');
      setImmediate(() => res.destroy());
    });
    await behind.ended();
    expect(behind.text).toBe('a');
    expect(behind.error).toMatchObject({ code: 'ECONNRESET' });
    const bySocket = give((req) => void req.socket.destroy());
    expect(bySocket.error).toMatchObject({ code: 'ECONNRESET' });
  });

  it('hears nothing of a program that writes behind its end', async () => {
    const exchange = give((req, res) => {
      res.end('a');
      res.on('close', () => {
        req.socket.destroy();
        res.destroy();
        res.write('b');
      });
    });
    await exchange.ended();
    for (let i = 0; i < 10; i += 1) await new Promise(setImmediate);
    expect(exchange.error).toBeUndefined();
    expect(exchange.text).toBe('a');
  });

  it('refuses a frame that is no head', () => {
    const exchange = new MemoryExchange();
    Object.assign(exchange, { head: Buffer.from('GET') });
    expect(() => exchange.give(new HttpHandler(createServer()))).toThrow(
      expect.objectContaining({ code: 'ZSCALE_ERR_DECODE' }),
    );
  });
});

/** What a program sees of a client that goes, alone and without a socket. */
type Watch = (note: (what: unknown) => void) => RequestListener;

const watched =
  (read: boolean, write: boolean): Watch =>
  (note) =>
  (req, res) => {
    for (const event of ['aborted', 'error', 'end', 'close']) {
      req.on(event, (error) => note([`req ${event}`, error?.code, error?.message]));
    }
    for (const event of ['error', 'finish', 'close']) {
      res.on(event, (error) => note([`res ${event}`, error?.code]));
    }
    req.socket.on('close', (hadError) => note(['socket close', hadError]));
    res.on('close', () => {
      note([
        req.aborted,
        req.complete,
        req.destroyed,
        res.destroyed,
        res.writableEnded,
        res.headersSent,
      ]);
      res.write('late', (error) => note(['late', Reflect.get(error ?? {}, 'code')]));
    });
    if (read) req.resume();
    if (write) res.write('begun');
    note('begun');
  };

describe('a client that goes, against node:http alone', () => {
  const cases: [string, Watch, Asked][] = [
    ['during a GET', watched(false, false), {}],
    ['during a GET that is answered', watched(true, true), {}],
    ['during an upload', watched(true, false), { method: 'POST', more: true, body: 'abc' }],
    [
      'during an upload that nobody reads',
      watched(false, false),
      { method: 'POST', more: true, body: 'abc' },
    ],
  ];

  it.each(cases)('%s', async (_title, watch, asked) => {
    const alone: unknown[] = [];
    const server = createServer(watch((what) => alone.push(what)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.on('data', () => {});
    const { method = 'GET', body } = asked;
    client.write(`${method} / HTTP/1.1\r\nHost: test\r\n`);
    client.write(body === undefined ? '\r\n' : `Content-Length: 10\r\n\r\n${body}`);
    await until(() => alone.includes('begun'));
    for (let i = 0; i < 5; i += 1) await new Promise(setImmediate);
    client.destroy();
    await until(
      () => JSON.stringify(alone).includes('late') && JSON.stringify(alone).includes('req close'),
    );
    server.close();

    const virtual: unknown[] = [];
    const exchange = give(
      watch((what) => virtual.push(what)),
      asked,
    );
    for (let i = 0; i < 5; i += 1) await new Promise(setImmediate);
    exchange.abort();
    await until(
      () =>
        JSON.stringify(virtual).includes('late') && JSON.stringify(virtual).includes('req close'),
    );
    expect(virtual).toEqual(alone);
    expect(exchange.error).toBeUndefined();
  });
});

describe('silence', () => {
  it.each<[string, (note: (what: string) => void) => RequestListener, string[]]>([
    ['is told to a request', (note) => (req) => void req.setTimeout(20, () => note('req')), []],
    [
      'is told to a response',
      (note) => (_req, res) => void res.setTimeout(20, () => note('res')),
      ['res'],
    ],
    [
      'is told to a socket',
      (note) => (req) => void req.socket.setTimeout(20, () => note('socket')),
      ['socket'],
    ],
  ])('%s', async (_title, program, told) => {
    const seen: string[] = [];
    const exchange = give(
      program((what) => seen.push(what)),
      { method: 'POST', more: true },
    );
    await until(() => exchange.isEnded || seen.length > 0);
    // A request hears it while its body is coming, whoever else does.
    expect(seen).toEqual(told.length > 0 ? told : ['req']);
  });

  it('ends the connection where nobody listens, and is not silence while something comes', async () => {
    const exchange = give((req) => void req.socket.setTimeout(100), { method: 'POST', more: true });
    const start = performance.now();
    while (performance.now() - start < 300) {
      exchange.part('x');
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(exchange.isEnded).toBe(false);
    }
    await exchange.ended();
    expect(exchange.error).toMatchObject({ code: 'ECONNRESET' });
  });

  it('is what the server was told to take for it', async () => {
    const server = createServer(() => {});
    const told: unknown[] = [];
    server.setTimeout(20, (socket) => told.push(socket.remoteAddress));
    give(server);
    await until(() => told.length > 0);
    expect(told).toEqual(['10.1.2.3']);
  });
});

describe('the socket of a request', () => {
  it('knows both ends, and TLS', () => {
    let seen: unknown;
    give(
      (req, res) => {
        const { socket } = req;
        seen = [socket.remoteAddress, socket.remotePort, socket.remoteFamily, socket.localAddress];
        seen = [seen, socket.localPort, Reflect.get(socket, 'encrypted'), socket.address()];
        res.end();
      },
      { isEncrypted: true, remoteAddress: '::1' },
    );
    const address = { address: '10.0.0.1', port: 80, family: 'IPv4' };
    expect(seen).toEqual([['::1', 5678, 'IPv6', '10.0.0.1'], 80, true, address]);
  });

  it('has no address where the client came by a Unix socket', () => {
    let seen: unknown;
    const none = { remoteAddress: '', remotePort: 0, localAddress: '', localPort: 0 };
    give((req, res) => {
      seen = [req.socket.remoteAddress, req.socket.remotePort, req.socket.address()];
      res.end();
    }, none);
    expect(seen).toEqual([undefined, undefined, {}]);
  });
});

describe('which event a server gets', () => {
  const expecting = {
    rawHeaders: ['Host', 'a', 'Expect', '100-continue'],
    method: 'POST',
    more: true,
  };

  it("is 'checkContinue' where somebody listens, and then decides", async () => {
    const server = createServer(() => {
      throw new Error('not this one');
    });
    server.on('checkContinue', (_req, res) => res.writeHead(413).end());
    const exchange = await give(server, expecting).ended();
    expect(exchange.informational).toEqual([]);
    expect(exchange.response?.status).toBe(413);
    expect(exchange.header('connection')).toEqual(['close']);
  });

  it("is 'request' behind 100 Continue otherwise", async () => {
    const exchange = give((req, res) => req.pipe(res), expecting);
    expect(exchange.informational.map(({ status }) => status)).toEqual([100]);
    exchange.part('abc');
    exchange.end();
    expect((await exchange.ended()).text).toBe('abc');
  });

  it("is 'checkExpectation', or the answer is 417", async () => {
    const asked = { rawHeaders: ['Host', 'a', 'expect', 'miracles'] };
    expect((await give(() => {}, asked).ended()).response?.status).toBe(417);
    const server = createServer();
    server.on('checkExpectation', (_req, res) => res.end('a miracle'));
    expect((await give(server, asked).ended()).text).toBe('a miracle');
  });

  it("is 'request' for an upgrade that nobody takes, as for any other", async () => {
    const asked = {
      isUpgrade: true,
      rawHeaders: ['Host', 'a', 'Upgrade', 'x', 'Connection', 'Upgrade'],
    };
    const exchange = await give(
      (req, res) => res.end(String(Reflect.get(req, 'upgrade'))),
      asked,
    ).ended();
    expect(exchange.text).toBe('false');
  });

  it("is 'connect' where somebody listens, or the answer is 501", async () => {
    const asked = { method: 'CONNECT', target: 'example:443', isUpgrade: true, more: true };
    expect((await give(() => {}, asked).ended()).response?.status).toBe(501);
    const server = createServer();
    server.on('connect', (_req, socket) => socket.end('HTTP/1.1 200 Connected\r\n\r\n'));
    const exchange = await give(server, asked).ended();
    expect(exchange.response?.status).toBe(0);
    expect(exchange.text).toBe('HTTP/1.1 200 Connected\r\n\r\n');
  });

  it('uses the classes that the server names', async () => {
    class Mine extends (await import('node:http')).ServerResponse {
      shout(): void {
        this.end('LOUD');
      }
    }
    const server = createServer({ ServerResponse: Mine }, (_req, res) => (res as Mine).shout());
    expect((await give(server as unknown as Server).ended()).text).toBe('LOUD');
  });
});

describe('a listener that fails', () => {
  const uncaught = async (event: 'uncaughtException' | 'unhandledRejection'): Promise<unknown> => {
    const listeners = process.listeners(event as never);
    process.removeAllListeners(event);
    const [error] = await once(process, event);
    for (const listener of listeners) process.on(event, listener);
    return error;
  };

  it('is an uncaught exception when it throws: alone that ends the program', async () => {
    const told = uncaught('uncaughtException');
    const exchange = give(() => {
      throw new Error('thrown');
    });
    expect(await told).toMatchObject({ message: 'thrown' });
    expect(exchange.isEnded).toBe(false);
  });

  it('is an unhandled rejection when it rejects', async () => {
    const told = uncaught('unhandledRejection');
    give(async () => {
      throw new Error('rejected');
    });
    expect(await told).toMatchObject({ message: 'rejected' });
  });

  it('is answered 500 where the server captures rejections', async () => {
    const server = createServer(async () => {
      throw new Error('rejected');
    });
    // As `new http.Server({ captureRejections })` has it; the types do not.
    const capture = Object.getOwnPropertySymbols(server).find((s) => s.description === 'kCapture');
    Reflect.set(server, capture ?? '', true);
    expect((await give(server).ended()).response?.status).toBe(500);
  });
});

describe('the context of a request', () => {
  it('is there, also behind an await', async () => {
    currentContext();
    let same = false;
    const exchange = give(async (_req, res) => {
      const before = currentContext();
      await new Promise(setImmediate);
      same = before !== undefined && before === currentContext();
      res.end();
    });
    await exchange.ended();
    expect(same).toBe(true);
  });
});

describe('the async scope of a request', () => {
  it('is its own: what one enters is not found by the next of the same turn', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const handler = new HttpHandler(
      createServer((req, res) => {
        seen.push(storage.getStore());
        storage.enterWith(req.url ?? '');
        req.on('data', () => seen.push(storage.getStore()));
        req.on('end', () => res.end());
      }),
    );
    const exchanges = ['/a', '/b'].map((target) =>
      new MemoryExchange({ method: 'POST', target, more: true }).give(handler),
    );
    await new Promise(setImmediate);
    for (const exchange of exchanges) exchange.part('x');
    for (const exchange of exchanges) exchange.end();
    for (const exchange of exchanges) await exchange.ended();
    // Node 26 keeps no context for what comes later; those before keep the request's own.
    expect(seen.slice(0, 2)).toEqual([undefined, undefined]);
    expect(['/a', undefined]).toContain(seen[2]);
    expect(['/b', undefined]).toContain(seen[3]);
    expect(storage.getStore()).toBeUndefined();
  });

  it('is told to those who watch node:http', async () => {
    const told: unknown[] = [];
    const watch = (name: string): (() => void) => {
      const listener = (message: unknown): void => {
        told.push([name, Reflect.get(Object(message), 'request')?.url]);
      };
      subscribe(name, listener);
      return () => unsubscribe(name, listener);
    };
    const ends = ['http.server.request.start', 'http.server.response.finish'].map(watch);
    await give((_req, res) => res.end('x'), { target: '/watched' }).ended();
    await until(() => told.length === 2);
    for (const end of ends) end();
    expect(told).toEqual([
      ['http.server.request.start', '/watched'],
      ['http.server.response.finish', '/watched'],
    ]);
  });
});

describe('an upgrade', () => {
  const asked: Asked = {
    isUpgrade: true,
    more: true,
    rawHeaders: ['Host', 'a', 'Upgrade', 'websocket', 'Connection', 'Upgrade'],
  };

  function tunnel(
    more: Asked = {},
  ): Promise<{ exchange: MemoryExchange; socket: Duplex; head: Buffer }> {
    const server = createServer();
    return new Promise((resolve) => {
      let exchange: MemoryExchange | undefined;
      server.on('upgrade', (req, socket, head) => {
        expect(Reflect.get(req, 'upgrade')).toBe(true);
        setImmediate(() => exchange && resolve({ exchange, socket, head }));
      });
      exchange = give(server, { ...asked, ...more });
    });
  }

  it('is a tunnel of raw bytes both ways, the first ones with the head', async () => {
    const { exchange, socket, head } = await tunnel({ body: 'early' });
    expect(String(head)).toBe('early');
    const came: string[] = [];
    socket.on('data', (bytes) => came.push(String(bytes)));
    socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
    exchange.part('ping');
    await until(() => came.length > 0);
    socket.write('pong');
    expect(exchange.response?.status).toBe(0);
    expect(exchange.text).toBe('HTTP/1.1 101 Switching Protocols\r\n\r\npong');
    expect(came).toEqual(['ping']);
    expect(exchange.granted).toBe(9);
  });

  it('ends from either side', async () => {
    const ours = await tunnel();
    ours.socket.end('bye');
    await ours.exchange.ended();
    expect(ours.exchange.text).toBe('bye');
    expect(ours.exchange.error).toBeUndefined();

    const theirs = await tunnel();
    const seen: string[] = [];
    theirs.socket.on('end', () => seen.push('end')).resume();
    theirs.exchange.end();
    await until(() => seen.length > 0);
    expect(theirs.exchange.isEnded).toBe(false);
    theirs.socket.end();
    await theirs.exchange.ended();

    const gone = await tunnel();
    gone.socket.on('close', () => seen.push('close'));
    gone.exchange.abort();
    await until(() => seen.includes('close'));
  });

  it('is cut when the program destroys it, without a word or behind some', async () => {
    const silent = await tunnel();
    silent.socket.destroy();
    await silent.exchange.ended();
    expect(silent.exchange.error).toMatchObject({ code: 'ECONNRESET' });
    const behind = await tunnel();
    behind.socket.write('HTTP/1.1 401 Unauthorized\r\n\r\n');
    behind.socket.destroy();
    await behind.exchange.ended();
    expect(behind.exchange.text).toBe('HTTP/1.1 401 Unauthorized\r\n\r\n');
  });

  it('holds writers back, and readers hold the client back', async () => {
    const { exchange, socket } = await tunnel({ window: 32 * KIB });
    let isDone = 0;
    for (let i = 0; i < 4; i += 1) {
      socket.write(Buffer.alloc(32 * KIB), () => {
        isDone += 1;
      });
    }
    await until(() => isDone === 1);
    for (let i = 0; i < 10; i += 1) await new Promise(setImmediate);
    expect(isDone).toBe(1);
    while (isDone < 4) {
      exchange.open(32 * KIB);
      await new Promise(setImmediate);
    }
    for (let i = 0; i < 4; i += 1) exchange.part(Buffer.alloc(64 * KIB));
    await new Promise(setImmediate);
    expect(exchange.granted).toBeLessThan(128 * KIB);
    socket.resume();
    await until(() => exchange.granted === 256 * KIB);
  });

  it('is what ws talks over', async () => {
    const server = createServer();
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (ws, req) => {
      ws.on('message', (text) => ws.send(`${text} of ${req.socket.remoteAddress}`));
    });
    const exchange = give(server, {
      ...asked,
      rawHeaders: [
        ...(asked.rawHeaders ?? []),
        ...['Sec-WebSocket-Version', '13', 'Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
      ],
    });
    await until(() => exchange.text.includes('\r\n\r\n'));
    expect(exchange.text).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    expect(exchange.text).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    exchange.part(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69])); // "hi", masked with nothing
    await until(() => exchange.text.endsWith('\x81\x0ehi of 10.1.2.3'));
    sockets.close();
  });
});
