/*
 * A program that awaits calls which never have to wait runs in microtasks, where nothing else happens. These promise that
 * something else does happen: bytes leave, timers fire, and what is full only because of a long turn loses nothing.
 */
import { Dealer, Publisher, Pull, Push, Router, Subscriber } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../../support/bound.ts';
import { closing } from '../../support/closing.ts';
import { TCP_WILDCARD } from '../../support/endpoints.ts';
import { until } from '../../support/until.ts';

describe('a socket in a loop that never waits', () => {
  it('lets timers fire between sends', async () => {
    const push = closing(new Push({ sendHighWaterMark: 0 }));
    push.connect('tcp://127.0.0.1:1');
    let fired = false;
    setTimeout(() => {
      fired = true;
    }, 1);
    while (!fired) await push.send('x'); // for ever, if it does not
  });

  it('lets timers fire between receives', async () => {
    const pull = closing(new Pull({ receiveHighWaterMark: 0 }));
    const push = closing(new Push({ sendHighWaterMark: 0 }));
    push.connect(await boundTo(pull, TCP_WILDCARD));
    for (let i = 0; i < 5000; i++) await push.send('x');
    await until(() => push.unsent.messages === 0);
    await pull.receive();
    let turns = 0;
    const count = (): void => {
      turns += 1;
      counting = setImmediate(count);
    };
    let counting = setImmediate(count);
    for (let i = 1; i < 5000; i++) await pull.receive();
    clearImmediate(counting);
    expect(turns).toBeGreaterThan(5);
  });

  it('publishes many times its high-water mark to a subscriber that reads, and drops nothing', async () => {
    const publisher = closing(new Publisher({ sendHighWaterMark: 10 }));
    const subscriber = closing(new Subscriber({ receiveHighWaterMark: 0 }));
    const endpoint = await boundTo(publisher, TCP_WILDCARD);
    subscriber.subscribe('');
    subscriber.connect(endpoint);
    const first = subscriber.receive();
    let heard = false;
    void first.then(() => {
      heard = true;
    });
    while (!heard) {
      await publisher.send('first');
      await new Promise(setImmediate);
    }
    for (let i = 0; i < 1000; i++) publisher.trySend([Buffer.from(String(i))]); // one turn
    const got: string[] = [];
    while (got.at(-1) !== '999') got.push(String((await subscriber.receive())[0]));
    expect(publisher.dropped).toBe(0);
    expect(got.slice(-1000)).toEqual(Array.from({ length: 1000 }, (_, i) => String(i)));
  });

  it('routes many times the high-water mark to a peer that reads, and drops nothing', async () => {
    const router = closing(new Router({ sendHighWaterMark: 10 }));
    const dealer = closing(new Dealer({ routingId: 'd', receiveHighWaterMark: 0 }));
    dealer.connect(await boundTo(router, TCP_WILDCARD));
    await dealer.send('here');
    await router.receive();
    for (let i = 0; i < 1000; i++) router.trySend([Buffer.from('d'), Buffer.from(String(i))]);
    for (let i = 0; i < 1000; i++) expect(String((await dealer.receive())[0])).toBe(String(i));
    expect(router.dropped).toBe(0);
  });

  it('still drops for a subscriber that does not read, and holds no more than its mark and what the system takes', async () => {
    const publisher = closing(new Publisher({ sendHighWaterMark: 10 }));
    const subscriber = closing(new Subscriber({ receiveHighWaterMark: 1 }));
    subscriber.subscribe('');
    subscriber.connect(await boundTo(publisher, TCP_WILDCARD));
    const body = Buffer.alloc(100_000);
    await until(() => {
      publisher.trySend([body]);
      return publisher.dropped > 100;
    });
    expect(publisher.unsent.messages).toBeLessThanOrEqual(10);
  });
});
