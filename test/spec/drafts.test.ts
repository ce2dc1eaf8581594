/*
 * The draft patterns on the wire: CLIENT and SERVER (RFC 41), RADIO and DISH (RFC 48), SCATTER and
 * GATHER (RFC 49), PEER (RFC 51) and CHANNEL (RFC 52).
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
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { Handshakes } from '../support/handshakes.ts';
import { hex, texts } from '../support/hex.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';
import { GREETING } from '../support/vectors.ts';

/** READY commands, without properties beside the type (RFC 37, NULL). */
const READY = {
  SERVER: '04 1c 05 5245414459 0b 536f636b65742d54797065 00000006 534552564552',
  CLIENT: '04 1c 05 5245414459 0b 536f636b65742d54797065 00000006 434c49454e54',
  RADIO: '04 1b 05 5245414459 0b 536f636b65742d54797065 00000005 524144494f',
  DISH: '04 1a 05 5245414459 0b 536f636b65742d54797065 00000004 44495348',
  GATHER: '04 1c 05 5245414459 0b 536f636b65742d54797065 00000006 474154484552',
  SCATTER: '04 1d 05 5245414459 0b 536f636b65742d54797065 00000007 53434154544552',
  PEER: '04 1a 05 5245414459 0b 536f636b65742d54797065 00000004 50454552',
  CHANNEL: '04 1d 05 5245414459 0b 536f636b65742d54797065 00000007 4348414e4e454c',
} as const;

const PING = '04 07 04 50494e47 0000';
const PONG = '04 05 04 504f4e47';
/** `[g][x]` as RADIO sends it. */
const MESSAGE_G_X = '0101 67 0001 78';
const JOIN_G = '04 06 04 4a4f494e 67';
const LEAVE_G = '04 07 05 4c45415645 67';
const JOIN_H = '04 06 04 4a4f494e 68';

async function greeted(endpoint: string, type: keyof typeof READY): Promise<RawPeer> {
  const peer = await RawPeer.connect(endpoint);
  await peer.greet(READY[type]);
  return peer;
}

async function accepted(listener: RawListener, type: keyof typeof READY): Promise<RawPeer> {
  const peer = await listener.accept();
  await peer.greet(READY[type]);
  return peer;
}

/** All that was sent on this connection before is known to the other side when this resolves. */
async function settled(peer: RawPeer): Promise<void> {
  peer.write(PING);
  await peer.expectBytes(PONG);
}

describe.each(transports)('drafts over $name', ({ anywhere, fresh }) => {
  const all = [
    { type: 'SERVER', open: () => new Server(), fits: 'CLIENT', foreign: 'SERVER' },
    { type: 'CLIENT', open: () => new Client(), fits: 'SERVER', foreign: 'PEER' },
    { type: 'RADIO', open: () => new Radio(), fits: 'DISH', foreign: 'RADIO' },
    { type: 'DISH', open: () => new Dish(), fits: 'RADIO', foreign: 'GATHER' },
    { type: 'GATHER', open: () => new Gather(), fits: 'SCATTER', foreign: 'RADIO' },
    { type: 'SCATTER', open: () => new Scatter(), fits: 'GATHER', foreign: 'DISH' },
    { type: 'PEER', open: () => new Peer(), fits: 'PEER', foreign: 'CLIENT' },
    { type: 'CHANNEL', open: () => new Channel(), fits: 'CHANNEL', foreign: 'SERVER' },
  ] as const;

  it.each(all)('$type announces itself and talks to $fits', async ({ type, open, fits }) => {
    const socket = closing(open());
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    expect(await peer.greet(READY[fits])).toEqual(hex(READY[type]));
    await settled(peer);
  });

  it.each(all)('$type talks to no $foreign', async ({ open, foreign }) => {
    const socket = closing(open());
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    peer.write(GREETING, READY[foreign]);
    await peer.expectClosed();
  });

  it.each(all)(
    '$type connected twice to the same endpoint connects twice',
    async ({ open, fits }) => {
      const listener = await RawListener.listen(await fresh());
      const socket = closing(open());
      socket.connect(listener.endpoint);
      socket.connect(listener.endpoint);
      await accepted(listener, fits);
      await accepted(listener, fits);
    },
  );

  describe('CLIENT', () => {
    it('SHALL send to its servers in turn and take from them in turn, one frame each', async () => {
      const socket = closing(new Client());
      const handshakes = new Handshakes(socket);
      const endpoint = await boundTo(socket, anywhere());
      const peers = [await greeted(endpoint, 'SERVER'), await greeted(endpoint, 'SERVER')];
      await handshakes.reach(2);
      for (let i = 0; i < 4; i++) await socket.send(String(i));
      const shares = await Promise.all(peers.map(async (peer) => String(await peer.take(6))));
      expect(shares.map((share) => share.replaceAll(/[^0-9]/g, '')).toSorted()).toEqual([
        '02',
        '13',
      ]);
      for (const [i, peer] of peers.entries()) {
        peer.write(`0001 3${i}`, `0101 61 0001 62`, `0001 3${i}`);
        await settled(peer);
      }
      const got: string[] = [];
      for (let i = 0; i < 4; i++) got.push(...texts(await socket.receive()));
      expect([got.slice(0, 2).toSorted(), got.slice(2).toSorted()]).toEqual([
        ['0', '1'],
        ['0', '1'],
      ]);
      expect([socket.readable, socket.discarded]).toEqual([false, 2]);
    });

    it('with nobody there, waits with a message until a server comes; EAGAIN after sendTimeout', async () => {
      const socket = closing(new Client({ sendTimeout: 0 }));
      const endpoint = await boundTo(socket, anywhere());
      await expect(socket.send('x')).rejects.toMatchObject({ code: 'EAGAIN' });
      socket.sendTimeout = -1;
      const sent = socket.send('y');
      await (await greeted(endpoint, 'SERVER')).expectBytes('0001 79');
      await sent;
    });
  });

  describe.each([
    { type: 'SERVER', open: () => new Server(), fits: 'CLIENT' },
    { type: 'PEER', open: () => new Peer(), fits: 'PEER' },
  ] as const)('$type', ({ open, fits }) => {
    it('SHALL answer each peer by the routing id that came with its message', async () => {
      const socket = closing(open());
      const endpoint = await boundTo(socket, anywhere());
      const peers = [await greeted(endpoint, fits), await greeted(endpoint, fits)];
      for (const [i, peer] of peers.entries()) peer.write(`0101 61 0001 62`, `0001 3${i}`);
      for (let i = 0; i < 2; i++) {
        const [frame, { routingId }] = await socket.receive();
        await socket.send(`to ${frame}`, { routingId });
      }
      for (const [i, peer] of peers.entries()) {
        await peer.expectBytes('0004', Buffer.from(`to ${i}`).toString('hex'));
      }
      expect(socket.discarded).toBe(2);
    });

    it('SHALL tell with EHOSTUNREACH that a peer is gone; a new connection has a new routing id', async () => {
      const socket = closing(open());
      const endpoint = await boundTo(socket, anywhere());
      const ids: number[] = [];
      for (let i = 0; i < 3; i++) {
        const peer = await greeted(endpoint, fits);
        peer.write('0001 78');
        const [, { routingId }] = await socket.receive();
        ids.push(routingId);
        peer.close();
        await until(() => socket.peerInfo(routingId) === undefined, 'the peer to be gone');
        await expect(socket.send('x', { routingId })).rejects.toMatchObject({
          code: 'EHOSTUNREACH',
        });
      }
      expect(new Set(ids).size).toBe(3);
    });

    it('waits while that peer is full, and goes on when it reads', async () => {
      const socket = closing(open());
      socket.sendHighWaterMark = 2;
      socket.sendTimeout = 0;
      const peer = await greeted(await boundTo(socket, anywhere()), fits);
      peer.write('0001 78');
      const [, to] = await socket.receive();
      peer.pause();
      const body = Buffer.alloc(64 * 1024);
      let sent = 0;
      const flood = async (): Promise<void> => {
        for (; sent < 1024; sent++) {
          await socket.send(body, to);
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      await expect(flood()).rejects.toMatchObject({ code: 'EAGAIN' });
      socket.sendTimeout = -1;
      const last = socket.send('z', to);
      peer.resume();
      for (let i = 0; i < sent; i++) expect((await peer.takeFrame()).length).toBe(9 + body.length);
      await last;
      await peer.expectBytes('0001 7a');
    });
  });

  describe('PEER', () => {
    it('speaks first to whom it connects to, and knows it again when it is back', async () => {
      const endpoint = await fresh();
      const socket = closing(new Peer({ reconnectInterval: 1 }));
      const routingId = socket.connectPeer(endpoint);
      await socket.send('1', { routingId });
      const listener = await RawListener.listen(endpoint);
      const peer = await accepted(listener, 'PEER');
      await peer.expectBytes('0001 31');
      peer.write('0001 61');
      expect(await socket.receive()).toEqual([Buffer.from('a'), { routingId }]);
      peer.close();
      const again = await accepted(listener, 'PEER');
      again.write('0001 62');
      expect(await socket.receive()).toEqual([Buffer.from('b'), { routingId }]);
      await socket.send('2', { routingId });
      await again.expectBytes('0001 32');
    });
  });

  describe('SCATTER and GATHER', () => {
    it('SHALL deal to peers in turn, one frame each; with nobody there it waits', async () => {
      const socket = closing(new Scatter({ sendTimeout: 0 }));
      const handshakes = new Handshakes(socket);
      const endpoint = await boundTo(socket, anywhere());
      await expect(socket.send('x')).rejects.toMatchObject({ code: 'EAGAIN' });
      const peers = [await greeted(endpoint, 'GATHER'), await greeted(endpoint, 'GATHER')];
      await handshakes.reach(2);
      for (let i = 0; i < 4; i++) await socket.send(String(i));
      const shares = await Promise.all(peers.map(async (peer) => String(await peer.take(6))));
      expect(shares.map((share) => share.replaceAll(/[^0-9]/g, '')).toSorted()).toEqual([
        '02',
        '13',
      ]);
    });

    it('SHALL take from peers in turn, and discards messages of more than one frame', async () => {
      const socket = closing(new Gather());
      const endpoint = await boundTo(socket, anywhere());
      for (const name of ['61', '62']) {
        const peer = await greeted(endpoint, 'SCATTER');
        peer.write(`0001 ${name}`, '0101 78 0001 79', `0001 ${name}`);
        await settled(peer);
      }
      const got: string[] = [];
      for (let i = 0; i < 4; i++) got.push(...texts(await socket.receive()));
      expect(new Set(got.slice(0, 2))).toEqual(new Set(['a', 'b']));
      expect(got.slice(2)).toEqual(got.slice(0, 2));
      expect([socket.readable, socket.discarded]).toEqual([false, 2]);
    });
  });

  describe('CHANNEL', () => {
    it('talks with one peer in frames, and with the next when that one left', async () => {
      const socket = closing(new Channel());
      const handshakes = new Handshakes(socket);
      const endpoint = await boundTo(socket, anywhere());
      const first = await greeted(endpoint, 'CHANNEL');
      await handshakes.reach(1);
      const second = await greeted(endpoint, 'CHANNEL');
      await handshakes.reach(2);
      await socket.send('1');
      await first.expectBytes('0001 31');
      second.write('0001 62');
      first.write('0101 78 0001 79', '0001 61');
      expect(texts(await socket.receive())).toEqual(['a']);
      first.close();
      expect(texts(await socket.receive())).toEqual(['b']);
      await socket.send('2');
      await second.expectBytes('0001 32');
      expect(socket.discarded).toBe(1);
    });
  });

  describe('RADIO', () => {
    it('SHALL send group and body as two frames to those who have joined, and to no others', async () => {
      const socket = closing(new Radio());
      const endpoint = await boundTo(socket, anywhere());
      const member = await greeted(endpoint, 'DISH');
      const other = await greeted(endpoint, 'DISH');
      member.write(JOIN_G);
      other.write(JOIN_H);
      await settled(member);
      await settled(other);
      await socket.send('x', { group: 'g' });
      await socket.send('y', { group: 'gg' });
      await socket.send('', { group: 'h' });
      await member.expectBytes(MESSAGE_G_X);
      await other.expectBytes('0101 68 0000');
      await settled(member); // Nothing else came before this.
      await settled(other);
    });

    it('SHALL send nothing more after LEAVE', async () => {
      const socket = closing(new Radio());
      const peer = await greeted(await boundTo(socket, anywhere()), 'DISH');
      peer.write(JOIN_G);
      await settled(peer);
      await socket.send('x', { group: 'g' });
      await peer.expectBytes(MESSAGE_G_X);
      peer.write(LEAVE_G);
      await settled(peer);
      await socket.send('x', { group: 'g' });
      await settled(peer);
    });

    it('takes groups of 0 and of 255 bytes', async () => {
      const socket = closing(new Radio());
      const peer = await greeted(await boundTo(socket, anywhere()), 'DISH');
      peer.write('04 05 04 4a4f494e', '06 0000000000000104 04 4a4f494e', 'aa'.repeat(255));
      await settled(peer);
      await socket.send('x', { group: '' });
      await socket.send('y', { group: Buffer.alloc(255, 0xaa) });
      await peer.expectBytes('0100 0001 78', '01ff', 'aa'.repeat(255), '0001 79');
    });

    it('SHALL drop messages for a peer that is full, and never wait', async () => {
      const socket = closing(new Radio({ sendHighWaterMark: 2 }));
      const peer = await greeted(await boundTo(socket, anywhere()), 'DISH');
      peer.write(JOIN_G);
      await settled(peer);
      peer.pause();
      const body = Buffer.alloc(64 * 1024);
      let sent = 0;
      while (socket.dropped < 10) {
        await socket.send(body, { group: 'g' });
        sent += 1;
        await new Promise((resolve) => setImmediate(resolve));
      }
      peer.resume();
      for (let i = 0; i < sent - 10; i++) {
        expect(String(await peer.takeFrame())).toBe('\u0001\u0001g');
        expect((await peer.takeFrame()).length).toBe(9 + body.length);
      }
      await settled(peer);
    });
  });

  describe('DISH', () => {
    it('SHALL tell a RADIO its groups with JOIN and LEAVE', async () => {
      const socket = closing(new Dish());
      socket.join('g');
      const peer = await greeted(await boundTo(socket, anywhere()), 'RADIO');
      await peer.expectBytes(JOIN_G);
      socket.join('h');
      socket.leave('g');
      await peer.expectBytes(JOIN_H, LEAVE_G);
    });

    it('SHALL tell every new connection the groups it is in then', async () => {
      const listener = await RawListener.listen(await fresh());
      const socket = closing(new Dish({ reconnectInterval: 1 }));
      socket.connect(listener.endpoint);
      socket.join('g');
      const peer = await accepted(listener, 'RADIO');
      await peer.expectBytes(JOIN_G);
      peer.close();
      await new Promise<void>((resolve) => socket.events.on('connect:retry', () => resolve()));
      socket.join('h');
      socket.leave('g');
      const again = await accepted(listener, 'RADIO');
      await again.expectBytes(JOIN_H);
      await settled(again); // Nothing else came before this.
    });

    it('gives body and group, and nothing of groups it is not in', async () => {
      const socket = closing(new Dish());
      socket.join('g');
      const peer = await greeted(await boundTo(socket, anywhere()), 'RADIO');
      await peer.expectBytes(JOIN_G);
      peer.write('0102 6767 0001 79', MESSAGE_G_X, '0100 0001 7a', MESSAGE_G_X);
      for (let i = 0; i < 2; i++) {
        expect(await socket.receive()).toEqual([Buffer.from('x'), { group: Buffer.from('g') }]);
      }
      expect(socket.discarded).toBe(2);
    });

    it.each([
      { frames: 1, bytes: '0001 67' },
      { frames: 3, bytes: '0101 67 0101 78 0001 79' },
    ])('ends a connection on which a message of $frames frames came', async ({ bytes }) => {
      const socket = closing(new Dish());
      socket.join('g');
      const peer = await greeted(await boundTo(socket, anywhere()), 'RADIO');
      await peer.expectBytes(JOIN_G);
      const received = socket.receive();
      peer.write(bytes, MESSAGE_G_X);
      await peer.expectClosed();
      const other = await greeted(socket.lastEndpoint ?? '', 'RADIO');
      other.write('0101 67 0001 7a');
      expect(String((await received)[0])).toBe('z');
    });
  });
});
