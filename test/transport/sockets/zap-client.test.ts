/*
 * The way to the ZAP handler, without any connection that asks: when there is one, and that no question outlives its asker.
 */

import { describe, expect, it } from 'vitest';
import { Context, Reply, Router } from '../../../packages/transport/src/index.ts';
import { ZapClient } from '../../../packages/transport/src/sockets/zap-client.ts';
import { closing } from '../../support/closing.ts';
import { texts } from '../../support/hex.ts';
import { until } from '../../support/until.ts';
import { ZAP_ENDPOINT } from '../../support/zap-handler.ts';

const request = (...frames: string[]): Buffer[] => frames.map((frame) => Buffer.from(frame));

/** A handler and a client of one context; `replies` grows as they come. */
async function asking() {
  const context = new Context();
  const client = closing(new ZapClient(context));
  const handler = closing(new Router({ context }));
  await handler.bind(ZAP_ENDPOINT);
  const replies: Array<readonly string[] | undefined> = [];
  const ask = (...frames: string[]): (() => void) =>
    client.ask(request(...frames), (reply) => replies.push(reply && texts(reply)));
  return { context, client, handler, replies, ask };
}

describe('ZapClient', () => {
  it('knows whether a handler is bound in its context, from moment to moment', async () => {
    const [context, other] = [new Context(), new Context()];
    const client = closing(new ZapClient(context));
    await closing(new Reply({ context: other })).bind(ZAP_ENDPOINT);
    expect(client.present).toBe(false);
    const handler = closing(new Reply({ context }));
    await handler.bind(ZAP_ENDPOINT);
    expect(client.present).toBe(true);
    handler.close();
    await handler.ended;
    expect(client.present).toBe(false);
    await closing(new Reply({ context })).bind(ZAP_ENDPOINT);
    expect(client.present).toBe(true);
  });

  it('sends the frames behind an empty one, and gives the reply without it, not before ask() has returned', async () => {
    const { handler, replies, ask } = await asking();
    ask('1.0', 'a');
    const [id = Buffer.alloc(0), ...frames] = await handler.receive();
    expect(texts(frames)).toEqual(['', '1.0', 'a']);
    expect(replies).toEqual([]);
    await handler.send([id, '', '1.0', 'b']);
    await until(() => replies.length === 1);
    expect(replies).toEqual([['1.0', 'b']]);
  });

  it('gives each reply to the question it is for', async () => {
    const { handler, replies, ask } = await asking();
    for (const name of ['a', 'b', 'c']) ask(name);
    const asked = [await handler.receive(), await handler.receive(), await handler.receive()];
    for (const [id = Buffer.alloc(0), , name = Buffer.alloc(0)] of asked.toReversed())
      await handler.send([id, '', `to ${name}`]);
    await until(() => replies.length === 3);
    expect(replies.map((reply) => reply?.[0]).sort()).toEqual(['to a', 'to b', 'to c']);
  });

  it('gives nothing of a reply that has no empty frame in front', async () => {
    const { handler, replies, ask } = await asking();
    ask('a');
    const [id = Buffer.alloc(0)] = await handler.receive();
    await handler.send([id, '1.0', 'b']);
    await until(() => replies.length === 1);
    expect(replies).toEqual([undefined]);
  });

  it.each(['withdrawn', 'closed'])(
    'says nothing any more to a question that was %s',
    async (how) => {
      const { client, handler, replies, ask } = await asking();
      const withdraw = ask('a');
      const [id = Buffer.alloc(0)] = await handler.receive();
      if (how === 'withdrawn') withdraw();
      else client.close();
      withdraw(); // as often as one likes
      client.close();
      await handler.send([id, '', 'late']).catch(() => {}); // nobody is there any more
      const other = closing(new ZapClient(handler.context));
      let isAnswered = false;
      other.ask(request('b'), () => {
        isAnswered = true;
      });
      const [next = Buffer.alloc(0)] = await handler.receive();
      await handler.send([next, '', 'in time']);
      await until(() => isAnswered);
      expect(replies).toEqual([]);
    },
  );

  it('takes one reply to a question', async () => {
    const { handler, replies, ask } = await asking();
    ask('a');
    const [id = Buffer.alloc(0)] = await handler.receive();
    void handler.send([id, '', 'first']);
    void handler.send([id, '', 'second']);
    ask('b');
    const [next = Buffer.alloc(0)] = await handler.receive();
    await handler.send([next, '', 'third']);
    await until(() => replies.length === 2);
    expect(replies).toEqual([['first'], ['third']]);
  });

  it('asks the next handler when the last one closed over a question', async () => {
    const { context, handler, replies, ask } = await asking();
    ask('lost');
    await handler.receive();
    handler.close();
    await handler.ended;
    const next = closing(new Reply({ context }));
    await next.bind(ZAP_ENDPOINT);
    ask('asked');
    expect(texts(await next.receive())).toEqual(['asked']);
    await next.send('answered');
    await until(() => replies.length === 1);
    expect(replies).toEqual([['answered']]);
  });
});
