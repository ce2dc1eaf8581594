/*
 * PLAIN (RFC 24) on the wire: what a server and a client SHALL send, and what they SHALL NOT take.
 */
import { type AnySocketOptions, Context, Dealer, Reply, Router } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { hex, texts } from '../support/hex.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { countOf, type RecordedEvent, recordEvents } from '../support/recorded-events.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';
import { GREETING, MECHANISM_PLAIN } from '../support/vectors.ts';
import { adminOnly, type ZapRequest, zapHandler } from '../support/zap-handler.ts';

const SIGNATURE = 'ff 0000000000000001 7f';
const PLAIN_GREETING = `${SIGNATURE} 03 01 ${MECHANISM_PLAIN}`;
const PLAIN_GREETING_BEHIND_SIGNATURE = `03 01 504c41494e ${'00'.repeat(15)}`;

const HELLO = '04 13 05 48454c4c4f 05 61646d696e 06 736563726574';
const WRONG_HELLO = '04 13 05 48454c4c4f 05 61646d696e 06 534543524554';
const WELCOME = '04 08 07 57454c434f4d45';
const DEALER = '0b 536f636b65742d54797065 00000006 4445414c4552 08 4964656e74697479 00000000';
const ROUTER = '0b 536f636b65742d54797065 00000006 524f55544552 08 4964656e74697479 00000000';
const INITIATE = `04 2c 08 494e495449415445 ${DEALER}`;
const READY = `04 29 05 5245414459 ${ROUTER}`;
/** ERROR as libzmq spells it under PLAIN, and as RFC 24 does. */
const LIBZMQ_ERROR_400 = '04 09 5e52524f52 03 343030';
const ERROR_400 = '04 0a 05 4552524f52 03 343030';

const ADMIN = { plainUsername: 'admin', plainPassword: 'secret' };

describe.each(transports)('PLAIN over $name', ({ anywhere, fresh }) => {
  /** A ROUTER as PLAIN server, with a handler that lets only admin in unless told otherwise. */
  async function server({
    decide = adminOnly,
    options = {},
    handler = true,
  }: {
    decide?: typeof adminOnly;
    options?: AnySocketOptions;
    handler?: boolean;
  } = {}): Promise<{
    socket: Router;
    endpoint: string;
    events: RecordedEvent[];
    requests: ZapRequest[];
  }> {
    const context = new Context();
    const requests = handler ? await zapHandler(new Reply({ context }), decide) : [];
    const socket = closing(new Router({ context, plainServer: true, ...options }));
    const events = recordEvents(socket);
    return { socket, endpoint: await boundTo(socket, anywhere()), events, requests };
  }

  /** A raw peer that has exchanged greetings. */
  async function greetedBy(endpoint: string): Promise<RawPeer> {
    const peer = await RawPeer.connect(endpoint);
    peer.write(PLAIN_GREETING);
    await peer.take(64);
    return peer;
  }

  it('says in its greeting that it is PLAIN, and which side is the server', async () => {
    const { endpoint } = await server();
    const peer = await RawPeer.connect(endpoint);
    peer.write(PLAIN_GREETING);
    const greeting = await peer.take(64);
    expect(greeting.toString('hex', 10, 32)).toBe(
      hex(PLAIN_GREETING_BEHIND_SIGNATURE).toString('hex'),
    );
    expect(greeting[32]).toBe(1);

    const listener = await RawListener.listen(await fresh());
    closing(new Dealer(ADMIN)).connect(listener.endpoint);
    const accepted = await listener.accept();
    accepted.write(PLAIN_GREETING);
    expect((await accepted.take(64))[32]).toBe(0);
  });

  it('server: answers HELLO with WELCOME, INITIATE with READY, and then takes messages', async () => {
    const { socket, endpoint, events, requests } = await server();
    const peer = await greetedBy(endpoint);
    peer.write(HELLO);
    await peer.expectBytes(WELCOME);
    expect(countOf(events, 'handshake')).toBe(0);
    peer.write(INITIATE);
    await peer.expectBytes(READY);
    peer.write('00 05 48656c6c6f');
    const [id = Buffer.alloc(0), body] = await socket.receive();
    expect(body?.toString()).toBe('Hello');
    expect(socket.peerInfo(id)?.metadata.get('User-Id')?.toString()).toBe('admin');
    expect(countOf(events, 'handshake')).toBe(1);
    expect(
      requests.map(({ mechanism, credentials }) => [mechanism, ...texts(credentials)]),
    ).toEqual([['PLAIN', 'admin', 'secret']]);
  });

  it('server: says nothing before HELLO', async () => {
    const { endpoint } = await server();
    const peer = await greetedBy(endpoint);
    await peer.flushed();
    expect(peer.pending).toHaveLength(0);
  });

  it.each(['400', '500'])(
    'server: sends ERROR %s as libzmq spells it, tells, and closes',
    async (status) => {
      const { endpoint, events } = await server({ decide: () => ({ status }) });
      const peer = await greetedBy(endpoint);
      peer.write(HELLO);
      await peer.expectBytes(
        LIBZMQ_ERROR_400.replace('343030', Buffer.from(status).toString('hex')),
      );
      await peer.expectClosed();
      const told = await until(
        () => events.find(({ type }) => type === 'handshake:error:auth'),
        'handshake:error:auth',
      );
      expect(told.error).toMatchObject({ status: Number(status) });
      expect(countOf(events, 'handshake')).toBe(0);
    },
  );

  it('server: refuses a wrong password, and goes on to serve the right one', async () => {
    const { endpoint } = await server();
    const wrong = await greetedBy(endpoint);
    wrong.write(WRONG_HELLO);
    await wrong.expectBytes(LIBZMQ_ERROR_400);
    await wrong.expectClosed();
    const right = await greetedBy(endpoint);
    right.write(HELLO);
    await right.expectBytes(WELCOME);
  });

  it('server: sends nothing and closes when the handler says 300', async () => {
    const { endpoint, events } = await server({ decide: () => ({ status: '300' }) });
    const peer = await greetedBy(endpoint);
    peer.write(HELLO);
    await peer.expectClosed();
    expect(peer.pending).toHaveLength(0);
    const told = await until(
      () => events.find(({ type }) => type === 'handshake:error:auth'),
      'handshake:error:auth',
    );
    expect(told.error).toMatchObject({ status: 300 });
  });

  it('server: lets nobody in without a handler', async () => {
    const { endpoint, events } = await server({ handler: false });
    const peer = await greetedBy(endpoint);
    peer.write(HELLO);
    await peer.expectClosed();
    expect(peer.pending).toHaveLength(0);
    const told = await until(
      () => events.find(({ type }) => type === 'handshake:error:other'),
      'handshake:error:other',
    );
    expect(told.error?.code).toBe('EFAULT');
  });

  it.each([
    ['INITIATE in place of HELLO', INITIATE],
    ['READY in place of HELLO', READY],
    ['a message in place of HELLO', '00 05 48656c6c6f'],
    ['a HELLO whose lengths do not add up', '04 13 05 48454c4c4f 05 61646d696e 07 736563726574'],
  ])('server: closes on %s', async (_, first) => {
    const { endpoint, events, requests } = await server();
    const peer = await greetedBy(endpoint);
    peer.write(first);
    await peer.expectClosed();
    await until(() => countOf(events, 'handshake:error:protocol') === 1, 'the event');
    expect(requests).toHaveLength(0);
  });

  it('server: closes on messages that come before it has said READY', async () => {
    const { socket, endpoint } = await server();
    const peer = await greetedBy(endpoint);
    peer.write(HELLO);
    await peer.expectBytes(WELCOME);
    peer.write('00 05 48656c6c6f');
    await peer.expectClosed();
    expect(socket.readable).toBe(false);
  });

  it('server: takes peers neither of NULL nor of ZMTP 2.0', async () => {
    const { endpoint, events } = await server();
    const other = await RawPeer.connect(endpoint);
    other.write(GREETING);
    await other.expectClosed();
    const old = await RawPeer.connect(endpoint);
    old.write(`${SIGNATURE} 01 05 00 00`);
    await old.expectClosed();
    await until(() => countOf(events, 'handshake:error:protocol') === 2, 'two events');
    expect(countOf(events, 'handshake')).toBe(0);
  });

  it('client: sends HELLO, INITIATE, and messages once READY has come', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Dealer(ADMIN));
    socket.connect(listener.endpoint);
    await socket.send('Hello');
    const peer = await listener.accept();
    peer.write(PLAIN_GREETING);
    await peer.take(64);
    await peer.expectBytes(HELLO);
    peer.write(WELCOME);
    await peer.expectBytes(INITIATE);
    await peer.flushed();
    expect(peer.pending).toHaveLength(0);
    peer.write(READY, '00 05 576f726c64');
    await peer.expectBytes('00 05 48656c6c6f');
    expect(texts(await socket.receive())).toEqual(['World']);
  });

  it.each([
    ['as RFC 24 has it', ERROR_400],
    ['as libzmq has it', LIBZMQ_ERROR_400],
  ])('client: takes ERROR %s for a refusal, and does not try again', async (_, error) => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Dealer({ ...ADMIN, reconnectInterval: 1 }));
    const events = recordEvents(socket);
    socket.connect(listener.endpoint);
    const peer = await listener.accept();
    peer.write(PLAIN_GREETING);
    await peer.take(64);
    await peer.expectBytes(HELLO);
    peer.write(error);
    await peer.expectClosed();
    const told = await until(
      () => events.find(({ type }) => type === 'handshake:error:auth'),
      'handshake:error:auth',
    );
    expect(told.error).toMatchObject({ status: 400 });
    expect(countOf(events, 'connect:retry')).toBe(0);
  });

  it('client: tries again when it was sent away without a word', async () => {
    const listener = await RawListener.listen(await fresh());
    closing(new Dealer({ ...ADMIN, reconnectInterval: 1 })).connect(listener.endpoint);
    const peer = await listener.accept();
    peer.write(PLAIN_GREETING);
    await peer.take(64);
    await peer.expectBytes(HELLO);
    peer.close();
    await listener.accept();
  });

  it('client: closes on WELCOME with something behind it', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Dealer(ADMIN));
    const events = recordEvents(socket);
    socket.connect(listener.endpoint);
    const peer = await listener.accept();
    peer.write(PLAIN_GREETING, '04 09 07 57454c434f4d45 00');
    await peer.expectClosed();
    const told = await until(
      () => events.find(({ type }) => type === 'handshake:error:protocol'),
      'handshake:error:protocol',
    );
    expect(told.error?.code).toBe('ERR_ZMTP_MALFORMED_COMMAND_WELCOME');
  });

  it('either side may bind', async () => {
    const { socket: bound, endpoint } = await server();
    const client = closing(new Dealer(ADMIN));
    client.connect(endpoint);
    await client.send('up');
    const [id = Buffer.alloc(0)] = await bound.receive();
    await bound.send([id, 'down']);
    expect(texts(await client.receive())).toEqual(['down']);

    const boundClient = closing(new Dealer(ADMIN));
    const clientEndpoint = await boundTo(boundClient, anywhere());
    bound.connect(clientEndpoint);
    await boundClient.send('up');
    expect(texts((await bound.receive()).slice(1))).toEqual(['up']);
  });
});
