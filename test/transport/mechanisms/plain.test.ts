/*
 * PLAIN (RFC 24): the commands byte for byte, in their order, and both ways in which ERROR is written.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodePlainHello,
  encodePlainHello,
} from '../../../packages/transport/src/mechanisms/plain-commands.ts';
import type { AnySocketOptions } from '../../../packages/transport/src/options.ts';
import { decodeCommand } from '../../../packages/transport/src/wire/command.ts';
import { hex, texts } from '../../support/hex.ts';
import { CLIENT_METADATA, SERVER_METADATA } from './curve-vectors.ts';
import { Side } from './mechanism-pair.ts';

const HELLO = '05 48454c4c4f 05 61646d696e 06 736563726574';
const WELCOME = '07 57454c434f4d45';
const INITIATE = `08 494e495449415445 ${CLIENT_METADATA}`;
const READY = `05 5245414459 ${SERVER_METADATA}`;
/** What libzmq writes where RFC 24 has `05 4552524f52`. */
const LIBZMQ_ERROR = '5e52524f52';

const ADMIN = { plainUsername: 'admin', plainPassword: 'secret' };

const digits = (text: string): string => hex(text).toString('hex');
const client = (options: AnySocketOptions = ADMIN): Side => new Side(options, CLIENT_METADATA);
const server = (): Side => new Side({ plainServer: true }, SERVER_METADATA);

/** A client that has been welcomed, or not. */
function started(welcomed: boolean): Side {
  const side = client();
  side.mechanism.start();
  side.take();
  if (!welcomed) return side;
  side.receive(hex(WELCOME));
  side.take();
  return side;
}

describe('a PLAIN client', () => {
  it('sends HELLO, then INITIATE, and is ready with READY', () => {
    const side = client();
    side.mechanism.start();
    expect(side.take().toString('hex')).toBe(digits(HELLO));
    side.receive(hex(WELCOME));
    expect(side.take().toString('hex')).toBe(digits(INITIATE));
    expect(side.properties).toBeUndefined();
    side.receive(hex(READY));
    expect(side.properties?.get('Socket-Type')?.toString()).toBe('ROUTER');
  });

  it.each([
    ['no password', { plainUsername: 'admin' }, '05 48454c4c4f 05 61646d696e 00'],
    ['no name', { plainPassword: 'secret' }, '05 48454c4c4f 00 06 736563726574'],
    [
      'letters of two bytes',
      { plainUsername: 'é', plainPassword: 'secret' },
      '05 48454c4c4f 02 c3a9 06 736563726574',
    ],
  ])('sends %s as it is', (_, options, hello) => {
    const side = client(options);
    side.mechanism.start();
    expect(side.take().toString('hex')).toBe(digits(hello));
  });

  it.each([
    ['WELCOME', false],
    ['READY', true],
  ])('takes ERROR in place of %s for a refusal, in both spellings', (_, welcomed) => {
    for (const error of ['05 4552524f52', LIBZMQ_ERROR]) {
      for (const status of [300, 400, 500]) {
        const side = started(welcomed);
        side.receive(Buffer.concat([hex(error), Buffer.from(`\x03${status}`)]));
        expect(side.error).toMatchObject({ name: 'AuthError', status });
      }
    }
  });

  it.each([
    ['another reason', '05 4552524f52 02 6e6f', 'ERR_ZMTP_UNSPECIFIED'],
    ['another reason in libzmq’s spelling', `${LIBZMQ_ERROR} 02 6e6f`, 'ERR_ZMTP_UNSPECIFIED'],
    ['a reason that runs past the end', '05 4552524f52 03 34', 'ERR_ZMTP_MALFORMED_COMMAND_ERROR'],
    ['no reason in libzmq’s spelling', LIBZMQ_ERROR, 'ERR_ZMTP_MALFORMED_COMMAND_ERROR'],
  ])('ends with ERROR of %s', (_, error, code) => {
    const side = started(false);
    side.receive(hex(error));
    expect(side.code).toBe(code);
  });

  it.each([
    [
      'WELCOME with something behind it',
      false,
      `${WELCOME} 00`,
      'ERR_ZMTP_MALFORMED_COMMAND_WELCOME',
    ],
    ['READY before WELCOME', false, READY, 'ERR_ZMTP_UNEXPECTED_COMMAND'],
    ['HELLO of another client', false, HELLO, 'ERR_ZMTP_UNEXPECTED_COMMAND'],
    ['a second WELCOME', true, WELCOME, 'ERR_ZMTP_UNEXPECTED_COMMAND'],
    ['READY with metadata that does not add up', true, `${READY} 01`, 'ERR_ZMTP_INVALID_METADATA'],
    ['nothing at all', false, '', 'ERR_ZMTP_UNEXPECTED_COMMAND'],
  ])('refuses %s', (_, welcomed, command, code) => {
    const side = started(welcomed);
    side.receive(hex(command));
    expect(side.code).toBe(code);
    expect(side.properties).toBeUndefined();
  });
});

describe('a PLAIN server', () => {
  it('asks the handler, then sends WELCOME and READY', () => {
    const side = server();
    side.mechanism.start();
    expect(side.sent).toHaveLength(0);
    side.receive(hex(HELLO));
    expect(side.sent).toHaveLength(0);
    expect(texts(side.authenticator.questions[0]?.request.slice(6) ?? [])).toEqual([
      'admin',
      'secret',
    ]);
    side.authenticator.reply('200', 'joe');
    expect(side.take().toString('hex')).toBe(digits(WELCOME));
    side.receive(hex(INITIATE));
    expect(side.take().toString('hex')).toBe(digits(READY));
    expect(side.properties?.get('User-Id')?.toString()).toBe('joe');
  });

  it('asks about empty names and passwords, too', () => {
    const side = server();
    side.receive(hex('05 48454c4c4f 00 00'));
    expect(texts(side.authenticator.questions[0]?.request.slice(6) ?? [])).toEqual(['', '']);
  });

  it.each([
    [400, `${LIBZMQ_ERROR} 03 343030`],
    [500, `${LIBZMQ_ERROR} 03 353030`],
  ])('refuses with %s in the spelling that clients of libzmq know', (status, error) => {
    const side = server();
    side.receive(hex(HELLO));
    side.authenticator.reply(String(status));
    expect(side.take().toString('hex')).toBe(digits(error));
    expect(side.error).toMatchObject({ name: 'AuthError', status });
  });

  it.each([
    ['without anything', '05 48454c4c4f'],
    ['without a password', '05 48454c4c4f 05 61646d696e'],
    ['whose name runs past the end', '05 48454c4c4f ff 61646d696e'],
    ['whose password runs past the end', '05 48454c4c4f 05 61646d696e 07 736563726574'],
    ['with something behind the password', `${HELLO} 00`],
  ])('refuses a HELLO %s', (_, hello) => {
    const side = server();
    side.receive(hex(hello));
    expect(side.code).toBe('ERR_ZMTP_MALFORMED_COMMAND_HELLO');
    expect(side.authenticator.questions).toHaveLength(0);
  });

  it.each([
    ['INITIATE without HELLO', [INITIATE]],
    ['READY of NULL', [READY]],
    ['a second HELLO while the handler thinks', [HELLO, HELLO]],
    ['INITIATE while the handler thinks', [HELLO, INITIATE]],
    ['nothing at all', ['']],
  ])('refuses %s', (_, commands) => {
    const side = server();
    for (const command of commands) side.receive(hex(command));
    expect(side.code).toBe('ERR_ZMTP_UNEXPECTED_COMMAND');
    expect([side.sent, side.properties]).toEqual([[], undefined]);
  });

  it('lets nobody in by a reply that comes after the peer was refused', () => {
    const side = server();
    side.receive(hex(HELLO));
    const [question] = side.authenticator.questions;
    side.receive(hex(INITIATE));
    question?.answer(['1.0', '1', '200', '', '', ''].map((frame) => Buffer.from(frame)));
    expect([side.sent, side.properties]).toEqual([[], undefined]);
  });
});

describe('HELLO', () => {
  const text = fc.uint8Array({ maxLength: 255 }).map((bytes) => Buffer.from(bytes));

  it('gives back any name and password', () => {
    fc.assert(
      fc.property(text, text, (name, password) => {
        const command = decodeCommand(encodePlainHello(name, password));
        expect(command?.name).toBe('HELLO');
        const [gotName, gotPassword] = decodePlainHello(command?.data ?? Buffer.alloc(0));
        expect(gotName.equals(name) && gotPassword.equals(password)).toBe(true);
      }),
    );
  });

  it('is taken whole or refused, whatever bytes it has', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const data = Buffer.from(bytes);
        let parts: readonly Buffer[] = [];
        try {
          parts = decodePlainHello(data);
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_ZMTP_MALFORMED_COMMAND_HELLO' });
          return;
        }
        const lengths = parts.flatMap((part) => [Buffer.from([part.length]), part]);
        expect(Buffer.concat(lengths).equals(data)).toBe(true);
      }),
    );
  });
});
