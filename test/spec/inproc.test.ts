/*
 * inproc in one thread (zmq_inproc(7); zmq_bind(3), zmq_connect(3), zmq_unbind(3), zmq_disconnect(3)): names, marks and the
 * ends of connections, where they differ from those of streams.
 */
import { Context, Dealer, Reply, Request, Router } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { closing } from '../support/closing.ts';
import { texts } from '../support/hex.ts';
import { countOf, recordEvents } from '../support/recorded-events.ts';
import { until } from '../support/until.ts';

const EAGAIN = expect.objectContaining({ code: 'EAGAIN' });

/** What happens in later turns has happened. */
async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Sends numbered messages until one is refused; how many were taken. The socket has a `sendTimeout` of 0. */
async function fill(socket: Dealer, limit: number): Promise<number> {
  for (let sent = 0; sent < limit; sent++) {
    try {
      await socket.send(String(sent));
    } catch (error) {
      expect(error).toMatchObject({ code: 'EAGAIN' });
      return sent;
    }
  }
  return limit;
}

/** Two dealers of one context, the first of them bound. */
function joined(
  bound: ConstructorParameters<typeof Dealer>[0] = {},
  connected: ConstructorParameters<typeof Dealer>[0] = {},
): { binder: Dealer; connecter: Dealer; context: Context } {
  const context = new Context();
  const binder = closing(new Dealer({ context, ...bound }));
  const connecter = closing(new Dealer({ context, ...connected }));
  binder.bindSync('inproc://joined');
  connecter.connect('inproc://joined');
  return { binder, connecter, context };
}

describe('inproc names', () => {
  it('are bound once: a second bind fails with EADDRINUSE, by either way', async () => {
    const context = new Context();
    const first = closing(new Dealer({ context }));
    const second = closing(new Dealer({ context }));
    await first.bind('inproc://once');
    await expect(second.bind('inproc://once')).rejects.toMatchObject({
      code: 'EADDRINUSE',
      address: 'inproc://once',
    });
    expect(() => second.bindSync('inproc://once')).toThrow(
      expect.objectContaining({ code: 'EADDRINUSE' }),
    );
    await expect(first.bind('inproc://once')).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('are bound once in the default context, too, also by two binds at the same time', async () => {
    const first = closing(new Dealer());
    const second = closing(new Dealer());
    const binding = first.bind('inproc://default-context-once');
    await expect(second.bind('inproc://default-context-once')).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    await binding;
    expect(first.lastEndpoint).toBe('inproc://default-context-once');
  });

  it('belong to a context: another one has the same name for another socket', async () => {
    const here = new Context();
    const there = new Context();
    const [a, b, c, d] = [here, here, there, there].map((context) =>
      closing(new Dealer({ context })),
    ) as [Dealer, Dealer, Dealer, Dealer]; // four contexts, four dealers
    await a.bind('inproc://scope');
    await c.bind('inproc://scope');
    b.connect('inproc://scope');
    d.connect('inproc://scope');
    await b.send('here');
    await d.send('there');
    expect(texts(await a.receive())).toEqual(['here']);
    expect(texts(await c.receive())).toEqual(['there']);
  });

  it.each(['a', 'a/b c\u00e9\u{1f600}://:*', 'x'.repeat(256)])('may be %j', async (name) => {
    const context = new Context();
    const binder = closing(new Dealer({ context }));
    const connecter = closing(new Dealer({ context }));
    await binder.bind(`inproc://${name}`);
    connecter.connect(`inproc://${name}`);
    await connecter.send('x');
    expect(texts(await binder.receive())).toEqual(['x']);
  });

  it.each(['inproc://', `inproc://${'x'.repeat(257)}`])(
    'are not empty, and not longer than 256 characters: EINVAL',
    async (endpoint) => {
      const socket = closing(new Dealer({ context: new Context() }));
      await expect(socket.bind(endpoint)).rejects.toMatchObject({ code: 'EINVAL' });
      expect(() => socket.connect(endpoint)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    },
  );

  it('that are not in use cannot be unbound or disconnected: ENOENT', async () => {
    const socket = closing(new Dealer({ context: new Context() }));
    await expect(socket.unbind('inproc://zz')).rejects.toMatchObject({ code: 'ENOENT' });
    expect(() => socket.disconnect('inproc://zz')).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
    socket.connect('inproc://zz');
    socket.disconnect('inproc://zz');
    expect(() => socket.disconnect('inproc://zz')).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
  });

  it('are free again after an unbind and after a close', async () => {
    const context = new Context();
    const first = new Dealer({ context });
    await first.bind('inproc://again');
    await first.unbind('inproc://again');
    const second = new Dealer({ context });
    await second.bind('inproc://again');
    second.close();
    await second.ended;
    await closing(new Dealer({ context })).bind('inproc://again');
    first.close();
  });
});

describe('inproc connect', () => {
  it('may come before bind: what was sent waits, and arrives in order', async () => {
    const context = new Context();
    const connecter = closing(new Dealer({ context }));
    connecter.connect('inproc://later');
    for (let i = 0; i < 100; i++) await connecter.send(String(i));
    await turns();
    const binder = closing(new Dealer({ context }));
    await binder.bind('inproc://later');
    for (let i = 0; i < 100; i++) expect(texts(await binder.receive())).toEqual([String(i)]);
  });

  it('before bind joins everybody who waits', async () => {
    const context = new Context();
    const connecters = [1, 2, 3].map(() => closing(new Dealer({ context })));
    for (const [i, connecter] of connecters.entries()) {
      connecter.connect('inproc://all');
      await connecter.send(String(i));
    }
    const binder = closing(new Dealer({ context }));
    await binder.bind('inproc://all');
    const got: string[] = [];
    while (got.length < 3) got.push(...texts(await binder.receive()));
    expect(got.sort()).toEqual(['0', '1', '2']);
  });

  it('twice to one name is one connection for DEALER, and two for ROUTER', async () => {
    const context = new Context();
    const binder = closing(new Router({ context }));
    await binder.bind('inproc://twice');
    const dealer = closing(new Dealer({ context, sendHighWaterMark: 1, probeRouter: true }));
    dealer.connect('inproc://twice');
    dealer.connect('inproc://twice');
    const router = closing(new Router({ context, probeRouter: true }));
    router.connect('inproc://twice');
    router.connect('inproc://twice');
    await turns();
    let probes = 0;
    while (binder.tryReceive() !== undefined) probes += 1;
    expect(probes).toBe(3);
  });

  it('carries whole messages both ways, and hands over the very same Buffers', async () => {
    const { binder, connecter } = joined();
    const frames = [Buffer.from('one'), Buffer.alloc(0), Buffer.alloc(100_000, 1)];
    expect(connecter.trySend([...frames])).toBe(true); // send() copies small ones first
    const got = await binder.receive();
    expect(got).toHaveLength(3);
    got.forEach((frame, i) => {
      expect(frame).toBe(frames[i]);
    });
    await binder.send(['back', 'again']);
    expect(texts(await connecter.receive())).toEqual(['back', 'again']);
  });

  it('keeps the order of many messages', async () => {
    const { binder, connecter } = joined({ receiveHighWaterMark: 7 }, { sendHighWaterMark: 13 });
    const sending = (async () => {
      for (let i = 0; i < 10_000; i++) await connecter.send(String(i));
    })();
    for (let i = 0; i < 10_000; i++) expect(String(await binder.receive())).toBe(String(i));
    await sending;
  });

  it('moves nothing inside of a send: the reader is told in another turn', () => {
    const { binder, connecter } = joined();
    expect(connecter.trySend([Buffer.from('x')])).toBe(true);
    expect(binder.readable).toBe(false);
  });

  it('serves REQ and REP in their lock-step', async () => {
    const context = new Context();
    const rep = closing(new Reply({ context }));
    const req = closing(new Request({ context }));
    req.connect('inproc://lock-step');
    await rep.bind('inproc://lock-step');
    for (let i = 0; i < 100; i++) {
      await req.send(`question ${i}`);
      expect(texts(await rep.receive())).toEqual([`question ${i}`]);
      await rep.send(`answer ${i}`);
      expect(texts(await req.receive())).toEqual([`answer ${i}`]);
    }
  });

  it('knows peers by their routing ids, or by five bytes of its own', async () => {
    const context = new Context();
    const router = closing(new Router({ context }));
    await router.bind('inproc://ids');
    const named = closing(new Dealer({ context, routingId: 'name', metadata: { 'X-Own': 'yes' } }));
    named.connect('inproc://ids');
    await named.send('x');
    const [id = Buffer.alloc(0)] = await router.receive();
    expect(String(id)).toBe('name');
    expect(router.peerInfo(id)).toMatchObject({
      socketType: 'DEALER',
      version: '3.1',
      address: 'inproc://ids',
    });
    expect(
      [...(router.peerInfo(id)?.metadata ?? [])].map(([name, value]) => [name, String(value)]),
    ).toEqual([
      ['Socket-Type', 'DEALER'],
      ['Identity', 'name'],
      ['X-Own', 'yes'],
    ]);
    const nameless = closing(new Dealer({ context }));
    nameless.connect('inproc://ids');
    await nameless.send('y');
    const [generated = Buffer.alloc(0)] = await router.receive();
    expect(generated).toHaveLength(5);
    await router.send([generated, 'to you']);
    expect(texts(await nameless.receive())).toEqual(['to you']);
  });

  it('asks for no security, no heartbeat and no handshake: such options change nothing', async () => {
    const { binder, connecter } = joined(
      { plainServer: true, zapDomain: 'x', heartbeatInterval: 1 },
      { immediate: true, handshakeInterval: 1 },
    );
    await connecter.send('x');
    expect(texts(await binder.receive())).toEqual(['x']);
  });

  it('keeps only the newest message with conflate', async () => {
    const { binder, connecter } = joined({ conflate: true }, { conflate: true });
    for (let i = 0; i < 10; i++) await connecter.send(String(i));
    await turns();
    for (let i = 10; i < 20; i++) await connecter.send(String(i));
    await turns();
    expect(texts(await binder.receive())).toEqual(['19']);
    expect(binder.tryReceive()).toBeUndefined();
  });

  it('refuses a peer of a type that does not fit, tells both sides, and gives it up', async () => {
    const context = new Context();
    const rep = closing(new Reply({ context }));
    const other = closing(new Reply({ context }));
    const repEvents = recordEvents(rep);
    const otherEvents = recordEvents(other);
    await rep.bind('inproc://mismatch');
    other.connect('inproc://mismatch');
    await until(() => otherEvents.length > 0 && repEvents.length > 0);
    for (const events of [repEvents, otherEvents]) {
      expect(events).toMatchObject([
        {
          type: 'handshake:error:protocol',
          address: 'inproc://mismatch',
          error: { code: 'ERR_ZMTP_INVALID_METADATA' },
        },
      ]);
    }
    other.close();
    await other.ended;
  });

  it('tells a monitor of nothing else but the end', async () => {
    const { binder, connecter } = joined();
    const events = [binder, connecter].map(recordEvents);
    await connecter.send('x');
    await binder.receive();
    connecter.close();
    await connecter.ended;
    binder.close();
    await binder.ended;
    await until(() => events.every((list) => countOf(list, 'end') === 1), 'both ends');
    expect(events.map((list) => list.length)).toEqual([1, 1]);
  });
});

describe('inproc high-water marks', () => {
  it.each([
    [10, 10, 20],
    [5, 20, 25],
    [1, 1, 2],
  ])(
    'are added: a sender with %i and a receiver with %i hold %i, whenever they are sent',
    async (sendHighWaterMark, receiveHighWaterMark, sum) => {
      const marks = { sendHighWaterMark, sendTimeout: 0 };
      const { connecter } = joined({ receiveHighWaterMark }, marks);
      expect(await fill(connecter, 100)).toBe(sum); // in one turn
      await turns();
      expect(await fill(connecter, 100)).toBe(0);
      const slow = joined({ receiveHighWaterMark }, marks).connecter;
      let sent = 0;
      for (let i = 0; i < 2 * sum; i++) {
        sent += slow.trySend([Buffer.from('x')]) ? 1 : 0; // each in its turn
        await turns(1);
      }
      expect(sent).toBe(sum);
    },
  );

  it('hold for the bind side as for the connect side', async () => {
    const { binder } = joined(
      { sendHighWaterMark: 3, sendTimeout: 0 },
      { receiveHighWaterMark: 4 },
    );
    await turns();
    expect(await fill(binder, 100)).toBe(7);
  });

  it.each([
    [0, 10],
    [10, 0],
    [0, 0],
  ])('of which one is 0 are none: %i and %i', async (sendHighWaterMark, receiveHighWaterMark) => {
    const { connecter } = joined({ receiveHighWaterMark }, { sendHighWaterMark, sendTimeout: 0 });
    expect(await fill(connecter, 10_000)).toBe(10_000);
    await turns();
    expect(await fill(connecter, 10_000)).toBe(10_000);
  });

  it("are the sender's alone while nobody has bound the name", async () => {
    const context = new Context();
    const connecter = closing(new Dealer({ context, sendHighWaterMark: 10, sendTimeout: 0 }));
    connecter.connect('inproc://nobody');
    expect(await fill(connecter, 100)).toBe(10);
    const binder = closing(new Dealer({ context, receiveHighWaterMark: 5 }));
    await binder.bind('inproc://nobody');
    await turns();
    expect(await fill(connecter, 100)).toBe(5);
  });

  it('changed on a live socket hold for its connections', async () => {
    const { binder, connecter } = joined(
      { receiveHighWaterMark: 2 },
      { sendHighWaterMark: 2, sendTimeout: 0 },
    );
    expect(await fill(connecter, 100)).toBe(4);
    await turns();
    connecter.sendHighWaterMark = 5;
    expect(await fill(connecter, 100)).toBe(3);
    binder.receiveHighWaterMark = 10;
    await turns();
    expect(await fill(connecter, 100)).toBe(8);
  });

  it('make send() wait, and let it go on when the peer reads', async () => {
    const { binder, connecter } = joined({ receiveHighWaterMark: 1 }, { sendHighWaterMark: 1 });
    await connecter.send('0');
    await connecter.send('1');
    let isSent = false;
    const sending = connecter.send('2').then(() => {
      isSent = true;
    });
    await turns();
    expect(isSent).toBe(false);
    for (let i = 0; i < 3; i++) expect(texts(await binder.receive())).toEqual([String(i)]);
    await sending;
  });

  it('of one connection do not hold up another', async () => {
    const context = new Context();
    const binder = closing(new Dealer({ context, receiveHighWaterMark: 2 }));
    await binder.bind('inproc://slow');
    const [slow, quick] = [1, 2].map(() =>
      closing(new Dealer({ context, sendHighWaterMark: 2, sendTimeout: 0 })),
    ) as [Dealer, Dealer]; // two of them
    slow.connect('inproc://slow');
    quick.connect('inproc://slow');
    expect(await fill(slow, 100)).toBe(4);
    await turns();
    await quick.send('quick');
    await turns();
    const got = [texts(await binder.receive()), texts(await binder.receive())];
    expect(got).toContainEqual(['quick']);
  });
});

describe('the end of an inproc connection', () => {
  it('comes after what was sent before close()', async () => {
    const { binder, connecter } = joined({ receiveHighWaterMark: 2 }, { sendHighWaterMark: 100 });
    for (let i = 0; i < 50; i++) await connecter.send(String(i));
    connecter.close();
    await connecter.ended; // everything is the other socket's now
    for (let i = 0; i < 50; i++) expect(texts(await binder.receive())).toEqual([String(i)]);
    expect(binder.writable).toBe(false);
  });

  it('with linger 0 comes at once, and what was not moved over is dropped', async () => {
    const { binder, connecter } = joined({ receiveHighWaterMark: 2 }, { linger: 0 });
    for (let i = 0; i < 10; i++) await connecter.send(String(i));
    await turns();
    connecter.close();
    await connecter.ended;
    expect([texts(await binder.receive()), texts(await binder.receive())]).toEqual([['0'], ['1']]);
    expect(binder.tryReceive()).toBeUndefined();
  });

  it('by disconnect() comes after what was sent, and takes what was not read along', async () => {
    const { binder, connecter } = joined();
    await binder.send('unread');
    await turns();
    expect(connecter.readable).toBe(true);
    await connecter.send('last');
    connecter.disconnect('inproc://joined');
    expect(connecter.readable).toBe(false);
    expect(texts(await binder.receive())).toEqual(['last']);
    await turns();
    expect(binder.writable).toBe(false);
    expect(() => connecter.disconnect('inproc://joined')).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
  });

  it('by the binder is for good: the connecter does not come back to a later bind', async () => {
    const { binder, connecter, context } = joined({}, { sendTimeout: 0 });
    await connecter.send('x');
    await binder.receive();
    binder.close();
    await binder.ended;
    const next = closing(new Dealer({ context }));
    await next.bind('inproc://joined');
    await turns();
    await expect(connecter.send('lost')).rejects.toEqual(EAGAIN);
    connecter.connect('inproc://joined'); // a new connection
    await connecter.send('found');
    expect(texts(await next.receive())).toEqual(['found']);
  });

  it('leaves what the peer had sent to be read', async () => {
    const { binder, connecter } = joined({}, { receiveHighWaterMark: 2 });
    await turns();
    for (let i = 0; i < 10; i++) await binder.send(String(i));
    binder.close();
    await binder.ended;
    for (let i = 0; i < 10; i++) expect(texts(await connecter.receive())).toEqual([String(i)]);
  });

  it('does not come with unbind(): only the name goes', async () => {
    const { binder, connecter, context } = joined();
    await connecter.send('before');
    expect(texts(await binder.receive())).toEqual(['before']);
    await binder.unbind('inproc://joined');
    await connecter.send('after');
    expect(texts(await binder.receive())).toEqual(['after']);
    await binder.send('back');
    expect(texts(await connecter.receive())).toEqual(['back']);
    const other = closing(new Dealer({ context }));
    await other.bind('inproc://joined');
    await binder.send('still me');
    expect(texts(await connecter.receive())).toEqual(['still me']);
    binder.close();
    await binder.ended;
    expect(connecter.writable).toBe(false);
  });

  it('does not come with unbind() in the turn of the connect either', async () => {
    const { binder, connecter } = joined();
    binder.unbindSync('inproc://joined');
    await connecter.send('x');
    expect(texts(await binder.receive())).toEqual(['x']);
    binder.close();
    await binder.ended;
    expect(connecter.writable).toBe(false);
  });

  it('comes to a connecter whose binder closed in the turn of the connect', async () => {
    const { binder, connecter } = joined();
    binder.close();
    await turns();
    expect(connecter.writable).toBe(false);
  });

  it('comes to a connecter that nobody joined: close() with linger 0 waits for nobody', async () => {
    const context = new Context();
    const socket = new Dealer({ context, linger: 0 });
    socket.connect('inproc://nobody');
    await socket.send('never');
    socket.close();
    await socket.ended;
    const late = closing(new Dealer({ context }));
    await late.bind('inproc://nobody');
    await turns();
    expect(late.tryReceive()).toBeUndefined();
    expect(late.writable).toBe(false);
  });

  it('comes after what a closed connecter had sent, when somebody binds the name at last', async () => {
    const context = new Context();
    const socket = new Dealer({ context });
    socket.connect('inproc://at-last');
    await socket.send('last words');
    socket.close();
    await turns();
    const late = closing(new Dealer({ context }));
    await late.bind('inproc://at-last');
    expect(texts(await late.receive())).toEqual(['last words']);
    await socket.ended;
    await turns();
    expect(late.writable).toBe(false);
  });

  it('comes to a closed connecter that nobody joined when its linger is over', async () => {
    const socket = new Dealer({ context: new Context(), linger: 30 });
    socket.connect('inproc://nobody');
    await socket.send('never');
    const start = performance.now();
    socket.close();
    await socket.ended;
    expect(performance.now() - start).toBeGreaterThan(28);
  });

  it('frees the routing id of the peer', async () => {
    const context = new Context();
    const router = closing(new Router({ context, mandatory: true }));
    await router.bind('inproc://unroutable');
    for (let i = 0; i < 3; i++) {
      const dealer = new Dealer({ context, routingId: 'same' });
      dealer.connect('inproc://unroutable');
      await dealer.send('hello');
      expect(texts(await router.receive())).toEqual(['same', 'hello']);
      dealer.close();
      await dealer.ended;
      await turns();
      await expect(router.send(['same', 'x'])).rejects.toMatchObject({ code: 'EHOSTUNREACH' });
    }
  });
});
