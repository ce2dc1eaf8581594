/*
 * Every pair of socket types, drafts with single frames too, over tcp and ipc, whoever binds, without security, with PLAIN and with CURVE: ours on either
 * side of npm zeromq's libzmq. Credentials are checked by a ZAP handler in each library.
 */
import * as ours from '@zscale/transport';
import * as ourDrafts from '@zscale/transport/draft';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as theirs from 'zeromq';
import * as theirDrafts from 'zeromq/lib/draft.js';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { transports } from '../support/transports.ts';

type Library = typeof theirs & typeof theirDrafts;

/** The face that both libraries have. */
interface AnySocket {
  readonly lastEndpoint: string | null;
  bind(endpoint: string): Promise<void>;
  connect(endpoint: string): void;
  send(message: string | (string | Buffer)[], options?: object): Promise<void>;
  receive(): Promise<Buffer[]>;
  subscribe(...topics: string[]): void;
  close(): void;
}

type Type =
  | 'Pair'
  | 'Publisher'
  | 'Subscriber'
  | 'Request'
  | 'Reply'
  | 'Dealer'
  | 'Router'
  | 'Pull'
  | 'Push'
  | 'XPublisher'
  | 'XSubscriber'
  | 'Client'
  | 'Server'
  | 'Scatter'
  | 'Gather';

/** Two types and what they say to each other. */
interface Pairing {
  readonly a: Type;
  readonly b: Type;
  /** Options beside those of security. */
  readonly optionsA?: object;
  readonly optionsB?: object;
  talk(a: AnySocket, b: AnySocket): Promise<void>;
}

const large = Buffer.alloc(100_000, 'z');
const texts = (message: Buffer[]): string[] => message.map((frame) => frame.toString());

/** From a to b, three messages of different shape, in order. */
async function sendAll(a: AnySocket, b: AnySocket): Promise<void> {
  await a.send('one');
  await a.send(['two', '', 'parts']);
  await a.send(large.toString());
  expect(texts(await b.receive())).toEqual(['one']);
  expect(texts(await b.receive())).toEqual(['two', '', 'parts']);
  expect(texts(await b.receive())).toEqual([large.toString()]);
}

/** A publisher cannot know when it is heard; it says a topic over and over until the other side has it. */
async function publish(pub: AnySocket, sub: AnySocket): Promise<void> {
  let heard = false;
  const first = sub.receive().then((message) => {
    heard = true;
    return message;
  });
  while (!heard) {
    await pub.send('A sync');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(texts(await first)).toEqual(['A sync']);
  await pub.send('B is not wanted');
  await pub.send(['A', 'is', large]);
  let message = await sub.receive();
  while (message[0]?.toString() === 'A sync') message = await sub.receive();
  expect(texts(message)).toEqual(['A', 'is', large.toString()]);
}

const subscribed = (sub: AnySocket): Promise<void> => Promise.resolve(sub.subscribe('A'));
const subscribedByMessage = (sub: AnySocket): Promise<void> => sub.send('\u0001A');

const pairings: Pairing[] = [
  {
    a: 'Request',
    b: 'Reply',
    async talk(a, b) {
      await a.send(['hello', large]);
      expect(texts(await b.receive())).toEqual(['hello', large.toString()]);
      await b.send(['', 'world']);
      expect(texts(await a.receive())).toEqual(['', 'world']);
    },
  },
  {
    a: 'Request',
    b: 'Router',
    async talk(a, b) {
      await a.send('hello');
      const [id, ...rest] = await b.receive();
      expect(texts(rest)).toEqual(['', 'hello']);
      await b.send([id as Buffer, '', 'world']); // a ROUTER puts an id in front
      expect(texts(await a.receive())).toEqual(['world']);
    },
  },
  {
    a: 'Dealer',
    b: 'Reply',
    async talk(a, b) {
      await a.send(['', 'hello']);
      expect(texts(await b.receive())).toEqual(['hello']);
      await b.send('world');
      expect(texts(await a.receive())).toEqual(['', 'world']);
    },
  },
  {
    a: 'Dealer',
    b: 'Router',
    optionsA: { routingId: 'dealer' },
    async talk(a, b) {
      await a.send(['hello', large]);
      expect(texts(await b.receive())).toEqual(['dealer', 'hello', large.toString()]);
      await b.send(['dealer', 'world']);
      expect(texts(await a.receive())).toEqual(['world']);
    },
  },
  {
    a: 'Dealer',
    b: 'Dealer',
    async talk(a, b) {
      await sendAll(a, b);
      await sendAll(b, a);
    },
  },
  {
    a: 'Router',
    b: 'Router',
    optionsA: { routingId: 'alice', probeRouter: true },
    optionsB: { routingId: 'bob', probeRouter: true },
    async talk(a, b) {
      const probes = await Promise.all([a.receive(), b.receive()]);
      expect(probes.map(texts)).toEqual([
        ['bob', ''],
        ['alice', ''],
      ]);
      await a.send(['bob', 'hello']);
      expect(texts(await b.receive())).toEqual(['alice', 'hello']);
    },
  },
  { a: 'Push', b: 'Pull', talk: sendAll },
  {
    a: 'Pair',
    b: 'Pair',
    async talk(a, b) {
      await sendAll(a, b);
      await sendAll(b, a);
    },
  },
  {
    a: 'Publisher',
    b: 'Subscriber',
    async talk(a, b) {
      await subscribed(b);
      await publish(a, b);
    },
  },
  {
    a: 'XPublisher',
    b: 'Subscriber',
    async talk(a, b) {
      await subscribed(b);
      const heard = b.receive(); // libzmq sends subscriptions when somebody looks at its socket
      expect(texts(await a.receive())).toEqual(['\u0001A']);
      await a.send(['A', 'x']);
      expect(texts(await heard)).toEqual(['A', 'x']);
    },
  },
  {
    a: 'Publisher',
    b: 'XSubscriber',
    async talk(a, b) {
      await subscribedByMessage(b);
      await publish(a, b);
    },
  },
  {
    a: 'XPublisher',
    b: 'XSubscriber',
    async talk(a, b) {
      await subscribedByMessage(b);
      const heard = b.receive();
      expect(texts(await a.receive())).toEqual(['\u0001A']);
      await b.send('upstream');
      expect(texts(await a.receive())).toEqual(['upstream']);
      await a.send('A1');
      expect(texts(await heard)).toEqual(['A1']);
    },
  },
];

pairings.push(
  {
    a: 'Client',
    b: 'Server',
    async talk(a, b) {
      await a.send(large.toString());
      const [question, from] = await b.receive();
      expect(question?.equals(large)).toBe(true);
      await b.send('world', from as unknown as object); // the second is { routingId }
      expect(texts(await a.receive())).toEqual(['world']);
    },
  },
  {
    a: 'Scatter',
    b: 'Gather',
    async talk(a, b) {
      for (const text of ['one', 'two', large.toString()]) await a.send(text);
      for (const text of ['one', 'two', large.toString()])
        expect(texts(await b.receive())).toEqual([text]);
    },
  },
);

const server = theirs.curveKeyPair();
const client = theirs.curveKeyPair();

/** What the side that binds and the side that connects set for a mechanism. */
const mechanisms = [
  { mechanism: 'NULL', binder: {}, connecter: {} },
  {
    mechanism: 'PLAIN',
    binder: { plainServer: true, zapDomain: 'matrix' },
    connecter: { plainUsername: 'admin', plainPassword: 'secret' },
  },
  {
    mechanism: 'CURVE',
    binder: { curveServer: true, curveSecretKey: server.secretKey, zapDomain: 'matrix' },
    connecter: {
      curveServerKey: server.publicKey,
      curvePublicKey: client.publicKey,
      curveSecretKey: client.secretKey,
    },
  },
] as const;

const our = { ...ours, ...ourDrafts } as unknown as Library;
const their = { ...theirs, ...theirDrafts } as unknown as Library;

const stacks: readonly (readonly [string, Library, Library])[] = [
  ['ours, theirs', our, their],
  ['theirs, ours', their, our],
];

/** Lets in whom the table above knows, until it is closed. */
async function serveZap(library: Library): Promise<{ close(): void }> {
  const handler = new library.Reply({ linger: 0 });
  await handler.bind('inproc://zeromq.zap.01');
  void (async () => {
    for await (const [version, id, , , , mechanism, ...credentials] of handler) {
      const known =
        mechanism?.toString() === 'PLAIN'
          ? credentials.join() === 'admin,secret'
          : credentials[0]?.length === 32;
      await handler.send([version, id, known ? '200' : '400', '', '', ''] as string[]); // ZAP 1.0 has both
    }
  })();
  return handler;
}

const handlers: { close(): void }[] = [];
beforeAll(async () => {
  handlers.push(await serveZap(their), await serveZap(our));
});
afterAll(() => {
  for (const handler of handlers) handler.close();
});

describe.each(mechanisms)('$mechanism', ({ binder, connecter }) => {
  describe.each(transports)('over $name', ({ anywhere }) => {
    describe.each(stacks)('%s', (_, first, second) => {
      it.each(
        pairings.flatMap((pairing) => [
          { ...pairing, binding: pairing.a, aBinds: true },
          { ...pairing, binding: pairing.b, aBinds: false },
        ]),
      )('$a talks with $b, $binding bound', async ({ a, b, optionsA, optionsB, aBinds, talk }) => {
        const open = (library: Library, type: Type, isBinder: boolean, own?: object): AnySocket =>
          closing(
            // Each pairing uses only the verbs that its types have.
            new library[type]({
              linger: 0,
              ...own,
              ...(isBinder ? binder : connecter),
            }) as unknown as AnySocket,
          );
        const left = open(first, a, aBinds, optionsA);
        const right = open(second, b, !aBinds, optionsB);
        const endpoint = await boundTo(aBinds ? left : right, anywhere());
        (aBinds ? right : left).connect(endpoint);
        await talk(left, right);
      });
    });
  });
});
