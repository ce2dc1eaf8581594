/*
 * The examples that are asked by HTTP, each started by the command that its page says.
 */
import { io } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Program, ROOT, startZscale } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { freshTcp } from '../support/endpoints.ts';
import { isPyzmqRequired, python } from '../support/their-peer.ts';
import { until } from '../support/until.ts';

/** As the page of the example has it. */
const NEST_TSCONFIG = 'examples/09-web/nest/tsconfig.json';

async function freePort(): Promise<string> {
  return (await freshTcp()).replace(/^.*:/, '');
}

/** Starts an example in JavaScript. */
function example(file: string, ...args: string[]): Program {
  return new Program(process.execPath, [`examples/${file}`, ...args]);
}

async function textOf(url: string): Promise<string> {
  return (await fetch(url)).text();
}

describe('09-web', () => {
  it.each([
    ['node:http', 'plain.mjs', []],
    ['Express', 'express.mjs', []],
    ['Fastify', 'fastify.mjs', []],
    ['Koa', 'koa.mjs', []],
    ['Hono', 'hono.mjs', ['--port', 'PORT']],
    ['fetch', 'fetch.mjs', ['--port', 'PORT']],
    ['Nest', 'nest/main.ts', []],
  ])('%s says hello from several processes', async (framework, file, args) => {
    const port = await freePort();
    const path = `examples/09-web/${file}`;
    const more = args.map((arg) => arg.replace('PORT', port));
    const program = startZscale(['run', path, '--workers', '4', ...more], {
      cwd: ROOT,
      env: { PORT: port, ...(file.includes('nest') && { TSX_TSCONFIG_PATH: NEST_TSCONFIG }) },
    });
    await program.printed(/Ctrl-C/);
    const seen = new Set<string>();
    await until(async () => {
      const text = await textOf(`http://127.0.0.1:${port}/`);
      expect(text).toMatch(new RegExp(`^Hello from ${framework} in process \\d+\\n$`));
      seen.add(text);
      return seen.size > 1;
    });
  });
});

describe('10-page', () => {
  it('is there before its parts are, each of which comes when its service has it', async () => {
    const program = example('10-page/start.js', '0');
    const [, url = ''] = await program.printed(/the page is at (\S+)/);
    const answer = await fetch(url);
    const chunks: string[] = [];
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) chunks.push(decoder.decode(chunk));
    expect(chunks.length).toBeGreaterThan(1);
    expect(chunks[0]).toContain('<title>Three services</title>');
    expect(chunks[0]).not.toContain('says process');
    const page = chunks.join('');
    for (const part of ['sunny', 'nothing new', 'Berlin is up']) expect(page).toContain(part);
    expect(page.lastIndexOf('<script>')).toBe(
      page.indexOf("<script>document.getElementById('news')"),
    );
  });
});

describe('11-chat', () => {
  it('lets those talk who are at different workers', async () => {
    const port = await freePort();
    const program = example('11-chat/start.js', port);
    await program.printed(/the chat is at/);
    expect(await textOf(`http://127.0.0.1:${port}/`)).toContain('<title>Chat</title>');
    const heard: string[][] = [];
    const greetings = new Set<string>();
    const sockets: WebSocket[] = [];
    await until(async () => {
      const socket = closing(new WebSocket(`ws://127.0.0.1:${port}`));
      const texts: string[] = [];
      socket.on('message', (text) => texts.push(String(text)));
      await until(() => texts.length > 0);
      greetings.add(texts[0] ?? '');
      sockets.push(socket);
      heard.push(texts);
      return greetings.size > 1;
    });
    // When the subscriptions have reached everybody is not for us to see.
    await until(() => {
      sockets[0]?.send('hello all');
      return heard.every((texts) => texts.some((text) => /^\d+: hello all$/.test(text)));
    });
  });

  it('has Socket.IO too, whose clients stay with one worker', async () => {
    const port = await freePort();
    const program = startZscale(
      ['run', 'examples/11-chat/socket-io.mjs', '--workers', '4', '--sticky', 'cookie:io-worker'],
      { env: { PORT: port } },
    );
    await program.printed(/Ctrl-C/);
    for (let i = 0; i < 4; i += 1) {
      const socket = closing(
        io(`http://127.0.0.1:${port}`, { withCredentials: true, forceNew: true }),
      );
      const pid = await new Promise((resolve) => socket.once('hello', resolve));
      expect(await socket.emitWithAck('ping', 'hello')).toBe(`hello from process ${pid}`);
    }
  });
});

describe.skipIf(python === undefined && !isPyzmqRequired)('14-two-faces', () => {
  it('serves clients of HTTP and of ZeroMQ from the same workers', async () => {
    const [http, tcp] = [await freePort(), await freshTcp()];
    const program = startZscale([
      ...['run', 'examples/14-two-faces/handler.mjs', '--codec', 'json', '--workers', '2'],
      ...['--bind', tcp, '--bind', `http://127.0.0.1:${http}`],
    ]);
    await program.printed(/Ctrl-C/);
    const order = (value: object): Promise<Response> =>
      fetch(`http://127.0.0.1:${http}/`, { method: 'POST', body: JSON.stringify(value) });
    expect(await (await order({ item: 'tea', count: 2 })).json()).toMatchObject({ total: 5 });
    expect((await order({ item: 'gold' })).status).toBe(404);
    const client = new Program(python ?? 'python3', ['examples/14-two-faces/client.py', tcp]);
    const { stdout } = await client.end();
    expect(stdout).toMatch(/'item': 'tea', 'count': 2, 'total': 5.*\n.*'total': 6.*\n.*ENOENT/);
  });
});
