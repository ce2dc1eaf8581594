/**
 * PM2's `ecosystem.config.js`, as far as it is simple: one application, started as `zscale run ecosystem.config.js`.
 *
 * Turns what such a file says into settings of ours, and names what it does not understand.
 */
import path from 'node:path';
import { UsageError } from './failure.ts';
import { valueAt } from './settings.ts';

/** What an application of PM2 is as a config file of ours. */
export interface Translated {
  /** As a config file would hold it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Where it is to be started; undefined for the folder of the file. */
  readonly folder: string | undefined;
  /** Keys that mean nothing here. */
  readonly ignored: readonly string[];
}

/** Whether this is a file of PM2, by its name. */
export function isEcosystemFile(file: string): boolean {
  return /^ecosystem\.config\.c?js$/.test(path.basename(file));
}

/**
 * Translates one application.
 *
 * @param exported - what the file exports
 * @param name - which application, where there are several; undefined for the only one
 * @throws UsageError when it is not said which one, or when it has no script
 */
export function translateEcosystem(exported: unknown, name: string | undefined): Translated {
  const app = chooseApp(exported, name);
  const { script } = app;
  if (typeof script !== 'string' || script === '') {
    throw new UsageError(
      'the application in the ecosystem file has no script, which is the file to run.',
    );
  }
  const config: Record<string, unknown> = {};
  const ignored: string[] = [];
  for (const [key, value] of Object.entries(app)) {
    const translate = Object.hasOwn(TRANSLATIONS, key) ? TRANSLATIONS[key] : undefined;
    const settings = value === undefined || translate === undefined ? undefined : translate(value);
    if (settings === undefined) ignored.push(key);
    else Object.assign(config, settings);
  }
  const { cwd } = app;
  return { config, folder: typeof cwd === 'string' ? cwd : undefined, ignored };
}

type Translate = (value: unknown) => Readonly<Record<string, unknown>> | undefined;

/** What each key means here; undefined for a value that means nothing. */
const TRANSLATIONS: Readonly<Record<string, Translate>> = {
  name: (value) => ({ name: String(value).replaceAll(/[^\w.-]/g, '-') }),
  script: (value) => ({ entry: value }),
  args: (value) => ({ args: wordsOf(value) }),
  instances: translateInstances,
  // Workers are always processes that share one address.
  exec_mode: () => ({}),
  env: (value) => ({ env: textsOf(value) }),
  // Paths of the file are meant from there, and so is this one.
  cwd: (value) => (typeof value === 'string' ? { cwd: '.' } : undefined),
  user: (value) => accountOf('user', value),
  uid: (value) => accountOf('user', value),
  gid: (value) => accountOf('group', value),
  interpreter: (value) =>
    value === 'node' ? {} : /python/.test(String(value)) ? { python: value } : undefined,
  node_args: (value) => ({ execArgv: wordsOf(value) }),
  interpreter_args: (value) => ({ execArgv: wordsOf(value) }),
  max_memory_restart: translateMemory,
  kill_timeout: (value) => durationOf('gracefulTimeout', value),
  listen_timeout: (value) => durationOf('startTimeout', value),
  max_restarts: (value) => (typeof value === 'number' ? { maxRestarts: value } : undefined),
  watch: (value) =>
    typeof value === 'boolean' ? { watch: value } : { watchPaths: wordsOf(value) },
};

function chooseApp(exported: unknown, name: string | undefined): Readonly<Record<string, unknown>> {
  const apps = valueAt(exported, 'apps') ?? exported;
  const list: readonly unknown[] = Array.isArray(apps) ? apps : [apps];
  const names = list.map((app) => String(valueAt(app, 'name')));
  const chosen = name === undefined ? list : list.filter((_, i) => names[i] === name);
  const [app] = chosen;
  if (chosen.length !== 1 || typeof app !== 'object' || app === null) {
    throw new UsageError(
      `the ecosystem file has ${list.length} applications (${names.join(', ')}); say which one with --name <name>.`,
    );
  }
  return { ...app };
}

/** `max` and 0 are all CPUs, and so for us; -1 is one fewer, which nobody knows before it runs. */
function translateInstances(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (value === 'max' || Number(value) === 0) return { workers: 'auto' };
  const count = Number(value);
  return Number.isInteger(count) && count > 0 ? { workers: count } : undefined;
}

/** `200M`, `1G`, `512K`, or bytes. */
function translateMemory(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value === 'number') return { maxMemory: value };
  const [, amount, unit] = /^(\d+)\s*([KMG])B?$/i.exec(String(value)) ?? [];
  return amount === undefined ? undefined : { maxMemory: `${amount}${unit?.toLowerCase()}b` };
}

/** Milliseconds, or text such as `5s`. */
function durationOf(key: string, value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'number' || typeof value === 'string' ? { [key]: value } : undefined;
}

/** A name or a number. */
function accountOf(key: string, value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'number' || typeof value === 'string'
    ? { [key]: String(value) }
    : undefined;
}

function wordsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : String(value).split(/\s+/).filter(Boolean);
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(Object(value)).map(([key, text]) => [key, String(text)]),
  );
}
