/*
 * Who may know whom. Imports go down only, rooms on one floor do not know each other, and each
 * dependency has one door. Checked by reading the source as text.
 */
import { describe, expect, it } from 'vitest';
import {
  filesUnder,
  importsOf,
  type Module,
  modules,
  resolveImport,
} from '../support/source-tree.ts';

/** A floor: rooms (folders) or single files of `src`, and what they may import beside themselves. */
interface Room {
  /** Rooms, or `ground` for the files of the ground floor. */
  readonly rooms: readonly string[];
  /** Whether it may import `@zscale/transport` (or, in the cli, the packages). */
  readonly packages?: readonly string[];
}

interface House {
  /** Files of `src` that every room may import, and which import only each other. */
  readonly ground: readonly string[];
  /** Files of `src` above all rooms. No room imports them. */
  readonly top: readonly string[];
  readonly rooms: Readonly<Record<string, Room>>;
  /** Packages that the top floor may import; `node:` modules are free for all but `plain` rooms. */
  readonly packages: readonly string[];
}

const HOUSES: Readonly<Record<string, House>> = {
  transport: {
    ground: [
      'authenticator.ts',
      'blocks.ts',
      'body-cutter.ts',
      'busy-poll.ts',
      'bytes.ts',
      'capability.ts',
      'cidr.ts',
      'context.ts',
      'errors.ts',
      'message.ts',
      'option-checks.ts',
      'options.ts',
      'rope.ts',
      'slab.ts',
      'z85.ts',
      'socket-type.ts',
      'peer-info.ts',
      'fifo.ts',
      'monitor-event.ts',
    ],
    top: ['index.ts', 'draft.ts'],
    rooms: {
      wire: { rooms: ['ground'] },
      mechanisms: { rooms: ['wire', 'ground'] },
      pipes: { rooms: ['ground'] },
      connections: { rooms: ['mechanisms', 'wire', 'pipes', 'ground'] },
      transports: { rooms: ['connections', 'pipes', 'ground'] },
      sockets: { rooms: ['transports', 'pipes', 'ground'] },
      devices: { rooms: ['sockets', 'ground'] },
    },
    packages: [],
  },
  core: {
    ground: [
      'errors.ts',
      'options.ts',
      'logger.ts',
      'log-lines.ts',
      'waiting-lines.ts',
      'typescript.ts',
      'worker-count.ts',
      'accounts.ts',
      'backend-folder.ts',
      'waiting.ts',
      'current-context.ts',
      'curve-keys.ts',
      'exposure.ts',
      'join-options.ts',
      'http-options.ts',
      'option-checks.ts',
      'admin-route.ts',
      'nearest-name.ts',
      'collector.ts',
      'worker-identity.ts',
    ],
    top: [
      'index.ts',
      'scale.ts',
      'check.ts',
      'server.ts',
      'inert-server.ts',
      'join.ts',
      'machine.ts',
      'program-front.ts',
      'http-front.ts',
      'http-metrics.ts',
      'gateway-child.ts',
      'gateway-main.ts',
      'gateway-processes.ts',
      'service-control.ts',
      'service-dashboard.ts',
      'service-metrics.ts',
      'metrics-collector.ts',
      'process-metrics.ts',
      'queue-metrics.ts',
      'client.ts',
      'client-socket.ts',
      'service.ts',
      'service-needs.ts',
    ],
    rooms: {
      messages: { rooms: ['ground'] },
      metrics: { rooms: ['ground'] },
      tracing: { rooms: ['ground'] },
      discovery: { rooms: ['ground'] },
      handlers: { rooms: ['messages', 'ground'] },
      worker: {
        rooms: ['handlers', 'messages', 'metrics', 'tracing', 'ground'],
        packages: ['@zscale/transport'],
      },
      supervisor: {
        rooms: ['handlers', 'messages', 'metrics', 'ground'],
        packages: ['@zscale/transport'],
      },
      queue: {
        rooms: ['handlers', 'messages', 'metrics', 'tracing', 'ground'],
        packages: ['@zscale/transport'],
      },
      gateway: {
        rooms: ['handlers', 'messages', 'metrics', 'tracing', 'ground'],
        packages: ['@zscale/transport'],
      },
      control: { rooms: ['messages', 'ground'], packages: ['@zscale/transport'] },
      dashboard: {
        rooms: ['handlers', 'messages', 'metrics', 'ground'],
        packages: ['@zscale/transport'],
      },
    },
    packages: ['@zscale/transport'],
  },
  cli: {
    ground: [
      'failure.ts',
      'printable.ts',
      'invocation.ts',
      'output.ts',
      'tables.ts',
      'flag-values.ts',
      'control-client.ts',
      'control-commands.ts',
      'settings.ts',
      'setting-kinds.ts',
      'setting-variables.ts',
      'settings-origin.ts',
      'settled-invocation.ts',
      'config.ts',
      'config-file.ts',
      'config-schema.ts',
      'env-file.ts',
      'ecosystem-file.ts',
      'watcher.ts',
      'reloading.ts',
      'knife-commands.ts',
      'frame-forms.ts',
      'completion-script.ts',
      'start-command.ts',
      'command-row.ts',
      'profile-command.ts',
      'top-command.ts',
      'bench-command.ts',
      'cpu-profile.ts',
      'call-commands.ts',
      'completion-command.ts',
      'device-command.ts',
      'init-command.ts',
      'keygen-command.ts',
      'knife-invocation.ts',
      'run-commands.ts',
      'command-table.ts',
    ],
    top: ['index.ts', 'main.ts', 'args.ts', 'setting-sources.ts'],
    rooms: {
      init: { rooms: ['ground'] },
      top: { rooms: ['ground'], packages: ['@zscale/core'] },
      bench: { rooms: ['ground'], packages: ['@zscale/core'] },
      commands: {
        rooms: ['top', 'bench', 'init', 'ground'],
        packages: ['@zscale/core', '@zscale/transport'],
      },
    },
    packages: ['@zscale/core', '@zscale/transport'],
  },
};

/** Each dependency is known to one module, or to the modules of one room. */
const DOORS: Readonly<Record<string, string>> = {
  '@msgpack/msgpack': 'packages/core/src/messages/payload.ts',
  pino: 'packages/core/src/logger.ts',
  'pino-pretty': 'packages/core/src/logger.ts',
  tsx: 'packages/core/src/typescript.ts',
  piscina: 'packages/core/src/worker/thread-pool.ts',
  'prom-client': 'packages/core/src/metrics/',
  '@noble/ciphers': 'packages/transport/src/mechanisms/curve/',
  '@noble/curves': 'packages/transport/src/mechanisms/curve/',
  '@noble/hashes': 'packages/transport/src/mechanisms/curve/',
  libsodium: 'packages/transport/src/mechanisms/curve/sodium.ts',
  commander: 'packages/cli/src/args.ts',
  uplot: 'packages/core/src/dashboard/page/chart.ts',
  zod: 'packages/cli/src/config-schema.ts',
  chokidar: 'packages/cli/src/watcher.ts',
};

const all = modules();
const isRelative = (specifier: string): boolean => specifier.startsWith('.');
const isPackage = (specifier: string): boolean =>
  !isRelative(specifier) && !specifier.startsWith('node:');

/** `@scope/name/deep` and `name/deep` without what is deep. */
function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** The floor a module stands on, in words of its house. */
function placeOf({ packageName, room, file }: Module): string | undefined {
  if (room !== undefined) return room;
  const house = HOUSES[packageName];
  if (house?.ground.includes(file)) return 'ground';
  return house?.top.includes(file) ? 'top' : undefined;
}

/** What of the rules a module breaks, in words. */
function trespasses(module: Module): string[] {
  const house = HOUSES[module.packageName];
  const place = placeOf(module);
  if (house === undefined || place === undefined) return [];
  const broken: string[] = [];
  for (const specifier of module.imports.filter(isRelative)) {
    const target = all.find(({ path }) => path === resolveImport(module.path, specifier));
    if (target === undefined) continue;
    const to = placeOf(target);
    const isAllowed =
      target.packageName === module.packageName &&
      (place === 'top' ||
        to === place ||
        (to !== undefined && (house.rooms[place]?.rooms.includes(to) ?? false)));
    if (!isAllowed) broken.push(`${module.path} (${place}) imports ${target.path} (${to})`);
  }
  return broken;
}

/** Modules in a circle of imports, if there is one: depth first, with the path so far. */
function findCycle(edges: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const finished = new Set<string>();
  const visit = (path: string, trail: readonly string[]): readonly string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (finished.has(path)) return undefined;
    for (const next of edges.get(path) ?? []) {
      const cycle = visit(next, [...trail, path]);
      if (cycle !== undefined) return cycle;
    }
    finished.add(path);
    return undefined;
  };
  for (const path of edges.keys()) {
    const cycle = visit(path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

describe('floors', () => {
  it('every module stands in a room or on a floor that is known here', () => {
    const homeless = all.filter((module) => {
      const house = HOUSES[module.packageName];
      return module.room === undefined
        ? placeOf(module) === undefined
        : house?.rooms[module.room] === undefined;
    });
    expect(homeless.map(({ path }) => path)).toEqual([]);
  });

  it('imports go down only: each room imports the rooms below it that it may know, and no other', () => {
    expect(all.flatMap(trespasses)).toEqual([]);
  });

  it('only index.ts, join.ts, which is its twin, and check.ts, which tries it, import scale.ts', () => {
    const importers = all.filter(({ path, imports }) =>
      imports.some(
        (name) => isRelative(name) && resolveImport(path, name) === 'packages/core/src/scale.ts',
      ),
    );
    expect(importers.map(({ path }) => path)).toEqual([
      'packages/core/src/check.ts',
      'packages/core/src/index.ts',
      'packages/core/src/join.ts',
    ]);
  });

  it('modules do not import each other in a circle', () => {
    const edges = new Map(
      all.map(({ path, imports }) => [
        path,
        imports.filter(isRelative).map((name) => resolveImport(path, name)),
      ]),
    );
    expect(findCycle(edges)).toBeUndefined();
  });

  it('wire and mechanisms have neither timers nor sockets', () => {
    const pure = all.filter(
      ({ packageName, room = '' }) =>
        packageName === 'transport' && ['wire', 'mechanisms'].includes(room),
    );
    expect(pure.length).toBeGreaterThan(0);
    const impure = pure.filter(({ imports }) =>
      imports.some((name) => /^node:(net|timers|dgram|tls|http|fs|dns|child_process)/.test(name)),
    );
    expect(impure.map(({ path }) => path)).toEqual([]);
  });

  it('transport imports nothing but node: modules, and ciphers', () => {
    const foreign = all
      .filter(({ packageName }) => packageName === 'transport')
      .flatMap(({ path, imports }) =>
        imports
          .filter((name) => isPackage(name) && !/^(@noble\/|libsodium$)/.test(name))
          .map((name) => `${path} imports ${name}`),
      );
    expect(foreign).toEqual([]);
  });
});

describe('doors', () => {
  it('each dependency is imported by one module, or in one room', () => {
    const wrong = all.flatMap(({ path, imports }) =>
      imports
        .filter((name) => isPackage(name) && !name.startsWith('@zscale/'))
        .filter((name) => !path.startsWith(DOORS[packageOf(name)] ?? 'nowhere'))
        .map((name) => `${path} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  it('packages of the house are imported by name, by those who may know them', () => {
    const wrong = all.flatMap((module) => {
      const house = HOUSES[module.packageName];
      const place = placeOf(module);
      const allowed =
        place === 'top' || (module.packageName === 'cli' && place === 'ground')
          ? house?.packages
          : house?.rooms[place ?? '']?.packages;
      return module.imports
        .filter((name) => name.startsWith('@zscale/') && !(allowed ?? []).includes(name))
        .map((name) => `${module.path} imports ${name}`);
    });
    expect(wrong).toEqual([]);
  });

  it('examples and benchmarks use packages as their users do: by name, not by path', () => {
    const deep = [...filesUnder('examples'), ...filesUnder('bench')]
      .filter((path) => /\.[cm]?[jt]s$/.test(path))
      .flatMap((path) =>
        importsOf(path)
          .filter((name) => name.includes('packages/') || /^@zscale\/[^/]+\//.test(name))
          .map((name) => `${path} imports ${name}`),
      );
    expect(deep).toEqual([]);
  });

  it('relative imports name the file, with its .ts', () => {
    const wrong = all.flatMap(({ path, imports }) =>
      imports
        .filter(
          (name) => isRelative(name) && !all.some((m) => m.path === resolveImport(path, name)),
        )
        .map((name) => `${path} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('names', () => {
  it('no file is called by what nobody looks for: utils, common, helpers, types, misc', () => {
    // Fixtures play the programs of users, who name them as they like.
    const named = ['packages', 'test', 'bench']
      .flatMap(filesUnder)
      .filter((path) => !path.startsWith('test/fixtures/'));
    const vague = named.filter((path) =>
      /(^|\/)(utils?|common|helpers?|types?|misc|shared|lib)(\/|\.[a-z]+$)/.test(path),
    );
    expect(vague).toEqual([]);
  });

  it('only the root of a package has an index.ts', () => {
    const indexes = filesUnder('packages').filter((path) => path.endsWith('/index.ts'));
    expect(indexes.filter((path) => !/^packages\/[^/]+\/src\/index\.ts$/.test(path))).toEqual([]);
  });

  it('files are named in kebab-case', () => {
    const wrong = all.filter(({ path }) => !/^[a-z0-9/-]+\.ts$/.test(path));
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });
});
