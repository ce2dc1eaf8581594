/**
 * The commands of PLAIN that have a shape of their own (RFC 24).
 *
 *   HELLO    name-length(1) name password-length(1) password
 *   ERROR    5e 52 52 4f 52 ("^RROR") reason-length(1) reason, in libzmq; RFC 24 has the ERROR of other mechanisms
 */

import { ProtocolError } from '../errors.ts';
import { decodeCommand, encodeCommand } from '../wire/command.ts';
import { decodeErrorReason, encodeErrorReason, type RefusalStatus } from './refusals.ts';

/** How libzmq 4 writes the name of ERROR under PLAIN and nowhere else: a slip of an escape swallowed the length and the E. */
const LIBZMQ_ERROR = Buffer.from('^RROR', 'latin1');

/** HELLO. Name and password have 0 to 255 bytes, as the options have checked. */
export function encodePlainHello(username: Buffer, password: Buffer): Buffer {
  const lengthOf = (bytes: Buffer): Buffer => Buffer.from([bytes.length]);
  return encodeCommand(
    'HELLO',
    Buffer.concat([lengthOf(username), username, lengthOf(password), password]),
  );
}

/**
 * Name and password of what stands behind the name of a HELLO, as copies.
 *
 * @throws ProtocolError `ERR_ZMTP_MALFORMED_COMMAND_HELLO` unless the two lengths fill it exactly.
 */
export function decodePlainHello(data: Buffer): readonly [username: Buffer, password: Buffer] {
  const usernameEnd = 1 + (data[0] ?? data.length);
  const passwordEnd = usernameEnd + 1 + (data[usernameEnd] ?? data.length);
  if (passwordEnd !== data.length) {
    throw new ProtocolError(
      'ERR_ZMTP_MALFORMED_COMMAND_HELLO',
      'A HELLO of PLAIN has a name and a password with their lengths, and nothing else; got other lengths.',
    );
  }
  return [
    Buffer.from(data.subarray(1, usernameEnd)),
    Buffer.from(data.subarray(usernameEnd + 1, passwordEnd)),
  ];
}

/**
 * The ERROR that refuses a client, written as libzmq writes it: its clients know no other and call the right one a broken
 * protocol. Whoever goes by RFC 24 meets a command it does not know; both close the connection and do not try again.
 */
export function encodePlainError(status: RefusalStatus): Buffer {
  return Buffer.concat([LIBZMQ_ERROR, encodeErrorReason(status)]);
}

/**
 * What an ERROR of either spelling means; undefined for any other command.
 *
 * @throws ProtocolError `ERR_ZMTP_MALFORMED_COMMAND_ERROR`.
 */
export function decodePlainError(body: Buffer): Error | undefined {
  if (body.subarray(0, LIBZMQ_ERROR.length).equals(LIBZMQ_ERROR))
    return decodeErrorReason(body.subarray(LIBZMQ_ERROR.length));
  const command = decodeCommand(body);
  return command?.name === 'ERROR' ? decodeErrorReason(command.data) : undefined;
}
