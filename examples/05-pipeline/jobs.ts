/*
 * The job server: how many primes are there below 1,000,000? It cuts the question into 100 jobs and deals
 * them to the workers, one each in turn.
 *
 *   npx tsx examples/05-pipeline/jobs.ts [workers] [endpoint]
 */
import { Push } from '@zscale/transport';

const [workers = '2', endpoint = 'tcp://127.0.0.1:5558'] = process.argv.slice(2);

const socket = new Push();
await socket.bind(endpoint);
console.log(`jobs at ${socket.lastEndpoint}, for ${workers} workers`);

// Who deals at once deals everything to the worker that came first.
let missing = Number(workers);
for await (const { type } of socket.events) {
  if (type === 'handshake') missing -= 1;
  if (missing <= 0) break;
}

const of = 100; // goes with each job and its result, so that the collector knows when it has all
for (let from = 0; from < 1_000_000; from += 10_000) {
  await socket.send(JSON.stringify({ from, to: from + 10_000, of }));
}
console.log(`${of} jobs are on their way`);
socket.close(); // Node goes on until the last one is sent
