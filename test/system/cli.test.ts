import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  fixture,
  isAlive,
  Program,
  type ProgramEnd,
  ROOT,
  startZscale,
  zscale,
  zscaleRun,
} from '../support/cli.ts';
import { freshIpc, freshPath, freshTcp } from '../support/endpoints.ts';
import { until } from '../support/until.ts';

const ECHO = fixture('cli/echo.ts');
const MANY = fixture('cli/many.js');

/** The options that keep a server that fails from saying more than its one line. */
const QUIET = ['--log-level', 'silent'];

/** Expects an end with this code, nothing on stdout, and one line on stderr, which it gives. */
function complaint(end: ProgramEnd, exitCode: number): string {
  expect(end).toMatchObject({ exitCode, signal: null, stdout: '' });
  const lines = end.stderr.trimEnd().split('\n');
  expect(lines, end.stderr).toHaveLength(1);
  return lines[0] ?? '';
}

/** What `zscale call` printed, read back. */
async function call(endpoint: string, value: unknown, ...flags: string[]): Promise<unknown> {
  const end = await zscale(['call', endpoint, JSON.stringify(value), ...flags]);
  expect(end).toMatchObject({ exitCode: 0, stderr: '' });
  return JSON.parse(end.stdout);
}

describe('zscale run', () => {
  it.each([
    ['a TypeScript module with a default export', 'default.ts'],
    ['a TypeScript ES module that exports handler', 'handler.mts'],
    ['a TypeScript CommonJS module', 'default.cts'],
    ['an ES module with a default export', 'default.js'],
    ['an ES module that exports handler', 'handler.mjs'],
    ['a CommonJS module that is its handler', 'default.cjs'],
    ['a CommonJS module that exports handler', 'handler.cjs'],
  ])('serves %s', async (_, name) => {
    const { program, endpoint } = await zscaleRun([fixture(`handlers/${name}`)]);
    expect(await call(endpoint, 'you')).toBe(`${name} got you`);
    program.signal('SIGINT');
    expect(await program.end()).toMatchObject({ exitCode: 0, signal: null });
  });

  it('is what zscale does with a file and no command', async () => {
    const program = startZscale([ECHO, '--bind', 'tcp://127.0.0.1:*', '-w', '1']);
    const [, endpoint = ''] = await program.printed(/clients +(\S+)/);
    expect(await call(endpoint, 1)).toMatchObject({ got: 1 });
  });

  it('says where it listens, why it has so many workers, and how to call it', async () => {
    const { program } = await zscaleRun([
      ECHO,
      ...['--bind', 'tcp://127.0.0.1:*', '--bind', freshIpc(), '--workers', 'auto'],
      ...['--backend', 'tcp://127.0.0.1:*', '--codec', 'json'],
    ]);
    expect(program.stdout).toMatch(/clients +tcp:\/\/127\.0\.0\.1:\d+\n +clients +ipc:\/\/\S+\n/);
    expect(program.stdout).toMatch(/back end +tcp:\/\/127\.0\.0\.1:\d+ /);
    expect(program.stdout).toMatch(/running +\d+ workers?: .+\n/);

    const [, line = ''] = await program.printed(/try it +zscale (.*)\n/);
    const argv = line.split(' ').map((word) => word.replace(/^'(.*)'$/, '$1'));
    expect(await zscale(argv)).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('starts as many workers as it is told', async () => {
    const { program, endpoint } = await zscaleRun([ECHO, '--workers', '3']);
    expect(program.stdout).toMatch(/running +3 workers: as asked for\n/);
    const replies = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => call(endpoint, n)));
    for (const reply of replies) expect(Reflect.get(Object(reply), 'worker')).toMatch(/^[012]$/);
  });

  it('hosts the export it is told to, with the environment it is told to', async () => {
    const { endpoint } = await zscaleRun([MANY, '--export', 'environment', '-e', 'GREETING=a=b c']);
    expect(await call(endpoint, null)).toBe('a=b c');
  });

  it('logs JSON lines to stderr and leaves stdout to its notice', async () => {
    const { program } = await zscaleRun([ECHO, '--log-format', 'json', '--name', 'greeter']);
    program.signal('SIGTERM');
    const { stdout, stderr } = await program.end();
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.length).toBeGreaterThan(0);
    expect(stdout).not.toContain('"level"');
  });

  it('goes on serving when nobody reads its notice any more', async () => {
    const command = `"${process.execPath}" packages/cli/bin/zscale.js run "$0" -w 1 --bind "$1" | head -n 2`;
    const endpoint = freshIpc();
    const shell = new Program('sh', ['-c', command, ECHO, endpoint]);
    const reply = await call(endpoint, 'still there?', '--timeout', '20s');
    expect(reply).toMatchObject({ got: 'still there?' });
    // The shell ends with the server, which has to be told by its worker's parent.
    const worker = Number(Reflect.get(Object(reply), 'pid'));
    process.kill(parentOf(worker), 'SIGTERM');
    await shell.end();
    expect(isAlive(worker)).toBe(false);
  });
});

/** The parent of a process, as the kernel has it. */
function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

describe('zscale run, told to stop', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'by %s finishes the open request, ends with 0 and leaves no worker',
    async (signal) => {
      const file = freshPath('txt');
      const { program, endpoint } = await zscaleRun([MANY, '--export', 'slow', '--workers', '1']);
      const pending = zscale(['call', endpoint, JSON.stringify({ file })]);
      await until(() => existsSync(file));

      program.signal(signal);
      rmSync(file);
      expect(await pending).toMatchObject({ exitCode: 0, stdout: '"done"\n' });
      expect(await program.end()).toMatchObject({ exitCode: 0, signal: null });
    },
  );

  it('a second time ends at once, with 128 and the number of the signal', async () => {
    const file = freshPath('txt');
    const { program, endpoint } = await zscaleRun([MANY, '--export', 'slow', '--workers', '1']);
    const pending = startZscale(['call', endpoint, JSON.stringify({ file })]);
    await until(() => existsSync(file));

    program.signal('SIGINT');
    // Package managers forward a Ctrl-C that came from the terminal already: a second one is one
    // that comes 300 ms later.
    const first = performance.now();
    await until(() => performance.now() - first > 350);
    program.signal('SIGINT');
    expect((await program.end()).exitCode).toBe(130);
    await pending.close();
  });

  it('leaves no socket file and no worker behind', async () => {
    const endpoint = freshIpc();
    const { program } = await zscaleRun([ECHO, '--bind', endpoint]);
    const reply = await call(endpoint, 1);
    program.signal('SIGTERM');
    expect(await program.end()).toMatchObject({ exitCode: 0 });
    expect(existsSync(endpoint.slice('ipc://'.length))).toBe(false);
    expect(isAlive(Number(Reflect.get(Object(reply), 'pid')))).toBe(false);
  });
});

describe('zscale run, unable to load', () => {
  it.each([
    ['a file that is not there', 'handlers/absent.ts', /absent\.ts/],
    ['a module without a handler', 'handlers/no-handler.mjs', /default.*handler/],
    ['a syntax error', 'broken/syntax.mjs', /syntax\.mjs:3/],
    ['a module that throws', 'handlers/throws.mjs', /the database is not there/],
  ])('%s ends with 4 and says what is wrong', async (_, name, words) => {
    const end = await zscale(['run', fixture(name), ...freePort(), ...QUIET]);
    expect(end).toMatchObject({ exitCode: 4, stdout: '' });
    expect(end.stderr).toMatch(/^zscale: /);
    expect(end.stderr).toMatch(words);
  });

  it('an export that is not there ends with 4 and names it', async () => {
    const end = await zscale(['run', MANY, '--export', 'nobody', ...freePort(), ...QUIET]);
    expect(complaint(end, 4)).toContain('nobody');
  });

  it('a module that ends its process ends with 3', async () => {
    const end = await zscale(['run', fixture('handlers/exits.mjs'), ...freePort(), ...QUIET]);
    expect(complaint(end, 3)).toMatch(/^zscale: .*7/);
  });

  it('a module that never finishes ends with 3 after --start-timeout', async () => {
    const flags = ['--start-timeout', '700ms', ...freePort(), ...QUIET];
    const end = await zscale(['run', fixture('handlers/never-loads.mjs'), ...flags]);
    expect(complaint(end, 3)).toMatch(/^zscale: /);
  });

  it('shows where the module threw, and the stack only with --log-level debug', async () => {
    const argv = ['run', fixture('handlers/throws.mjs'), ...freePort(), '--log-format', 'json'];
    const debug = await zscale([...argv, '--log-level', 'debug']);
    expect(debug.stderr.match(/^ +at /gm)?.length).toBeGreaterThan(1);
    const info = await zscale(argv);
    expect(info.stderr.match(/^ +at .*$/gm)).toEqual([expect.stringContaining('throws.mjs:1:7')]);
  });
});

describe('zscale run, unable to listen', () => {
  it('at a port that is taken ends with 1 and says so', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;

    const end = await zscale(['run', ECHO, '--bind', `tcp://127.0.0.1:${port}`, ...QUIET]);
    const line = complaint(end, 1);
    expect(line).toContain(`tcp://127.0.0.1:${port}`);
    expect(line).toContain('EADDRINUSE');
  });

  it('in a folder that does not exist ends with 1', async () => {
    const end = await zscale(['run', ECHO, '--bind', 'ipc:///no/such/folder/x.sock', ...QUIET]);
    expect(complaint(end, 1)).toMatch(/ipc:\/\/\/no\/such\/folder\/x\.sock.*ENOENT/);
  });

  it('at an address of another machine ends with 1', async () => {
    const end = await zscale(['run', ECHO, '--bind', 'tcp://192.0.2.1:5555', ...QUIET]);
    expect(complaint(end, 1)).toMatch(/tcp:\/\/192\.0\.2\.1:5555.*EADDRNOTAVAIL/);
  });

  it.each(['tcp://127.0.0.1', 'tcp://127.0.0.1:port', 'tcp://127.0.0.1:70000'])(
    'at the malformed %s ends with 2',
    async (endpoint) => {
      const end = await zscale(['run', ECHO, '--bind', endpoint, ...QUIET]);
      expect(complaint(end, 2)).toContain(endpoint);
    },
  );

  it('at a path that is too long ends with 2', async () => {
    const endpoint = `ipc:///tmp/${'x'.repeat(120)}`;
    expect(complaint(await zscale(['run', ECHO, '--bind', endpoint, ...QUIET]), 2)).toMatch(/107/);
  });
});

it('zscale run ends with 5 when its workers keep crashing', async () => {
  const flags = ['--export', 'dies', '--workers', '1', '--max-restarts', '0', ...QUIET];
  const { program, endpoint } = await zscaleRun([MANY, ...flags]);
  const end = await zscale(['call', endpoint, 'null']);
  expect(complaint(end, 1)).toMatch(/^ZSCALE_ERR_/);
  const { exitCode, stderr } = await program.end();
  expect(exitCode).toBe(5);
  expect(stderr).toMatch(/^zscale: .+\n$/);
});

describe('zscale call', () => {
  it('prints the reply as one line of JSON', async () => {
    const { endpoint } = await zscaleRun([MANY, '--export', 'values']);
    const end = await zscale(['call', endpoint, '{}']);
    expect(end).toMatchObject({ exitCode: 0, stderr: '' });
    expect(end.stdout).toBe('{"bytes":"aGVsbG8=","text":"hello"}\n');
  });

  it('reads the value from stdin, for "-" and for none', async () => {
    const { endpoint } = await zscaleRun([ECHO]);
    for (const argv of [['-'], []]) {
      const end = await zscale(['call', endpoint, ...argv], { input: '{"from":"stdin"}\n' });
      expect(JSON.parse(end.stdout)).toMatchObject({ got: { from: 'stdin' } });
    }
  });

  it('speaks JSON with a service that does', async () => {
    const { endpoint } = await zscaleRun([ECHO, '--codec', 'json']);
    expect(await call(endpoint, { a: [1, 'x', null] }, '--codec', 'json')).toMatchObject({
      got: { a: [1, 'x', null] },
    });
  });

  it('with codec raw sends the bytes of the text and prints those of the reply', async () => {
    const { endpoint } = await zscaleRun([MANY, '--export', 'bytes', '--codec', 'raw']);
    const given = await zscale(['call', endpoint, 'not {json}', '--codec', 'raw']);
    expect(given.stdout).toBe('<not {json}>');

    const piped = startZscale(['call', endpoint, '--codec', 'raw'], {
      input: Buffer.of(0, 255, 10),
    });
    await piped.end();
    expect(piped.stdoutBytes).toEqual(Buffer.from('<\x00\xff\n>', 'latin1'));
  });

  it('with --raw-output prints a text without its quotes', async () => {
    const { endpoint } = await zscaleRun([MANY, '--export', 'environment', '-e', 'GREETING=hi']);
    expect((await zscale(['call', endpoint, 'null', '--raw-output'])).stdout).toBe('hi');
  });

  it('reaches a server over ipc', async () => {
    const { endpoint } = await zscaleRun([ECHO, '--bind', freshIpc()]);
    expect(await call(endpoint, 1)).toMatchObject({ got: 1 });
  });

  it("ends with 1 and the handler's own code when the handler throws", async () => {
    const { endpoint } = await zscaleRun([MANY, '--export', 'fails', ...QUIET]);
    const end = await zscale(['call', endpoint, 'null']);
    expect(complaint(end, 1)).toBe('NOT_FOUND: no such customer');
  });

  it('ends with 1 when no reply comes in time', async () => {
    const end = await zscale(['call', await freshTcp(), 'null', '--timeout', '200ms']);
    expect(complaint(end, 1)).toMatch(/^ZSCALE_ERR_TIMEOUT: /);
  });

  it.each([
    ['hello', "'{"],
    ['{name:you}', "'{"],
    ['', 'nothing'],
  ])(
    'ends with 2 when the value is %j, which is not JSON, and shows how to quote',
    async (value, words) => {
      const line = complaint(await zscale(['call', await freshTcp(), value]), 2);
      expect(line).toMatch(/^zscale: the value must be JSON/);
      expect(line).toContain(words);
    },
  );

  it('ends with 2 when the endpoint makes no sense', async () => {
    for (const endpoint of ['5555', 'tcp://127.0.0.1:*', 'tcp://127.0.0.1', 'udp://127.0.0.1:1']) {
      expect(complaint(await zscale(['call', endpoint, 'null']), 2)).toContain(endpoint);
    }
  });
});

describe('zscale', () => {
  it('prints its help and its version on stdout and ends with 0', async () => {
    for (const argv of [['--help'], ['run', '--help'], ['call', '--help'], ['help', 'run']]) {
      const end = await zscale(argv);
      expect(end).toMatchObject({ exitCode: 0, stderr: '' });
      expect(end.stdout).toMatch(/^Usage: zscale /);
    }
    const manifest = readFileSync(join(ROOT, 'packages/cli/package.json'), 'utf8');
    const { stdout } = await zscale(['--version']);
    expect(stdout.trim()).toBe(JSON.parse(manifest).version);
  });

  it.each([
    [['run', ECHO, '--workers', '0'], '--workers'],
    [['run', ECHO, '--workers', 'x'], '--workers'],
    [['run', ECHO, '--workers', '5000'], 'workers'],
    [['run', ECHO, '--name', 'a b'], 'name'],
    [['run', ECHO, '--nonsense'], '--nonsense'],
    [['run', ECHO, '--bind', 'foo://x'], 'foo'],
    [[], 'the file to run is missing'],
    [['call'], 'the endpoint to call is missing'],
  ])('ends with 2 and one line after %j', async (argv, words) => {
    const line = complaint(await zscale(argv), 2);
    expect(line).toMatch(/^zscale: /);
    expect(line).toContain(words);
  });

  it('that was not built says how to build it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'zscale-unbuilt-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    copyFileSync(join(ROOT, 'packages/cli/bin/zscale.js'), join(folder, 'zscale.mjs'));
    const program = new Program(process.execPath, [join(folder, 'zscale.mjs'), '--help']);
    expect(complaint(await program.end(), 1)).toBe(
      'zscale: not built yet; run "pnpm build" once, then try again.',
    );
  });
});

/** Flags that bind any free port. */
function freePort(): string[] {
  return ['--bind', 'tcp://127.0.0.1:*'];
}
