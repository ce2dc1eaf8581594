/**
 * From a command line and all other sources of settings to what is to be done.
 *
 * Owns what settings of several keys mean together: where a service listens, what it runs, which keys need which. What is not said
 * anywhere is left out, so that core keeps the defaults.
 */
import { faultOfOption, type JoinOptions, type LogLevel, type ScaleOptions } from '@zscale/core';
import type { ConfigFile } from './config-file.ts';
import { isEcosystemFile } from './ecosystem-file.ts';
import { UsageError } from './failure.ts';
import { parseNamedEndpoint } from './flag-values.ts';
import type {
  CheckInvocation,
  ConfigInvocation,
  Invocation,
  JoinInvocation,
  RunInvocation,
} from './invocation.ts';
import { ARGS_VARIABLE, type Environment, levelOfVariables } from './setting-variables.ts';
import type { Host, LogFormat } from './settings.ts';
import {
  describeOrigin,
  type Level,
  levelOfFlags,
  type Settled,
  type Settlement,
  settle,
} from './settings-origin.ts';

/** Flags by the names that commander has for them. */
export type Flags = Readonly<Record<string, unknown>>;

/** A command line with settings, as it was typed. */
export type TypedSettings =
  | {
      readonly command: 'run';
      readonly entry: string | undefined;
      readonly args: readonly string[];
      readonly flags: Flags;
    }
  | { readonly command: 'join'; readonly words: readonly string[]; readonly flags: Flags };

/** A command line as it was typed: its settings may be said elsewhere, too. */
export type Typed =
  | Exclude<Invocation, RunInvocation | JoinInvocation | ConfigInvocation | CheckInvocation>
  | TypedSettings
  | { readonly command: 'check'; readonly json: boolean; readonly run: TypedSettings }
  | {
      readonly command: 'config';
      readonly form: ConfigInvocation['form'];
      readonly json: boolean;
      /** The command line that it is asked about. */
      readonly run: TypedSettings;
    };

/** What says something beside the command line. */
export interface Sources {
  /** Of this process. */
  readonly environment: Environment;
  /** Flags out of a variable. */
  readonly flags: Flags;
  readonly file: ConfigFile | undefined;
}

/** Nothing says anything. */
export const NO_SOURCES: Sources = { environment: {}, flags: {}, file: undefined };

/** @throws UsageError when something is missing, or one source says what cannot be */
export function settleCommandLine(typed: Typed, sources: Sources): Invocation {
  switch (typed.command) {
    case 'run':
      return runOf(settleSettings(typed, sources), sources.file);
    case 'join':
      return joinOf(settleSettings(typed, sources), sources.file);
    case 'check': {
      const { command, json, run } = typed;
      return { command, json, run: runOf(settleSettings(run, sources), sources.file) };
    }
    case 'config': {
      const { command, form, json, run } = typed;
      return { command, form, json, settlement: settleSettings(run, sources) };
    }
    default:
      return typed;
  }
}

/** The settings of a command line; undefined where a command has none. */
export function typedSettingsOf(typed: Typed): TypedSettings | undefined {
  switch (typed.command) {
    case 'run':
    case 'join':
      return typed;
    case 'check':
      return typed.run;
    case 'config':
      return typed.form === 'schema' ? undefined : typed.run;
    default:
      return undefined;
  }
}

/** Which values count. @throws UsageError for a value that cannot be, with where it came from */
export function settleSettings(typed: TypedSettings, sources: Sources): Settlement {
  const { environment, flags, file } = sources;
  const host: Host = typed.command;
  const levels: Level[] = [
    levelOfFlags(
      host,
      typed.flags,
      typed.command === 'run' ? wordsOfRun(typed) : wordsOfJoin(typed.words),
    ),
    levelOfFlags(host, flags, {}, ARGS_VARIABLE),
    levelOfVariables(host, environment),
    ...(file === undefined ? [] : [file.level]),
  ];
  const settlement = settle(host, levels);
  for (const settled of settlement.values()) refuseFault(settled);
  return settlement;
}

function wordsOfRun({ entry, args }: Extract<TypedSettings, { command: 'run' }>): Flags {
  const isFile = entry !== undefined && !isEcosystemFile(entry); // else it says which file
  return { ...(isFile && { entry }), ...(args.length > 0 && { args }) };
}

/** The last word is the file, unless it looks like an endpoint. */
function wordsOfJoin(words: readonly string[]): Flags {
  const last = words.at(-1);
  const hasEntry = last !== undefined && !looksLikeEndpoint(last);
  const connect = (hasEntry ? words.slice(0, -1) : words).map((word) =>
    parseNamedEndpoint('join', word),
  );
  return { ...(hasEntry && { entry: last }), ...(connect.length > 0 && { connect }) };
}

function looksLikeEndpoint(word: string): boolean {
  return /^[a-z]+:\/\/|^(dns|srv):/.test(word);
}

/** Flags are refused by core, under the name of the option; elsewhere a name alone does not say where to look. */
function refuseFault({ setting, value, origin }: Settled): void {
  if (value === undefined || origin.from === 'flag' || setting.isOfCommand === true) return;
  const fault = faultOfOption(setting.key, value);
  if (fault !== undefined) throw new UsageError(`${describeOrigin(origin)}: ${fault}`);
}

function runOf(settlement: Settlement, file: ConfigFile | undefined): RunInvocation {
  const entry = settlement.get('entry');
  const exec = settlement.get('exec');
  // One in a higher place stands for the other in a lower one.
  const isExec = exec?.value !== undefined && exec.rank <= (entry?.rank ?? exec.rank);
  const run = isExec ? exec.value : entry?.value;
  if (typeof run !== 'string' || run === '') {
    throw new UsageError(
      'the file to run is missing, as in: zscale server.ts. See "zscale --help".',
    );
  }
  const { curve, ...options } = optionsOf(settlement);
  const { allow, allowWorkers, keyFile } = Object(curve);
  if (keyFile === undefined && (allow ?? allowWorkers) !== undefined) {
    const given = allow === undefined ? '--curve-allow-workers' : '--curve-allow';
    throw new UsageError(
      `${given} needs the service's own keys too: --curve-key <file>. "zscale keygen" makes them.`,
    );
  }
  const bind = placesOf(settlement);
  const all = {
    ...options,
    ...(curve !== undefined && { curve }),
    ...(bind !== undefined && { bind }),
  };
  return {
    command: 'run',
    entry: run,
    exec: isExec ? run : undefined,
    options: all as ScaleOptions, // each value was read by the kind of its setting, which has the key of the option
    ...filesOf(settlement, file),
    ...logOf(settlement),
  };
}

/** Ports and endpoints are said together: the higher of the two sources counts, one source may have both. */
export function placesOf(settlement: Settlement): readonly string[] | undefined {
  const said = [settlement.get('bind'), settlement.get('port')].filter(isSaid);
  const highest = Math.min(...said.map(({ rank }) => rank));
  const places = said.filter(({ rank }) => rank === highest).flatMap(({ value }) => value);
  return places.length === 0 ? undefined : places.map(String);
}

function isSaid(settled: Settled | undefined): settled is Settled {
  return settled?.value !== undefined;
}

function joinOf(settlement: Settlement, file: ConfigFile | undefined): JoinInvocation {
  const entry = settlement.get('entry')?.value;
  const { connect, curve, ...options } = optionsOf(settlement);
  if (typeof entry !== 'string' || !Array.isArray(connect)) {
    const example = 'as in: zscale join tcp://front:5556 server.ts. See "zscale join --help".';
    if (entry === undefined && connect === undefined) {
      throw new UsageError(`join takes the back end of a service and the file to run, ${example}`);
    }
    const missing = entry === undefined ? 'file' : 'back end';
    throw new UsageError(
      `join takes the back end of a service and then the file to run; the ${missing} is missing, ${example}`,
    );
  }
  const { keyFile, serverKey } = Object(curve);
  if (keyFile === undefined && serverKey !== undefined) {
    throw new UsageError(
      '--curve-server-key needs keys of this machine too: --curve-key <file>. "zscale keygen" makes them.',
    );
  }
  const all = { connect, ...options, ...(curve !== undefined && { curve }) };
  return {
    command: 'join',
    entry,
    options: all as JoinOptions, // as for `run`
    ...filesOf(settlement, file),
    ...logOf(settlement),
  };
}

/** Files beside the entry: of variables, and those that are watched. */
function filesOf(
  settlement: Settlement,
  file: ConfigFile | undefined,
): Pick<RunInvocation, 'envFiles' | 'watch'> {
  const envFiles = textsOf(settlement, 'envFrom');
  const paths = textsOf(settlement, 'watchPaths');
  const watched = settlement.get('watch')?.value;
  // It may be in another folder than the one that is watched.
  const entries = settlement.get('exec')?.value === undefined ? textsOf(settlement, 'entry') : [];
  const isWatched = watched === true || (watched === undefined && paths.length > 0);
  return {
    ...(envFiles.length > 0 && { envFiles }),
    ...(isWatched && {
      watch: {
        folder: watched === true ? '.' : undefined,
        paths: [...paths, ...envFiles, ...(file === undefined ? [] : [file.file]), ...entries],
        named: paths,
      },
    }),
  };
}

function textsOf(settlement: Settlement, key: string): readonly string[] {
  const value = settlement.get(key)?.value;
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.filter((item) => typeof item === 'string');
}

function logOf(settlement: Settlement): Pick<RunInvocation, 'logLevel' | 'logFormat'> {
  const level = settlement.get('logLevel')?.value;
  const format = settlement.get('logFormat')?.value;
  return {
    logLevel: level as LogLevel | undefined, // both are one of their choices
    logFormat: (format ?? 'auto') as LogFormat | 'auto',
  };
}

/** Options of `scale()` or `join()`, those with a dot in their object. */
function optionsOf(settlement: Settlement): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const { setting, value, origin } of settlement.values()) {
    if (value === undefined || setting.isOfCommand === true) continue;
    // Core reads the variables for it by itself, and says which one it was.
    const isCores = origin.from === 'variable' && origin.variable !== ARGS_VARIABLE;
    if (setting.key === 'workers' && isCores) continue;
    const [outer = '', inner] = setting.key.split('.');
    if (inner === undefined) options[outer] = value;
    else options[outer] = { ...Object(options[outer]), [inner]: value };
  }
  return options;
}
