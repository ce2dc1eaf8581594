/*
 * Requests of HTTP for REP sockets that are not zscale's: in Python, and one of our own that lies.
 */

import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, startZscale, zscale } from '../support/cli.ts';
import { freshTcp } from '../support/endpoints.ts';
import { freshFolder } from '../support/programs.ts';
import { isPyzmqRequired, python } from '../support/their-peer.ts';
import { until } from '../support/until.ts';

async function freeUrl(): Promise<string> {
  return (await freshTcp()).replace('tcp:', 'http:');
}

/** A REP socket that answers with what the path says, as JSON. */
const ECHO = `
import { Reply } from '@zscale/transport';
const socket = new Reply();
socket.connect(process.env.ZSCALE_BACKEND);
for await (const [frame] of socket) {
  const request = JSON.parse(frame);
  const { pathname } = new URL(request.uri);
  if (pathname === '/lie') await socket.send('{"code":200,"headers":[["X-A","1\\\\r\\\\nX-B: 2"]]}');
  else if (pathname === '/nonsense') await socket.send('nonsense');
  else await socket.send(JSON.stringify({ code: 203, reason: 'As told', headers: [['X-Pid', String(process.pid)], ['Content-Type', 'text/plain']], body: [request.method, request.uri, request.body].join(' ') }));
}
`;

describe('--http-format json', () => {
  it('gives requests to a REP socket, and its replies to clients; one that lies is found out', async () => {
    const folder = freshFolder();
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const file = join(folder, 'worker.mjs');
    writeFileSync(file, ECHO);
    const url = await freeUrl();
    const program = startZscale([
      ...['run', '--exec', `${process.execPath} ${file}`, '--workers', '2'],
      ...['--http-format', 'json', '--bind', url],
    ]);
    await program.printed(/Ctrl-C/);
    const answer = await fetch(`${url}/a?b=c`, { method: 'POST', body: 'grün' });
    expect(answer.status).toBe(203);
    expect(answer.statusText).toBe('As told');
    expect(await answer.text()).toBe(`POST ${url}/a?b=c grün`);
    const head = await fetch(`${url}/a`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([203, '']);

    for (const path of ['/lie', '/nonsense']) {
      const lie = await fetch(url + path);
      expect(lie.status).toBe(502);
      expect(lie.headers.get('x-b')).toBeNull();
      expect(await lie.json()).toMatchObject({ error: { code: 'ZSCALE_ERR_HANDLER' } });
    }
    await until(() => program.stderr.split("a worker's reply is no answer of HTTP").length === 3);
    expect((await fetch(`${url}/after`)).status).toBe(203);
  });

  it('is not for web applications', async () => {
    const { exitCode, stderr } = await zscale([
      ...['run', 'examples/09-web/hono.mjs', '--http-format', 'json', '--bind', await freeUrl()],
    ]);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('Leave out httpFormat (--http-format)');
  });
});

describe.skipIf(python === undefined && !isPyzmqRequired)('--http-format zhttp', () => {
  it('gives requests to the example in Python, and to another worker when one dies', async () => {
    const url = await freeUrl();
    const program = startZscale([
      ...['run', '--exec', `${python ?? 'python3'} examples/12-http-in-python/worker.py`],
      ...['--workers', '2', '--http-format', 'zhttp', '--bind', url],
    ]);
    await program.printed(/Ctrl-C/);
    const answer = await fetch(`${url}/hello?name=you`, { method: 'PUT', body: 'a body' });
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    const text = await answer.text();
    expect(text).toMatch(
      /^Hello from Python in process \d+: PUT http:\/\/\S+\/hello\?name=you a body\n$/,
    );
    const first = Number(/process (\d+)/.exec(text)?.[1]);
    process.kill(first, 'SIGKILL'); // a child of a child of ours, that has just told its id
    const seen = new Set<string>();
    await until(async () => {
      const again = await fetch(`${url}/again`);
      expect(again.status).toBe(200);
      seen.add(/process (\d+)/.exec(await again.text())?.[1] ?? '');
      return seen.size > 1;
    });
    expect(seen).not.toContain(String(first));
  });
});
