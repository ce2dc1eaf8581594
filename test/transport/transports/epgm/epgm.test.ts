/*
 * Multicast as programs use it, on one machine: real sockets over the loopback.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import {
  Dealer,
  Publisher,
  Reply,
  Subscriber,
  type TransportError,
  XPublisher,
  XSubscriber,
} from '@zscale/transport';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Stream } from '../../../../packages/transport/src/sockets/stream.ts';
import {
  addressNumber,
  decodePacket,
  encodeWanted,
  NAK,
  ODATA,
} from '../../../../packages/transport/src/transports/epgm/packet.ts';
import {
  sharesWithLibzmq,
  UdpPort,
} from '../../../../packages/transport/src/transports/epgm/udp.ts';
import { closing } from '../../../support/closing.ts';
import { freshGroup } from '../../../support/endpoints.ts';
import { texts } from '../../../support/hex.ts';
import { until, within } from '../../../support/until.ts';

/** Of all sockets here; the default of 100 kbit/s would make tests wait. */
const FAST = { rate: 200_000 };

/** What a call throws. */
function errorOf(call: () => void): TransportError {
  try {
    call();
  } catch (error) {
    return error as TransportError; // asserted by who asks
  }
  throw new Error('nothing was thrown');
}

/** A subscriber of everything, or of some topics, that has heard of nobody yet. */
function subscriberOf(group: string, topics: string[] = [], options = {}): Subscriber {
  const subscriber = closing(new Subscriber({ ...FAST, ...options }));
  subscriber.subscribe(...topics);
  subscriber.connect(group);
  return subscriber;
}

function publisherTo(group: string, options = {}): Publisher {
  const publisher = closing(new Publisher({ ...FAST, ...options }));
  publisher.connect(group);
  return publisher;
}

describe('epgm', () => {
  it('brings what a Publisher sends to every Subscriber, each of which filters by itself', async () => {
    const group = await freshGroup();
    const all = subscriberOf(group);
    const some = subscriberOf(group, ['goal']);
    const publisher = publisherTo(group);
    await publisher.send(['kick-off', '0']); // nobody need have subscribed
    await publisher.send(['goal', '12', '']);
    await publisher.send(['goal', Buffer.alloc(20_000)]);
    expect(texts(await all.receive())).toEqual(['kick-off', '0']);
    expect(texts(await all.receive())).toEqual(['goal', '12', '']);
    expect((await all.receive()).map((frame) => frame.length)).toEqual([4, 20_000]);
    expect(texts(await some.receive())).toEqual(['goal', '12', '']);
    expect(publisher.multicast).toMatchObject({ malformedPackets: 0, sendErrors: 0 });
  });

  it('is the same whether it is bound or connected, on either side', async () => {
    const group = await freshGroup();
    const subscriber = closing(new XSubscriber(FAST));
    await subscriber.bind(group);
    const publisher = closing(new XPublisher(FAST));
    publisher.bindSync(group);
    expect([subscriber.lastEndpoint, publisher.lastEndpoint]).toEqual([group, group]);
    await publisher.send('hello');
    expect(texts(await subscriber.receive())).toEqual(['hello']);
    await publisher.unbind(group);
    await expect(publisher.unbind(group)).rejects.toMatchObject({ code: 'ENOENT' });
    subscriber.disconnect(group);
    expect(() => subscriber.disconnect(group)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  it('takes subscriptions of an XSubscriber and throws them away, and shows an XPublisher none', async () => {
    const group = await freshGroup();
    const subscriber = closing(new XSubscriber(FAST));
    subscriber.connect(group);
    const publisher = closing(new XPublisher({ ...FAST, receiveTimeout: 100 }));
    publisher.connect(group);
    for (let i = 0; i < 3000; i++) await subscriber.send(Buffer.from('\x01topic'));
    await subscriber.send('what is no subscription');
    await publisher.send('other');
    expect(texts(await subscriber.receive())).toEqual(['other']);
    await expect(publisher.receive()).rejects.toMatchObject({ code: 'EAGAIN' });
    expect(subscriber.unsent.messages).toBe(0);
  });

  it('sends to a group also what subscribers of another endpoint did not ask for', async () => {
    const group = await freshGroup();
    const publisher = closing(new Publisher(FAST));
    await publisher.bind('tcp://127.0.0.1:*');
    const byTcp = closing(new Subscriber());
    byTcp.connect(publisher.lastEndpoint ?? '');
    byTcp.subscribe('a');
    publisher.connect(group);
    const byGroup = subscriberOf(group);
    await until(async () => {
      await publisher.send('a sync');
      return byTcp.readable && byGroup.readable;
    });
    await publisher.send('b');
    await publisher.send('a end');
    const heard: string[] = [];
    while (heard.at(-1) !== 'a end') heard.push(String((await byGroup.receive())[0]));
    expect(heard).toContain('b');
    const byTopic: string[] = [];
    while (byTopic.at(-1) !== 'a end') byTopic.push(String((await byTcp.receive())[0]));
    expect(byTopic).not.toContain('b');
  });

  it('is for sockets that publish and subscribe only', async () => {
    const group = await freshGroup();
    for (const socket of [new Dealer(), new Reply(), new Stream()]) {
      const { code, message } = errorOf(() => closing(socket).connect(group));
      expect(code).toBe('ENOCOMPATPROTO');
      expect(message).toContain(group);
      await expect(socket.bind(group)).rejects.toMatchObject({ code: 'ENOCOMPATPROTO' });
    }
  });

  it('is not pgm, which fails at once and says what to use', async () => {
    for (const socket of [new Publisher(), new Subscriber(), new Dealer(), new Stream()]) {
      const { code, message } = errorOf(() => closing(socket).connect('pgm://eth0;239.192.1.1:5'));
      expect(code).toBe('EPROTONOSUPPORT');
      expect(message).toContain('Use epgm://');
      await expect(socket.bind('pgm://eth0;239.192.1.1:5')).rejects.toMatchObject({
        code: 'EPROTONOSUPPORT',
      });
    }
  });

  it('refuses what is no multicast endpoint, and packets of a size that makes no sense', async () => {
    const group = await freshGroup();
    expect(
      errorOf(() => closing(new Publisher()).connect('epgm://nowhere;239.192.1.1:5')),
    ).toMatchObject({ code: 'EINVAL', address: 'epgm://nowhere;239.192.1.1:5' });
    for (const multicastMaxTransportDataUnit of [99, 65_536]) {
      const publisher = closing(new Publisher({ multicastMaxTransportDataUnit }));
      expect(errorOf(() => publisher.connect(group)).message).toContain(
        'multicastMaxTransportDataUnit is from 100 to 65535',
      );
    }
    expect(errorOf(() => new Publisher({ multicastHops: 256 })).code).toBe('EINVAL');
  });

  it('says who may hold the port, and what to do, when it is not shared', async () => {
    const group = await freshGroup();
    const port = Number(group.slice(group.lastIndexOf(':') + 1));
    const other = createSocket('udp4');
    other.bind(port, '0.0.0.0');
    await once(other, 'listening');
    closing({ close: () => other.close() });
    for (const socket of [new Publisher(), new Subscriber()]) {
      const { code, message } = errorOf(() => closing(socket).connect(group));
      expect(code).toBe('EADDRINUSE');
      expect(message).toContain(`UDP port ${port}`);
      expect(message).toContain(sharesWithLibzmq() ? 'another port' : 'Use Node 22.12 or later');
      expect(socket.hasEndpoints).toBe(false);
    }
  });

  it('knows which runtimes share a port with libzmq', () => {
    expect(['20.19.0', '22.11.0', '23.0.0'].filter(sharesWithLibzmq)).toEqual([]);
    const newer = ['22.12.0', '23.1.0', '24.0.0'];
    expect(newer.filter((version) => sharesWithLibzmq(version))).toEqual(newer);
  });

  it('sends what is queued when it is closed, at its rate, within linger', async () => {
    const group = await freshGroup();
    const subscriber = subscriberOf(group);
    const publisher = publisherTo(group, { rate: 2000, sendHighWaterMark: 0 });
    // 400 KB at 250 KB/s, of which the first second's come at once.
    for (let i = 0; i < 400; i++) await publisher.send([`${i}`, Buffer.alloc(1000)]);
    publisher.close();
    for (let i = 0; i < 400; i++) expect(String((await subscriber.receive())[0])).toBe(`${i}`);
    await publisher.ended;
  });

  it('drops nothing in a long turn while the rate allows more, and counts what it drops beyond', async () => {
    const group = await freshGroup();
    const publisher = publisherTo(group, { rate: 1_000_000, sendHighWaterMark: 100 });
    for (let i = 0; i < 2000; i++) publisher.trySend([Buffer.from(`${i}`)]);
    expect(publisher.dropped).toBe(0);
    const slow = publisherTo(group, { rate: 8, sendHighWaterMark: 100 });
    for (let i = 0; i < 200; i++) slow.trySend([Buffer.alloc(1400)]);
    expect(slow.dropped).toBeGreaterThan(90);
    expect(slow.unsent.messages).toBeLessThanOrEqual(100);
  });

  it('drops what is queued when it is closed with a linger of 0, or when that is over', async () => {
    const group = await freshGroup();
    for (const linger of [0, 100]) {
      const publisher = publisherTo(group, { rate: 8, linger });
      for (let i = 0; i < 100; i++) await publisher.send(Buffer.alloc(1000));
      publisher.close();
      await publisher.ended;
      expect(publisher.multicast).toBeUndefined();
    }
  });

  it('loses whole messages of a subscriber that does not read, counts each and tells of them', async () => {
    const group = await freshGroup();
    const window = { rate: 8000, recoveryInterval: 60 }; // 60 kB
    const subscriber = subscriberOf(group, [], { ...window, receiveHighWaterMark: 10 });
    const heard: string[] = [];
    const whole: boolean[] = [];
    const told: number[] = [];
    subscriber.events.on('multicast:loss', ({ address, messages }) => {
      expect(address).toBe(group);
      told.push(messages);
    });
    const publisher = publisherTo(group, { rate: 40_000, sendHighWaterMark: 0 });
    const body = Buffer.alloc(3000, 'x'); // of several packets
    for (let i = 0; i < 300; i++) await publisher.send([`${i}`, body]);
    await until(
      () => (publisher.multicast?.sentPackets ?? 0) > 600 && publisher.unsent.messages === 0,
    );
    await until(() => told.length > 0);
    expect(subscriber.multicast?.bufferedBytes).toBeLessThanOrEqual(60_000);
    await until(async () => {
      await publisher.send(['end', body]); // until there is room for one
      while (subscriber.readable) {
        const frames = await subscriber.receive();
        heard.push(String(frames[0]));
        whole.push(frames.length === 2 && frames[1]?.equals(body) === true);
      }
      return heard.includes('end');
    });
    const numbers = heard.filter((text) => text !== 'end').map(Number);
    expect(whole).not.toContain(false);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(numbers.length).toBeLessThan(300);
    const { discardedMessages = 0, tornMessages = 0, lostPackets = 0 } = subscriber.multicast ?? {};
    expect(discardedMessages + lostPackets).toBeGreaterThan(0);
    await until(
      () => told.reduce((sum, each) => sum + each, 0) === discardedMessages + tornMessages,
    );
  });

  it('takes a flood of random datagrams at both of its ports, counts them, and goes on', async () => {
    const group = await freshGroup();
    const port = Number(group.slice(group.lastIndexOf(':') + 1));
    const subscriber = subscriberOf(group);
    const publisher = publisherTo(group);
    await publisher.send('before');
    await subscriber.receive();
    const attacker = createSocket('udp4');
    attacker.bind(0, '127.0.0.1');
    await once(attacker, 'listening');
    closing({ close: () => attacker.close() });
    attacker.setMulticastInterface('127.0.0.1');
    for (let i = 0; i < 500; i++) {
      const garbage = Buffer.alloc(i % 97, i);
      await new Promise((resolve) => attacker.send(garbage, port, '239.192.1.1', resolve));
      await new Promise((resolve) => attacker.send(garbage, port, '127.0.0.1', resolve));
    }
    await until(() => (subscriber.multicast?.malformedPackets ?? 0) > 0);
    await until(() => (publisher.multicast?.malformedPackets ?? 0) > 0);
    await publisher.send('after');
    expect(texts(await subscriber.receive())).toEqual(['after']);
    expect(subscriber.multicast?.sources).toBe(1);
  });

  it('ends when it was closed, however long somebody goes on asking for what it sent', async () => {
    const group = await freshGroup();
    const port = Number(group.slice(group.lastIndexOf(':') + 1));
    const listener = createSocket({ type: 'udp4', reuseAddr: true });
    listener.bind(port, '239.192.1.1');
    await once(listener, 'listening');
    closing({ close: () => listener.close() });
    listener.addMembership('239.192.1.1', '127.0.0.1');
    // As soon as it hears data it asks for it again, for ever.
    let asking: NodeJS.Timeout | undefined;
    listener.on('message', (datagram) => {
      const packet = decodePacket(datagram);
      if (packet?.type !== ODATA || asking !== undefined) return;
      const nak = encodeWanted(NAK, {
        gsi: packet.gsi,
        sourcePort: packet.destinationPort,
        destinationPort: packet.sourcePort,
        sqns: [packet.sqn],
        address: addressNumber('127.0.0.1'),
        group: addressNumber('239.192.1.1'),
      });
      asking = setInterval(() => listener.send(nak, port, '127.0.0.1'), 5);
    });
    onTestFinished(() => clearInterval(asking));
    const publisher = publisherTo(group);
    await publisher.send('asked for');
    await until(() => (publisher.multicast?.resentPackets ?? 0) > 3);
    publisher.close();
    await within(publisher.ended, 'the publisher to end', { deadline: 10_000 });
  });

  it('counts datagrams that the system does not take', async () => {
    const port = new UdpPort('127.0.0.1', 0, 'epgm://test');
    closing(port);
    port.send(Buffer.from('to nowhere'), 9, '192.0.2.1'); // from an address that leads nowhere else
    await until(() => port.errors === 1);
  });

  it('leaves nothing behind: sockets that were closed hold no port and no process', async () => {
    const group = await freshGroup();
    const port = Number(group.slice(group.lastIndexOf(':') + 1));
    for (let i = 0; i < 20; i++) {
      const publisher = publisherTo(group);
      const subscriber = subscriberOf(group);
      publisher.close();
      subscriber.close();
      await Promise.all([publisher.ended, subscriber.ended]);
    }
    const own = createSocket('udp4'); // shares with nobody
    own.bind(port, '0.0.0.0');
    await once(own, 'listening');
    own.close();
    const held = process.getActiveResourcesInfo().filter((name) => name.startsWith('UDP'));
    expect(held.filter((name) => name !== 'UDPWrap').length).toBe(0);
  });
});
