/*
 * ZAP (RFC 27) from the side that asks: when, what, and what each reply does to the peer.
 */
import { describe, expect, it } from 'vitest';
import { createMechanism } from '../../../packages/transport/src/mechanisms/create-mechanism.ts';
import type { Mechanism } from '../../../packages/transport/src/mechanisms/mechanism.ts';
import type { AnySocketOptions } from '../../../packages/transport/src/options.ts';
import { hex, texts } from '../../support/hex.ts';
import { CLIENT_METADATA, KEYS, Z85_KEYS } from './curve-vectors.ts';
import { converse, type Side, sidesOf } from './mechanism-pair.ts';

const CLIENTS: Record<Name, AnySocketOptions> = {
  NULL: {},
  PLAIN: { plainUsername: 'admin', plainPassword: 'secret' },
  CURVE: {
    curvePublicKey: Z85_KEYS.clientPublic,
    curveSecretKey: Z85_KEYS.clientSecret,
    curveServerKey: Z85_KEYS.serverPublic,
  },
};
const SERVERS: Record<Name, AnySocketOptions> = {
  NULL: {},
  PLAIN: { plainServer: true },
  CURVE: { curveServer: true, curveSecretKey: Z85_KEYS.serverSecret },
};
type Name = 'NULL' | 'PLAIN' | 'CURVE';
const names = Object.keys(CLIENTS) as Name[]; // The keys of the table above.

/** Both sides after all that is said without an answer of the handler. */
function talk(name: Name, options: AnySocketOptions, { handler = true } = {}) {
  const sides = sidesOf(CLIENTS[name], { ...SERVERS[name], ...options });
  sides.server.authenticator.present = handler;
  const goOn = (): void => {
    converseAgain(sides.client, sides.server);
  };
  converse(sides.client, sides.server);
  return { ...sides, goOn };
}

/** As `converse`, for sides that have started. */
function converseAgain(client: Side, server: Side): void {
  for (;;) {
    const [from, to] = client.sent.length > 0 ? [client, server] : [server, client];
    const body = from.sent.shift();
    if (body === undefined) return;
    if (to.error === undefined) to.receive(body);
  }
}

/** The mechanism of a side whose setup was changed. */
function remade(side: Side): Mechanism {
  return createMechanism(side, side.setup);
}

const isReady = ({ client, server }: { client: Side; server: Side }): boolean =>
  client.properties !== undefined && server.properties !== undefined;

describe('whether the handler is asked', () => {
  const domain = { zapDomain: 'global' };
  const enforced = { zapEnforceDomain: true };
  it.each([
    ['NULL', {}, 'admits without asking', 'admits'],
    ['NULL', enforced, 'admits without asking', 'admits'],
    ['NULL', domain, 'asks', 'admits'],
    ['NULL', { ...domain, ...enforced }, 'asks', 'refuses'],
    ['PLAIN', {}, 'asks', 'refuses'],
    ['PLAIN', enforced, 'asks', 'refuses'],
    ['PLAIN', domain, 'asks', 'refuses'],
    ['PLAIN', { ...domain, ...enforced }, 'asks', 'refuses'],
    ['CURVE', {}, 'asks', 'admits'],
    ['CURVE', enforced, 'admits without asking', 'admits'],
    ['CURVE', domain, 'asks', 'admits'],
    ['CURVE', { ...domain, ...enforced }, 'asks', 'refuses'],
  ] as const)('%s with %j %s, and %s where there is none', (name, options, bound, unbound) => {
    const sides = talk(name, options);
    expect(sides.server.authenticator.questions).toHaveLength(bound === 'asks' ? 1 : 0);
    expect(isReady(sides)).toBe(bound !== 'asks');

    const alone = talk(name, options, { handler: false });
    expect(alone.server.authenticator.questions).toHaveLength(0);
    expect(isReady(alone)).toBe(unbound === 'admits');
    if (unbound === 'refuses') {
      expect(alone.server.error).toMatchObject({ name: 'TransportError', code: 'EFAULT' });
      expect(alone.client.properties).toBeUndefined();
    }
  });

  it.each(names)('the client of %s asks nobody, whatever it was told of domains', (name) => {
    const { client, server } = sidesOf(
      name === 'NULL' ? CLIENTS.NULL : { ...CLIENTS[name], ...domain, ...enforced },
      { ...SERVERS[name], ...domain },
    );
    converse(client, server);
    expect([client.authenticator.questions.length, server.authenticator.questions.length]).toEqual([
      0, 1,
    ]);
  });

  it('both sides of NULL ask where both have a domain', () => {
    const { client, server } = sidesOf(domain, domain);
    converse(client, server);
    expect([client.authenticator.questions.length, server.authenticator.questions.length]).toEqual([
      1, 1,
    ]);
    expect([client.properties, server.properties]).toEqual([undefined, undefined]);
  });

  it.each([
    ['NULL', {}, true],
    ['NULL', domain, false],
    ['PLAIN', {}, false],
    ['CURVE', {}, false],
  ] as const)('%s with %j lets peers of ZMTP 2.0 in: %s', (name, options, allowed) => {
    const { client, server } = sidesOf(
      { ...CLIENTS[name], ...options },
      { ...SERVERS[name], ...options },
    );
    expect([client.mechanism.allowsVersion2, server.mechanism.allowsVersion2]).toEqual([
      allowed,
      allowed,
    ]);
  });
});

describe('the request', () => {
  const options = { zapDomain: 'global', routingId: 'server-1' };

  it.each([
    ['NULL', []],
    ['PLAIN', ['admin', 'secret']],
  ] as const)(
    'of %s has version, id, domain, address, our routing id, mechanism, %j',
    (name, credentials) => {
      const { server } = talk(name, options);
      expect(texts(server.authenticator.questions[0]?.request ?? [])).toEqual([
        '1.0',
        '1',
        'global',
        '10.0.0.7',
        'server-1',
        name,
        ...credentials,
      ]);
    },
  );

  it('of CURVE has the 32 bytes of the public key of the client, and empty frames for what is not set', () => {
    const { server } = talk('CURVE', {});
    const request = server.authenticator.questions[0]?.request ?? [];
    expect(texts(request.slice(0, 6))).toEqual(['1.0', '1', '', '10.0.0.7', '', 'CURVE']);
    expect(request[6]?.toString('hex')).toBe(KEYS.clientPublic);
    expect(request).toHaveLength(7);
  });
});

describe.each(names)('a reply about a %s peer', (name) => {
  const options = { zapDomain: 'global' };

  it('with 200 admits it, and tells user id and metadata', () => {
    const sides = talk(name, options);
    expect(isReady(sides)).toBe(false);
    sides.server.authenticator.reply('200', 'joe', hex('04 526f6c65 00000005 61646d696e'));
    sides.goOn();
    expect(isReady(sides)).toBe(true);
    const properties = sides.server.properties;
    expect(
      ['User-Id', 'Role', 'Socket-Type'].map((key) => properties?.get(key)?.toString()),
    ).toEqual(['joe', 'admin', 'DEALER']);
  });

  it.each([
    ['400', 'AuthError'],
    ['500', 'AuthError'],
  ] as const)('with %s refuses it and tells it so', (status, error) => {
    const sides = talk(name, options);
    sides.server.authenticator.reply(status);
    sides.goOn();
    const refused = { name: error, status: Number(status) };
    expect(sides.server.error).toMatchObject(refused);
    expect(sides.client.error).toMatchObject(refused);
    expect(isReady(sides)).toBe(false);
  });

  it('with 300 refuses it and tells it nothing: it may try again', () => {
    const sides = talk(name, options);
    const before = sides.server.sent.length;
    sides.server.authenticator.reply('300');
    expect(sides.server.sent).toHaveLength(before);
    expect(sides.server.error).toMatchObject({ name: 'AuthError', status: 300 });
    expect(sides.client.error).toBeUndefined();
  });

  it.each([
    ['without a delimiter', undefined, 'ERR_ZAP_UNSPECIFIED'],
    ['of no frames', [], 'ERR_ZAP_MALFORMED_REPLY'],
    ['of a frame too few', ['1.0', '1', '200', 'OK', 'joe'], 'ERR_ZAP_MALFORMED_REPLY'],
    ['of a frame too many', ['1.0', '1', '200', 'OK', 'joe', '', ''], 'ERR_ZAP_MALFORMED_REPLY'],
    ['of version 1.1', ['1.1', '1', '200', 'OK', 'joe', ''], 'ERR_ZAP_BAD_VERSION'],
    ['to another request', ['1.0', '2', '200', 'OK', 'joe', ''], 'ERR_ZAP_BAD_REQUEST_ID'],
    ['with status 201', ['1.0', '1', '201', 'OK', 'joe', ''], 'ERR_ZAP_INVALID_STATUS_CODE'],
    ['with status 600', ['1.0', '1', '600', 'OK', 'joe', ''], 'ERR_ZAP_INVALID_STATUS_CODE'],
    ['with status 2000', ['1.0', '1', '2000', 'OK', 'joe', ''], 'ERR_ZAP_INVALID_STATUS_CODE'],
    ['with no status', ['1.0', '1', '', 'OK', 'joe', ''], 'ERR_ZAP_INVALID_STATUS_CODE'],
    [
      'with metadata that is none',
      ['1.0', '1', '200', 'OK', 'joe', '\x04Role'],
      'ERR_ZAP_INVALID_METADATA',
    ],
  ] as const)('%s refuses it', (_, frames, code) => {
    const sides = talk(name, options);
    sides.server.authenticator.questions
      .shift()
      ?.answer(frames?.map((frame) => Buffer.from(frame)));
    sides.goOn();
    expect(sides.server.code).toBe(code);
    expect(isReady(sides)).toBe(false);
  });

  it('never coming leaves it outside', () => {
    const sides = talk(name, options);
    sides.goOn();
    expect([sides.server.properties, sides.server.error]).toEqual([undefined, undefined]);
    expect(sides.client.properties).toBeUndefined();
  });

  it('is waited for no longer than the connection lives', () => {
    const { server } = talk(name, options);
    const [question] = server.authenticator.questions;
    server.mechanism.close();
    server.mechanism.close();
    expect(question?.withdrawn).toBe(true);
    question?.answer(['1.0', '1', '200', 'OK', 'joe', ''].map((frame) => Buffer.from(frame)));
    expect(server.properties).toBeUndefined();
  });

  it('counts once', () => {
    const sides = talk(name, options);
    const [question] = sides.server.authenticator.questions;
    const reply = (status: string): Buffer[] =>
      ['1.0', '1', status, '', '', ''].map((frame) => Buffer.from(frame));
    question?.answer(reply('400'));
    question?.answer(reply('200'));
    expect(sides.server.properties).toBeUndefined();
    expect(sides.server.error).toMatchObject({ name: 'AuthError', status: 400 });
  });

  it('that admits it to a socket that it does not fit ends the connection as any other misfit does', () => {
    const sides = talk(name, options);
    sides.server.ready = () => {
      sides.server.mechanism.receiveCommand(Buffer.from('what is not a command')); // throws as a misfit does
    };
    expect(() => {
      sides.server.authenticator.reply('200');
      sides.goOn();
    }).not.toThrow();
    expect(sides.server.code).toBe('ERR_ZMTP_UNEXPECTED_COMMAND');
  });

  it('wins over what the peer says of itself', () => {
    const forged = `${CLIENT_METADATA} 07 557365722d4964 00000004 726f6f74 04 526f6c65 00000004 726f6f74`;
    const sides = sidesOf(CLIENTS[name], { ...SERVERS[name], ...options });
    Object.assign(sides.client.setup, { metadata: hex(forged) });
    Object.assign(sides.client, { mechanism: remade(sides.client) });
    converse(sides.client, sides.server);
    sides.server.authenticator.reply('200', '', hex('04 526f6c65 00000005 67756573 74'));
    converseAgain(sides.client, sides.server);
    const properties = sides.server.properties;
    expect(properties?.get('User-Id')?.toString()).toBe('');
    expect(properties?.get('Role')?.toString()).toBe('guest');
  });
});

describe('without a handler', () => {
  it.each(['User-Id', 'user-id', 'USER-ID', 'Peer-Address'])(
    'nobody may call himself %s',
    (property) => {
      const entry = `${property.length.toString(16).padStart(2, '0')} ${Buffer.from(property).toString('hex')}`;
      const sides = sidesOf({}, {});
      Object.assign(sides.client.setup, {
        metadata: hex(`${CLIENT_METADATA} ${entry} 00000004 726f6f74`),
      });
      Object.assign(sides.client, { mechanism: remade(sides.client) });
      converse(sides.client, sides.server);
      expect([...(sides.server.properties?.keys() ?? [])]).toEqual(['Socket-Type', 'Identity']);
    },
  );
});

describe('NULL with a domain', () => {
  const domain = { zapDomain: 'global' };

  it('says nothing before its peer is admitted', () => {
    const { server } = sidesOf({}, domain);
    server.mechanism.start();
    expect(server.sent).toHaveLength(0);
    server.authenticator.reply('200');
    expect(server.sent).toHaveLength(1);
    expect(server.properties).toBeUndefined();
  });

  it('keeps the READY of a peer that is quicker than the handler, but no second one', () => {
    const { client, server } = sidesOf({}, domain);
    converse(client, server);
    server.receive(hex(`05 5245414459 ${CLIENT_METADATA}`));
    expect(server.code).toBe('ERR_ZMTP_UNEXPECTED_COMMAND');
  });
});
