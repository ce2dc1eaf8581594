/**
 * The kinds of settings: how the text behind a flag or in a variable is read, and what a config file may hold.
 *
 * Data and pure functions. Each kind reads text by the parsers of flag-values.ts, so a value is refused with the same words
 * wherever it comes from; `name` is then the flag, the variable, or the key of a file.
 */
import type { PoolOptions } from '@zscale/core';
import { UsageError } from './failure.ts';
import {
  parseAssignment,
  parseChoice,
  parseCount,
  parseDuration,
  parseLimit,
  parsePool,
  parsePort,
  parseRange,
  parseRestartLimit,
  parseRetries,
  parseSize,
  parseSwitch,
  parseWorkers,
} from './flag-values.ts';

/** What a value in a config file looks like. */
export type Shape =
  | { readonly type: 'boolean' }
  | { readonly type: 'text' }
  /** A number, or text as behind the flag. */
  | { readonly type: 'quantity' }
  | { readonly type: 'choice'; readonly choices: readonly string[] }
  /** One text, or a list of them. */
  | { readonly type: 'list' }
  /** Names with their values. */
  | { readonly type: 'assignments' }
  | { readonly type: 'pools' }
  /** Text as behind the flag, or `{ min, max }`. */
  | { readonly type: 'range' }
  /** Text, or `false` for none. */
  | { readonly type: 'text-or-false' }
  /** Only a file that is a program can hold one. */
  | { readonly type: 'function' };

/** How values of one kind are read. */
export interface Kind {
  readonly shape: Shape;
  /**
   * Reads one text.
   *
   * @param before - what the same flag, given before, came to; undefined the first time
   * @throws UsageError of one line that begins with `name`
   */
  readonly parse: (name: string, text: string, before: unknown) => unknown;
  /** What separates several of them in one variable; undefined where there is only one. */
  readonly separator?: RegExp;
  /** Whether the text names a file or a folder, which in a config file is meant from where that stands. */
  readonly isPath?: true;
  /** Whether a number in a config file is read as text is; else it is the value. */
  readonly readsNumbers?: true;
  /** A number as it would be written; where that is missing, as digits. */
  readonly show?: (value: number) => string;
  /** Whether the value of a higher source is added to that of a lower one, name by name. */
  readonly merges?: true;
}

const LIST_SEPARATOR = /\s*,\s*/;

/** Text as it is. */
export const TEXT: Kind = { shape: { type: 'text' }, parse: (_name, text) => text };

/** The path of a file or a folder. */
export const PATH: Kind = { ...TEXT, isPath: true };

/** A user or a group: a name, or a number. */
export const ACCOUNT: Kind = { ...TEXT, shape: { type: 'quantity' } };

/** True where the flag is there. */
export const SWITCH: Kind = { shape: { type: 'boolean' }, parse: parseSwitch };

/** A size in bytes, or off. */
export const SIZE: Kind = { shape: { type: 'quantity' }, parse: parseSize, show: showSize };

/** A whole number from 0, or off. */
export const LIMIT: Kind = { shape: { type: 'quantity' }, parse: parseLimit };

/** A whole number from 0. */
export const RETRIES: Kind = { shape: { type: 'quantity' }, parse: parseRetries };

/** A whole number, or auto. */
export const WORKERS: Kind = { shape: { type: 'quantity' }, parse: parseWorkers };

/** Restarts, perhaps with the time that they are counted over. */
export const RESTARTS: Kind = { shape: { type: 'quantity' }, parse: parseRestartLimit };

/** A port for HTTP. */
export const PORT: Kind = {
  shape: { type: 'quantity' },
  parse: (name, text) => parsePort(name, text),
  readsNumbers: true,
};

/** From so many to so many. */
export const RANGE: Kind = { shape: { type: 'range' }, parse: parseRange };

/** A path, or off. */
export const PATH_OR_OFF: Kind = {
  shape: { type: 'text-or-false' },
  parse: (_name, text) => (text === 'off' ? false : text),
  isPath: true,
};

/** Code, which no text can be. */
export const FUNCTION: Kind = {
  shape: { type: 'function' },
  parse: (name) => {
    throw new UsageError(`${name} takes a function, which only a config file can hold.`);
  },
};

/** Words, as a shell separates them without quotes. */
export const WORDS: Kind = {
  shape: { type: 'list' },
  parse: (_name, text, before) => [...listOf(before), ...text.split(/\s+/).filter(Boolean)],
};

/** Environment variables. */
export const ASSIGNMENTS: Kind = {
  shape: { type: 'assignments' },
  parse: (name, text, before) => {
    const [key, value] = parseAssignment(name, text);
    return { ...recordOf(before), [key]: value };
  },
  separator: LIST_SEPARATOR,
  merges: true,
};

/** Pools of workers. One that is named again gets one more pattern. */
export const POOLS: Kind = {
  shape: { type: 'pools' },
  parse: gatherPool,
  separator: LIST_SEPARATOR,
};

/** A duration in ms, or off, from `least` ms. */
export function duration(least = 1): Kind {
  return {
    shape: { type: 'quantity' },
    parse: (name, text) => parseDuration(name, text, { least }),
    show: showDuration,
  };
}

/** A whole number from `least`. */
export function count(least = 1): Kind {
  return { shape: { type: 'quantity' }, parse: (name, text) => parseCount(name, text, { least }) };
}

/** One of a few words. */
export function choice(choices: readonly string[]): Kind {
  return {
    shape: { type: 'choice', choices },
    parse: (name, text) => parseChoice(name, text, choices),
  };
}

/** Text that `parse` has to accept. */
export function text(parse: (name: string, text: string) => unknown): Kind {
  return { shape: { type: 'text' }, parse: (name, given) => parse(name, given) };
}

/** Several of them: the flag may be repeated. */
export function list(item: Kind = TEXT): Kind {
  return {
    shape: { type: 'list' },
    parse: (name, given, before) => [...listOf(before), item.parse(name, given, undefined)],
    separator: LIST_SEPARATOR,
    ...(item.isPath === true && { isPath: true }),
  };
}

/** In the largest unit that leaves a whole number. */
function showDuration(ms: number): string {
  if (ms === 0) return '0s';
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000}h`;
  if (ms % 60_000 === 0 && ms > 60_000) return `${ms / 60_000}m`;
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

function showSize(bytes: number): string {
  const power = [3, 2, 1].find((n) => bytes > 0 && bytes % 1024 ** n === 0) ?? 0;
  return `${bytes / 1024 ** power}${['b', 'kb', 'mb', 'gb'][power]}`;
}

function gatherPool(name: string, text: string, before: unknown): unknown {
  const gathered = recordOf(before) as Readonly<Record<string, PoolOptions>>; // made here
  const { name: pool, workers, route } = parsePool(name, text);
  const same = Object.hasOwn(gathered, pool) ? gathered[pool] : undefined;
  if (same !== undefined && same.workers !== workers) {
    throw new UsageError(
      `${name} ${pool} has ${same.workers} workers and ${workers}: give it the same number each time.`,
    );
  }
  return { ...gathered, [pool]: { workers, routes: [...(same?.routes ?? []), route] } };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
