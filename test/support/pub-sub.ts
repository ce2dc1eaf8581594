/*
 * What raw peers say in the publish-subscribe patterns: READY of the types that `vectors.ts` does not have, and subscriptions in
 * both of their forms.
 */
import type { RawPeer } from './raw-peer.ts';

/** READY of an XPUB and an XSUB. */
export const READY_XPUB = '04 1a 05 5245414459 0b 536f636b65742d54797065 00000004 58505542';
export const READY_XSUB = '04 1a 05 5245414459 0b 536f636b65742d54797065 00000004 58535542';

const PING = '04 07 04 50494e47 0000';
const PONG = '04 05 04 504f4e47';

const hexOf = (text: string): string => Buffer.from(text, 'latin1').toString('hex');
const size = (bytes: number): string => bytes.toString(16).padStart(2, '0');

/** The command SUBSCRIBE (RFC 37) for a topic of up to 245 bytes. */
export function subscribe(topic: string): string {
  return `04 ${size(10 + topic.length)} 09 535542534352494245 ${hexOf(topic)}`;
}

/** The command CANCEL (RFC 37) for a topic of up to 248 bytes. */
export function cancel(topic: string): string {
  return `04 ${size(7 + topic.length)} 06 43414e43454c ${hexOf(topic)}`;
}

/** A message of short frames, on the wire. */
export function frames(...bodies: readonly string[]): string {
  const last = bodies.length - 1;
  return bodies
    .map((body, i) => `${i < last ? '01' : '00'} ${size(body.length)} ${hexOf(body)}`)
    .join(' ');
}

/** Waits until the other side has taken everything that `peer` wrote. It must have nothing else to say meanwhile. */
export async function settled(peer: RawPeer): Promise<void> {
  peer.write(PING);
  await peer.expectBytes(PONG);
}
