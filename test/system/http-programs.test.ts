/*
 * `zscale run server.js`: web applications that know nothing of zscale and are not changed; they listen, or export what would.
 */
import { symlinkSync, writeFileSync } from 'node:fs';
import { get, request } from 'node:http';
import { join } from 'node:path';
import { scale } from '@zscale/core';
import { io } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Program, ROOT, zscale } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { freshTcp } from '../support/endpoints.ts';
import { freshFolder } from '../support/programs.ts';
import { serve } from '../support/unmodified.ts';
import { until } from '../support/until.ts';
import { startWeb } from '../support/web.ts';
import { recordingLogger } from '../support/worker-queue.ts';

interface Placed {
  readonly file: string;
  readonly folder: string;
  /** What stood as PORT in its text. */
  readonly port: number;
  readonly url: string;
}

/** Writes a program into a folder from which the packages of the tests are seen. */
async function place(name: string, text: string): Promise<Placed> {
  const folder = freshFolder();
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const { port } = new URL(await freshTcp());
  const file = join(folder, name);
  writeFileSync(file, text.replaceAll('PORT', port).replaceAll('FOLDER', folder));
  return { file, folder, port: Number(port), url: `http://127.0.0.1:${port}` };
}

/** Asks until as many processes answered; each answers "hello PID". */
async function processesAt(url: string, count: number): Promise<string[]> {
  const seen = new Set<string>();
  await until(async () => {
    const answers = Array.from({ length: 8 }, async () => (await fetch(url)).text());
    for (const text of await Promise.all(answers)) {
      expect(text).toMatch(/^hello \d+$/);
      seen.add(text.slice(6));
    }
    return seen.size >= count;
  }, `answers of ${count} processes`);
  return [...seen];
}

async function echo(url: string): Promise<unknown> {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(`${url}/echo`, { method: 'POST', headers, body: '{"n":[1,2]}' });
  expect(answer.status).toBeLessThan(300);
  return answer.json();
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: it stands in the text of a program.
const hello = 'hello ${process.pid}';

const LISTENERS: [string, string, string][] = [
  [
    'node:http as an ES module',
    'server.mjs',
    `import { createServer } from 'node:http';
const server = createServer((req, res) => req.method === 'GET' ? res.end(\`${hello}\`) : req.pipe(res));
server.listen(PORT, '127.0.0.1', () => {
  const { address, port, family } = server.address();
  if (!server.listening || address !== '127.0.0.1' || port !== PORT || family !== 'IPv4') process.exit(9);
});`,
  ],
  [
    'node:http as CommonJS that starts when it is the main module',
    'server.cjs',
    `const http = require('http');
function app(req, res) { if (req.method === 'GET') res.end(\`${hello}\`); else req.pipe(res); }
if (require.main === module) new http.Server(app).listen({ port: 'PORT', host: '127.0.0.1' });`,
  ],
  [
    'node:http that listens later',
    'server.mjs',
    `import { createServer } from 'node:http';
import { lookup } from 'node:dns/promises';
await lookup('localhost');
setTimeout(() => {
  const server = createServer();
  server.listen(PORT, '127.0.0.1');
  server.on('request', (req, res) => { if (req.method === 'GET') res.end(\`${hello}\`); else req.pipe(res); });
}, 100);`,
  ],
  [
    'Express in TypeScript',
    'server.ts',
    `import express, { type Request, type Response } from 'express';
const app = express();
app.use(express.json());
app.get('/', (_req: Request, res: Response) => { res.send(\`${hello}\`); });
app.post('/echo', (req: Request, res: Response) => { res.json(req.body); });
app.listen(PORT, '127.0.0.1', (error?: Error) => { if (error) throw error; });`,
  ],
  [
    'Express as CommonJS that exports what it listens with',
    'server.cjs',
    `const express = require('express');
const app = express().use(express.json());
app.get('/', (_req, res) => res.send(\`${hello}\`));
app.post('/echo', (req, res) => res.json(req.body));
app.listen(PORT);
module.exports = app;`,
  ],
  [
    'node:http that exports its listener',
    'server.mjs',
    `import { createServer } from 'node:http';
export default function app(req, res) { if (req.method === 'GET') res.end(\`${hello}\`); else req.pipe(res); }
createServer(app).listen(PORT);`,
  ],
  [
    'Fastify',
    'server.mjs',
    `import fastify from 'fastify';
const app = fastify();
app.get('/', async () => \`${hello}\`);
app.post('/echo', async (request) => request.body);
const url = await app.listen({ port: PORT, host: 'localhost' });
if (!url.endsWith(':PORT')) throw new Error(url);
app.server.emit('nothing');`,
  ],
  [
    'Koa',
    'server.mjs',
    `import Koa from 'koa';
const app = new Koa();
app.use(async (ctx) => { ctx.body = ctx.method === 'GET' ? \`${hello}\` : ctx.req; ctx.type = ctx.method === 'GET' ? 'text' : 'json'; });
app.listen(PORT, '127.0.0.1');`,
  ],
  [
    'Hono by @hono/node-server',
    'server.mjs',
    `import { serve } from '@hono/node-server';
import { Hono } from 'hono';
const app = new Hono();
app.get('/', (c) => c.text(\`${hello}\`));
app.post('/echo', async (c) => c.json(await c.req.json()));
serve({ fetch: app.fetch, port: PORT, hostname: '127.0.0.1' });`,
  ],
  [
    'Nest',
    'server.ts',
    `import 'reflect-metadata';
import { Body, Controller, Get, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
@Controller()
class App {
  @Get() hello() { return \`${hello}\`; }
  @Post('echo') echo(@Body() body: unknown) { return body; }
}
@Module({ controllers: [App] })
class AppModule {}
async function start() {
  const app = await NestFactory.create(AppModule, { logger: false });
  await app.listen(PORT, '127.0.0.1');
}
void start();`,
  ],
];

describe('a program that listens for HTTP', () => {
  it.each(LISTENERS)(
    'is served where it listens, by several processes: %s',
    async (_of, name, text) => {
      const { file, folder, url } = await place(name, text);
      writeFileSync(
        join(folder, 'tsconfig.json'),
        '{"compilerOptions":{"experimentalDecorators":true,"emitDecoratorMetadata":true}}',
      );
      const program = await serve([file, '--workers', '2'], { cwd: folder });
      await processesAt(url, 2);
      expect(await echo(url)).toEqual({ n: [1, 2] });
      program.signal('SIGTERM');
      expect(await program.end()).toMatchObject({ exitCode: 0 });
    },
  );

  it('is served on a Unix socket', async () => {
    const { file, folder } = await place(
      'server.mjs',
      `import { createServer } from 'node:http';
const server = createServer((_req, res) => res.end(\`${hello}\`)).listen('FOLDER/http.sock');
server.on('listening', () => { if (server.address() !== 'FOLDER/http.sock') process.exit(9); });`,
    );
    await serve([file, '--workers', '1']);
    const text = await new Promise<string>((resolve, reject) => {
      get({ socketPath: join(folder, 'http.sock'), path: '/' }, (res) => {
        res.setEncoding('utf8').on('data', resolve);
      }).on('error', reject);
    });
    expect(text).toMatch(/^hello \d+$/);
  });

  it('is served elsewhere where somebody says so', async () => {
    const { file, url } = await place('server.mjs', LISTENERS[0]?.[2] ?? '');
    const elsewhere = (await freshTcp()).replace('tcp:', 'http:');
    await serve([file, '--workers', '1', '--bind', elsewhere]);
    await processesAt(elsewhere, 1);
    await expect(fetch(url)).rejects.toThrow();
  });

  it('ends as it would alone: by its own SIGTERM handler, when all is answered', async () => {
    const { file, url } = await place(
      'server.mjs',
      `import { createServer } from 'node:http';
const server = createServer((_req, res) => setTimeout(() => res.end('slow'), 300)).listen(PORT);
process.on('SIGTERM', () => server.close((error) => { console.log('closed', String(error)); process.exit(0); }));`,
    );
    const program = await serve([file, '--workers', '1']);
    const answer = fetch(url).then((response) => response.text());
    await until(async () => (await fetch(url)).ok);
    const last = fetch(url).then((response) => response.text());
    await new Promise((resolve) => setTimeout(resolve, 100)); // it is on its way: nothing here could know better
    program.signal('SIGTERM');
    expect(await answer).toBe('slow');
    expect(await last).toBe('slow');
    const end = await program.end();
    expect(end.exitCode).toBe(0);
    expect(end.stdout).toContain('closed undefined');
  });

  it('is one whose requests fail with 502 when it throws, and lives on', async () => {
    const { file, url } = await place(
      'server.mjs',
      `import { createServer } from 'node:http';
createServer((req, res) => {
  if (req.url === '/bad') throw new Error('boom');
  res.end(\`${hello}\`);
}).listen(PORT);`,
    );
    const program = await serve([file, '--workers', '2']);
    const [before] = await processesAt(url, 2);
    expect((await fetch(`${url}/bad`, { method: 'POST' })).status).toBe(502);
    await until(async () => (await processesAt(url, 2)).some((pid) => pid !== before));
    expect(program.stderr).toContain('Error: boom');
  });
});

const EXPORTS: [string, string, string][] = [
  [
    'Express',
    'app.mjs',
    `import express from 'express'; const app = express().use(express.json()); app.get('/', (_req, res) => res.send(\`${hello}\`)); app.post('/echo', (req, res) => res.json(req.body)); export default app;`,
  ],
  [
    'Express by module.exports',
    'app.cjs',
    `const express = require('express'); const app = express().use(express.json()); app.get('/', (_req, res) => res.send(\`${hello}\`)); app.post('/echo', (req, res) => res.json(req.body)); module.exports = app;`,
  ],
  [
    'Fastify as app',
    'app.mjs',
    `import fastify from 'fastify'; export const app = fastify(); app.get('/', async () => \`${hello}\`); app.post('/echo', async (request) => request.body);`,
  ],
  [
    'a promise of Fastify',
    'app.mjs',
    `import fastify from 'fastify'; async function build() { const app = fastify(); app.get('/', async () => \`${hello}\`); app.post('/echo', async (request) => request.body); return app; } export default build();`,
  ],
  [
    'Koa',
    'app.mjs',
    `import Koa from 'koa'; const app = new Koa(); app.use((ctx) => { ctx.type = 'json'; ctx.body = ctx.method === 'GET' ? \`${hello}\` : ctx.req; }); export default app;`,
  ],
  [
    'Hono in TypeScript',
    'app.ts',
    `import { Hono } from 'hono'; const app: Hono = new Hono(); app.get('/', (c) => c.text(\`${hello}\`)); app.post('/echo', async (c) => c.json(await c.req.json())); export default app;`,
  ],
  [
    'an object with fetch',
    'app.mjs',
    `export default { async fetch(request) { return request.method === 'GET' ? new Response(\`${hello}\`) : Response.json(await request.json()); } };`,
  ],
  [
    'fetch itself',
    'app.mjs',
    `export async function fetch(request) { return request.method === 'GET' ? new Response(\`${hello}\`) : Response.json(await request.json()); }`,
  ],
  [
    'a server that does not listen',
    'app.mjs',
    `import { createServer } from 'node:http'; export const server = createServer((req, res) => req.method === 'GET' ? res.end(\`${hello}\`) : req.pipe(res));`,
  ],
  [
    'a bare listener',
    'app.mjs',
    `export default (req, res) => { if (req.method === 'GET') res.end(\`${hello}\`); else req.pipe(res); };`,
  ],
];

describe('a module that exports a web application', () => {
  it.each(EXPORTS)('is served where --bind says: %s', async (_of, name, text) => {
    const { file, url } = await place(name, text);
    await serve([file, '--workers', '2', '--bind', url]);
    await processesAt(url, 2);
    expect(await echo(url)).toEqual({ n: [1, 2] });
  });

  it('is served where its environment says', async () => {
    const { file, url, port } = await place('app.mjs', EXPORTS[6]?.[2] ?? '');
    await serve([file, '--workers', '1'], { env: { PORT: String(port) } });
    await processesAt(url, 1);
  });

  it('is a handler of values where it is a bare function of one parameter', async () => {
    const { file, url } = await place('app.mjs', 'export default (value) => ({ got: value });');
    await serve([file, '--workers', '1', '--bind', url, '--codec', 'json']);
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '[1]',
    });
    expect(await answer.json()).toEqual({ got: [1] });
  });

  it('is refused in threads', async () => {
    const { file, url } = await place('app.mjs', EXPORTS[0]?.[2] ?? '');
    const end = await zscale(['run', file, '--threads', '2', '--bind', url]);
    expect(end.exitCode).toBe(4);
    expect(end.stderr).toMatch(/exports a web application, and threads run handlers of values/);
  });
});

describe('a bare function', () => {
  /** Says what it was called with: node:http's objects, or a value and its context. */
  const two = `export default (one, other) => {
    if (typeof other?.writeHead === 'function') { other.end('listener'); return undefined; }
    return { value: one, hasContext: typeof other?.requestId === 'string' };
  };`;
  const one = `export default (...args) => {
    if (typeof args[1]?.writeHead === 'function') { args[1].end('listener'); return undefined; }
    return { value: args[0], hasContext: typeof args[1]?.requestId === 'string' };
  };`;
  const HTTP = ['--bind', 'http://127.0.0.1:0'];
  const BOTH = [...HTTP, '--bind', 'tcp://127.0.0.1:*'];

  it.each<[string, string, string[], 'listener' | 'handler']>([
    ['of two parameters, where HTTP is all that is bound', two, HTTP, 'listener'],
    ['of two parameters, with --no-http', two, [...HTTP, '--no-http'], 'handler'],
    ['of two parameters, where ZeroMQ is bound too', two, BOTH, 'handler'],
    ['of none', one, HTTP, 'handler'],
    ['of none, with --http', one, [...HTTP, '--http'], 'listener'],
  ])('%s', async (_what, text, args, expected) => {
    const { endpoints } = await startWeb(text, [...args, '--workers', '1']);
    const url = endpoints.find((endpoint) => endpoint.startsWith('http:')) ?? '';
    const got = await fetch(url);
    const posted = await (await fetch(url, { method: 'POST', body: '{"a":1}' })).text();
    if (expected === 'listener') {
      expect([got.status, await got.text(), posted]).toEqual([200, 'listener', 'listener']);
    } else {
      expect(got.status).toBe(405);
      expect(JSON.parse(posted)).toEqual({ value: { a: 1 }, hasContext: true });
    }
  });

  it('is what the option http says', async () => {
    const { file } = await place('handler.mjs', one);
    for (const http of [true, false]) {
      const { logger } = recordingLogger();
      const options = { workers: 1, bind: 'http://127.0.0.1:0', http, logger };
      const server = closing(await scale(file, options));
      expect(server.speaksHttp).toBe(http);
      const posted = await fetch(server.endpoints[0] ?? '', { method: 'POST', body: '1' });
      expect(await posted.text()).toBe(http ? 'listener' : '{"value":1,"hasContext":true}');
    }
  });

  it('that is a listener is nothing for clients of ZeroMQ', async () => {
    const { file } = await place('handler.mjs', one);
    const bind = ['--bind', 'tcp://127.0.0.1:*', '--workers', '1'];
    const end = await zscale(['run', file, '--http', ...bind]);
    expect(end.exitCode).not.toBe(0);
    expect(end.stderr).toMatch(/the service speaks HTTP, and tcp:.* is for clients of ZeroMQ/);
  });
});

describe('what cannot be served', () => {
  it.each<[string, string, RegExp, ...string[]]>([
    [
      'a second place',
      `import { createServer } from 'node:http'; createServer().listen(PORT); createServer().listen(1);`,
      /listens on http:\/\/\*:1 after http:\/\/\*:\d+/,
    ],
    [
      'a server of another protocol',
      `import { createServer } from 'node:net'; createServer().listen(PORT);`,
      /listens on tcp:\/\/\*:\d+ with a server that does not speak HTTP\/1\.1/,
    ],
    [
      'HTTP/2',
      `import { createServer } from 'node:http2'; createServer().listen(PORT);`,
      /does not speak HTTP\/1\.1/,
    ],
    [
      'a handler of values beside it',
      `import { createServer } from 'node:http'; createServer().listen(0); export default (value) => value;`,
      /exports a handler and listens for HTTP/,
    ],
    [
      'HTTP in threads',
      `import { createServer } from 'node:http'; createServer().listen(PORT); export default () => 1;`,
      /threads/,
      '--threads',
      '1',
    ],
  ])('is refused with what to do: %s', async (_what, text, expected, ...args) => {
    const { file } = await place('server.mjs', text);
    const end = await zscale(['run', file, '--workers', '1', ...args]);
    expect(end.exitCode).toBe(4);
    expect(end.stderr).toMatch(expected);
  });

  it('does not concern ports that each worker has for itself', async () => {
    const { file, url } = await place(
      'server.mjs',
      `import { createServer } from 'node:http';
import { createServer as createTcp } from 'node:net';
createTcp().listen(0, () => {});
createServer((_req, res) => res.end(\`${hello}\`)).listen(PORT);
const metrics = createServer((_req, res) => res.end('metrics')).listen(0, '127.0.0.1');
metrics.on('listening', async () => {
  const answer = await fetch(\`http://127.0.0.1:\${metrics.address().port}\`);
  console.log(await answer.text());
});`,
    );
    const program = await serve([file, '--workers', '1']);
    await processesAt(url, 1);
    await program.printed(/metrics/);
  });
});

describe('WebSockets', () => {
  it('reach ws, by a tunnel to one process', async () => {
    const { file, url } = await place(
      'server.mjs',
      `import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
const server = createServer((_req, res) => res.end(\`${hello}\`));
const sockets = new WebSocketServer({ server });
sockets.on('connection', (socket) => socket.on('message', (text) => socket.send(\`\${text} \${process.pid}\`)));
server.listen(PORT, '127.0.0.1');`,
    );
    await serve([file, '--workers', '2']);
    const socket = new WebSocket(url.replace('http', 'ws'));
    closing({ close: () => socket.terminate() });
    const seen: string[] = [];
    socket.on('message', (text) => seen.push(String(text)));
    await new Promise((resolve) => socket.once('open', resolve));
    for (let i = 0; i < 20; i += 1) socket.send(`ping ${i}`);
    await until(() => seen.length === 20);
    expect(new Set(seen.map((text) => text.split(' ')[2])).size).toBe(1);
    const big = 'x'.repeat(1 << 20);
    socket.send(big);
    await until(() => seen.length === 21);
    expect(seen[20]?.length).toBeGreaterThan(1 << 20);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.close(1000);
    expect(await closed).toBe(1000);
  });

  it('reach Socket.IO, by WebSocket alone', async () => {
    const { file, url } = await place(
      'server.mjs',
      `import { createServer } from 'node:http';
import { Server } from 'socket.io';
const server = createServer();
new Server(server).on('connection', (socket) => socket.on('add', (a, b, answer) => answer(a + b)));
server.listen(PORT, '127.0.0.1');`,
    );
    await serve([file, '--workers', '2']);
    const socket = io(url, { transports: ['websocket'], reconnection: false });
    closing({ close: () => socket.disconnect() });
    expect(await socket.timeout(10_000).emitWithAck('add', 1, 2)).toBe(3);
  });
});

describe('a long way', () => {
  it('holds an upload back when the program does not read, and gets all of it in the end', async () => {
    const { file, port } = await place(
      'server.mjs',
      `import { createServer } from 'node:http';
import { createHash } from 'node:crypto';
createServer(async (req, res) => {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of req) { hash.update(chunk); bytes += chunk.length; }
  res.end(JSON.stringify({ bytes, hash: hash.digest('hex'), rss: process.memoryUsage().rss }));
}).listen(PORT, '127.0.0.1');`,
    );
    await serve([file, '--workers', '1']);
    const chunk = Buffer.alloc(1 << 20, 'zscale');
    const count = 64;
    const text = await new Promise<string>((resolve, reject) => {
      const req = request({ host: '127.0.0.1', port, method: 'PUT' }, (res) => {
        res.setEncoding('utf8').on('data', resolve);
      });
      req.on('error', reject);
      const send = async (): Promise<void> => {
        for (let i = 0; i < count; i += 1) {
          if (!req.write(chunk)) await new Promise((go) => req.once('drain', go));
        }
        req.end();
      };
      void send();
    });
    expect(JSON.parse(text).bytes).toBe(count << 20);
  });

  it('streams events as they are written', async () => {
    const { file, url } = await place(
      'server.mjs',
      `import { createServer } from 'node:http';
createServer((req, res) => {
  res.writeHead(200, { 'Content-Type': 'text/event-stream' });
  let i = 0;
  const timer = setInterval(() => res.write(\`data: \${i++}\\n\\n\`), 10);
  res.on('close', () => { clearInterval(timer); console.log('the client went'); });
}).listen(PORT);`,
    );
    const program = await serve([file, '--workers', '1']);
    const controller = new AbortController();
    const answer = await fetch(url, { signal: controller.signal });
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('data: 5')) text += (await reader?.read())?.value ?? '';
    controller.abort();
    await program.printed(/the client went/);
  });
});

describe('a program given to scale()', () => {
  it('is a web application as it is', async () => {
    const { file, url } = await place(
      'server.mjs',
      `import { scale } from '@zscale/core';
import Koa from 'koa';
const app = new Koa();
app.use((ctx) => { ctx.body = \`${hello}\`; });
const server = await scale(app, { workers: 2, bind: 'http://127.0.0.1:PORT' });
console.log('serving', server.endpoints[0]);`,
    );
    const program = new Program(process.execPath, [file]);
    await program.printed(/serving http/);
    await processesAt(url, 2);
    program.signal('SIGTERM');
    expect(await program.end()).toMatchObject({ exitCode: 0 });
  });
});
