/*
 * The draft patterns with libzmq 4.3.5, whose build in the npm package has them (`capability.draft`);
 * Debian's libzmq, and so pyzmq, has not. PEER and CHANNEL are not among the package's classes: they
 * are opened by their numbers, and a PEER that is opened so can only receive.
 */
import {
  Channel,
  Client,
  Dish,
  Gather,
  Peer,
  Radio,
  Scatter,
  Server,
} from '@zscale/transport/draft';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { capability, Socket as TheirSocket } from 'zeromq';
import * as their from 'zeromq/lib/draft.js';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { texts } from '../support/hex.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';

const { draft: hasDrafts = false } = capability;
const BODY_BYTES = 16 * 1024;

const PEER = 19;
const CHANNEL = 20;

/** What npm zeromq's base class can do with any socket type. */
interface Untyped {
  readonly lastEndpoint: string | null;
  bind(endpoint: string): Promise<void>;
  connect(endpoint: string): void;
  close(): void;
  send(message: string): Promise<void>;
  receive(): Promise<Buffer[]>;
}

/** A socket of theirs by its number in zmq.h. */
function openTheir(type: number): Untyped {
  const Base = TheirSocket as unknown as new (type: number) => Untyped; // Its constructor is hidden.
  return closing(new (class extends Base {})(type));
}

function numbered(i: number): Buffer {
  const body = Buffer.alloc(BODY_BYTES);
  body.writeUInt32BE(i);
  return body;
}

interface Endpoints {
  readonly lastEndpoint: string | null;
  bind(endpoint: string): Promise<void>;
  connect(endpoint: string): void;
}

describe.skipIf(!hasDrafts).each(transports)('drafts with libzmq over $name', ({ anywhere }) => {
  async function join(binding: Endpoints, connecting: Endpoints): Promise<void> {
    connecting.connect(await boundTo(binding, anywhere()));
  }

  const binders = [
    { binder: 'ours', oursBinds: true },
    { binder: 'theirs', oursBinds: false },
  ];

  describe.each(binders)('$binder binds', ({ oursBinds }) => {
    async function meet(our: Endpoints, other: Endpoints): Promise<void> {
      if (oursBinds) await join(our, other);
      else await join(other, our);
    }

    it('SERVER of ours answers CLIENTs of theirs by routing id', async () => {
      const server = closing(new Server());
      const clients = [closing(new their.Client()), closing(new their.Client())];
      for (const [i, client] of clients.entries()) {
        await meet(server, client);
        await client.send(String(i));
      }
      for (let i = 0; i < 2; i++) {
        const [frame, from] = await server.receive();
        await server.send(`to ${frame}`, from);
      }
      for (const [i, client] of clients.entries()) {
        expect(String(await client.receive())).toBe(`to ${i}`);
      }
    });

    it('CLIENT of ours talks with a SERVER of theirs', async () => {
      const server = closing(new their.Server());
      const clients = [closing(new Client()), closing(new Client())];
      for (const [i, client] of clients.entries()) {
        await meet(client, server);
        await client.send(String(i));
      }
      for (let i = 0; i < 2; i++) {
        const [frame, from] = await server.receive();
        await server.send(`to ${frame}`, from);
      }
      for (const [i, client] of clients.entries()) {
        expect(texts(await client.receive())).toEqual([`to ${i}`]);
      }
    });

    it('SCATTER of ours sends to a GATHER of theirs, all and in order, beyond the marks', async () => {
      const scatter = closing(new Scatter({ sendHighWaterMark: 10 }));
      const gather = closing(new their.Gather({ receiveHighWaterMark: 10 }));
      await meet(scatter, gather);
      const sending = (async () => {
        for (let i = 0; i < 500; i++) await scatter.send(numbered(i));
      })();
      for (let i = 0; i < 500; i++) expect((await gather.receive())[0].readUInt32BE(0)).toBe(i);
      await sending;
    });

    it('GATHER of ours takes from a SCATTER of theirs, all and in order, beyond the marks', async () => {
      const gather = closing(new Gather({ receiveHighWaterMark: 10 }));
      const scatter = closing(new their.Scatter({ sendHighWaterMark: 10 }));
      await meet(gather, scatter);
      const sending = (async () => {
        for (let i = 0; i < 500; i++) await scatter.send(numbered(i));
      })();
      for (let i = 0; i < 500; i++) expect((await gather.receive())[0].readUInt32BE(0)).toBe(i);
      await sending;
    });

    it('RADIO of ours is heard by a DISH of theirs in its groups, until it leaves them', async () => {
      const radio = closing(new Radio());
      const dish = closing(new their.Dish());
      dish.join('news', 'sport');
      await meet(radio, dish);
      let heard: string[] = [];
      const listening = (async () => {
        for await (const [frame, { group }] of dish) heard.push(`${group} ${frame}`);
      })();
      await until(async () => {
        await radio.send('?', { group: 'news' });
        await radio.send('?', { group: 'sport' });
        return new Set(heard).size === 2;
      }, 'both JOINs to arrive');
      await radio.send('not for it', { group: 'new' });
      await radio.send('!', { group: 'news' });
      await until(() => heard.at(-1) === 'news !', 'the last message');
      expect(new Set(heard)).toEqual(new Set(['news ?', 'sport ?', 'news !']));
      dish.leave('news');
      heard = [];
      await until(async () => {
        await radio.send('end', { group: 'sport' });
        return heard.includes('sport end');
      }, 'a message after LEAVE');
      expect(heard).not.toContain('news end');
      dish.close();
      await listening;
    });

    it('DISH of ours hears a RADIO of theirs in its groups, until it leaves them', async () => {
      const dish = closing(new Dish());
      const radio = closing(new their.Radio());
      dish.join('early');
      await meet(dish, radio);
      dish.join('late');
      const heard: string[] = [];
      const listening = (async () => {
        for await (const [frame, { group }] of dish) heard.push(`${group} ${frame}`);
      })();
      await until(async () => {
        for (const group of ['early', 'late', 'never']) await radio.send('?', { group });
        return new Set(heard).size === 2;
      }, 'both JOINs to arrive');
      expect(new Set(heard)).toEqual(new Set(['early ?', 'late ?']));
      expect(dish.discarded).toBe(0); // Theirs sent nothing of the third.
      dish.leave('early');
      await until(async () => {
        const before = dish.discarded;
        heard.length = 0;
        await radio.send('2', { group: 'early' });
        await radio.send('2', { group: 'late' });
        await until(() => heard.includes('late 2'), 'the group that is left');
        return dish.discarded === before; // What comes before LEAVE arrived there is thrown away here.
      }, 'LEAVE to arrive');
      expect(heard).not.toContain('early 2');
      dish.close();
      await listening;
    });

    it('CHANNEL of ours talks with one of theirs', async () => {
      const ours = closing(new Channel());
      const theirs = openTheir(CHANNEL);
      await meet(ours, theirs);
      for (let i = 0; i < 100; i++) {
        await ours.send(`ping ${i}`);
        expect(String(await theirs.receive())).toBe(`ping ${i}`);
        await theirs.send(`pong ${i}`);
        expect(texts(await ours.receive())).toEqual([`pong ${i}`]);
      }
    });
  });

  it('PEER of ours sends to one of theirs that it connected to', async () => {
    const theirs = openTheir(PEER);
    const ours = closing(new Peer());
    const routingId = ours.connectPeer(await boundTo(theirs, anywhere()));
    for (let i = 0; i < 100; i++) await ours.send(String(i), { routingId });
    for (let i = 0; i < 100; i++) expect(String(await theirs.receive())).toBe(String(i));
  });

  it('CLIENT of ours goes on with a SERVER of theirs that was restarted', async () => {
    const client = closing(new Client({ reconnectInterval: 1 }));
    let endpoint = anywhere();
    for (const name of ['first', 'second']) {
      const server = closing(new their.Server({ linger: 0 }));
      await until(async () => {
        await server.bind(endpoint); // The address is taken until the one before has let go.
        return true;
      }, 'the address to be free');
      if (name === 'first') client.connect(server.lastEndpoint ?? '');
      endpoint = server.lastEndpoint ?? '';
      const receiving = server.receive();
      let isHeard = false;
      receiving.then(
        () => {
          isHeard = true;
        },
        () => {}, // The test fails at `await receiving`.
      );
      await until(async () => {
        if (!isHeard) await client.send(name); // What went into a broken connection is lost.
        return isHeard;
      }, `the ${name} server to hear`);
      const [frame, from] = await receiving;
      expect(String(frame)).toBe(name);
      await server.send('ok', from);
      expect(texts(await client.receive())).toEqual(['ok']);
      server.close();
    }
  });

  it('DISH of ours is in its groups again at a RADIO of theirs that was restarted', async () => {
    const dish = closing(new Dish({ reconnectInterval: 1 }));
    dish.join('g');
    let endpoint = anywhere();
    for (const name of ['first', 'second']) {
      const radio = closing(new their.Radio({ linger: 0 }));
      await until(async () => {
        await radio.bind(endpoint); // The address is taken until the one before has let go.
        return true;
      }, 'the address to be free');
      if (name === 'first') dish.connect(radio.lastEndpoint ?? '');
      endpoint = radio.lastEndpoint ?? '';
      let heard = '';
      const hearing = (async () => {
        while (heard !== name) heard = String((await dish.receive())[0]);
      })();
      await until(async () => {
        await radio.send(name, { group: 'g' });
        return heard === name;
      }, `to hear the ${name}`);
      await hearing;
      radio.close();
    }
  });
});

it('the draft classes have the types of npm zeromq', () => {
  expectTypeOf<Server['send']>().toEqualTypeOf<their.Server['send']>();
  expectTypeOf<Server['receive']>().toEqualTypeOf<their.Server['receive']>();
  expectTypeOf<Client['send']>().toEqualTypeOf<their.Client['send']>();
  expectTypeOf<Client['receive']>().toEqualTypeOf<their.Client['receive']>();
  expectTypeOf<Radio['send']>().toEqualTypeOf<their.Radio['send']>();
  expectTypeOf<Dish['receive']>().toEqualTypeOf<their.Dish['receive']>();
  expectTypeOf<Dish['join']>().toEqualTypeOf<their.Dish['join']>();
  expectTypeOf<Dish['leave']>().toEqualTypeOf<their.Dish['leave']>();
  expectTypeOf<Gather['receive']>().toEqualTypeOf<their.Gather['receive']>();
  expectTypeOf<Gather['conflate']>().toEqualTypeOf<their.Gather['conflate']>();
  expectTypeOf<Scatter['send']>().toEqualTypeOf<their.Scatter['send']>();
  expectTypeOf<Scatter['conflate']>().toEqualTypeOf<their.Scatter['conflate']>();
  expectTypeOf<Client>().not.toHaveProperty('conflate');
  expectTypeOf<Radio>().not.toHaveProperty('receive');
  expectTypeOf<Radio>().not.toHaveProperty('receiveTimeout');
  expectTypeOf<Dish>().not.toHaveProperty('send');
  expectTypeOf<Gather>().not.toHaveProperty('send');
  expectTypeOf<Scatter>().not.toHaveProperty('receive');
});
