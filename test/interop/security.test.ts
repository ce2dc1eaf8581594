/*
 * PLAIN, CURVE and ZAP between ours and libzmq (npm zeromq): whoever is the server, whoever binds, whoever has the handler.
 */
import * as our from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import * as their from 'zeromq';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { texts } from '../support/hex.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';
import {
  adminOnly,
  type ZapDecision,
  type ZapRequest,
  zapHandler,
} from '../support/zap-handler.ts';

/** What both have. Their options and ours have the same names. */
interface Peer {
  readonly lastEndpoint: string | null;
  bind(endpoint: string): Promise<void>;
  connect(endpoint: string): void;
  send(message: Array<Buffer | string>): Promise<void>;
  receive(): Promise<Buffer[]>;
  close(): void;
  readonly events: {
    on(type: EventType, listener: (event: unknown) => void): unknown;
  };
}
interface Subscribing extends Peer {
  subscribe(topic: string): void;
}
type Options = Record<string, string | number | boolean>;
type Make<P = Peer> = (context: unknown, options: Options) => P;

/** One implementation. The casts say that the classes have the interfaces above, which the tests then show. */
interface Implementation {
  readonly context: () => unknown;
  readonly dealer: Make;
  readonly reply: Make;
  readonly publisher: Make;
  readonly subscriber: Make<Subscribing>;
  readonly keyPair: () => { publicKey: string; secretKey: string };
}

function implementation(module: typeof our | typeof their): Implementation {
  const make =
    (socketClass: unknown): Make<never> =>
    (context, options) =>
      closing(
        new (socketClass as new (options: object) => Peer)({ context, linger: 0, ...options }),
      ) as never;
  return {
    context: () => new module.Context(),
    dealer: make(module.Dealer),
    reply: make(module.Reply),
    publisher: make(module.Publisher),
    subscriber: make(module.Subscriber),
    keyPair: () => module.curveKeyPair(),
  };
}

const ours = implementation(our);
const theirs = implementation(their);
const mixtures = [
  { title: 'our server, their client', server: ours, client: theirs },
  { title: 'their server, our client', server: theirs, client: ours },
];

const EVENT_TYPES = [
  'handshake',
  'handshake:error:auth',
  'handshake:error:protocol',
  'handshake:error:other',
  'connect:retry',
  'disconnect',
] as const;
type EventType = (typeof EVENT_TYPES)[number];

interface Told {
  readonly type: EventType;
  readonly error?: Error & { code?: string; status?: number };
}

/** What a socket of either tells from now on. */
function eventsOf(socket: Peer): Told[] {
  const told: Told[] = [];
  for (const type of EVENT_TYPES) {
    socket.events.on(type, (event) => {
      const { error } = event as { error?: Error };
      told.push(error === undefined ? { type } : { type, error });
    });
  }
  return told;
}

const told = (events: Told[], type: EventType): Promise<Told> =>
  until(
    () => events.find((event) => event.type === type),
    () =>
      `${type}; told was ${events.map((event) => `${event.type} ${event.error ?? ''}`).join(', ')}`,
  );

/** Keys made by one and by the other: they are the same kind of thing. */
const keys = { server: ours.keyPair(), client: theirs.keyPair(), stranger: theirs.keyPair() };
const CURVE_SERVER = { curveServer: true, curveSecretKey: keys.server.secretKey };
const curveClient = (
  { publicKey, secretKey } = keys.client,
  serverKey = keys.server.publicKey,
): Options => ({ curvePublicKey: publicKey, curveSecretKey: secretKey, curveServerKey: serverKey });

const PLAIN_SERVER = { plainServer: true, zapDomain: 'global' };
const ADMIN = { plainUsername: 'admin', plainPassword: 'secret' };

/** Server and client of one mechanism, with what the handler lets in. */
const mechanisms = [
  {
    mechanism: 'PLAIN',
    serverOptions: PLAIN_SERVER,
    right: ADMIN,
    wrong: { ...ADMIN, plainPassword: 'SECRET' },
    decide: adminOnly,
  },
  {
    mechanism: 'CURVE',
    serverOptions: { ...CURVE_SERVER, zapDomain: 'global' },
    right: curveClient(),
    wrong: curveClient(keys.stranger),
    decide: ({ credentials: [key] }: ZapRequest): ZapDecision =>
      key?.equals(rawKey(keys.client.publicKey))
        ? { status: '200', userId: 'client' }
        : { status: '400' },
  },
] as const;

/** 32 bytes of 40 characters, by arithmetic of its own. */
function rawKey(z85: string): Buffer {
  const alphabet =
    '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';
  const bytes = Buffer.alloc(32);
  for (let i = 0; i < 8; i += 1) {
    const group = [...z85.slice(i * 5, i * 5 + 5)];
    bytes.writeUInt32BE(
      group.reduce((value, character) => value * 85 + alphabet.indexOf(character), 0),
      i * 4,
    );
  }
  return bytes;
}

/**
 * Sends both ways: several frames, an empty one, a long one. A short message goes first: where a handler gave a user id, libzmq says
 * "readable" before the first message is whole, and a message that comes in pieces then fails its receive() with EAGAIN.
 */
async function talk(a: Peer, b: Peer): Promise<void> {
  await a.send(['hello']);
  expect(texts(await b.receive())).toEqual(['hello']);
  const long = 'x'.repeat(70_000);
  for (const [from, to] of [
    [a, b],
    [b, a],
    [a, b],
  ] as const) {
    await from.send(['one', '', long, 'last']);
    expect(texts(await to.receive())).toEqual(['one', '', long, 'last']);
  }
}

describe.each(transports)('security over $name', ({ anywhere }) => {
  /** Joins them, whoever binds. */
  async function join(server: Peer, client: Peer, binder: 'server' | 'client'): Promise<void> {
    const [bound, connecting] = binder === 'server' ? [server, client] : [client, server];
    connecting.connect(await boundTo(bound, anywhere()));
  }

  describe.each(mixtures)('$title', ({ server: serverSide, client: clientSide }) => {
    describe.each(mechanisms)(
      '$mechanism',
      ({ mechanism, serverOptions, right, wrong, decide }) => {
        it.each(['server', 'client'] as const)(
          'lets the right client in when the %s binds',
          async (binder) => {
            const context = serverSide.context();
            const requests = await zapHandler(serverSide.reply(context, {}), decide);
            const server = serverSide.dealer(context, serverOptions);
            const client = clientSide.dealer(clientSide.context(), right);
            const events = [eventsOf(server), eventsOf(client)];
            await join(server, client, binder);
            await talk(client, server);
            for (const side of events) await told(side, 'handshake');
            expect(requests).toHaveLength(1);
            expect(requests[0]).toMatchObject({ mechanism, domain: 'global', routingId: '' });
          },
        );

        it.each(['server', 'client'] as const)(
          'refuses the wrong client when the %s binds, and both tell so',
          async (binder) => {
            const context = serverSide.context();
            await zapHandler(serverSide.reply(context, {}), decide);
            const server = serverSide.dealer(context, { ...serverOptions, reconnectInterval: 0 });
            const client = clientSide.dealer(clientSide.context(), {
              ...wrong,
              reconnectInterval: 0,
            });
            const [serverEvents, clientEvents] = [eventsOf(server), eventsOf(client)];
            await join(server, client, binder);
            expect((await told(serverEvents, 'handshake:error:auth')).error?.status).toBe(400);
            expect((await told(clientEvents, 'handshake:error:auth')).error?.status).toBe(400);
            expect([...serverEvents, ...clientEvents].map(({ type }) => type)).not.toContain(
              'handshake',
            );
          },
        );
      },
    );

    it('CURVE needs no handler: then it keeps secrets, and lets everybody in', async () => {
      const server = serverSide.dealer(serverSide.context(), CURVE_SERVER);
      const client = clientSide.dealer(clientSide.context(), curveClient(keys.stranger));
      await join(server, client, 'server');
      await talk(client, server);
    });

    it('CURVE: a client with the key of another server does not get through', async () => {
      const server = serverSide.dealer(serverSide.context(), CURVE_SERVER);
      const client = clientSide.dealer(
        clientSide.context(),
        curveClient(keys.client, keys.stranger.publicKey),
      );
      const [serverEvents, clientEvents] = [eventsOf(server), eventsOf(client)];
      await join(server, client, 'server');
      expect((await told(serverEvents, 'handshake:error:protocol')).error?.code).toBe(
        'ERR_ZMTP_CRYPTOGRAPHIC',
      );
      await told(clientEvents, 'disconnect');
      expect([...serverEvents, ...clientEvents].map(({ type }) => type)).not.toContain('handshake');
    });

    it('PLAIN without a handler lets nobody in', async () => {
      const server = serverSide.dealer(serverSide.context(), PLAIN_SERVER);
      const client = clientSide.dealer(clientSide.context(), ADMIN);
      const [serverEvents, clientEvents] = [eventsOf(server), eventsOf(client)];
      await join(server, client, 'server');
      await told(serverEvents, 'handshake:error:other'); // libzmq may leave the connection open until the client gives up
      expect([...serverEvents, ...clientEvents].map(({ type }) => type)).not.toContain('handshake');
    });

    it.each([
      ['NULL', 'CURVE', {}, CURVE_SERVER],
      ['PLAIN', 'CURVE', ADMIN, CURVE_SERVER],
      ['NULL', 'PLAIN', {}, PLAIN_SERVER],
      ['CURVE', 'NULL', curveClient(), {}],
    ] as ReadonlyArray<readonly [string, string, Options, Options]>)(
      'a client of %s does not talk to a server of %s',
      async (_, __, clientOptions, serverOptions) => {
        const server = serverSide.dealer(serverSide.context(), serverOptions);
        const client = clientSide.dealer(clientSide.context(), clientOptions);
        const [serverEvents, clientEvents] = [eventsOf(server), eventsOf(client)];
        await join(server, client, 'server');
        // Who has read the other's greeting first closes; the other one may never have it whole.
        await told(serverEvents, 'disconnect');
        await told(clientEvents, 'disconnect');
        const types = [...serverEvents, ...clientEvents].map(({ type }) => type);
        expect(types).toContain('handshake:error:protocol');
        expect(types).not.toContain('handshake');
      },
    );

    it('NULL with a domain asks the handler, which may refuse', async () => {
      const context = serverSide.context();
      let status = '400';
      const requests = await zapHandler(serverSide.reply(context, {}), () => ({ status }));
      const server = serverSide.dealer(context, { zapDomain: 'global' });
      const refused = clientSide.dealer(clientSide.context(), { reconnectInterval: 0 });
      const events = eventsOf(refused);
      const endpoint = await boundTo(server, anywhere());
      refused.connect(endpoint);
      expect((await told(events, 'handshake:error:auth')).error?.status).toBe(400);
      status = '200';
      const client = clientSide.dealer(clientSide.context(), {});
      client.connect(endpoint);
      await talk(client, server);
      expect(requests.map(({ mechanism, domain }) => [mechanism, domain])).toEqual([
        ['NULL', 'global'],
        ['NULL', 'global'],
      ]);
    });

    it('subscriptions and heartbeats pass through CURVE', async () => {
      const beating = { heartbeatInterval: 20, heartbeatTimeout: 2_000 };
      const publisher = serverSide.publisher(serverSide.context(), { ...CURVE_SERVER, ...beating });
      const subscriber = clientSide.subscriber(clientSide.context(), {
        ...curveClient(),
        ...beating,
      });
      subscriber.subscribe('news');
      await join(publisher, subscriber, 'server');
      const received = subscriber.receive();
      let isThere = false;
      void received.then(() => {
        isThere = true;
      });
      // The first ones may go before the subscription has come.
      await until(async () => {
        await publisher.send(['weather', 'rain']);
        await publisher.send(['news', 'today']);
        return isThere;
      });
      expect(texts(await received)).toEqual(['news', 'today']);
    });

    it('ten thousand messages come whole and in order through CURVE', async () => {
      const server = serverSide.dealer(serverSide.context(), CURVE_SERVER);
      const client = clientSide.dealer(clientSide.context(), curveClient());
      await join(server, client, 'server');
      const count = 10_000;
      const sending = (async () => {
        for (let i = 0; i < count; i += 1) await client.send([String(i), 'x'.repeat(i % 400)]);
      })();
      for (let i = 0; i < count; i += 1) {
        const [number, body] = await server.receive();
        if (number?.toString() !== String(i) || body?.length !== i % 400)
          throw new Error(`message ${i} came as ${number} of ${body?.length} bytes`);
      }
      await sending;
    });
  });
});
