import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const fixtures = fileURLToPath(new URL('../../fixtures/', import.meta.url));

/** What a worker makes of the file, in a process without vitest's own way of loading modules. */
async function load(file: string, exportName?: string): Promise<unknown> {
  const args = [`${fixtures}programs/load-handler.mjs`, fixtures + file];
  if (exportName !== undefined) args.push(exportName);
  const { stdout } = await run(process.execPath, args);
  return JSON.parse(stdout);
}

/** The text of the ZSCALE_ERR_LOAD that the file is refused with. */
async function refusalOf(file: string, exportName?: string): Promise<string> {
  const result = await load(file, exportName);
  expect(result).toEqual({ code: 'ZSCALE_ERR_LOAD', message: expect.any(String) });
  return String(Reflect.get(Object(result), 'message'));
}

describe.concurrent('loading a handler', () => {
  it.each([
    'default.mjs',
    'default.js',
    'handler.mjs',
    'both.mjs',
    'top-level-await.mjs',
    'default.cjs',
    'handler.cjs',
    'computed.cjs',
    'compiled.cjs',
    'commonjs/default.js',
    'default.ts',
    'handler.mts',
    'default.cts',
    'commonjs/default.ts',
  ])('finds the handler of %s', async (file) => {
    expect(await load(`handlers/${file}`)).toEqual({ reply: `${file} got it` });
  });

  it('lets TypeScript import TypeScript', async () => {
    expect(await load('handlers/imports.ts')).toEqual({
      reply: 'imports.ts asked: handler.mts got it',
    });
  });

  it('takes the export that is asked for', async () => {
    expect(await load('handlers/custom.mjs', 'answer')).toEqual({ reply: 'custom.mjs got it' });
    expect(await load('handlers/both.mjs', 'handler')).toEqual({ reply: 'the other one' });
  });

  it('says what it looked for and what there is, when there is no handler', async () => {
    expect(await refusalOf('handlers/no-handler.mjs')).toBe(
      `no handler in ${fixtures}handlers/no-handler.mjs: looked for an export 'default' or 'handler' ` +
        'that is a function; the module exports answer (number), helpers (object), respond (function)',
    );
  });

  it('says which export it looked for, when one was asked for', async () => {
    const text = await refusalOf('handlers/custom.mjs', 'limit');
    expect(text).toContain("looked for an export 'limit' that is a function");
    expect(text).toContain('the module exports answer (function), limit (number)');
  });

  it('says that a module exports nothing', async () => {
    expect(await refusalOf('handlers/nothing.mjs')).toContain('the module exports nothing');
  });

  it('says that there is no such file', async () => {
    const text = await refusalOf('handlers/no-such-file.ts');
    expect(text).toBe(`there is no file ${fixtures}handlers/no-such-file.ts`);
  });

  it('says that a folder is no module', async () => {
    expect(await refusalOf('handlers')).toBe(
      `${fixtures}handlers is not a file; name the module in it`,
    );
  });

  it('shows the error and the place when a module throws', async () => {
    const text = await refusalOf('handlers/throws.mjs');
    expect(text).toContain('throws.mjs could not be loaded:\nError: the database is not there');
    expect(text).toContain('throws.mjs:1:7');
    expect(text).not.toContain('node:internal');
  });

  it('names the module that an import did not find, and who asked for it', async () => {
    const text = await refusalOf('handlers/missing-import.mjs');
    expect(text).toMatch(
      /Cannot find module '.*no-such-module.mjs' imported from .*missing-import.mjs/,
    );
  });

  it.each([
    ['syntax.mjs', 'syntax.mjs:3'],
    ['syntax.cjs', 'syntax.cjs:2'],
    ['syntax.ts', 'syntax.ts:2'],
    ['imports-syntax.mjs', 'syntax.mjs:3'],
    ['wrong-name.mjs', 'wrong-name.mjs:1'],
  ])('shows file and line of the syntax error in %s', async (file, place) => {
    const text = await refusalOf(`broken/${file}`);
    expect(text).toContain(`${file} could not be loaded:\n`);
    expect(text).toContain(place);
    expect(text).toMatch(/SyntaxError|ERROR: /);
  });
});
