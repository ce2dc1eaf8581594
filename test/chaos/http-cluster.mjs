/*
 * The same application by node:cluster, for comparison: workers that die are forked again. Killed and reloaded as its stdin says,
 * as its users do it: a new worker listens before an old one is disconnected.
 */
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import listener from './http-listener.mjs';

if (cluster.isWorker) {
  createServer(listener).listen(0, '127.0.0.1');
} else {
  let listening = 0;
  cluster.on('listening', (_worker, { port }) => {
    listening += 1;
    if (listening === 2) console.log(port);
  });
  cluster.on('exit', (worker) => {
    if (!worker.exitedAfterDisconnect) cluster.fork();
  });
  cluster.fork();
  cluster.fork();
  for await (const word of createInterface({ input: process.stdin })) {
    const workers = Object.values(cluster.workers ?? {});
    if (word === 'kill')
      workers[Math.floor(Math.random() * workers.length)]?.process.kill('SIGKILL');
    else if (word === 'reload') await reload(workers);
  }
  process.exit();
}

/** @param {(import('node:cluster').Worker | undefined)[]} workers */
async function reload(workers) {
  for (const old of workers) {
    if (old === undefined || old.isDead()) continue;
    await once(cluster.fork(), 'listening');
    old.disconnect();
  }
}
