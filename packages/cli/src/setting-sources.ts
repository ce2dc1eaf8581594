/**
 * Asks everything that may say a setting beside the command line: the environment, and the config file that counts.
 */
import { readFlags } from './args.ts';
import { findConfigFile, loadConfigFile } from './config-file.ts';
import {
  ARGS_VARIABLE,
  configOfVariable,
  type Environment,
  mistypedVariables,
  wordsOfVariable,
} from './setting-variables.ts';
import { NO_SOURCES, type Sources, type Typed, typedSettingsOf } from './settled-invocation.ts';

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
  const flags = readFlags(settings.command, wordsOfVariable(environment), ARGS_VARIABLE);
  const named = settings.flags.config ?? flags.config ?? configOfVariable(environment);
  const path = findConfigFile(named === undefined ? undefined : String(named), folder);
  const file = path === undefined ? undefined : await loadConfigFile(path, folder);
  return {
    sources: { environment, flags, file },
    warnings: [...mistypedVariables(environment), ...(file?.warnings ?? [])],
  };
}
