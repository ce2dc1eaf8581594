/*
 * A trace goes on from a client through one service to the next, though no handler says a word of it.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, scale } from '@zscale/core';
import { expect, it, vi } from 'vitest';
import { closing } from '../support/closing.ts';
import { freshFolder } from '../support/programs.ts';
import { recordingLogger } from '../support/worker-queue.ts';

const TRACE = {
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tracestate: 'vendor=1',
};
const CORE = import.meta.resolve('@zscale/core');

async function serve(source: string, env: Record<string, string> = {}): Promise<string> {
  const module = join(freshFolder(), 'handler.mjs');
  writeFileSync(module, source);
  vi.stubEnv('TMPDIR', freshFolder());
  const { logger } = recordingLogger();
  const options = { workers: 1, bind: 'tcp://127.0.0.1:*', logger, env };
  const server = closing(await scale(module, options));
  vi.unstubAllEnvs();
  return server.endpoints[0] ?? '';
}

it('is that of the request which a handler is at work on', async () => {
  const inner = await serve('export default (_, context) => context.trace ?? null;');
  const outer = await serve(
    `import { connect } from ${JSON.stringify(CORE)};
     import { setTimeout as delay } from 'node:timers/promises';
     const inner = connect(process.env.INNER);
     export default async ({ trace }) => {
       await delay(1);
       return inner.request(null, trace === undefined ? {} : { trace });
     };`,
    { INNER: inner },
  );
  const client = closing(connect<(request: object) => Promise<unknown>>(outer));
  expect(await client.request({}, { trace: TRACE })).toEqual(TRACE);
  expect(await client.request({})).toBeNull();
  const other = { traceparent: '00-11111111111111111111111111111111-2222222222222222-00' };
  expect(await client.request({ trace: other }, { trace: TRACE })).toMatchObject(other);
});
