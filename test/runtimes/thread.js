/*
 * The other thread of a behaviour: sends 10,000 numbers by inproc to the thread that made it, and waits to be ended.
 */
import { workerData } from 'node:worker_threads';
import { Dealer } from '../../packages/transport/dist/index.js';

const dealer = new Dealer({ routingId: 'thread' });
dealer.connect(workerData.endpoint);
for (let i = 0; i < 10_000; i++) await dealer.send(String(i));
setInterval(() => {}, 1000);
