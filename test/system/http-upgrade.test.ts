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

  it('is closed with 1012 when its worker dies, and can be had again', async () => {
    const { endpoint } = await startWeb(ECHO, [...FREE, '--max-restarts', '100/60s']);
    const { socket, messages } = await open(endpoint);
    const [, pid] = /pid (\d+)/.exec(String(messages[0])) ?? [];
    process.kill(Number(pid), 'SIGKILL');
    const [code, reason] = await once(socket, 'close');
    expect([code, String(reason)]).toEqual([1012, 'service restart']);
    await open(endpoint);
  });

  it('is closed with 1012 when its worker is replaced and has waited for it long enough', async () => {
    const args = [...FREE, '--graceful-timeout', '300ms', '--workers', '1'];
    const { endpoint, program } = await startWeb(ECHO, args);
    const { socket } = await open(endpoint);
    program.signal('SIGHUP');
    const [code] = await once(socket, 'close');
    expect(code).toBe(1012);
    await open(endpoint);
  });

  it('is closed with 1001 when the service stops, whatever the client sends', async () => {
    for (const more of [[], ['--gateways', '2']]) {
      const args = [...FREE, '--graceful-timeout', '300ms', ...more];
      const { endpoint, program } = await startWeb(ECHO, args);
      const { socket } = await open(endpoint);
      const busy = await open(endpoint);
      const sending = setInterval(() => busy.socket.send('x'.repeat(10_000)), 1);
      program.signal('SIGTERM');
      const closed = [socket, busy.socket].map((one) => once(one, 'close'));
      for (const [code, reason] of await Promise.all(closed)) {
        expect([code, String(reason)]).toEqual([1001, 'going away']);
      }
      clearInterval(sending);
      expect(await program.end()).toMatchObject({ exitCode: 0 });
    }
  });

  it('that is cut within a frame just ends', async () => {
    const text = ECHO.replace(
      'socket.send(data, { binary: isBinary });',
      '{ socket._socket.write(Buffer.from([0x82, 126, 0x10, 0, 1, 2, 3])); socket.send = () => {}; setTimeout(() => process.exit(1), 50); }',
    );
    const { endpoint } = await startWeb(text, [...FREE, '--max-restarts', '100/60s']);
    const { socket } = await open(endpoint);
    socket.send('go');
    const [code] = await once(socket, 'close');
    expect(code).toBe(1006);
  });

  it('that goes is noticed by the worker, which can be stopped then', async () => {
    const { endpoint, program } = await startWeb(ECHO, FREE);
    const { socket } = await open(endpoint);
    socket.terminate();
    program.signal('SIGTERM');
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
  /** Takes a protocol of its own, and says by HTTP that it takes no others. */
  const SHOUT = `
import { createServer } from 'node:http';
const server = createServer((req, res) => res.end('plain ' + req.url));
server.on('upgrade', (req, socket, head) => {
  if (req.headers.upgrade !== 'shout') {
    socket.end('HTTP/1.1 426 Upgrade Required\\r\\nUpgrade: shout\\r\\nContent-Length: 0\\r\\n\\r\\n');
    return;
  }
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: shout\\r\\n\\r\\n');
  const shout = (bytes) => socket.write(String(bytes).toUpperCase());
  if (head.length > 0) shout(head);
  socket.on('data', shout);
  socket.on('end', () => socket.end('BYE'));
});
server.listen(0);
`;
  const offer = (protocol: string): string =>
    `GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`;

  it('is a tunnel for the bytes of any protocol that the application takes', async () => {
    const { endpoint } = await startWeb(SHOUT, FREE);
    const client = rawClient(endpoint);
    client.send(`${offer('shout')}at once `);
    await client.receives(/^HTTP\/1.1 101 [\s\S]*Upgrade: shout\r\n\r\nAT ONCE $/);
    client.send('and \x81\x00later');
    await client.receives(/AND [\s\S]*LATER$/);
    client.socket.end();
    expect(await client.ends()).toMatch(/LATERBYE$/);
  });

  it('is answered by the application that knows another one', async () => {
    const { endpoint } = await startWeb(SHOUT, FREE);
    expect(await exchange(endpoint, offer('whisper'))).toMatch(/^HTTP\/1.1 426 /);
    // Versions of HTTP are offered by clients that have nothing else in mind.
    const client = rawClient(endpoint);
    client.send(offer('h2c'));
    await client.receives(/^HTTP\/1.1 200 [\s\S]*plain \/x$/);
  });

  it('to an application that takes none is answered by HTTP', async () => {
    const { endpoint } = await startWeb(SERVER, FREE);
    expect(await exchange(endpoint, offer('whisper'))).toMatch(
      /^HTTP\/1.1 200 OK\r\n[\s\S]*GET \/x 0 \d+/,
    );
  });

  it('by the method CONNECT is refused where nobody listens for it', async () => {
    const { endpoint } = await startWeb(SERVER, FREE);
    expect(await exchange(endpoint, 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n')).toMatch(
      /^HTTP\/1.1 501 /,
    );
  });

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
