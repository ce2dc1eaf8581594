/**
 * `pnpm chaos http`: a web application under full load of GET from keep-alive clients, while a worker is killed every second and all are
 * replaced every five. No request may fail. `--against cluster` does the same to node:cluster, where requests do fail.
 *
 * `--gateways 2` has the connections in gateway processes, and kills one of these every second too. Its connections are reset then, and
 * no others; no GET may fail that is asked once more. The next is killed when all of those are answered.
 */

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { scale } from '@zscale/core';
import { numberOf, readArguments, refuse } from './arguments.ts';
import { HttpLoad, type HttpTally } from './http-load.ts';
import { Mischief, type Victim } from './mischief.ts';

const WORKERS = 2;
const CLIENTS = 32;
const KILL_MS = 1000;
const RELOAD_MS = 5000;
const LEAVES_AFTER = 20;

interface Outcome extends HttpTally {
  readonly kills: number;
  readonly reloads: number;
  /** Gateway processes that were killed. */
  readonly gatewayKills: number;
}

const HELP = `pnpm chaos http [options]

  --seconds N        how long requests are sent (30)
  --gateways N       processes that are the gateway (1); of several one is killed every second, too
  --against cluster  does the same to node:cluster, which has no gateways
  --json             one JSON object in place of text
  --help             print this

Exit code: 0; 1 when something was not right; 2 for wrong arguments.`;

const values = readArguments(
  () =>
    parseArgs({
      args: process.argv.slice(3),
      options: {
        seconds: { type: 'string', default: '30' },
        against: { type: 'string', default: 'zscale' },
        gateways: { type: 'string', default: '1' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }),
  HELP,
);
const seconds = numberOf('seconds', values.seconds);
const gateways = numberOf('gateways', values.gateways);
if (values.against !== 'zscale' && values.against !== 'cluster') {
  refuse(`--against takes cluster; got ${values.against}`);
}
if (values.against === 'cluster' && gateways > 1) refuse('--gateways is not for --against cluster');
const outcome = values.against === 'cluster' ? await ofCluster() : await ofZscale();
const failures = Object.values(outcome.failed).reduce((sum, count) => sum + count, 0);
if (values.json) console.log(JSON.stringify({ ...outcome, seconds, failures }));
else {
  const { kills, reloads, answered, failed, wrong, reconnects, slowest } = outcome;
  const { gatewayKills, resets, resetBy } = outcome;
  const told = Object.entries(failed).map(([code, count]) => `${code} ${count}`);
  console.log(`done         kill ${kills}, reload ${reloads} in ${seconds} s; ${CLIENTS} clients`);
  if (gateways > 1) console.log(`             ${gatewayKills} of ${gateways} gateways killed`);
  console.log(`answered     ${answered}`);
  console.log(`failed       ${told.length === 0 ? 'none' : told.join(', ')}`);
  console.log(`wrong        ${wrong}`);
  if (gateways > 1) {
    console.log(`reset        ${resets} requests asked once more; with ${resetBy} gateways`);
  }
  console.log(`reconnects   ${reconnects}`);
  console.log(`slowest      ${slowest} ms`);
}
const isRight =
  failures === 0 &&
  outcome.wrong === 0 &&
  outcome.answered > 0 &&
  outcome.resetBy <= outcome.gatewayKills;
process.exitCode = isRight || values.against === 'cluster' ? 0 : 1;

async function ofZscale(): Promise<Outcome> {
  const server = await scale(new URL('./http-listener.mjs', import.meta.url), {
    workers: WORKERS,
    bind: 'http://127.0.0.1:0',
    gateways,
    maxRestarts: Infinity,
    restartDelay: 20,
    restartMaxDelay: 200,
  });
  const load = new HttpLoad(Number(new URL(server.endpoints[0] ?? '').port), {
    clients: CLIENTS,
    asksAgain: gateways > 1,
    leavesAfter: gateways > 1 ? LEAVES_AFTER : Infinity,
  });
  const kill = new Mischief(server, { deeds: ['kill'], every: KILL_MS, random: Math.random });
  const reload = new Mischief(server, { deeds: ['reload'], every: RELOAD_MS, random: Math.random });
  const ofGateways: Victim = {
    get workers() {
      return load.isCalm ? server.gateways : [];
    },
    reload: () => server.reload(),
    resize: (count) => server.resize(count),
  };
  const cut = new Mischief(ofGateways, { deeds: ['kill'], every: KILL_MS, random: Math.random });
  const mischiefs = [kill, reload, ...(gateways > 1 ? [cut] : [])];
  load.start();
  for (const mischief of mischiefs) mischief.start();
  await wait(seconds * 1000);
  await Promise.all(mischiefs.map((mischief) => mischief.stop()));
  const tally = await load.stop();
  await server.close();
  for (const { faults } of mischiefs) for (const fault of faults) console.error(fault);
  return {
    ...tally,
    kills: kill.done.kill,
    reloads: reload.done.reload,
    gatewayKills: cut.done.kill,
  };
}

async function ofCluster(): Promise<Outcome> {
  const program = fileURLToPath(new URL('./http-cluster.mjs', import.meta.url));
  const primary = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [port = ''] = await new Promise<string[]>((resolve) => {
    createInterface({ input: primary.stdout }).once('line', (line) => resolve([line]));
  });
  const load = new HttpLoad(Number(port), {
    clients: CLIENTS,
    asksAgain: false,
    leavesAfter: Infinity,
  });
  let kills = 0;
  let reloads = 0;
  const killing = setInterval(() => {
    kills += 1;
    primary.stdin.write('kill\n');
  }, KILL_MS);
  const reloading = setInterval(() => {
    reloads += 1;
    primary.stdin.write('reload\n');
  }, RELOAD_MS);
  load.start();
  await wait(seconds * 1000);
  clearInterval(killing);
  clearInterval(reloading);
  const tally = await load.stop();
  primary.stdin.end();
  return { ...tally, kills, reloads, gatewayKills: 0 };
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
