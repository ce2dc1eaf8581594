/*
 * Messages to frames on one connection: subscriptions become commands, and what a mechanism encrypts hides its flags.
 */
import { describe, expect, it } from 'vitest';
import {
  subscriptionOf,
  Traffic,
  takesSubscriptions,
} from '../../../packages/transport/src/connections/traffic.ts';
import type { Mechanism } from '../../../packages/transport/src/mechanisms/mechanism.ts';
import type { Message } from '../../../packages/transport/src/message.ts';
import { Slab } from '../../../packages/transport/src/slab.ts';
import { Encoder } from '../../../packages/transport/src/wire/encoder.ts';
import { hex } from '../../support/hex.ts';

function bytesOf(traffic: Traffic, ...messages: Message[]): string {
  const encoder = new Encoder(new Slab());
  for (const message of messages) traffic.encode(message, encoder);
  return Buffer.concat(encoder.finish()).toString('hex');
}

const expected = (...parts: string[]): string => hex(...parts).toString('hex');

/** Shows what it was given: flags, then the body backwards. */
const mirror: Mechanism = {
  name: 'CURVE',
  asServer: false,
  encrypts: true,
  allowsVersion2: false,
  start() {},
  receiveCommand() {},
  encrypt: (body, flags) => Buffer.concat([Buffer.from([flags]), Buffer.from(body).reverse()]),
  overheadBytes: 1,
  encryptInto(body, flags, target, offset) {
    this.encrypt(body, flags).copy(target, offset);
  },
  decrypt: (body) => body,
  close() {},
};

describe('traffic', () => {
  it.each([
    ['SUB', '01 41', '04 0b 09 535542534352494245 41'],
    ['SUB', '00 41', '04 08 06 43414e43454c 41'],
    ['SUB', '01', '04 0a 09 535542534352494245'],
    ['XSUB', '01 41', '04 0b 09 535542534352494245 41'],
    ['DISH', '01 677270', '04 08 04 4a4f494e 677270'],
    ['DISH', '00 677270', '04 09 05 4c45415645 677270'],
  ] as const)(
    'of a %s writes the message %s as a command, for a 3.1 peer',
    (type, message, wire) => {
      expect(bytesOf(new Traffic(type, undefined, true), [hex(message)])).toBe(expected(wire));
    },
  );

  it('of a SUB writes a subscription as a message, for a 3.0 peer', () => {
    expect(bytesOf(new Traffic('SUB', undefined, false), [hex('01 41')])).toBe(
      expected('00 02 01 41'),
    );
  });

  it('of an XSUB writes what is no subscription as it is, in order', () => {
    const traffic = new Traffic('XSUB', undefined, true);
    expect(bytesOf(traffic, [hex('02 41')], [hex('01 41')], [hex('01 42'), hex('63')])).toBe(
      expected('00 02 02 41', '04 0b 09 535542534352494245 41', '01 02 01 42 00 01 63'),
    );
  });

  it('of others writes a message that starts with 01 as it is', () => {
    expect(bytesOf(new Traffic('DEALER', undefined, true), [hex('01 41')])).toBe(
      expected('00 02 01 41'),
    );
  });

  it('gives every frame to a mechanism that encrypts, and shows neither MORE nor COMMAND outside', () => {
    const traffic = new Traffic('SUB', mirror, true);
    expect(bytesOf(traffic, [hex('0a 0b'), hex('0c')])).toBe(
      expected('00 03 01 0b 0a', '00 02 00 0c'),
    );
    expect(traffic.encodeCommand(hex('04 50494e47')).toString('hex')).toBe(
      expected('00 06 04 474e4950 04'),
    );
    expect(bytesOf(traffic, [hex('01 41')])).toBe(expected('00 0c 04 41 4542495243534255 53 09'));
  });

  it.each([
    ['PUB', 'SUBSCRIBE', '01 41'],
    ['XPUB', 'CANCEL', '00 41'],
    ['RADIO', 'JOIN', '01 41'],
    ['RADIO', 'LEAVE', '00 41'],
  ] as const)('gives a %s the command %s as a message', (type, name, message) => {
    const subscription = subscriptionOf(type, { name, data: hex('41') });
    expect(subscription?.map((frame) => frame.toString('hex'))).toEqual([expected(message)]);
    expect(takesSubscriptions(type)).toBe(true);
  });

  it.each([
    ['DEALER', 'SUBSCRIBE'],
    ['PUB', 'JOIN'],
    ['PUB', 'subscribe'],
    ['SUB', 'SUBSCRIBE'],
    ['DISH', 'JOIN'],
  ] as const)('gives a %s nothing of the command %s', (type, name) => {
    expect(subscriptionOf(type, { name, data: hex('41') })).toBe(undefined);
  });
});
