/*
 * Devices (zmq_proxy(3), zmq_device(3), zmq_proxy_steerable(3)): what is on the wire at each hop,
 * in which direction messages go, and what a capture socket sees. The bytes of a QUEUE are libzmq's;
 * subscriptions go up as the commands of RFC 37, for which libzmq's XSUB has the older messages.
 */
import { Dealer, device, Pull, Push, Router, Proxy as SocketProxy } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { digits } from '../support/hex.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { transports } from '../support/transports.ts';

const HELLO = '0005 48656c6c6f';
const WORLD = '0005 576f726c64';
const DELIMITER = '0100';

type Kind = Parameters<typeof device>[0];

/** A running device's two addresses. It ends with the test. */
async function start(
  kind: Kind,
  anywhere: () => string,
): Promise<{ frontend: string; backend: string }> {
  const running = await device(kind, { frontend: anywhere(), backend: anywhere() });
  closing({ close: () => running.close({ gracefulTimeout: 0 }) });
  const [frontend = ''] = running.endpoints.frontend;
  const [backend = ''] = running.endpoints.backend;
  return { frontend, backend };
}

/** The next frame has to be a routing id that a ROUTER made: 5 bytes, the first 00. Gives it in hex. */
async function takeRoutingId(peer: RawPeer): Promise<string> {
  const frame = (await peer.takeFrame()).toString('hex');
  expect(frame).toMatch(/^010500[0-9a-f]{8}$/);
  return frame.slice(4);
}

describe.each(transports)('over $name', ({ anywhere }) => {
  it('QUEUE: a request gets the routing id of its client in front, its reply loses it, and nothing else changes', async () => {
    const { frontend, backend } = await start('QUEUE', anywhere);
    const client = await RawPeer.greeted(frontend, 'REQ');
    const worker = await RawPeer.greeted(backend, 'REP');
    client.write(DELIMITER, HELLO);
    const id = await takeRoutingId(worker);
    await worker.expectBytes(DELIMITER, HELLO);
    worker.write('0105', id, DELIMITER, WORLD);
    await client.expectBytes(DELIMITER, WORLD);
  });

  it('QUEUE behind QUEUE: the routing ids stand in front of each other, the nearest first', async () => {
    const far = await start('QUEUE', anywhere);
    const near = await device('QUEUE', {
      frontend: anywhere(),
      backend: `connect:${far.frontend}`,
    });
    closing({ close: () => near.close({ gracefulTimeout: 0 }) });
    const client = await RawPeer.greeted(near.endpoints.frontend[0] ?? '', 'REQ');
    const worker = await RawPeer.greeted(far.backend, 'REP');
    client.write(DELIMITER, HELLO);
    const ids = [await takeRoutingId(worker), await takeRoutingId(worker)];
    await worker.expectBytes(DELIMITER, HELLO);
    worker.write('0105', ids[0] ?? '', '0105', ids[1] ?? '', DELIMITER, WORLD);
    await client.expectBytes(DELIMITER, WORLD);
  });

  it('QUEUE: keeps the messages of many frames together and in order', async () => {
    const { frontend, backend } = await start('QUEUE', anywhere);
    const client = await RawPeer.greeted(frontend, 'DEALER');
    client.write('010161 0100 010162 000163', '010164 000165');
    const worker = await RawPeer.greeted(backend, 'DEALER');
    const id = await takeRoutingId(worker);
    await worker.expectBytes('010161 0100 010162 000163');
    expect(await takeRoutingId(worker)).toBe(id);
    await worker.expectBytes('010164 000165');
  });

  it('FORWARDER: subscriptions go up to publishers, once for each topic, and data comes down to who subscribed', async () => {
    const { frontend, backend } = await start('FORWARDER', anywhere);
    const publisher = await RawPeer.greeted(frontend, 'PUB');
    const first = await RawPeer.greeted(backend, 'SUB');
    const second = await RawPeer.greeted(backend, 'SUB');
    const SUBSCRIBE_A = '04 0b 09 535542534352494245 61';
    const CANCEL_A = '04 08 06 43414e43454c 61';
    first.write(SUBSCRIBE_A);
    await publisher.expectBytes(SUBSCRIBE_A);
    second.write('04 0b 09 535542534352494245 62');
    await publisher.expectBytes('04 0b 09 535542534352494245 62');
    publisher.write('000163', '00026231', '01026131 000178');
    await first.expectBytes('01026131 000178');
    await second.expectBytes('00026231');
    first.write(CANCEL_A);
    await publisher.expectBytes(CANCEL_A);
  });

  it('STREAMER: messages go down unchanged', async () => {
    const { frontend, backend } = await start('STREAMER', anywhere);
    const producer = await RawPeer.greeted(frontend, 'PUSH');
    const consumer = await RawPeer.greeted(backend, 'PULL');
    producer.write('010161 0100 000162', HELLO);
    await consumer.expectBytes('010161 0100 000162', HELLO);
  });

  it('a capture socket gets the frames of both directions as they were between the two sides', async () => {
    const capture = closing(new Push());
    const observer = closing(new Pull());
    observer.connect(await boundTo(capture, anywhere()));
    const front = closing(new Router());
    const back = closing(new Dealer());
    const client = await RawPeer.greeted(await boundTo(front, anywhere()), 'REQ');
    const worker = await RawPeer.greeted(await boundTo(back, anywhere()), 'REP');
    void new SocketProxy(front, back, { capture }).run();
    client.write(DELIMITER, HELLO);
    const id = await takeRoutingId(worker);
    await worker.expectBytes(DELIMITER, HELLO);
    worker.write('0105', id, DELIMITER, WORLD);
    expect(digits(await observer.receive())).toEqual([id, '', '48656c6c6f']);
    expect(digits(await observer.receive())).toEqual([id, '', '576f726c64']);
  });
});
