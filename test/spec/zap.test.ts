/*
 * ZAP 1.0 (RFC 27) between our sockets and a handler that a program binds in the same context.
 */
import {
  type AnySocketOptions,
  Context,
  curveKeyPair,
  Dealer,
  Reply,
  Router,
} from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { hex, texts } from '../support/hex.ts';
import { countOf, type RecordedEvent, recordEvents } from '../support/recorded-events.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';
import {
  adminOnly,
  replyOf,
  requestOf,
  ZAP_ENDPOINT,
  type ZapDecision,
  type ZapRequest,
  zapHandler,
} from '../support/zap-handler.ts';

const ADMIN = { plainUsername: 'admin', plainPassword: 'secret' };
const DOMAIN = { zapDomain: 'global' };
const yes = (): ZapDecision => ({ status: '200', userId: 'joe' });
const no = (): ZapDecision => ({ status: '400' });

const keys = { server: curveKeyPair(), client: curveKeyPair() };
const CURVE_SERVER = { curveServer: true, curveSecretKey: keys.server.secretKey };
const CURVE_CLIENT = {
  curvePublicKey: keys.client.publicKey,
  curveSecretKey: keys.client.secretKey,
  curveServerKey: keys.server.publicKey,
};

describe.each(transports)('ZAP over $name', ({ name, anywhere }) => {
  /** A ROUTER in a context of its own. */
  async function server(options: AnySocketOptions): Promise<{
    context: Context;
    socket: Router;
    endpoint: string;
    events: RecordedEvent[];
  }> {
    const context = new Context();
    const socket = closing(new Router({ context, ...options }));
    const events = recordEvents(socket);
    return { context, socket, endpoint: await boundTo(socket, anywhere()), events };
  }

  /** A DEALER that is connected, and says hello as soon as it may. */
  function client(
    endpoint: string,
    options: AnySocketOptions = {},
  ): { socket: Dealer; events: RecordedEvent[] } {
    const socket = closing(new Dealer({ reconnectInterval: 5, ...options }));
    const events = recordEvents(socket);
    socket.connect(endpoint);
    void socket.send('hello');
    return { socket, events };
  }

  const eventOf = (events: RecordedEvent[], type: string): Promise<RecordedEvent> =>
    until(() => events.find((event) => event.type === type), type);

  it.each([
    ['NULL', DOMAIN, {}, []],
    [
      'PLAIN',
      { ...DOMAIN, plainServer: true },
      ADMIN,
      [Buffer.from('admin'), Buffer.from('secret')],
    ],
    ['CURVE', { ...DOMAIN, ...CURVE_SERVER }, CURVE_CLIENT, undefined],
  ] as const)(
    'asks about a %s peer, and tells who it is',
    async (mechanism, ownOptions, peerOptions, credentials) => {
      const { context, socket, endpoint } = await server({ ...ownOptions, routingId: 'server-1' });
      const requests = await zapHandler(new Reply({ context }), () => ({
        status: '200',
        userId: 'joe',
        metadata: hex('04 526f6c65 00000005 61646d696e'),
      }));
      client(endpoint, peerOptions);
      const [id = Buffer.alloc(0), body] = await socket.receive();
      expect(body?.toString()).toBe('hello');
      const { metadata } = socket.peerInfo(id) ?? {};
      expect(metadata?.get('User-Id')?.toString()).toBe('joe');
      expect(metadata?.get('Role')?.toString()).toBe('admin');
      expect(metadata?.get('Socket-Type')?.toString()).toBe('DEALER');
      expect(requests).toHaveLength(1);
      expect(requests[0]).toMatchObject({
        version: '1.0',
        domain: 'global',
        address: name === 'tcp' ? '127.0.0.1' : '',
        routingId: 'server-1',
        mechanism,
        ...(credentials === undefined ? {} : { credentials }),
      });
      if (mechanism === 'CURVE') expect(requests[0]?.credentials[0]).toHaveLength(32);
    },
  );

  it('takes a handler that is a Router, and its replies in any order', async () => {
    const { context, socket, endpoint } = await server({ plainServer: true });
    const handler = closing(new Router({ context }));
    await handler.bind(ZAP_ENDPOINT);
    const users = ['anna', 'bert', 'carl'];
    for (const user of users) client(endpoint, { plainUsername: user, routingId: user });
    const asked: Array<{ id: Buffer; request: ZapRequest }> = [];
    while (asked.length < users.length) {
      const [id = Buffer.alloc(0), , ...frames] = await handler.receive();
      asked.push({ id, request: requestOf(frames) });
    }
    for (const { id, request } of asked.toReversed()) {
      const user = String(request.credentials[0]);
      const decision = { status: user === 'bert' ? '400' : '200', userId: `user ${user}` };
      await handler.send([id, Buffer.alloc(0), ...replyOf(request, decision)]);
    }
    const known = new Map<string, string | undefined>();
    while (known.size < 2) {
      const [id = Buffer.alloc(0)] = await socket.receive();
      known.set(id.toString(), socket.peerInfo(id)?.metadata.get('User-Id')?.toString());
    }
    expect(known.get('anna')).toBe('user anna');
    expect(known.get('carl')).toBe('user carl');
  });

  it('a refusal is told on both sides, and is the end of that endpoint for the client', async () => {
    for (const [ownOptions, peerOptions] of [
      [DOMAIN, {}],
      [{ plainServer: true }, ADMIN],
      [CURVE_SERVER, CURVE_CLIENT],
    ]) {
      const { context, endpoint, events } = await server(ownOptions ?? {});
      await zapHandler(new Reply({ context }), no);
      const refused = client(endpoint, peerOptions);
      expect((await eventOf(events, 'handshake:error:auth')).error).toMatchObject({ status: 400 });
      expect((await eventOf(refused.events, 'handshake:error:auth')).error).toMatchObject({
        status: 400,
      });
      await eventOf(refused.events, 'disconnect');
      expect(countOf(refused.events, 'connect:retry')).toBe(0);
      expect(countOf(events, 'handshake')).toBe(0);
    }
  });

  it('300 sends a client away for now: it comes in when the handler says 200', async () => {
    const { context, socket, endpoint } = await server({ plainServer: true });
    let answers = 0;
    await zapHandler(new Reply({ context }), () => {
      answers += 1;
      return { status: answers < 3 ? '300' : '200' };
    });
    const { events } = client(endpoint, ADMIN);
    expect((await socket.receive())[1]?.toString()).toBe('hello');
    expect(answers).toBe(3);
    expect(countOf(events, 'handshake:error:auth')).toBe(0);
  });

  it('a handler that answers nonsense lets nobody in, and it is told which', async () => {
    for (const [reply, code] of [
      [['1.0'], 'ERR_ZAP_MALFORMED_REPLY'],
      [['1.1', '1', '200', '', '', ''], 'ERR_ZAP_BAD_VERSION'],
      [['1.0', 'x', '200', '', '', ''], 'ERR_ZAP_BAD_REQUEST_ID'],
      [['1.0', '1', '201', '', '', ''], 'ERR_ZAP_INVALID_STATUS_CODE'],
      [['1.0', '1', '200', '', '', 'x'], 'ERR_ZAP_INVALID_METADATA'],
    ] as const) {
      const { context, endpoint, events } = await server({ plainServer: true });
      const handler = closing(new Reply({ context }));
      await handler.bind(ZAP_ENDPOINT);
      client(endpoint, ADMIN);
      await handler.receive();
      await handler.send([...reply]);
      expect((await eventOf(events, 'handshake:error:protocol')).error?.code).toBe(code);
      expect(countOf(events, 'handshake')).toBe(0);
    }
  });

  it('a reply of a Router without the empty frame lets nobody in', async () => {
    const { context, endpoint, events } = await server({ plainServer: true });
    const handler = closing(new Router({ context }));
    await handler.bind(ZAP_ENDPOINT);
    client(endpoint, ADMIN);
    const [id = Buffer.alloc(0), , ...frames] = await handler.receive();
    await handler.send([id, ...replyOf(requestOf(frames), { status: '200' })]);
    expect((await eventOf(events, 'handshake:error:protocol')).error?.code).toBe(
      'ERR_ZAP_UNSPECIFIED',
    );
  });

  it('a handler that never answers lets nobody in: the handshake is given up in time', async () => {
    const { context, socket, endpoint, events } = await server({
      plainServer: true,
      handshakeInterval: 50,
    });
    await closing(new Reply({ context })).bind(ZAP_ENDPOINT);
    client(endpoint, ADMIN);
    const told = await eventOf(events, 'handshake:error:other');
    expect(told.error?.code).toBe('ETIMEDOUT');
    expect(socket.readable).toBe(false);
  });

  it('a handler that closes in the midst of a question leaves it unanswered; the next one is asked again', async () => {
    const { context, socket, endpoint, events } = await server({
      plainServer: true,
      handshakeInterval: 300,
    });
    const first = closing(new Reply({ context }));
    await first.bind(ZAP_ENDPOINT);
    client(endpoint, ADMIN);
    await first.receive();
    first.close();
    await first.ended;
    await eventOf(events, 'handshake:error:other');
    await zapHandler(new Reply({ context }), adminOnly);
    expect((await socket.receive())[1]?.toString()).toBe('hello');
  });

  it('a peer that leaves while the handler thinks is forgotten; the reply harms nobody', async () => {
    const { context, socket, endpoint, events } = await server({ plainServer: true });
    const handler = closing(new Reply({ context }));
    await handler.bind(ZAP_ENDPOINT);
    const { socket: leaving } = client(endpoint, { plainUsername: 'leaving' });
    const request = requestOf(await handler.receive());
    leaving.linger = 0;
    leaving.close();
    await eventOf(events, 'disconnect');
    client(endpoint, { plainUsername: 'staying' });
    await handler.send(replyOf(request, { status: '200', userId: 'leaving' })).catch(() => {}); // nobody waits for it
    const next = requestOf(await handler.receive());
    await handler.send(replyOf(next, { status: '200', userId: 'staying' }));
    const [id = Buffer.alloc(0)] = await socket.receive();
    expect(socket.peerInfo(id)?.metadata.get('User-Id')?.toString()).toBe('staying');
    expect(countOf(events, 'handshake')).toBe(1);
  });

  it('the handler of another context is not asked', async () => {
    const { endpoint, events } = await server({ plainServer: true });
    const requests = await zapHandler(new Reply({ context: new Context() }), yes);
    client(endpoint, ADMIN);
    expect((await eventOf(events, 'handshake:error:other')).error?.code).toBe('EFAULT');
    expect(requests).toHaveLength(0);
  });

  it.each([
    ['NULL', { ...DOMAIN, zapEnforceDomain: true }, {}],
    ['CURVE', { ...DOMAIN, ...CURVE_SERVER, zapEnforceDomain: true }, CURVE_CLIENT],
  ] as const)(
    '%s with a domain that is enforced lets nobody in while there is no handler',
    async (_, ownOptions, peerOptions) => {
      const { context, socket, endpoint, events } = await server(ownOptions);
      const { events: peerEvents } = client(endpoint, peerOptions);
      expect((await eventOf(events, 'handshake:error:other')).error?.code).toBe('EFAULT');
      await eventOf(peerEvents, 'connect:retry');
      await zapHandler(new Reply({ context }), yes);
      expect((await socket.receive())[1]?.toString()).toBe('hello');
    },
  );

  it('NULL without a domain is not asked about', async () => {
    const { context, socket, endpoint } = await server({});
    const requests = await zapHandler(new Reply({ context }), no);
    client(endpoint);
    expect((await socket.receive())[1]?.toString()).toBe('hello');
    expect(requests).toHaveLength(0);
  });

  it('NULL with a domain asks on the side that connects, too', async () => {
    const { endpoint } = await server({});
    const context = new Context();
    const requests = await zapHandler(new Reply({ context }), no);
    const socket = closing(new Dealer({ context, ...DOMAIN }));
    const events = recordEvents(socket);
    socket.connect(endpoint);
    expect((await eventOf(events, 'handshake:error:auth')).error).toMatchObject({ status: 400 });
    expect(requests).toHaveLength(1);
  });

  it('several hundred peers at once are each asked about once', async () => {
    const { context, socket, endpoint } = await server({ plainServer: true });
    const requests = await zapHandler(new Reply({ context }), ({ credentials }) => ({
      status: '200',
      userId: String(credentials[0]),
    }));
    const users = Array.from({ length: 200 }, (_, i) => `user-${i}`);
    for (const user of users) client(endpoint, { plainUsername: user, routingId: user });
    const seen = new Set<string>();
    for (const _ of users) {
      const [id = Buffer.alloc(0)] = await socket.receive();
      expect(socket.peerInfo(id)?.metadata.get('User-Id')?.toString()).toBe(id.toString());
      seen.add(id.toString());
    }
    expect([seen.size, requests.length]).toEqual([200, 200]);
    expect(new Set(requests.map(({ credentials }) => texts(credentials)[0])).size).toBe(200);
  });
});
