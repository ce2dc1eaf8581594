/*
 * Peers that connect and say nothing, or stop in the middle: they cost a connection each, and stop
 * nobody else.
 */
import { Reply, Request } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../../support/bound.ts';
import { closing } from '../../support/closing.ts';
import { RawPeer } from '../../support/raw-peer.ts';
import { countOf, recordEvents } from '../../support/recorded-events.ts';
import { transports } from '../../support/transports.ts';
import { until } from '../../support/until.ts';
import { GREETING } from '../../support/vectors.ts';

const MANY = 1000;
const AT_ONCE = 100;

/** What half-open peers have said: nothing, half a signature, a greeting and no more. */
const beginnings = ['', 'ff00', GREETING];

describe.each(transports)('a thousand half-open handshakes over $name', ({ anywhere }) => {
  it('do not keep good peers out, and end when their time is over', async () => {
    const rep = closing(new Reply({ handshakeInterval: 2000, backlog: 2 * AT_ONCE }));
    const events = recordEvents(rep);
    const endpoint = await boundTo(rep, anywhere());
    const peers: RawPeer[] = [];
    while (peers.length < MANY) {
      const more = Array.from({ length: AT_ONCE }, () => RawPeer.connect(endpoint));
      peers.push(...(await Promise.all(more)));
      await until(() => countOf(events, 'accept') === peers.length, 'these to be accepted');
    }
    peers.forEach((peer, i) => {
      peer.write(beginnings[i % beginnings.length] ?? '');
    });
    const req = closing(new Request());
    req.connect(endpoint);
    for (let i = 0; i < 10; i++) {
      await req.send(`ping ${i}`);
      expect(String(await rep.receive())).toBe(`ping ${i}`);
      await rep.send('pong');
      await req.receive();
    }
    expect(countOf(events, 'handshake')).toBe(1);
    await until(() => peers.every(({ closed }) => closed), 'every half-open peer to be closed');
    expect(countOf(events, 'handshake:error:other')).toBe(MANY);
    await req.send('still there');
    expect(String(await rep.receive())).toBe('still there');
  });

  it('end at once when their socket is closed', async () => {
    const rep = closing(new Reply({ handshakeInterval: 0, backlog: 2 * AT_ONCE }));
    const endpoint = await boundTo(rep, anywhere());
    const connecting = Array.from({ length: AT_ONCE }, () => RawPeer.connect(endpoint));
    const peers = await Promise.all(connecting);
    rep.close();
    await until(() => peers.every(({ closed }) => closed), 'every half-open peer to be closed');
    await rep.ended;
  });
});
