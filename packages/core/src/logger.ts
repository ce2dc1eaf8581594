/**
 * The log: JSON lines on standard error, or readable lines when that is a terminal.
 *
 * Owns the only use of pino. What is injected everywhere else is `Logger`, the part of pino's shape
 * that zscale uses, so a program hands in the logger it has. Workers write no log of their own:
 * their supervisor speaks for them. What handlers write by `context.logger` is theirs.
 */

import { accessSync, closeSync, constants, openSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { Writable } from 'node:stream';
import { ZscaleError } from './errors.ts';
import { LogLines } from './log-lines.ts';
import { WaitingLines } from './waiting-lines.ts';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const FORMATS: readonly string[] = ['json', 'pretty', 'auto'];

const STDOUT = 1;

/** How much is told; `'silent'` tells nothing. */
export type LogLevel = (typeof LEVELS)[number];

/** Writes one line: the facts first, the text second, as pino does. */
export interface LogMethod {
  (facts: object, text?: string): void;
  (text: string): void;
}

/** What zscale needs of a logger. A pino logger is one; anything with these methods will do. */
export interface Logger {
  error: LogMethod;
  warn: LogMethod;
  info: LogMethod;
  debug: LogMethod;
  /** Makes a logger that adds `facts` to each of its lines. */
  child(facts: Record<string, unknown>): Logger;
}

/** How `createLogger` writes. Every field may be left out. */
export interface LoggerOptions {
  /**
   * The least level that is written. Default: the environment's `ZSCALE_LOG_LEVEL`, else `'info'`.
   */
  readonly level?: LogLevel | undefined;
  /**
   * `'json'`, `'pretty'`, or `'auto'`: pretty when standard error is a terminal. Default: the environment's `ZSCALE_LOG_FORMAT`,
   * else `'auto'`.
   */
  readonly format?: 'json' | 'pretty' | 'auto' | undefined;
}

/**
 * Makes a logger that writes to standard error, each line before the call returns. A line that cannot be written, as on a full
 * disk, is lost; the log says how many were when it can be written again.
 *
 * @throws ZscaleError `ZSCALE_ERR_OPTIONS` when the level, given or in the environment, is none of
 * pino's, or the format none of those.
 */
export function createLogger(options: LoggerOptions = {}): Logger {
  const level = options.level ?? process.env.ZSCALE_LOG_LEVEL ?? 'info';
  if (!isLevel(level)) {
    throw new ZscaleError(
      'ZSCALE_ERR_OPTIONS',
      `the log level must be one of ${LEVELS.join(', ')}; got '${level}'`,
    );
  }
  const format = options.format ?? process.env.ZSCALE_LOG_FORMAT ?? 'auto';
  if (!FORMATS.includes(format)) {
    throw new ZscaleError(
      'ZSCALE_ERR_OPTIONS',
      `the log format must be one of ${FORMATS.join(', ')}; got '${format}'`,
    );
  }
  const pretty = format === 'pretty' || (format === 'auto' && process.stderr.isTTY === true);

  // pino and pino-pretty take 60 ms to load, and every worker that re-runs its program imports this
  // file without ever logging: so they are loaded here and not above.
  const load = createRequire(import.meta.url);
  const { pino }: typeof import('pino') = load('pino');
  const err = (error: Error): object => withoutEcho(error, pino.stdSerializers.err(error));
  const settings = { level, base: { pid: process.pid }, serializers: { err } };
  const lines = new LogLines((lost) => {
    logger.warn({ lines: lost }, 'the log could not be written for a while; lines are missing');
  });
  const logger = pino(settings, pretty ? prettyInto(lines) : lines);
  return logger;
}

/** pino puts the text of a cause behind the text of its error, which may have it already: a reason is told once. */
function withoutEcho(error: Error, serialized: object): object {
  const { message, cause }: Partial<Error> = Object(error);
  const isTold = cause instanceof Error && message?.includes(cause.message) === true;
  return isTold ? { ...serialized, message } : serialized;
}

/** In a line of JSON: what is escaped, and the control characters that need not be. The end of the line is none of them. */
const ESCAPED_OR_CONTROL = /\\u00[01][\da-f]|\\.|(?!\n)\p{Cc}/gu;
const SHORT_CONTROLS: ReadonlyMap<string, string> = new Map([
  ['\\b', '\\u0008'],
  ['\\f', '\\u000c'],
  ['\\r', '\\u000d'],
]);

/**
 * A line of JSON whose texts have no control characters but line feeds and tabs: in place of the others is `\u001b`, in letters. What
 * a worker says is shown on a terminal, and may not steer it.
 */
function withoutControls(line: string): string {
  return line.replace(ESCAPED_OR_CONTROL, (found) => {
    if (found.startsWith('\\u00')) return `\\${found}`;
    if (found.startsWith('\\')) {
      const long = SHORT_CONTROLS.get(found);
      return long === undefined ? found : `\\${long}`;
    }
    return `\\\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Makes readable lines of what is written, and writes them to `target`. */
function prettyInto(target: LogLines): { write(line: string): void } {
  const load = createRequire(import.meta.url);
  const prettyStream: typeof import('pino-pretty') = load('pino-pretty');
  const pretty = prettyStream({
    colorize: process.stderr.isTTY === true && process.env.NO_COLOR === undefined,
    destination: new Writable({
      decodeStrings: false,
      write: (line, _encoding, done) => {
        target.write(String(line));
        done();
      },
    }),
    ignore: 'pid,hostname',
    singleLine: true,
    sync: true,
    translateTime: 'SYS:HH:MM:ss.l',
  });
  return { write: (line) => void pretty.write(withoutControls(line)) };
}

/** A file of lines of its own, beside the log. */
export interface LineWriter {
  /** Writes one line of JSON: the time, and the facts; soon, not at once. */
  write(facts: object): void;
  /** Opens the file again, where somebody has moved it away. */
  reopen(): void;
  /** Writes what is left and lets go of the file; what cannot be written within a second is lost. Every call gets the same promise. */
  close(): Promise<void>;
}

/** So long the last lines may take, in ms. */
const LAST_LINES_MS = 1000;

/** What the system writes to a pipe in one piece (PIPE_BUF). */
const PIPE_BYTES = 4096;

/**
 * Opens a file for lines, which are added to its end. Where they cannot be written, as on a full disk, so many wait, and further ones
 * are lost; `logger` is told.
 *
 * @param target a path, or `-` for standard output
 * @param isShared other processes write lines there, too: each stays whole
 * @throws ZscaleError `ZSCALE_ERR_OPTIONS` when it cannot be opened
 */
export function openLines(
  target: string,
  logger: Logger,
  { isShared = false }: { readonly isShared?: boolean } = {},
): LineWriter {
  const load = createRequire(import.meta.url);
  const { pino }: typeof import('pino') = load('pino');
  const isStdout = target === '-';
  // Opened here and not by pino, so that a file that cannot be had is told now.
  if (!isStdout) tried(target, () => closeSync(openSync(target, 'a')));
  const destination = pino.destination({
    dest: isStdout ? STDOUT : target,
    sync: false,
    ...(isShared && isStdout && { maxWrite: PIPE_BYTES }),
  });
  // pino's own listener lets go of a pipe for good, and of its ending, once its reader is gone.
  destination.removeAllListeners('error');
  const waiting = new WaitingLines(destination, (lines, err) => {
    logger.warn(
      { file: target, lines, ...(err && { err }) },
      'lines of the access log are lost: it cannot be written, or not so fast',
    );
  });
  const lines = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, waiting);
  let closed: Promise<void> | undefined;
  return {
    write: (facts) => lines.info(facts),
    reopen: () => {
      if (!isStdout) destination.reopen();
    },
    close: () => {
      // Not `flushSync`, which tries for ever: a disk that is full or a reader who stands still would keep the service from ending.
      closed ??= new Promise((resolve) => {
        waiting.close();
        const giveUp = setTimeout(() => destination.destroy(), LAST_LINES_MS);
        destination.once('close', () => {
          clearTimeout(giveUp);
          resolve();
        });
        destination.end();
      });
      return closed;
    },
  };
}

/**
 * Whether {@link openLines} could open it; nothing is made.
 *
 * @throws ZscaleError `ZSCALE_ERR_OPTIONS` as there
 */
export function checkLines(target: string): void {
  if (target === '-') return;
  tried(target, () => {
    const stats = statSync(target, { throwIfNoEntry: false });
    if (stats === undefined) accessSync(dirname(resolve(target)), constants.W_OK | constants.X_OK);
    else if (stats.isDirectory())
      openSync(target, 'a'); // cannot be: the system says why
    else accessSync(target, constants.W_OK);
  });
}

/** @throws ZscaleError `ZSCALE_ERR_OPTIONS` when `open` throws */
function tried(target: string, open: () => void): void {
  try {
    open();
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    // Node ends with the call and its path: what was tried in place of opening is of no interest.
    const reason = said.replace(/, \w+ '.*'$/, `, open '${target}'`);
    throw new ZscaleError('ZSCALE_ERR_OPTIONS', `the log file cannot be opened: ${reason}`, {
      cause: error,
    });
  }
}

function isLevel(level: string): level is LogLevel {
  return (LEVELS as readonly string[]).includes(level);
}
