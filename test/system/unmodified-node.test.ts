/*
 * `zscale run server.mjs`: servers in Node that bind a Reply socket, know nothing of zscale and are
 * not changed.
 */
import { readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Reply } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { isAlive, ROOT, zscale } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { freshTcp } from '../support/endpoints.ts';
import { filesIn, freshFolder, logOf } from '../support/programs.ts';
import { ask, askAll, serve, type Written, write } from '../support/unmodified.ts';
import { until } from '../support/until.ts';

/** Writes a program into a folder from which the repository's packages are seen. */
async function writeNode(name: string, text: string): Promise<Written> {
  const folder = freshFolder();
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return write(name, text, folder);
}

const LOOP = `for await (const [message] of socket) await socket.send(\`\${message} from \${process.pid}\`);`;

const ESM = `import { Reply } from 'PACKAGE';
const socket = new Reply();
await socket.bind('ENDPOINT');
if (socket.lastEndpoint !== 'ENDPOINT') throw new Error(socket.lastEndpoint);
${LOOP}
`;

const COMMONJS = `const zmq = require('PACKAGE');
async function run() {
  const socket = new zmq.Reply();
  await socket.bind('ENDPOINT');
  ${LOOP}
}
run();
`;

const TYPESCRIPT = `import * as zmq from 'PACKAGE';
class Server extends zmq.Reply {
  get label(): string {
    return 'server';
  }
}
const socket: Server = new Server();
await socket.bind('ENDPOINT' as string);
${LOOP}
`;

describe.each(['zeromq', '@zscale/transport'])('a server with %s', (packageName) => {
  const of = (text: string): string => text.replaceAll('PACKAGE', packageName);

  it.each([
    ['an ES module', 'server.mjs', ESM],
    ['CommonJS', 'server.cjs', COMMONJS],
    ['TypeScript', 'server.mts', TYPESCRIPT],
  ])(
    'runs in several workers that share the load, at the address it binds: %s',
    async (_, name, text) => {
      const { file, folder, endpoint } = await writeNode(name, of(text));
      const program = await serve([file, '--workers', '2'], { env: { TMPDIR: folder } });
      expect(program.stdout).toContain(`clients   ${endpoint}\n`);
      const pids = (await askAll(endpoint, 2)).map(Number);
      program.signal('SIGTERM');
      expect(await program.end()).toMatchObject({ exitCode: 0, signal: null });
      expect(pids.filter(isAlive)).toEqual([]);
      expect(readdirSync(folder).filter((entry) => entry.startsWith('zscale-'))).toEqual([]);
    },
  );

  it('is replaced when a worker is killed', async () => {
    const { file, endpoint } = await writeNode('server.mjs', of(ESM));
    await serve([file, '--workers', '2']);
    const [killed = 0] = (await askAll(endpoint, 2)).map(Number);
    process.kill(killed, 'SIGKILL');
    await until(async () => !(await askAll(endpoint, 2)).map(Number).includes(killed));
  });

  it('drains a worker that gets a SIGTERM, and replaces it', async () => {
    const { file, endpoint } = await writeNode('server.mjs', of(ESM));
    const program = await serve([file, '--workers', '2']);
    const [left = 0] = (await askAll(endpoint, 2)).map(Number);
    process.kill(left, 'SIGTERM');
    await until(() => !isAlive(left));
    expect((await askAll(endpoint, 2)).map(Number)).not.toContain(left);
    expect(program.stderr).not.toContain('ended unexpectedly');
  });

  it('ends with its supervisor when that is killed', async () => {
    const { file, folder, endpoint } = await writeNode('server.mjs', of(ESM));
    const program = await serve([file, '--workers', '2'], { env: { TMPDIR: folder } });
    const pids = (await askAll(endpoint, 2)).map(Number);
    program.signal('SIGKILL');
    await until(() => !pids.some(isAlive));
    await until(() => !filesIn(folder).some((entry) => entry.startsWith('zscale-')));
  });

  it('may handle SIGTERM itself, bind late, unbind, and has its own arguments', async () => {
    const text = `import { Reply } from 'PACKAGE';
import { setTimeout as delay } from 'node:timers/promises';
process.on('SIGTERM', () => { console.log('bye', process.argv[2]); process.exit(0); });
async function main() {
  await delay(20);
  const socket = new Reply();
  await socket.bind('ENDPOINT');
  await socket.unbind('ENDPOINT');
  await socket.bind('ENDPOINT');
  ${LOOP}
}
main();
`;
    const { file, endpoint } = await writeNode('server.mjs', of(text));
    const program = await serve([file, '--workers', '1', '--', '--mine']);
    expect(await ask(endpoint, 'hello')).toMatch(/^hello from \d+$/);
    program.signal('SIGTERM');
    const end = await program.end();
    expect(end.exitCode).toBe(0);
    expect(end.stdout).toMatch(/^\[worker 0\] bye --mine$/m);
  });

  it('prints the error that ends it, and is started again', async () => {
    const text = `import { Reply } from 'PACKAGE';
const socket = new Reply();
await socket.bind('ENDPOINT');
for await (const [message] of socket) {
  if (message.toString() === 'throw') throw new Error('not with me');
  await socket.send(message);
}
`;
    const { file, endpoint } = await writeNode('server.mjs', of(text));
    const program = await serve([file, '--workers', '1']);
    expect(await ask(endpoint, 'throw')).toMatch(/^-ZSCALE_ERR_WORKER_LOST /);
    await until(() => /^\[worker 0\] Error: not with me$/m.test(program.stderr));
    expect(await ask(endpoint, 'hello')).toBe('hello');
    expect(logOf(program).some(({ code, msg }) => code === 1 && /restarting/.test(msg))).toBe(true);
  });

  it.each([
    [
      'a second socket that binds',
      'await new Reply().bind("ipc:///tmp/never");',
      /after tcp:.*Bind once/,
    ],
    [
      'a socket of another type',
      'await new Publisher().bind("tcp://127.0.0.1:9");',
      /a PUB socket binds tcp:.*only one process can/,
    ],
    [
      'PLAIN',
      'await new Reply({ plainServer: true }).bind("tcp://127.0.0.1:9");',
      /after tcp:|asks for PLAIN/,
    ],
    [
      'a handler beside it',
      'export default () => 1; for (;;) break;',
      /exports a handler and binds a Reply socket/,
    ],
  ])('refuses %s, and says what to do', async (title, line, expected) => {
    const loop = title.startsWith('a handler') ? '' : LOOP;
    const text = `import { Publisher, Reply } from 'PACKAGE';
const socket = new Reply();
await socket.bind('ENDPOINT');
${line}
${loop}
`;
    const { file } = await writeNode('server.mjs', of(text));
    const end = await zscale(['run', file, '--workers', '2']);
    expect(end.exitCode).toBe(4);
    expect(end.stderr).toMatch(expected);
  });

  it('lets other sockets bind where that is a matter of the process alone', async () => {
    const text = `import { Publisher, Pull } from 'PACKAGE';
const [pull, publisher] = [new Pull(), new Publisher()];
await pull.bind('inproc://work');
await publisher.bind('tcp://127.0.0.1:*');
${ESM}`;
    const { file, endpoint } = await writeNode('server.mjs', of(text));
    await serve([file, '--workers', '2']);
    expect(await askAll(endpoint, 2)).toHaveLength(2);
  });

  it('is told that its address is taken, and what to do', async () => {
    const { file, endpoint } = await writeNode('server.mjs', of(ESM));
    const other = closing(new Reply());
    await other.bind(endpoint);
    const end = await zscale(['run', file, '--workers', '2']);
    expect(end.exitCode).toBe(1);
    expect(end.stderr).toMatch(/^zscale: the program binds tcp:.*--bind.*EADDRINUSE/m);
  });
});

describe('a CommonJS program that starts only as the main module', () => {
  it('starts all the same', async () => {
    const text = `const { Reply } = require('zeromq');
async function main() {
  const socket = new Reply();
  await socket.bind('ENDPOINT');
  ${LOOP}
}
module.exports = { main };
if (require.main === module) main();
`;
    const { file, endpoint } = await writeNode('server.cjs', text);
    await serve([file, '--workers', '2']);
    expect(await askAll(endpoint, 2)).toHaveLength(2);
  });

  it('stays a handler when it exports one', async () => {
    const text = `exports.handler = () => 'handled';
if (require.main === module) throw new Error('started');
`;
    const { file } = await writeNode('server.cjs', text);
    const bind = await freshTcp();
    await serve([file, '--workers', '1', '--bind', bind, '--codec', 'json']);
    expect(await ask(bind, '1')).toBe('"handled"');
  });
});

describe('a module that is neither handler nor server', () => {
  it('is refused with what is accepted, also when it goes on for ever', async () => {
    for (const text of ['export const answer = 42;', 'setInterval(() => {}, 1000);']) {
      const { file } = await writeNode('server.mjs', text);
      const end = await zscale(['run', file, '--workers', '1']);
      expect(end.exitCode).toBe(4);
      expect(end.stderr).toMatch(/no handler in .* did not bind a Reply socket either/);
    }
  });
});

describe('a handler', () => {
  it('binds what it wants when it is asked for by its name', async () => {
    const text = `import { Reply } from '@zscale/transport';
const socket = new Reply();
await socket.bind('ENDPOINT');
export const main = () => 'handled';
${LOOP.replace('for await', '(async () => { for await')} })();
`;
    const { file, endpoint } = await writeNode('server.mjs', text);
    const program = await serve([
      file,
      '--workers',
      '1',
      '--export',
      'main',
      '--bind',
      'tcp://127.0.0.1:*',
    ]);
    expect(program.stdout).not.toContain(endpoint);
    expect(await ask(endpoint, 'hello')).toMatch(/^hello from \d+$/);
  });
});
