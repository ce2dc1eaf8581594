/*
 * A ZAP handler in another thread is a handler: the default context is one for all threads of the process.
 */
import { Context, Reply, Request } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { Thread } from '../../fixtures/threads/thread.ts';
import { boundTo } from '../../support/bound.ts';
import { closing } from '../../support/closing.ts';
import { TCP_WILDCARD } from '../../support/endpoints.ts';
import { texts } from '../../support/hex.ts';
import { countOf, recordEvents } from '../../support/recorded-events.ts';
import { until } from '../../support/until.ts';

/** A thread whose handler lets in everybody from 127.0.0.1 but those with the domain `closed`. */
async function handlerThread(): Promise<Thread> {
  const thread = new Thread(`
    const handler = new zscale.Reply();
    await handler.bind('inproc://zeromq.zap.01');
    say('bound');
    for await (const [version, id, domain] of handler)
      await handler.send([version, id, String(domain) === 'closed' ? '400' : '200', '', 'x', '']);
  `);
  await thread.says('bound');
  return thread;
}

describe('a ZAP handler in another thread', () => {
  it('is asked, also about NULL peers, and refuses whom it refuses', async () => {
    const thread = await handlerThread();
    const open = closing(new Reply({ zapDomain: 'open' }));
    const closed = closing(new Reply({ zapDomain: 'closed' }));
    const events = recordEvents(closed);
    const friend = closing(new Request());
    friend.connect(await boundTo(open, TCP_WILDCARD));
    await friend.send('hello');
    expect(texts(await open.receive())).toEqual(['hello']);
    const stranger = closing(new Request({ reconnectInterval: -1 }));
    stranger.connect(await boundTo(closed, TCP_WILDCARD));
    await until(() => countOf(events, 'handshake:error:auth') === 1);
    expect(countOf(events, 'handshake')).toBe(0);
    await thread.close();
  });

  it('is waited for while its thread is too busy to say that it is there', async () => {
    const thread = new Thread(`
      const handler = new zscale.Reply();
      await handler.bind('inproc://zeromq.zap.01');
      say('bound');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500); // it answers nobody
      for await (const [version, id] of handler) await handler.send([version, id, '400', '', '', '']);
    `);
    await thread.says('bound');
    const pull = closing(new Reply({ zapDomain: 'global' }));
    const events = recordEvents(pull);
    const stranger = closing(new Request({ reconnectInterval: -1 }));
    stranger.connect(await boundTo(pull, TCP_WILDCARD));
    await until(() => countOf(events, 'disconnect') === 1);
    expect(countOf(events, 'handshake')).toBe(0);
    expect(countOf(events, 'handshake:error:auth')).toBe(1);
    await thread.close();
  });

  it('lets PLAIN clients in, which nobody does without it', async () => {
    const reply = closing(new Reply({ plainServer: true }));
    const events = recordEvents(reply);
    const endpoint = await boundTo(reply, TCP_WILDCARD);
    const early = closing(
      new Request({ plainUsername: 'a', plainPassword: 'b', reconnectInterval: 1 }),
    );
    early.connect(endpoint);
    await until(() => countOf(events, 'handshake:error:other') > 0);
    const thread = await handlerThread();
    await early.send('hello'); // it dials again until somebody lets it in
    expect(texts(await reply.receive())).toEqual(['hello']);
    await thread.close();
  });

  it('is nobody to sockets of another context', async () => {
    const thread = await handlerThread();
    const reply = closing(new Reply({ zapDomain: 'closed', context: new Context() }));
    const request = closing(new Request());
    request.connect(await boundTo(reply, TCP_WILDCARD));
    await request.send('hello');
    expect(texts(await reply.receive())).toEqual(['hello']);
    await thread.close();
  });
});
