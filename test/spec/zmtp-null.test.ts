/*
 * ZMTP 3.1 (RFC 37), section "The NULL mechanism": READY both ways, or ERROR.
 */
import { Dealer, Reply, Request, Router } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { hex, texts } from '../support/hex.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { countOf, type RecordedEvent, recordEvents } from '../support/recorded-events.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';
import { GREETING, READY, READY_DEALER_CLIENT_1 } from '../support/vectors.ts';

const HELLO = '00 05 48656c6c6f';
const CLASSES = { REQ: Request, REP: Reply, DEALER: Dealer, ROUTER: Router } as const;

/** RFC 37: which types may talk to which, of those a READY in this file can announce. */
const PEERS = {
  REQ: ['REP', 'ROUTER'],
  REP: ['REQ', 'DEALER'],
  DEALER: ['REP', 'DEALER', 'ROUTER'],
  ROUTER: ['REQ', 'DEALER', 'ROUTER'],
} as const;

type OwnType = keyof typeof CLASSES;
const ownTypes = Object.keys(CLASSES) as OwnType[]; // Keys of the table above.
const wireTypes = Object.keys(READY) as Array<keyof typeof READY>; // Keys of the vectors.
const isPeer = (own: OwnType, peer: string): boolean => PEERS[own].some((type) => type === peer);
const matches = ownTypes.flatMap((own) =>
  wireTypes.filter((peer) => isPeer(own, peer)).map((peer) => ({ own, peer })),
);
const mismatches = ownTypes.flatMap((own) =>
  wireTypes.filter((peer) => !isPeer(own, peer)).map((peer) => ({ own, peer })),
);

const error = (reason: string): string =>
  `04 ${(7 + reason.length).toString(16).padStart(2, '0')} 05 4552524f52 ` +
  `${reason.length.toString(16).padStart(2, '0')} ${Buffer.from(reason).toString('hex')}`;

/** Answers the READY of the socket under test with something else than READY. */
async function answerReady(peer: RawPeer, answer: string): Promise<void> {
  peer.write(GREETING);
  await peer.take(64);
  await peer.takeFrame();
  peer.write(answer);
}

describe.each(transports)('NULL handshake over $name', ({ anywhere, fresh }) => {
  async function boundDealer(): Promise<{
    socket: Dealer;
    endpoint: string;
    events: RecordedEvent[];
  }> {
    const socket = closing(new Dealer());
    const events = recordEvents(socket);
    return { socket, endpoint: await boundTo(socket, anywhere()), events };
  }

  it.each(ownTypes)('sends READY with Socket-Type, and Identity where %s has one', async (type) => {
    const socket = closing(new CLASSES[type]());
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    peer.write(GREETING);
    await peer.take(64);
    await peer.expectBytes(READY[type]);
  });

  it('sends the same READY from a socket that connects', async () => {
    const listener = await RawListener.listen(await fresh());
    closing(new Request()).connect(listener.endpoint);
    const peer = await listener.accept();
    peer.write(GREETING);
    await peer.take(64);
    await peer.expectBytes(READY.REQ);
  });

  it('announces its routing id as Identity', async () => {
    const socket = closing(new Dealer({ routingId: 'client-1' }));
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    peer.write(GREETING);
    await peer.take(64);
    await peer.expectBytes(READY_DEALER_CLIENT_1);
  });

  it('announces no Identity as REP, even with a routing id', async () => {
    const socket = closing(new Reply({ routingId: 'rep-1' }));
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    peer.write(GREETING);
    await peer.take(64);
    await peer.expectBytes(READY.REP);
  });

  it('announces the X- properties it was given, behind its own', async () => {
    const socket = closing(new Reply({ metadata: { 'X-a': 'hi' } }));
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    peer.write(GREETING);
    await peer.take(64);
    await peer.expectBytes(READY.REP.replace('04 19', '04 23'), '03 582d61 00000002 6869');
  });

  it('exposes the X- properties of a peer to the application', async () => {
    const socket = closing(new Router());
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    await peer.greet(`${READY.REQ.replace('04 26', '04 30')} 03 582d61 00000002 6869`);
    peer.write('0100 000178');
    const [id = Buffer.alloc(0)] = await socket.receive();
    const { socketType, metadata, version } = socket.peerInfo(id) ?? {};
    expect([socketType, metadata?.get('X-a')?.toString(), version]).toEqual(['REQ', 'hi', '3.1']);
  });

  it('tells of the handshake once READY went both ways', async () => {
    const { endpoint, events } = await boundDealer();
    await RawPeer.greeted(endpoint, 'DEALER');
    await until(() => countOf(events, 'handshake') === 1, 'handshake');
  });

  it.each([
    [
      'properties it does not know',
      `${READY.REP.replace('04 19', '04 23')} 03 582d61 00000002 6869`,
    ],
    [
      'Identity in front of Socket-Type',
      '04 29 05 5245414459 08 4964656e74697479 00000000 0b 536f636b65742d54797065 00000006 4445414c4552',
    ],
    ['no properties at all', '04 06 05 5245414459'],
    [
      'a property name in the wrong case, which is then unknown',
      '04 19 05 5245414459 0b 736f636b65742d74797065 00000003 505542',
    ],
    [
      'Resource, which RFC 37 has and nobody sends',
      `${READY.REP.replace('04 19', '04 28')} 08 5265736f75726365 00000002 2f61`,
    ],
  ])('accepts READY with %s', async (_, ready) => {
    const { socket, endpoint } = await boundDealer();
    const peer = await RawPeer.connect(endpoint);
    await peer.greet(ready);
    peer.write(HELLO);
    expect(texts(await socket.receive())).toEqual(['Hello']);
  });

  it.each([
    ['in the long form', READY.REP.replace('04 19', '06 0000000000000019')],
    ['in a frame that is no command', READY.REP.replace('04 19', '00 19')],
    ['in a command frame with MORE', READY.REP.replace('04 19', '05 19')],
  ])('accepts READY %s, as libzmq does', async (_, ready) => {
    const { socket, endpoint } = await boundDealer();
    const peer = await RawPeer.connect(endpoint);
    await peer.greet(ready);
    peer.write(HELLO);
    expect(texts(await socket.receive())).toEqual(['Hello']);
  });

  it.each(matches)('$own shakes hands with $peer', async ({ own, peer: type }) => {
    const socket = closing(new CLASSES[own]());
    const events = recordEvents(socket);
    await RawPeer.greeted(await boundTo(socket, anywhere()), type);
    await until(() => countOf(events, 'handshake') === 1, 'handshake');
  });

  it.each(mismatches)('$own closes the connection of a $peer', async ({ own, peer: type }) => {
    const socket = closing(new CLASSES[own]());
    const events = recordEvents(socket);
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    peer.write(GREETING, READY[type]);
    await peer.expectClosed();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    expect(countOf(events, 'handshake')).toBe(0);
  });

  it.each([
    ['a type nobody knows', '04 19 05 5245414459 0b 536f636b65742d54797065 00000003 464f4f'],
    ['an empty type', '04 16 05 5245414459 0b 536f636b65742d54797065 00000000'],
    ['its type in lower case', '04 19 05 5245414459 0b 536f636b65742d54797065 00000003 726570'],
  ])('closes the connection of a peer that announces %s', async (_, ready) => {
    const { endpoint } = await boundDealer();
    const peer = await RawPeer.connect(endpoint);
    peer.write(GREETING, ready);
    await peer.expectClosed();
  });

  it.each([
    ['a message', HELLO],
    ['an unknown command', '04 04 03 464f4f'],
    ['HELLO of another mechanism', '04 13 05 48454c4c4f 05 61646d696e 06 736563726574'],
    ['a PING', '04 07 04 50494e47 0000'],
    ['a command without a name', '04 00'],
  ])('closes the connection of a peer whose first command is %s', async (_, first) => {
    const { endpoint, events } = await boundDealer();
    const peer = await RawPeer.connect(endpoint);
    peer.write(GREETING, first);
    await peer.expectClosed();
    const told = await until(
      () => events.find(({ type }) => type === 'handshake:error:protocol'),
      'handshake:error:protocol',
    );
    expect(told.error?.code).toBe('ERR_ZMTP_UNEXPECTED_COMMAND');
  });

  it.each([
    [
      'a property that runs past the end',
      '04 19 05 5245414459 0b 536f636b65742d54797065 00000004 524550',
    ],
    ['bytes left over', '04 1a 05 5245414459 0b 536f636b65742d54797065 00000003 524550 00'],
    [
      'a value above 2^31 - 1 bytes',
      '04 19 05 5245414459 0b 536f636b65742d54797065 80000003 524550',
    ],
  ])('closes the connection of a peer whose READY has %s', async (_, ready) => {
    const { endpoint, events } = await boundDealer();
    const peer = await RawPeer.connect(endpoint);
    peer.write(GREETING, ready);
    await peer.expectClosed();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
  });

  it.each(['300', '400', '500'] as const)(
    'takes ERROR %s for a refusal: tells the status and closes',
    async (status) => {
      const { endpoint, events } = await boundDealer();
      const peer = await RawPeer.connect(endpoint);
      await answerReady(peer, error(status));
      await peer.expectClosed();
      const told = await until(
        () => events.find(({ type }) => type === 'handshake:error:auth'),
        'handshake:error:auth',
      );
      expect(told.error).toMatchObject({ status: Number(status) });
    },
  );

  it('takes an ERROR that comes in one chunk with the greeting for a refusal, too', async () => {
    const { endpoint, events } = await boundDealer();
    const peer = await RawPeer.connect(endpoint);
    peer.write(GREETING, error('400'));
    await peer.expectClosed();
    await until(() => countOf(events, 'handshake:error:auth') === 1, 'handshake:error:auth');
  });

  it('closes on ERROR with any other reason, without telling of authentication', async () => {
    const { endpoint, events } = await boundDealer();
    const peer = await RawPeer.connect(endpoint);
    await answerReady(peer, error('no thanks'));
    await peer.expectClosed();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    expect(countOf(events, 'handshake:error:auth')).toBe(0);
  });

  it('calls an ERROR whose reason runs past its end malformed', async () => {
    const { endpoint, events } = await boundDealer();
    const peer = await RawPeer.connect(endpoint);
    await answerReady(peer, '04 08 05 4552524f52 09 34');
    await peer.expectClosed();
    const told = await until(
      () => events.find(({ type }) => type === 'handshake:error:protocol'),
      'handshake:error:protocol',
    );
    expect(told.error?.code).toBe('ERR_ZMTP_MALFORMED_COMMAND_ERROR');
  });

  it.each([
    ['another socket type', READY.PUB],
    ['ERROR', error('400')],
    ['an unexpected command', '04 04 03 464f4f'],
    [
      'metadata that does not add up',
      '04 1a 05 5245414459 0b 536f636b65742d54797065 00000003 524550 00',
    ],
  ])('does not connect again to a peer that answered with %s', async (_, answer) => {
    const wrong = await RawListener.listen(await fresh());
    const restarting = await RawListener.listen(await fresh());
    const socket = closing(new Dealer({ reconnectInterval: 1 }));
    const events = recordEvents(socket);
    socket.connect(wrong.endpoint);
    const peer = await wrong.accept();
    await answerReady(peer, answer);
    await peer.expectClosed();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');

    // Another endpoint of the same socket reconnects three times meanwhile.
    socket.connect(restarting.endpoint);
    for (let i = 0; i < 3; i++) (await restarting.accept()).close();
    await restarting.accept();
    expect(wrong.accepted).toHaveLength(1);
  });

  it('connects again to such a peer when the application says so', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Dealer({ reconnectInterval: 1 }));
    const events = recordEvents(socket);
    socket.connect(listener.endpoint);
    await answerReady(await listener.accept(), READY.PUB);
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');
    socket.connect(listener.endpoint);
    const peer = await listener.greeted('DEALER');
    await socket.send('x');
    await peer.expectBytes('0001 78');
  });

  it('sends no message before READY of the peer, and accepts them right behind it', async () => {
    const { socket, endpoint } = await boundDealer();
    const peer = await RawPeer.connect(endpoint);
    const sent = socket.send('World');
    peer.write(GREETING);
    await peer.take(64);
    await peer.expectBytes(READY.DEALER);
    expect(peer.pending).toHaveLength(0);
    peer.write(READY.DEALER, HELLO);
    await sent;
    expect(texts(await socket.receive())).toEqual(['Hello']);
    await peer.expectBytes('00 05 576f726c64');
  });

  it('uses the exact bytes of the specification for a REQ and a REP', async () => {
    const rep = closing(new Reply());
    const peer = await RawPeer.connect(await boundTo(rep, anywhere()));
    peer.write(GREETING);
    const greeting = await peer.take(64);
    expect(greeting.subarray(9)).toEqual(hex(GREETING).subarray(9));
    peer.write(READY.REQ);
    await peer.expectBytes(READY.REP);
    peer.write('0100 000548656c6c6f');
    expect(texts(await rep.receive())).toEqual(['Hello']);
    await rep.send('World');
    await peer.expectBytes('0100 0005576f726c64');
  });
});
