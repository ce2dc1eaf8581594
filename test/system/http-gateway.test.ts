/*
 * Web applications and message handlers behind the gateway, as processes: where they listen, who reaches them, and what the
 * operator has.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { request as httpRequest } from 'node:http';
import { Agent as TlsAgent, get as tlsGet } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { connect, type ScaleOptions, scale } from '@zscale/core';
import { describe, expect, it } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { startZscale } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { exchange } from '../support/http-client.ts';
import { freshFolder } from '../support/programs.ts';
import { until } from '../support/until.ts';
import { freePort, HANDLER, SERVER, startWeb } from '../support/web.ts';
import { recordingLogger } from '../support/worker-queue.ts';

const FREE = 'http://127.0.0.1:0';

describe('a server of node:http', () => {
  it('is served where it listens itself, by several workers', async () => {
    const port = await freePort();
    const { endpoint, program } = await startWeb(SERVER, [], { env: { LISTEN: String(port) } });
    expect(new URL(endpoint).port).toBe(String(port));
    expect(program.stdout).toMatch(/try it +curl http:\/\/localhost:\d+\n/);
    expect(program.stdout).not.toMatch(/codec/);
    const pids = new Set<string>();
    await until(async () => {
      const text = await (await fetch(`${endpoint}/a?b=1`)).text();
      expect(text).toMatch(/^GET \/a\?b=1 0 \d+$/);
      pids.add(text.replace(/^.* /, ''));
      return pids.size === 2;
    });
    const posted = await fetch(endpoint, { method: 'POST', body: 'x'.repeat(1_000_000) });
    expect(await posted.text()).toMatch(/^POST \/ 1000000 \d+$/);
  });

  it('is served where --bind and --port say', async () => {
    const { endpoints, endpoint } = await startWeb(SERVER, ['--bind', FREE, '-p', '0']);
    expect(endpoints).toHaveLength(2);
    expect(endpoints[1]).toMatch(/^http:\/\/(\[::\]|0\.0\.0\.0):\d+$/);
    expect((await fetch(endpoint)).status).toBe(200);
    expect((await fetch((endpoints[1] ?? '').replace(/\/\/.*:/, '//127.0.0.1:'))).status).toBe(200);
  });

  it('says what to do when its port is taken', async () => {
    const { endpoint } = await startWeb(SERVER, ['--bind', FREE]);
    const file = join(freshFolder(), 'server.mjs');
    writeFileSync(file, SERVER);
    const end = await startZscale(['run', file, '--bind', endpoint, '--workers', '1']).end();
    expect(end.exitCode).toBe(1);
    expect(end.stderr).toMatch(
      /cannot listen at http:\/\/127.0.0.1:\d+: somebody listens there.*--bind/,
    );
    const own = await startZscale(['run', file, '--workers', '1'], {
      env: { LISTEN: new URL(endpoint).port },
    }).end();
    expect(own.exitCode).toBe(1);
    expect(own.stderr).toMatch(/the program binds http:.*somebody listens there.*--bind/s);
  });

  it('is not for clients of ZeroMQ', async () => {
    const file = join(freshFolder(), 'server.mjs');
    writeFileSync(file, SERVER);
    const end = await startZscale([
      'run',
      file,
      '--bind',
      'tcp://127.0.0.1:*',
      '--workers',
      '1',
    ]).end();
    expect(end.exitCode).toBe(2);
    expect(end.stderr).toMatch(/the service speaks HTTP, and tcp:.* is for clients of ZeroMQ/);
  });

  it('sees the client, and by a rule the client behind a proxy', async () => {
    const { endpoint } = await startWeb(SERVER, ['--bind', FREE, '--trusted-proxies', 'loopback']);
    const plain = await (await fetch(`${endpoint}/address`)).json();
    expect(plain).toMatchObject(['127.0.0.1', false, {}]);
    const proxied = await fetch(`${endpoint}/address`, {
      headers: { 'X-Forwarded-For': '203.0.113.7', 'X-Forwarded-Proto': 'https' },
    });
    expect(await proxied.json()).toMatchObject([
      '203.0.113.7',
      true,
      { 'x-forwarded-for': '203.0.113.7' },
    ]);
  });

  it('answers at a Unix socket, whose file of an earlier life is no obstacle', async () => {
    const path = join(freshFolder(), 'app.sock');
    const kill = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    expect(() => execFileSync(process.execPath, ['-e', kill])).toThrow();
    expect(existsSync(path)).toBe(true);
    const { endpoints, program } = await startWeb(SERVER, ['--bind', `unix:${path}`]);
    expect(endpoints).toEqual([`unix:${path}`]);
    expect(
      await exchange(`unix:${path}`, 'GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
    ).toMatch(/GET \/x 0 \d+$/);
    program.signal('SIGTERM');
    expect(await program.end()).toMatchObject({ exitCode: 0 });
    expect(existsSync(path)).toBe(false);
  });

  it('takes no file from anybody: only the file of a socket is removed, and no link is followed', async () => {
    const folder = freshFolder();
    const at = (name: string): string => join(folder, name);
    writeFileSync(at('kept'), 'precious');
    symlinkSync(at('kept'), at('link'));
    const listening = at('listens.mjs');
    writeFileSync(
      listening,
      `import { createServer } from 'node:http';
      createServer().listen(${JSON.stringify(at('kept'))});`,
    );
    writeFileSync(at('server.mjs'), SERVER);
    const server = at('server.mjs');
    const few = { workers: 1, control: false, signals: false } as const;
    const attempts: readonly (readonly [string, ScaleOptions])[] = [
      [server, { bind: `unix:${at('kept')}` }],
      [server, { bind: `unix:${at('link')}` }],
      [server, { bind: `unix:${at('kept')}`, gateways: 2, workers: 2 }],
      [server, { bind: FREE, admin: `unix:${at('kept')}` }],
      [listening, {}],
    ];
    for (const [module, options] of attempts) {
      const { logger } = recordingLogger();
      await expect(scale(module, { ...few, logger, ...options })).rejects.toMatchObject({
        code: 'EADDRINUSE',
        message: expect.stringMatching(/cannot listen at unix:.*no socket is there/),
      });
    }
    expect(readFileSync(at('link'), 'utf8')).toBe('precious');
    expect(lstatSync(at('link'), { bigint: true }).isSymbolicLink()).toBe(true);
  });

  it('answers at a socket that a service manager hands over', async () => {
    const folder = freshFolder();
    const file = join(folder, 'server.mjs');
    writeFileSync(file, SERVER);
    // As systemd does: a listening socket as descriptor 3, and its number in the environment.
    const manager = `
      import { spawn } from 'node:child_process';
      import { createServer } from 'node:net';
      const server = createServer().listen(0, '127.0.0.1', () => {
        console.log('port ' + server.address().port);
        const child = spawn(process.execPath, process.argv.slice(2), {
          stdio: ['ignore', 'inherit', 'inherit', server._handle.fd], env: { ...process.env, LISTEN_FDS: '1' },
        });
        server.close(); // it is the child's now
        process.on('SIGTERM', () => child.kill('SIGTERM'));
        child.on('exit', (code) => process.exit(code ?? 1));
      });`;
    writeFileSync(join(folder, 'manager.mjs'), manager);
    const { Program, ROOT } = await import('../support/cli.ts');
    const args = [
      join(folder, 'manager.mjs'),
      join(ROOT, 'packages/cli/bin/zscale.js'),
      'run',
      file,
    ];
    const program = new Program(process.execPath, [...args, '--bind', 'fd:3', '--workers', '1']);
    const [, port] = await program.printed(/port (\d+)/);
    await program.printed(/Ctrl-C/);
    expect(await (await fetch(`http://127.0.0.1:${port}/x`)).text()).toMatch(/^GET \/x 0 \d+$/);
    program.signal('SIGTERM');
    expect(await program.end()).toMatchObject({ exitCode: 0 });
  });

  it('says so when there is no such socket', async () => {
    const file = join(freshFolder(), 'server.mjs');
    writeFileSync(file, SERVER);
    const run = ['run', file, '--workers', '1', '--bind'];
    const none = await startZscale([...run, 'fd:17']).end();
    expect(none.exitCode).toBe(1);
    expect(none.stderr).toMatch(/fd:17: there is no listening socket of that number/);
    const others = await startZscale([...run, 'fd:3'], {
      env: { LISTEN_FDS: '1', LISTEN_PID: '1' },
    }).end();
    expect(others.stderr).toMatch(/LISTEN_FDS are for process 1, and this is \d+/);
    const fewer = await startZscale([...run, 'fd:4'], { env: { LISTEN_FDS: '1' } }).end();
    expect(fewer.stderr).toMatch(/the last one is fd:3/);
  });
});

describe('a message handler', () => {
  it('has both faces at once', async () => {
    const { endpoints, program } = await startWeb(HANDLER, [
      '--bind',
      FREE,
      '--bind',
      'tcp://127.0.0.1:*',
    ]);
    const url = endpoints.find((one) => one.startsWith('http')) ?? '';
    const tcp = endpoints.find((one) => one.startsWith('tcp')) ?? '';
    const response = await fetch(url, {
      method: 'POST',
      body: '{"name":"you"}',
      headers: { 'Content-Type': 'application/json' },
    });
    expect(await response.json()).toMatchObject({ got: { name: 'you' } });
    const client = closing(connect(tcp));
    expect(await client.request({ name: 'me' })).toMatchObject({ got: { name: 'me' } });
    const failed = await fetch(url, { method: 'POST', body: '{"fail":true}' });
    expect(failed.status).toBe(404);
    expect(await failed.json()).toEqual({ error: { code: 'ENOENT', message: 'no such thing' } });
    expect((await fetch(url)).status).toBe(405);
    expect(program.stdout).toMatch(/codec +msgpack/);
  });

  it('of one face says how to try it', async () => {
    const { program, endpoint } = await startWeb(HANDLER, ['--bind', FREE, '--codec', 'json']);
    expect(program.stdout).toContain(`try it    curl -d '{"name":"you"}' ${endpoint}\n`);
    const response = await fetch(endpoint, { method: 'POST', body: '{"name":"you"}' });
    expect(await response.json()).toMatchObject({ got: { name: 'you' } });
  });
});

describe('TLS', () => {
  async function nameAt(endpoint: string): Promise<string> {
    const { hostname, port } = new URL(endpoint);
    const socket = tlsConnect({ host: hostname, port: Number(port), rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return String(subject.CN);
  }

  it('is spoken at https://, and the application knows', async () => {
    const { cert, key } = certificate(freshFolder(), 'first');
    const { endpoint } = await startWeb(SERVER, [
      '--bind',
      'https://127.0.0.1:0',
      '--tls-cert',
      cert,
      '--tls-key',
      key,
    ]);
    const agent = new TlsAgent({ rejectUnauthorized: false });
    const [response] = await once(tlsGet(`${endpoint}/address`, { agent }), 'response');
    let text = '';
    for await (const chunk of response) text += chunk;
    expect(JSON.parse(text)).toMatchObject(['127.0.0.1', true, {}]);
    agent.destroy();
    // A client that speaks no TLS there is ended, and nobody else notices.
    expect(await exchange(endpoint.replace('https', 'http'), 'GET / HTTP/1.1\r\n\r\n')).not.toMatch(
      /200/,
    );
    expect(await nameAt(endpoint)).toBe('first');
  });

  it('does not keep those who never end their handshake', async () => {
    const { cert, key } = certificate(freshFolder(), 'first');
    const { endpoint } = await startWeb(SERVER, [
      ...['--bind', 'https://127.0.0.1:0', '--tls-cert', cert, '--tls-key', key],
      ...['--header-timeout', '300ms', '--max-connections', '3'],
    ]);
    const port = Number(new URL(endpoint).port);
    const silent = Array.from({ length: 3 }, () => connectTcp(port, '127.0.0.1'));
    for (const [i, socket] of silent.entries()) if (i > 0) socket.write(Buffer.from([22, 3, 1]));
    await Promise.all(silent.map((socket) => once(socket.resume(), 'close')));
    await until(async () => (await nameAt(endpoint)) === 'first');
  });

  it('has new certificates at SIGHUP, and keeps the old ones when the new are no good', async () => {
    const folder = freshFolder();
    const { cert, key } = certificate(folder, 'first');
    const { endpoint, program } = await startWeb(SERVER, [
      '--bind',
      'https://127.0.0.1:0',
      '--tls-cert',
      cert,
      '--tls-key',
      key,
    ]);
    expect(await nameAt(endpoint)).toBe('first');
    writeFileSync(cert, 'nonsense');
    program.signal('SIGHUP');
    await until(() => /the certificate stays as it was/.test(program.stderr));
    expect(await nameAt(endpoint)).toBe('first');
    certificate(folder, 'second');
    program.signal('SIGHUP');
    await until(async () => (await nameAt(endpoint)) === 'second');
  });

  it('needs both files, and they must be a pair', async () => {
    const folder = freshFolder();
    const { cert, key } = certificate(folder, 'first');
    const file = join(folder, 'server.mjs');
    writeFileSync(file, SERVER);
    const run = ['run', file, '--workers', '1', '--bind', 'https://127.0.0.1:0'];
    expect((await startZscale(run).end()).stderr).toMatch(
      /needs a certificate and its key.*--tls-cert/,
    );
    const one = await startZscale([...run, '--tls-cert', cert]).end();
    expect(one.stderr).toMatch(/tlsKey/);
    const other = certificate(freshFolder(), 'other');
    const mixed = await startZscale([...run, '--tls-cert', cert, '--tls-key', other.key]).end();
    expect(mixed.stderr).toMatch(/must be a certificate and its key/);
    expect(key).toBeDefined();
  });
});

describe('the access log', () => {
  it('has a line for each request, in a file that may be moved away', async () => {
    const path = join(freshFolder(), 'access.log');
    const { endpoint, program } = await startWeb(SERVER, ['--bind', FREE, '--access-log', path]);
    const lines = (file: string): unknown[] =>
      readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line));
    await (await fetch(`${endpoint}/a?b`, { headers: { 'User-Agent': 'me' } })).text();
    await until(() => lines(path).length === 1);
    expect(lines(path)).toMatchObject([
      {
        client: '127.0.0.1',
        method: 'GET',
        target: '/a?b',
        http: '1.1',
        status: 200,
        received: 0,
        userAgent: 'me',
        ms: expect.any(Number),
        requestId: expect.any(String),
      },
    ]);
    renameSync(path, `${path}.1`);
    program.signal('SIGHUP');
    await until(() => existsSync(path));
    await (await fetch(`${endpoint}/second`)).text();
    await until(() => lines(path).length === 1);
    program.signal('SIGTERM');
    await program.end();
    expect(lines(`${path}.1`)).toHaveLength(1);
  });

  it('goes to standard output for -', async () => {
    const { endpoint, program } = await startWeb(SERVER, ['--bind', FREE, '--access-log', '-']);
    await (await fetch(`${endpoint}/there`)).text();
    await program.printed(/^\{.*"target":"\/there".*\}$/m);
  });
});

describe('probes', () => {
  it('say when the service is ready, and that it stops before it does', async () => {
    const admin = `http://127.0.0.1:${await freePort()}`;
    const args = ['--bind', FREE, '--admin', admin, '--drain-delay', '1s'];
    const { endpoint, program } = await startWeb(SERVER, args);
    expect((await fetch(`${admin}/healthz`)).status).toBe(200);
    expect((await fetch(`${admin}/readyz`)).status).toBe(200);
    expect((await fetch(`${admin}/other`)).status).toBe(404);
    program.signal('SIGTERM');
    await until(async () => (await fetch(`${admin}/readyz`)).status === 503);
    expect((await fetch(`${admin}/healthz`)).status).toBe(200);
    // It is still served: balancers have not heard of it yet.
    const response = await fetch(endpoint);
    expect(response.status).toBe(200);
    expect(response.headers.get('connection')).toBe('keep-alive');
    expect(await program.end()).toMatchObject({ exitCode: 0 });
  });
});

describe('sticky', () => {
  it('by a cookie: a client stays with its worker', async () => {
    const { endpoint } = await startWeb(SERVER, [
      '--bind',
      FREE,
      '--sticky',
      'cookie:worker',
      '--workers',
      '3',
    ]);
    const pidOf = async (cookie: string): Promise<{ pid: string; set: string | null }> => {
      const response = await fetch(endpoint, { headers: { Cookie: cookie } });
      return {
        pid: (await response.text()).replace(/^.* /, ''),
        set: response.headers.get('set-cookie'),
      };
    };
    const pids = new Set<string>();
    for (let client = 0; client < 12; client++) {
      const first = await pidOf('');
      const cookie = first.set?.replace(/;.*/, '') ?? '';
      expect(cookie).toMatch(/^worker=/);
      for (let n = 0; n < 3; n++) expect((await pidOf(cookie)).pid).toBe(first.pid);
      pids.add(first.pid);
    }
    expect(pids.size).toBeGreaterThan(1);
  });
});

describe('the end', () => {
  it('lets open requests finish, ends events and cuts what else has no end', async () => {
    const { endpoint, program } = await startWeb(SERVER, [
      '--bind',
      FREE,
      '--graceful-timeout',
      '1500ms',
    ]);
    const slow = fetch(`${endpoint}/slow?ms=500`);
    const events = await fetch(`${endpoint}/events`);
    const reader = events.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('data: 1\n\n');
    const began = httpRequest(`${endpoint}/slow?ms=1`).on('error', () => {});
    await once(began.end(), 'response');
    const endless = (await fetch(`${endpoint}/endless`)).text();
    program.signal('SIGTERM');
    expect(await (await slow).text()).toBe('slow');
    // Events end, and their clients come again; of anything else an end would say that it is whole.
    expect(await reader?.read()).toEqual({ done: true, value: undefined });
    await expect(endless).rejects.toThrow();
    expect(await program.end()).toMatchObject({ exitCode: 0 });
  });
});

describe('pools', () => {
  it('are chosen by the path: slow requests never stand before others', async () => {
    const { endpoint } = await startWeb(SERVER, [
      '--bind',
      FREE,
      '--workers',
      '1',
      '--pool',
      'slow=1:/loop*',
      '--hang-timeout',
      '20s',
    ]);
    const cancel = new AbortController();
    const looping = fetch(`${endpoint}/loop?x=1`, { signal: cancel.signal });
    looping.catch(() => {}); // it is given up below
    for (let n = 0; n < 20; n++) expect((await fetch(`${endpoint}/a`)).status).toBe(200);
    cancel.abort();
  });
});

describe('options that cannot be', () => {
  it('are refused with words', async () => {
    const file = join(freshFolder(), 'server.mjs');
    writeFileSync(file, SERVER);
    const run = ['run', file, '--workers', '1', '--bind'];
    const stderrOf = async (...args: string[]): Promise<string> =>
      (await startZscale([...run, ...args]).end()).stderr;
    expect(await stderrOf(FREE, '--trusted-proxies', 'localhost')).toMatch(
      /trustedProxies takes addresses.*got "localhost"/,
    );
    expect(await stderrOf('http://127.0.0.1:70000')).toMatch(/a port from 0 to 65535 is expected/);
    expect(await stderrOf('http://127.0.0.1/path')).toMatch(/nothing behind them/);
    expect(await stderrOf(FREE, '--access-log', '/nowhere/at/all.log')).toMatch(
      /the log file cannot be opened: ENOENT/,
    );
  });
});
