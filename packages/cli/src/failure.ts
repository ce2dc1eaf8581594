/**
 * What the command says, and which number it ends with, when something goes wrong.
 *
 * Owns the exit codes. The words are those of the rooms that know: a flag's value, core's options
 * and its loading of modules, the transport's endpoints. What a remote service answers is not
 * judged here: a handler's codes are its own (commands/call.ts).
 */

import { inspect } from 'node:util';

/** The numbers the command ends with; ended by signal n it is 128 + n, as in every shell. */
export const EXIT_CODES = {
  ok: 0,
  error: 1,
  usage: 2,
  bootFailed: 3,
  loadFailed: 4,
  crashLoop: 5,
  notRunning: 69,
  reloadFailed: 75,
} as const;

/** The command line is wrong. The message says what was expected, what came and what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'ZSCALE_ERR_USAGE';
  /** The words of which one was expected; empty where it was anything else. */
  readonly choices: readonly string[];

  /** @param options.choices - see there; default none */
  constructor(message: string, { choices = [] }: { readonly choices?: readonly string[] } = {}) {
    super(message);
    this.choices = choices;
  }
}

/** No supervisor answers. The message says where it was looked for, and what to do. */
export class NotRunningError extends Error {
  override readonly name = 'NotRunningError';
  readonly code = 'ZSCALE_ERR_NOT_RUNNING';
}

/** A fault, ready to be told. */
export interface Failure {
  /** What is wrong; with a stack below it only for a bug, or when the caller asked for stacks. */
  readonly text: string;
  readonly exitCode: number;
}

/** Codes that are no ordinary error. An endpoint that no machine could use is wrong usage. */
const EXIT_CODE_OF: ReadonlyMap<string, number> = new Map([
  ['ZSCALE_ERR_USAGE', EXIT_CODES.usage],
  ['ZSCALE_ERR_OPTIONS', EXIT_CODES.usage],
  ['ZSCALE_ERR_INSECURE', EXIT_CODES.usage],
  ['EINVAL', EXIT_CODES.usage],
  ['EPROTONOSUPPORT', EXIT_CODES.usage],
  ['ENAMETOOLONG', EXIT_CODES.usage],
  ['ZSCALE_ERR_BOOT', EXIT_CODES.bootFailed],
  ['ZSCALE_ERR_LOAD', EXIT_CODES.loadFailed],
  ['ZSCALE_ERR_CRASH_LOOP', EXIT_CODES.crashLoop],
  ['ZSCALE_ERR_NOT_RUNNING', EXIT_CODES.notRunning],
  ['ZSCALE_ERR_RELOAD', EXIT_CODES.reloadFailed],
]);

/**
 * Says what to print for `error` and which exit code it means.
 *
 * @param options.stack - add the stack also to an expected error; default false. An error nobody
 *   expected (one without a `code`) always shows its own: it is a bug, and a report needs it.
 */
export function describeFailure(error: unknown, options: { stack?: boolean } = {}): Failure {
  const code = codeOf(error);
  if (!(error instanceof Error) || code === undefined) {
    const shown = error instanceof Error ? error.stack : String(error);
    return { text: `zscale: unexpected error: ${shown}`, exitCode: EXIT_CODES.error };
  }
  const told =
    options.stack === true ? inspect(error) : withErrno(withoutStack(error.message), code);
  return {
    text: `zscale: ${told}`,
    exitCode: EXIT_CODE_OF.get(code) ?? EXIT_CODES.error,
  };
}

/** A module that threw is told with its stack; the first line of that says where it was. */
function withoutStack(message: string): string {
  return message.replace(/(\n +at .*)(?:\n +at .*)+/g, '$1');
}

/** People search for the name of a system's error, so it stands in the text. */
function withErrno(message: string, code: string): string {
  if (!/^E[A-Z]+$/.test(code) || message.includes(code)) return message;
  return `${message.replace(/\.$/, '')} (${code}).`;
}

function codeOf(error: unknown): string | undefined {
  const code: unknown = Reflect.get(Object(error), 'code');
  return typeof code === 'string' ? code : undefined;
}
