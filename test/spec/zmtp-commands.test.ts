/*
 * ZMTP 3.1 (RFC 37), section "Commands", as far as they come after the handshake.
 */
import { Dealer } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { texts } from '../support/hex.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { transports } from '../support/transports.ts';
import { READY } from '../support/vectors.ts';

const NEXT = '00 04 6e657874';

describe.each(transports)('commands over $name', ({ anywhere }) => {
  async function pair(): Promise<{ socket: Dealer; peer: RawPeer }> {
    const socket = closing(new Dealer());
    const endpoint = await boundTo(socket, anywhere());
    return { socket, peer: await RawPeer.greeted(endpoint, 'DEALER') };
  }

  it('answers PING with PONG', async () => {
    const { peer } = await pair();
    peer.write('04 07 04 50494e47 0000');
    await peer.expectBytes('04 05 04 504f4e47');
  });

  it('copies the context of a PING into its PONG', async () => {
    const { peer } = await pair();
    peer.write('04 0a 04 50494e47 0000 637478');
    await peer.expectBytes('04 08 04 504f4e47 637478');
  });

  it('copies no more than 16 bytes of context', async () => {
    const { peer } = await pair();
    peer.write('04 18 04 50494e47 0000', '61'.repeat(17));
    await peer.expectBytes('04 15 04 504f4e47', '61'.repeat(16));
  });

  it('answers two PINGs in one chunk with two PONGs, in order', async () => {
    const { peer } = await pair();
    peer.write('04 08 04 50494e47 0000 31', '04 08 04 50494e47 0000 32');
    await peer.expectBytes('04 06 04 504f4e47 31', '04 06 04 504f4e47 32');
  });

  it('answers a PING in the long form', async () => {
    const { peer } = await pair();
    peer.write('06 0000000000000007 04 50494e47 0000');
    await peer.expectBytes('04 05 04 504f4e47');
  });

  it.each([
    ['a PONG nobody asked for', '04 05 04 504f4e47'],
    ['an unknown command', '04 04 03 464f4f'],
    ['a command name in the wrong case', '04 07 04 70696e67 0000'],
    ['READY after the handshake', READY.DEALER],
    ['ERROR after the handshake', '04 0a 05 4552524f52 03 343030'],
    ['SUBSCRIBE to a socket that publishes nothing', '04 0b 09 535542534352494245 41'],
    ['JOIN', '04 08 04 4a4f494e 677270'],
  ])('drops %s, and goes on', async (_, command) => {
    const { socket, peer } = await pair();
    peer.write(command, NEXT);
    expect(texts(await socket.receive())).toEqual(['next']);
    // What comes back next is the answer to this, so nothing was said about the command.
    peer.write('04 07 04 50494e47 0000');
    await peer.expectBytes('04 05 04 504f4e47');
  });

  it.each([
    ['an empty body', '04 00'],
    ['a name that runs past its end', '04 02 09 41'],
    ['a PING without its whole time to live', '04 06 04 50494e47 00'],
  ])('delivers nothing for a command with %s, and stays usable for others', async (_, command) => {
    const { socket, peer } = await pair();
    peer.write(command);
    const other = await RawPeer.greeted(socket.lastEndpoint ?? '', 'DEALER');
    other.write(NEXT);
    expect(texts(await socket.receive())).toEqual(['next']);
  });
});
