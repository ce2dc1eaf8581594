/**
 * Serves the application in one of four ways, and says where: `node`, `cluster`, `pm2` or `zscale`, then the number of workers. Prints
 * `ready PORT FRONT-PID WORKER-PID...`; ends when its stdin does, not with its terminal: what it started ends with it.
 */

import cluster from 'node:cluster';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { scale } from '@zscale/core';
import answer from './handler.ts';
import { serveByPm2 } from './pm2.ts';

const [kind = 'node', count = '2'] = process.argv.slice(2);
const workers = Number(count);

if (cluster.isWorker) {
  createServer(answer).listen(0, '127.0.0.1');
} else {
  process.stdin.resume().once('end', () => process.exit());
  for (const signal of ['SIGHUP', 'SIGINT'] as const) process.on(signal, () => {});
  process.once('SIGTERM', () => process.exit());
  if (kind === 'node') serveAlone();
  else if (kind === 'cluster') serveByCluster();
  else if (kind === 'pm2') {
    const { port, front, workers: pids, stop } = await serveByPm2(workers);
    process.once('exit', stop);
    sayReady(port, pids, front);
  } else await serveByZscale();
}

function serveAlone(): void {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1', () => sayReady((server.address() as AddressInfo).port, [])); // TCP
}

function serveByCluster(): void {
  let listening = 0;
  for (let i = 0; i < workers; i++) cluster.fork();
  cluster.on('listening', (_worker, { port }) => {
    listening += 1;
    if (listening < workers) return;
    sayReady(
      port,
      Object.values(cluster.workers ?? {}).map((worker) => worker?.process.pid ?? 0),
    );
  });
}

async function serveByZscale(): Promise<void> {
  const server = await scale(new URL('./handler.js', import.meta.url), {
    workers,
    bind: 'http://127.0.0.1:0',
  });
  const { port } = new URL(server.endpoints[0] ?? '');
  sayReady(
    Number(port),
    server.workers.map(({ pid = 0 }) => pid),
  );
}

function sayReady(port: number, pids: readonly number[], front = process.pid): void {
  console.log(`ready ${port} ${front} ${pids.join(' ')}`.trim());
}
