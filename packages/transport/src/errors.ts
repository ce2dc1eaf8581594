/**
 * The errors of the transport: one class for what a caller did or met, one for what a peer did.
 *
 * Callers match `error.code`, never the text or the class. Codes are errno names where zmq_errno(3) has one, and
 * zeromq.js's `ERR_ZMTP_…` names for protocol errors, which only travel in monitor events.
 */

import { constants } from 'node:os';

/** libzmq's own numbers, for names that no operating system has (zmq.h, `ZMQ_HAUSNUMERO`). */
const LIBZMQ_ERRNO: Readonly<Record<string, number>> = {
  EFSM: 156_384_763,
  ENOCOMPATPROTO: 156_384_764,
  ETERM: 156_384_765,
  EMTHREAD: 156_384_766,
};

/** What libzmq and the system call these errors: programs written for zeromq.js may look for it in the text. */
const LIBZMQ_TEXT: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Address already in use',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  EFSM: 'Operation cannot be accomplished in current state',
  EHOSTUNREACH: 'Host unreachable',
  EINVAL: 'Invalid argument',
  EMFILE: 'Too many open files',
  ENAMETOOLONG: 'File name too long',
  ENODEV: 'No such device',
  ENOENT: 'No such endpoint',
  ENOTSUP: 'Operation not supported',
  EPROTONOSUPPORT: 'Protocol not supported',
};

function withLibzmqText(code: string, message: string): string {
  const text = LIBZMQ_TEXT[code];
  return text === undefined || message.startsWith(text) ? message : `${text}: ${message}`;
}

/** What an error is about, where that is known. */
export interface ErrorFacts {
  /** The endpoint that was bound, connected or talked to. */
  readonly endpoint?: string;
  /** The text is zeromq.js's own for this case: nothing is put in front of it. */
  readonly isVerbatim?: boolean;
  readonly cause?: unknown;
}

/** An operation on a socket that could not be done; `code` says why. */
export class TransportError extends Error {
  override readonly name: string = 'TransportError';
  /** errno name (`EAGAIN`, `EADDRINUSE`, `EFSM` …). */
  readonly code: string;
  /** The number that goes with `code` on this system; libzmq's own number for libzmq's own names; 0 if there is none. */
  readonly errno: number;
  /** zeromq.js's name for the endpoint an error is about. */
  readonly address: string | undefined;

  constructor(code: string, message: string, facts: ErrorFacts = {}) {
    super(
      facts.isVerbatim ? message : withLibzmqText(code, message),
      facts.cause === undefined ? undefined : { cause: facts.cause },
    );
    this.code = code;
    this.errno = LIBZMQ_ERRNO[code] ?? (constants.errno as Record<string, number>)[code] ?? 0;
    this.address = facts.endpoint;
  }
}

/** Codes of {@link ProtocolError}: zeromq.js's names for libzmq's `ZMQ_PROTOCOL_ERROR_…` values. */
export type ProtocolErrorCode =
  | 'ERR_ZMTP_UNSPECIFIED'
  | 'ERR_ZMTP_UNEXPECTED_COMMAND'
  | 'ERR_ZMTP_INVALID_SEQUENCE'
  | 'ERR_ZMTP_KEY_EXCHANGE'
  | 'ERR_ZMTP_MALFORMED_COMMAND_MESSAGE'
  | 'ERR_ZMTP_MALFORMED_COMMAND_HELLO'
  | 'ERR_ZMTP_MALFORMED_COMMAND_INITIATE'
  | 'ERR_ZMTP_MALFORMED_COMMAND_ERROR'
  | 'ERR_ZMTP_MALFORMED_COMMAND_READY'
  | 'ERR_ZMTP_MALFORMED_COMMAND_WELCOME'
  | 'ERR_ZMTP_INVALID_METADATA'
  | 'ERR_ZMTP_CRYPTOGRAPHIC'
  | 'ERR_ZMTP_MECHANISM_MISMATCH'
  | 'ERR_ZAP_UNSPECIFIED'
  | 'ERR_ZAP_MALFORMED_REPLY'
  | 'ERR_ZAP_BAD_REQUEST_ID'
  | 'ERR_ZAP_BAD_VERSION'
  | 'ERR_ZAP_INVALID_STATUS_CODE'
  | 'ERR_ZAP_INVALID_METADATA'
  | 'EMSGSIZE';

/**
 * A peer that broke the protocol. It closes that peer's connection for good (no reconnect: the same bytes would come
 * again) and is told by the monitor; it never rejects a caller's promise.
 */
export class ProtocolError extends Error {
  override readonly name: string = 'ProtocolError';
  readonly code: ProtocolErrorCode;

  constructor(code: ProtocolErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A ZAP handler refused: the peer's, told by a ZMTP ERROR command (RFC 37), or our own. */
export class AuthError extends Error {
  override readonly name: string = 'AuthError';
  /** ZAP status (RFC 27): 300 try again, 400 refused, 500 the handler failed. */
  readonly status: 300 | 400 | 500;

  constructor(status: 300 | 400 | 500) {
    super(
      `The connection was refused with status ${status} by a ZAP handler, ours or the peer's. Check the credentials and its rules.`,
    );
    this.status = status;
  }
}

/** Throws a {@link TransportError}. It returns never, so an error cannot be built and then forgotten. */
export function fail(code: string, message: string, facts?: ErrorFacts): never {
  throw new TransportError(code, message, facts);
}

/** Throws a TypeError with Node's code `ERR_INVALID_ARG_TYPE`, for a value of a wrong type. */
export function failType(message: string): never {
  throw Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_TYPE' });
}
