/*
 * CURVE's handshake (RFC 25/26) against known answers, and against peers that get a single thing wrong.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  boxKey,
  open,
  publicKeyOf,
  seal,
} from '../../../packages/transport/src/mechanisms/curve/boxes.ts';
import { CurveClient } from '../../../packages/transport/src/mechanisms/curve/curve-client.ts';
import { CurveServer } from '../../../packages/transport/src/mechanisms/curve/curve-server.ts';
import { nonceOf } from '../../../packages/transport/src/mechanisms/curve/nonces.ts';
import { hex } from '../../support/hex.ts';
import {
  BOX_KEYS,
  CLIENT_MESSAGES,
  CLIENT_METADATA,
  COOKIE,
  HELLO,
  INITIATE,
  KEYS,
  RANDOM,
  READY,
  SERVER_MESSAGES,
  SERVER_METADATA,
  VOUCH_BOX,
  WELCOME,
  Z85_KEYS,
} from './curve-vectors.ts';
import { converse, Side } from './mechanism-pair.ts';

const CLIENT_OPTIONS = {
  curvePublicKey: Z85_KEYS.clientPublic,
  curveSecretKey: Z85_KEYS.clientSecret,
  curveServerKey: Z85_KEYS.serverPublic,
};
const SERVER_OPTIONS = { curveServer: true, curveSecretKey: Z85_KEYS.serverSecret };

/** Random bytes that are known, in the order in which they are drawn. */
function drawing(values: readonly string[]): (size: number) => Buffer {
  const left = values.map((value) => hex(value));
  return (size) => {
    const value = left.shift();
    if (value?.length !== size) throw new Error(`drew ${size} bytes, and not ${value?.length}`);
    return value;
  };
}

/** The client of the known answers. */
function knownClient(): Side {
  const side = new Side(CLIENT_OPTIONS, CLIENT_METADATA);
  const keys = {
    publicKey: hex(KEYS.clientPublic),
    secretKey: hex(KEYS.clientSecret),
    serverKey: hex(KEYS.serverPublic),
  };
  side.mechanism = new CurveClient(side, side.setup, keys, drawing(RANDOM.client));
  return side;
}

/** The server of the known answers; nobody is to be asked. */
function knownServer(): Side {
  const side = new Side(SERVER_OPTIONS, SERVER_METADATA);
  side.authenticator.present = false;
  const keys = { publicKey: hex(KEYS.serverPublic), secretKey: hex(KEYS.serverSecret) };
  side.mechanism = new CurveServer(side, side.setup, keys, drawing(RANDOM.server));
  return side;
}

/** Bytes with the bit at `index` (modulo their number) turned over. */
function flipped(bytes: Buffer, index: number): Buffer {
  const copy = Buffer.from(bytes);
  const bit = index % (copy.length * 8);
  copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return copy;
}

/** One bit of each byte, another in each. */
function bitsOf(bytes: Buffer): number[] {
  return Array.from(bytes, (_, offset) => offset * 8 + (offset % 8));
}

/** In a HELLO, of C'. */
const HIGHEST_BIT_OF_KEY = (80 + 31) * 8 + 7;

/** Bytes with some of them replaced from `offset` on. */
function patched(bytes: Buffer, offset: number, digits: string): Buffer {
  const copy = Buffer.from(bytes);
  hex(digits).copy(copy, offset);
  return copy;
}

describe('boxes', () => {
  it.each([
    ['C', KEYS.clientSecret, KEYS.clientPublic],
    ['S', KEYS.serverSecret, KEYS.serverPublic],
    ["C'", KEYS.clientTransientSecret, KEYS.clientTransientPublic],
    ["S'", KEYS.serverTransientSecret, KEYS.serverTransientPublic],
  ])('know the public key %s of its secret key', (_, secretKey, publicKey) => {
    expect(publicKeyOf(hex(secretKey)).toString('hex')).toBe(publicKey);
  });

  it.each(BOX_KEYS)('between $between have the known key', ({ secret, public: key, ...known }) => {
    expect(boxKey(hex(key), hex(secret))?.toString('hex')).toBe(known.key);
  });

  it.each([
    ['zero', '00'.repeat(32)],
    ['one', `01${'00'.repeat(31)}`],
    ['a point of order 8', 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'],
    [
      'the same point with the unused bit set',
      'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880',
    ],
    ['p - 1', `ec${'ff'.repeat(30)}7f`],
    ['p', `ed${'ff'.repeat(30)}7f`],
  ])('have no key with the public key %s, which gives the same with every secret', (_, key) => {
    expect(boxKey(hex(key), hex(KEYS.clientSecret))).toBeUndefined();
  });

  it('open to what was put in, and to nothing with a bit turned over', () => {
    const bytes = (length: number) =>
      fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array));
    fc.assert(
      fc.property(
        bytes(32),
        bytes(24),
        fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
        fc.nat(),
        (key, nonce, content, bit) => {
          const box = seal(key, nonce, content);
          expect(box).toHaveLength(content.length + 16);
          expect(open(key, nonce, box)?.equals(content)).toBe(true);
          expect(open(key, nonce, flipped(box, bit))).toBeUndefined();
          expect(open(flipped(key, bit), nonce, box)).toBeUndefined();
          expect(open(key, flipped(nonce, bit), box)).toBeUndefined();
          expect(open(key, nonce, box.subarray(0, bit % box.length))).toBeUndefined();
        },
      ),
      { numRuns: 200 },
    );
  });

  it('open when they were made by tweetnacl: the vouch of the known answers', () => {
    const key = hex(BOX_KEYS[2].key);
    const nonce = nonceOf('VOUCH---', hex(RANDOM.client[1]));
    const content = Buffer.concat([hex(KEYS.clientTransientPublic), hex(KEYS.serverPublic)]);
    expect(open(key, nonce, hex(VOUCH_BOX))?.equals(content)).toBe(true);
    expect(seal(key, nonce, content).toString('hex')).toBe(VOUCH_BOX);
  });
});

describe('a CURVE client', () => {
  it('sends the known HELLO, INITIATE and MESSAGEs', () => {
    const client = knownClient();
    client.mechanism.start();
    expect(client.take().toString('hex')).toBe(HELLO);
    client.receive(hex(WELCOME));
    expect(client.take().toString('hex')).toBe(INITIATE);
    client.receive(hex(READY));
    expect(client.properties?.get('Socket-Type')?.toString()).toBe('ROUTER');
    for (const { flags, body, message } of CLIENT_MESSAGES)
      expect(client.mechanism.encrypt(hex(body), flags).toString('hex')).toBe(message);
    for (const { flags, body, message } of SERVER_MESSAGES) {
      const plain = client.mechanism.decrypt(hex(message));
      expect([plain[0], plain.toString('hex', 1)]).toEqual([flags, body]);
    }
  });

  it('refuses a WELCOME, and a READY, with a bit of any byte turned over', () => {
    for (const bit of bitsOf(hex(WELCOME))) {
      const client = knownClient();
      client.mechanism.start();
      client.take();
      client.receive(flipped(hex(WELCOME), bit));
      expect(client.error?.name, `bit ${bit} of WELCOME`).toBe('ProtocolError');
      expect(client.sent).toHaveLength(0);
    }
    for (const bit of bitsOf(hex(READY))) {
      const client = knownClient();
      client.mechanism.start();
      client.receive(hex(WELCOME));
      client.receive(flipped(hex(READY), bit));
      expect(client.error?.name, `bit ${bit} of READY`).toBe('ProtocolError');
      expect(client.properties).toBeUndefined();
    }
  });

  it.each([
    ['one byte short', hex(WELCOME).subarray(0, 167), 'ERR_ZMTP_MALFORMED_COMMAND_WELCOME'],
    ['one byte long', hex(WELCOME, '00'), 'ERR_ZMTP_MALFORMED_COMMAND_WELCOME'],
    ['from another server', patched(hex(WELCOME), 30, '00000000'), 'ERR_ZMTP_CRYPTOGRAPHIC'],
  ])('refuses a WELCOME %s', (_, welcome, code) => {
    const client = knownClient();
    client.mechanism.start();
    client.receive(welcome);
    expect(client.code).toBe(code);
  });

  it('refuses a READY that is too short for a box', () => {
    const client = knownClient();
    client.mechanism.start();
    client.receive(hex(WELCOME));
    client.receive(hex(READY).subarray(0, 29));
    expect(client.code).toBe('ERR_ZMTP_MALFORMED_COMMAND_READY');
  });

  it.each([
    ['HELLO of another client', hex(HELLO)],
    ['READY before WELCOME', hex(READY)],
    ['READY of NULL', hex(`055245414459 ${SERVER_METADATA}`)],
    ['MESSAGE before READY', hex(SERVER_MESSAGES[0].message)],
    ['nothing at all', Buffer.alloc(0)],
  ])('refuses %s as the first command', (_, body) => {
    const client = knownClient();
    client.mechanism.start();
    client.receive(body);
    expect(client.code).toBe('ERR_ZMTP_UNEXPECTED_COMMAND');
  });

  it('refuses a second WELCOME', () => {
    const client = knownClient();
    client.mechanism.start();
    client.receive(hex(WELCOME));
    client.receive(hex(WELCOME));
    expect(client.code).toBe('ERR_ZMTP_UNEXPECTED_COMMAND');
  });

  it.each([
    ['WELCOME', []],
    ['READY', [WELCOME]],
  ])('takes ERROR in place of %s for a refusal', (_, before) => {
    const client = knownClient();
    client.mechanism.start();
    for (const command of before) client.receive(hex(command));
    client.receive(hex('05 4552524f52 03 343030'));
    expect(client.error).toMatchObject({ name: 'AuthError', status: 400 });
  });

  it("sends another C' and another box in each HELLO", () => {
    const [one, other] = [new Side(CLIENT_OPTIONS), new Side(CLIENT_OPTIONS)];
    one.mechanism.start();
    other.mechanism.start();
    const [a, b] = [one.take(), other.take()];
    expect(a.subarray(80, 112).equals(b.subarray(80, 112))).toBe(false);
    expect(a.subarray(120).equals(b.subarray(120))).toBe(false);
  });
});

describe('a CURVE server', () => {
  it('sends the known WELCOME with its cookie, READY and MESSAGE', () => {
    const server = knownServer();
    server.mechanism.start();
    server.receive(hex(HELLO));
    const welcome = server.take();
    expect(welcome.toString('hex')).toBe(WELCOME);
    const content = open(
      hex(BOX_KEYS[0].key),
      nonceOf('WELCOME-', welcome.subarray(8, 24)),
      welcome.subarray(24),
    );
    expect(content?.toString('hex', 32)).toBe(COOKIE);
    server.receive(hex(INITIATE));
    expect(server.take().toString('hex')).toBe(READY);
    expect(server.properties?.get('Socket-Type')?.toString()).toBe('DEALER');
    for (const { flags, body, message } of SERVER_MESSAGES)
      expect(server.mechanism.encrypt(hex(body), flags).toString('hex')).toBe(message);
    for (const { flags, body, message } of CLIENT_MESSAGES) {
      const plain = server.mechanism.decrypt(hex(message));
      expect([plain[0], plain.toString('hex', 1)]).toEqual([flags, body]);
    }
  });

  it('refuses a HELLO with a bit of any byte turned over', () => {
    for (const bit of [...bitsOf(hex(HELLO)), HIGHEST_BIT_OF_KEY]) {
      const server = knownServer();
      server.receive(flipped(hex(HELLO), bit));
      // The highest bit of a public key counts for nothing (RFC 7748), so nobody can see it turned: not here, and not in NaCl.
      if (bit === HIGHEST_BIT_OF_KEY) expect(server.error).toBeUndefined();
      else expect(server.error?.name, `bit ${bit}`).toBe('ProtocolError');
    }
  });

  it('refuses an INITIATE with a bit of any byte turned over', () => {
    for (const bit of bitsOf(hex(INITIATE))) {
      const server = knownServer();
      server.receive(hex(HELLO));
      server.take();
      server.receive(flipped(hex(INITIATE), bit));
      expect(server.error?.name, `bit ${bit}`).toBe('ProtocolError');
      expect(server.sent, `bit ${bit}`).toHaveLength(0);
    }
  });

  it.each([
    ['of version 1.1', patched(hex(HELLO), 6, '0101'), 'ERR_ZMTP_MALFORMED_COMMAND_HELLO'],
    [
      'with padding that is not zero',
      patched(hex(HELLO), 40, '01'),
      'ERR_ZMTP_MALFORMED_COMMAND_HELLO',
    ],
    ['one byte short', hex(HELLO).subarray(0, 199), 'ERR_ZMTP_MALFORMED_COMMAND_HELLO'],
    ['one byte long', hex(HELLO, '00'), 'ERR_ZMTP_MALFORMED_COMMAND_HELLO'],
    [
      'of PLAIN',
      hex('05 48454c4c4f 05 61646d696e 06 736563726574'),
      'ERR_ZMTP_MALFORMED_COMMAND_HELLO',
    ],
    [
      'with a transient key of zeros',
      patched(hex(HELLO), 80, '00'.repeat(32)),
      'ERR_ZMTP_CRYPTOGRAPHIC',
    ],
    ['with another counter than its box', patched(hex(HELLO), 119, '02'), 'ERR_ZMTP_CRYPTOGRAPHIC'],
  ])('refuses a HELLO %s', (_, hello, code) => {
    const server = knownServer();
    server.receive(hello);
    expect(server.code).toBe(code);
    expect(server.sent).toHaveLength(0);
  });

  it('refuses a HELLO whose box holds something else than zeros', () => {
    const server = knownServer();
    const nonce = nonceOf('CurveZMQHELLO---', hex('0000000000000001'));
    const box = seal(hex(BOX_KEYS[0].key), nonce, Buffer.alloc(64, 1));
    server.receive(Buffer.concat([hex(HELLO).subarray(0, 120), box]));
    expect(server.code).toBe('ERR_ZMTP_CRYPTOGRAPHIC');
  });

  it.each([
    ['INITIATE', hex(INITIATE)],
    ['READY of NULL', hex(`055245414459 ${CLIENT_METADATA}`)],
    ['ERROR', hex('05 4552524f52 03 343030')],
    ['nothing at all', Buffer.alloc(0)],
  ])('refuses %s as the first command', (_, body) => {
    const server = knownServer();
    server.receive(body);
    expect(server.code).toBe('ERR_ZMTP_UNEXPECTED_COMMAND');
  });

  it('refuses a second HELLO', () => {
    const server = knownServer();
    server.receive(hex(HELLO));
    server.receive(hex(HELLO));
    expect(server.code).toBe('ERR_ZMTP_UNEXPECTED_COMMAND');
  });

  it('refuses the INITIATE of another connection, whose cookie it did not make', () => {
    const server = new Side(SERVER_OPTIONS, SERVER_METADATA);
    server.receive(hex(HELLO));
    server.receive(hex(INITIATE));
    expect(server.code).toBe('ERR_ZMTP_CRYPTOGRAPHIC');
  });

  it('refuses an INITIATE that is too short', () => {
    const server = knownServer();
    server.receive(hex(HELLO));
    server.receive(hex(INITIATE).subarray(0, 256));
    expect(server.code).toBe('ERR_ZMTP_MALFORMED_COMMAND_INITIATE');
  });

  /** What an INITIATE may be given wrong, hex. */
  interface InitiateParts {
    readonly counter?: string;
    readonly vouched?: string;
    readonly vouchedBy?: string;
    readonly metadata?: string;
  }

  /** An INITIATE that is right but for what is given. */
  function initiate({
    counter = '0000000000000002',
    vouched = KEYS.clientTransientPublic + KEYS.serverPublic,
    vouchedBy = KEYS.clientSecret,
    metadata = CLIENT_METADATA,
  }: InitiateParts = {}): Buffer {
    const vouchKey = boxKey(hex(KEYS.serverTransientPublic), hex(vouchedBy)) ?? Buffer.alloc(0);
    const vouchNonce = hex(RANDOM.client[1]);
    const vouch = Buffer.concat([
      vouchNonce,
      seal(vouchKey, nonceOf('VOUCH---', vouchNonce), hex(vouched)),
    ]);
    const content = Buffer.concat([hex(KEYS.clientPublic), vouch, hex(metadata)]);
    const box = seal(hex(BOX_KEYS[1].key), nonceOf('CurveZMQINITIATE', hex(counter)), content);
    return Buffer.concat([hex('08 494e495449415445', COOKIE, counter), box]);
  }

  it('takes the INITIATE that the next tests change', () => {
    expect(initiate().toString('hex')).toBe(INITIATE);
  });

  it.each([
    [
      'a vouch for another transient key',
      { vouched: KEYS.clientPublic + KEYS.serverPublic },
      'ERR_ZMTP_KEY_EXCHANGE',
    ],
    [
      'a vouch for another server',
      { vouched: KEYS.clientTransientPublic + KEYS.clientPublic },
      'ERR_ZMTP_KEY_EXCHANGE',
    ],
    [
      'a vouch by another key than it says',
      { vouchedBy: KEYS.clientTransientSecret },
      'ERR_ZMTP_CRYPTOGRAPHIC',
    ],
    ['the counter of HELLO', { counter: '0000000000000001' }, 'ERR_ZMTP_INVALID_SEQUENCE'],
    ['a lower counter than HELLO', { counter: '0000000000000000' }, 'ERR_ZMTP_INVALID_SEQUENCE'],
    [
      'metadata that does not add up',
      { metadata: `${CLIENT_METADATA} 01` },
      'ERR_ZMTP_INVALID_METADATA',
    ],
  ])('refuses an INITIATE with %s', (_, change, code) => {
    const server = knownServer();
    server.receive(hex(HELLO));
    server.take();
    server.receive(initiate(change));
    expect(server.code).toBe(code);
    expect([server.sent, server.properties]).toEqual([[], undefined]);
  });

  it('takes an INITIATE whose counter leaves out values', () => {
    const server = knownServer();
    server.receive(hex(HELLO));
    server.receive(initiate({ counter: '0000000100000000' }));
    expect(server.properties?.get('Socket-Type')?.toString()).toBe('DEALER');
  });
});

describe('a CURVE conversation', () => {
  it('fails on both sides when any command is cut short anywhere', () => {
    for (const [index, length] of [200, 168, 292, 65].entries()) {
      for (let cut = 0; cut < length; cut += 7) {
        const [client, server] = [knownClient(), knownServer()];
        converse(client, server, (body, i) => (i === index ? body.subarray(0, cut) : body));
        const victim = index % 2 === 0 ? server : client;
        expect(victim.error?.name, `command ${index} cut at ${cut}`).toBe('ProtocolError');
        expect(victim.properties).toBeUndefined();
      }
    }
  });

  it('draws new keys for each connection: nothing that was sent comes again', () => {
    const seen = new Set<string>();
    for (let i = 0; i < 5; i += 1) {
      const [client, server] = [new Side(CLIENT_OPTIONS), new Side(SERVER_OPTIONS)];
      server.authenticator.present = false;
      converse(client, server, (body) => {
        seen.add(body.toString('hex'));
        return body;
      });
      expect([client.error, server.error]).toEqual([undefined, undefined]);
    }
    expect(seen.size).toBe(20);
  });

  it.each([
    ['client', 'READY', '0000000000000001', 'CurveZMQMESSAGES'],
    ['server', 'INITIATE', '0000000000000002', 'CurveZMQMESSAGEC'],
  ])(
    'goes on counting: the %s takes no MESSAGE with the counter of %s',
    (victim, _, counter, prefix) => {
      const [client, server] = [knownClient(), knownServer()];
      converse(client, server);
      const { mechanism } = victim === 'client' ? client : server;
      const messageOf = (value: string): Buffer =>
        Buffer.concat([
          hex('07 4d455353414745', value),
          seal(hex(BOX_KEYS[1].key), nonceOf(prefix, hex(value)), hex('00 61')),
        ]);
      expect(() => mechanism.decrypt(messageOf(counter))).toThrow(
        expect.objectContaining({ code: 'ERR_ZMTP_INVALID_SEQUENCE' }),
      );
      expect(mechanism.decrypt(messageOf('0000000000000003')).toString('hex')).toBe('0061');
    },
  );

  it('does not open what was sent in another conversation', () => {
    const talks = [0, 1].map(() => {
      const [client, server] = [new Side(CLIENT_OPTIONS), new Side(SERVER_OPTIONS)];
      server.authenticator.present = false;
      converse(client, server);
      return { client, server };
    });
    const stolen = talks[0]?.client.mechanism.encrypt(Buffer.from('pay'), 0) ?? Buffer.alloc(0);
    expect(() => talks[1]?.server.mechanism.decrypt(stolen)).toThrow(
      expect.objectContaining({ code: 'ERR_ZMTP_CRYPTOGRAPHIC' }),
    );
  });

  it('does not begin with a server whose key the client was not given', () => {
    const other = hex(KEYS.clientTransientPublic);
    const [client, server] = [
      new Side({ ...CLIENT_OPTIONS, curveServerKey: other as unknown as string }), // a Buffer is taken too
      new Side(SERVER_OPTIONS),
    ];
    converse(client, server);
    expect(server.code).toBe('ERR_ZMTP_CRYPTOGRAPHIC');
    expect(server.authenticator.questions).toHaveLength(0);
  });
});
