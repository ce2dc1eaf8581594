/**
 * How mechanisms say no: ERROR commands, there and back, and the complaint about a command that was not due.
 *
 * None of its texts shows what a peer sent, except for the reason of an ERROR and names that are in the specification: a
 * command in the wrong place may hold a password.
 */

import { AuthError, ProtocolError } from '../errors.ts';
import { decodeCommand, encodeCommand } from '../wire/command.ts';

/** Statuses by which a ZAP handler refuses (RFC 27). */
export type RefusalStatus = 300 | 400 | 500;

const KNOWN_NAMES = new Set([
  ...['READY', 'ERROR', 'HELLO', 'WELCOME', 'INITIATE', 'MESSAGE'],
  ...['PING', 'PONG', 'SUBSCRIBE', 'CANCEL', 'JOIN', 'LEAVE'],
]);

/** The data of an ERROR command with a status as its reason: reason-length(1) reason. */
export function encodeErrorReason(status: RefusalStatus): Buffer {
  return Buffer.from(`\x03${status}`, 'latin1');
}

/** An ERROR command with a status as its reason. */
export function encodeError(status: RefusalStatus): Buffer {
  return encodeCommand('ERROR', encodeErrorReason(status));
}

/**
 * What an ERROR command means (RFC 37): reason-length(1) reason. The reasons 300, 400 and 500 are ZAP statuses.
 *
 * @throws ProtocolError `ERR_ZMTP_MALFORMED_COMMAND_ERROR` when the reason is missing or runs past the end.
 */
export function decodeErrorReason(data: Buffer): Error {
  const length = data[0];
  if (length === undefined || 1 + length > data.length) {
    throw new ProtocolError(
      'ERR_ZMTP_MALFORMED_COMMAND_ERROR',
      `An ERROR command holds a reason and its length; got ${data.length} bytes.`,
    );
  }
  const reason = data.toString('latin1', 1, 1 + length);
  if (reason === '300') return new AuthError(300);
  if (reason === '400') return new AuthError(400);
  if (reason === '500') return new AuthError(500);
  return new ProtocolError(
    'ERR_ZMTP_UNSPECIFIED',
    `The peer refused the connection with the reason ${JSON.stringify(reason)}.`,
  );
}

/** @param expected what was due, as a part of a sentence: `READY or ERROR`. @throws ProtocolError `ERR_ZMTP_UNEXPECTED_COMMAND` always. */
export function failUnexpected(mechanism: string, expected: string, body: Buffer): never {
  const name = decodeCommand(body)?.name;
  const got =
    name === undefined ? 'no command' : KNOWN_NAMES.has(name) ? name : 'an unknown command';
  throw new ProtocolError(
    'ERR_ZMTP_UNEXPECTED_COMMAND',
    `Expected ${expected} in the ${mechanism} handshake; got ${got}.`,
  );
}
