/*
 * `zscale init` in a project of a test, and what it wrote, read as those read it for whom it is.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parseArguments } from '../../packages/cli/src/args.ts';
import { init } from '../../packages/cli/src/commands/init.ts';
import type { Invocation } from '../../packages/cli/src/invocation.ts';
import { Output } from '../../packages/cli/src/output.ts';
import { settledByFile } from '../../packages/cli/src/setting-sources.ts';
import { freshFolder } from './programs.ts';
import { ROOT } from './source-tree.ts';

/** A folder with these files, removed when the running test ends. Its path has a blank in it, as those of people have. */
export function project(files: Readonly<Record<string, string>>): string {
  const folder = join(freshFolder(), 'my app');
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

/** What `zscale init <args>` prints in a folder. */
export async function initIn(folder: string, ...args: string[]): Promise<string> {
  const invocation = parseArguments(['init', ...args], '');
  if (invocation.command !== 'init') throw new Error(`expected init; got ${invocation.command}`);
  let printed = '';
  const stream = {
    write: (text: string | Uint8Array) => {
      printed += text;
    },
  };
  await init(invocation, new Output(stream, stream), folder, await settledByFile(folder));
  return printed;
}

/** A unit file: what each key of each section was given, in order. */
export type Unit = ReadonlyMap<string, readonly string[]>;

/** Reads a unit file; keys are `Section.Key`. Throws for a line that is none of one. */
export function readUnit(file: string): Unit {
  const unit = new Map<string, string[]>();
  let section = '';
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name] = /^\[(\w+)\]$/.exec(line) ?? [];
    const [, key, value = ''] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined) section = name;
    else if (key === undefined) throw new Error(`${file}: ${line}`);
    else unit.set(`${section}.${key}`, [...(unit.get(`${section}.${key}`) ?? []), value]);
  }
  return unit;
}

/** The words of a command of a unit, as systemd splits it. */
export function unitWords(command: string): string[] {
  return [...command.matchAll(/"((?:\\.|[^"\\])*)"|(\S+)/g)].map(([, quoted, plain = '']) =>
    (quoted?.replaceAll(/\\(.)/g, '$1') ?? plain).replaceAll('%%', '%').replaceAll('$$', '$'),
  );
}

/** What words behind `zscale` mean. Throws when the command line does not take them. */
export function meaning(words: readonly string[]): Invocation {
  return parseArguments(words, '');
}

const TYPES: Readonly<Record<string, string>> = {
  Deployment: 'apps/v1',
  Service: 'core/v1',
  PodDisruptionBudget: 'policy/v1',
  HorizontalPodAutoscaler: 'autoscaling/v2',
};

/**
 * What Kubernetes' own types have against these manifests: unknown fields, wrong types, missing ones; '' for nothing. The compiler
 * reads them as object literals.
 */
export function complaintsOfKubernetes(manifests: readonly { readonly kind: string }[]): string {
  const folder = freshFolder();
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  try {
    const code = manifests.map(
      (manifest, i) =>
        `import type { ${manifest.kind} as T${i} } from 'kubernetes-types/${TYPES[manifest.kind]}.js';\n` +
        `export const m${i}: T${i} = ${JSON.stringify(manifest, null, 1)};\n`,
    );
    writeFileSync(join(folder, 'manifests.ts'), code.join(''));
    const require = createRequire(import.meta.url);
    const compiler = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
    const flags =
      '--noEmit --strict --skipLibCheck --module nodenext --target es2022 --types'.split(' ');
    execFileSync(process.execPath, [compiler, ...flags, '', 'manifests.ts'], {
      cwd: folder,
      encoding: 'utf8',
    });
    return '';
  } catch (error) {
    return String(Reflect.get(Object(error), 'stdout'));
  }
}
