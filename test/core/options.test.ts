import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ZscaleError } from '../../packages/core/src/errors.ts';
import {
  DEFAULTS,
  resolveScaleOptions,
  type ScaleOptions,
} from '../../packages/core/src/options.ts';

/** What JavaScript and command lines hand in, whatever the types say. */
function refusalOf(options: unknown): string {
  try {
    resolveScaleOptions(options as ScaleOptions);
  } catch (error) {
    expect(error).toBeInstanceOf(ZscaleError);
    expect(error).toMatchObject({ code: 'ZSCALE_ERR_OPTIONS' });
    return (error as ZscaleError).message;
  }
  throw new Error(`accepted ${JSON.stringify(options)}`);
}

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

describe('options of scale()', () => {
  it('are the documented defaults when nothing is given', () => {
    expect(resolveScaleOptions()).toEqual(DEFAULTS);
    expect(resolveScaleOptions({})).toEqual({
      workers: 'auto',
      bind: ['tcp://127.0.0.1:5555'],
      backend: [],
      codec: 'msgpack',
      concurrency: 64,
      threads: 0,
      maxQueue: 10_000,
      maxQueueBytes: 268_435_456,
      maxQueueWait: Infinity,
      timeout: 30_000,
      maxMessageSize: 67_108_864,
      maxUnsentBytes: 268_435_456,
      balance: 'least',
      pools: [],
      key: undefined,
      retries: 0,
      gracefulTimeout: 30_000,
      startTimeout: 60_000,
      hangTimeout: 30_000,
      maxRestarts: 5,
      restartWindow: 60_000,
      restartDelay: 100,
      restartMaxDelay: 30_000,
      maxMemory: Infinity,
      maxRequests: Infinity,
      maxLifetime: Infinity,
      autoscale: undefined,
      name: 'zscale',
      logger: undefined,
      signals: true,
      env: {},
      execArgv: [],
      exportName: undefined,
      args: [],
      python: undefined,
      output: 'raw',
      curve: undefined,
      insecure: false,
      heartbeatTimeout: 3000,
      control: undefined,
      tlsCert: undefined,
      tlsKey: undefined,
      maxHeaderSize: 16_384,
      maxBodySize: Number.POSITIVE_INFINITY,
      headerTimeout: 30_000,
      bodyTimeout: 60_000,
      keepAliveTimeout: 75_000,
      maxConnections: 10_000,
      trustedProxies: undefined,
      sticky: undefined,
      accessLog: undefined,
      admin: undefined,
      adminTokenFile: undefined,
      drainDelay: 0,
      gateways: 1,
      onReload: undefined,
      user: undefined,
      group: undefined,
      umask: undefined,
      cwd: undefined,
    });
  });

  it('make a list of trusted proxies, and the balance that sticky needs', () => {
    expect(resolveScaleOptions({ trustedProxies: 'loopback' }).trustedProxies).toEqual([
      'loopback',
    ]);
    expect(resolveScaleOptions({ trustedProxies: '10.0.0.1,private' }).trustedProxies).toEqual([
      '10.0.0.1',
      'private',
    ]);
    expect(resolveScaleOptions({ sticky: 'address' }).balance).toBe('hash');
    expect(refusalOf({ sticky: 'address', balance: 'least' })).toContain(
      "'hash' where there is `sticky`",
    );
    expect(refusalOf({ tlsCert: 'a.pem' })).toContain(
      'tlsKey must be given where there is tlsCert',
    );
    expect(refusalOf({ admin: 'tcp://127.0.0.1:1' })).toContain(
      'admin must be an endpoint of HTTP',
    );
  });

  it('make a list of the pools, in their order', () => {
    const pools = { b: { workers: 2, routes: ['x*', 'y'] }, a: { workers: 1, routes: ['z'] } };
    expect(resolveScaleOptions({ pools }).pools).toEqual([
      { name: 'b', workers: 2, routes: ['x*', 'y'] },
      { name: 'a', workers: 1, routes: ['z'] },
    ]);
  });

  it('read a mask as octal, and a folder from here', () => {
    const { umask, cwd, user } = resolveScaleOptions({ umask: '0027', cwd: 'a/../b', user: 33 });
    expect({ umask, cwd, user }).toEqual({ umask: 0o027, cwd: `${process.cwd()}/b`, user: 33 });
    expect(resolveScaleOptions({ umask: '0' }).umask).toBe(0);
  });

  it('hold a few more requests than there are threads, unless they say otherwise', () => {
    expect(resolveScaleOptions({ threads: 4 }).concurrency).toBe(6);
    expect(resolveScaleOptions({ threads: 4, concurrency: 20 }).concurrency).toBe(20);
  });

  it('take an explicit undefined for the default', () => {
    const undefinedOnes = Object.fromEntries(
      Object.keys(DEFAULTS).map((name) => [name, undefined]),
    );
    expect(resolveScaleOptions(undefinedOnes)).toEqual(DEFAULTS);
  });

  it('become one frozen object of fixed shape, independent of what was given', () => {
    const bind = ['tcp://*:1'];
    const env = { A: '1' };
    const execArgv = ['--expose-gc'];
    const resolved = resolveScaleOptions({ env, execArgv, bind, workers: 2 });
    bind.push('tcp://*:2');
    env.A = '2';
    execArgv.pop();

    expect(Object.keys(resolved)).toEqual(Object.keys(DEFAULTS));
    expect(resolved).toMatchObject({
      bind: ['tcp://*:1'],
      env: { A: '1' },
      execArgv: ['--expose-gc'],
    });
    for (const part of [resolved, resolved.bind, resolved.backend, resolved.env]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it('take one endpoint or a list of them', () => {
    const { bind, backend } = resolveScaleOptions({
      bind: 'tcp://*:0',
      backend: ['ipc:///tmp/a', 'tcp://*:5556'],
    });
    expect(bind).toEqual(['tcp://*:0']);
    expect(backend).toEqual(['ipc:///tmp/a', 'tcp://*:5556']);
  });

  it('let restartMaxDelay follow a longer restartDelay, unless both are given', () => {
    expect(resolveScaleOptions({ restartDelay: 90_000 }).restartMaxDelay).toBe(90_000);
    expect(refusalOf({ restartDelay: 500, restartMaxDelay: 100 })).toBe(
      'restartMaxDelay must be at least restartDelay (500); got 100.',
    );
  });

  it.each<ScaleOptions>([
    { workers: 1 },
    { workers: 1024 },
    { codec: 'json' },
    { codec: 'raw' },
    { concurrency: 1 },
    { threads: 0 },
    { threads: 256 },
    { maxQueue: 0 },
    { maxQueue: Infinity },
    { maxQueueBytes: 0 },
    { maxQueueWait: 1 },
    { timeout: Infinity },
    { timeout: 1.5 },
    { maxMessageSize: Infinity },
    { maxUnsentBytes: 1 },
    { maxUnsentBytes: Infinity },
    { balance: 'round-robin' },
    { balance: 'hash', key: String },
    { retries: 100 },
    { gracefulTimeout: 0 },
    { maxRestarts: 0 },
    { maxRestarts: Infinity },
    { restartDelay: 0 },
    { name: 'my-service_2.eu' },
    { logger: silent },
    { signals: false },
    { exportName: 'handler' },
    { args: ['--verbose'] },
    { python: 'python3.13' },
    { output: 'json' },
    { user: 'www-data', group: '33' },
    { user: 0, group: 2_147_483_647 },
    { startTimeout: 2_147_483_647 },
  ])('accept %o', (options) => {
    expect(resolveScaleOptions(options)).toMatchObject(options);
  });

  it.each([
    { workers: 0 },
    { workers: -1 },
    { workers: 1.5 },
    { workers: 1025 },
    { workers: '4' },
    { workers: 'x' },
    { workers: null },
    { workers: Number.NaN },
    { user: '' },
    { user: 'two words' },
    { user: 'root:x' },
    { user: -1 },
    { user: '2147483648' },
    { group: 1.5 },
    { umask: '8' },
    { umask: '1777' },
    { umask: 0o27 },
    { cwd: '' },
    { cwd: 'a\0b' },
    { bind: '' },
    { bind: [] },
    { bind: 5555 },
    { bind: '127.0.0.1:5555' },
    { bind: ['tcp://*:1', '5556'] },
    { backend: 'nowhere' },
    { codec: 'xml' },
    { concurrency: 0 },
    { concurrency: Infinity },
    { threads: -1 },
    { threads: 257 },
    { maxQueue: -1 },
    { maxQueue: 0.5 },
    { maxQueueBytes: -1 },
    { maxQueueWait: 0 },
    { timeout: 0 },
    { timeout: -1 },
    { timeout: '30s' },
    { timeout: 2_147_483_648 },
    { timeout: Number.NaN },
    { maxMessageSize: 0 },
    { maxMessageSize: -1 },
    { maxUnsentBytes: 0 },
    { balance: 'random' },
    { balance: 'least', key: String },
    { key: 'user', balance: 'hash' },
    { pools: [] },
    { pools: { heavy: { workers: 0, routes: ['x'] } } },
    { pools: { heavy: { workers: 1025, routes: ['x'] } } },
    { pools: { heavy: { workers: 1, routes: [] } } },
    { pools: { heavy: { workers: 1, routes: [''] } } },
    { pools: { heavy: { workers: 1 } } },
    { pools: { heavy: { workers: 1, routes: ['x'], bind: 'tcp://*:1' } } },
    { pools: { 'a b': { workers: 1, routes: ['x'] } } },
    { pools: { a: { workers: 1000, routes: ['x'] }, b: { workers: 25, routes: ['y'] } } },
    { retries: -1 },
    { retries: 101 },
    { retries: Infinity },
    { gracefulTimeout: -1 },
    { startTimeout: 0 },
    { maxRestarts: -1 },
    { restartWindow: 0 },
    { restartDelay: -1 },
    { restartMaxDelay: '1s' },
    { name: '' },
    { name: 'a b' },
    { name: 'a/b' },
    { name: 'x'.repeat(65) },
    { logger: console.log },
    { logger: { info() {} } },
    { signals: 1 },
    { env: { A: 1 } },
    { env: ['A=1'] },
    { execArgv: '--expose-gc' },
    { execArgv: [1] },
    { exportName: '' },
    { exportName: 1 },
    { args: '--verbose' },
    { python: '' },
    { output: 'pretty' },
  ])('refuse %o, naming the option, what it takes and what came', (options) => {
    const [name] = Object.keys(options);
    expect(refusalOf(options)).toMatch(new RegExp(`^${name} must be .+; got .+\\.`));
  });

  it.each([null, 5, 'workers', []])('refuse %o in place of options', (options) => {
    expect(refusalOf(options)).toMatch(/^the options of scale\(\) must be an object; got /);
  });

  it.each([
    ['worker', 'workers'],
    ['Workers', 'workers'],
    ['maxqueue', 'maxQueue'],
    ['max_queue', 'maxQueue'],
    ['timeOut', 'timeout'],
    ['binds', 'bind'],
    ['backends', 'backend'],
    ['gracefullTimeout', 'gracefulTimeout'],
    ['maxRestart', 'maxRestarts'],
  ])('refuse the unknown name %s and suggest %s', (name, suggestion) => {
    expect(refusalOf({ [name]: undefined })).toBe(
      `scale() has no option "${name}". Did you mean "${suggestion}"?`,
    );
  });

  it('list all names when an unknown one resembles none', () => {
    expect(refusalOf({ port: 5555 })).toMatch(
      /^scale\(\) has no option "port"\. The options are workers, bind, .+, output, curve, insecure, heartbeatTimeout, .+, drainDelay(, \w+)*\.$/,
    );
  });

  it('refuse a name that every object has', () => {
    expect(refusalOf({ constructor: 1 })).toContain('has no option "constructor"');
  });

  it('say in full what is wrong with the one that is most often wrong', () => {
    expect(refusalOf({ workers: 0 })).toBe(
      "workers must be a whole number from 1 to 1024, or 'auto'; got 0. " +
        "Leave it out, or say 'auto', for one worker per CPU.",
    );
    expect(refusalOf({ bind: ['tcp://*:1', 5556] })).toBe(
      'bind must be an endpoint, or a list of at least one; got ["tcp://*:1", 5556]. ' +
        'Write tcp://127.0.0.1:5555, ipc:///path/to/socket or http://*:3000.',
    );
  });

  it('never repeat the contents of env, which may be secret', () => {
    expect(refusalOf({ env: { PASSWORD: 'hunter2', N: 1 } })).not.toMatch(/PASSWORD|hunter2/);
  });

  it('are each documented with their default', () => {
    const bodyOf = (file: string, name: string): string => {
      const source = readFileSync(
        new URL(`../../packages/core/src/${file}`, import.meta.url),
        'utf8',
      );
      return (
        new RegExp(`export interface ${name} [^{]*\\{\n([\\s\\S]*?\n)\\}`).exec(source)?.[1] ?? ''
      );
    };
    const body = bodyOf('options.ts', 'ScaleOptions') + bodyOf('http-options.ts', 'HttpOptions');
    for (const name of Object.keys(DEFAULTS)) {
      expect(body).toMatch(new RegExp(`Default[^*]*(?:\\n? *\\*[^/][^*]*)*\\*/\\n  ${name}\\?:`));
    }
  });
});
