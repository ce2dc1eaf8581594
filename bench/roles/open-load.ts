/**
 * A client that asks at random moments, whether or not earlier requests were answered: most of its requests are quick, some are
 * slow. A run is over when all are answered; what it says then is the 99th percentile of the quick ones, from the moment at which
 * each was to be sent. Each run of the same number is the same for all who play. Arguments: `connect`; `rate`, requests per second.
 */

import { Dealer, EMPTY_FRAME } from '@zscale/transport';
import { attach } from './library.ts';
import { givenNumber, listen, sayDone, sayReady } from './line.ts';

const QUICK: Buffer = Buffer.from('1');
const SLOW: Buffer = Buffer.from('40');
/** The part of requests that are slow. */
const SLOW_PART = 0.05;
const PERCENTILE = 0.99;
/** Where requests stand in a message, and their number in front of them. */
const BODY = 2;

interface Request {
  /** In ms from the beginning of the run. */
  readonly at: number;
  readonly body: Buffer;
}

const interval = 1000 / givenNumber('rate');
const socket = new Dealer({ linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0 });
let runs = 0;
let requests: readonly Request[] = [];
let quick: number[] = [];
let start = 0;
let sent = 0;
let answered = 0;

socket.watch({
  readable() {
    for (let m = socket.tryReceive(); m !== undefined; m = socket.tryReceive()) hear(m);
  },
  writable() {},
});
listen((count) => {
  runs += 1;
  requests = planOf(count, randomFrom(runs));
  quick = [];
  sent = 0;
  answered = 0;
  start = performance.now();
  sendDue();
});
await attach(socket);
sayReady();

function sendDue(): void {
  const now = performance.now() - start;
  for (let next = requests[sent]; next !== undefined && next.at <= now; next = requests[sent]) {
    const id = Buffer.alloc(4);
    id.writeUInt32BE(sent);
    socket.trySend([id, EMPTY_FRAME, next.body]);
    sent += 1;
  }
  if (sent < requests.length) setTimeout(sendDue, 1);
}

function hear(message: Buffer[]): void {
  const request = requests[message[0]?.readUInt32BE() ?? 0];
  if (request === undefined || !message[BODY]?.equals(request.body)) {
    throw new Error(`a reply that nobody asked for: ${message[BODY]?.toString()}`);
  }
  answered += 1;
  if (request.body === QUICK) quick.push(performance.now() - start - request.at);
  if (answered < requests.length) return;
  quick.sort((one, other) => one - other);
  sayDone((quick[Math.ceil(quick.length * PERCENTILE) - 1] ?? 0) / 1000);
}

/** Arrivals whose intervals are random, so that they know nothing of each other (a Poisson process). */
function planOf(count: number, random: () => number): readonly Request[] {
  let at = 0;
  return Array.from({ length: count }, () => {
    at -= Math.log(1 - random()) * interval;
    return { at, body: random() < SLOW_PART ? SLOW : QUICK };
  });
}

/** Numbers from 0 to 1, the same for the same seed (a linear congruential generator, modulo 2^48). */
function randomFrom(seed: number): () => number {
  let state = BigInt(seed) ^ 0x5_deec_e66dn;
  return () => {
    state = (state * 0x5_deec_e66dn + 0xbn) & 0xffff_ffff_ffffn;
    return Number(state >> 16n) / 0x1_0000_0000;
  };
}
