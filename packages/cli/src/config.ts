/**
 * What people write into `zscale.config.ts`: its type, and a function that has it checked.
 *
 * The type follows from the options of `scale()` and `join()`; the table of settings says the same to JSON files.
 */
import type { JoinOptions, LogLevel, ScaleOptions } from '@zscale/core';

/** A duration (`'5s'`; a number is ms), a size (`'64mb'`; a number is bytes), a count, or `'off'` for no limit. */
export type Quantity = `${number}${'' | 'ms' | 's' | 'm' | 'h' | 'b' | 'kb' | 'mb' | 'gb'}` | 'off';

/** Options whose values are numbers may be written as text, too. */
type Written<Options> = {
  [Name in keyof Options]: number extends Options[Name] ? Options[Name] | Quantity : Options[Name];
};

/** What only the program that calls `scale()` can decide. */
type OfPrograms = 'logger' | 'signals' | 'onReload';

/** A config file of `zscale run` and `zscale join`. Everything may be left out; each takes what it knows. */
export interface Config
  extends Written<Omit<ScaleOptions, OfPrograms | 'curve' | 'maxRestarts' | 'autoscale'>>,
    Written<Partial<Pick<JoinOptions, 'connect' | 'dnsServers'>>> {
  /** The schema of this file, for editors. */
  $schema?: string;
  /** The file that exports the handler, or is the server. */
  entry?: string;
  /** A command to run in its place, which connects a REP socket to `$ZSCALE_BACKEND`. */
  exec?: string;
  /** For HTTP on every interface: the same as `bind: 'http://*:n'`. */
  port?: number | `${number}`;
  /** As the option of `scale()`, or with the time that is counted over: `'5/60s'`. */
  maxRestarts?: number | `${number}/${string}` | 'off';
  /** As the option of `scale()`, or `'2-8'`. */
  autoscale?: ScaleOptions['autoscale'] | `${number}-${number}`;
  /** Files of keys; `serverKey` is for `zscale join`. */
  curve?: {
    keyFile?: string;
    allow?: string | readonly string[];
    allowWorkers?: string | readonly string[];
    serverKey?: string;
  };
  /** Files of environment variables for the workers, read at each reload. */
  envFrom?: string | readonly string[];
  /** Whether workers are replaced when code in the working directory changes. Default false. */
  watch?: boolean;
  /** Files and folders for whose changes they are replaced. */
  watchPaths?: string | readonly string[];
  /** The least level that is logged. Default `'info'`. */
  logLevel?: LogLevel;
  /** Default: pretty on a terminal, else JSON. */
  logFormat?: 'json' | 'pretty';
}

/** Gives back what it is given; an editor then knows what may be written. */
export function defineConfig(config: Config): Config {
  return config;
}
