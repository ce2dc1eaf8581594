/*
 * PULL (RFC 30; zmq_socket(3), ZMQ_PULL): messages taken from PUSH peers in turn.
 */
import { Pull } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { hex, texts } from '../support/hex.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { transports } from '../support/transports.ts';
import { GREETING, READY } from '../support/vectors.ts';

const PING = '04 07 04 50494e47 0000';
const PONG = '04 05 04 504f4e47';

describe.each(transports)('PULL over $name', ({ anywhere, fresh }) => {
  it('announces itself, and gives frames as they are', async () => {
    const socket = closing(new Pull());
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    expect(await peer.greet(READY.PUSH)).toEqual(hex(READY.PULL));
    peer.write('0100 010161 0000');
    expect(texts(await socket.receive())).toEqual(['', 'a', '']);
  });

  it('SHALL take messages from its peers in turn, one whole message each', async () => {
    const socket = closing(new Pull());
    const endpoint = await boundTo(socket, anywhere());
    const peers: RawPeer[] = [];
    for (let i = 0; i < 3; i++) peers.push(await RawPeer.greeted(endpoint, 'PUSH'));
    for (const [i, peer] of peers.entries()) {
      const message = `0101 3${i} 0001 78`;
      peer.write(message, message, message, PING);
    }
    for (const peer of peers) await peer.expectBytes(PONG); // All nine messages are there.
    const order: string[] = [];
    for (let i = 0; i < 9; i++) {
      const [from = '', body = ''] = texts(await socket.receive());
      expect(body).toBe('x');
      order.push(from);
    }
    expect(new Set(order.slice(0, 3)).size).toBe(3);
    expect(order.slice(3)).toEqual(order.slice(0, 6));
  });

  it('a peer that sends much does not keep another waiting', async () => {
    const socket = closing(new Pull());
    const endpoint = await boundTo(socket, anywhere());
    const loud = await RawPeer.greeted(endpoint, 'PUSH');
    const quiet = await RawPeer.greeted(endpoint, 'PUSH');
    loud.write(...Array.from({ length: 500 }, () => '0001 6c'), PING);
    quiet.write('0001 71', PING);
    await loud.expectBytes(PONG);
    await quiet.expectBytes(PONG);
    const first = [texts(await socket.receive()), texts(await socket.receive())].flat();
    expect(first.toSorted()).toEqual(['l', 'q']);
  });

  it('keeps the order of messages from one peer', async () => {
    const socket = closing(new Pull());
    const peer = await RawPeer.greeted(await boundTo(socket, anywhere()), 'PUSH');
    peer.write(...Array.from({ length: 100 }, (_, i) => `0001 3${i % 10}`));
    for (let i = 0; i < 100; i++) expect(texts(await socket.receive())).toEqual([String(i % 10)]);
  });

  it('gives what a peer had sent before it left, but not a message that is not whole', async () => {
    const socket = closing(new Pull());
    const endpoint = await boundTo(socket, anywhere());
    const peer = await RawPeer.greeted(endpoint, 'PUSH');
    const gone = new Promise((resolve) => socket.events.on('disconnect', resolve));
    peer.write('0001 31', '0101 32 0001 33', '0101 34');
    await peer.flushed();
    peer.end();
    await gone;
    const next = await RawPeer.greeted(endpoint, 'PUSH');
    next.write('0001 35');
    expect(texts(await socket.receive())).toEqual(['1']);
    expect(texts(await socket.receive())).toEqual(['2', '3']);
    expect(texts(await socket.receive())).toEqual(['5']);
  });

  it('with nothing to receive and a receiveTimeout, gives up with EAGAIN, and not before', async () => {
    const socket = closing(new Pull({ receiveTimeout: 100 }));
    await socket.bind(anywhere());
    const start = performance.now();
    await expect(socket.receive()).rejects.toMatchObject({ code: 'EAGAIN' });
    expect(performance.now() - start).toBeGreaterThan(95);
    socket.receiveTimeout = 0;
    await expect(socket.receive()).rejects.toMatchObject({ code: 'EAGAIN' });
  });

  it('connected, goes on with a peer that comes back', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Pull({ reconnectInterval: 1 }));
    socket.connect(listener.endpoint);
    const first = await listener.greeted('PUSH');
    first.write('0001 31');
    expect(texts(await socket.receive())).toEqual(['1']);
    first.close();
    (await listener.greeted('PUSH')).write('0001 32');
    expect(texts(await socket.receive())).toEqual(['2']);
  });

  it('connected twice to the same endpoint, connects twice', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Pull());
    socket.connect(listener.endpoint);
    socket.connect(listener.endpoint);
    for (const text of ['1', '2']) (await listener.greeted('PUSH')).write(`0001 3${text}`);
    const got = [texts(await socket.receive()), texts(await socket.receive())].flat();
    expect(got.toSorted()).toEqual(['1', '2']);
  });

  it('is readable to `for await` until it is closed', async () => {
    const socket = new Pull();
    const peer = await RawPeer.greeted(await boundTo(socket, anywhere()), 'PUSH');
    peer.write('000161 000162 000163');
    const got: string[] = [];
    for await (const message of socket) {
      got.push(...texts(message));
      if (got.length === 3) socket.close();
    }
    expect(got).toEqual(['a', 'b', 'c']);
  });

  it.each(['PULL', 'PAIR', 'PUB', 'DEALER'] as const)('talks to no %s peer', async (type) => {
    const socket = closing(new Pull());
    const refused = new Promise((resolve) =>
      socket.events.on('handshake:error:protocol', ({ error }) => resolve(error.code)),
    );
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    peer.write(GREETING, READY[type]);
    await peer.expectClosed();
    expect(await refused).toBe('ERR_ZMTP_INVALID_METADATA');
  });
});
