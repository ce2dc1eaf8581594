/*
 * Other protocols on connections that began with HTTP: WebSocket as the packages `ws` and `socket.io` speak it, and what is offered
 * and not taken.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { io } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ROOT } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { exchange, rawClient } from '../support/http-client.ts';
import { until } from '../support/until.ts';
import { SERVER, startWeb } from '../support/web.ts';

const FREE = ['--bind', 'http://127.0.0.1:0'];
const MODULES = JSON.stringify(join(ROOT, 'package.json'));

/** Echoes, with its process id in front; says goodbye at /bye. */
const ECHO = `
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
const { WebSocketServer } = createRequire(${MODULES})('ws');
const server = createServer((req, res) => res.end('plain ' + req.url));
const sockets = new WebSocketServer({ server });
sockets.on('connection', (socket, req) => {
  socket.send('pid ' + process.pid + ' ' + req.socket.remoteAddress);
  socket.on('message', (data, isBinary) => {
    if (String(data) === 'bye') socket.close(4000, 'bye');
    else socket.send(data, { binary: isBinary });
  });
});
server.listen(0);
`;

async function open(endpoint: string): Promise<{ socket: WebSocket; messages: Buffer[] }> {
  const socket = new WebSocket(endpoint.replace('http', 'ws'));
  closing({ close: () => socket.terminate() });
  const messages: Buffer[] = [];
  socket.on('message', (data) => messages.push(data as Buffer));
  socket.on('error', () => {});
  await once(socket, 'open');
  await until(() => messages.length === 1);
  return { socket, messages };
}

describe('WebSocket', () => {
  it('is a tunnel to one worker for as long as it is open', async () => {
    const { endpoint } = await startWeb(ECHO, FREE);
    const { socket, messages } = await open(endpoint);
    expect(String(messages[0])).toMatch(/^pid \d+ 127.0.0.1$/);
    socket.send('hello');
    await until(() => messages.length === 2);
    expect(String(messages[1])).toBe('hello');
    socket.send('bye');
    const [code] = await once(socket, 'close');
    expect(code).toBe(4000);
    expect(await (await fetch(`${endpoint}/x`)).text()).toBe('plain /x');
  });

  it('carries much in both directions', async () => {
    const { endpoint } = await startWeb(ECHO, FREE);
    const { socket, messages } = await open(endpoint);
    const large = Buffer.alloc(8 * 1024 * 1024, 'abcdefg');
    for (let n = 0; n < 4; n++) socket.send(large);
    await until(() => messages.length === 5);
    for (const message of messages.slice(1)) expect(message.equals(large)).toBe(true);
  });

  it('ends when its worker dies, and can be had again', async () => {
    const { endpoint } = await startWeb(ECHO, [...FREE, '--max-restarts', '100/60s']);
    const { socket, messages } = await open(endpoint);
    const [, pid] = /pid (\d+)/.exec(String(messages[0])) ?? [];
    process.kill(Number(pid), 'SIGKILL');
    await once(socket, 'close');
    await open(endpoint);
  });

  it('that goes is noticed by the worker, which can be stopped then', async () => {
    const { endpoint, program } = await startWeb(ECHO, FREE);
    const { socket } = await open(endpoint);
    socket.terminate();
    program.signal('SIGTERM');
    expect(await program.end()).toMatchObject({ exitCode: 0 });
  });

  it('is cut when the service stops, after gracefulTimeout', async () => {
    const { endpoint, program } = await startWeb(ECHO, [...FREE, '--graceful-timeout', '300ms']);
    const { socket } = await open(endpoint);
    program.signal('SIGTERM');
    await once(socket, 'close');
    expect(await program.end()).toMatchObject({ exitCode: 0 });
  });

  it('to an application that speaks none is answered by HTTP, and the connection ends', async () => {
    const { endpoint } = await startWeb(SERVER, FREE);
    const client = rawClient(endpoint);
    client.send(
      'GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\nSec-WebSocket-Version: 13\r\n\r\n',
    );
    expect(await client.ends()).toMatch(
      /^HTTP\/1.1 200 OK\r\n[\s\S]*Connection: close\r\n[\s\S]*GET \/x 0 \d+$/,
    );
  });

  it('to a message handler is refused', async () => {
    const { endpoint } = await startWeb('export default (value) => value;', FREE);
    const answer = await exchange(
      endpoint,
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
  });
});

describe('another protocol that is offered', () => {
  it('is not taken, and the request is served, with its body, and so are those behind it', async () => {
    const { endpoint } = await startWeb(SERVER, FREE);
    const client = rawClient(endpoint);
    client.send(
      'POST /one HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: 5\r\n\r\nhello',
    );
    await client.receives(/^HTTP\/1.1 200 OK\r\n[\s\S]*POST \/one 5 \d+$/);
    client.send('GET /two HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(await client.ends()).toMatch(/GET \/two 0 \d+$/);
  });
});

describe('Socket.IO', () => {
  const CHAT = `
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
const { Server } = createRequire(${MODULES})('socket.io');
const server = createServer();
const sockets = new Server(server);
sockets.on('connection', (socket) => {
  socket.on('ask', (value, reply) => reply({ value, pid: process.pid }));
});
server.listen(0);
`;

  it.each([
    ['by long polling', ['polling']],
    ['by an upgrade from polling', ['polling', 'websocket']],
    ['by WebSocket alone', ['websocket']],
  ])('%s stays with one worker of several by its address', async (_how, transports) => {
    const { endpoint } = await startWeb(CHAT, [...FREE, '--workers', '3', '--sticky', 'address']);
    const socket = io(endpoint, { transports, reconnection: false });
    closing({ close: () => void socket.close() });
    await new Promise<void>((resolve, reject) => {
      socket.on('connect', resolve);
      socket.on('connect_error', reject);
    });
    const pids = new Set<number>();
    for (let n = 0; n < 20; n++) {
      const { value, pid } = await socket.timeout(10_000).emitWithAck('ask', n);
      expect(value).toBe(n);
      pids.add(pid);
    }
    expect(pids.size).toBe(1);
  });
});
