/**
 * TypeScript at run time, for runtimes that cannot read it by themselves.
 *
 * Owns the only use of tsx. Node 22.18 and later, Bun and Deno strip types themselves and are left
 * alone.
 */

import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Others than the owner who may write. */
const OTHERS = 0o022;

/** The extensions that are TypeScript, whatever the package says. */
const TYPESCRIPT_FILE = /\.[mc]?tsx?$/;

/** Whether this file's name says that it is TypeScript. Takes a path or a file URL. */
export function isTypeScript(file: string): boolean {
  return TYPESCRIPT_FILE.test(file);
}

/**
 * Makes `import` and `require` of this process read TypeScript (`.ts .mts .cts .tsx`), without
 * checking types. Resolves when they do; at once where the runtime does it itself. Takes about 90
 * ms where tsx has to be loaded, so it is called only for a module that needs it, and once.
 */
export async function registerTypeScript(): Promise<void> {
  if (stripsTypes()) return;
  keepForeignCacheOut();
  const [commonJs, esm] = await Promise.all([import('tsx/cjs/api'), import('tsx/esm/api')]);
  commonJs.register();
  esm.register();
}

/**
 * tsx keeps what it made in `$TMPDIR/tsx-UID`, and runs what it finds there. Somebody else who made that folder before us could put
 * anything into it; and where we may make none, tsx fails. In both cases it does without.
 */
function keepForeignCacheOut(): void {
  const uid = process.geteuid?.();
  if (uid === undefined) return;
  const folder = path.join(tmpdir(), `tsx-${uid}`);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch {
    // It is there, or it cannot be: that is looked at next.
  }
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  const isOurs = stats?.isDirectory() === true && stats.uid === uid && (stats.mode & OTHERS) === 0;
  if (!isOurs) process.env.TSX_DISABLE_CACHE = '1';
}

/**
 * `process.features.typescript` is 'strip' or 'transform' where Node does it; the types of Node 20
 * do not know it.
 */
function stripsTypes(): boolean {
  const typescript: unknown = Reflect.get(process.features, 'typescript');
  return Boolean(typescript) || 'Bun' in globalThis || 'Deno' in globalThis;
}
