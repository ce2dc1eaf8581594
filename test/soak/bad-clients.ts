/**
 * Clients of a soak run that do what clients do: they leave in the middle of a request, do not read what they asked for, send half of
 * something, or nothing that is the protocol. Each lives for some time, and there are so many at once.
 */

import { connect, type Socket } from 'node:net';
import { Dealer, EMPTY_FRAME } from '@zscale/transport';

const AT_ONCE = 12;
const LIFE_MAX_MS = 3000;
const REQUESTS = 20;
const BODY_BYTES = 50_000;

/** What one client does; `end` is called when it is enough. */
type Act = (port: number) => { end(): void };

/** Of ZeroMQ. */
export const ZMTP_ACTS: readonly Act[] = [
  // Asks for much, reads nothing of it, and goes.
  (port) => {
    const socket = new Dealer({ linger: 0, receiveHighWaterMark: 1 });
    socket.connect(`tcp://127.0.0.1:${port}`);
    for (let i = 0; i < REQUESTS; i += 1) {
      const body = Buffer.alloc(BODY_BYTES);
      socket.trySend([Buffer.from([i]), EMPTY_FRAME, body]);
    }
    return { end: () => socket.close() };
  },
  // Stops in the greeting.
  (port) => raw(port, Buffer.from('ff00000000000000017f03', 'hex')),
  // Is no ZeroMQ at all.
  (port) => raw(port, Buffer.from('GET / HTTP/1.1\r\n\r\n')),
  // Is silent.
  (port) => raw(port, Buffer.alloc(0)),
];

/** Of HTTP. */
export const HTTP_ACTS: readonly Act[] = [
  // Asks for much and reads nothing of it.
  (port) => raw(port, Buffer.from('GET /large HTTP/1.1\r\nHost: a\r\n\r\n'), { reads: false }),
  // Leaves while it is answered.
  (port) => raw(port, Buffer.from('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')),
  // Stops in the head, and in the body.
  (port) => raw(port, Buffer.from('GET / HTTP/1.1\r\nHo')),
  (port) =>
    raw(port, Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf')),
  // Is no HTTP at all.
  (port) => raw(port, Buffer.alloc(1000, 0xff)),
];

/** Clients at work, from `start()` to `stop()`. */
export class BadClients {
  readonly #port: number;
  readonly #acts: readonly Act[];
  readonly #lives = new Map<{ end(): void }, NodeJS.Timeout>();
  #count = 0;
  #isOver = false;

  constructor(port: number, acts: readonly Act[]) {
    this.#port = port;
    this.#acts = acts;
  }

  /** How many there were. */
  get count(): number {
    return this.#count;
  }

  start(): void {
    for (let i = 0; i < AT_ONCE; i += 1) this.#begin();
  }

  stop(): void {
    this.#isOver = true;
    for (const [client, timer] of this.#lives) {
      clearTimeout(timer);
      client.end();
    }
    this.#lives.clear();
  }

  #begin(): void {
    const act = this.#acts[this.#count % this.#acts.length];
    if (this.#isOver || act === undefined) return;
    this.#count += 1;
    const client = act(this.#port);
    const end = (): void => {
      client.end();
      this.#lives.delete(client);
      this.#begin();
    };
    this.#lives.set(client, setTimeout(end, Math.random() * LIFE_MAX_MS));
  }
}

function raw(port: number, bytes: Buffer, { reads = true } = {}): { end(): void } {
  const socket: Socket = connect(port, '127.0.0.1');
  socket.on('error', () => {}); // it is refused, or thrown out: that is what it is for
  if (reads) socket.resume();
  socket.write(bytes);
  return { end: () => socket.destroy() };
}
