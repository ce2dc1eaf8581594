/*
 * Pools of real workers: slow requests keep to theirs, and a change of the number of the others
 * leaves them alone.
 */
import { connect, type Server, scale } from '@zscale/core';
import { beforeEach, expect, it, vi } from 'vitest';
import { closing } from '../support/closing.ts';
import { freshFolder } from '../support/programs.ts';
import { until, within } from '../support/until.ts';

const ACTS = new URL('../fixtures/handlers/acts.mjs', import.meta.url);

beforeEach(() => {
  vi.stubEnv('TMPDIR', freshFolder());
  return () => vi.unstubAllEnvs();
});

const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

async function serve(): Promise<Server> {
  const pools = { heavy: { workers: 2, routes: ['heavy*'] } };
  return closing(
    await scale(ACTS, { workers: 1, pools, bind: 'tcp://127.0.0.1:*', logger: quiet }),
  );
}

it('answers quick requests while every worker of a pool is busy', async () => {
  const server = await serve();
  const client = closing(connect(server.endpoints[0] ?? ''));
  const busy = Array.from({ length: 10 }, () =>
    client.request({ act: 'block' }, { route: 'heavy/1' }).catch(() => 'given up'),
  );
  await until(() => server.stats().queued === 8);
  for (let i = 0; i < 50; i++) {
    const who = await within(client.request({ act: 'who' }), 'a quick reply');
    expect(who).toMatchObject({ id: 0 });
  }
  for (const { pid } of server.workers.filter(({ id }) => id > 0))
    process.kill(pid ?? 0, 'SIGKILL');
  await client.close();
  expect(await Promise.all(busy)).toEqual(Array(10).fill('given up'));
});

it('keeps a pool as it is when the other workers become more and fewer', async () => {
  const server = await serve();
  const client = closing(connect(server.endpoints[0] ?? ''));
  const idsOf = () => server.workers.map(({ id }) => id).sort((one, other) => one - other);
  expect(idsOf()).toEqual([0, 1024, 1025]);
  await server.resize(3);
  expect(idsOf()).toEqual([0, 1, 2, 1024, 1025]);
  await server.resize(1);
  expect(idsOf()).toEqual([0, 1024, 1025]);
  const ids = new Set<unknown>();
  await until(async () => {
    const asked = [0, 1, 2].map(() => client.request({ act: 'who', route: 'heavy' }));
    for (const answer of await Promise.all(asked)) ids.add(Reflect.get(Object(answer), 'id'));
    return ids.size === 2;
  });
  expect([...ids].sort()).toEqual([1024, 1025]);
});
