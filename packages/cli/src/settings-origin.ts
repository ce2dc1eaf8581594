/**
 * Which value of a setting counts, and where it came from.
 *
 *     flag  >  flag in ZSCALE_ARGS  >  variable  >  config file  >  default
 *
 * Owns that order. Takes values that are read already; looks at no file and no environment.
 */
import { attributeOf, flagOf, type Host, type Setting, settingsOf } from './settings.ts';

/** Where a value came from. */
export type Origin =
  | { readonly from: 'flag'; readonly flag: string }
  | { readonly from: 'variable'; readonly variable: string }
  | { readonly from: 'file'; readonly file: string }
  | { readonly from: 'default' };

/** What one source says. */
export interface Level {
  readonly origin: (setting: Setting) => Origin;
  /** By key of the setting. Only what it does say. */
  readonly values: ReadonlyMap<string, unknown>;
}

/** One setting as it counts. */
export interface Settled {
  readonly setting: Setting;
  /** Undefined: the default, which is applied where it is used. */
  readonly value: unknown;
  readonly origin: Origin;
  /** How far up the source stands, 0 for the highest; Infinity for the default. */
  readonly rank: number;
  /** Of a value that is made of several sources, where each name came from. */
  readonly parts: ReadonlyMap<string, Origin>;
}

/** The settings of one command as they count, by key. */
export type Settlement = ReadonlyMap<string, Settled>;

const NO_PARTS: ReadonlyMap<string, Origin> = new Map();

/** @param levels - the highest first */
export function settle(host: Host, levels: readonly Level[]): Settlement {
  return new Map(
    settingsOf(host).map((setting) => [setting.key, settleOne(setting, levels)] as const),
  );
}

function settleOne(setting: Setting, levels: readonly Level[]): Settled {
  if (setting.kind.merges === true) return mergeOne(setting, levels);
  const rank = levels.findIndex(({ values }) => values.get(setting.key) !== undefined);
  const level = levels[rank];
  if (level === undefined) return settledByDefault(setting);
  return {
    setting,
    value: level.values.get(setting.key),
    origin: level.origin(setting),
    rank,
    parts: NO_PARTS,
  };
}

/** What is higher replaces what is lower name by name, so that one flag does not undo a whole file. */
function mergeOne(setting: Setting, levels: readonly Level[]): Settled {
  const merged: Record<string, unknown> = {};
  const parts = new Map<string, Origin>();
  let highest: { origin: Origin; rank: number } | undefined;
  for (const [rank, level] of levels.entries()) {
    const value = level.values.get(setting.key);
    if (value === undefined) continue;
    const origin = level.origin(setting);
    highest ??= { origin, rank };
    for (const [name, part] of Object.entries(Object(value))) {
      if (parts.has(name)) continue;
      merged[name] = part;
      parts.set(name, origin);
    }
  }
  if (highest === undefined) return settledByDefault(setting);
  return { setting, value: merged, ...highest, parts };
}

function settledByDefault(setting: Setting): Settled {
  return {
    setting,
    value: undefined,
    origin: { from: 'default' },
    rank: Number.POSITIVE_INFINITY,
    parts: NO_PARTS,
  };
}

/**
 * The level of a command line.
 *
 * @param flags - by the names that commander has for them
 * @param words - arguments that are settings, by key
 * @param variable - the variable that holds the command line; undefined for the real one
 */
export function levelOfFlags(
  host: Host,
  flags: Readonly<Record<string, unknown>>,
  words: Readonly<Record<string, unknown>> = {},
  variable?: string,
): Level {
  const given = settingsOf(host).flatMap((setting) => {
    const attribute = attributeOf(setting);
    const value = attribute === undefined ? words[setting.key] : flags[attribute];
    return value === undefined ? [] : [[setting.key, value] as const];
  });
  return {
    origin: (setting) =>
      variable === undefined
        ? { from: 'flag', flag: flagOf(setting) ?? 'argument' }
        : { from: 'variable', variable },
    values: spread(new Map(given)),
  };
}

/** `--max-restarts 5/60s` says two settings; one that says the second alone comes first. */
export function spread(values: ReadonlyMap<string, unknown>): ReadonlyMap<string, unknown> {
  const restarts = values.get('maxRestarts');
  if (typeof restarts !== 'object' || restarts === null) return values;
  return new Map<string, unknown>([...Object.entries(restarts), ...values].filter(isNotRestarts));
}

function isNotRestarts([key, value]: readonly [string, unknown]): boolean {
  return key !== 'maxRestarts' || typeof value !== 'object';
}

/** An origin in words: `--workers`, `ZSCALE_WORKERS`, the path of a file, `default`. */
export function describeOrigin(origin: Origin): string {
  switch (origin.from) {
    case 'flag':
      return origin.flag;
    case 'variable':
      return origin.variable;
    case 'file':
      return origin.file;
    case 'default':
      return 'default';
  }
}
