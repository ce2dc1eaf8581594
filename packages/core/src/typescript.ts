/**
 * TypeScript at run time, for runtimes that cannot read it by themselves.
 *
 * Owns the only use of tsx. Node 22.18 and later, Bun and Deno strip types themselves and are left
 * alone.
 */

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
  const [commonJs, esm] = await Promise.all([import('tsx/cjs/api'), import('tsx/esm/api')]);
  commonJs.register();
  esm.register();
}

/**
 * `process.features.typescript` is 'strip' or 'transform' where Node does it; the types of Node 20
 * do not know it.
 */
function stripsTypes(): boolean {
  const typescript: unknown = Reflect.get(process.features, 'typescript');
  return Boolean(typescript) || 'Bun' in globalThis || 'Deno' in globalThis;
}
