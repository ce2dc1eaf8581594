/**
 * Asks everything that may say a setting beside the command line: the environment, and the config file that counts.
 */
import { readFlags } from './args.ts';
import {
  type ConfigFile,
  findConfigFile,
  loadConfigFile,
  loadEcosystemFile,
} from './config-file.ts';
import { isEcosystemFile } from './ecosystem-file.ts';
import { UsageError } from './failure.ts';
import {
  ARGS_VARIABLE,
  configOfVariable,
  type Environment,
  mistypedVariables,
  wordsOfVariable,
} from './setting-variables.ts';
import type { Settlement } from './settings-origin.ts';
import {
  NO_SOURCES,
  type Sources,
  settleSettings,
  type Typed,
  type TypedSettings,
  typedSettingsOf,
} from './settled-invocation.ts';

/** What the sources say, and what whoever wrote them should hear. */
export interface Gathered {
  readonly sources: Sources;
  /** A line each. */
  readonly warnings: readonly string[];
}

/**
 * Reads all of them, each time anew. For a command without settings there is nothing to ask.
 *
 * @throws UsageError for what makes no sense, and as `loadConfigFile`
 */
export async function gatherSources(
  typed: Typed,
  environment: Environment,
  folder: string,
): Promise<Gathered> {
  const settings = typedSettingsOf(typed);
  if (settings === undefined) return { sources: NO_SOURCES, warnings: [] };
  const words = wordsOfVariable(environment);
  const flags = words.length === 0 ? {} : readFlags(settings.command, words, ARGS_VARIABLE);
  const named = settings.flags.config ?? flags.config ?? configOfVariable(environment);
  const file = await loadFile(settings, named === undefined ? undefined : String(named), folder);
  return {
    sources: { environment, flags, file },
    warnings: [...mistypedVariables(environment), ...(file?.warnings ?? [])],
  };
}

/**
 * What the config file of a folder says of `zscale run`, and it alone: for files that are written here and read where the environment
 * is another one.
 *
 * @throws as {@link gatherSources}
 */
export async function settledByFile(folder: string): Promise<Settlement> {
  const run = { command: 'run', entry: undefined, args: [], flags: {} } as const;
  return settleSettings(run, (await gatherSources(run, {}, folder)).sources);
}

/** The config file, or what stands in its place: a file of PM2 that is to be run. */
async function loadFile(
  settings: TypedSettings,
  named: string | undefined,
  folder: string,
): Promise<ConfigFile | undefined> {
  const entry = settings.command === 'run' ? settings.entry : undefined;
  if (entry !== undefined && isEcosystemFile(entry)) {
    if (named !== undefined) {
      throw new UsageError(`${entry} stands in the place of a config file: leave ${named} out.`);
    }
    const { name } = settings.flags;
    return loadEcosystemFile(entry, folder, typeof name === 'string' ? name : undefined);
  }
  const path = findConfigFile(named, folder);
  return path === undefined ? undefined : loadConfigFile(path, folder);
}
