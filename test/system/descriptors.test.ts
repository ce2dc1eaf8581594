/*
 * A service that has no file descriptors left, because clients have taken all of them, or because it may have next to none.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { expect, it } from 'vitest';
import { BIN, Program } from '../support/cli.ts';
import { freshFolder } from '../support/programs.ts';
import { until } from '../support/until.ts';

const APPLICATION =
  'export default (request, response) => response.end(String(process.pid));\nsetInterval(() => {}, 1e6);\n';

it('a service without descriptors goes on, and replaces a worker when there are some again', async () => {
  const folder = freshFolder();
  const file = path.join(folder, 'app.mjs');
  writeFileSync(file, APPLICATION);
  const options = ['--http', '--bind', 'http://127.0.0.1:0', '--workers', '1'];
  const script = 'ulimit -n 120; exec "$@"';
  const program = new Program(
    '/bin/sh',
    ['-c', script, 'sh', process.execPath, BIN, 'run', file, ...options, '--log-format', 'json'],
    { env: { TMPDIR: folder } },
  );
  const [, endpoint = ''] = await program.printed(/clients +(http:\S+)/);
  const first = await (await fetch(endpoint, { headers: { Connection: 'close' } })).text();
  const { hostname, port } = new URL(endpoint);
  const flood = Array.from({ length: 300 }, () => connect(Number(port), hostname));
  for (const socket of flood) socket.on('error', () => {}).write('GET / HT');
  await Promise.all(
    flood.slice(0, 60).map((socket) => socket.connecting && once(socket, 'connect')),
  );
  process.kill(Number(first), 'SIGKILL');
  await until(() =>
    /could not be started.*EMFILE.*ulimit -n.*Raise that limit/.test(program.stderr),
  );
  for (const socket of flood) socket.destroy();
  await until(async () => {
    const answer = await fetch(endpoint, { headers: { Connection: 'close' } });
    return answer.status === 200 && (await answer.text()) !== first;
  });
  program.signal('SIGTERM');
  expect(await program.end()).toMatchObject({ exitCode: 0 });
});

it('a service that may have too few descriptors to start says so in one line, with the limit and what to do', async () => {
  const folder = freshFolder();
  const file = path.join(folder, 'app.mjs');
  writeFileSync(file, APPLICATION);
  const run = [process.execPath, BIN, 'run', file, '--bind', 'http://127.0.0.1:0'];
  const program = new Program('/bin/sh', ['-c', 'ulimit -n 30; exec "$@"', 'sh', ...run], {
    env: { TMPDIR: folder },
  });
  expect((await program.end()).exitCode).toBeGreaterThan(0);
  expect(program.stderr).toMatch(/^zscale: .*EMFILE.*ulimit -n.*Raise .*\n$/);
});
