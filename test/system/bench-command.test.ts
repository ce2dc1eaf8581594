/*
 * zscale bench against real services: what it sends arrives, what it counts is right, and what it does to the workers is told.
 */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { BIN, type RunningServer, startZscale, zscale, zscaleRun } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { freshFolder } from '../support/programs.ts';
import { TerminalProgram } from '../support/terminal.ts';
import { until } from '../support/until.ts';

let module: string;
beforeEach(() => {
  module = join(freshFolder(), 'handler.mjs');
  writeFileSync(
    module,
    `import { setTimeout as delay } from 'node:timers/promises';
let count = 0;
export default async ({ ms = 0, fail = 0 }) => {
  await delay(ms);
  count += 1;
  if (fail > 0 && count % fail === 0) throw Object.assign(new Error('no'), { code: 'OUT_OF_STOCK' });
  return count;
};`,
  );
  vi.stubEnv('TMPDIR', freshFolder());
  vi.stubEnv('XDG_RUNTIME_DIR', '');
  return () => vi.unstubAllEnvs();
});

function serve(...args: string[]): Promise<RunningServer> {
  return zscaleRun([module, ...args]);
}

/** What a bench prints with --json. */
async function measured(...args: string[]): Promise<Record<string, unknown>> {
  const { exitCode, stderr, stdout } = await zscale(['bench', ...args, '--json']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout);
}

/** A server of HTTP that answers with the status that the path names; and what it was asked. */
async function web(): Promise<{ readonly url: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume();
    response.statusCode = Number(request.url?.slice(1)) || 200;
    response.end('hello');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

describe('zscale bench', () => {
  it('finds the service that runs, and counts what the service counts', async () => {
    const { endpoint } = await serve();
    const report = await measured('--requests', '200', '-c', '4', '{"ms":1}');
    expect(report).toMatchObject({
      endpoint,
      load: '4 at once, for 10s, up to 200 requests',
      ...{ sent: 200, answered: 200, errors: {}, unexpected: 0, lost: 0 },
    });
    expect(report.latency).toMatchObject({ p50: expect.any(Number) });
    const { p50, p999, max } = Object(report.latency);
    expect(p50).toBeGreaterThanOrEqual(1);
    expect(max).toBeGreaterThanOrEqual(p999);
    const { stdout } = await zscale(['stats', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ requests: 201 }); // one to see that it is there
  });

  it('asks at the codec of the service, and shows errors by their code', async () => {
    await serve('--codec', 'json', '--workers', '1');
    const report = await measured('--requests', '100', '-c', '1', '{"fail":10}');
    expect(report).toMatchObject({ sent: 100, answered: 90, errors: { OUT_OF_STOCK: 10 } });
  });

  it('is read in 80 columns, with a picture of the latencies', async () => {
    const { endpoint } = await serve();
    const { stdout, exitCode } = await zscale(['bench', endpoint, '--requests', '300']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^requests\/s +\d+$/m);
    expect(stdout).toMatch(/^latency +p50 \S+ {2}p90 \S+ {2}p99 \S+ {2}p99\.9 \S+ {2}max \S+$/m);
    expect(stdout).toMatch(/^ *< \S+ +\d+ {2}#+$/m);
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThan(81);
    const counts = [...stdout.matchAll(/^ *< \S+ +(\d+)/gm)].map(([, count]) => Number(count));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(300);
  });

  it('sends at a rate, also to a service that cannot keep up, and times from when each was due', async () => {
    await serve('--workers', '1', '--concurrency', '1');
    // Each takes 20 ms and 200 come in a second: the queue grows, and the last have waited for it.
    const report = await measured('{"ms":20}', '--rate', '200/s', '--requests', '100', '-t', '30s');
    expect(report).toMatchObject({
      sent: 100,
      answered: 100,
      load: expect.stringContaining('200/s'),
    });
    const { max } = Object(report.latency);
    expect(max).toBeGreaterThan(500);
  });

  it('asks servers of HTTP: GET, and POST with a message', async () => {
    const { url, asked } = await web();
    expect(await measured(url, '--requests', '20')).toMatchObject({
      answered: 20,
      unexpected: null,
    });
    await measured(`${url}/`, '{"a":1}', '--requests', '5');
    expect(asked.filter((line) => line === 'GET /')).toHaveLength(21);
    expect(asked.filter((line) => line === 'POST /')).toHaveLength(6);
    const { exitCode, stdout } = await zscale(['bench', `${url}/503`, '--requests', '5', '--json']);
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ answered: 0, errors: { HTTP_503: 5 } });
  });

  it('kills and reloads meanwhile, and tells what was lost by it', async () => {
    await serve('--retries', '3');
    const report = await measured(
      ...['{"ms":5}', '-c', '8', '-d', '3s', '--chaos', 'kill=400ms,reload=1s,drain=700ms'],
    );
    const { done, restarts } = Object(report.chaos);
    expect(done.kill).toBeGreaterThan(0);
    expect(restarts).toBeGreaterThanOrEqual(done.kill);
    const errors = Object.values(Object(report.errors));
    expect(errors.reduce((sum: number, count) => sum + Number(count), 0)).toBe(
      Number(report.sent) - Number(report.answered),
    );
    expect(report.unexpected).toBe(0);
  });

  it('leaves no worker behind that stands still', async () => {
    const { program } = await serve('--workers', '1', '--name', 'api');
    const running = startZscale(['bench', '{"ms":1}', '-d', '1m', '--chaos', 'pause=100ms']);
    await until(async () => {
      const { stdout } = await zscale(['logs', '--json']);
      return stdout.includes('SIGSTOP');
    }, 'a worker that is paused');
    running.signal('SIGINT');
    expect(await running.end()).toMatchObject({ exitCode: 130 });
    expect(running.stdout).toMatch(/^chaos +\d+ pause/m);
    expect((await zscale(['inject', '{}'])).exitCode).toBe(0);
    expect(program.hasEnded).toBe(false);
  });

  it('stops at Ctrl-C and tells what it has', async () => {
    await serve();
    const running = startZscale(['bench', '-d', '5m', '--json']);
    await until(async () => {
      const { stdout } = await zscale(['stats', '--json']);
      return JSON.parse(stdout).requests > 10;
    }, 'requests');
    running.signal('SIGINT');
    const { exitCode, stdout } = await running.end();
    expect(exitCode).toBe(130);
    expect(JSON.parse(stdout).answered).toBeGreaterThan(0);
  });

  it('shows on a terminal how far it is, and clears that away', async () => {
    await serve();
    const terminal = new TerminalProgram([process.execPath, BIN, 'bench', '-d', '1s']);
    await terminal.shows(/^\[=+ *\] \d\.\ds {2}\d+ requests\/s {2}0 errors$/m);
    await terminal.shows(/^requests\/s +\d+$/m);
    await terminal.event('ended');
    expect(terminal.screen.join('\n')).not.toMatch(/\[=/);
  });

  it('says at once that nobody is there, and ends with 1', async () => {
    const server = await zscale(['bench', 'http://127.0.0.1:1/']);
    expect(server).toMatchObject({ exitCode: 1, stdout: '' });
    expect(server.stderr).toMatch(/does not answer: ECONNREFUSED/);
    const service = await zscale(['bench', 'tcp://127.0.0.1:1', '--timeout', '200ms']);
    expect(service.stderr).toMatch(/does not answer: ZSCALE_ERR_TIMEOUT/);
    expect(await zscale(['bench'])).toMatchObject({ exitCode: 69 });
  });
});
