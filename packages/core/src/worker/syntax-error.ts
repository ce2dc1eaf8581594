/**
 * Where a syntax error is.
 *
 * Node 20 knows the file and line of a syntax error in an ES module, but shows them only when it
 * prints an error that nobody caught: an error caught from `import()` does not have them. So the
 * files in question are parsed once more, by `node --check`, which runs nothing.
 */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

/** Imports of a module's own files, static or not: `from './x.js'`, `import './x.js'`. */
const OWN_IMPORT = /\b(?:from|import)\s*\(?\s*['"](\.{1,2}\/[^'"\n]+)['"]/g;

/** A check takes about 40 ms; a module of more files is not searched to the end. */
const MAX_CHECKS = 25;

const CHECK_TIMEOUT_MS = 5000;

const run = promisify(execFile);

/**
 * Describes a syntax error that `entry`, or a file that it imports, was refused with: file and
 * line, the line itself, a mark below it, and what is wrong. Undefined when that cannot be found
 * out.
 */
export async function locateSyntaxError(
  error: SyntaxError,
  entry: string,
): Promise<string | undefined> {
  // Where Node says it itself, the stack begins with the place.
  if (!error.stack?.startsWith('SyntaxError')) return undefined;
  const files = new Set([entry]);
  for (const file of files) {
    const found = await check(file);
    if (found !== undefined) return found;
    for (const imported of ownImports(file)) {
      if (files.size < MAX_CHECKS) files.add(imported);
    }
  }
  return undefined;
}

async function check(file: string): Promise<string | undefined> {
  try {
    await run(process.execPath, ['--check', file], { timeout: CHECK_TIMEOUT_MS });
    return undefined;
  } catch (error) {
    const printed = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
    const lines = printed.split('\n').filter((line) => line.trim() !== '');
    const end = lines.findIndex((line) => line.startsWith('SyntaxError'));
    return end < 0 ? undefined : lines.slice(0, end + 1).join('\n');
  }
}

function ownImports(file: string): string[] {
  try {
    const source = readFileSync(file, 'utf8');
    return [...source.matchAll(OWN_IMPORT)].map(([, specifier = '']) =>
      path.resolve(path.dirname(file), specifier),
    );
  } catch {
    // Gone, or no file at all: then the error is not in it.
    return [];
  }
}
