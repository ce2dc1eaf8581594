/**
 * `pnpm chaos`: a service under load whose workers are killed and stopped, and which is reloaded and resized, for a bounded time; every
 * reply is checked. Prints what was done and what came of it.
 *
 * Ends with 1 when a reply was wrong, came twice or did not come, or when a request failed that nothing was done to: without kills, none
 * may fail; with them, no more than workers held.
 */

import { parseArgs } from 'node:util';
import { scale } from '@zscale/core';
import { numberOf, readArguments, refuse } from './arguments.ts';
import { Deaths, type Waits } from './deaths.ts';
import { Load, type Tally } from './load.ts';
import { ALL_DEEDS, type Deed, Mischief } from './mischief.ts';

const WORKERS = 2;
/** A request that is not answered after so much silence will never be, in ms. */
const PATIENCE_MS = 10_000;

const HELP = `pnpm chaos http [options]: see pnpm chaos http --help
pnpm chaos [--seconds 30] [--deeds ${ALL_DEEDS.join(',')}] [--every MS] [--retries N] [--seed N] [--json]

  --seconds N   how long requests are sent
  --deeds LIST  what is done to the service
  --every MS    from one deed to the next (700)
  --retries N   how many times a request may be given to another worker (0)
  --clients N   clients, each with requests of its own in flight (8)
  --inflight N  requests in flight of each client (16)
  --seed N      makes the same run again, as far as the machine does
  --json        one JSON object in place of text
  --help        print this

Exit code: 0; 1 when something was not right; 2 for wrong arguments.`;

if (process.argv[2] === 'http') {
  await import('./http.ts');
  process.exit();
}

const values = readArguments(
  () =>
    parseArgs({
      options: {
        seconds: { type: 'string', default: '30' },
        deeds: { type: 'string', default: ALL_DEEDS.join(',') },
        every: { type: 'string', default: '700' },
        retries: { type: 'string', default: '0' },
        clients: { type: 'string', default: '8' },
        inflight: { type: 'string', default: '16' },
        seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }),
  HELP,
);

const deeds = values.deeds.split(',').filter((name) => name !== '');
const unknown = deeds.filter((name) => !ALL_DEEDS.some((deed) => deed === name));
if (unknown.length > 0) refuse(`there is no deed ${unknown.join(', ')}`);
const random = randomFrom(numberOf('seed', values.seed, 0));
const clients = numberOf('clients', values.clients);
const inFlight = numberOf('inflight', values.inflight);
const seconds = numberOf('seconds', values.seconds);

const server = await scale(new URL('./handler.mjs', import.meta.url), {
  workers: WORKERS,
  bind: 'tcp://127.0.0.1:*',
  codec: 'raw',
  retries: numberOf('retries', values.retries, 0),
  maxRestarts: Infinity,
  restartDelay: 20,
  restartMaxDelay: 200,
});
const deaths = new Deaths(server);
const load = new Load(server.endpoints[0] ?? '', {
  clients,
  inFlight,
  random,
  onLost: () => deaths.clientTold(),
});
const mischief = new Mischief(server, {
  deeds: deeds as readonly Deed[], // each is one: checked above
  every: numberOf('every', values.every),
  random,
  onKill: () => deaths.killed(),
});
let killed = 0;
let lost = 0;
/** What workers that died had, at most so many requests may have failed. */
let held = 0;
server.on('worker-exited', (exit) => {
  if (exit.expected) return;
  killed += 1;
  held += exit.held;
});

load.start();
if (deeds.length > 0) mischief.start();
for (let second = 0; second < seconds; second += 1) {
  await new Promise((resolve) => setTimeout(resolve, 1000));
  if (process.stderr.isTTY) process.stderr.write(`\r${second + 1} s, ${load.answers} answers `);
}
if (process.stderr.isTTY) process.stderr.write('\r');
await mischief.stop();
const tally = await load.stop(PATIENCE_MS);
lost = tally.failed.ZSCALE_ERR_WORKER_LOST ?? 0;
const stats = server.stats();
await server.close();

const complaints = complaintsOf(tally);
if (values.json) {
  console.log(
    JSON.stringify({
      ...tally,
      seconds,
      done: mischief.done,
      crashes: killed,
      restarts: stats.restarts,
      lostTold: deaths.told,
      replaced: deaths.replaced,
      complaints,
    }),
  );
} else {
  const done = Object.entries(mischief.done).map(([deed, count]) => `${deed} ${count}`);
  const failed = Object.entries(tally.failed).map(([code, count]) => `${code} ${count}`);
  console.log(`seed         ${values.seed}`);
  console.log(
    `done         ${done.join(', ')} in ${seconds} s; ${clients * inFlight} requests in flight`,
  );
  console.log(`sent         ${tally.sent}`);
  console.log(`replied      ${tally.replied}`);
  console.log(`failed       ${failed.length === 0 ? 'none' : failed.join(', ')}`);
  console.log(`wrong        ${tally.wrong}`);
  console.log(`duplicated   ${tally.duplicated}`);
  console.log(`unanswered   ${tally.unanswered}`);
  console.log(`longest stall ${tally.longestStall} ms; slowest request ${tally.slowest} ms`);
  console.log(`lost, told   ${textOf(deaths.told)} after the kill`);
  console.log(`replaced     ${textOf(deaths.replaced)} after the end`);
  for (const complaint of complaints) console.log(`NOT RIGHT: ${complaint}`);
}
process.exitCode = complaints.length === 0 ? 0 : 1;

function complaintsOf(result: Tally): string[] {
  const found: string[] = [...mischief.faults];
  if (result.replied === 0) found.push('no request was answered');
  if (result.wrong > 0) found.push(`${result.wrong} replies were wrong`);
  if (result.duplicated > 0) found.push(`${result.duplicated} replies came twice`);
  if (result.unanswered > 0) found.push(`${result.unanswered} requests were never answered`);
  const others = Object.entries(result.failed).filter(
    ([code]) => code !== 'ZSCALE_ERR_WORKER_LOST',
  );
  for (const [code, count] of others) found.push(`${count} requests failed with ${code}`);
  if (lost > held) found.push(`${lost} requests were lost, though dead workers held ${held}`);
  return found;
}

function textOf({ count, median, longest }: Waits): string {
  return count === 0 ? 'never' : `${count} times, median ${median} ms, longest ${longest} ms`;
}

/** Numbers from 0 to 1, the same for the same seed (a linear congruential generator, Knuth's MMIX). */
function randomFrom(start: number): () => number {
  let state = BigInt(start);
  return () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffff_ffff_ffff_ffffn;
    return Number(state >> 11n) / 2 ** 53;
  };
}
