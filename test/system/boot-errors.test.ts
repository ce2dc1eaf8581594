/*
 * Each way in which a service cannot start: one clear error, and nothing left running.
 */
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type ScaleOptions, scale } from '@zscale/core';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fixture, Program } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import {
  childrenOf,
  filesIn,
  freshFolder,
  linesOf,
  logOf,
  startProgram,
} from '../support/programs.ts';
import { until } from '../support/until.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

let folder: string;
beforeEach(() => {
  folder = freshFolder();
  vi.stubEnv('TMPDIR', folder);
  return () => vi.unstubAllEnvs();
});

/** The error that scale() rejects with, once nothing is left. */
async function failureOf(
  handler: Parameters<typeof scale>[0],
  options: ScaleOptions = {},
): Promise<{ readonly name: string; readonly code: string; readonly message: string }> {
  const children = childrenOf(process.pid);
  const started = scale(handler, {
    workers: 2,
    bind: 'tcp://127.0.0.1:*',
    logger: quiet,
    ...options,
  });
  const failure = await started.then(
    async (server) => {
      await server.close();
      throw new Error('it started');
    },
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(Error);
  expect(childrenOf(process.pid)).toEqual(children);
  // What is made of TypeScript is kept for the next process of this user.
  expect(filesIn(folder).filter((name) => !name.startsWith('tsx-'))).toEqual([]);
  const { name, message, code } = failure as Error & { code: string };
  return { name, code, message };
}

/** The same for a module of test/fixtures. */
function failureOfModule(name: string, options?: ScaleOptions): ReturnType<typeof failureOf> {
  return failureOf(fixture(name), options);
}

describe('a module that cannot be loaded', () => {
  it.each([
    ['handlers/no-such-file.mjs', 'there is no file '],
    ['handlers/no-handler.mjs', "looked for an export 'default' or 'handler'"],
    ['handlers/throws.mjs', 'Error: the database is not there'],
    ['broken/syntax.mjs', 'syntax.mjs:3'],
    ['broken/syntax.ts', 'syntax.ts:2'],
    ['broken/imports-syntax.mjs', 'syntax.mjs:3'],
  ])('%s: rejects with ZSCALE_ERR_LOAD and says why', async (file, why) => {
    const { name, code, message } = await failureOfModule(file);
    expect({ name, code }).toEqual({ name: 'WorkerBootError', code: 'ZSCALE_ERR_LOAD' });
    expect(message).toContain(fixture(file));
    expect(message).toContain(why);
  });

  it('because it has no export of the name that was asked for, says which', async () => {
    const { code, message } = await failureOfModule('handlers/custom.mjs', { exportName: 'limit' });
    expect(code).toBe('ZSCALE_ERR_LOAD');
    expect(message).toContain("looked for an export 'limit'");
  });

  it('because it ends the process, rejects with ZSCALE_ERR_BOOT and the exit code', async () => {
    const { name, code, message } = await failureOfModule('handlers/exits.mjs');
    expect({ name, code }).toEqual({ name: 'WorkerBootError', code: 'ZSCALE_ERR_BOOT' });
    expect(message).toMatch(/^worker \d \(pid \d+\) ended with exit code 7 before it was ready\. /);
    expect(message).toContain(`It ran the module ${fixture('handlers/exits.mjs')}.`);
  });

  it('because it never finishes loading, rejects after startTimeout', async () => {
    const { code, message } = await failureOfModule('handlers/never-loads.mjs', {
      startTimeout: 1000,
    });
    expect(code).toBe('ZSCALE_ERR_BOOT');
    expect(message).toMatch(/was not ready after 1000 ms \(startTimeout\)\. It ran the module /);
  });

  it('because it awaits what can never come, rejects at once', async () => {
    const { code, message } = await failureOfModule('handlers/awaits-nothing.mjs');
    expect(code).toBe('ZSCALE_ERR_BOOT');
    expect(message).toContain('a top-level await that can never settle');
  });

  it('is refused in a worker when it calls scale() itself, which starts no further workers', async () => {
    const { program } = startProgram('runaway.mjs');
    const { exitCode } = await program.end();
    expect(exitCode).toBe(0);
    const said = linesOf(program, 'rejected').map(({ code }) => code);
    expect(new Set(said)).toEqual(new Set(['ZSCALE_ERR_LOAD']));
    expect(program.stdout).toContain('must not call scale() itself');
  });
});

describe('a program that is run again', () => {
  it.each([
    ['ends', 'ended with exit code 0 before it was ready'],
    ['exits', 'ended with exit code 9 before it was ready'],
    ['waits', 'a top-level await that can never settle'],
    ['hangs', 'was not ready after 2000 ms (startTimeout)'],
  ])('and %s before its scale() call is a boot failure that says so', async (how, why) => {
    const { program, folder } = startProgram('boot.mjs', [how]);
    const { exitCode } = await program.end();
    const [line] = linesOf(program, 'rejected');
    expect(exitCode).toBe(0);
    expect(line).toMatchObject({ name: 'WorkerBootError', code: 'ZSCALE_ERR_BOOT' });
    expect(line?.message).toContain(why);
    expect(line?.message).toContain(fixture('programs/boot.mjs'));
    expect(line?.message).toContain('scale() call 0');
    expect(filesIn(folder)).toEqual([]);
  });

  it('and throws is a failure with the error that it threw', async () => {
    const { program, folder } = startProgram('boot.mjs', ['throws']);
    await program.end();
    const [line] = linesOf(program, 'rejected');
    expect(line).toMatchObject({ name: 'WorkerBootError', code: 'ZSCALE_ERR_LOAD' });
    expect(line?.message).toContain('Error: no such table: orders');
    expect(line?.message).toContain('boot.mjs:');
    expect(filesIn(folder)).toEqual([]);
  });
});

describe('a function without a program', () => {
  it('is refused in a test runner, with what to do instead', async () => {
    const { code, message } = await failureOf((request: string) => request);
    expect(code).toBe('ZSCALE_ERR_NO_PROGRAM');
    expect(message).toContain('it runs inside a test runner (VITEST is set)');
    expect(message).toContain("scale(new URL('./handler.js', import.meta.url))");
  });

  it.each([
    ['node -e', ['--input-type=module', '-e'], ''],
    ['standard input', ['--input-type=module', '-'], 'stdin'],
  ])('is refused in %s', async (_, options, how) => {
    const script = `
      import { scale } from '@zscale/core';
      await scale((request) => request).catch(({ code }) => console.log(code));
    `;
    const args = how === 'stdin' ? options : [...options, script];
    const program = new Program(process.execPath, args, how === 'stdin' ? { input: script } : {});
    expect(await program.end()).toMatchObject({ exitCode: 0, stdout: 'ZSCALE_ERR_NO_PROGRAM\n' });
  });

  it('leaves node -e with a module as it is: that works', async () => {
    const module = JSON.stringify(fixture('handlers/acts.mjs'));
    const script = `
      import { connect, scale } from '@zscale/core';
      const server = await scale(${module}, { workers: 1, bind: 'tcp://127.0.0.1:*' });
      const client = connect(server.endpoints[0]);
      console.log(await client.request({ act: 'sleep', ms: 0 }));
      await client.close();
      await server.close();
    `;
    const program = new Program(process.execPath, ['--input-type=module', '-e', script]);
    expect(await program.end()).toMatchObject({ exitCode: 0, stdout: 'slept\n' });
  });
});

describe('an address that cannot be had', () => {
  it.each(['bind', 'backend'])(
    'because the port of %s is taken, rejects with EADDRINUSE',
    async (side) => {
      const other = closing(createServer());
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
      const { port } = other.address() as { port: number };
      const { code, message } = await failureOfModule('handlers/default.mjs', {
        [side]: `tcp://127.0.0.1:${port}`,
      });
      expect(code).toBe('EADDRINUSE');
      expect(message).toContain(String(port));
    },
  );

  it.each([
    ['tcp://127.0.0.1', 'EINVAL'],
    ['tcp://127.0.0.1:http', 'EINVAL'],
    ['carrier-pigeon://roof', 'EPROTONOSUPPORT'],
    [`ipc:///tmp/${'x'.repeat(120)}`, 'ENAMETOOLONG'],
  ])('because %s is no address, rejects with %s', async (bind, expected) => {
    expect((await failureOfModule('handlers/default.mjs', { bind })).code).toBe(expected);
  });
});

describe('the folder of the private socket', () => {
  it.each([
    ['a folder that is not there', () => join(folder, 'missing'), 'ENOENT'],
    ['a file', () => fixture('handlers/default.mjs'), 'ENOTDIR'],
  ])(
    'that cannot be made in %s is an error that says where, and what to do',
    async (_, parent, expected) => {
      vi.stubEnv('TMPDIR', parent());
      const { code, message } = await failureOfModule('handlers/default.mjs');
      expect(code).toBe(expected);
      expect(message).toContain(`no folder can be made in ${parent()}`);
      expect(message).toContain('Set TMPDIR');
    },
  );

  it('is in /tmp when the path of TMPDIR is too long for a socket', async () => {
    vi.stubEnv('TMPDIR', join(folder, 'x'.repeat(100)));
    const server = closing(
      await scale(fixture('handlers/default.mjs'), {
        workers: 1,
        bind: 'tcp://127.0.0.1:*',
        logger: quiet,
      }),
    );
    expect(server.workers).toHaveLength(1);
  });
});

describe('options that make no sense', () => {
  it.each([
    [{ workers: 0 }],
    [{ workers: 1.5 }],
    [{ bind: [] }],
    [{ concurrency: 0 }],
    [{ startTimeout: -1 }],
    [{ name: '' }],
  ] satisfies [ScaleOptions][])('%j: reject with ZSCALE_ERR_OPTIONS', async (options) => {
    expect((await failureOfModule('handlers/default.mjs', options)).code).toBe(
      'ZSCALE_ERR_OPTIONS',
    );
  });

  it.each([
    ['a URL that is no file', new URL('https://example.org/handler.js')],
    ['an empty path', ''],
  ])('as a handler %s is refused', async (_, handler) => {
    const { code, message } = await failureOf(handler);
    expect(code).toBe('ZSCALE_ERR_OPTIONS');
    expect(message).toContain('a function, a file URL or the path of a module');
  });
});

describe('a replacement that cannot start', () => {
  it('is tried again, with a growing delay, until the service fails with a crash loop', async () => {
    const { program } = startProgram('breaks-later.mjs');
    await program.printed(/"event":"serving"/);
    await until(() => linesOf(program, 'failed').length === 1);
    await program.end();
    expect(linesOf(program, 'failed')).toMatchObject([{ code: 'ZSCALE_ERR_CRASH_LOOP' }]);
    const restarts = logOf(program).filter(({ restartIn }) => restartIn !== undefined);
    const [first, second] = restarts.map(({ restartIn }) => Number(restartIn));
    expect(restarts).toHaveLength(2);
    expect(second).toBeGreaterThan(Number(first));
    expect(restarts[1]?.reason).toContain('Error: the license has run out');
  });
});
