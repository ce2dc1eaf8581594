import { describe, expect, it } from 'vitest';
import { Program, startZscale, zscale, zscaleRun } from '../support/cli.ts';
import { freshPath, freshTcp } from '../support/endpoints.ts';
import { isPyzmqRequired, python } from '../support/their-peer.ts';

/** Starts an example in TypeScript or Python, by its file name. */
function example(file: string, ...args: string[]): Program {
  // As `tsx` runs it, but in one process: the other one would survive when this is killed.
  return file.endsWith('.py')
    ? new Program(python ?? 'python3', [`examples/${file}`, ...args])
    : new Program(process.execPath, ['--import', 'tsx', `examples/${file}`, ...args]);
}

async function freePort(): Promise<string> {
  return (await freshTcp()).replace(/^.*:/, '');
}

/** Without pyzmq the Python ones are skipped, except in the run that requires it. */
const skipsPython = python === undefined && !isPyzmqRequired;

describe('the introduction: one client asks two servers in turn', () => {
  const casts = [
    { client: 'client.ts', servers: ['server.ts', 'server.ts'] },
    { client: 'client.py', servers: ['server.ts', 'server.ts'] },
    { client: 'client.ts', servers: ['server.py', 'server.py'] },
    { client: 'client.ts', servers: ['server.ts', 'server.py'] },
  ];
  for (const { client, servers } of casts) {
    const needsPython = [client, ...servers].some((file) => file.endsWith('.py'));
    const title = `${client} gets five replies from ${servers.join(' and five from ')}`;
    it.skipIf(needsPython && skipsPython)(title, async () => {
      const ports = await Promise.all(servers.map(freePort));
      for (const [i, server] of servers.entries()) {
        await example(`02-introduction/${server}`, ports[i] ?? '').printed(/listening/);
      }
      const endpoints = ports.map((port) => `tcp://127.0.0.1:${port}`);
      const end = await example(`02-introduction/${client}`, ...endpoints).end();
      expect(end).toMatchObject({ exitCode: 0, stderr: '' });
      const replies = Array.from({ length: 10 }, (_, i) => `${i + 1}: World from ${ports[i % 2]}`);
      expect(end.stdout.trim().split('\n')).toEqual(replies);
    });
  }
});

describe.skipIf(skipsPython)('any language', () => {
  it('a REP socket in Python is a worker like any other', async () => {
    const { program, endpoint } = await zscaleRun([
      'examples/01-hello/handler.ts',
      ...['--codec', 'json', '--backend', 'tcp://127.0.0.1:*'],
    ]);
    const [, backend = ''] = await program.printed(/back end +(\S+)/);
    const worker = example('03-any-language/worker.py', backend);
    await worker.printed(/working/);

    // It is connected, but when the queue knows it is not for us to see: ask until it answers.
    const seen = new Set<string>();
    while (!seen.has('Python')) {
      const end = await example('03-any-language/client.py', endpoint).end();
      expect(end).toMatchObject({ exitCode: 0, stderr: '' });
      const replies = [
        ...end.stdout.matchAll(/^Hello, request \d+! from worker (\w+) \(pid \d+\)$/gm),
      ];
      expect(replies).toHaveLength(10);
      for (const [, name = ''] of replies) seen.add(name);
    }
  });
});

describe('two machines', () => {
  it('serve together, and the client sees all four processes', async () => {
    const name = freshPath('keys');
    expect(await zscale(['keygen', name])).toMatchObject({ exitCode: 0 });
    const keys = ['--curve-key', `${name}.key_secret`];
    const { program, endpoint } = await zscaleRun([
      'examples/01-hello/handler.ts',
      ...['--backend', 'tcp://127.0.0.1:*', ...keys],
    ]);
    const [, backend = ''] = await program.printed(/back end +(\S+)/);
    const args = ['join', backend, 'examples/01-hello/handler.ts', '--workers', '2', ...keys];
    await startZscale(args).printed(/joined[\s\S]*Ctrl-C/);
    const seen = new Set<string>();
    while (seen.size < 4) {
      const client = example('08-two-machines/client.ts', '1', endpoint, `${name}.key`);
      const end = await client.end();
      expect(end).toMatchObject({ exitCode: 0, stderr: '' });
      expect(end.stdout).not.toContain('ERR');
      for (const [, pid = ''] of end.stdout.matchAll(/pid (\d+)/g)) seen.add(pid);
    }
  });
});
