/**
 * Config files: which one counts, how it is loaded, and what it says.
 *
 *     --config FILE, ZSCALE_CONFIG
 *     zscale.config.ts, .mts, .js, .mjs, .cjs, .json in the working directory
 *     "zscale" in package.json there
 *
 * A file that is a program exports its settings as `default`. It is loaded in this process as handlers are in theirs, TypeScript
 * included. Paths in it are meant from the folder that it stands in.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadModule, ZscaleError } from '@zscale/core';
import { translateEcosystem } from './ecosystem-file.ts';
import { UsageError } from './failure.ts';
import type { Kind } from './setting-kinds.ts';
import { SETTINGS, type Setting, valueAt } from './settings.ts';
import { type Level, spread } from './settings-origin.ts';

/** Names that are looked for, in this order. */
const NAMES: readonly string[] = ['ts', 'mts', 'js', 'mjs', 'cjs', 'json'].map(
  (extension) => `zscale.config.${extension}`,
);
const MANIFEST = 'package.json';
/** The key of a package.json that holds settings. */
const MANIFEST_KEY = 'zscale';

/** What a config file said when it was read. */
export interface ConfigFile {
  /** Its path, from the working directory where it is below that. */
  readonly file: string;
  readonly level: Level;
  /** What its reader should hear, a line each. */
  readonly warnings: readonly string[];
}

/**
 * The path of the config file that counts; undefined where there is none.
 *
 * @param named - the one that somebody asked for
 * @throws UsageError when that is not there
 */
export function findConfigFile(named: string | undefined, folder: string): string | undefined {
  if (named !== undefined) {
    const file = path.resolve(folder, named);
    if (existsSync(file)) return file;
    throw new UsageError(`there is no config file ${file}. Correct --config (ZSCALE_CONFIG).`);
  }
  const found = NAMES.map((name) => path.join(folder, name)).find((file) => existsSync(file));
  if (found !== undefined) return found;
  const manifest = path.join(folder, MANIFEST);
  return manifestSettings(manifest) === undefined ? undefined : manifest;
}

/**
 * Loads a config file and checks it, each time anew.
 *
 * @throws UsageError when it says what makes no sense, a line for each fault; ZscaleError `ZSCALE_ERR_LOAD` when it cannot be
 *   loaded
 */
export async function loadConfigFile(file: string, folder: string): Promise<ConfigFile> {
  const name = nameFrom(file, folder);
  const config = await contentsOf(file, name);
  await refuseFaults(config, name);
  return {
    file: name,
    level: levelOfConfig(config, name, path.dirname(file), folder),
    warnings: warningsOf(file, folder),
  };
}

/**
 * Loads a file of PM2 in place of a config file.
 *
 * @param app - which of its applications; undefined for the only one
 * @throws as `loadConfigFile`
 */
export async function loadEcosystemFile(
  given: string,
  folder: string,
  app: string | undefined,
): Promise<ConfigFile> {
  const file = path.resolve(folder, given);
  const name = nameFrom(file, folder);
  const {
    config,
    folder: place = '.',
    ignored,
  } = translateEcosystem(await contentsOf(file, name), app);
  await refuseFaults(config, name);
  const from = path.resolve(path.dirname(file), place);
  return {
    file: name,
    level: levelOfConfig(config, name, from, folder),
    warnings:
      ignored.length === 0 ? [] : [`${name}: not understood, and left out: ${ignored.join(', ')}.`],
  };
}

async function refuseFaults(config: unknown, name: string): Promise<void> {
  const { faultsOf } = await import('./config-schema.ts'); // zod takes its time to load
  const faults = faultsOf(config);
  if (faults.length === 0) return;
  throw new UsageError(faults.map((fault) => `${name}: ${fault}`).join('\n'));
}

/** The level of settings that have the right shape. @throws UsageError for text that makes no sense */
export function levelOfConfig(config: unknown, name: string, from: string, folder: string): Level {
  const values = new Map<string, unknown>();
  for (const setting of SETTINGS) {
    const value = valueAt(config, setting.key);
    if (value === undefined) continue;
    const read = readValue(setting, `${name}: ${setting.key}`, value);
    values.set(setting.key, from === folder ? read : fromFolder(setting.kind, read, from));
  }
  return { origin: () => ({ from: 'file', file: name }), values: spread(values) };
}

/** A path as people would write it who are in that folder. */
function nameFrom(file: string, folder: string): string {
  const relative = path.relative(folder, file);
  return relative.startsWith('..') ? file : relative;
}

function readValue({ kind }: Setting, name: string, value: unknown): unknown {
  if (kind.shape.type === 'list' && Array.isArray(value)) {
    let list: unknown;
    for (const item of value) list = kind.parse(name, String(item), list);
    return list ?? [];
  }
  if (typeof value === 'string') return kind.parse(name, value, undefined);
  if (typeof value === 'number' && kind.readsNumbers)
    return kind.parse(name, String(value), undefined);
  return value;
}

/** Where `-` is standard output, and not a file. */
function fromFolder(kind: Kind, value: unknown, from: string): unknown {
  if (kind.isPath !== true) return value;
  if (Array.isArray(value)) return value.map((item) => fromFolder(kind, item, from));
  return typeof value === 'string' && value !== '-' ? path.resolve(from, value) : value;
}

async function contentsOf(file: string, name: string): Promise<unknown> {
  if (path.basename(file) === MANIFEST) return manifestSettings(file);
  if (file.endsWith('.json')) return parseJson(file);
  delete createRequire(import.meta.url).cache[file]; // one of CommonJS would come from there
  const url = pathToFileURL(file);
  url.searchParams.set('read', String(performance.now())); // an ES module is loaded once for each URL
  const exported = await loadModule(url.href);
  const config: unknown = Reflect.get(exported, 'default');
  // What compilers make of an `export default` in CommonJS.
  const inner: unknown =
    typeof config === 'object' && config !== null ? Reflect.get(config, 'default') : undefined;
  if (config === undefined) {
    throw new UsageError(
      `${name}: there is no default export. Write: export default defineConfig({ ... })`,
    );
  }
  return await (inner ?? config);
}

function manifestSettings(file: string): unknown {
  if (!existsSync(file)) return undefined;
  const manifest = parseJson(file);
  return valueAt(manifest, MANIFEST_KEY);
}

function parseJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ZscaleError('ZSCALE_ERR_LOAD', `${file} could not be loaded: ${why}`, {
      cause: error,
    });
  }
}

function warningsOf(file: string, folder: string): readonly string[] {
  const others = NAMES.filter((name) => existsSync(path.join(folder, name))).filter(
    (name) => path.join(folder, name) !== file,
  );
  const isOne = NAMES.includes(path.basename(file)) && path.dirname(file) === folder;
  if (!isOne || others.length === 0) return [];
  return [`${path.basename(file)} is read, and not ${others.join(', ')} beside it.`];
}
