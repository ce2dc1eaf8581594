/*
 * HTTP as a client sees it at the gateway, and the exchanges that the queue sees behind it.
 */
import { describe, expect, it } from 'vitest';
import { type GatewayChoices, startGateway } from '../../support/gateway.ts';
import { exchange, rawClient } from '../../support/http-client.ts';
import { until } from '../../support/until.ts';

const CLOSE = 'Connection: close\r\n\r\n';
const HOST = 'Host: a\r\n';

describe('a request', () => {
  it('reaches the queue as it was written, and its answer the client', async () => {
    const { endpoint, upstream } = await startGateway();
    upstream.onOpen = (one) =>
      one.reply(201, ['X-B', '1', 'Set-Cookie', 'a=1', 'x-a', '2', 'Set-Cookie', 'b=2'], 'hello');
    const answer = await exchange(
      endpoint,
      `GET /p?q=1 HTTP/1.1\r\n${HOST}X-Odd-CASE: one\r\nx-odd-case: two\r\n${CLOSE}`,
    );
    const one = await upstream.exchange();
    expect(one.head).toMatchObject({
      method: 'GET',
      target: '/p?q=1',
      httpVersion: '1.1',
      isUpgrade: false,
      isEncrypted: false,
      remoteAddress: '127.0.0.1',
      rawHeaders: ['Host', 'a', 'X-Odd-CASE', 'one', 'x-odd-case', 'two', 'Connection', 'close'],
    });
    expect(one.request.more).toBe(false);
    expect(one.control).toMatchObject({ idempotent: true });
    expect(answer).toMatch(
      /^HTTP\/1.1 201 Created\r\nX-B: 1\r\nSet-Cookie: a=1\r\nx-a: 2\r\nSet-Cookie: b=2\r\nX-Request-Id: \S+\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello$/,
    );
  });

  it('with a short body comes whole, however slowly it comes, and holds no worker before', async () => {
    const { endpoint, upstream } = await startGateway();
    const client = rawClient(endpoint);
    client.send(`POST / HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\n01234`);
    client.send('5678');
    await until(() => client.socket.bytesWritten > 50);
    expect(upstream.exchanges).toHaveLength(0);
    client.send('9');
    const one = await upstream.exchange();
    expect(one.request.more).toBe(false);
    expect(one.body).toBe('0123456789');
    expect(one.control).toMatchObject({ idempotent: false });
    one.reply(204);
    await client.receives(/^HTTP\/1.1 204 No Content\r\n/);
  });

  it('with a chunked body that does not come at once is streamed, with its trailers', async () => {
    const { endpoint, upstream } = await startGateway();
    const client = rawClient(endpoint);
    client.send(
      `PUT / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n3\r\nabc\r\n`,
    );
    const one = await upstream.exchange();
    expect(one.request.more).toBe(true);
    expect(one.hasEnded).toBe(false);
    expect(one.body).toBe('abc');
    client.send('2\r\nde\r\n0\r\nx-sum: 5\r\n\r\n');
    await until(() => one.hasEnded);
    expect(one.body).toBe('abcde');
    expect(one.trailers?.toString('latin1')).toBe('x-sum\n5');
    one.reply(200, ['Content-Length', '2'], 'ok');
    await client.receives(/\r\n\r\nok$/);
  });

  it('is read no faster than the worker takes it', async () => {
    const { endpoint, upstream } = await startGateway();
    const client = rawClient(endpoint);
    const size = 64 * 1024 * 1024;
    client.send(`POST / HTTP/1.1\r\n${HOST}Content-Length: ${size}\r\n\r\n`);
    const one = await upstream.exchange();
    one.window = false;
    client.send(Buffer.alloc(size, 120));
    await until(() => one.parts.length > 0);
    let last = -1;
    await until(() => {
      const came = one.parts.length;
      const isSame = came === last;
      last = came;
      return isSame;
    });
    expect(one.body.length).toBeLessThan(1024 * 1024);
    expect(client.socket.writableLength).toBeGreaterThan(size / 2);
    one.take();
    await until(() => one.body.length === size);
  });

  it.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])('%s may be done again', async (method) => {
    const { endpoint, upstream } = await startGateway();
    upstream.onOpen = (one) => one.reply(200);
    await exchange(endpoint, `${method} / HTTP/1.1\r\n${HOST}${CLOSE}`);
    expect((await upstream.exchange()).control.idempotent).toBe(true);
  });

  it.each(['POST', 'PATCH', 'LOCK'])(
    '%s may not, unless it says how it is told again',
    async (method) => {
      const { endpoint, upstream } = await startGateway();
      upstream.onOpen = (one) => one.reply(200);
      await exchange(endpoint, `${method} / HTTP/1.1\r\n${HOST}${CLOSE}`);
      await exchange(endpoint, `${method} / HTTP/1.1\r\n${HOST}Idempotency-Key: k1\r\n${CLOSE}`);
      expect((await upstream.exchange(0)).control.idempotent).toBe(false);
      expect((await upstream.exchange(1)).control.idempotent).toBe(true);
    },
  );

  it('is given up when its client goes', async () => {
    const { endpoint, upstream, accesses } = await startGateway();
    const client = rawClient(endpoint);
    client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    const one = await upstream.exchange();
    client.close();
    await until(() => one.isCancelled);
    expect(accesses).toMatchObject([{ code: 'ECONNRESET' }]);
  });

  it('brings its trace and its id', async () => {
    const { endpoint, upstream } = await startGateway();
    upstream.onOpen = (one) => one.reply(200);
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const answer = await exchange(
      endpoint,
      `GET / HTTP/1.1\r\n${HOST}traceparent: ${trace}\r\ntracestate: a=b\r\nX-Request-Id: mine-1\r\n${CLOSE}`,
    );
    const { control } = await upstream.exchange();
    expect(control).toMatchObject({ trace, state: 'a=b', id: 'mine-1' });
    expect(control).not.toHaveProperty('baggage');
    expect(answer).toContain('X-Request-Id: mine-1\r\n');
  });

  it.each([
    ['from all its headers', 'baggage: a=1\r\nBaggage: b=2;p\r\n', 'a=1,b=2;p'],
    ['unless there is too much', `baggage: ${'a'.repeat(8193)}\r\n`, undefined],
    ['unless it is none', 'baggage: \xe9\r\n', undefined],
  ])('brings its baggage, %s', async (_, headers, baggage) => {
    const { endpoint, upstream } = await startGateway();
    upstream.onOpen = (one) => one.reply(200);
    const answer = await exchange(endpoint, `GET / HTTP/1.1\r\n${HOST}${headers}${CLOSE}`);
    expect(answer).toMatch(/^HTTP\/1.1 200 /);
    expect((await upstream.exchange()).control?.baggage).toBe(baggage);
  });
});

describe('an answer', () => {
  it('in parts is chunked, and what the client took is granted', async () => {
    const { endpoint, upstream } = await startGateway();
    const client = rawClient(endpoint);
    client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    const one = await upstream.exchange();
    one.begin(200, ['Content-Type', 'text/plain', 'Transfer-Encoding', 'chunked'], 'abc');
    await client.receives(/Transfer-Encoding: chunked\r\n[\s\S]*3\r\nabc\r\n$/);
    one.part('defg');
    await client.receives(/4\r\ndefg\r\n$/);
    one.end();
    await client.receives(/0\r\n\r\n$/);
    expect(one.granted).toBe(7);
  });

  it('has its trailers', async () => {
    const { endpoint, upstream } = await startGateway();
    const client = rawClient(endpoint);
    client.send(`GET / HTTP/1.1\r\n${HOST}TE: trailers\r\n\r\n`);
    const one = await upstream.exchange();
    one.begin(200, ['Trailer', 'X-Sum', 'Transfer-Encoding', 'chunked']);
    one.part('a');
    one.end(['X-Sum', '1']);
    await client.receives(/1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n$/);
  });

  it('goes to a client that does not read only as far as a window, and is cut when it never does', async () => {
    const { endpoint, upstream } = await startGateway({ bodyTimeout: 200 });
    const client = rawClient(endpoint, { reads: false });
    client.socket.pause();
    client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    const one = await upstream.exchange();
    one.begin(200, []);
    // More than any buffer of the system holds, and not a byte more than that is granted.
    const bytes = Buffer.alloc(64 * 1024);
    let sent = 0;
    while (sent < 64 * 1024 * 1024) {
      one.part(bytes);
      sent += bytes.length;
    }
    await until(() => one.isCancelled);
    expect(one.granted).toBeLessThan(sent / 2);
  });

  it('to HEAD has no body, and the length that it would have', async () => {
    const { endpoint, upstream } = await startGateway();
    upstream.onOpen = (one) => one.reply(200, ['Content-Length', '12']);
    const answer = await exchange(endpoint, `HEAD / HTTP/1.1\r\n${HOST}${CLOSE}`);
    expect(answer).toMatch(
      /^HTTP\/1.1 200 OK\r\n[\s\S]*Content-Length: 12\r\nConnection: close\r\n\r\n$/,
    );
  });

  it.each([204, 304])('%i has no body and no length of one', async (status) => {
    const { endpoint, upstream } = await startGateway();
    upstream.onOpen = (one) => one.reply(status);
    const answer = await exchange(endpoint, `GET / HTTP/1.1\r\n${HOST}${CLOSE}`);
    expect(answer).toMatch(/\r\n\r\n$/);
    expect(answer).not.toMatch(/content-length|transfer-encoding/i);
  });

  it('that is shorter than its Content-Length is cut, and so cannot be taken for whole', async () => {
    const { endpoint, upstream, warnings } = await startGateway();
    upstream.onOpen = (one) => one.reply(200, ['Content-Length', '10'], 'abc');
    const client = rawClient(endpoint);
    client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    await client.ends();
    expect(warnings.join()).toMatch(/7 bytes less than its Content-Length/);
  });

  it('that is longer than its Content-Length does not become the next one', async () => {
    const { endpoint, upstream } = await startGateway();
    const client = rawClient(endpoint);
    client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    const one = await upstream.exchange();
    one.begin(200, ['Content-Length', '3'], 'abc');
    await client.receives(/abc$/);
    one.part('HTTP/1.1 200 OK\r\n\r\n');
    const answer = await client.ends();
    expect(answer).toMatch(/\r\n\r\nabc$/);
    expect(one.isCancelled).toBe(true);
  });

  it('whose head cannot be written is 502', async () => {
    const { endpoint, upstream } = await startGateway();
    upstream.onOpen = (one) => one.reply(200, ['bad name', 'x'], 'abc');
    const answer = await exchange(endpoint, `GET / HTTP/1.1\r\n${HOST}${CLOSE}`);
    expect(answer).toMatch(/^HTTP\/1.1 502 Bad Gateway\r\n/);
  });

  it('may be preceded by 100, 102 and 103', async () => {
    const { endpoint, upstream } = await startGateway();
    const client = rawClient(endpoint);
    client.send(`POST / HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`);
    const one = await upstream.exchange();
    expect(client.text).toBe('');
    one.interim(103, ['Link', '</a.css>; rel=preload', 'X-Early', '1']);
    one.interim(102);
    one.interim(100);
    await client.receives(
      /^HTTP\/1.1 103 Early Hints\r\n(?=[\s\S]*Link: <\/a.css>; rel=preload\r\n)[\s\S]*\r\n\r\nHTTP\/1.1 102 Processing\r\n\r\nHTTP\/1.1 100 Continue\r\n\r\n$/i,
    );
    client.send('abc');
    await until(() => one.hasEnded);
    one.reply(200, ['Content-Length', '2'], 'ok');
    await client.receives(/HTTP\/1.1 200 OK\r\n[\s\S]*ok$/);
  });

  it('ends the connection when the client was never told to send its body', async () => {
    const { endpoint, upstream } = await startGateway();
    upstream.onOpen = (one) => one.reply(401);
    const client = rawClient(endpoint);
    client.send(`POST / HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`);
    expect(await client.ends()).toMatch(
      /^HTTP\/1.1 401 Unauthorized\r\n[\s\S]*Connection: close\r\n/,
    );
  });
});

describe('an old client', () => {
  it('of HTTP/1.0 gets its answer, and the end of the connection behind it', async () => {
    const { endpoint, upstream } = await startGateway();
    upstream.onOpen = (one) => {
      one.begin(200, ['Transfer-Encoding', 'chunked']);
      one.part('abc');
      one.end();
    };
    const answer = await exchange(endpoint, 'GET / HTTP/1.0\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*\r\n\r\nabc$/);
    expect(answer).not.toMatch(/transfer-encoding/i);
    expect((await upstream.exchange()).head.httpVersion).toBe('1.0');
  });

  it('of HTTP/1.0 that asks for it keeps its connection', async () => {
    const { endpoint, upstream } = await startGateway();
    upstream.onOpen = (one) => one.reply(200, ['Content-Length', '1'], 'a');
    const client = rawClient(endpoint);
    client.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    await client.receives(/Connection: keep-alive\r\n[\s\S]*a$/);
    client.send('GET / HTTP/1.0\r\n\r\n');
    await client.ends();
    expect(upstream.exchanges).toHaveLength(2);
  });
});

describe('requests without waiting for answers', () => {
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`;

  it('are worked on side by side, and answered in order', async () => {
    const { endpoint, upstream } = await startGateway();
    const client = rawClient(endpoint);
    client.send(get('/1') + get('/2') + get('/3'));
    const [one, two, three] = [
      await upstream.exchange(0),
      await upstream.exchange(1),
      await upstream.exchange(2),
    ];
    three.reply(200, ['Content-Length', '1'], '3');
    two.reply(200, ['Content-Length', '1'], '2');
    one.reply(200, ['Content-Length', '1'], '1');
    await client.receives(/\r\n\r\n1HTTP[\s\S]*\r\n\r\n2HTTP[\s\S]*\r\n\r\n3$/);
  });

  it('that change something wait for those before them, and others for them', async () => {
    const { endpoint, upstream } = await startGateway();
    const client = rawClient(endpoint);
    client.send(`${get('/1')}POST /2 HTTP/1.1\r\n${HOST}Content-Length: 1\r\n\r\nx${get('/3')}`);
    const one = await upstream.exchange(0);
    one.begin(200, ['Content-Length', '2'], 'a');
    await client.receives(/\r\n\r\na$/);
    expect(upstream.exchanges).toHaveLength(1);
    one.part('b');
    one.end();
    const two = await upstream.exchange(1);
    expect(two.head.target).toBe('/2');
    expect(upstream.exchanges).toHaveLength(2);
    two.reply(200, ['Content-Length', '0']);
    const three = await upstream.exchange(2);
    three.reply(200, ['Content-Length', '1'], '3');
    await client.receives(/\r\n\r\n3$/);
  });

  it('are at work a few at a time, and at most so many wait', async () => {
    const { endpoint, upstream } = await startGateway();
    const client = rawClient(endpoint);
    client.send(get('/').repeat(1000));
    await upstream.exchange(3);
    await until(() => /HTTP/.test(client.text) || upstream.exchanges.length === 4);
    for (let n = 0; n < 4; n++) (await upstream.exchange(n)).reply(200, ['Content-Length', '0']);
    await client.receives(/HTTP\/1.1 200/);
    expect(upstream.exchanges.length).toBeLessThan(9);
  });

  it('are all given up when the client goes', async () => {
    const { endpoint, upstream } = await startGateway();
    const client = rawClient(endpoint);
    client.send(get('/').repeat(30));
    await upstream.exchange(3);
    client.close();
    await until(() => upstream.exchanges.every((one) => one.isCancelled));
    expect(upstream.exchanges).toHaveLength(4);
  });
});

describe('what is no sound request', () => {
  it.each([
    ['two lengths', `POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc`],
    [
      'a length and chunks',
      `POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      'chunks and a length',
      `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n`,
    ],
    [
      'chunks that are not last',
      `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`,
    ],
    [
      'an odd name of chunks',
      `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      'a coding within chunks',
      `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['chunks in HTTP/1.0', `POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a space before the colon', `GET / HTTP/1.1\r\n${HOST}Content-Length : 3\r\n\r\nabc`],
    ['a folded header', `GET / HTTP/1.1\r\n${HOST}X-A: 1\r\n 2\r\n\r\n`],
    ['a bare line feed', `GET / HTTP/1.1\n${HOST}\r\n`],
    ['a signed length', `POST / HTTP/1.1\r\n${HOST}Content-Length: +3\r\n\r\nabc`],
    ['a hexadecimal length', `POST / HTTP/1.1\r\n${HOST}Content-Length: 0x3\r\n\r\nabc`],
    ['a list of lengths', `POST / HTTP/1.1\r\n${HOST}Content-Length: 3, 3\r\n\r\nabc`],
    ['no host', 'GET / HTTP/1.1\r\n\r\n'],
    ['two hosts', `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`],
    ['a NUL in a value', `GET / HTTP/1.1\r\n${HOST}X-A: a\0b\r\n\r\n`],
    ['a carriage return in a value', `GET / HTTP/1.1\r\n${HOST}X-A: a\rb\r\n\r\n`],
    ['no HTTP', 'hello there\r\n\r\n'],
    ['a negative chunk', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n`],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('%s is refused, and says so, and nothing of it reaches a worker', async (_what, text) => {
    const { endpoint, upstream, gateway } = await startGateway();
    const answer = await exchange(endpoint, text);
    expect(answer).toMatch(
      /^HTTP\/1.1 400 Bad Request\r\n[\s\S]*"code":"\w+","message":"[^"]{10,}"/,
    );
    expect(answer.match(/HTTP\/1.1 /g)).toHaveLength(1);
    expect(answer.match(/\r\nX-Request-Id: \S+\r\n/g)).toHaveLength(1);
    for (const one of upstream.exchanges) expect(one.hasEnded).toBe(false);
    expect(gateway.stats().malformed).toBe(1);
  });

  it.each<[number, string, string, GatewayChoices]>([
    [400, 'GET', `${HOST}${HOST}\r\n`, {}],
    [400, 'GET', `${HOST}${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`, {}],
    [405, 'GET', `${HOST}${CLOSE}`, { codec: 'json' }],
    [408, 'POST', `${HOST}Content-Length: 3\r\n\r\na`, { bodyTimeout: 50 }],
    [413, 'POST', `${HOST}Content-Length: 3\r\n\r\n`, { maxBodySize: 2 }],
    [
      415,
      'POST',
      `${HOST}Content-Encoding: odd\r\nContent-Length: 0\r\n${CLOSE}`,
      { codec: 'json' },
    ],
  ])('a refusal with %i has the name of its request', async (status, method, rest, choices) => {
    const { endpoint } = await startGateway(choices);
    const ask = (name: string): Promise<string> =>
      exchange(endpoint, `${method} / HTTP/1.1\r\nX-Request-Id: ${name}\r\n${rest}`);
    const named = await ask('mine-1');
    expect(named).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(named.match(/^X-Request-Id: .*(?=\r\n)/gm)).toEqual(['X-Request-Id: mine-1']);
    // By the rule of requests that go on: neither what is no name is taken, nor that of somebody who is not believed.
    const ours = /\r\nX-Request-Id: [\da-f]{12}-\w+\r\n/;
    expect(await ask('no name')).toMatch(ours);
    const { endpoint: doubting } = await startGateway({ ...choices, trustedProxies: ['10.0.0.1'] });
    const text = `${method} / HTTP/1.1\r\nX-Request-Id: mine-1\r\n${rest}`;
    expect(await exchange(doubting, text)).toMatch(ours);
  });

  it('a second request hidden in the first is never one', async () => {
    const { endpoint, upstream } = await startGateway();
    const hidden = `GET /admin HTTP/1.1\r\n${HOST}\r\n`;
    await exchange(
      endpoint,
      `POST / HTTP/1.1\r\n${HOST}Content-Length: ${hidden.length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
    );
    expect(upstream.exchanges).toHaveLength(0);
  });

  it('a version that is not spoken is 505', async () => {
    const { endpoint, upstream } = await startGateway();
    const answer = await exchange(endpoint, `GET / HTTP/2.0\r\n${HOST}${CLOSE}`);
    expect(answer).toMatch(/^HTTP\/1.1 (505|400) /);
    expect(upstream.exchanges).toHaveLength(0);
  });

  it('a head that is too large is 431', async () => {
    const { endpoint } = await startGateway({ maxHeaderSize: 2048 });
    const answer = await exchange(
      endpoint,
      `GET / HTTP/1.1\r\n${HOST}X: ${'a'.repeat(4000)}\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 431 [\s\S]*maxHeaderSize/);
  });

  it('a body that is too large is 413, told by its length or as it comes', async () => {
    const { endpoint, upstream } = await startGateway({ maxBodySize: 100_000 });
    const told = await exchange(
      endpoint,
      `POST / HTTP/1.1\r\n${HOST}Content-Length: 100001\r\n\r\n`,
    );
    expect(told).toMatch(/^HTTP\/1.1 413 [\s\S]*Connection: close[\s\S]*EMSGSIZE/);
    expect(upstream.exchanges).toHaveLength(0);
    const client = rawClient(endpoint);
    client.send(`POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n`);
    const one = await upstream.exchange();
    client.send(`186a0\r\n${'x'.repeat(100_000)}\r\n`);
    await client.receives(/^HTTP\/1.1 413 /);
    expect(one.isCancelled).toBe(true);
  });

  it('does not answer in the place of a request that is open, which is answered, and then it ends', async () => {
    const { endpoint, upstream } = await startGateway();
    const client = rawClient(endpoint);
    client.send(`GET /1 HTTP/1.1\r\n${HOST}\r\nnonsense\r\n\r\n`);
    const one = await upstream.exchange();
    client.send('more nonsense\r\n\r\n');
    one.reply(200, ['Content-Length', '3'], 'one');
    expect(await client.ends()).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*\r\n\r\none$/);
  });
});

describe('a slow client', () => {
  it('whose head does not come is told 408', async () => {
    const { endpoint } = await startGateway({ headerTimeout: 50 });
    const client = rawClient(endpoint);
    client.send('GET / HTTP/1.1\r\nHost');
    expect(await client.ends()).toMatch(/^HTTP\/1.1 408 [\s\S]*headerTimeout/);
  });

  it('whose body stops is told 408, and holds no worker', async () => {
    const { endpoint, upstream } = await startGateway({ bodyTimeout: 50 });
    const short = rawClient(endpoint);
    short.send(`POST / HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\nabc`);
    expect(await short.ends()).toMatch(/^HTTP\/1.1 408 [\s\S]*Connection: close/);
    expect(upstream.exchanges).toHaveLength(0);
    const long = rawClient(endpoint);
    long.send(`POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`);
    expect(await long.ends()).toMatch(/^HTTP\/1.1 408 /);
    expect((await upstream.exchange()).isCancelled).toBe(true);
  });

  it('is not ended while nothing is expected of it', async () => {
    const { endpoint, upstream } = await startGateway({ bodyTimeout: 50 });
    const client = rawClient(endpoint);
    client.send(`POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`);
    const one = await upstream.exchange();
    one.begin(200, ['Content-Type', 'text/event-stream'], 'data: 1\n\n');
    await client.receives(/data: 1/);
    const other = rawClient(endpoint);
    other.send(`POST / HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\nabc`);
    await other.ends(); // its time was up, and it began later
    expect(client.hasEnded).toBe(false);
    one.part('data: 2\n\n');
    await client.receives(/data: 2/);
  });

  it('that sends nothing at all is ended', async () => {
    const { endpoint } = await startGateway({ headerTimeout: 50 });
    await rawClient(endpoint).ends();
  });

  it('between requests is kept for keepAliveTimeout', async () => {
    const { endpoint, upstream } = await startGateway({ keepAliveTimeout: 100 });
    upstream.onOpen = (one) => one.reply(200, ['Content-Length', '0']);
    const client = rawClient(endpoint);
    client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    await client.receives(/200 OK/);
    await client.ends();
  });
});

describe('an error', () => {
  it.each([
    ['ZSCALE_ERR_BUSY', 503],
    ['ZSCALE_ERR_QUEUE_WAIT', 503],
    ['ZSCALE_ERR_STOPPING', 503],
    ['ZSCALE_ERR_TIMEOUT', 504],
    ['ZSCALE_ERR_WORKER_LOST', 502],
    ['ZSCALE_ERR_HANDLER', 500],
    ['EMSGSIZE', 413],
    ['OUT_OF_STOCK', 500],
  ])('%s is %i', async (code, status) => {
    const { endpoint, upstream } = await startGateway();
    upstream.onOpen = (one) => one.fail(code, 'the cause');
    const answer = await exchange(endpoint, `GET / HTTP/1.1\r\n${HOST}${CLOSE}`);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toContain(`{"error":{"code":"${code}","message":"the cause"}}`);
    expect(/retry-after: 1\r\n/i.test(answer)).toBe(status === 503);
  });

  it('is text for a browser', async () => {
    const { endpoint, upstream } = await startGateway();
    upstream.onOpen = (one) => one.fail('ZSCALE_ERR_BUSY', 'the cause');
    const answer = await exchange(
      endpoint,
      `GET / HTTP/1.1\r\n${HOST}Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n${CLOSE}`,
    );
    expect(answer).toMatch(
      /Content-Type: text\/plain; charset=utf-8[\s\S]*ZSCALE_ERR_BUSY: the cause\n$/,
    );
  });

  it('behind the beginning of an answer cuts the connection', async () => {
    const { endpoint, upstream } = await startGateway();
    const client = rawClient(endpoint);
    client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    const one = await upstream.exchange();
    one.begin(200, ['Transfer-Encoding', 'chunked'], 'abc');
    await client.receives(/abc\r\n$/);
    one.fail('ZSCALE_ERR_WORKER_LOST');
    expect(await client.ends()).toMatch(/abc\r\n$/);
  });
});

describe('the end', () => {
  it('ends idle connections at once and others behind their answers', async () => {
    const { endpoint, upstream, gateway } = await startGateway();
    upstream.onOpen = (one) => {
      if (one.head.target === '/idle') one.reply(200, ['Content-Length', '0']);
    };
    const idle = rawClient(endpoint);
    idle.send(`GET /idle HTTP/1.1\r\n${HOST}\r\n`);
    await idle.receives(/200 OK/);
    const silent = rawClient(endpoint);
    const busy = rawClient(endpoint);
    busy.send(`GET /busy HTTP/1.1\r\n${HOST}\r\n`);
    const one = await upstream.exchange(1);
    await until(() => gateway.stats().connections === 3);
    const drained = gateway.drain();
    await Promise.all([idle.ends(), silent.ends()]);
    one.reply(200, ['Content-Length', '1'], 'a');
    expect(await busy.ends()).toMatch(/Connection: close\r\n[\s\S]*a$/);
    await drained;
  });

  it('comes for a connection whose answer had begun before, too', async () => {
    const { endpoint, upstream, gateway } = await startGateway();
    const client = rawClient(endpoint);
    client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    const one = await upstream.exchange();
    one.begin(200, ['Content-Length', '2'], 'a');
    await client.receives(/a$/);
    const drained = gateway.drain();
    one.part('b');
    one.end();
    await client.ends();
    await drained;
  });

  it('cuts what has no end', async () => {
    const { endpoint, upstream, gateway } = await startGateway();
    const client = rawClient(endpoint);
    client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    const one = await upstream.exchange();
    one.begin(200, [], 'a');
    await client.receives(/a/);
    await gateway.close();
    await client.ends();
    expect(one.isCancelled).toBe(true);
  });
});

describe('more connections than maxConnections', () => {
  it('are turned away and counted', async () => {
    const { endpoint, upstream, gateway, warnings } = await startGateway({ maxConnections: 1 });
    upstream.onOpen = (one) => one.reply(200, ['Content-Length', '0']);
    const first = rawClient(endpoint);
    first.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    await first.receives(/200 OK/);
    await rawClient(endpoint).ends();
    expect(gateway.stats()).toMatchObject({ connections: 1, refused: 1 });
    expect(warnings.join()).toContain('maxConnections');
  });

  it('are turned away at whichever address they come, and let in when others have gone', async () => {
    const { endpoint, upstream, gateway } = await startGateway({ maxConnections: 1 });
    await gateway.bind('http://127.0.0.1:0');
    const other = gateway.endpoints[1] ?? '';
    upstream.onOpen = (one) => one.reply(200, ['Content-Length', '0']);
    const ask = `GET / HTTP/1.1\r\n${HOST}\r\n`;
    const first = rawClient(endpoint);
    first.send(ask);
    await first.receives(/200 OK/);
    await rawClient(other).ends();
    expect(gateway.stats()).toMatchObject({ connections: 1, refused: 1 });
    first.socket.destroy();
    await until(() => gateway.stats().connections === 0);
    const last = rawClient(other);
    last.send(ask);
    await last.receives(/200 OK/);
  });
});

describe('what is held for all clients together', () => {
  it('has a limit: of those who do not read, the one with the most is cut', async () => {
    const { endpoint, upstream, gateway, warnings } = await startGateway({
      maxHeldBytes: 1024 * 1024,
    });
    const clients = [0, 1].map(() => rawClient(endpoint, { reads: false }));
    for (const client of clients) {
      client.socket.pause();
      client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    }
    const [one, two] = [await upstream.exchange(0), await upstream.exchange(1)];
    one.begin(200);
    two.begin(200);
    const bytes = Buffer.alloc(64 * 1024);
    // The first has a little more than the system buffers for it, the second ever more.
    while (gateway.stats().heldBytes < 200_000) one.part(bytes);
    for (let sent = 0; sent < 32 * 1024 * 1024; sent += bytes.length) two.part(bytes);
    await until(() => two.isCancelled);
    expect(one.isCancelled).toBe(false);
    expect(gateway.stats()).toMatchObject({ greedy: 1 });
    expect(gateway.stats().heldBytes).toBeLessThan(1024 * 1024);
    expect(warnings.join()).toContain('maxUnsentBytes');
  });

  it('counts whole answers until they are taken, and bodies until they are whole', async () => {
    const { endpoint, upstream, gateway } = await startGateway();
    const reader = rawClient(endpoint, { reads: false });
    reader.socket.pause();
    reader.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    (await upstream.exchange()).reply(200, [], 'x'.repeat(16 * 1024 * 1024));
    await until(() => gateway.stats().heldBytes === 16 * 1024 * 1024);
    reader.socket.resume();
    await until(() => gateway.stats().heldBytes === 0);
    const writer = rawClient(endpoint);
    writer.send(`POST / HTTP/1.1\r\n${HOST}Content-Length: 1000\r\n\r\n${'x'.repeat(900)}`);
    await until(() => gateway.stats().heldBytes === 900);
    writer.send('x'.repeat(100));
    (await upstream.exchange(1)).reply(204);
    expect(gateway.stats().heldBytes).toBe(0);
  });

  it('refuses the longest of bodies that are not whole', async () => {
    const { endpoint, gateway } = await startGateway({ maxHeldBytes: 50_000 });
    const post = `POST / HTTP/1.1\r\n${HOST}Content-Length: 60000\r\n\r\n`;
    const short = rawClient(endpoint);
    short.send(post + 'x'.repeat(10_000));
    await until(() => gateway.stats().heldBytes === 10_000);
    const long = rawClient(endpoint);
    long.send(post + 'x'.repeat(45_000));
    expect(await long.ends()).toMatch(/^HTTP\/1.1 503 [\s\S]*ZSCALE_ERR_BUSY/);
    expect(short.hasEnded).toBe(false);
  });

  it('ends with the client who never takes a whole answer, also when others came behind it', async () => {
    const { endpoint, upstream, gateway } = await startGateway({ bodyTimeout: 200 });
    const client = rawClient(endpoint, { reads: false });
    client.socket.pause();
    client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`.repeat(2));
    (await upstream.exchange(0)).reply(200, [], 'x'.repeat(16 * 1024 * 1024));
    (await upstream.exchange(1)).reply(200, [], 'y');
    await until(() => gateway.stats().connections === 0);
    expect(gateway.stats().heldBytes).toBe(0);
  });
});

describe('CONNECT', () => {
  it('is a tunnel where the application takes it', async () => {
    const { endpoint, upstream } = await startGateway();
    const client = rawClient(endpoint);
    client.send(`CONNECT a:1 HTTP/1.1\r\n${HOST}\r\n`);
    const one = await upstream.exchange();
    expect(one.head).toMatchObject({ method: 'CONNECT', target: 'a:1', isUpgrade: true });
    one.begin(0);
    one.part('HTTP/1.1 200 Connected\r\n\r\n');
    await client.receives(/^HTTP\/1.1 200 Connected\r\n\r\n$/);
    client.send('raw bytes');
    await until(() => one.body === 'raw bytes');
  });
});

describe('an offer of another protocol', () => {
  const offer = (protocol: string): string =>
    `GET /2 HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`;

  it('behind an open request ends the connection, and is no answer to that', async () => {
    const { endpoint, upstream } = await startGateway();
    const client = rawClient(endpoint);
    client.send(`GET /1 HTTP/1.1\r\n${HOST}\r\n${offer('websocket')}`);
    await upstream.exchange();
    expect(await client.ends()).toBe('');
    expect(upstream.exchanges).toHaveLength(1);
  });

  it('is no reason to refuse a message handler its request', async () => {
    const { endpoint, upstream } = await startGateway({ codec: 'json' });
    upstream.onOpen = (one) => one.answer(...one.request.frames);
    const client = rawClient(endpoint);
    client.send(
      `POST / HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\n[1]`,
    );
    await client.receives(/^HTTP\/1.1 200 OK\r\n[\s\S]*\[1\]$/);
  });

  it('of a client that resets the connection hurts nobody', async () => {
    const { endpoint, gateway } = await startGateway({ codec: 'json' });
    for (let n = 0; n < 20; n++) {
      const client = rawClient(endpoint);
      client.send(offer('websocket'));
      client.socket.on('connect', () => client.socket.resetAndDestroy());
    }
    await until(() => gateway.stats().connections === 0);
  });
});

describe('a refusal', () => {
  it('of a request without a body keeps the connection', async () => {
    const { endpoint } = await startGateway({ codec: 'json' });
    const client = rawClient(endpoint);
    client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    await client.receives(/^HTTP\/1.1 405 [\s\S]*\}\n$/);
    expect(client.text).toContain('Connection: keep-alive');
    client.send(`PUT / HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\n`);
    expect(await client.ends()).toMatch(/HTTP\/1.1 405 [\s\S]*Connection: close/);
  });
});
