import { Dealer, Router, wholeFrame } from '@zscale/transport';
import { expect, it } from 'vitest';
import { isRope } from '../../../packages/transport/src/rope.ts';
import { closing } from '../../support/closing.ts';
import { freshTcp } from '../../support/endpoints.ts';

/** Passes messages on unread. */
class Forwarding extends Router {
  override get forwards(): boolean {
    return true;
  }
}

it('a socket gets whole frames over inproc from one that forwards in pieces', async () => {
  const endpoint = await freshTcp();
  const forwarding = closing(new Forwarding());
  await forwarding.bind(endpoint);
  await forwarding.bind('inproc://ropes');
  const near = closing(new Dealer({ routingId: 'near' }));
  near.connect('inproc://ropes');
  await near.send('hello');
  await forwarding.receive();
  const far = closing(new Dealer());
  far.connect(endpoint);
  const large = Buffer.alloc(1_000_000, 'large');
  await far.send(large);

  const [, frame = Buffer.alloc(0)] = await forwarding.receive();
  expect(frame).toHaveLength(large.length);
  expect(forwarding.trySend([Buffer.from('near'), frame])).toBe(true);
  const [got = Buffer.alloc(0)] = await near.receive();
  expect(isRope(got)).toBe(false);
  expect(got.equals(large)).toBe(true);
  expect(wholeFrame(frame).equals(large)).toBe(true);
});
