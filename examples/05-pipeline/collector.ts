/*
 * The collector: adds up the results of all workers, and says who did how much and how long it took.
 *
 *   npx tsx examples/05-pipeline/collector.ts [endpoint]
 */
import { Pull } from '@zscale/transport';

const [endpoint = 'tcp://127.0.0.1:5559'] = process.argv.slice(2);

const socket = new Pull();
await socket.bind(endpoint);
console.log(`collecting at ${socket.lastEndpoint}`);

const done = new Map<string, number>();
let [results, primes, work, start] = [0, 0, 0, Number.POSITIVE_INFINITY];

for await (const [frame] of socket) {
  const result = JSON.parse(`${frame}`);
  start = Math.min(start, performance.now() - result.ms); // when the first job was begun
  done.set(result.worker, (done.get(result.worker) ?? 0) + 1);
  results += 1;
  primes += result.primes;
  work += result.ms;
  if (results === result.of) break;
}

const passed = performance.now() - start;
for (const [worker, jobs] of done) console.log(`${worker} did ${jobs} jobs`);
console.log(`${primes} primes; ${work.toFixed()} ms of work in ${passed.toFixed()} ms`);
