/**
 * Clients of HTTP that use as little CPU as can be had from Node: connections that are kept, bytes that are made once, answers of which
 * no more is read than where they end. Arguments: port, connections, seconds, what (a path, or `mixed`), rate (0: a closed load, each
 * connection asks again when it is answered). Prints one line of JSON.
 *
 * An open load asks at random moments, whether or not earlier requests were answered; times count from the moment at which each was due.
 */

import { connect, type Socket } from 'node:net';

const [port = '', connections = '', seconds = '', what = '/', rate = '0'] = process.argv.slice(2);
/** Not counted: until everything is compiled and all connections are there. */
const WARM_UP_MS = 1000;
const QUICK = '/block/1';
const SLOW = '/block/40';
const SLOW_PART = 0.05;
const HEAD_END = Buffer.from('\r\n\r\n');
const LENGTH = /\r\ncontent-length: (\d+)\r\n/i;

interface Asked {
  readonly due: number;
  readonly counts: boolean;
  readonly isSlow: boolean;
}

const bytes = new Map([what, QUICK, SLOW].map((path) => [path, requestTo(path)]));
const times: number[] = [];
const idle: Client[] = [];
const waiting: Asked[] = [];
const random = randomFrom(1);
let errors = 0;
let answered = 0;
let isOver = false;
const start = performance.now() + WARM_UP_MS;
const end = start + Number(seconds) * 1000;
let nextDue = performance.now();

/** One connection. */
class Client {
  #socket: Socket | undefined;
  #asked: Asked | undefined;
  #rest: Buffer | undefined;

  constructor() {
    this.#connect();
  }

  ask(asked: Asked): void {
    this.#asked = asked;
    const path = what === 'mixed' ? (asked.isSlow ? SLOW : QUICK) : what;
    this.#socket?.write(bytes.get(path) ?? '');
  }

  close(): void {
    this.#socket?.destroy();
  }

  #connect(): void {
    const socket = connect(Number(port), '127.0.0.1');
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', () => {}); // told by 'close'
    socket.once('close', () => this.#lost());
    socket.once('connect', () => this.#free());
    this.#socket = socket;
  }

  #read(chunk: Buffer): void {
    const all = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    const headEnd = all.indexOf(HEAD_END);
    const length =
      headEnd < 0 ? undefined : LENGTH.exec(all.toString('latin1', 0, headEnd + 2))?.[1];
    if (length === undefined || all.length < headEnd + 4 + Number(length)) {
      this.#rest = all;
      return;
    }
    this.#rest = undefined;
    const asked = this.#asked;
    this.#asked = undefined;
    if (asked !== undefined) told(asked, all.toString('latin1', 9, 12) === '200');
    this.#free();
  }

  #lost(): void {
    if (this.#asked !== undefined) told(this.#asked, false);
    this.#asked = undefined;
    this.#rest = undefined;
    if (!isOver) this.#connect();
  }

  #free(): void {
    if (isOver) return;
    if (Number(rate) === 0) this.ask(askedAt(performance.now()));
    else {
      const next = waiting.shift();
      if (next === undefined) idle.push(this);
      else this.ask(next);
    }
  }
}

const clients = Array.from({ length: Number(connections) }, () => new Client());
if (Number(rate) > 0) sendDue();
setTimeout(finish, end - performance.now());

function askedAt(due: number): Asked {
  return { due, counts: due >= start && due < end, isSlow: random() < SLOW_PART };
}

function told({ due, counts, isSlow }: Asked, isRight: boolean): void {
  if (!counts) return;
  answered += 1;
  if (!isRight) errors += 1;
  else if (what !== 'mixed' || !isSlow) times.push(performance.now() - due);
}

/** Arrivals whose intervals are random, so that they know nothing of each other (a Poisson process). */
function sendDue(): void {
  const now = performance.now();
  while (nextDue <= now && nextDue < end) {
    const asked = askedAt(nextDue);
    // Not always the one that was used last: a cluster has given each connection to a process.
    const at = Math.floor(random() * idle.length);
    const [client] = idle.splice(at, 1);
    if (client === undefined) waiting.push(asked);
    else client.ask(asked);
    nextDue -= Math.log(1 - random()) * (1000 / Number(rate));
  }
  if (nextDue < end) setTimeout(sendDue, 1);
}

function finish(): void {
  isOver = true;
  setTimeout(report, 300); // for those that are on the way
}

function report(): void {
  for (const client of clients) client.close();
  times.sort((one, other) => one - other);
  const at = (part: number): number => times[Math.ceil(times.length * part) - 1] ?? Number.NaN;
  console.log(
    JSON.stringify({
      requests: answered,
      errors,
      perSecond: answered / Number(seconds),
      p50: at(0.5),
      p95: at(0.95),
      p99: at(0.99),
    }),
  );
}

function requestTo(path: string): Buffer {
  return Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n`,
  );
}

/** Numbers from 0 to 1, the same for the same seed (a linear congruential generator, modulo 2^48). */
function randomFrom(seed: number): () => number {
  let state = BigInt(seed) ^ 0x5_deec_e66dn;
  return () => {
    state = (state * 0x5_deec_e66dn + 0xbn) & 0xffff_ffff_ffffn;
    return Number(state >> 16n) / 0x1_0000_0000;
  };
}
