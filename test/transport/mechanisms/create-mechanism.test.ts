/*
 * From options to a mechanism, or to a refusal: nothing is ever less safe than it was asked to be.
 */

import { describe, expect, it } from 'vitest';
import { checkSecurity } from '../../../packages/transport/src/mechanisms/create-mechanism.ts';
import { curveKeyPair } from '../../../packages/transport/src/mechanisms/curve/keys.ts';
import {
  type AnySocketOptions,
  resolveSocketOptions,
} from '../../../packages/transport/src/options.ts';
import { decodeZ85, encodeZ85 } from '../../../packages/transport/src/z85.ts';
import { hex } from '../../support/hex.ts';
import { CLIENT_METADATA, KEYS, Z85_KEYS } from './curve-vectors.ts';
import { converse, Side, sidesOf } from './mechanism-pair.ts';

const CLIENT = {
  curvePublicKey: Z85_KEYS.clientPublic,
  curveSecretKey: Z85_KEYS.clientSecret,
  curveServerKey: Z85_KEYS.serverPublic,
};
const ZERO_KEY = '0'.repeat(40);
const resolve = (options: AnySocketOptions) => resolveSocketOptions(options, { options: [] });

describe('curveKeyPair', () => {
  it('makes a new pair each time, of 40 characters each', () => {
    const pairs = [curveKeyPair(), curveKeyPair()];
    expect(new Set(pairs.flatMap(({ publicKey, secretKey }) => [publicKey, secretKey])).size).toBe(
      4,
    );
    for (const { publicKey, secretKey } of pairs) {
      expect(decodeZ85(publicKey)).toHaveLength(32);
      expect(decodeZ85(secretKey)).toHaveLength(32);
    }
  });

  it('makes pairs that shake hands', () => {
    const [server, client] = [curveKeyPair(), curveKeyPair()];
    const sides = sidesOf(
      {
        curvePublicKey: client.publicKey,
        curveSecretKey: client.secretKey,
        curveServerKey: server.publicKey,
      },
      { curveServer: true, curveSecretKey: server.secretKey },
    );
    sides.server.authenticator.present = false;
    expect(converse(sides.client, sides.server)).toBe(4);
    const sent = sides.client.mechanism.encrypt(Buffer.from('hello'), 0);
    expect(sides.server.mechanism.decrypt(sent).toString('latin1', 1)).toBe('hello');
  });
});

describe('a mechanism', () => {
  it.each([
    ['NULL', {}, false, false],
    ['PLAIN', { plainUsername: 'admin' }, false, false],
    ['PLAIN', { plainServer: true }, true, false],
    ['CURVE', CLIENT, false, true],
    ['CURVE', { curveServer: true, curveSecretKey: Z85_KEYS.serverSecret }, true, true],
  ] as const)('is %s for %j', (name, options, asServer, encrypts) => {
    const { mechanism } = new Side(options);
    expect([mechanism.name, mechanism.asServer, mechanism.encrypts]).toEqual([
      name,
      asServer,
      encrypts,
    ]);
  });

  it('takes keys of 32 bytes as well as of 40 characters', () => {
    const bytes = (digits: string): string => hex(digits) as unknown as string; // options take both, and say string as zeromq.js does
    const sides = sidesOf(
      {
        curvePublicKey: bytes(KEYS.clientPublic),
        curveSecretKey: bytes(KEYS.clientSecret),
        curveServerKey: bytes(KEYS.serverPublic),
      },
      { curveServer: true, curveSecretKey: bytes(KEYS.serverSecret) },
    );
    sides.server.authenticator.present = false;
    converse(sides.client, sides.server);
    expect(sides.client.properties?.get('Socket-Type')?.toString()).toBe('ROUTER');
    // A closed mechanism wipes its own copies, and not the options.
    sides.client.mechanism.close();
    expect(sides.client.setup.options.curveSecretKey).toEqual(hex(KEYS.clientSecret));
  });
});

/** Options with which CURVE cannot be had, and a part of what is said about them. */
const UNSAFE: ReadonlyArray<readonly [string, AnySocketOptions, RegExp]> = [
  ['a server without a secret key', { curveServer: true }, /server.*curveSecretKey is not set/],
  [
    'a server whose public key is that of another',
    {
      curveServer: true,
      curveSecretKey: Z85_KEYS.serverSecret,
      curvePublicKey: Z85_KEYS.clientPublic,
    },
    /curvePublicKey is not the public key of curveSecretKey/,
  ],
  [
    'a client without the key of the server',
    { ...CLIENT, curveServerKey: null },
    /client.*curveServerKey/,
  ],
  [
    'a client without a public key',
    { ...CLIENT, curvePublicKey: null },
    /client.*curvePublicKey is not set/,
  ],
  [
    'a client without a secret key',
    { ...CLIENT, curveSecretKey: null },
    /client.*curveSecretKey is not set/,
  ],
  [
    'a client with the key of the server alone',
    { curveServerKey: Z85_KEYS.serverPublic },
    /curveSecretKey is not set/,
  ],
  [
    'a client whose public key is not that of its secret key',
    { ...CLIENT, curvePublicKey: Z85_KEYS.serverPublic },
    /curvePublicKey is not the public key/,
  ],
  [
    'a client whose server has a key of zeros',
    { ...CLIENT, curveServerKey: ZERO_KEY },
    /curveServerKey is no public key/,
  ],
];

describe('checkSecurity', () => {
  it.each([
    ['no mechanism', {}],
    ['PLAIN', { plainUsername: 'admin', plainPassword: 'secret' }],
    ['a PLAIN server', { plainServer: true }],
    ['a CURVE client', CLIENT],
    ['a CURVE server', { curveServer: true, curveSecretKey: Z85_KEYS.serverSecret }],
    [
      'a CURVE server with its public key',
      {
        curveServer: true,
        curveSecretKey: Z85_KEYS.serverSecret,
        curvePublicKey: Z85_KEYS.serverPublic,
      },
    ],
    ['keys that were set and are not used', { ...CLIENT, plainServer: true }],
  ] as const)('lets %s pass', (_, options) => {
    expect(() => checkSecurity(resolve(options))).not.toThrow();
  });

  it.each(UNSAFE)('refuses %s with EINVAL', (_, options, text) => {
    expect(() => checkSecurity(resolve(options))).toThrow(
      expect.objectContaining({
        name: 'TransportError',
        code: 'EINVAL',
        message: expect.stringMatching(text),
      }),
    );
  });

  it.each(UNSAFE.filter(([name]) => !/public key is (not )?that/.test(name)))(
    'is not the only one to refuse %s: no connection gets through',
    (_, options) => {
      const side = new Side(options);
      expect(side.mechanism).toMatchObject({
        name: 'CURVE',
        encrypts: true,
        allowsVersion2: false,
      });
      try {
        side.mechanism.start();
      } catch (error) {
        expect(error).toMatchObject({ name: 'ProtocolError' });
        side.fail(error as Error);
      }
      expect(side.error).toBeDefined();
      expect([side.sent, side.properties]).toEqual([[], undefined]);
      expect(() => side.mechanism.encrypt(Buffer.from('x'), 0)).toThrow();
    },
  );
});

describe('what is said about errors', () => {
  /** Every text, field and stack of an error, and of what caused it. */
  function everything(error: unknown): string {
    if (!(error instanceof Error)) return String(error);
    const own = Object.getOwnPropertyNames(error).map((name) => String(Reflect.get(error, name)));
    return [...own, everything(error.cause)].join('\n');
  }

  it('shows no key and no password, whatever goes wrong', () => {
    const password = 'TOPSECRET';
    const keys = [Z85_KEYS.clientSecret, Z85_KEYS.serverSecret];
    const secrets = [
      ...keys,
      ...keys.map((key) => decodeZ85(key)?.toString('hex') ?? key),
      ...keys.map((key) => decodeZ85(key)?.toString('base64') ?? key),
      password,
      Buffer.from(password).toString('hex'),
    ];
    const errors: unknown[] = [];
    const attempt = (action: () => unknown): void => {
      try {
        action();
      } catch (error) {
        errors.push(error);
      }
    };

    // Options that are refused.
    attempt(() => resolve({ curveSecretKey: `${Z85_KEYS.clientSecret}x` }));
    attempt(() => resolve({ curveSecretKey: [Z85_KEYS.clientSecret] as unknown as string }));
    attempt(() => resolve({ plainPassword: password.repeat(99) }));
    for (const [, options] of UNSAFE) attempt(() => checkSecurity(resolve(options)));

    // A password in the wrong place, cut, and shifted so that it looks like the name of a command.
    const hello = Buffer.from(`\x05HELLO\x05admin\x09${password}`, 'latin1');
    for (const options of [
      {},
      { plainServer: true },
      { plainUsername: 'x' },
      { curveServer: true, curveSecretKey: Z85_KEYS.serverSecret },
      CLIENT,
    ]) {
      for (const body of [
        hello.subarray(0, -1),
        Buffer.concat([hello, Buffer.from('x')]),
        Buffer.from(`\x09${password}`, 'latin1'),
        hello.subarray(6),
        Buffer.concat([Buffer.from('\x0f\x05admin\x09', 'latin1'), Buffer.from(password)]),
      ]) {
        const side = new Side(options, CLIENT_METADATA);
        side.mechanism.start();
        side.receive(body);
        if (side.error !== undefined) errors.push(side.error);
      }
    }

    // Handlers that answer nonsense which quotes the request, and a refusal.
    for (const reply of [
      [password],
      ['1.0', '1', password, password, '', ''],
      ['1.0', password, '200', '', '', ''],
      ['1.0', '1', '400', password, '', ''],
    ]) {
      const side = new Side({ plainServer: true }, CLIENT_METADATA);
      side.receive(hello);
      side.authenticator.answer(...reply);
      errors.push(side.error);
    }
    const unasked = new Side({ plainServer: true }, CLIENT_METADATA);
    unasked.authenticator.present = false;
    unasked.receive(hello);
    errors.push(unasked.error);

    // Keys that do not belong together.
    const [wrong, server] = [
      new Side({ ...CLIENT, curveServerKey: curveKeyPair().publicKey }),
      new Side({ curveServer: true, curveSecretKey: Z85_KEYS.serverSecret }),
    ];
    converse(wrong, server);
    errors.push(server.error);

    expect(errors.length).toBeGreaterThan(30);
    const told = errors.map(everything).join('\n');
    expect(told).toContain('Expected');
    expect(secrets.filter((secret) => told.includes(secret))).toEqual([]);
  });

  it('shows no key when a mechanism is printed', async () => {
    const { inspect } = await import('node:util');
    const side = new Side(CLIENT);
    side.mechanism.start();
    const printed = inspect(side.mechanism, { depth: 10, showHidden: true });
    expect(printed).toContain('CURVE');
    expect(printed).not.toContain(Z85_KEYS.clientSecret);
    expect(printed).not.toMatch(/7b b8 64 b4|123, ?184, ?100/);
    expect(encodeZ85(hex(KEYS.clientSecret))).toBe(Z85_KEYS.clientSecret);
  });
});
