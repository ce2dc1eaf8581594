/*
 * A registry for npm, on loopback: it has ours as they would be published, and what they depend on as it lies in this workspace. So npm
 * installs as it does at a user's, without a network, and with the versions that are locked.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './cli.ts';
import { type Manifest, productionDependencies, published } from './production-dependencies.ts';

const run = promisify(execFile);

/** A package of ours as it would be published. */
export interface PackedPackage {
  readonly name: string;
  readonly manifest: Manifest;
  readonly tarball: string;
  /** Paths of its files, without `package/`. */
  readonly files: readonly string[];
  /** Bytes of the tarball, and of its files together. */
  readonly packed: number;
  readonly unpacked: number;
}

interface Entry {
  readonly manifest: Manifest;
  /** Makes its tarball, when somebody asks for it. */
  readonly pack: () => Promise<Buffer>;
}

/** The registry, from `start()` until `close()`. */
export class NpmRegistry {
  readonly packed: readonly PackedPackage[];
  readonly #folder: string;
  readonly #server: Server;
  /** By `name@version`. */
  readonly #entries: ReadonlyMap<string, Entry>;

  private constructor(
    folder: string,
    packed: readonly PackedPackage[],
    entries: ReadonlyMap<string, Entry>,
  ) {
    this.packed = packed;
    this.#folder = folder;
    this.#entries = entries;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** Packs ours by `pnpm pack`, and serves. */
  static async start(): Promise<NpmRegistry> {
    const folder = mkdtempSync(join(tmpdir(), 'zscale-npm-'));
    const packed = await Promise.all(
      published.map(({ folder: ours }) => pack(join(ROOT, ours), folder)),
    );
    const entries = new Map<string, Entry>();
    for (const [place, manifest] of productionDependencies()) {
      const key = `${manifest.name}@${manifest.version}`;
      entries.set(key, { manifest, pack: () => packInstalled(place, folder, key) });
    }
    for (const { manifest, tarball } of packed) {
      const key = `${manifest.name}@${manifest.version}`;
      entries.set(key, { manifest, pack: async () => readFileSync(tarball) });
    }
    const registry = new NpmRegistry(folder, packed, entries);
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  get url(): string {
    // It listens on a TCP port, so its address is an AddressInfo.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Installs packages into `folder` by npm, in an environment and with a cache of its own, and gives what npm said. */
  async install(folder: string, names: readonly string[]): Promise<string> {
    const args = ['install', ...names, '--no-audit', '--no-fund', '--ignore-scripts', '--verbose'];
    const env = {
      ...withoutNpm(process.env),
      npm_config_registry: this.url,
      npm_config_cache: join(this.#folder, 'cache'),
      npm_config_userconfig: join(this.#folder, 'npmrc'),
      npm_config_update_notifier: 'false',
    };
    const { stdout, stderr } = await run('npm', args, { cwd: folder, env });
    return stdout + stderr;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #answer({ url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(url.slice(1));
    const [, key] = /^-\/(.*)\.tgz$/.exec(path) ?? [];
    const entry = key === undefined ? undefined : this.#entries.get(key);
    if (entry !== undefined) {
      response.end(await entry.pack());
      return;
    }
    const versions = [...this.#entries].filter(([, { manifest }]) => manifest.name === path);
    if (versions.length === 0) {
      response.writeHead(404).end('{}');
      return;
    }
    const described = versions.map(([of, { manifest }]) => ({
      ...this.#withoutOtherPlatforms(manifest),
      dist: { tarball: `${this.url}/-/${encodeURIComponent(of)}.tgz` },
    }));
    const latest = described.at(-1)?.version;
    response.setHeader('Content-Type', 'application/json');
    response.end(
      JSON.stringify({
        name: path,
        'dist-tags': { latest },
        versions: Object.fromEntries(described.map((each) => [each.version, each])),
      }),
    );
  }

  #withoutOtherPlatforms(manifest: Manifest): Manifest {
    const here = new Set([...this.#entries.values()].map((entry) => entry.manifest.name));
    const { optionalDependencies = {} } = manifest;
    const kept = Object.entries(optionalDependencies).filter(([name]) => here.has(name));
    return { ...manifest, optionalDependencies: Object.fromEntries(kept) };
  }
}

/** An environment in which nothing is left of the pnpm or npm that runs the tests. */
export function withoutNpm(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => !/^(npm|pnpm)_|^(INIT_CWD|VITEST)/i.test(name),
  );
  return Object.fromEntries(kept);
}

async function pack(folder: string, destination: string): Promise<PackedPackage> {
  const { npm_execpath: pnpm = '' } = process.env;
  const [file, args] = /pnpm/.test(pnpm) ? [process.execPath, [pnpm]] : ['npx', ['-y', 'pnpm@10']];
  const { stdout } = await run(
    file,
    [...args, 'pack', '--json', '--pack-destination', destination],
    { cwd: folder },
  );
  const { filename } = JSON.parse(stdout) as { filename: string }; // pnpm's own format
  const tarball = filename.startsWith('/') ? filename : join(destination, filename);
  // The third word is the size: mode, owner, size, date, time, name.
  const listed = tar('-tvzf', tarball)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(({ length }) => length > 5)
    .map((words) => ({ size: Number(words[2]), path: words.at(-1) ?? '' }));
  const manifest: Manifest = JSON.parse(tar('-xOzf', tarball, 'package/package.json'));
  return {
    name: manifest.name,
    manifest,
    tarball,
    files: listed.map(({ path }) => path.replace(/^package\//, '')).sort(),
    packed: readFileSync(tarball).length,
    unpacked: listed.reduce((sum, { size }) => sum + size, 0),
  };
}

/** What is installed here as a tarball: its folder, under the name `package`. */
async function packInstalled(place: string, folder: string, key: string): Promise<Buffer> {
  const stage = mkdtempSync(join(folder, 'stage-'));
  symlinkSync(place, join(stage, 'package'));
  const tarball = join(stage, `${key.replaceAll('/', '-')}.tgz`);
  await run('tar', ['-chzf', tarball, '--exclude', 'package/node_modules', '-C', stage, 'package']);
  return readFileSync(tarball);
}

function tar(...args: string[]): string {
  return spawnSync('tar', args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }).stdout;
}
