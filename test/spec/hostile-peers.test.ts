/*
 * What a peer can do to us, and to others: nothing but lose its own connection. Raw peers that greet properly and then misbehave.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, unlinkSync } from 'node:fs';
import { Dealer, Pull, Push, Reply, Request } from '@zscale/transport';
import { Radio } from '@zscale/transport/draft';
import { describe, expect, it } from 'vitest';
import { FRAMES_MAX } from '../../packages/transport/src/connections/connection.ts';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { freshIpc, TCP_WILDCARD } from '../support/endpoints.ts';
import { texts } from '../support/hex.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { countOf, recordEvents } from '../support/recorded-events.ts';
import { Relay } from '../support/relay.ts';
import { until } from '../support/until.ts';

describe('a hostile peer', () => {
  it('that sends frames of one message without end is ended at a number of them', async () => {
    const pull = closing(new Pull());
    const events = recordEvents(pull);
    const peer = await RawPeer.greeted(await boundTo(pull, TCP_WILDCARD), 'PUSH');
    peer.write(Buffer.alloc(2 * (FRAMES_MAX + 1), Buffer.from([1, 0])));
    await until(() => countOf(events, 'disconnect') === 1);
    expect(events.find(({ type }) => type === 'disconnect')?.error).toMatchObject({
      code: 'EMSGSIZE',
    });
  });

  it('cannot hide memory in commands between the frames of a message', async () => {
    const pull = closing(new Pull({ maxMultipartSize: 100_000 }));
    const events = recordEvents(pull);
    const peer = await RawPeer.greeted(await boundTo(pull, TCP_WILDCARD), 'PUSH');
    const command = `06 000000000000ff00 04 4e4f5045 ${'00'.repeat(0xff00 - 5)}`;
    peer.write('01 01 61', command, '01 01 61', command);
    await until(() => countOf(events, 'disconnect') === 1);
  });

  it('that joins groups without end is disconnected by a RADIO, and counted', async () => {
    const radio = closing(new Radio());
    const peer = await RawPeer.connect(await boundTo(radio, TCP_WILDCARD));
    await peer.greet('04 1a 05 5245414459 0b 536f636b65742d54797065 00000004 44495348');
    let join = '';
    for (let i = 0; i <= 100_000; i++) {
      const group = Buffer.from(`${i}`).toString('hex');
      join += `04${(5 + group.length / 2).toString(16).padStart(2, '0')}044a4f494e${group}`;
    }
    peer.write(join);
    await until(() => radio.expelled === 1);
  });
});

describe('honest peers', () => {
  it('are heard in order across a reconnect, also when the receiver had not read what came before', async () => {
    const pull = closing(new Pull());
    const relay = await Relay.to(await boundTo(pull, TCP_WILDCARD));
    const push = closing(new Push({ reconnectInterval: 1 }));
    push.connect(relay.endpoint);
    for (let i = 0; i < 500; i++) await push.send(String(i));
    await until(() => push.unsent.messages === 0);
    expect(texts(await pull.receive())).toEqual(['0']);
    const events = recordEvents(push);
    await until(() => relay.forth.toString('latin1').endsWith('\u0000\u0003499'));
    relay.cut();
    await until(() => countOf(events, 'handshake') === 1);
    for (let i = 500; i < 1000; i++) await push.send(String(i));
    for (let i = 1; i < 1000; i++) expect(texts(await pull.receive())).toEqual([String(i)]);
  });

  it('lose nothing to heartbeats while the receiver is at its high-water mark', async () => {
    const pull = closing(new Pull({ receiveHighWaterMark: 2, heartbeatInterval: 20 }));
    const events = recordEvents(pull);
    const push = closing(new Push({ sendHighWaterMark: 2 }));
    push.connect(await boundTo(pull, TCP_WILDCARD));
    const body = Buffer.alloc(200_000);
    const sending = (async () => {
      for (let i = 0; i < 60; i++) await push.send([String(i), body]);
    })();
    for (let i = 0; i < 60; i++) {
      if (i % 20 === 10) {
        const start = performance.now();
        await until(() => performance.now() - start > 100); // five intervals without a receive
      }
      expect(String((await pull.receive())[0])).toBe(String(i));
    }
    await sending;
    expect(countOf(events, 'disconnect')).toBe(0);
  });
});

describe('an ipc path', () => {
  it('that another program has bound since is left to it when we close', async () => {
    const endpoint = freshIpc();
    const first = closing(new Reply());
    await first.bind(endpoint);
    unlinkSync(endpoint.slice('ipc://'.length)); // a cleaner of temporary files
    const second = closing(new Reply());
    await second.bind(endpoint);
    first.close();
    await first.ended;
    expect(existsSync(endpoint.slice('ipc://'.length))).toBe(true);
    const request = closing(new Request());
    request.connect(endpoint);
    await request.send('x');
    expect(texts(await second.receive())).toEqual(['x']);
  });

  it('that a killed program left behind is taken over by one of those who bind it at once', async () => {
    for (let round = 0; round < 5; round++) {
      const endpoint = freshIpc();
      const path = endpoint.slice('ipc://'.length);
      const program = `net.createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
      expect(spawnSync(process.execPath, ['-e', program]).signal).toBe('SIGKILL');
      expect(existsSync(path)).toBe(true);
      const replies = [new Reply(), new Reply(), new Reply()].map(closing);
      const bound = await Promise.allSettled(replies.map((reply) => reply.bind(endpoint)));
      expect(bound.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      const winner = replies[bound.findIndex(({ status }) => status === 'fulfilled')];
      const request = closing(new Request());
      request.connect(endpoint);
      await request.send('x');
      expect(texts((await winner?.receive()) ?? [])).toEqual(['x']);
    }
  });

  it('with a zero byte is EINVAL', async () => {
    const socket = closing(new Dealer());
    await expect(socket.bind('ipc:///tmp/a\0b')).rejects.toMatchObject({ code: 'EINVAL' });
    expect(() => socket.connect('ipc:///tmp/a\0b')).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
  });
});
