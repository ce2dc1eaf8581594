/*
 * Keys: who has none, or a wrong one, gets nowhere, and no secret is told to anybody. And what is open without keys is said, or
 * refused.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join as pathOf } from 'node:path';
import {
  type ClientOptions,
  type CurveOptions,
  type CurvePeerOptions,
  connect,
  join,
  type ScaleOptions,
  type Server,
  scale,
} from '@zscale/core';
import { curveKeyPair } from '@zscale/transport';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fixture, startZscale, zscale, zscaleRun } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { freshFolder, logOf } from '../support/programs.ts';
import { until } from '../support/until.ts';
import { recordingLogger } from '../support/worker-queue.ts';

const ACTS = new URL('../fixtures/handlers/acts.mjs', import.meta.url);
const TCP = 'tcp://127.0.0.1:*';
const SLEEP = { act: 'sleep', ms: 0 };
const service = curveKeyPair();
const friend = curveKeyPair();
const stranger = curveKeyPair();

beforeEach(() => {
  vi.stubEnv('TMPDIR', freshFolder());
  return () => vi.unstubAllEnvs();
});

/** A service with these keys; its log. */
async function serve(curve: CurveOptions, options: ScaleOptions = {}) {
  const { logger, lines } = recordingLogger();
  const server = closing(
    await scale(ACTS, {
      workers: 1,
      bind: TCP,
      backend: TCP,
      logger,
      signals: false,
      curve,
      ...options,
    }),
  );
  return { server, lines };
}

/** What a client gets: its reply, or the code of its error. */
async function ask(server: Server, options: ClientOptions): Promise<unknown> {
  const client = closing(connect(server.endpoints[0] ?? '', { timeout: 1500, ...options }));
  return client.request(SLEEP).catch((error) => error.code);
}

/** A machine that tries to join; what it says. */
function tryToJoin(server: Server, curve: CurvePeerOptions | undefined) {
  const { logger, lines } = recordingLogger();
  const connectTo = server.backendEndpoints[0] ?? '';
  const joining = join(ACTS, { connect: connectTo, workers: 1, logger, signals: false, curve });
  joining.then(closing, () => {}); // those who are refused wait until the process ends
  return { joining, lines };
}

describe('a client', () => {
  it('needs the key of the service, and is known or not, as the service likes', async () => {
    const { server } = await serve(service);
    const serverKey = service.publicKey;
    expect(await ask(server, { curve: { serverKey } })).toBe('slept');
    expect(await ask(server, { curve: { serverKey, ...stranger } })).toBe('slept');
    expect(await ask(server, { curve: { serverKey: stranger.publicKey } })).toBe(
      'ZSCALE_ERR_TIMEOUT',
    );
    expect(await ask(server, {})).toBe('ZSCALE_ERR_TIMEOUT');
  });

  it('is let in only with a key of the list, where there is one', async () => {
    const { server } = await serve({ ...service, allow: friend.publicKey });
    const serverKey = service.publicKey;
    expect(await ask(server, { curve: { serverKey, ...friend } })).toBe('slept');
    const refused = [{ serverKey }, { serverKey, ...stranger }, { serverKey, ...service }];
    for (const curve of refused) expect(await ask(server, { curve })).toBe('ZSCALE_ERR_TIMEOUT');
  });

  it('is told what is missing before it connects', () => {
    const curve = (options: CurvePeerOptions) => () =>
      connect('tcp://127.0.0.1:1', { curve: options });
    expect(curve({})).toThrow(/serverKey/);
    expect(curve({ serverKey: 'short' })).toThrow(/40 characters of Z85/);
    expect(curve({ serverKey: service.publicKey, publicKey: friend.publicKey })).toThrow(
      /secretKey is missing/,
    );
  });
});

describe('a machine', () => {
  it("is let in with the service's own pair, and with a pair of the list", async () => {
    const { server } = await serve({ ...service, allowWorkers: [friend.publicKey] });
    for (const curve of [service, { ...friend, serverKey: service.publicKey }]) {
      await tryToJoin(server, curve).joining;
    }
    await until(() => server.stats().workers.filter(({ credit }) => credit > 0).length === 3);
  });

  it.each([
    ['has no key', undefined],
    ['has a key that nobody allowed', { ...stranger, serverKey: service.publicKey }],
    ['takes another for the service', { ...service, serverKey: stranger.publicKey }],
    ['is allowed as a client only', { ...friend, serverKey: service.publicKey }],
  ])('that %s gets no request, and learns that it is refused', async (_, curve) => {
    const { server, lines } = await serve({ ...service, allow: friend.publicKey });
    const { joining, lines: said } = tryToJoin(server, curve);
    joining.catch(() => {});
    await until(() => said.some(({ text }) => text.startsWith('refused by a back end')));
    expect(server.stats().workers.map(({ id }) => id)).toEqual([0]);
    const told = JSON.stringify([lines, said]);
    for (const { secretKey } of [service, friend, stranger]) expect(told).not.toContain(secretKey);
  });
});

describe('keys of processes', () => {
  it('are in no command line, no environment and no log', async () => {
    const folder = freshFolder();
    const { exitCode } = await zscale(['keygen', pathOf(folder, 'service'), '--json']);
    expect(exitCode).toBe(0);
    const file = pathOf(folder, 'service.key_secret');
    const [, secretKey = ''] = /secret-key = "(.*)"/.exec(readFileSync(file, 'utf8')) ?? [];
    const [, publicKey = ''] = /public-key = "(.*)"/.exec(readFileSync(file, 'utf8')) ?? [];
    expect(secretKey).toHaveLength(40);
    const flags = ['--curve-key', file, '--log-level', 'debug', '--workers', '1'];
    const acts = fixture('handlers/acts.mjs');
    const front = await zscaleRun([acts, ...flags, '--backend', TCP]);
    const [, backend = ''] = await front.program.printed(/back end +(\S+)/);
    const machine = startZscale(['join', backend, acts, ...flags]);
    await machine.printed(/joined/);

    const call = ['call', front.endpoint, JSON.stringify(SLEEP), '--curve-server-key', publicKey];
    expect(await zscale(call)).toMatchObject({ exitCode: 0, stdout: '"slept"\n' });

    const ours = readdirSync('/proc').filter((name) =>
      isBelow(name, [front, { program: machine }]),
    );
    expect(ours.length).toBe(4); // two supervisors, two workers
    for (const pid of ours) {
      expect(readFileSync(`/proc/${pid}/cmdline`, 'latin1')).not.toContain(secretKey);
      expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).not.toContain(secretKey);
    }
    for (const { stdout, stderr } of [front.program, machine]) {
      expect(stdout + stderr).not.toContain(secretKey);
    }
  });

  it('are made once: the second time nothing is written, and the exit code says so', async () => {
    const name = pathOf(freshFolder(), 'service');
    const { stdout } = await zscale(['keygen', name]);
    const written = readFileSync(`${name}.key_secret`, 'utf8');
    const again = await zscale(['keygen', name]);
    expect(again).toMatchObject({ exitCode: 1, stdout: '' });
    expect(again.stderr).toMatch(/never overwritten/);
    expect(readFileSync(`${name}.key_secret`, 'utf8')).toBe(written);
    const [, secretKey = ''] = /secret-key = "(.*)"/.exec(written) ?? [];
    expect(stdout).not.toContain(secretKey);
  });

  it('that cannot be read are wrong usage', async () => {
    const file = pathOf(freshFolder(), 'empty');
    writeFileSync(file, '');
    const acts = fixture('handlers/acts.mjs');
    const run = await zscale(['run', acts, '--curve-key', file]);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(run.stderr).toMatch(/has no public-key/);
    const joining = await zscale(['join', 'tcp://127.0.0.1:1', acts, '--curve-key', './none']);
    expect(joining).toMatchObject({ exitCode: 2 });
    expect(joining.stderr).toMatch(/\.\/none cannot be read/);
  });
});

describe('what other machines can reach without keys', () => {
  const OPEN = 'tcp://0.0.0.0:*';

  it('is told once for clients', async () => {
    const { server, lines } = await serve(service, { curve: undefined, bind: [OPEN, TCP] });
    const warnings = lines.filter(({ level }) => level === 'warn');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatchObject({ facts: { endpoints: [OPEN] } });
    expect(await ask(server, {})).toBe('slept');
  });

  it('is refused for workers, before anything listens', async () => {
    const refused = serve(service, { curve: undefined, backend: [TCP, OPEN] });
    await expect(refused).rejects.toMatchObject({ code: 'ZSCALE_ERR_INSECURE' });
    const acts = fixture('handlers/acts.mjs');
    const run = await zscale(['run', acts, '--bind', TCP, '--backend', OPEN]);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(run.stderr).toMatch(/--insecure/);
  });

  it('is as it is meant where somebody says so, or where there are keys', async () => {
    const open = { bind: OPEN, backend: OPEN };
    for (const options of [{ ...open, curve: undefined, insecure: true }, open]) {
      const { lines } = await serve(service, options);
      expect(lines.filter(({ level }) => level === 'warn')).toEqual([]);
    }
    const { program } = await zscaleRun([
      fixture('handlers/acts.mjs'),
      ...['--bind', OPEN, '--backend', OPEN, '--insecure'],
    ]);
    expect(logOf(program).filter(({ level }) => Number(level) >= 40)).toEqual([]);
  });
});

/** Whether a process of /proc is one of these programs, or a child of one. */
function isBelow(
  name: string,
  programs: readonly { program: { pid: number | undefined } }[],
): boolean {
  if (!/^\d+$/.test(name)) return false;
  const pids = programs.map(({ program }) => program.pid);
  if (pids.includes(Number(name))) return true;
  try {
    const [, parent] = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8')) ?? [];
    return pids.includes(Number(parent));
  } catch {
    return false; // it ended meanwhile
  }
}
