/*
 * PUSH and PULL, ours at one end and libzmq's at the other, over tcp and ipc, whoever binds.
 */
import { Push } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { closing } from '../support/closing.ts';
import { Handshakes } from '../support/handshakes.ts';
import {
  npmPipeline,
  ourPipeline as ours,
  type PipelineSocket,
  type PipelineStack,
  theirPipelines,
} from '../support/pipeline-stacks.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';

const EMPTY = Buffer.alloc(0);
const BODY_BYTES = 16 * 1024;
/** 64 MiB in all: far more than kernels buffer for one connection. */
const FLOOD_MESSAGES = 4096;

/** Bytes that differ from each other, so that nothing can be out of place unseen. */
function pattern(length: number): Buffer {
  const body = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) body[i] = (i * 31 + (i >>> 8)) & 0xff;
  return body;
}

/** Empty frames, many frames, and the sizes at which frames change their form. */
const MESSAGES: readonly Buffer[][] = [
  [Buffer.from('hello')],
  [EMPTY],
  [Buffer.from('a'), EMPTY, Buffer.from('b')],
  [EMPTY, EMPTY, EMPTY],
  [pattern(255)],
  [pattern(256)],
  [pattern(65_536)],
  [pattern(255), pattern(256), pattern(65_535), Buffer.from('end')],
  Array.from({ length: 100 }, (_, i) => pattern(i)),
];

function numbered(i: number, length = BODY_BYTES): Buffer {
  const body = Buffer.alloc(length);
  body.writeUInt32BE(i);
  return body;
}

const frame = (text: string): Buffer[] => [Buffer.from(text)];

async function expectNumbers(socket: PipelineSocket, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    const [body, ...more] = await socket.receive();
    expect([body?.readUInt32BE(0), body?.length, more.length]).toEqual([i, BODY_BYTES, 0]);
  }
}

/** Sends numbered messages until there is no room; how many were taken. */
async function fill(socket: PipelineSocket): Promise<number> {
  await socket.refuseWhenFull(true);
  for (let sent = 0; sent < FLOOD_MESSAGES; sent++) {
    try {
      await socket.send([numbered(sent)]);
    } catch (error) {
      expect(error).toMatchObject({ code: 'EAGAIN' });
      await socket.refuseWhenFull(false);
      return sent;
    }
  }
  throw new Error(`no high-water mark within ${FLOOD_MESSAGES} messages`);
}

interface Ends {
  readonly sender: PipelineStack;
  readonly receiver: PipelineStack;
}

const flows = (their: PipelineStack): readonly Ends[] => [
  { sender: ours, receiver: their },
  { sender: their, receiver: ours },
];

describe.each(theirPipelines)('PUSH and PULL with $name', (their) => {
  describe.skipIf(their.isAbsent).each(transports)('over $name', ({ anywhere, fresh }) => {
    it.each(
      flows(their).flatMap((ends) => [
        { ...ends, bindsSender: true, binder: ends.sender.name },
        { ...ends, bindsSender: false, binder: ends.receiver.name },
      ]),
    )(
      'messages of all shapes arrive unharmed and in order: $sender.name to $receiver.name, $binder binds',
      async ({ sender, receiver, bindsSender }) => {
        const push = await sender.open('PUSH');
        const pull = await receiver.open('PULL');
        if (bindsSender) await pull.connect(await push.bind(anywhere()));
        else await push.connect(await pull.bind(anywhere()));
        for (const message of MESSAGES) await push.send(message);
        for (const message of MESSAGES) {
          const received = await pull.receive();
          expect(received.map(({ length }) => length)).toEqual(message.map(({ length }) => length));
          expect(Buffer.concat(received).equals(Buffer.concat(message))).toBe(true);
        }
      },
    );

    it.each(flows(their))(
      'a receiver that is slow holds the sender up at the mark, and loses nothing: $sender.name to $receiver.name',
      async ({ sender, receiver }) => {
        const push = await sender.open('PUSH', { sendHighWaterMark: 10 });
        const pull = await receiver.open('PULL', { receiveHighWaterMark: 10 });
        await push.connect(await pull.bind(anywhere()));
        const before = await fill(push);
        expect(before).toBeGreaterThanOrEqual(10);
        const after = before + 200;
        const sending = (async () => {
          for (let i = before; i < after; i++) await push.send([numbered(i)]);
        })();
        await expectNumbers(pull, 0, after);
        await sending;
      },
    );

    it.each(flows(their))(
      'what was sent before the bind arrives after it: $sender.name to $receiver.name',
      async ({ sender, receiver }) => {
        const endpoint = await fresh();
        const push = await sender.open('PUSH', { reconnectInterval: 10 });
        await push.connect(endpoint);
        for (let i = 0; i < 500; i++) await push.send([numbered(i)]);
        const pull = await receiver.open('PULL');
        await pull.bind(endpoint);
        await expectNumbers(pull, 0, 500);
      },
    );

    it.each(flows(their))(
      'a receiver that connected before the bind gets everything: $sender.name to $receiver.name',
      async ({ sender, receiver }) => {
        const endpoint = await fresh();
        const pull = await receiver.open('PULL', { reconnectInterval: 10 });
        await pull.connect(endpoint);
        const push = await sender.open('PUSH');
        await push.bind(endpoint);
        for (let i = 0; i < 500; i++) await push.send([numbered(i)]);
        await expectNumbers(pull, 0, 500);
      },
    );

    it.each(flows(their))(
      'a receiver that came back gets what was queued meanwhile, in order and without a gap: $sender.name to $receiver.name',
      async ({ sender, receiver }) => {
        const endpoint = await fresh();
        const push = await sender.open('PUSH', { reconnectInterval: 10 });
        await push.connect(endpoint);
        const first = await receiver.open('PULL');
        await first.bind(endpoint);
        await push.send(frame('hello'));
        expect(String(await first.receive())).toBe('hello');
        await first.close();
        // What went into the broken connection is lost; from then on everything waits.
        let sent = 0;
        for (; sent < 300; sent++) await push.send([numbered(sent)]);
        const second = await receiver.open('PULL');
        await until(async () => {
          await second.bind(endpoint); // The address is taken until the one before has let go.
          return true;
        }, 'the address to be free');
        let received: Buffer | undefined;
        const receiving = second.receive().then(([body]) => {
          received = body;
        });
        for (; sent < 900; sent++) await push.send([numbered(sent)]);
        await until(async () => {
          if (received === undefined) await push.send([numbered(sent++)]);
          return received;
        }, 'a message to arrive');
        await receiving;
        await expectNumbers(second, (received?.readUInt32BE(0) ?? 0) + 1, sent);
      },
    );

    it.each(flows(their).filter(({ sender }) => sender.name !== 'pyzmq'))(
      'a sender that is closed with linger sends what is queued: $sender.name to $receiver.name',
      async ({ sender, receiver }) => {
        const pull = await receiver.open('PULL');
        const push = await sender.open('PUSH', { linger: -1 });
        await push.connect(await pull.bind(anywhere()));
        for (let i = 0; i < 1000; i++) await push.send([numbered(i)]);
        await push.close();
        await expectNumbers(pull, 0, 1000);
      },
    );

    it.each(flows(their))(
      'three receivers get a third each, frames of one message together: $sender.name to $receiver.name',
      async ({ sender, receiver }) => {
        const push = await sender.open('PUSH');
        const pulls: PipelineSocket[] = [];
        for (let i = 0; i < 3; i++) {
          const pull = await receiver.open('PULL');
          await push.connect(await pull.bind(anywhere()));
          pulls.push(pull);
        }
        for (let i = 0; i < 300; i++) await push.send([numbered(i), ...frame('tail')]);
        const numbers: number[] = [];
        for (const pull of pulls) {
          let last = -1;
          for (let i = 0; i < 100; i++) {
            const [body, tail] = await pull.receive();
            const number = body?.readUInt32BE(0) ?? -1;
            expect([number > last, String(tail)]).toEqual([true, 'tail']);
            last = number;
            numbers.push(number);
          }
        }
        expect(numbers.toSorted((a, b) => a - b)).toEqual(numbers.map((_, i) => i));
      },
    );

    it.each(flows(their))(
      'a receiver takes all that three senders have, each in its order: $sender.name to $receiver.name',
      async ({ sender, receiver }) => {
        const pull = await receiver.open('PULL');
        const endpoint = await pull.bind(anywhere());
        for (const name of ['a', 'b', 'c']) {
          const push = await sender.open('PUSH');
          await push.connect(endpoint);
          for (let i = 0; i < 100; i++) await push.send([...frame(name), ...frame(String(i))]);
        }
        const next: Record<string, number> = {};
        for (let i = 0; i < 300; i++) {
          const [name, number] = (await pull.receive()).map(String);
          expect(number).toBe(String(next[name ?? ''] ?? 0));
          next[name ?? ''] = Number(number) + 1;
        }
        expect(next).toEqual({ a: 100, b: 100, c: 100 });
      },
    );

    it.each(flows(their))(
      'with conflate, the last of ten that waited arrives: $sender.name to $receiver.name',
      async ({ sender, receiver }) => {
        const endpoint = await fresh();
        const push = await sender.open('PUSH', { conflate: true, reconnectInterval: 10 });
        await push.connect(endpoint);
        for (let i = 0; i < 10; i++) await push.send(frame(String(i)));
        const pull = await receiver.open('PULL', { conflate: true });
        await pull.bind(endpoint);
        expect(String(await pull.receive())).toBe('9');
      },
    );
  });
});

describe.each(transports)('a bound PUSH of ours over $name', ({ anywhere }) => {
  it('waits while there is no PULL, and deals to theirs and to ours alike', async () => {
    const push = closing(new Push());
    const handshakes = new Handshakes(push);
    await push.bind(anywhere());
    const waiting = push.send('first');
    const received: Array<string[]> = [[], []];
    for (const [i, stack] of [ours, npmPipeline].entries()) {
      const pull = await stack.open('PULL');
      await pull.connect(push.lastEndpoint ?? '');
      void (async () => {
        for (;;) received[i]?.push(String(await pull.receive()));
      })().catch(() => {}); // It is closed when the test ends.
    }
    await handshakes.reach(2);
    await waiting;
    for (let i = 0; i < 10; i++) await push.send(String(i));
    await until(() => received.flat().length === 11, 'all messages');
    expect(received.flat().toSorted()).toEqual([...'0123456789', 'first'].toSorted());
    for (const share of received) expect(share.length).toBeGreaterThanOrEqual(5);
  });
});
