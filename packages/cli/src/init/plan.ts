/**
 * What `zscale init` writes files for: the program of a folder, where it listens, and how it is installed there.
 *
 * What was not said is looked up in the folder. Reads; writes nothing.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../failure.ts';
import type { InitInvocation } from '../invocation.ts';
import type { Settlement } from '../settings-origin.ts';
import { placesOf } from '../settled-invocation.ts';

/** Where an entry is looked for when none is given, the likeliest first. */
const ENTRIES: readonly string[] = ['server', 'index', 'main', 'app']
  .flatMap((name) => [name, `src/${name}`])
  .flatMap((name) => ['ts', 'mts', 'js', 'mjs', 'cjs'].map((ending) => `${name}.${ending}`));

/** The command in a project that depends on it. */
export const ZSCALE = 'node_modules/@zscale/cli/bin/zscale.js';
/** The command that runs. */
const COMMAND = fileURLToPath(new URL('../../bin/zscale.js', import.meta.url));
const DEFAULT_BIND = 'http://*:3000';
/** Names of services in Kubernetes, of units and of containers; ours leave room for a word behind them. */
const NAME = /^[a-z](?:[-a-z0-9]{0,38}[a-z0-9])?$/;
/** What means the same to a shell, to systemd, in YAML and in JSON. */
const PLAIN_PATH = /^[\w@.][\w@./-]*$/;

/** Where the admin address is, and where machines come, unless the config file says it. */
const ADMIN_PORT = 9090;
const BACKEND_PORT = 5556;
/** Seconds for open requests when the service ends, unless the config file says it: `--graceful-timeout`. */
const GRACE_S = 30;
/** As long as who stops a service waits for one that takes as long as it takes. */
const LONGEST_GRACE_S = 3600;

/** Settings that are not said again where the config file says them. */
export type SaidKey =
  | 'entry'
  | 'name'
  | 'bind'
  | 'gracefulTimeout'
  | 'drainDelay'
  | 'logFormat'
  | 'backend';

/** Where clients come, by TCP. */
export interface Door {
  readonly scheme: 'http' | 'https' | 'tcp';
  /** `*` for every interface. */
  readonly host: string;
  readonly port: number;
}

/** How the dependencies of a project are installed: commands for a shell. */
export interface PackageManager {
  readonly name: 'npm' | 'pnpm' | 'yarn';
  /** Files that it needs beside package.json. */
  readonly files: readonly string[];
  /** Installs all, or what a running program needs. */
  readonly installAll: string;
  readonly installForProduction: string;
  /** Leaves what a running program needs. */
  readonly prune: string;
}

/** What files are written for. */
export interface InitPlan {
  readonly name: string;
  /** The program's file, from `folder`. */
  readonly entry: string;
  /** The folder of the project, absolute. */
  readonly folder: string;
  readonly doors: readonly Door[];
  /** Where clients come, as it is typed; those of `doors` among others. */
  readonly endpoints: readonly string[];
  /** What the config file of the folder says, and nobody said otherwise. */
  readonly said: ReadonlySet<SaidKey>;
  /** Whether `entry` is a command, of the config file. */
  readonly isCommand: boolean;
  readonly adminPort: number;
  readonly backendPort: number;
  /** Seconds for open requests when the service ends. */
  readonly grace: number;
  /** Seconds in which balancers hear that the service ends; undefined when nothing is said. */
  readonly drainDelay: number | undefined;
  /** Whether machines of its own are to work for it. */
  readonly machines: boolean;
  readonly manager: PackageManager;
  /** Whether the entry is made by the script `build` of the project. */
  readonly isBuilt: boolean;
  /** Whether the project depends on the zscale command. */
  readonly dependsOnZscale: boolean;
  /** The Node that runs this, and the zscale command, absolute. */
  readonly node: string;
  readonly zscale: string;
}

const MANAGERS: readonly (PackageManager & { readonly lockFile: string | undefined })[] = [
  {
    name: 'pnpm',
    lockFile: 'pnpm-lock.yaml',
    files: ['pnpm-lock.yaml'],
    installAll: 'npx -y pnpm@10 install --frozen-lockfile',
    installForProduction: 'npx -y pnpm@10 install --frozen-lockfile --prod',
    prune: 'CI=true npx -y pnpm@10 prune --prod',
  },
  {
    name: 'yarn',
    lockFile: 'yarn.lock',
    files: ['yarn.lock'],
    installAll: 'yarn install --frozen-lockfile',
    installForProduction: 'yarn install --frozen-lockfile --production',
    prune: 'yarn install --frozen-lockfile --production --ignore-scripts --prefer-offline',
  },
  {
    name: 'npm',
    lockFile: 'package-lock.json',
    files: ['package-lock.json'],
    installAll: 'npm ci',
    installForProduction: 'npm ci --omit=dev',
    prune: 'npm prune --omit=dev',
  },
  {
    name: 'npm',
    lockFile: undefined,
    files: [],
    installAll: 'npm install',
    installForProduction: 'npm install --omit=dev',
    prune: 'npm prune --omit=dev',
  },
];

/**
 * Looks at `folder` for what was not said.
 *
 * @param settlement - what its config file says: that is not said again in the files, so that it goes on to count
 * @throws UsageError when there is no entry, or a name, a path or an endpoint that one of the files could not hold
 */
export function planInit(
  { entry, name, bind, machines }: InitInvocation,
  folder: string,
  settlement: Settlement,
): InitPlan {
  const manifest = readManifest(folder);
  const value = (key: string): unknown => settlement.get(key)?.value;
  refuseUser(settlement);
  const places = placesOf(settlement);
  const ofFile = entry === undefined ? (value('exec') ?? value('entry')) : undefined;
  const isCommand = entry === undefined && value('exec') !== undefined;
  const found = entry ?? ofFile ?? ENTRIES.find((file) => existsSync(join(folder, file)));
  if (found === undefined) {
    throw new UsageError(
      `there is no server.ts or the like in ${folder}: say which file it is, as in: zscale init app.js --docker`,
    );
  }
  if (isCommand && machines) {
    throw new UsageError(
      '--machines is for handlers: the command of the config file (exec) connects its REP socket to the back end by itself.',
    );
  }
  const file = isCommand ? String(found) : checkEntry(String(found));
  const own = join(folder, ZSCALE);
  const isBindSaid = bind.length === 0 && places !== undefined;
  const endpoints = isBindSaid ? places : bind.length > 0 ? bind : [DEFAULT_BIND];
  const keys: readonly SaidKey[] = ['gracefulTimeout', 'drainDelay', 'logFormat'];
  const backendPort = [value('backend')].flat().map(portOf).find(Number);
  return {
    name: name === undefined ? inferName(value('name'), manifest, folder) : checkName(name),
    entry: file,
    folder,
    doors: isBindSaid ? endpoints.flatMap(doorsOf) : endpoints.map(parseDoor),
    endpoints,
    said: new Set([
      ...keys.filter((key) => value(key) !== undefined),
      ...(ofFile === undefined ? [] : ['entry' as const]),
      ...(name === undefined && value('name') !== undefined ? ['name' as const] : []),
      ...(isBindSaid ? ['bind' as const] : []),
      ...(backendPort === undefined ? [] : ['backend' as const]),
    ]),
    isCommand,
    adminPort: portOf(value('admin')) ?? ADMIN_PORT,
    backendPort: backendPort ?? BACKEND_PORT,
    grace: Math.min(secondsOf(value('gracefulTimeout')) ?? GRACE_S, LONGEST_GRACE_S),
    drainDelay: secondsOf(value('drainDelay')),
    machines,
    manager: managerOf(folder),
    isBuilt: /^(dist|build|lib)\//.test(file) && hasScript(manifest, 'build'),
    dependsOnZscale: Object.hasOwn(Object(Reflect.get(manifest, 'dependencies')), '@zscale/cli'),
    node: process.execPath,
    zscale: existsSync(own) || isPassing(COMMAND) ? own : COMMAND,
  };
}

/** Only root can start workers as somebody else, and what is written starts no service as root. */
function refuseUser(settlement: Settlement): void {
  const key = ['user', 'group'].find((name) => settlement.get(name)?.value !== undefined);
  if (key === undefined) return;
  throw new UsageError(
    `the config file says ${key}, for which a service has to start as root; one of systemd, Docker or Kubernetes starts as a user ` +
      'without rights, and would end at once. Take user and group out of the config file, and where root starts it say --user, --group.',
  );
}

function secondsOf(ms: unknown): number | undefined {
  return typeof ms === 'number' ? Math.ceil(ms / 1000) : undefined;
}

/** The port in an endpoint; undefined where there is none. */
function portOf(endpoint: unknown): number | undefined {
  const [, port] = /:\/\/.*:(\d+)$/.exec(String(endpoint)) ?? [];
  return port === undefined || Number(port) === 0 ? undefined : Number(port);
}

/** Whether npx fetched the command for this once. */
function isPassing(command: string): boolean {
  return /[/\\]_npx[/\\]/.test(command);
}

function managerOf(folder: string): PackageManager {
  const found = MANAGERS.find(
    ({ lockFile }) => lockFile === undefined || existsSync(join(folder, lockFile)),
  );
  if (found === undefined) throw new Error('the last manager fits every folder');
  return found;
}

/** The package.json of the folder; an empty one when there is none that can be read. */
function readManifest(folder: string): object {
  try {
    return Object(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
  } catch {
    return {}; // none, or none that npm could read either
  }
}

function hasScript(manifest: object, name: string): boolean {
  return Object.hasOwn(Object(Reflect.get(manifest, 'scripts')), name);
}

/** The name in the config file as far as it may be one; else the project's own; else that of its folder; else `server`. */
function inferName(said: unknown, manifest: object, folder: string): string {
  const own = Reflect.get(manifest, 'name');
  const given = [String(said ?? ''), String(own ?? ''), basename(folder)];
  const names = given.map((text) =>
    text
      .toLowerCase()
      .replace(/^@[^/]*\//, '')
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replaceAll(/^[^a-z]+|-+$/g, ''),
  );
  return names.find((text) => NAME.test(text)) ?? 'server';
}

function checkName(name: string): string {
  if (NAME.test(name)) return name;
  throw new UsageError(
    `--name takes up to 40 small letters, digits and "-", with a letter first, as in: --name api; got ${JSON.stringify(name)}.`,
  );
}

function checkEntry(entry: string): string {
  const file = posix.normalize(entry);
  if (!PLAIN_PATH.test(file) || file.startsWith('..')) {
    throw new UsageError(
      `the file to run must lie in this folder, with a path of letters, digits and _ @ . / -; got ${JSON.stringify(entry)}. ` +
        'Run zscale init in the folder of the program.',
    );
  }
  return file;
}

function parseDoor(endpoint: string): Door {
  const [door] = doorsOf(endpoint);
  if (door !== undefined && door.scheme !== 'https') return door;
  throw new UsageError(
    `--bind of init takes http://*:3000 or tcp://*:5555, with a port; got ${JSON.stringify(endpoint)}. ` +
      'Anything else, such as https://, is for the config file, or written into the files by hand.',
  );
}

/** The door at an endpoint; none for a Unix socket, and where the system chooses the port. */
function doorsOf(endpoint: string): readonly Door[] {
  const [, scheme, host, port] =
    /^(https?|tcp):\/\/(\*|\[[\da-f:.]+\]|[\w.-]+):(\d+)$/i.exec(endpoint) ?? [];
  const number = Number(port);
  const isKnown = scheme === 'http' || scheme === 'https' || scheme === 'tcp';
  return isKnown && host !== undefined && number > 0 ? [{ scheme, host, port: number }] : [];
}
