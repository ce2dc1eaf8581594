/*
 * STREAM (zmq_socket(3), "Native pattern"; zmq_setsockopt(3), ZMQ_STREAM_NOTIFY and
 * ZMQ_CONNECT_ROUTING_ID): bytes from and to programs that speak no ZMTP.
 */
import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { Stream } from '../../packages/transport/src/sockets/stream.ts';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { netAddress, TCP_WILDCARD } from '../support/endpoints.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { transports } from '../support/transports.ts';
import { until, within } from '../support/until.ts';

const KILOBYTE = 1024;

/** The next message, its body as text. */
async function next(stream: Stream): Promise<{ id: Buffer; text: string }> {
  const [id, body] = await within(stream.receive(), 'a message');
  return { id, text: body.toString() };
}

/** Receives until a peer's chunks make up `length` bytes, and gives them in one piece. */
async function gather(stream: Stream, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  while (bytes < length) {
    const [, body] = await within(stream.receive(), `${length - bytes} more bytes`);
    chunks.push(body);
    bytes += body.length;
  }
  return Buffer.concat(chunks);
}

describe.each(transports)('STREAM over $name', ({ anywhere, fresh }) => {
  it('tells by an empty message that a peer connected, and that it is gone', async () => {
    const stream = closing(new Stream());
    const peer = await RawPeer.connect(await boundTo(stream, anywhere()));
    const connected = await next(stream);
    expect(connected.text).toBe('');
    peer.write(Buffer.from('hello'));
    expect(await next(stream)).toEqual({ id: connected.id, text: 'hello' });
    peer.end();
    expect(await next(stream)).toEqual({ id: connected.id, text: '' });
  });

  it('tells neither with notify off', async () => {
    const stream = closing(new Stream({ notify: false }));
    const endpoint = await boundTo(stream, anywhere());
    const first = await RawPeer.connect(endpoint);
    first.write(Buffer.from('first'));
    expect((await next(stream)).text).toBe('first');
    first.end();
    await first.expectClosed();
    const second = await RawPeer.connect(endpoint);
    second.write(Buffer.from('second'));
    expect((await next(stream)).text).toBe('second');
  });

  it('gives and takes bytes as they are, with nothing around them', async () => {
    const stream = closing(new Stream());
    const peer = await RawPeer.connect(await boundTo(stream, anywhere()));
    const { id } = await next(stream);
    await stream.send([id, Buffer.from('ff00000000000000017f', 'hex')]);
    await peer.expectBytes('ff00000000000000017f');
    peer.write('ff00 00');
    const [from, body] = await stream.receive();
    expect([from.equals(id), body.toString('hex')]).toEqual([true, 'ff0000']);
  });

  it('names each connection by five bytes: 00 and a counter', async () => {
    const stream = closing(new Stream());
    const endpoint = await boundTo(stream, anywhere());
    const ids: Buffer[] = [];
    for (let i = 0; i < 3; i++) {
      await RawPeer.connect(endpoint);
      ids.push((await next(stream)).id);
    }
    expect(ids.map((id) => [id.length, id[0]])).toEqual([
      [5, 0],
      [5, 0],
      [5, 0],
    ]);
    const [a = 0, b, c] = ids.map((id) => id.readUInt32BE(1));
    expect([b, c]).toEqual([(a + 1) >>> 0, (a + 2) >>> 0]);
  });

  it('sends each peer its own', async () => {
    const stream = closing(new Stream());
    const endpoint = await boundTo(stream, anywhere());
    const one = await RawPeer.connect(endpoint);
    const first = await next(stream);
    const two = await RawPeer.connect(endpoint);
    const second = await next(stream);
    await stream.send([second.id, 'two']);
    await stream.send([first.id, 'one']);
    expect((await one.take(3)).toString()).toBe('one');
    expect((await two.take(3)).toString()).toBe('two');
  });

  it('closes a connection for an empty message, after what was sent before, and tells nothing', async () => {
    const stream = closing(new Stream());
    const endpoint = await boundTo(stream, anywhere());
    const peer = await RawPeer.connect(endpoint);
    const { id } = await next(stream);
    await stream.send([id, Buffer.alloc(300 * KILOBYTE, 'x')]);
    await stream.send([id, 'last']);
    await stream.send([id, '']);
    await expect(stream.send([id, 'more'])).rejects.toMatchObject({ code: 'EHOSTUNREACH' });
    const all = await peer.take(300 * KILOBYTE + 4);
    expect(all.subarray(-4).toString()).toBe('last');
    await peer.expectClosed();
    await RawPeer.connect(endpoint);
    const other = await next(stream); // The next message is of another peer.
    expect([other.id.equals(id), other.text]).toEqual([false, '']);
  });

  it('is EHOSTUNREACH for a routing id that is unknown, or whose peer is gone', async () => {
    const stream = closing(new Stream());
    await expect(stream.send(['nobody', 'x'])).rejects.toMatchObject({ code: 'EHOSTUNREACH' });
    const peer = await RawPeer.connect(await boundTo(stream, anywhere()));
    const { id } = await next(stream);
    peer.close();
    expect((await next(stream)).text).toBe('');
    await expect(stream.send([id, 'x'])).rejects.toMatchObject({ code: 'EHOSTUNREACH' });
  });

  it('is EINVAL for anything but two frames', async () => {
    const stream = closing(new Stream());
    for (const frames of [['one'], ['one', 'two', 'three']]) {
      // Callers without types.
      await expect(stream.send(frames as [string, string])).rejects.toMatchObject({
        code: 'EINVAL',
      });
    }
  });

  it('connects, and keeps the routing id of an endpoint over reconnects', async () => {
    const listener = await RawListener.listen(await fresh());
    const stream = closing(new Stream({ reconnectInterval: 1 }));
    stream.connect(listener.endpoint);
    const first = await listener.accept();
    const { id, text } = await next(stream);
    expect(text).toBe('');
    first.write(Buffer.from('from the first'));
    expect(await next(stream)).toEqual({ id, text: 'from the first' });
    first.close();
    expect(await next(stream)).toEqual({ id, text: '' }); // Gone,
    expect(await next(stream)).toEqual({ id, text: '' }); // and there again.
    const second = await listener.accept();
    await stream.send([id, 'to the second']);
    expect((await second.take(13)).toString()).toBe('to the second');
  });

  it('keeps what is sent before there is a connection, under the name given to connect', async () => {
    const endpoint = await fresh();
    const stream = closing(new Stream({ reconnectInterval: 1 }));
    stream.connect(endpoint, { routingId: 'server' });
    await stream.send(['server', 'early']);
    const peer = await (await RawListener.listen(endpoint)).accept();
    expect((await peer.take(5)).toString()).toBe('early');
    expect(await next(stream)).toEqual({ id: Buffer.from('server'), text: '' });
  });

  it('refuses a name that is in use, is empty, or starts with a zero: EINVAL', async () => {
    const stream = closing(new Stream());
    const endpoint = await fresh();
    stream.connect(endpoint, { routingId: 'a' });
    for (const routingId of ['a', '', '\0a', 'x'.repeat(256)]) {
      expect(() => stream.connect(endpoint, { routingId })).toThrow(
        expect.objectContaining({ code: 'EINVAL' }),
      );
    }
  });

  it('does not connect again to a peer it was told to close', async () => {
    const listener = await RawListener.listen(await fresh());
    const stream = closing(new Stream({ reconnectInterval: 1 }));
    const retried: unknown[] = [];
    stream.events.on('connect:retry', (event) => retried.push(event));
    stream.connect(listener.endpoint, { routingId: 'a' });
    const peer = await listener.accept();
    await next(stream);
    await stream.send(['a', '']);
    await peer.expectClosed();
    peer.end();
    await within(
      new Promise((resolve) => stream.events.on('disconnect', resolve)),
      'the end of the connection',
    );
    stream.connect(listener.endpoint, { routingId: 'a' }); // The name is free again.
    await listener.accept();
    expect(listener.accepted.length).toBe(2);
    expect(retried).toEqual([]);
  });

  it('with immediate, gives each connection a routing id of its own', async () => {
    const listener = await RawListener.listen(await fresh());
    const stream = closing(new Stream({ reconnectInterval: 1, immediate: true }));
    stream.connect(listener.endpoint);
    const first = await listener.accept();
    const { id } = await next(stream);
    first.close();
    expect(await next(stream)).toEqual({ id, text: '' });
    const again = await next(stream);
    expect([again.text, again.id.equals(id)]).toEqual(['', false]);
  });

  it('stops reading at the high-water mark, and loses nothing', async () => {
    const stream = closing(new Stream({ receiveHighWaterMark: 2 }));
    const peer = await RawPeer.connect(await boundTo(stream, anywhere()));
    const chunk = Buffer.alloc(64 * KILOBYTE);
    const total = 256 * chunk.length;
    for (let i = 0; i < 256; i++) peer.write(Buffer.alloc(chunk.length, i));
    // 16 MiB are more than two chunks and the system's buffers hold.
    await until(() => stream.readable, 'something to read');
    let [unsent, same] = [-1, 0];
    await until(() => {
      same = peer.unsent === unsent ? same + 1 : 0;
      unsent = peer.unsent;
      return same > 100; // turns of the event loop, in which nothing went
    }, 'the peer to be stuck');
    expect(unsent).toBeGreaterThan(0);
    const all = await gather(stream, total);
    expect(all.length).toBe(total);
    for (let i = 0; i < 256; i++) {
      const part = all.subarray(i * chunk.length, (i + 1) * chunk.length);
      expect(part.every((byte) => byte === i)).toBe(true);
    }
  });

  it('makes send() wait for a peer that does not read, and goes on when it does', async () => {
    const stream = closing(new Stream({ sendHighWaterMark: 2 }));
    const endpoint = await boundTo(stream, anywhere());
    const peer = await RawPeer.connect(endpoint);
    const { id } = await next(stream);
    peer.pause();
    const chunk = Buffer.alloc(1024 * KILOBYTE, 'x');
    let sent = 0;
    stream.sendTimeout = 0;
    await until(async () => {
      try {
        await stream.send([id, chunk]);
        sent += 1;
        return false;
      } catch (error) {
        expect(error).toMatchObject({ code: 'EAGAIN' });
        return true;
      }
    }, 'the peer to be full');
    stream.sendTimeout = -1;
    const waiting = stream.send([id, 'last']);
    peer.resume();
    await within(waiting, 'room for the last');
    const all = await peer.take(sent * chunk.length + 4);
    expect(all.subarray(-4).toString()).toBe('last');
  });

  it('sends any number of small messages, in order', async () => {
    const stream = closing(new Stream({ sendHighWaterMark: 0 }));
    const peer = await RawPeer.connect(await boundTo(stream, anywhere()));
    const { id } = await next(stream);
    const expected = Buffer.alloc(20_000);
    for (let i = 0; i < expected.length; i++) {
      expected[i] = i;
      void stream.send([id, Buffer.of(i)]);
    }
    expect((await peer.take(expected.length)).equals(expected)).toBe(true);
  });

  it('turns a waiting sender away when its peer goes: EHOSTUNREACH', async () => {
    const stream = closing(new Stream({ sendHighWaterMark: 1 }));
    const peer = await RawPeer.connect(await boundTo(stream, anywhere()));
    const { id } = await next(stream);
    peer.pause();
    let settled = 0;
    const chunk = Buffer.alloc(1024 * KILOBYTE);
    const sends = Array.from({ length: 64 }, () =>
      stream.send([id, chunk]).finally(() => {
        settled += 1;
      }),
    );
    const outcomes = Promise.allSettled(sends);
    await until(() => settled > 0 && stream.unsent.callers > 0, 'a sender that waits');
    peer.reset();
    const last = (await outcomes).at(-1);
    expect(last).toMatchObject({ status: 'rejected', reason: { code: 'EHOSTUNREACH' } });
  });

  it('unbind closes the connections that were accepted there', async () => {
    const stream = closing(new Stream());
    const endpoint = await boundTo(stream, anywhere());
    const peer = await RawPeer.connect(endpoint);
    await next(stream);
    const unbound = stream.unbind(endpoint);
    await peer.expectClosed();
    peer.end();
    await within(unbound, 'unbind');
  });

  it('sends what is queued before it closes, and then lets go', async () => {
    const stream = new Stream();
    const peer = await RawPeer.connect(await boundTo(stream, anywhere()));
    const { id } = await next(stream);
    await stream.send([id, Buffer.alloc(500 * KILOBYTE)]);
    stream.close();
    await peer.take(500 * KILOBYTE);
    await peer.expectClosed();
    await within(stream.ended, 'the end');
  });

  it('tells the monitor of connections, and of no handshake', async () => {
    const stream = closing(new Stream());
    const told: string[] = [];
    for (const type of [
      'accept',
      'handshake',
      'disconnect',
      'handshake:error:other',
      'handshake:error:protocol',
    ] as const) {
      stream.events.on(type, () => told.push(type));
    }
    const peer = await RawPeer.connect(await boundTo(stream, anywhere()));
    peer.write('ffff');
    peer.end();
    await until(() => told.includes('disconnect'), 'disconnect');
    expect(told).toEqual(['accept', 'disconnect']);
  });
});

describe('STREAM', () => {
  it('knows where a peer is', async () => {
    const stream = closing(new Stream());
    await RawPeer.connect(await boundTo(stream, TCP_WILDCARD));
    const { id } = await next(stream);
    expect(stream.peerInfo(id)?.address).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/);
  });

  it('has no bytes for transports of messages: ENOCOMPATPROTO', async () => {
    const stream = closing(new Stream());
    const refusal = { code: 'ENOCOMPATPROTO' };
    await expect(stream.bind('inproc://x')).rejects.toMatchObject(refusal);
    expect(() => stream.bindSync('inproc://x')).toThrow(expect.objectContaining(refusal));
    expect(() => stream.connect('inproc://x')).toThrow(expect.objectContaining(refusal));
    await expect(stream.bind('foo://x')).rejects.toMatchObject({ code: 'EPROTONOSUPPORT' });
  });

  it('serves HTTP', async () => {
    const stream = closing(new Stream());
    const address = netAddress(await boundTo(stream, TCP_WILDCARD));
    const answer = new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
      const request = httpRequest({ ...address, path: '/greeting' }, async (response) => {
        const chunks: Buffer[] = await response.toArray();
        resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString() });
      });
      request.on('error', reject);
      request.end();
    });
    const { id } = await next(stream);
    let head = '';
    while (!head.endsWith('\r\n\r\n')) head += (await next(stream)).text;
    expect(head).toMatch(/^GET \/greeting HTTP\/1\.1\r\n/);
    await stream.send([id, 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n']);
    await stream.send([id, 'Hello']);
    await stream.send([id, '']);
    expect(await within(answer, 'the answer')).toEqual({ status: 200, body: 'Hello' });
  });

  it('talks HTTP to a server', async () => {
    const { createServer } = await import('node:http');
    const server = createServer((request, response) => response.end(`you want ${request.url}`));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing({ close: () => server.close() });
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('no port');
    const stream = closing(new Stream());
    stream.connect(`tcp://127.0.0.1:${bound.port}`, { routingId: 'server' });
    await stream.send(['server', 'GET /x HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n']);
    expect((await next(stream)).text).toBe('');
    let answer = '';
    for (let text = 'first'; text !== ''; answer += text) ({ text } = await next(stream));
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).toContain('you want /x');
    stream.disconnect(`tcp://127.0.0.1:${bound.port}`);
  });
});
