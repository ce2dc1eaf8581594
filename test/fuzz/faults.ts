/** What may be said about a peer's bytes, and what may not: the errors that are allowed to come out of the transport. */

import { inspect } from 'node:util';
import {
  AuthError,
  ProtocolError,
  type ProtocolErrorCode,
  TransportError,
} from '../../packages/transport/src/errors.ts';
import { ok } from './ok.ts';

// A record, so that the compiler says when a code is missing.
const PROTOCOL_CODES: Readonly<Record<ProtocolErrorCode, true>> = {
  ERR_ZMTP_UNSPECIFIED: true,
  ERR_ZMTP_UNEXPECTED_COMMAND: true,
  ERR_ZMTP_INVALID_SEQUENCE: true,
  ERR_ZMTP_KEY_EXCHANGE: true,
  ERR_ZMTP_MALFORMED_COMMAND_MESSAGE: true,
  ERR_ZMTP_MALFORMED_COMMAND_HELLO: true,
  ERR_ZMTP_MALFORMED_COMMAND_INITIATE: true,
  ERR_ZMTP_MALFORMED_COMMAND_ERROR: true,
  ERR_ZMTP_MALFORMED_COMMAND_READY: true,
  ERR_ZMTP_MALFORMED_COMMAND_WELCOME: true,
  ERR_ZMTP_INVALID_METADATA: true,
  ERR_ZMTP_CRYPTOGRAPHIC: true,
  ERR_ZMTP_MECHANISM_MISMATCH: true,
  ERR_ZAP_UNSPECIFIED: true,
  ERR_ZAP_MALFORMED_REPLY: true,
  ERR_ZAP_BAD_REQUEST_ID: true,
  ERR_ZAP_BAD_VERSION: true,
  ERR_ZAP_INVALID_STATUS_CODE: true,
  ERR_ZAP_INVALID_METADATA: true,
  EMSGSIZE: true,
};

/** Codes of a TransportError that ends a connection. */
const CONNECTION_CODES = new Set(['ECONNRESET', 'ETIMEDOUT', 'EFAULT', 'EINVAL']);

/** Throws unless `error` is a ProtocolError with a code that is known, and not one that hides a RangeError of ours. */
export function checkProtocolError(error: unknown): asserts error is ProtocolError {
  if (!(error instanceof ProtocolError))
    throw new Error('expected a ProtocolError', { cause: error });
  ok(Object.hasOwn(PROTOCOL_CODES, error.code), `unknown code ${error.code}`);
  ok(!error.message.startsWith('No memory'), `a RangeError in disguise: ${error.message}`);
}

/** Throws unless `error` may end a connection. */
export function checkConnectionError(error: unknown): void {
  if (error === undefined) return;
  if (error instanceof AuthError) {
    ok([300, 400, 500].includes(error.status), `unknown status ${error.status}`);
  } else if (error instanceof TransportError) {
    ok(CONNECTION_CODES.has(error.code), `unknown code ${error.code}`);
  } else {
    checkProtocolError(error);
  }
}

/** Throws when any of these secrets can be read in what is shown of an error. */
export function checkDiscretion(error: unknown, secrets: ReadonlyArray<Buffer | string>): void {
  if (error === undefined) return;
  const shown = `${inspect(error, { depth: 10, showHidden: true })} ${String(error)}`;
  for (const secret of secrets) {
    const raw = Buffer.from(secret as string); // or a Buffer, which it takes as well
    for (const form of ['latin1', 'utf8', 'hex', 'base64'] as const) {
      ok(!shown.includes(raw.toString(form)), `a secret (${form}) is in: ${shown}`);
    }
  }
}
