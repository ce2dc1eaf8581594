/*
 * What is installed with our packages: the packages themselves, and everything they depend on, directly or through others, as it lies
 * in this workspace.
 */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ROOT } from './source-tree.ts';

/** What these tests read of a package.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly type?: string;
  readonly private?: boolean;
  readonly description?: string;
  readonly engines?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly files?: readonly string[];
  readonly bin?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly publishConfig?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** A package of ours, and its folder below the root. */
export interface PublishedPackage {
  readonly folder: string;
  readonly manifest: Manifest;
}

export function readManifest(file: string): Manifest {
  return JSON.parse(readFileSync(file, 'utf8')) as Manifest; // npm's own format
}

/** Ours, in the order of their names. */
export const published: readonly PublishedPackage[] = readdirSync(join(ROOT, 'packages'))
  .sort()
  .map((name) => `packages/${name}`)
  .map((folder) => ({ folder, manifest: readManifest(join(ROOT, folder, 'package.json')) }));

/** The package.json of an installed dependency, found as Node finds it from `folder`. */
function installedManifest(name: string, folder: string): string | undefined {
  const paths = createRequire(join(folder, 'package.json')).resolve.paths(name) ?? [];
  const found = paths.find((path) => existsSync(join(path, name, 'package.json')));
  return found && realpathSync(join(found, name, 'package.json'));
}

/** Everything that is installed with our packages, by its folder; ours are among it, where others of ours need them. */
export function productionDependencies(): Map<string, Manifest> {
  const found = new Map<string, Manifest>();
  const visit = (manifest: Manifest, folder: string): void => {
    const names = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
    for (const name of names) {
      const file = installedManifest(name, folder);
      if (file === undefined || found.has(dirname(file))) continue; // Optional, and of another platform.
      const dependency = readManifest(file);
      found.set(dirname(file), dependency);
      visit(dependency, dirname(file));
    }
  };
  for (const { folder, manifest } of published) visit(manifest, join(ROOT, folder));
  return found;
}
