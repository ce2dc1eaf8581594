/*
 * PAIR, ours and libzmq's, over tcp and ipc, whoever binds.
 */
import { Pair } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { Handshakes } from '../support/handshakes.ts';
import { texts } from '../support/hex.ts';
import {
  ourPipeline as ours,
  type PipelineSocket,
  theirPipelines,
} from '../support/pipeline-stacks.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';

const BODY_BYTES = 16 * 1024;
const frame = (text: string): Buffer[] => [Buffer.from(text)];

function numbered(i: number): Buffer {
  const body = Buffer.alloc(BODY_BYTES);
  body.writeUInt32BE(i);
  return body;
}

/** Many messages from one to the other, of which none is received before all are sent or wait. */
async function pour(from: PipelineSocket, to: PipelineSocket, count: number): Promise<void> {
  const sending = (async () => {
    for (let i = 0; i < count; i++) await from.send([numbered(i), ...frame('tail')]);
  })();
  for (let i = 0; i < count; i++) {
    const [body, tail] = await to.receive();
    expect([body?.readUInt32BE(0), String(tail)]).toEqual([i, 'tail']);
  }
  await sending;
}

describe.each(theirPipelines)('PAIR with $name', (their) => {
  describe.skipIf(their.isAbsent).each(transports)('over $name', ({ anywhere, fresh }) => {
    it.each([
      { binder: ours, connecter: their },
      { binder: their, connecter: ours },
    ])(
      'both sides send when they like, beyond the high-water mark too: $binder.name binds',
      async ({ binder, connecter }) => {
        const marks = { sendHighWaterMark: 10, receiveHighWaterMark: 10 };
        const bound = await binder.open('PAIR', marks);
        const connected = await connecter.open('PAIR', marks);
        await connected.connect(await bound.bind(anywhere()));
        await connected.send(frame('hello'));
        expect(String(await bound.receive())).toBe('hello');
        await pour(bound, connected, 500);
        await pour(connected, bound, 500);
      },
    );

    it.each([
      { binder: ours, connecter: their },
      { binder: their, connecter: ours },
    ])(
      'what was sent before the bind arrives after it: $binder.name binds',
      async ({ binder, connecter }) => {
        const endpoint = await fresh();
        const connected = await connecter.open('PAIR', { reconnectInterval: 10 });
        await connected.connect(endpoint);
        for (let i = 0; i < 100; i++) await connected.send(frame(String(i)));
        const bound = await binder.open('PAIR');
        await bound.bind(endpoint);
        for (let i = 0; i < 100; i++) expect(String(await bound.receive())).toBe(String(i));
        await bound.send(frame('back'));
        expect(String(await connected.receive())).toBe('back');
      },
    );
  });
});

describe.each([ours, ...theirPipelines])('a second PAIR of $name', (their) => {
  describe.skipIf(their.isAbsent).each(transports)('over $name', ({ anywhere }) => {
    it('waits at ours until the first has left, connected once and losing nothing', async () => {
      const socket = closing(new Pair());
      const handshakes = new Handshakes(socket);
      const endpoint = await boundTo(socket, anywhere());
      const first = await their.open('PAIR');
      await first.connect(endpoint);
      await handshakes.reach(1);
      const second = await their.open('PAIR', { reconnectInterval: 1 });
      await second.connect(endpoint);
      await handshakes.reach(2);
      for (let i = 0; i < 100; i++) await second.send(frame(String(i)));
      for (let i = 0; i < 100; i++) {
        await first.send(frame('ping'));
        expect(texts(await socket.receive())).toEqual(['ping']);
        await socket.send('pong');
        expect(String(await first.receive())).toBe('pong');
      }
      expect([handshakes.count, socket.waitingPeers]).toEqual([2, 1]);
      await first.close();
      for (let i = 0; i < 100; i++) expect(texts(await socket.receive())).toEqual([String(i)]);
      await socket.send('yours');
      expect(String(await second.receive())).toBe('yours');
      expect(handshakes.count).toBe(2);
    });
  });
});

describe.each(theirPipelines)('a PAIR of ours that comes second to $name', (their) => {
  describe.skipIf(their.isAbsent).each(transports)('over $name', ({ anywhere }) => {
    it('is not heard, stays connected, and one that comes when the first has left is heard', async () => {
      const bound = await their.open('PAIR');
      const endpoint = await bound.bind(anywhere());
      const first = closing(new Pair());
      first.connect(endpoint);
      await first.send('1');
      expect(String(await bound.receive())).toBe('1');
      const second = closing(new Pair());
      const handshakes = new Handshakes(second);
      second.connect(endpoint);
      await handshakes.reach(1);
      await second.send('unheard');
      first.close();
      await first.ended;
      let heard: string | undefined;
      const hearing = bound.receive().then((message) => {
        heard = String(message);
      });
      // The other side learns a little later that the first has left.
      await until(async () => {
        const third = closing(new Pair());
        const joined = new Handshakes(third);
        third.connect(endpoint);
        await joined.reach(1);
        await third.send('3');
        for (let turn = 0; turn < 20 && heard === undefined; turn++) {
          await new Promise((resolve) => setImmediate(resolve));
        }
        if (heard === undefined) third.close();
        return heard;
      }, 'a third to be heard');
      await hearing;
      expect([heard, handshakes.count]).toEqual(['3', 1]);
    });
  });
});
