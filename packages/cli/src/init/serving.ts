/**
 * What all the files that `zscale init` writes have in common: the words by which the service and its machines are started, and how
 * much time there is for what.
 */
import type { Door, InitPlan } from './plan.ts';

/** Seconds for open requests when the service ends: `--graceful-timeout`. */
export const GRACE_S = 30;
/** Seconds for a balancer to hear that the service ends: `--drain-delay`. */
export const DRAIN_DELAY_S = 5;
/** Seconds for the rest: farewells, and closing what is open. */
export const REST_S = 10;
/** Where `/healthz` and `/readyz` are. */
export const ADMIN_PORT = 9090;
/** Where machines come. */
export const BACKEND_PORT = 5556;
/** The pair of keys of the service and its machines, as `zscale keygen service` names it. */
export const KEY_FILE = 'service.key_secret';

/** A file to be written, below the folder of the project. */
export interface InitFile {
  readonly path: string;
  readonly text: string;
}

/** What a kind of file is: its files, and what to do then, one line each. */
export interface InitKit {
  readonly files: readonly InitFile[];
  readonly next: readonly string[];
}

/** Where the admin address is, and where the keys are. */
export interface ServingPlaces {
  readonly adminHost: string;
  readonly keyFile: string;
  readonly drainDelay: number;
}

/** The words behind `zscale` for the service in a container. */
export function runWords(
  plan: InitPlan,
  { adminHost, keyFile, drainDelay }: ServingPlaces,
): string[] {
  return [
    ...['run', plan.entry, '--name', plan.name],
    ...plan.doors.flatMap((door) => ['--bind', endpointOf(door)]),
    ...(plan.machines ? ['--backend', `tcp://*:${BACKEND_PORT}`, '--curve-key', keyFile] : []),
    ...['--admin', `http://${adminHost}:${ADMIN_PORT}`],
    ...(drainDelay > 0 ? ['--drain-delay', `${drainDelay}s`] : []),
    ...['--graceful-timeout', `${GRACE_S}s`, '--log-format', 'json'],
  ];
}

/** The words behind `zscale` for a machine of the service that is known as `host`. */
export function joinWords(plan: InitPlan, host: string, keyFile: string): string[] {
  return [
    ...['join', `dns:${host}:${BACKEND_PORT}`, plan.entry, '--name', `${plan.name}-machine`],
    ...['--curve-key', keyFile],
    ...['--graceful-timeout', `${GRACE_S}s`, '--log-format', 'json'],
  ];
}

/** As it is typed behind `--bind`. */
export function endpointOf({ scheme, host, port }: Door): string {
  return `${scheme}://${host}:${port}`;
}

/** Words as a list of JSON, which is one of YAML and of a Dockerfile too, each pair of a flag and its value on a line. */
export function listOf(words: readonly string[], indent: string): string {
  const lines: string[][] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === undefined || word.startsWith('--')) lines.push([word]);
    else last.push(word);
  }
  const written = lines.map((line) => line.map((word) => JSON.stringify(word)).join(', '));
  return `[\n${written
    .map((line) => `${indent}  ${line},`)
    .join('\n')
    .replace(/,$/, '')}\n${indent}]`;
}
