/*
 * Older peers: ZMTP 3.0 (RFC 23), which has no heartbeats, and 2.0 (RFC 15), which has no
 * mechanism, no commands, and an identity frame in place of READY.
 */
import { Dealer, Reply, Request, Router } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { texts } from '../support/hex.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { transports } from '../support/transports.ts';
import { GREETING_3_0, READY } from '../support/vectors.ts';

const PING = '04 07 04 50494e47 0000';
const NEVER = 3_600_000;

/** RFC 15: signature, revision 1. */
const SIGNATURE = 'ff 0000000000000001 7f';
const REVISION_2_0 = '01';
const ANONYMOUS = '00 00';
/** RFC 15: socket types as one byte. */
const TYPE = { REQ: '03', REP: '04', DEALER: '05', ROUTER: '06' } as const;

describe.each(transports)('a ZMTP 3.0 peer over $name', ({ anywhere }) => {
  it('gets the same greeting and READY, and messages both ways', async () => {
    const socket = closing(new Dealer());
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    peer.write(GREETING_3_0);
    const greeting = await peer.take(64);
    expect([...greeting.subarray(10, 12)]).toEqual([3, 1]);
    peer.write(READY.DEALER);
    await peer.expectBytes(READY.DEALER);
    peer.write('0101 61 0001 62');
    expect(texts(await socket.receive())).toEqual(['a', 'b']);
    await socket.send(['c', 'd']);
    await peer.expectBytes('0101 63 0001 64');
  });

  it('is never sent a PING, which it could not answer', async () => {
    const socket = closing(new Dealer({ heartbeatInterval: 10, heartbeatTimeout: NEVER }));
    const endpoint = await boundTo(socket, anywhere());
    const old = await RawPeer.connect(endpoint);
    await old.greet(READY.DEALER, GREETING_3_0);
    const today = await RawPeer.greeted(endpoint, 'DEALER');
    await today.expectBytes(PING, PING, PING);
    expect(old.pending).toHaveLength(0);
  });
});

describe.each(transports)('a ZMTP 2.0 peer over $name', ({ anywhere, fresh }) => {
  /** Greets as a 2.0 peer of that type and identity; takes what a 2.0 peer must get. */
  async function greet2(
    peer: RawPeer,
    own: keyof typeof TYPE,
    theirs: keyof typeof TYPE,
    identity: string = ANONYMOUS,
  ): Promise<void> {
    peer.write(SIGNATURE, REVISION_2_0, TYPE[theirs], identity);
    await peer.take(10);
    await peer.expectBytes('03', TYPE[own], ANONYMOUS);
  }

  it('gets revision, socket type and identity in place of the rest of the greeting', async () => {
    const socket = closing(new Reply());
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    await greet2(peer, 'REP', 'REQ');
  });

  it('gets them also when it waits for each part before it sends the next', async () => {
    const socket = closing(new Reply());
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    peer.write(SIGNATURE);
    await peer.take(10);
    await peer.expectBytes('03');
    peer.write(REVISION_2_0, TYPE.REQ);
    await peer.expectBytes(TYPE.REP, ANONYMOUS);
    peer.write(ANONYMOUS, '0100 0005 48656c6c6f');
    expect(texts(await socket.receive())).toEqual(['Hello']);
  });

  it('gets them byte for byte however its own are cut', async () => {
    const socket = closing(new Reply());
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    const bytes = `${SIGNATURE}${REVISION_2_0}${TYPE.REQ}${ANONYMOUS}0100000161`.replaceAll(
      ' ',
      '',
    );
    for (let at = 0; at < bytes.length; at += 2) {
      peer.write(bytes.slice(at, at + 2));
      await peer.flushed();
    }
    expect(texts(await socket.receive())).toEqual(['a']);
  });

  it('asks a REP and is answered', async () => {
    const socket = closing(new Reply());
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    await greet2(peer, 'REP', 'REQ');
    peer.write('0100 0005 48656c6c6f');
    expect(texts(await socket.receive())).toEqual(['Hello']);
    await socket.send('World');
    await peer.expectBytes('0100 0005 576f726c64');
  });

  it('is asked by a REQ that connects to it', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Request());
    socket.connect(listener.endpoint);
    const peer = await listener.accept();
    await greet2(peer, 'REQ', 'REP');
    await socket.send('Hello');
    await peer.expectBytes('0100 0005 48656c6c6f');
    peer.write('0100 0005 576f726c64');
    expect(texts(await socket.receive())).toEqual(['World']);
  });

  it('is known to a ROUTER by its identity', async () => {
    const socket = closing(new Router());
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    await greet2(peer, 'ROUTER', 'DEALER', '00 03 6f6c64');
    peer.write('0001 61');
    expect(texts(await socket.receive())).toEqual(['old', 'a']);
    await socket.send(['old', 'b']);
    await peer.expectBytes('0001 62');
  });

  it('learns our routing id from the identity frame', async () => {
    const socket = closing(new Dealer({ routingId: 'client-1' }));
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    peer.write(SIGNATURE, REVISION_2_0, TYPE.ROUTER, ANONYMOUS);
    await peer.take(10);
    await peer.expectBytes('03', TYPE.DEALER, '00 08 636c69656e742d31');
  });

  it('sends and receives long frames', async () => {
    const socket = closing(new Dealer());
    const peer = await RawPeer.connect(await boundTo(socket, anywhere()));
    await greet2(peer, 'DEALER', 'DEALER');
    peer.write('02 000000000000012c', '61'.repeat(300));
    expect((await socket.receive())[0]).toHaveLength(300);
    await socket.send(Buffer.alloc(256, 0x62));
    await peer.expectBytes('02 0000000000000100', '62'.repeat(256));
  });

  it('is never sent a command', async () => {
    const socket = closing(new Dealer({ heartbeatInterval: 10, heartbeatTimeout: NEVER }));
    const endpoint = await boundTo(socket, anywhere());
    const old = await RawPeer.connect(endpoint);
    await greet2(old, 'DEALER', 'DEALER');
    const today = await RawPeer.greeted(endpoint, 'DEALER');
    await today.expectBytes(PING, PING, PING);
    expect(old.pending).toHaveLength(0);
  });
});
