/*
 * A worker: takes jobs, counts primes, gives the results to the collector. Start as many as you like.
 *
 *   npx tsx examples/05-pipeline/worker.ts [jobs] [collector]
 */
import { Pull, Push } from '@zscale/transport';

const [jobs = 'tcp://127.0.0.1:5558', collector = 'tcp://127.0.0.1:5559'] = process.argv.slice(2);

const source = new Pull();
source.connect(jobs);
const sink = new Push();
sink.connect(collector);
const worker = `node ${process.pid}`;
console.log(`${worker} works for ${jobs}`);

for await (const [job] of source) {
  const { from, to, of } = JSON.parse(`${job}`);
  const start = performance.now();
  const primes = countPrimes(from, to);
  const ms = performance.now() - start;
  await sink.send(JSON.stringify({ worker, primes, ms, of }));
}

function countPrimes(from: number, to: number): number {
  let count = 0;
  for (let n = Math.max(from, 2); n < to; n += 1) {
    let divisor = 2;
    while (divisor * divisor <= n && n % divisor !== 0) divisor += 1;
    if (divisor * divisor > n) count += 1;
  }
  return count;
}
