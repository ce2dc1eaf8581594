/*
 * zscale profile: a worker is looked into while it serves, computes without end, or waits; the file is complete and this user's alone;
 * and whatever is asked for, the worker is left as it was.
 */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '@zscale/core';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type Program,
  ROOT,
  type RunningServer,
  startZscale,
  zscale,
  zscaleRun,
} from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { faultsOf, schemasOf } from '../support/json-schema.ts';
import { freshFolder } from '../support/programs.ts';
import { until } from '../support/until.ts';

const SCHEMAS = schemasOf('docs/reference/control.md');

let folder: string;
let module: string;
beforeEach(() => {
  folder = freshFolder();
  module = join(folder, 'handler.mjs');
  writeFileSync(
    module,
    `import { setTimeout as delay } from 'node:timers/promises';
class Kept {}
globalThis.kept = Array.from({ length: 1000 }, () => new Kept());
function spinForEver() { for (;;) Math.sqrt(2); }
export default async ({ act }) => act === 'spin' ? spinForEver() : delay(1, process.pid);`,
  );
  vi.stubEnv('TMPDIR', freshFolder());
  vi.stubEnv('XDG_RUNTIME_DIR', '');
  return () => vi.unstubAllEnvs();
});

function serve(...args: string[]): Promise<RunningServer> {
  return zscaleRun([module, '--workers', '1', ...args]);
}

function clientOf({ endpoint }: RunningServer) {
  return closing(connect<(request: object) => unknown>(endpoint));
}

/** What the command prints with --json, as the schema says. */
function reportOf(stdout: string): Record<string, unknown> {
  const report = JSON.parse(stdout);
  expect(SCHEMAS.has('profile')).toBe(true);
  expect(faultsOf(report, SCHEMAS.get('profile'))).toEqual([]);
  return report;
}

/** Names of the functions in a profile. */
function functionsIn(file: string): string[] {
  const { nodes } = JSON.parse(readFileSync(file, 'utf8'));
  return nodes.map((node: { callFrame: { functionName: string } }) => node.callFrame.functionName);
}

/** A profile that has begun: its file is there. */
async function begun(file: string, ...args: string[]): Promise<Program> {
  const program = startZscale(['profile', 'cpu', '0', '-o', file, ...args]);
  await until(() => existsSync(file) || program.hasEnded, 'the file of the profile');
  return program;
}

describe('zscale profile cpu', () => {
  it('shows what a worker computes that never ends, and leaves it alive', async () => {
    const server = await serve('--hang-timeout', '1s');
    const file = join(folder, 'hot.cpuprofile');
    const running = await begun(file, '--for', '3s', '--json');
    // It hangs from here on, for longer than it may: but not while it is looked at.
    clientOf(server)
      .request({ act: 'spin' })
      .catch(() => {});
    const { stdout, exitCode } = await running.end();
    expect(exitCode).toBe(0);
    const report = reportOf(stdout);
    expect(report).toMatchObject({ worker: 0, kind: 'cpu', file });
    expect(report.duration).toBeGreaterThanOrEqual(3000);
    expect(report.bytes).toBe(statSync(file).size);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(functionsIn(file)).toContain('spinForEver');
    expect(report.functions).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: 'spinForEver' })]),
    );
    // Now it has hung, and is found out.
    await server.program.printed(/Ctrl-C/);
    await until(() => /worker hangs/.test(server.program.stderr), 'the hang to be noticed');
  });

  it('tells a person where the file is, how it is opened, and where the time went', async () => {
    await serve();
    const { stdout, stderr, exitCode } = await zscale(['profile', 'cpu', '0', '--for', '200ms'], {
      cwd: folder,
    });
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(stderr).toMatch(/taking a CPU profile of worker 0 for 200ms/);
    const [, file = ''] =
      /^ {2}(\/\S+zscale-worker-0-\d{8}T\d{6}\.cpuprofile)$/m.exec(stdout) ?? [];
    expect(statSync(file).size).toBeGreaterThan(0);
    expect(stdout).toMatch(/^CPU profile of worker 0 \(pid \d+\): \d+ms, \S+ K?B$/m);
    expect(stdout).toMatch(/VS Code/);
    expect(stdout).toMatch(/^idle \d+\.\d%$/m);
  });

  it('is ended by Ctrl-C, and keeps what there is', async () => {
    await serve();
    const file = join(folder, 'short.cpuprofile');
    const running = await begun(file, '--for', '5m', '--json');
    running.signal('SIGINT');
    const { stdout, stderr, exitCode } = await running.end();
    expect(exitCode, stderr).toBe(0);
    expect(reportOf(stdout).duration).toBeLessThan(300_000);
    expect(functionsIn(file)).toContain('(root)');
  });

  it('takes one at a time of a worker, and another afterwards', async () => {
    await serve();
    const file = join(folder, 'first.cpuprofile');
    const running = await begun(file, '--for', '5m');
    const second = join(folder, 'second.cpuprofile');
    const refused = await zscale(['profile', 'cpu', '0', '-o', second]);
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
    expect(refused.stderr).toMatch(/another profile of worker 0 is being taken/);
    expect(existsSync(second)).toBe(false);
    running.signal('SIGINT');
    expect(await running.end()).toMatchObject({ exitCode: 0 });
    const again = await zscale(['profile', 'cpu', '0', '--for', '100ms', '-o', second]);
    expect(again).toMatchObject({ exitCode: 0 });
  });

  it('says that the worker ended before its profile was there', async () => {
    await serve();
    const running = await begun(join(folder, 'lost.cpuprofile'), '--for', '5m');
    await zscale(['kill', '0']);
    const { exitCode, stderr } = await running.end();
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/no profile of worker 0: it ended before that/);
  });
});

describe('zscale profile heap', () => {
  it('writes what is in memory, while the hang clock stands still, and the worker serves on', async () => {
    const server = await serve('--hang-timeout', '300ms');
    const client = clientOf(server);
    const pid = await client.request({});
    const file = join(folder, 'all.heapsnapshot');
    const { stdout, exitCode } = await zscale(['profile', 'heap', '0', '-o', file, '--json']);
    expect(exitCode).toBe(0);
    expect(reportOf(stdout)).toMatchObject({ kind: 'heap', file, bytes: statSync(file).size });
    const { strings, snapshot } = JSON.parse(readFileSync(file, 'utf8'));
    expect(strings).toContain('Kept');
    expect(snapshot.node_count).toBeGreaterThan(1000);
    expect(await client.request({})).toBe(pid);
    expect(server.program.stderr).not.toMatch(/worker hangs/);
  });

  it('never writes over a file, nor into a folder that is not there', async () => {
    const server = await serve();
    const file = join(folder, 'mine');
    writeFileSync(file, 'precious');
    const over = await zscale(['profile', 'heap', '0', '-o', file]);
    expect(over).toMatchObject({ exitCode: 1, stdout: '' });
    expect(over.stderr).toMatch(/no profile of worker 0: EEXIST/);
    expect(readFileSync(file, 'utf8')).toBe('precious');
    const nowhere = await zscale(['profile', 'heap', '0', '-o', join(folder, 'no', 'such')]);
    expect(nowhere.stderr).toMatch(/ENOENT/);
    expect(await clientOf(server).request({})).toBeTypeOf('number');
  });
});

describe('zscale profile', () => {
  it('refuses workers that it cannot look into, and says why', async () => {
    await serve('--threads', '1', '--name', 'threads');
    const threads = await zscale(['profile', 'cpu', '0', '--name', 'threads']);
    expect(threads).toMatchObject({ exitCode: 1 });
    expect(threads.stderr).toMatch(/the handler runs in 1 threads of each worker/);
    const nobody = await zscale(['profile', 'cpu', '7', '--name', 'threads']);
    expect(nobody.stderr).toMatch(/there is no worker 7/);
    const program = join(folder, 'program.mjs');
    writeFileSync(
      program,
      `import { Reply } from ${JSON.stringify(join(ROOT, 'packages/transport/dist/index.js'))};
const socket = new Reply();
socket.connect(process.env.ZSCALE_BACKEND);
for await (const message of socket) await socket.send(message);`,
    );
    await zscaleRun(['--exec', `'${process.execPath}' ${program}`, '-n', 'exec']);
    const command = await zscale(['profile', 'cpu', '0', '--name', 'exec']);
    expect(command).toMatchObject({ exitCode: 1, stdout: '' });
    expect(command.stderr).toMatch(/worker 0 is no Node\.js process of zscale's/);
  });

  it('works for a machine that has joined', async () => {
    const { program } = await zscaleRun([
      module,
      ...['--workers', '1', '--name', 'front', '--backend', 'tcp://127.0.0.1:*'],
    ]);
    const [, backend = ''] = await program.printed(/back end +(\S+)/);
    const joined = startZscale(['join', backend, module, '-w', '1', '--name', 'far']);
    await joined.printed(/Ctrl-C/);
    const file = join(folder, 'far.cpuprofile');
    const end = await zscale(['profile', 'cpu', '0', '--for', '100ms', '-n', 'far', '-o', file]);
    expect(end).toMatchObject({ exitCode: 0 });
    expect(functionsIn(file)).toContain('(root)');
  });
});
