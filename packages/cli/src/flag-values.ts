/**
 * What the text behind one flag means: durations, sizes, counts, endpoints, K=V.
 *
 * Pure functions from text to value. Each throws a UsageError of one line that names the flag, says
 * what it takes, what came, and where possible what was probably meant.
 */
import { constants } from 'node:os';
import { UsageError } from './failure.ts';

/** The longest a timer of Node can wait, 2^31 - 1 ms (596 h). Above that it fires at once. */
const LONGEST_DURATION_MS = 2_147_483_647;

const MS_PER_UNIT: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

const BYTES_PER_UNIT: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ['kb', 1024],
  ['mb', 1024 ** 2],
  ['gb', 1024 ** 3],
]);

/** Transports a front end can listen on and a client can call. */
const TRANSPORTS: readonly string[] = ['tcp', 'ipc'];

const HIGHEST_PORT = 65_535;

/** The highest high-water mark of a socket: a C int in ZeroMQ. */
const HIGHEST_MARK = 2_147_483_647;

/** In front of an endpoint of a device that is connected to. */
const CONNECT = 'connect:';

/**
 * `250ms`, `5s`, `2m`, `1h` in milliseconds; `off` is Infinity. 30 is refused: 30 of what?
 *
 * @param options.least - the shortest that makes sense, ms; default 1
 */
export function parseDuration(
  flag: string,
  text: string,
  { least = 1 }: { least?: number } = {},
): number {
  if (text === 'off') return Number.POSITIVE_INFINITY;
  const expected = 'a duration such as 250ms, 5s, 2m, or off';
  const [amount, unit] = splitQuantity(text);
  if (amount !== undefined && unit === '')
    refuse(flag, expected, text, amount < least ? shortest(least) : `Write ${text}s or ${text}ms.`);

  const msPerUnit = MS_PER_UNIT.get(unit);
  if (amount === undefined || msPerUnit === undefined) refuse(flag, expected, text);
  const ms = Math.round(amount * msPerUnit);
  if (ms < least) refuse(flag, expected, text, shortest(least));
  if (ms > LONGEST_DURATION_MS)
    refuse(flag, expected, text, 'The longest is 596h; off means no limit.');
  return ms;
}

/** `800`, `800b`, `512kb`, `16mb`, `1gb` in bytes (1 kb is 1024 bytes); `off` is Infinity. */
export function parseSize(flag: string, text: string): number {
  if (text === 'off') return Number.POSITIVE_INFINITY;
  const expected = 'a size such as 512kb, 16mb, or off';
  const [amount, unit] = splitQuantity(text.toLowerCase());
  const bytesPerUnit = BYTES_PER_UNIT.get(unit);
  if (amount === undefined || bytesPerUnit === undefined) refuse(flag, expected, text);
  const bytes = Math.round(amount * bytesPerUnit);
  if (bytes < 1) refuse(flag, expected, text, 'The smallest is 1b; off means no limit.');
  return bytes;
}

/** `SIGTERM`, `TERM` or `term`; numbers differ between systems. */
export function parseSignal(flag: string, text: string): NodeJS.Signals {
  const upper = text.toUpperCase();
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  return isSignal(name) ? name : refuse(flag, 'the name of a signal such as TERM or SIGUSR2', text);
}

function isSignal(name: string): name is NodeJS.Signals {
  return Object.hasOwn(constants.signals, name);
}

/** A whole number, from 1 unless `least` says another. */
export function parseCount(
  flag: string,
  text: string,
  { least = 1 }: { readonly least?: number } = {},
): number {
  return wholeNumber(text, least) ?? refuse(flag, `a whole number from ${least}`, text);
}

/** A whole number from 0; `off` is Infinity. */
export function parseLimit(flag: string, text: string): number {
  if (text === 'off') return Number.POSITIVE_INFINITY;
  return wholeNumber(text, 0) ?? refuse(flag, 'a whole number from 0, or off', text);
}

/** How often something is tried again: a whole number from 0. */
export function parseRetries(flag: string, text: string): number {
  return wholeNumber(text, 0) ?? refuse(flag, 'a whole number from 0', text);
}

/** A pool of workers and a pattern of what it gets. */
export interface PoolFlag {
  readonly name: string;
  readonly workers: number;
  readonly route: string;
}

/** `name=workers:pattern`. */
export function parsePool(flag: string, text: string): PoolFlag {
  const [, name, count = '', route] = /^([\w.-]{1,64})=(\d+):(.+)$/s.exec(text) ?? [];
  const workers = wholeNumber(count, 1);
  if (name === undefined || route === undefined || workers === undefined) {
    return refuse(flag, "name=workers:pattern, such as 'reports=2:report*'", text);
  }
  return { name, workers, route };
}

/**
 * A high-water mark: a whole number from 1; `off` is Infinity. ZeroMQ's own 0 for "none" would read
 * like the opposite.
 */
export function parseMark(flag: string, text: string): number {
  if (text === 'off') return Number.POSITIVE_INFINITY;
  const mark = wholeNumber(text, 1);
  if (mark !== undefined && mark <= HIGHEST_MARK) return mark;
  return refuse(flag, `a whole number from 1 to ${HIGHEST_MARK}, or off`, text);
}

/** A whole number from 1, or `auto`. */
export function parseWorkers(flag: string, text: string): number | 'auto' {
  if (text === 'auto') return 'auto';
  return wholeNumber(text, 1) ?? refuse(flag, 'a whole number from 1, or auto', text);
}

/** `2-8`: from two to eight; both from 1, in order. */
export function parseRange(flag: string, text: string): { min: number; max: number } {
  const [low = '', high = '', ...rest] = text.split('-');
  const [min, max] = [wholeNumber(low, 1), wholeNumber(high, 1)];
  if (min === undefined || max === undefined || min > max || rest.length > 0) {
    refuse(flag, 'two whole numbers from 1, the smaller first, such as 2-8', text);
  }
  return { min, max };
}

/** `5/60s`: five restarts within sixty seconds. `5` keeps the window as it is by default. */
export function parseRestartLimit(
  flag: string,
  text: string,
): { maxRestarts: number; restartWindow?: number } {
  const [countText = '', windowText, ...rest] = text.split('/');
  const maxRestarts = wholeNumber(countText, 0);
  if (maxRestarts === undefined || rest.length > 0) {
    refuse(flag, 'restarts per duration, such as 5/60s', text);
  }
  if (windowText === undefined) return { maxRestarts };
  return { maxRestarts, restartWindow: parseDuration(flag, windowText) };
}

/**
 * An endpoint, as far as its looks go: a transport we know, and something behind it. Whether the
 * address makes sense is for the transport to say.
 */
export function parseEndpoint(flag: string, text: string, alternatives: string = ''): string {
  const expected = 'an endpoint such as tcp://127.0.0.1:5555 or ipc:///tmp/app.sock';
  const [, transport, address] = /^([^:/]*):\/\/(.*)$/.exec(text) ?? [];
  if (transport === undefined || address === undefined) {
    refuse(flag, expected, text, guessEndpoint(text));
  }
  if (!TRANSPORTS.includes(transport)) {
    refuse(
      flag,
      expected,
      text,
      `The transport "${transport}" is not supported; use tcp or ipc${alternatives}.`,
    );
  }
  if (address === '') refuse(flag, expected, text);
  return text;
}

/** An endpoint at which clients connect: of ZeroMQ, or of HTTP. What those of HTTP may be is for core to say. */
export function parseBind(flag: string, text: string): string {
  if (/^(https?:\/\/|unix:|fd:)./.test(text)) return text;
  return parseEndpoint(flag, text, ', http or https');
}

/** A port for HTTP, as the endpoint that it stands for. */
export function parsePort(flag: string, text: string): string {
  const port = wholeNumber(text, 0);
  if (port === undefined || port > HIGHEST_PORT) {
    refuse(flag, `a port from 0 to ${HIGHEST_PORT}`, text);
  }
  return `http://*:${port}`;
}

/** An endpoint, or a name that is followed in DNS: `dns:name:port`, `srv:name`. What names may be is for core to say. */
export function parseNamedEndpoint(flag: string, text: string): string {
  return /^(dns|srv):(?!\/\/)/.test(text) ? text : parseEndpoint(flag, text);
}

/** An endpoint of a device, which is bound, or connected with `connect:` in front; it may be multicast, where to bind is to connect. */
export function parseDeviceEndpoint(flag: string, text: string): string {
  const isConnected = text.startsWith(CONNECT);
  const endpoint = isConnected ? text.slice(CONNECT.length) : text;
  // What else may be wrong, and that pgm:// is not there, is for the transport to say.
  if (!/^e?pgm:\/\/./.test(endpoint)) parseEndpoint(flag, endpoint);
  return text;
}

/** `KEY=value`; the value may be empty and may hold further equals signs. */
export function parseAssignment(flag: string, text: string): readonly [key: string, value: string] {
  const equals = text.indexOf('=');
  if (equals < 1) refuse(flag, 'KEY=value', text);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

/** Whether something is so, in a variable. */
export function parseSwitch(flag: string, text: string): boolean {
  const word = text.toLowerCase();
  if (['true', '1', 'yes', 'on'].includes(word)) return true;
  if (['false', '0', 'no', 'off'].includes(word)) return false;
  return refuse(flag, 'true or false', text);
}

/** One word of a short list. */
export function parseChoice<T extends string>(
  flag: string,
  text: string,
  choices: readonly T[],
): T {
  const choice = choices.find((candidate) => candidate === text);
  if (choice !== undefined) return choice;
  throw new UsageError(`${flag} takes one of ${choices.join(', ')}; got "${text}".`, { choices });
}

function guessEndpoint(text: string): string {
  if (/^\d+$/.test(text)) return `Did you mean tcp://127.0.0.1:${text}?`;
  if (/^[^/]+:(\d+|\*)$/.test(text)) return `Did you mean tcp://${text}?`;
  if (text.startsWith('/')) return `Did you mean ipc://${text}?`;
  return '';
}

/** "1.5s" gives [1.5, 's'], "x" gives [undefined, 'x']. */
function splitQuantity(text: string): [amount: number | undefined, unit: string] {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)([a-z]*)$/.exec(text) ?? [];
  return digits === undefined ? [undefined, text] : [Number(digits), unit ?? ''];
}

function wholeNumber(text: string, least: number): number | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) && value >= least ? value : undefined;
}

function refuse(flag: string, expected: string, text: string, advice = ''): never {
  throw new UsageError(`${flag} takes ${expected}; got "${text}".${advice && ` ${advice}`}`);
}

function shortest(least: number): string {
  return `The shortest is ${least}ms; off means no limit.`;
}
