/*
 * Subscriptions from one of our sockets to another, through every form they have on the way: subscriber, connection, wire,
 * connection, publisher (RFC 29; RFC 37, SUBSCRIBE and CANCEL).
 */
import { Publisher, Subscriber, XPublisher, XSubscriber } from '@zscale/transport';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { texts } from '../support/hex.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';

describe.each(transports)('a subscription over $name', ({ anywhere, fresh }) => {
  it.each([
    ['SUB', 'PUB'],
    ['SUB', 'XPUB'],
    ['XSUB', 'PUB'],
    ['XSUB', 'XPUB'],
  ])('of %s reaches %s, whoever binds', async (subscriberType, publisherType) => {
    for (const binder of ['publisher', 'subscriber']) {
      const publisher = closing(publisherType === 'PUB' ? new Publisher() : new XPublisher());
      const subscriber = closing(subscriberType === 'SUB' ? new Subscriber() : new XSubscriber());
      if (subscriber instanceof Subscriber) subscriber.subscribe('a');
      else await subscriber.send('\x01a');
      if (binder === 'publisher') subscriber.connect(await boundTo(publisher, anywhere()));
      else publisher.connect(await boundTo(subscriber, anywhere()));
      await until(() => {
        publisher.trySend([Buffer.from('no')]);
        publisher.trySend([Buffer.from('a'), Buffer.from('body')]);
        return subscriber.readable;
      }, 'a message');
      expect(texts(await subscriber.receive())).toEqual(['a', 'body']);
    }
  });

  it('passes through a forwarder of XSUB and XPUB, and back', async () => {
    const [publisher, subscriber] = [closing(new XPublisher()), closing(new Subscriber())];
    const [back, front] = [closing(new XSubscriber()), closing(new XPublisher())];
    back.connect(await boundTo(publisher, anywhere()));
    subscriber.connect(await boundTo(front, anywhere()));
    let forwarding = true;
    onTestFinished(() => {
      forwarding = false;
    });
    const forward = async (): Promise<void> => {
      while (forwarding) {
        for (let m = front.tryReceive(); m !== undefined; m = front.tryReceive()) back.trySend(m);
        for (let m = back.tryReceive(); m !== undefined; m = back.tryReceive()) front.trySend(m);
        await new Promise(setImmediate);
      }
    };
    void forward();
    subscriber.subscribe('a');
    expect(texts(await publisher.receive())).toEqual(['\x01a']);
    await publisher.send(['abc', 'd']);
    expect(texts(await subscriber.receive())).toEqual(['abc', 'd']);
    subscriber.close();
    expect(texts(await publisher.receive())).toEqual(['\x00a']);
  });

  it('is made again when the publisher comes back', async () => {
    const endpoint = await fresh();
    const first = closing(new XPublisher());
    await first.bind(endpoint);
    const subscriber = closing(new Subscriber({ reconnectInterval: 1 }));
    subscriber.subscribe('a', 'b', 'a');
    subscriber.connect(endpoint);
    for (const topic of ['\x01a', '\x01b']) expect(texts(await first.receive())).toEqual([topic]);
    first.close();
    await first.ended;
    const second = closing(new XPublisher({ verbosity: 'allSubsUnsubs' }));
    await second.bind(endpoint);
    for (const topic of ['\x01a', '\x01b']) expect(texts(await second.receive())).toEqual([topic]);
    await second.send('b1');
    expect(texts(await subscriber.receive())).toEqual(['b1']);
    expect(second.readable).toBe(false);
  });

  it('is one of many that all arrive, however small the high-water marks', async () => {
    const publisher = closing(new XPublisher({ receiveHighWaterMark: 1 }));
    const subscriber = closing(new Subscriber());
    const topics = Array.from({ length: 20_000 }, (_, i) => `topic ${i}`);
    subscriber.subscribe(...topics.slice(0, 10_000));
    subscriber.connect(await boundTo(publisher, anywhere()));
    await publisher.receive();
    subscriber.subscribe(...topics.slice(10_000));
    const missing = new Set(topics.slice(1));
    while (missing.size > 0) missing.delete(String(await publisher.receive()).slice(1));
    await publisher.send('topic 19999');
    expect(texts(await subscriber.receive())).toEqual(['topic 19999']);
  });

  it('leaves the publisher with what the subscriber holds, whatever it subscribed to and took back', async () => {
    const publisher = closing(new Publisher());
    const subscriber = closing(new XSubscriber());
    subscriber.connect(await boundTo(publisher, anywhere()));
    let marker = 0;
    /** Sends every topic once, and gives those that arrive before a mark of this round. */
    const arriving = async (topics: readonly string[]): Promise<string[]> => {
      marker += 1;
      const mark = `mark ${marker}`;
      await subscriber.send(`\x01${mark}`);
      await until(() => {
        publisher.trySend([Buffer.from(mark)]);
        return subscriber.readable;
      }, 'the mark');
      for (const topic of topics) await publisher.send(topic);
      await publisher.send(`${mark} end`);
      const got: string[] = [];
      for (let text = mark; text !== `${mark} end`; text = String(await subscriber.receive())) {
        if (text !== mark) got.push(text);
      }
      await subscriber.send(`\x00${mark}`);
      return got.toSorted();
    };
    const topic = fc.constantFrom('', 'a', 'ab', 'abc', 'b');
    const step = fc.record({ on: fc.boolean(), topic });
    const messages = ['a', 'ab', 'abc', 'abcd', 'b', 'c'];
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const counts = new Map<string, number>();
        for (const { on, topic: about } of steps) {
          const count = counts.get(about) ?? 0;
          counts.set(about, Math.max(0, count + (on ? 1 : -1)));
          await subscriber.send(`${on ? '\x01' : '\x00'}${about}`);
        }
        const held = [...counts].filter(([, count]) => count > 0).map(([about]) => about);
        const expected = messages.filter((text) => held.some((about) => text.startsWith(about)));
        expect(await arriving(messages)).toEqual(expected.toSorted());
        for (const [about, count] of counts) {
          for (let i = 0; i < count; i++) await subscriber.send(`\x00${about}`);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('that takes a peer beyond 16 MiB of topics costs it its connection, and nobody else', async () => {
    const publisher = closing(new Publisher());
    let known = 0;
    publisher.events.on('handshake', () => {
      known += 1;
    });
    const endpoint = await boundTo(publisher, anywhere());
    const subscriber = closing(new Subscriber());
    subscriber.subscribe('a');
    subscriber.connect(endpoint);
    const greedy = await RawPeer.greeted(endpoint, 'SUB');
    const megabyte = Buffer.alloc(2 ** 20, 'x');
    for (let i = 0; i < 16; i++) {
      megabyte.writeUInt32BE(i, 0);
      greedy.write('06 000000000010000a 09 535542534352494245', Buffer.from(megabyte));
    }
    await until(() => known === 2, 'both');
    greedy.write('04 07 04 50494e47 0000');
    await greedy.expectBytes('04 05 04 504f4e47');
    expect(publisher.expelled).toBe(0);
    greedy.write('04 0b 09 535542534352494245 78');
    await greedy.expectClosed();
    expect(publisher.expelled).toBe(1);
    await until(() => publisher.trySend([Buffer.from('a')]) && subscriber.readable, 'a message');
  });
});
