/*
 * ZMTP 3.1 (RFC 37), section "Greeting": the first 64 bytes each way.
 */
import { Dealer } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { countOf, recordEvents } from '../support/recorded-events.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';
import { GREETING, MECHANISM_NULL, MECHANISM_PLAIN, READY } from '../support/vectors.ts';

const SIGNATURE = 'ff 0000000000000001 7f';
const HELLO = '00 05 48656c6c6f';

describe.each(transports)('greeting over $name', ({ anywhere }) => {
  async function boundDealer(): Promise<{ socket: Dealer; endpoint: string }> {
    const socket = closing(new Dealer());
    return { socket, endpoint: await boundTo(socket, anywhere()) };
  }

  it('starts with a signature of ten bytes, ff at its start and 7f at its end, unasked', async () => {
    const { endpoint } = await boundDealer();
    const peer = await RawPeer.connect(endpoint);
    const signature = await peer.take(10);
    expect([signature[0], signature[9]]).toEqual([0xff, 0x7f]);
  });

  it('is sent unasked by the side that connects, too', async () => {
    const listener = await RawListener.listen();
    closing(new Dealer()).connect(listener.endpoint);
    const signature = await (await listener.accept()).take(10);
    expect([signature[0], signature[9]]).toEqual([0xff, 0x7f]);
  });

  it('is 64 bytes: version 3.1, mechanism NULL padded with zeros, as-server 0, zero filler', async () => {
    const { endpoint } = await boundDealer();
    const peer = await RawPeer.connect(endpoint);
    peer.write(GREETING);
    await peer.take(10);
    await peer.expectBytes('03 01', MECHANISM_NULL);
  });

  it('goes on to the version once the peer has sent its signature', async () => {
    const { endpoint } = await boundDealer();
    const peer = await RawPeer.connect(endpoint);
    peer.write(SIGNATURE);
    await peer.take(10);
    await peer.expectBytes('03');
  });

  it('is complete once the peer has sent eleven bytes, its signature and major version', async () => {
    const { endpoint } = await boundDealer();
    const peer = await RawPeer.connect(endpoint);
    peer.write(SIGNATURE, '03');
    await peer.take(10);
    await peer.expectBytes('03 01', MECHANISM_NULL);
  });

  it('is followed by READY without waiting for the READY of the peer', async () => {
    const { endpoint } = await boundDealer();
    const peer = await RawPeer.connect(endpoint);
    peer.write(GREETING);
    await peer.take(64);
    await peer.expectBytes(READY.DEALER);
  });

  it('may come in one chunk with READY and the first messages', async () => {
    const { socket, endpoint } = await boundDealer();
    const peer = await RawPeer.connect(endpoint);
    peer.write(GREETING, READY.DEALER, HELLO, '00 01 32');
    expect(String(await socket.receive())).toBe('Hello');
    expect(String(await socket.receive())).toBe('2');
  });

  it('may come byte by byte, as may READY and the first message', async () => {
    const { socket, endpoint } = await boundDealer();
    const peer = await RawPeer.connect(endpoint);
    const bytes = `${GREETING}${READY.DEALER}${HELLO}`.replaceAll(' ', '');
    for (let at = 0; at < bytes.length; at += 2) {
      peer.write(bytes.slice(at, at + 2));
      await peer.flushed();
    }
    expect(String(await socket.receive())).toBe('Hello');
  });

  it.each([
    ['padding', `ff 0102030405060708 7f 03 01 ${MECHANISM_NULL}`],
    ['the as-server byte', `${SIGNATURE} 03 01 4e554c4c ${'00'.repeat(16)} 01 ${'00'.repeat(31)}`],
    ['the filler', `${SIGNATURE} 03 01 4e554c4c ${'00'.repeat(16)} 00 ${'ee'.repeat(31)}`],
    ['all but the lowest bit of the tenth byte', `ff 0000000000000000 01 03 01 ${MECHANISM_NULL}`],
  ])('is accepted whatever %s says', async (_, greeting) => {
    const { socket, endpoint } = await boundDealer();
    const peer = await RawPeer.connect(endpoint);
    await peer.greet(READY.DEALER, greeting);
    peer.write(HELLO);
    expect(String(await socket.receive())).toBe('Hello');
  });

  it.each(['02', '04', 'ff'])('with major version %s is taken for 3.x', async (major) => {
    const { socket, endpoint } = await boundDealer();
    const peer = await RawPeer.connect(endpoint);
    await peer.greet(READY.DEALER, `${SIGNATURE} ${major} 01 ${MECHANISM_NULL}`);
    peer.write(HELLO);
    expect(String(await socket.receive())).toBe('Hello');
  });

  it.each([
    ['PLAIN', MECHANISM_PLAIN],
    ['null in lower case', `6e756c6c ${'00'.repeat(16)} 00 ${'00'.repeat(31)}`],
    ['NULL with a byte behind its padding', `4e554c4c ${'00'.repeat(15)} 41 00 ${'00'.repeat(31)}`],
  ])('with mechanism %s is refused: all 20 bytes must equal ours', async (_, mechanism) => {
    const { socket, endpoint } = await boundDealer();
    const events = recordEvents(socket);
    const peer = await RawPeer.connect(endpoint);
    peer.write(SIGNATURE, '03 01', mechanism, READY.DEALER);
    await peer.expectClosed();
    const told = await until(
      () => events.find(({ type }) => type === 'handshake:error:protocol'),
      'handshake:error:protocol',
    );
    expect(told.error?.code).toBe('ERR_ZMTP_MECHANISM_MISMATCH');
  });

  it('with another mechanism ends the endpoint of a connecting socket for good', async () => {
    const wrong = await RawListener.listen();
    const restarting = await RawListener.listen();
    const socket = closing(new Dealer({ reconnectInterval: 1 }));
    const events = recordEvents(socket);
    socket.connect(wrong.endpoint);
    const peer = await wrong.accept();
    peer.write(SIGNATURE, '03 01', MECHANISM_PLAIN);
    await peer.expectClosed();
    await until(() => countOf(events, 'disconnect') === 1, 'disconnect');

    // Another endpoint of the same socket reconnects three times meanwhile.
    socket.connect(restarting.endpoint);
    for (let i = 0; i < 3; i++) (await restarting.accept()).close();
    await restarting.accept();
    expect(wrong.accepted).toHaveLength(1);
  });
});
