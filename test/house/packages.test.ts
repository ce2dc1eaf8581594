/*
 * The packages as somebody gets them who installs them: MIT, ESM, no install scripts, nothing
 * native, one version, and dependencies that may be used freely.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  productionDependencies,
  published,
  readManifest,
} from '../support/production-dependencies.ts';
import { filesUnder, modules, ROOT, textOf } from '../support/source-tree.ts';

const root = readManifest(join(ROOT, 'package.json'));

const FREE_LICENCES = new Set(['MIT', 'ISC', '0BSD', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0']);

/** Scripts that npm runs on the machine of whoever installs. */
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish'];

describe.each(published)('$manifest.name', ({ folder, manifest }) => {
  it('is MIT, ESM, and says what it is', () => {
    expect(manifest).toMatchObject({ license: 'MIT', type: 'module' });
    expect(manifest.description).toMatch(/\w/);
    expect(manifest.private).toBeUndefined();
  });

  it('runs nothing when it is installed', () => {
    expect(Object.keys(manifest.scripts ?? {}).filter((s) => INSTALL_SCRIPTS.includes(s))).toEqual(
      [],
    );
  });

  it('has the version and the engines of the whole house', () => {
    expect(manifest.version).toBe(root.version);
    expect(manifest.engines).toEqual(root.engines);
  });

  it('ships dist with types, and not its sources or tests', () => {
    expect(manifest.files).toContain('dist');
    expect(manifest.files?.some((file) => /src|test/.test(file))).toBe(false);
    const entry = manifest.exports?.['.'] as { types?: string; default?: string } | undefined;
    if (entry === undefined) return;
    for (const file of [entry.types, entry.default]) {
      expect(existsSync(join(ROOT, folder, file ?? '')), `${file} (run tsc --build)`).toBe(true);
    }
  });

  it('has nothing native in it', () => {
    const native = filesUnder(folder).filter((path) =>
      /\.(node|so|dylib|dll|c|cc|cpp|gyp)$/.test(path),
    );
    expect(native).toEqual([]);
  });

  it('depends on what it imports, and imports what it depends on', () => {
    const imported = new Set(
      modules()
        .filter(({ path }) => path.startsWith(`${folder}/`))
        .flatMap(({ imports }) => imports)
        .filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
        .map((name) => name.split('/', name.startsWith('@') ? 2 : 1).join('/')),
    );
    const declared = Object.keys(manifest.dependencies ?? {});
    expect([...imported].filter((name) => !declared.includes(name))).toEqual([]);
    // One that is loaded by a name made at run time is named in the text all the same.
    const sources = modules()
      .filter(({ path }) => path.startsWith(`${folder}/`))
      .map(({ path }) => textOf(path))
      .join();
    expect(
      declared.filter((name) => !imported.has(name) && !sources.includes(`'${name}'`)),
    ).toEqual([]);
  });

  it('has commands that can be run', () => {
    for (const file of Object.values(manifest.bin ?? {})) {
      expect(textOf(join(folder, file))).toMatch(/^#!\/usr\/bin\/env node\n/);
      expect(statSync(join(ROOT, folder, file)).mode & 0o111).not.toBe(0);
    }
  });
});

describe('the workspace', () => {
  it('has its licence beside it', () => {
    expect(textOf('LICENSE')).toMatch(/^MIT License/);
    expect(root.license).toBe('MIT');
  });

  it('asks for one version of each dependency', () => {
    const ranges = new Map<string, Set<string>>();
    for (const { dependencies, devDependencies } of [root, ...published.map((p) => p.manifest)]) {
      for (const [name, range] of Object.entries({ ...dependencies, ...devDependencies })) {
        ranges.set(name, (ranges.get(name) ?? new Set()).add(range));
      }
    }
    expect([...ranges].filter(([, asked]) => asked.size > 1).map(([name]) => name)).toEqual([]);
  });

  it('locks versions without addresses to download from', () => {
    expect(textOf('pnpm-lock.yaml').match(/https?:\/\/\S+|tarball:.*/g)).toBeNull();
  });

  it('is built by nothing that a dependency runs while it is installed', () => {
    expect(textOf('pnpm-workspace.yaml')).toMatch(/^onlyBuiltDependencies: \[\]$/m);
  });

  it('depends on nothing whose licence is not free: MIT, ISC, BSD or Apache-2.0', () => {
    const dependencies = productionDependencies();
    expect(dependencies.size).toBeGreaterThan(0);
    const unfree = [...dependencies.values()]
      .filter(({ license = 'none' }) => !FREE_LICENCES.has(license))
      .map(({ name, license }) => `${name}: ${license}`);
    expect(unfree).toEqual([]);
  });

  it('its transport depends on nothing that is not ours or a cipher', () => {
    const transport = published.find(({ folder }) => folder === 'packages/transport');
    const foreign = Object.keys(transport?.manifest.dependencies ?? {}).filter(
      (name) => !/^(@noble\/|libsodium$)/.test(name),
    );
    expect(foreign).toEqual([]);
  });
});
