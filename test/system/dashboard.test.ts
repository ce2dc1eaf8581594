/*
 * The dashboard as programs see it, at the admin address of a service that runs: who is let in, what is sent, and what is changed.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { get, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { startZscale } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { freshFolder, logOf } from '../support/programs.ts';
import { until } from '../support/until.ts';
import { freePort, HANDLER, SERVER, startWeb, type Web } from '../support/web.ts';

const FREE = 'http://127.0.0.1:0';
const TOKEN = 'correct-horse-battery-staple';
const CHANGE = { 'Content-Type': 'application/json', 'X-Zscale-Action': '1' };

/** A service, and its admin address as this machine reaches it. */
interface Watched extends Web {
  readonly admin: string;
}

async function serve(args: readonly string[] = [], host = '127.0.0.1'): Promise<Watched> {
  const port = await freePort();
  const web = await startWeb(SERVER, [
    '--bind',
    FREE,
    '--admin',
    `http://${host}:${port}`,
    ...args,
  ]);
  return { ...web, admin: `http://127.0.0.1:${port}` };
}

function tokenFile(content = `${TOKEN}\n`): string {
  const file = join(freshFolder(), 'admin.token');
  writeFileSync(file, content);
  return file;
}

/** A request with all headers as they are given, those that `fetch` has for itself, too. */
async function ask(
  url: string,
  {
    method = 'GET',
    headers = {},
    body = '',
  }: {
    readonly method?: string;
    readonly headers?: OutgoingHttpHeaders;
    readonly body?: string;
  } = {},
): Promise<{
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
}> {
  const asked = request(url, { method, headers, agent: false });
  asked.end(body);
  const [response]: IncomingMessage[] = await once(asked, 'response');
  if (response === undefined) throw new Error('no response');
  return {
    status: response.statusCode ?? 0,
    body: await text(response),
    headers: response.headers,
  };
}

function act(
  { admin }: Watched,
  change: unknown,
  headers: OutgoingHttpHeaders = {},
): ReturnType<typeof ask> {
  const body = typeof change === 'string' ? change : JSON.stringify(change);
  return ask(`${admin}/actions`, { method: 'POST', headers: { ...CHANGE, ...headers }, body });
}

/** The snapshots that come, as they come; ended with the test. */
async function look(admin: string, headers: OutgoingHttpHeaders = {}) {
  const asked = get(`${admin}/events`, { headers, agent: false });
  asked.on('error', () => {}); // it is cut by either side
  closing({ close: () => asked.destroy() });
  const [response]: IncomingMessage[] = await once(asked, 'response');
  if (response === undefined) throw new Error('no response');
  let came = '';
  response.setEncoding('utf8').on('data', (chunk) => {
    came += chunk;
  });
  response.on('error', () => {}); // the same
  return {
    response,
    get snapshots() {
      const lines = came.split('\n\n').slice(0, -1);
      return lines
        .filter((line) => line.startsWith('data: '))
        .map((line) => JSON.parse(line.slice(6)));
    },
    close: () => asked.destroy(),
  };
}

describe('the page', () => {
  it('consists of files of this service alone, which no policy could be stricter about', async () => {
    const { admin } = await serve();
    const page = await ask(`${admin}/`);
    expect(page).toMatchObject({
      status: 200,
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'content-security-policy':
          "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
          "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
      },
    });
    expect(page.body).not.toMatch(/https?:|<style|style=|<script(?![^>]* src=)| on\w+=/);
    const files = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? '');
    expect(files).toHaveLength(5);
    for (const path of files) {
      const file = await ask(`${admin}/${path}`);
      expect(file).toMatchObject({
        status: 200,
        headers: { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' },
      });
      expect(file.headers['content-type']).toMatch(/^(text\/(css|javascript)|image\/svg)/);
      // The modules that it imports are there as well.
      for (const [, name] of file.body.matchAll(/from '\.\/([\w-]+\.js)'/g)) {
        expect((await ask(`${admin}/dashboard/${name}`)).status).toBe(200);
      }
    }
    expect((await ask(`${admin}/`, { method: 'HEAD' })).status).toBe(200);
    expect((await ask(`${admin}/`, { method: 'DELETE' })).status).toBe(405);
    expect((await ask(`${admin}/dashboard/..%2fdashboard.ts`)).status).toBe(404);
  });
});

describe('events', () => {
  it('show how the service is, each second', async () => {
    const service = await serve(['--name', 'shop']);
    const { admin, endpoint } = service;
    const viewer = await look(admin);
    expect(viewer.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
    });
    const first = await until(() => viewer.snapshots[0]);
    expect(first).toMatchObject({
      name: 'shop',
      pid: service.program.pid,
      state: 'serving',
      endpoints: [endpoint],
      load: { requests: 0, queued: 0, inFlight: 0, restarts: 0 },
      machines: [],
      deaths: [],
    });
    expect(first.workers).toHaveLength(2);
    // The snapshot that has the answers' times is the one after they came.
    await until(async () => {
      for (let i = 0; i < 5; i += 1) await (await fetch(endpoint)).text();
      return viewer.snapshots.some(({ services, waits }) => services.p99 > 0 && waits.p50 !== null);
    });
    const last = await until(() =>
      viewer.snapshots.find(
        ({ load, workers }) =>
          load.replies > 0 &&
          workers.every((worker: Record<string, unknown>) => worker.utilization !== null),
      ),
    );
    expect(last.at).toBeGreaterThan(first.at);
    expect(last.workers[0]).toMatchObject({
      id: 0,
      pid: expect.any(Number),
      pool: null,
      state: 'ready',
      memory: expect.any(Number),
      inFlight: expect.any(Number),
      restarts: 0,
    });
  });

  it('are for 32 viewers at once, and a further one is told so', async () => {
    const { admin } = await serve();
    const viewers = await Promise.all(Array.from({ length: 32 }, () => look(admin)));
    expect(viewers.every(({ response }) => response.statusCode === 200)).toBe(true);
    const refused = await ask(`${admin}/events`);
    expect(refused).toMatchObject({ status: 503, body: expect.stringMatching(/^32 pages/) });
    expect(await ask(`${admin}/events`, { method: 'HEAD' })).toMatchObject({ status: 503 });
    viewers[0]?.close();
    await until(async () => (await ask(`${admin}/events`, { method: 'HEAD' })).status === 200);
  });

  it('show a machine that has joined, and are its own for that machine', async () => {
    const backend = `tcp://127.0.0.1:${await freePort()}`;
    const admin = `http://127.0.0.1:${await freePort()}`;
    const farAdmin = `http://127.0.0.1:${await freePort()}`;
    const { folder } = await startWeb(
      HANDLER,
      ['--bind', FREE, '--admin', admin, '--backend', backend, '--workers', '1'],
      { name: 'handler.mjs' },
    );
    const file = join(folder, 'handler.mjs');
    startZscale(['join', backend, file, '--admin', farAdmin, '--workers', '2', '--name', 'far']);
    const near = await look(admin);
    const [machine] = await until(
      () => near.snapshots.find(({ machines: [one] }) => one?.workers === 2)?.machines,
    );
    expect(machine).toMatchObject({ machine: expect.any(String), address: 'tcp://127.0.0.1' });
    const far = await look(farAdmin);
    const snapshot = await until(() =>
      far.snapshots.find(({ workers, state }) => state === 'serving' && workers.length === 2),
    );
    expect(snapshot).toMatchObject({
      name: 'far',
      kind: 'machine',
      load: { replies: null, queued: null, restarts: 0 },
      machines: [{ machine: null, address: backend, workers: 2 }],
    });
  });

  it('end with the service, which does not wait for those who look', async () => {
    const { admin, program } = await serve();
    const viewer = await look(admin);
    await until(() => viewer.snapshots.length > 0);
    program.signal('SIGTERM');
    await until(() => viewer.response.destroyed);
    expect(await program.end()).toMatchObject({ exitCode: 0 });
  });
});

describe('actions', () => {
  it('change the workers as the commands do, and the log tells who asked for what', async () => {
    const service = await serve();
    const viewer = await look(service.admin);
    const pids = (): Promise<number[]> =>
      until(() => viewer.snapshots.at(-1)?.workers.map(({ pid }: { pid: number }) => pid));
    const [first = 0, second = 0] = await pids();

    expect(await act(service, { verb: 'scale', by: 1 })).toMatchObject({
      status: 200,
      body: expect.stringContaining('"workers":3'),
    });
    await until(async () => (await pids()).length === 3);

    expect((await act(service, { verb: 'drain', worker: 0 })).status).toBe(200);
    await until(async () => !(await pids()).includes(first));

    const killed = await act(service, { verb: 'kill', worker: 1, signal: 'SIGKILL' });
    expect(JSON.parse(killed.body)).toEqual({ worker: 1, pid: second, signal: 'SIGKILL' });
    await until(async () => !(await pids()).includes(second));

    const before = await pids();
    expect((await act(service, { verb: 'reload' })).status).toBe(200);
    await until(async () => (await pids()).every((pid) => !before.includes(pid)));

    const asked = logOf(service.program)
      .map(({ component, msg }) => `${component}: ${msg}`)
      .filter((line) => line.startsWith('control: asked to '));
    const verbs = ['scale', 'drain', 'kill', 'reload'];
    expect(asked).toEqual(verbs.map((verb) => `control: asked to ${verb}`));
  });

  it('are refused with a code, and in words where a browser is misled', async () => {
    const service = await serve(['--workers', '1']);
    const cases: readonly (readonly [unknown, number, string])[] = [
      ['{', 400, 'ZSCALE_ERR_CONTROL'],
      ['7', 400, 'ZSCALE_ERR_CONTROL'],
      ['null', 400, 'ZSCALE_ERR_CONTROL'],
      [{ verb: 'explode' }, 400, 'ZSCALE_ERR_CONTROL'],
      [{ verb: 'status' }, 400, 'ZSCALE_ERR_CONTROL'],
      [{ verb: 'stop' }, 400, 'ZSCALE_ERR_CONTROL'],
      [{ verb: 'scale', workers: 5000 }, 400, 'ZSCALE_ERR_CONTROL'],
      [{ verb: 'scale', by: -7 }, 400, 'ZSCALE_ERR_OPTIONS'],
      [{ verb: 'drain', worker: 77 }, 404, 'ZSCALE_ERR_NO_WORKER'],
    ];
    for (const [change, status, code] of cases) {
      const refused = await act(service, change);
      expect([change, refused.status]).toEqual([change, status]);
      expect(JSON.parse(refused.body)).toEqual({ error: { code, message: expect.any(String) } });
    }
    const misled = [
      { 'Content-Type': 'application/x-www-form-urlencoded' },
      { 'Content-Type': 'text/plain' },
      { Origin: 'http://evil.example' },
      { 'Sec-Fetch-Site': 'cross-site' },
      { Host: 'rebound.example' },
    ];
    for (const headers of misled) {
      const refused = await act(service, { verb: 'scale', by: 1 }, headers);
      expect(refused).toMatchObject({ status: 403, body: expect.stringMatching(/\w+ .*\.\n$/) });
      expect(refused.headers['access-control-allow-origin']).toBeUndefined();
    }
    // Only those two were understood, and nothing came of them.
    const asked = logOf(service.program).filter(({ msg }) => String(msg).startsWith('asked to'));
    expect(asked.map(({ msg }) => msg)).toEqual(['asked to scale', 'asked to drain']);
  });

  it('are not carried out without the header that other sites cannot send, nor when they are large', async () => {
    const { admin, program } = await serve(['--workers', '1']);
    const headers = { 'Content-Type': 'application/json' };
    const body = JSON.stringify({ verb: 'reload' });
    const bare = await ask(`${admin}/actions`, { method: 'POST', headers, body });
    expect(bare).toMatchObject({ status: 403, body: expect.stringContaining('X-Zscale-Action') });
    const large = await ask(`${admin}/actions`, {
      method: 'POST',
      headers: CHANGE,
      body: JSON.stringify({ verb: 'reload', more: 'x'.repeat(100_000) }),
    });
    expect(large).toMatchObject({ status: 413, body: expect.stringContaining('4096 bytes') });
    expect((await ask(`${admin}/actions`)).status).toBe(405);
    expect(program.stderr).not.toMatch(/asked to/);
  });
});

describe('who is let in', () => {
  it('is whoever is on this machine, at a loopback address', async () => {
    const { admin } = await serve(['--workers', '1']);
    for (const path of ['/', '/events']) {
      const named = await ask(admin + path, { method: 'HEAD', headers: { Host: 'localhost' } });
      expect(named.status).toBe(200);
      const rebound = await ask(admin + path, { headers: { Host: 'rebound.example' } });
      expect(rebound).toMatchObject({ status: 403, body: expect.stringMatching(/another name/) });
    }
    expect((await ask(`${admin}/healthz`, { headers: { Host: '10.0.0.7' } })).status).toBe(200);
    const login = await ask(`${admin}/login`, { method: 'POST', body: 'token=any' });
    expect(login).toMatchObject({ status: 303, headers: { location: '/' } });
    expect(login.headers['set-cookie']).toBeUndefined();
    expect((await ask(`${admin}/?token=any`)).status).toBe(200);
    expect(await ask(`${admin}/other`)).toMatchObject({
      status: 404,
      body: '/healthz, /readyz, /metrics, /, /login, /events, /actions are answered here\n',
    });
  });

  it('is nobody at an address that others can reach, without a token; probes are answered', async () => {
    const { admin } = await serve([], '0.0.0.0');
    for (const path of ['/', '/events']) {
      expect(await ask(admin + path)).toMatchObject({
        status: 403,
        body: expect.stringMatching(/no token.*--admin-token-file/),
      });
    }
    const change = { method: 'POST', headers: CHANGE, body: '{"verb":"reload"}' };
    expect((await ask(`${admin}/actions`, change)).status).toBe(403);
    expect((await ask(`${admin}/healthz`)).status).toBe(200);
    expect((await ask(`${admin}/readyz`)).status).toBe(200);
  });

  it('is whoever has the token, with a header or a cookie, from wherever', async () => {
    const service = await serve(['--admin-token-file', tokenFile()], '0.0.0.0');
    const { admin, program } = service;
    const stranger = await ask(`${admin}/`);
    expect(stranger).toMatchObject({
      status: 401,
      body: expect.stringContaining('<form method="post"'),
    });
    expect(stranger.body).not.toContain('role="alert"');
    expect(stranger.headers['content-security-policy']).toContain("form-action 'self'");
    expect(await ask(`${admin}/events`)).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer' },
    });
    expect((await act(service, { verb: 'reload' })).status).toBe(401);
    expect((await ask(`${admin}/healthz`)).status).toBe(200);

    const bearer = { Authorization: `Bearer ${TOKEN}`, Host: 'ops.example.com' };
    expect((await ask(`${admin}/`, { headers: bearer })).body).toContain('id="workers"');
    expect((await look(admin, bearer)).response.statusCode).toBe(200);
    expect(
      (await act(service, { verb: 'kill', worker: 9, signal: 'SIGTERM' }, bearer)).status,
    ).toBe(404);
    expect(
      (await act(service, { verb: 'reload' }, { ...bearer, Origin: 'http://evil.example' })).status,
    ).toBe(403);

    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const logIn = (token: string): ReturnType<typeof ask> =>
      ask(`${admin}/login`, { method: 'POST', headers: form, body: `token=${token}` });
    expect(await logIn('guess')).toMatchObject({
      status: 401,
      body: expect.stringContaining('role="alert"'),
    });
    const letIn = await logIn(TOKEN);
    expect(letIn).toMatchObject({ status: 303, headers: { location: '/' } });
    const [given = ''] = letIn.headers['set-cookie'] ?? [];
    expect(given).toMatch(/; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(given).not.toContain(TOKEN);
    const cookie = given.split(';')[0] ?? '';
    expect((await ask(`${admin}/`, { headers: { Cookie: cookie } })).body).toContain(
      'id="workers"',
    );

    expect(await ask(`${admin}/?token=${TOKEN}`)).toMatchObject({
      status: 303,
      headers: { location: '/', 'set-cookie': [given] },
    });
    expect((await ask(`${admin}/?token=guess`)).status).toBe(401);
    // One who leaves in the middle of it is nothing for the log.
    const cut = request(`${admin}/login`, {
      method: 'POST',
      headers: { ...form, 'Content-Length': 99 },
    });
    cut.on('error', () => {}); // it is cut here
    cut.write('token=', () => cut.destroy());
    await until(() => cut.destroyed);
    await logIn('another');
    expect(program.stderr).not.toContain('failed to answer');
    expect(logOf(program).filter(({ msg }) => msg === 'not the token')).toMatchObject([
      { level: 40, wrongTokens: 1, from: expect.stringContaining('127.0.0.1') },
    ]);
    expect(program.stderr + program.stdout).not.toContain(TOKEN);
  });

  it('is not left to luck: a token file that is no good ends the start', async () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      [join(freshFolder(), 'none'), /cannot be read \(ENOENT\)/],
      [tokenFile('hunter2\n'), /has 7 characters/],
      [tokenFile(`${TOKEN}\n${TOKEN}\n`), /not only printable/],
    ];
    const file = program();
    for (const [path, words] of cases) {
      const args = ['--admin', FREE, '--admin-token-file', path, '--bind', FREE];
      const end = await startZscale(['run', file, ...args]).end();
      expect(end.exitCode).toBe(2);
      expect(end.stderr).toMatch(words);
      expect(end.stderr).not.toMatch(/hunter2|correct-horse/);
    }
  });

  it('is not decided by a token for which there is no address', async () => {
    const args = ['--admin-token-file', tokenFile(), '--bind', FREE];
    const end = await startZscale(['run', program(), ...args]).end();
    expect(end.exitCode).toBe(2);
    expect(end.stderr).toMatch(/there is no admin address/);
  });
});

/** A program that could be started. */
function program(): string {
  const file = join(freshFolder(), 'server.mjs');
  writeFileSync(file, SERVER);
  return file;
}
