/**
 * The options of `join()`: those of `scale()` that are about workers, and where to connect.
 */

import { type CurveKeys, type CurvePeerOptions, checkKey, readOwnKeys } from './curve-keys.ts';
import { ZscaleError } from './errors.ts';
import {
  DEFAULTS,
  type ResolvedScaleOptions,
  resolveScaleOptions,
  type ScaleOptions,
} from './options.ts';

type SharedName =
  | 'workers'
  | 'codec'
  | 'concurrency'
  | 'maxMessageSize'
  | 'gracefulTimeout'
  | 'startTimeout'
  | 'hangTimeout'
  | 'threads'
  | 'timeout'
  | 'maxRestarts'
  | 'restartWindow'
  | 'restartDelay'
  | 'restartMaxDelay'
  | 'maxMemory'
  | 'maxRequests'
  | 'maxLifetime'
  | 'autoscale'
  | 'name'
  | 'logger'
  | 'signals'
  | 'env'
  | 'execArgv'
  | 'exportName'
  | 'heartbeatTimeout'
  | 'control'
  | 'admin'
  | 'adminTokenFile'
  | 'onReload'
  | 'user'
  | 'group'
  | 'umask'
  | 'cwd';

/** The options of `scale()` that mean the same to `join()`. */
const SHARED: readonly SharedName[] = [
  'workers',
  'codec',
  'concurrency',
  'maxMessageSize',
  'gracefulTimeout',
  'startTimeout',
  'hangTimeout',
  'threads',
  'timeout',
  'maxRestarts',
  'restartWindow',
  'restartDelay',
  'restartMaxDelay',
  'maxMemory',
  'maxRequests',
  'maxLifetime',
  'autoscale',
  'name',
  'logger',
  'signals',
  'env',
  'execArgv',
  'exportName',
  'heartbeatTimeout',
  'control',
  'admin',
  'adminTokenFile',
  'onReload',
  'user',
  'group',
  'umask',
  'cwd',
];

/** Whether an option of `scale()` is one of `join()`, too. */
export function isShared(name: string): boolean {
  return SHARED.some((shared) => shared === name);
}

/** Options of `join()`. `codec`, `maxMessageSize` and `timeout` must be those of the service. */
export interface JoinOptions extends Pick<ScaleOptions, SharedName> {
  /**
   * Back ends to connect to (option `backend` of the services there): one endpoint, or one for each front end. `dns:name:port`
   * stands for every address of a name, and `srv:name` for the targets of its SRV records, as they are at the time.
   */
  connect: string | readonly string[];
  /**
   * Keys, where the back ends speak CURVE: `keyFile` (or `publicKey` and `secretKey`), and `serverKey`, the service's public key;
   * that is left out by a machine that has the service's own pair. Default none.
   */
  curve?: CurvePeerOptions | undefined;
  /** Name servers for `dns:` and `srv:`, as `address` or `address:port`. Default: those of the system. */
  dnsServers?: readonly string[] | undefined;
}

/** With every default filled in; frozen. */
export interface ResolvedJoinOptions {
  readonly connect: readonly string[];
  /** Own pair and the service's public key. */
  readonly keys: (CurveKeys & { readonly serverKey: string }) | undefined;
  readonly dnsServers: readonly string[] | undefined;
  /** All else; what `join()` does not take is at its default. */
  readonly shared: ResolvedScaleOptions;
}

/**
 * Fills in defaults and checks every value; reads the file of keys.
 *
 * @throws ZscaleError `ZSCALE_ERR_OPTIONS`
 */
export function resolveJoinOptions(options: JoinOptions): ResolvedJoinOptions {
  const given: unknown = options; // callers without types
  if (typeof given !== 'object' || given === null) {
    refuse(`the options of join() must be an object with connect; got ${String(given)}.`);
  }
  const { connect, curve, dnsServers, ...rest } = options;
  for (const name of Object.keys(rest)) {
    if (!isShared(name) && Object.hasOwn(DEFAULTS, name)) {
      refuse(`${name} is an option of scale(), on the machine of the queue, and none of join().`);
    }
  }
  return Object.freeze({
    connect: checkEndpoints(connect),
    keys: curve === undefined ? undefined : readPeerKeys(curve),
    dnsServers: dnsServers === undefined ? undefined : Object.freeze([...dnsServers]),
    shared: resolveScaleOptions(rest),
  });
}

function checkEndpoints(connect: string | readonly string[]): readonly string[] {
  const given: unknown = connect; // callers without types
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (list.length === 0 || !list.every(isEndpoint)) {
    refuse(
      'connect must be the back end of a service, or a list of at least one. ' +
        'Write tcp://front:5556, with the address that the service has as its option backend.',
    );
  }
  return Object.freeze([...new Set(list)]);
}

function isEndpoint(value: unknown): value is string {
  return typeof value === 'string' && (value.includes('://') || /^(dns|srv):/.test(value));
}

function readPeerKeys(curve: CurvePeerOptions): CurveKeys & { readonly serverKey: string } {
  const keys = readOwnKeys(curve);
  if (keys === undefined) {
    return refuse(
      'curve needs the keys of this machine: keyFile, or publicKey and secretKey. Make a pair with zscale keygen.',
    );
  }
  return { ...keys, serverKey: checkKey('serverKey', curve.serverKey ?? keys.publicKey) };
}

function refuse(message: string): never {
  throw new ZscaleError('ZSCALE_ERR_OPTIONS', message);
}
