/*
 * Publishers and subscribers of ours and of libzmq, each as either end, over tcp and ipc, whoever binds.
 */
import * as ours from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import * as npm from 'zeromq';
import { closing } from '../support/closing.ts';
import { isPyzmqRequired, python, TheirPeer, TheirSocket } from '../support/their-peer.ts';
import { transports } from '../support/transports.ts';
import { until, within } from '../support/until.ts';

type PublisherType = 'PUB' | 'XPUB';
type SubscriberType = 'SUB' | 'XSUB';

/** A publisher or a subscriber of any stack. */
interface End {
  bind(endpoint: string): Promise<string>;
  connect(endpoint: string): Promise<void>;
  send(message: readonly Buffer[]): Promise<void>;
  receive(): Promise<Buffer[]>;
  /** For subscribers. */
  subscribe(topic: string): Promise<void>;
  unsubscribe(topic: string): Promise<void>;
  close(): void | Promise<void>;
}

interface PubSubStack {
  readonly name: string;
  open(type: PublisherType | SubscriberType): Promise<End>;
}

const CLASSES = {
  PUB: 'Publisher',
  XPUB: 'XPublisher',
  SUB: 'Subscriber',
  XSUB: 'XSubscriber',
} as const;

/** What ours and npm zeromq have in common, as far as one type has it. */
interface ClassSocket {
  readonly lastEndpoint: string | null;
  bind(endpoint: string): Promise<void>;
  connect(endpoint: string): void;
  send(message: Buffer[]): Promise<void>;
  receive(): Promise<Buffer[]>;
  subscribe(topic: string): void;
  unsubscribe(topic: string): void;
  close(): void;
}

function stackOf(name: string, library: typeof ours | typeof npm): PubSubStack {
  return {
    name,
    async open(type) {
      // Each type has what its tests call.
      const socket = closing(new library[CLASSES[type]]({ linger: 0 })) as unknown as ClassSocket;
      const say = (kind: string, topic: string): Promise<void> =>
        socket.send([Buffer.from(kind + topic, 'latin1')]);
      return {
        async bind(endpoint) {
          await socket.bind(endpoint);
          return socket.lastEndpoint ?? endpoint;
        },
        connect: async (endpoint) => socket.connect(endpoint),
        send: (message) => socket.send([...message]),
        receive: () => socket.receive(),
        subscribe: async (topic) =>
          type === 'SUB' ? socket.subscribe(topic) : await say('\x01', topic),
        unsubscribe: async (topic) =>
          type === 'SUB' ? socket.unsubscribe(topic) : await say('\x00', topic),
        close: () => socket.close(),
      };
    },
  };
}

const oursStack = stackOf('ours', ours);
const npmStack = stackOf('npm zeromq', npm);
const pyzmqStack: PubSubStack = {
  name: 'pyzmq',
  async open(type) {
    const peer = new TheirPeer();
    const number = await peer.command('open', { type, options: {} });
    const socket = new TheirSocket(peer, number);
    const say = async (name: string, kind: string, topic: string): Promise<void> => {
      if (type === 'SUB') await peer.command('set', { socket: number, name, value: topic });
      else await socket.send([Buffer.from(kind + topic, 'latin1')]);
    };
    return {
      bind: (endpoint) => socket.bind(endpoint),
      connect: (endpoint) => socket.connect(endpoint),
      send: (message) => socket.send(message),
      receive: () => socket.receive(),
      subscribe: (topic) => say('SUBSCRIBE', '\x01', topic),
      unsubscribe: (topic) => say('UNSUBSCRIBE', '\x00', topic),
      close: () => peer.close(),
    };
  },
};

const isPyzmqAbsent = python === undefined && !isPyzmqRequired;

const message = (...frames: readonly string[]): Buffer[] =>
  frames.map((frame) => Buffer.from(frame, 'latin1'));
const textOf = (frames: readonly Buffer[]): string =>
  frames.map((frame) => frame.toString('latin1')).join('|');

/** Two ends, connected. */
async function connected(
  publisher: End,
  subscriber: End,
  endpoint: string,
  binder: 'publisher' | 'subscriber',
): Promise<void> {
  if (binder === 'publisher') await subscriber.connect(await publisher.bind(endpoint));
  else await publisher.connect(await subscriber.bind(endpoint));
}

/** Subscribes to `mark` and waits until the publisher knows it, and with it all that was said before. */
async function agreed(publisher: End, subscriber: End, mark: string): Promise<void> {
  await subscriber.subscribe(mark);
  let arrived = false;
  const receiving = subscriber.receive().then((got) => {
    arrived = true;
    expect(textOf(got)).toBe(mark);
  });
  await until(async () => {
    await publisher.send(message(mark));
    return arrived;
  }, `${mark} to arrive`);
  await receiving;
  await publisher.send(message(mark, 'end'));
  for (let text = mark; text === mark; ) text = textOf(await subscriber.receive());
}

/** What arrives of these messages. The subscriber must not be subscribed to everything already. */
async function arriving(
  publisher: End,
  subscriber: End,
  mark: string,
  sent: readonly Buffer[][],
): Promise<string[]> {
  await agreed(publisher, subscriber, mark);
  for (const each of sent) await publisher.send(each);
  await publisher.send(message(mark, 'last'));
  const got: string[] = [];
  for (;;) {
    const text = textOf(await within(subscriber.receive(), `${mark}|last`));
    if (text === `${mark}|last`) return got;
    got.push(text);
  }
}

const LARGE = 'x'.repeat(100_000);

async function converse(publisher: End, subscriber: End): Promise<void> {
  for (const topic of ['a', 'ab', 'a', '']) await subscriber.subscribe(topic);
  await subscriber.unsubscribe('');
  const sent = [
    message('b'),
    message('a', '', LARGE),
    message('x', 'a'),
    message('abc'),
    message(''),
  ];
  expect(await arriving(publisher, subscriber, 'first', sent)).toEqual([`a||${LARGE}`, 'abc']);
  await subscriber.unsubscribe('a');
  expect(await arriving(publisher, subscriber, 'second', sent)).toEqual([`a||${LARGE}`, 'abc']);
  await subscriber.unsubscribe('a');
  expect(await arriving(publisher, subscriber, 'third', sent)).toEqual(['abc']);
}

/** What an XPUB shows of {@link converse}, up to the last mark. */
async function expectShown(publisher: End): Promise<void> {
  const shown: string[] = [];
  while (shown.at(-1) !== '\x01third') shown.push(textOf(await publisher.receive()));
  // The order of those that were there before the connection is the subscriber's own.
  expect(new Set(shown.slice(0, shown.indexOf('\x01first')))).toEqual(
    new Set(['\x01a', '\x01ab', ...shown.filter((text) => text.length === 1)]),
  );
  expect(shown.slice(shown.indexOf('\x01first'))).toEqual([
    '\x01first',
    '\x01second',
    '\x00a',
    '\x01third',
  ]);
}

const publisherTypes = ['PUB', 'XPUB'] as const;
const subscriberTypes = ['SUB', 'XSUB'] as const;
const types = publisherTypes.flatMap((publisher) =>
  subscriberTypes.map((subscriber) => ({ publisher, subscriber })),
);
const binders = ['publisher', 'subscriber'] as const;

for (const [publishing, subscribing, isAbsent] of [
  [oursStack, npmStack, false],
  [npmStack, oursStack, false],
  [oursStack, pyzmqStack, isPyzmqAbsent],
  [pyzmqStack, oursStack, isPyzmqAbsent],
] as const) {
  for (const { name, anywhere } of transports) {
    describe.skipIf(isAbsent)(`${publishing.name} to ${subscribing.name} over ${name}`, () => {
      it.each(types)('$publisher and $subscriber agree on what arrives', async (type) => {
        for (const binder of binders) {
          const publisher = await publishing.open(type.publisher);
          const subscriber = await subscribing.open(type.subscriber);
          await connected(publisher, subscriber, anywhere(), binder);
          await converse(publisher, subscriber);
          if (type.publisher === 'XPUB') await expectShown(publisher);
        }
      });

      it('XSUB and XPUB agree on messages that are no subscriptions', async () => {
        const publisher = await publishing.open('XPUB');
        const subscriber = await subscribing.open('XSUB');
        await connected(publisher, subscriber, anywhere(), 'publisher');
        await subscriber.subscribe('first');
        expect(textOf(await publisher.receive())).toBe('\x01first');
        await subscriber.send(message('hello', '', 'there'));
        await subscriber.subscribe('a');
        await subscriber.send(message('bye'));
        for (const expected of ['hello||there', '\x01a', 'bye']) {
          expect(textOf(await publisher.receive())).toBe(expected);
        }
      });

      it('a subscriber that is gone is told to XPUB, by topic', async () => {
        const publisher = await publishing.open('XPUB');
        const subscriber = await subscribing.open('SUB');
        await connected(publisher, subscriber, anywhere(), 'publisher');
        for (const topic of ['a', 'b']) await subscriber.subscribe(topic);
        for (let i = 0; i < 2; i++) await publisher.receive();
        await subscriber.close();
        const told = [textOf(await publisher.receive()), textOf(await publisher.receive())];
        expect(told.toSorted()).toEqual(['\x00a', '\x00b']);
      });

      it('subscriptions are made again when the publisher comes back', async () => {
        const subscriber = await subscribing.open('SUB');
        const first = await publishing.open('XPUB');
        const endpoint = await first.bind(anywhere());
        await subscriber.connect(endpoint);
        await subscriber.subscribe('a');
        expect(textOf(await first.receive())).toBe('\x01a');
        const receiving = subscriber.receive(); // libzmq does its part only while its program asks for something
        await first.close();
        const second = await publishing.open('XPUB');
        await until(async () => {
          await second.bind(endpoint);
          return true;
        }, 'the address to be free');
        expect(textOf(await second.receive())).toBe('\x01a');
        await second.send(message('abc'));
        expect(textOf(await receiving)).toBe('abc');
      });
    });
  }
}

describe.each([
  { from: ours, to: npm, name: 'ours to npm zeromq' },
  { from: npm, to: ours, name: 'npm zeromq to ours' },
])('$name', ({ from, to }) => {
  const publishers = from as typeof npm; // Of the same types as theirs.
  const subscribers = to as typeof npm;

  it.each(transports)('topics of every length up to 300 work over $name', async ({ anywhere }) => {
    const publisher = closing(new publishers.XPublisher());
    const subscriber = closing(new subscribers.Subscriber());
    const topics = Array.from({ length: 301 }, (_, i) => 'x'.repeat(i));
    await publisher.bind(anywhere());
    subscriber.connect(publisher.lastEndpoint ?? '');
    for (const topic of topics.slice(1)) {
      subscriber.subscribe(topic);
      expect(textOf(await publisher.receive())).toBe(`\x01${topic}`);
    }
    for (const topic of topics.slice(1)) {
      subscriber.unsubscribe(topic);
      expect(textOf(await publisher.receive())).toBe(`\x00${topic}`);
    }
  });

  it.each(transports)('a welcome message arrives first over $name', async ({ anywhere }) => {
    const publisher = closing(new publishers.XPublisher({ welcomeMessage: 'welcome' }));
    const subscriber = closing(new subscribers.Subscriber());
    subscriber.subscribe();
    await publisher.bind(anywhere());
    subscriber.connect(publisher.lastEndpoint ?? '');
    await publisher.receive();
    await publisher.send('next');
    for (const expected of ['welcome', 'next']) {
      expect(textOf(await subscriber.receive())).toBe(expected);
    }
  });

  it.each(transports)('matching can be inverted over $name', async ({ anywhere }) => {
    const publisher = closing(new publishers.XPublisher({ invertMatching: true }));
    const subscriber = closing(new subscribers.Subscriber({ invertMatching: true }));
    subscriber.subscribe('a');
    await publisher.bind(anywhere());
    subscriber.connect(publisher.lastEndpoint ?? '');
    await publisher.receive();
    for (const text of ['a', 'b', 'ab', 'c']) await publisher.send(text);
    for (const expected of ['b', 'c']) expect(textOf(await subscriber.receive())).toBe(expected);
  });

  it.each(transports)('XPUB shows the same in every mode over $name', async ({ anywhere }) => {
    const shown: string[] = [];
    for (const verbosity of [null, 'allSubs', 'allSubsUnsubs'] as const) {
      const publisher = closing(new publishers.XPublisher());
      publisher.verbosity = verbosity;
      await publisher.bind(anywhere());
      const [one, two] = [
        closing(new subscribers.XSubscriber()),
        closing(new subscribers.XSubscriber()),
      ];
      // One peer after the other, each with a mark of its own that every mode shows.
      for (const [i, subscriber] of [one, two].entries()) {
        subscriber.connect(publisher.lastEndpoint ?? '');
        await subscriber.send(`\x01here ${i}`);
        expect(textOf(await publisher.receive())).toBe(`\x01here ${i}`);
        for (const text of ['\x01a', '\x01a', `\x01m${i}`]) await subscriber.send(text);
        for (let text = ''; text !== `\x01m${i}`; shown.push(text)) {
          text = textOf(await publisher.receive());
        }
      }
      for (const [i, subscriber] of [one, two].entries()) {
        for (const text of ['\x00a', '\x00a', `\x00m${i}`]) await subscriber.send(text);
        for (let text = ''; text !== `\x00m${i}`; shown.push(text)) {
          text = textOf(await publisher.receive());
        }
      }
      publisher.close();
    }
    const [on, off] = ['\x01a', '\x00a'];
    expect(shown).toEqual([
      ...[on, '\x01m0', '\x01m1', '\x00m0', off, '\x00m1'],
      ...[on, on, '\x01m0', on, on, '\x01m1', '\x00m0', off, '\x00m1'],
      ...[on, on, '\x01m0', on, on, '\x01m1', off, '\x00m0', off, '\x00m1'],
    ]);
  });
});
