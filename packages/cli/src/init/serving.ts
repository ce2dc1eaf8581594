/**
 * What all the files that `zscale init` writes have in common: the words by which the service and its machines are started, and how
 * much time there is for what.
 */
import { UsageError } from '../failure.ts';
import type { Door, InitPlan } from './plan.ts';

/** Seconds for a balancer to hear that the service ends: `--drain-delay`. */
export const DRAIN_DELAY_S = 5;
/** Seconds for the rest: farewells, and closing what is open. */
export const REST_S = 10;
/** The pair of keys of the service and its machines, as `zscale keygen service` names it. */
export const KEY_FILE = 'service.key_secret';

const LOOPBACK = /:\/\/(localhost|127\.[\d.]+|\[::1\]):/i;

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

/**
 * The words behind `zscale` for the service in a container: what the config file says is not said again.
 *
 * @throws UsageError where nobody could come in from outside of it
 */
export function runWords(
  plan: InitPlan,
  { adminHost, keyFile, drainDelay }: ServingPlaces,
): string[] {
  const { said, machines } = plan;
  if (plan.doors.length === 0) {
    throw new UsageError(
      `the config file has clients come to ${plan.endpoints.join(', ')}, and to a container they come by a port: --bind http://*:3000.`,
    );
  }
  // What listens on the loopback of a container, nobody can reach.
  const isReachable = !plan.endpoints.some((endpoint) => LOOPBACK.test(endpoint));
  return [
    ...['run', ...entryWords(plan), ...nameWords(plan)],
    ...(said.has('bind') && isReachable ? [] : bindWords(plan)),
    ...(machines && !said.has('backend') ? ['--backend', `tcp://*:${plan.backendPort}`] : []),
    ...(machines ? ['--curve-key', keyFile] : []),
    ...['--admin', `http://${adminHost}:${plan.adminPort}`],
    ...(drainDelay > 0 && !said.has('drainDelay') ? ['--drain-delay', `${drainDelay}s`] : []),
    ...endWords(plan),
  ];
}

/** What was said here is as it was said; of a file that is for this machine, too, the loopback is left. */
function bindWords({ endpoints, said }: InitPlan): string[] {
  return endpoints
    .map((endpoint) => (said.has('bind') ? endpoint.replace(LOOPBACK, '://*:') : endpoint))
    .flatMap((endpoint) => ['--bind', endpoint]);
}

/** What is run, unless the config file says it. */
export function entryWords({ said, entry }: InitPlan): string[] {
  return said.has('entry') ? [] : [entry];
}

/** What it is called, unless the config file says it. */
export function nameWords({ said, name }: InitPlan): string[] {
  return said.has('name') ? [] : ['--name', name];
}

/** How it ends and logs, unless the config file says it. */
export function endWords({ said, grace }: InitPlan): string[] {
  return [
    ...(said.has('gracefulTimeout') ? [] : ['--graceful-timeout', `${grace}s`]),
    ...(said.has('logFormat') ? [] : ['--log-format', 'json']),
  ];
}

/** The words behind `zscale` for a machine of the service that is known as `host`; `admin` for its probes. */
export function joinWords(
  plan: InitPlan,
  host: string,
  { keyFile, admin = [] }: { readonly keyFile: string; readonly admin?: readonly string[] },
): string[] {
  return [
    ...['join', `dns:${host}:${plan.backendPort}`, ...entryWords(plan)],
    ...['--name', `${plan.name}-machine`, '--curve-key', keyFile],
    ...admin,
    ...endWords(plan),
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
