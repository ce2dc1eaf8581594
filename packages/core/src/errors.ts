/**
 * The errors of core, and the one form in which an error travels: a code and a message.
 *
 * Callers match `error.code`, never the text or the class; every code is explained in
 * docs/reference/errors.md. Errors of sockets (EADDRINUSE, EINVAL ...) are the transport's and pass
 * through unchanged.
 */

/**
 * The codes zscale itself makes. On the wire a code may also be a handler's own, which is why
 * {@link ZscaleError.code} is any string.
 */
export type ZscaleErrorCode =
  | 'ZSCALE_ERR_BOOT'
  | 'ZSCALE_ERR_BUSY'
  | 'ZSCALE_ERR_CANCELLED'
  | 'ZSCALE_ERR_CLOSED'
  | 'ZSCALE_ERR_CONNECTION_LOST'
  | 'ZSCALE_ERR_CONTROL'
  | 'ZSCALE_ERR_CONTROL_VERSION'
  | 'ZSCALE_ERR_CRASH_LOOP'
  | 'ZSCALE_ERR_DECODE'
  | 'ZSCALE_ERR_ENCODE'
  | 'ZSCALE_ERR_ENVELOPE'
  | 'ZSCALE_ERR_HANDLER'
  | 'ZSCALE_ERR_INSECURE'
  | 'ZSCALE_ERR_KEY'
  | 'ZSCALE_ERR_LOAD'
  | 'ZSCALE_ERR_NO_PROGRAM'
  | 'ZSCALE_ERR_NO_WORKER'
  | 'ZSCALE_ERR_NOT_SERVING'
  | 'ZSCALE_ERR_OPTIONS'
  | 'ZSCALE_ERR_PROFILE'
  | 'ZSCALE_ERR_QUEUE_WAIT'
  | 'ZSCALE_ERR_RELOAD'
  | 'ZSCALE_ERR_STOPPING'
  | 'ZSCALE_ERR_STREAM'
  | 'ZSCALE_ERR_TIMEOUT'
  | 'ZSCALE_ERR_WORKER_LOST'
  | 'EMSGSIZE'
  | 'ENOTSUP';

/** An error as it travels in a reply. Never a stack: that stays in the log of its own process. */
export interface ErrorReply {
  readonly code: string;
  readonly message: string;
}

/** The base of every error that core makes. */
export class ZscaleError extends Error {
  override readonly name: string = 'ZscaleError';
  /** What happened, for programs; docs/reference/errors.md lists them. */
  readonly code: string;

  /**
   * @param code - one of {@link ZscaleErrorCode}, or a handler's own
   * @param message - what was expected, what came, what to do
   */
  constructor(code: ZscaleErrorCode | (string & {}), message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * The service answered a request with an error. `code` and `message` are the ones its handler
 * threw, or `ZSCALE_ERR_...` when zscale answered in place of the handler.
 */
export class RemoteError extends ZscaleError {
  override readonly name: string = 'RemoteError';
}

/**
 * No reply came in time, so the client gave the request up; `code` is `ZSCALE_ERR_TIMEOUT`. Whether
 * a worker did the work nevertheless is unknown.
 */
export class RequestTimeoutError extends ZscaleError {
  override readonly name: string = 'RequestTimeoutError';

  constructor(message: string, options?: ErrorOptions) {
    super('ZSCALE_ERR_TIMEOUT', message, options);
  }
}

/**
 * The service could not be started. `code` is `ZSCALE_ERR_LOAD` when the program is at fault (no
 * such file, a syntax error, no handler in it, it threw while loading) and `ZSCALE_ERR_BOOT` when a
 * worker process ended or never became ready.
 */
export class WorkerBootError extends ZscaleError {
  override readonly name: string = 'WorkerBootError';
}

/**
 * What a handler may name its own errors: as Node and the operating system do, `ENOENT`,
 * `OUT_OF_STOCK`.
 */
const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;

/** Long enough for a sentence or two; a reply is no place for a dump. */
const MAX_MESSAGE_CHARACTERS = 1024;

/**
 * Turns whatever a handler threw into the error its client gets. Never throws and never shows a
 * stack.
 *
 * The code is the error's own `code` if that is 1 to 64 characters of `A-Z`, `0-9` and `_`, else
 * `ZSCALE_ERR_HANDLER`. The message is its `message`, the thrown string itself, or a sentence that
 * says what was thrown; it is cut at 1024 characters.
 */
export function errorReplyOf(error: unknown): ErrorReply {
  const code = textOf(error, 'code');
  return {
    code: code !== undefined && CODE.test(code) ? code : 'ZSCALE_ERR_HANDLER',
    message: shorten(messageOf(error)),
  };
}

function messageOf(error: unknown): string {
  switch (typeof error) {
    case 'string':
      return error === '' ? 'The handler threw an empty string.' : error;
    case 'object':
    case 'function':
      return (
        textOf(error, 'message') ||
        textOf(error, 'name') ||
        `The handler threw ${error === null ? 'null' : 'an object without a message'}.`
      );
    default:
      return `The handler threw ${String(error)}.`;
  }
}

/** A string property of anything at all; undefined also when reading it throws. */
function textOf(error: unknown, property: 'code' | 'message' | 'name'): string | undefined {
  if ((typeof error !== 'object' && typeof error !== 'function') || error === null) {
    return undefined;
  }
  try {
    const value: unknown = Reflect.get(error, property);
    return typeof value === 'string' ? value : undefined;
  } catch {
    // A getter or a proxy of the user's that throws: it tells us nothing, and must not stop the
    // reply.
    return undefined;
  }
}

function shorten(message: string): string {
  if (message.length <= MAX_MESSAGE_CHARACTERS) return message;
  const kept = message.slice(0, MAX_MESSAGE_CHARACTERS - 1);
  // Do not leave half of a surrogate pair behind.
  return `${kept.replace(/[\uD800-\uDBFF]$/, '')}…`;
}
