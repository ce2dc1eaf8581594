/*
 * PUSH, PULL, PAIR and the drafts with ours at both ends, over every transport, inproc included,
 * which no raw peer and no libzmq can reach.
 */
import { Pair, Pull, Push } from '@zscale/transport';
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
import { describe, expect, it } from 'vitest';
import { closing } from '../../support/closing.ts';
import { freshIpc, freshTcp } from '../../support/endpoints.ts';
import { texts } from '../../support/hex.ts';
import { until } from '../../support/until.ts';

let names = 0;

const transports = [
  { name: 'tcp', fresh: freshTcp },
  { name: 'ipc', fresh: async () => freshIpc() },
  {
    name: 'inproc',
    fresh: async () => {
      names += 1;
      return `inproc://both-ends-${names}`;
    },
  },
];

const MESSAGES = 500;

interface Binder {
  bind(endpoint: string): Promise<void>;
}
interface Connecter {
  connect(endpoint: string): void;
}

describe.each(transports)('over $name', ({ fresh }) => {
  const orders = [
    { order: 'bind before connect', bindsFirst: true },
    { order: 'connect before bind', bindsFirst: false },
  ];

  describe.each(orders)('$order', ({ bindsFirst }) => {
    async function meet(binder: Binder, connecter: Connecter): Promise<string> {
      const endpoint = await fresh();
      if (!bindsFirst) connecter.connect(endpoint);
      await binder.bind(endpoint);
      if (bindsFirst) connecter.connect(endpoint);
      return endpoint;
    }

    it('PUSH gives PULL everything in order, beyond the high-water marks', async () => {
      const push = closing(new Push({ sendHighWaterMark: 10, reconnectInterval: 1 }));
      const pull = closing(new Pull({ receiveHighWaterMark: 10 }));
      await meet(pull, push);
      const sending = (async () => {
        for (let i = 0; i < MESSAGES; i++) await push.send([String(i), 'tail']);
      })();
      for (let i = 0; i < MESSAGES; i++) {
        expect(texts(await pull.receive())).toEqual([String(i), 'tail']);
      }
      await sending;
    });

    it('PAIR talks with PAIR, both when they like', async () => {
      const left = closing(new Pair({ sendHighWaterMark: 10, receiveHighWaterMark: 10 }));
      const right = closing(
        new Pair({ sendHighWaterMark: 10, receiveHighWaterMark: 10, reconnectInterval: 1 }),
      );
      await meet(left, right);
      for (const [from, to] of [
        [left, right],
        [right, left],
      ] as const) {
        const sending = (async () => {
          for (let i = 0; i < MESSAGES; i++) await from.send(String(i));
        })();
        for (let i = 0; i < MESSAGES; i++) expect(texts(await to.receive())).toEqual([String(i)]);
        await sending;
      }
    });

    it('CHANNEL talks with CHANNEL', async () => {
      const left = closing(new Channel());
      const right = closing(new Channel({ reconnectInterval: 1 }));
      await meet(left, right);
      await left.send('1');
      await right.send('2');
      expect(texts(await left.receive())).toEqual(['2']);
      expect(texts(await right.receive())).toEqual(['1']);
    });

    it('SCATTER gives GATHER everything in order', async () => {
      const scatter = closing(new Scatter({ reconnectInterval: 1 }));
      const gather = closing(new Gather());
      await meet(gather, scatter);
      for (let i = 0; i < MESSAGES; i++) await scatter.send(String(i));
      for (let i = 0; i < MESSAGES; i++) expect(texts(await gather.receive())).toEqual([String(i)]);
    });

    it('CLIENT asks, SERVER answers', async () => {
      const server = closing(new Server());
      const client = closing(new Client({ reconnectInterval: 1 }));
      await meet(server, client);
      for (let i = 0; i < 10; i++) {
        await client.send(String(i));
        const [frame, from] = await server.receive();
        await server.send(`to ${frame}`, from);
        expect(texts(await client.receive())).toEqual([`to ${i}`]);
      }
    });

    it('PEER speaks first to PEER, which answers', async () => {
      const endpoint = await fresh();
      const [bound, peer] = [closing(new Peer()), closing(new Peer({ reconnectInterval: 1 }))];
      if (bindsFirst) await bound.bind(endpoint);
      const routingId = peer.connectPeer(endpoint);
      if (!bindsFirst) await bound.bind(endpoint);
      await peer.send('1', { routingId });
      const [frame, from] = await bound.receive();
      await bound.send(`${frame}!`, from);
      expect(await peer.receive()).toEqual([Buffer.from('1!'), { routingId }]);
    });

    it('RADIO reaches the DISHes of a group, joined before and after, until they leave', async () => {
      const radio = closing(new Radio());
      const dish = closing(new Dish({ reconnectInterval: 1 }));
      const other = closing(new Dish({ reconnectInterval: 1 }));
      dish.join('early');
      other.join('other');
      other.connect(await meet(radio, dish));
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
      dish.leave('early', 'late');
      heard.length = 0;
      await until(async () => {
        await radio.send('!', { group: 'early' });
        await radio.send('!', { group: 'other' });
        return other.readable;
      }, 'the other to hear');
      expect([heard, other.discarded]).toEqual([[], 0]);
      dish.close();
      await listening;
    });
  });

  it('a PAIR goes on with the second in line when the first has left', async () => {
    const endpoint = await fresh();
    const bound = closing(new Pair());
    await bound.bind(endpoint);
    const [first, second] = [new Pair(), closing(new Pair())];
    first.connect(endpoint);
    await first.send('1');
    expect(texts(await bound.receive())).toEqual(['1']);
    second.connect(endpoint);
    await until(() => bound.waitingPeers === 1, 'the second to wait');
    await second.send('2');
    first.close();
    expect(texts(await bound.receive())).toEqual(['2']);
    await bound.send('3');
    expect(texts(await second.receive())).toEqual(['3']);
  });

  it('with conflate, PULL gets the last of what waited', async () => {
    const endpoint = await fresh();
    const push = closing(new Push({ conflate: true, reconnectInterval: 1 }));
    const pull = closing(new Pull({ conflate: true }));
    push.connect(endpoint);
    for (let i = 0; i < 10; i++) await push.send(String(i));
    await pull.bind(endpoint);
    expect(texts(await pull.receive())).toEqual(['9']);
  });

  it('what was sent before close() arrives', async () => {
    const endpoint = await fresh();
    const pull = closing(new Pull());
    await pull.bind(endpoint);
    const push = new Push({ sendHighWaterMark: 0 });
    push.connect(endpoint);
    for (let i = 0; i < MESSAGES; i++) await push.send(String(i));
    push.close();
    for (let i = 0; i < MESSAGES; i++) expect(texts(await pull.receive())).toEqual([String(i)]);
  });
});
