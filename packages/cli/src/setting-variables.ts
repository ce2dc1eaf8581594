/**
 * Settings in the environment: `ZSCALE_MAX_QUEUE=500`, and whole command lines in `ZSCALE_ARGS`.
 *
 * Reads text into values and warns of names that look mistyped. Variables that zscale gives its workers are none of these, and in
 * a worker nothing is read: what is there was meant for the zscale that started it.
 */
import { nearestName } from '@zscale/core';
import { UsageError } from './failure.ts';
import { type Host, SETTINGS, type Setting, settingsOf, variableOf } from './settings.ts';
import { type Level, spread } from './settings-origin.ts';

/** The environment of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Flags that come before those of the command line. */
export const ARGS_VARIABLE = 'ZSCALE_ARGS';
/** The config file, where no flag names one. */
export const CONFIG_VARIABLE = 'ZSCALE_CONFIG';

/** What workers and programs are told by zscale, and what others of its programs read. */
const NOT_SETTINGS: ReadonlySet<string> = new Set([
  'ZSCALE',
  'ZSCALE_BACKEND',
  'ZSCALE_NODE',
  'ZSCALE_OUTPUT',
  'ZSCALE_OWN_ADDRESS',
  'ZSCALE_POOL',
  'ZSCALE_REPORT_FD',
  'ZSCALE_SERVICE',
  'ZSCALE_WORKER',
  'ZSCALE_WORKER_ID',
]);

/** What it looks like when zscale is started by a worker. */
const IN_WORKER = 'ZSCALE_WORKER_ID';

/**
 * What the environment says.
 *
 * @throws UsageError that names the variable, what it takes, and what came
 */
export function levelOfVariables(host: Host, environment: Environment): Level {
  const values = new Map<string, unknown>();
  const variables = new Map<string, string>();
  for (const setting of isWorker(environment) ? [] : settingsOf(host)) {
    const variable = variablesOf(setting).find((name) => (environment[name] ?? '') !== '');
    if (variable === undefined) continue;
    values.set(setting.key, readText(setting, variable, environment[variable] ?? ''));
    variables.set(setting.key, variable);
  }
  return {
    origin: ({ key }) => ({
      from: 'variable',
      variable: variables.get(key) ?? variables.get('maxRestarts') ?? '',
    }),
    values: spread(values),
  };
}

/** Its own variable, and those of others that mean the same. */
export function variablesOf(setting: Setting): readonly string[] {
  const own = variableOf(setting);
  return [...(own === undefined ? [] : [own]), ...(setting.alsoVariables ?? [])];
}

/** One text that may hold several values. @throws UsageError that begins with `name` */
export function readText({ kind }: Setting, name: string, text: string): unknown {
  const pieces = kind.separator === undefined ? [text] : text.split(kind.separator);
  let value: unknown;
  for (const piece of pieces) value = kind.parse(name, piece, value);
  return value;
}

/** The words of `ZSCALE_ARGS`; none in a worker. @throws UsageError for a quote that is not closed */
export function wordsOfVariable(environment: Environment): readonly string[] {
  const text = environment[ARGS_VARIABLE] ?? '';
  return isWorker(environment) ? [] : splitWords(text);
}

/** The config file that a variable names; undefined in a worker. */
export function configOfVariable(environment: Environment): string | undefined {
  return isWorker(environment) ? undefined : environment[CONFIG_VARIABLE] || undefined;
}

/** A line for each variable that nobody reads and whose name is nearly that of a setting. */
export function mistypedVariables(environment: Environment): readonly string[] {
  if (isWorker(environment)) return [];
  const known = [...SETTINGS.flatMap(variablesOf), ARGS_VARIABLE, CONFIG_VARIABLE];
  return Object.keys(environment).flatMap((name) => {
    if (!name.startsWith('ZSCALE_') || known.includes(name) || NOT_SETTINGS.has(name)) return [];
    const nearest = nearestName(name, known, { mostDifferent: 2 });
    return nearest === undefined
      ? []
      : [`the variable ${name} is no setting and changes nothing. Did you mean ${nearest}?`];
  });
}

function isWorker(environment: Environment): boolean {
  return environment[IN_WORKER] !== undefined;
}

/** As a shell splits them: blanks separate, quotes hold together, a backslash takes away a meaning. */
function splitWords(text: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let rest = text;
  while (rest !== '') {
    const [found = '', single, double, escaped] =
      /^(?:'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|\s+|[^\s'"\\]+)/s.exec(rest) ?? [];
    if (found === '') {
      throw new UsageError(
        `${ARGS_VARIABLE} takes flags as in a shell; a quote is open in: ${text}`,
      );
    }
    rest = rest.slice(found.length);
    if (/^\s/.test(found)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + (single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? escaped ?? found);
    }
  }
  return word === undefined ? words : [...words, word];
}
