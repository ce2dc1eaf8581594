import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { isAlive, Program, zscale } from '../support/cli.ts';
import { isPyzmqRequired, python } from '../support/their-peer.ts';

const REPLY = /^ {2}Hello, request (\d+)! +from worker (\d) \(pid (\d+)\)$/gm;

function start(...args: string[]): Program {
  return new Program(process.execPath, ['examples/01-hello/start.js', ...args]);
}

/** What `pnpm start` runs, on a free port, once it has said everything. */
async function started(): Promise<{ program: Program; endpoint: string }> {
  const program = start('tcp://127.0.0.1:*');
  const [, endpoint = ''] = await program.printed(/goes on at (\S+)\. [\s\S]*Ctrl-C/);
  return { program, endpoint };
}

describe('pnpm start', () => {
  it('prints ten replies from four workers and how to call it, and stops at Ctrl-C with 0', async () => {
    const { program, endpoint } = await started();

    const replies = [...program.stdout.matchAll(REPLY)];
    const numbers = replies.map(([, number]) => Number(number)).sort((a, b) => a - b);
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const workers = new Map(replies.map(([, , worker, pid]) => [worker, Number(pid)]));
    expect([...workers.keys()].sort()).toEqual(['0', '1', '2', '3']);
    expect(new Set(workers.values()).size).toBe(4);
    expect(program.stdout).toContain(`pnpm exec zscale call ${endpoint} '{"name":"you"}'`);

    program.signal('SIGINT');
    expect(await program.end()).toMatchObject({ exitCode: 0, signal: null });
    for (const pid of workers.values()) expect(isAlive(pid)).toBe(false);
  });

  it('goes on serving: zscale call gets its greeting', async () => {
    const { endpoint } = await started();
    const end = await zscale(['call', endpoint, '{"name":"you"}']);
    expect(JSON.parse(end.stdout)).toMatchObject({ text: 'Hello, you!' });
  });

  it('goes on serving: the client in TypeScript gets its greeting', async () => {
    const { endpoint } = await started();
    const argv = ['--import', 'tsx', 'examples/01-hello/client.ts', endpoint];
    const end = await new Program(process.execPath, argv).end();
    expect(end).toMatchObject({ exitCode: 0, stderr: '' });
    expect(end.stdout).toMatch(/^Hello, TypeScript! from worker \d \(pid \d+\)\n$/);
  });

  const hasMsgpack =
    python !== undefined && spawnSync(python, ['-c', 'import msgpack']).status === 0;

  it.skipIf(!hasMsgpack && !isPyzmqRequired)(
    'goes on serving: the client in Python gets its greeting',
    async () => {
      const { endpoint } = await started();
      const argv = ['examples/01-hello/client.py', endpoint, 'snake'];
      const end = await new Program(python ?? 'python3', argv).end();
      expect(end).toMatchObject({ exitCode: 0, stderr: '' });
      expect(end.stdout).toMatch(/^Hello, snake! from worker \d \(pid \d+\)\n$/);
    },
  );

  it('ends with 1 and says so when the port is taken', async () => {
    const { endpoint } = await started();
    const end = await start(endpoint).end();
    expect(end).toMatchObject({ exitCode: 1, stdout: '' });
    expect(end.stderr).toMatch(/^Address already in use: Cannot listen on .*\n$/);
    expect(end.stderr).toContain(endpoint);
  });
});
