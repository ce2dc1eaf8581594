/*
 * Ours and libzmq's, each as either end of every pair of patterns, over tcp and ipc, whoever
 * binds: one conversation with frames of all shapes.
 */
import { describe, expect, it } from 'vitest';
import { ours } from '../support/ours.ts';
import type { Stack, StackOptions, StackSocket, StackType } from '../support/stack.ts';
import { theirStacks } from '../support/their-stacks.ts';
import { type TestTransport, transports } from '../support/transports.ts';
import { until } from '../support/until.ts';

const EMPTY = Buffer.alloc(0);

/** Bytes that differ from each other, so that nothing can be out of place unseen. */
function pattern(length: number): Buffer {
  const body = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) body[i] = (i * 31 + (i >>> 8)) & 0xff;
  return body;
}

/** Empty frames, many frames, and the sizes at which frames change their form. */
const BODIES: readonly Buffer[][] = [
  [Buffer.from('hello')],
  [EMPTY],
  [Buffer.from('a'), EMPTY, Buffer.from('b')],
  [EMPTY, EMPTY, EMPTY],
  [pattern(255)],
  [pattern(256)],
  [pattern(65_536)],
  [pattern(255), pattern(256), pattern(65_535), Buffer.from('end')],
];
const LARGE: readonly Buffer[][] = [[pattern(10 * 1024 * 1024), Buffer.from('and a tail')]];

/** Two types, and what each side has to put around a body. */
interface Pairing {
  readonly asking: StackType;
  readonly answering: StackType;
  /** What the asking side sends for a body, and gets back for an answer. */
  ask(body: Buffer[]): Buffer[];
  /** From what the answering side got to the body in it. */
  bodyOf(message: Buffer[]): Buffer[];
  /** What the answering side sends to answer that message. */
  answer(message: Buffer[], body: Buffer[]): Buffer[];
}

const plain = (body: Buffer[]): Buffer[] => body;
const delimited = (body: Buffer[]): Buffer[] => [EMPTY, ...body];
const named =
  (name: string) =>
  (body: Buffer[]): Buffer[] => [Buffer.from(name), ...body];

const ROUTING_IDS = { asking: 'asking-side', answering: 'answering-side' } as const;

const pairings: readonly Pairing[] = [
  {
    asking: 'REQ',
    answering: 'REP',
    ask: plain,
    bodyOf: plain,
    answer: (_, body) => body,
  },
  {
    asking: 'DEALER',
    answering: 'ROUTER',
    ask: plain,
    bodyOf: (message) => message.slice(1),
    answer: (message, body) => [...message.slice(0, 1), ...body],
  },
  {
    asking: 'REQ',
    answering: 'ROUTER',
    ask: plain,
    bodyOf: (message) => message.slice(2),
    answer: (message, body) => [...message.slice(0, 2), ...body],
  },
  {
    asking: 'DEALER',
    answering: 'REP',
    ask: delimited,
    bodyOf: plain,
    answer: (_, body) => body,
  },
  {
    asking: 'DEALER',
    answering: 'DEALER',
    ask: plain,
    bodyOf: plain,
    answer: (_, body) => body,
  },
  {
    asking: 'ROUTER',
    answering: 'ROUTER',
    ask: named(ROUTING_IDS.answering),
    bodyOf: (message) => message.slice(1),
    answer: (message, body) => [...message.slice(0, 1), ...body],
  },
];

function optionsFor(type: StackType, side: keyof typeof ROUTING_IDS): StackOptions {
  return type === 'ROUTER' ? { routingId: ROUTING_IDS[side], mandatory: true } : {};
}

/** A ROUTER cannot speak to a peer before the handshake told it who that is. */
async function sendWhenKnown(socket: StackSocket, message: Buffer[]): Promise<void> {
  await until(async () => {
    try {
      await socket.send(message);
    } catch (error) {
      if ((error as { code?: string }).code === 'EHOSTUNREACH') return false;
      throw error;
    }
    return true;
  }, 'the ROUTER to know its peer');
}

async function converse(
  { ask, bodyOf, answer }: Pairing,
  asking: StackSocket,
  answering: StackSocket,
  bodies: readonly Buffer[][],
): Promise<void> {
  for (const body of bodies) {
    await sendWhenKnown(asking, ask(body));
    const message = await answering.receive();
    expectSame(bodyOf(message), body);
    const reply = [...body, Buffer.from('!')];
    await answering.send(answer(message, reply));
    expectSame(await asking.receive(), ask(reply));
  }
}

/** Like toEqual, but quick about megabytes. */
function expectSame(actual: Buffer[], expected: Buffer[]): void {
  expect(actual.map((frame) => frame.length)).toEqual(expected.map((frame) => frame.length));
  for (const [i, frame] of expected.entries()) {
    expect(actual[i]?.equals(frame), `frame ${i}`).toBe(true);
  }
}

async function join(
  transport: TestTransport,
  binding: StackSocket,
  connecting: StackSocket,
): Promise<void> {
  await connecting.connect(await binding.bind(transport.anywhere()));
}

describe.each(theirStacks)('with $title', (their) => {
  describe.skipIf(their.isAbsent).each(transports)('over $name', (transport) => {
    describe.each(pairings)('$asking asks $answering', (pairing) => {
      const sides: ReadonlyArray<{ asker: Stack; answerer: Stack }> = [
        { asker: ours, answerer: their },
        { asker: their, answerer: ours },
      ];

      it.each(
        sides.flatMap(({ asker, answerer }) => [
          { asker, answerer, binder: asker.name, bindsAsking: true },
          { asker, answerer, binder: answerer.name, bindsAsking: false },
        ]),
      )(
        '$asker.name asks, $answerer.name answers, $binder binds',
        async ({ asker, answerer, bindsAsking }) => {
          const asking = await asker.open(pairing.asking, optionsFor(pairing.asking, 'asking'));
          const answering = await answerer.open(
            pairing.answering,
            optionsFor(pairing.answering, 'answering'),
          );
          if (bindsAsking) await join(transport, asking, answering);
          else await join(transport, answering, asking);
          await converse(pairing, asking, answering, BODIES);
        },
      );
    });

    it.each([
      { asker: ours, answerer: their },
      { asker: their, answerer: ours },
    ])(
      'ten megabytes arrive unharmed: $asker.name asks, $answerer.name answers',
      async ({ asker, answerer }) => {
        const [pairing] = pairings as readonly [Pairing];
        const asking = await asker.open('REQ');
        const answering = await answerer.open('REP');
        await join(transport, answering, asking);
        await converse(pairing, asking, answering, LARGE);
      },
    );

    it.each([
      { sender: ours, receiver: their },
      { sender: their, receiver: ours },
    ])(
      'a thousand messages sent before the first is received arrive in order: $sender.name to $receiver.name',
      async ({ sender, receiver }) => {
        const sending = await sender.open('DEALER');
        const receiving = await receiver.open('DEALER');
        await join(transport, receiving, sending);
        for (let i = 0; i < 1000; i++) await sending.send([Buffer.from(String(i)), pattern(i)]);
        for (let i = 0; i < 1000; i++) {
          expectSame(await receiving.receive(), [Buffer.from(String(i)), pattern(i)]);
        }
      },
    );
  });
});
