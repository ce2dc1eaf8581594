/*
 * The repository as text, for the house tests: which modules there are, and what each imports.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's folder. */
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

const NOT_OURS = new Set(['node_modules', 'dist', 'coverage', '.git']);

/** Files under `folder`, as paths from the repository's root, sorted; without what tools made. */
export function filesUnder(folder: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
    if (NOT_OURS.has(entry.name)) continue;
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) found.push(...filesUnder(path));
    else found.push(path);
  }
  return found.sort();
}

/** The text of a file of the repository. */
export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** A string, a template or a comment: whichever starts first hides the others inside it. */
const QUOTED_OR_COMMENT =
  /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;

/** The same text with its comments blanked out; lines keep their numbers. */
export function codeOf(path: string): string {
  return textOf(path).replaceAll(QUOTED_OR_COMMENT, (found) =>
    found.startsWith('/') ? found.replaceAll(/[^\n]/g, ' ') : found,
  );
}

/** A module of a package. */
export interface Module {
  /** From the repository's root: `packages/transport/src/wire/frame.ts`. */
  readonly path: string;
  /** The package's folder: `transport`. */
  readonly packageName: string;
  /** The folder in `src` it stands in, `wire`; undefined for files in `src` itself. */
  readonly room: string | undefined;
  /** Its name in there: `frame.ts`. */
  readonly file: string;
  /** Specifiers as they are written, of static and dynamic imports and re-exports. */
  readonly imports: readonly string[];
}

const IMPORTS = [
  /^(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm,
  /^import\s*['"]([^'"]+)['"]/gm,
  /\b(?:import|require)\s*\(\s*['"]([^'"]+)['"]/g,
];

/** What a module imports, as written. */
export function importsOf(path: string): string[] {
  const code = codeOf(path);
  return IMPORTS.flatMap((pattern) => [...code.matchAll(pattern)].map(([, name]) => name ?? ''));
}

/** Every TypeScript module in the `src` of every package. */
export function modules(): Module[] {
  return filesUnder('packages')
    .filter((path) => /^packages\/[^/]+\/src\/.*\.ts$/.test(path))
    .map((path) => {
      const [, packageName = '', , ...inside] = path.split('/');
      return {
        path,
        packageName,
        room: inside.length > 1 ? inside[0] : undefined,
        file: inside.slice(inside.length > 1 ? 1 : 0).join('/'),
        imports: importsOf(path),
      };
    });
}

/** The path from the root that a relative import of `path` leads to. */
export function resolveImport(path: string, specifier: string): string {
  return relative(ROOT, join(ROOT, dirname(path), specifier));
}
