/*
 * A wire one can watch, cut and hold: a relay between two tcp peers that keeps what passed in each
 * direction.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { closing } from './closing.ts';
import { netAddress } from './endpoints.ts';

interface Line {
  readonly front: Socket;
  readonly back: Socket;
}

/** Sits between a socket that connects here and the endpoint behind. */
export class Relay {
  readonly endpoint: string;
  /** Bytes that came from the side that connected, over all connections. */
  forth: Buffer = Buffer.alloc(0);
  /** Bytes that came from the side that is bound. */
  back: Buffer = Buffer.alloc(0);
  /** Connections ever made through the relay. */
  connections = 0;
  readonly #server: Server;
  readonly #lines = new Set<Line>();
  #isHolding = false;

  constructor(server: Server, endpoint: string, behind: string) {
    this.#server = server;
    this.endpoint = endpoint;
    server.on('connection', (front) => this.#join(front, connect(netAddress(behind))));
  }

  /** Starts a relay to `behind`; closed when the running test ends. */
  static async to(behind: string): Promise<Relay> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay has no port');
    return closing(new Relay(server, `tcp://127.0.0.1:${address.port}`, behind));
  }

  #join(front: Socket, back: Socket): void {
    const line = { front, back };
    this.connections += 1;
    this.#lines.add(line);
    front.on('data', (chunk: Buffer) => {
      this.forth = Buffer.concat([this.forth, chunk]);
      if (!this.#isHolding) back.write(chunk);
    });
    back.on('data', (chunk: Buffer) => {
      this.back = Buffer.concat([this.back, chunk]);
      if (!this.#isHolding) front.write(chunk);
    });
    for (const [stream, other] of [
      [front, back],
      [back, front],
    ] as const) {
      stream.on('error', () => {}); // Told by `close`, which follows.
      stream.on('close', () => {
        this.#lines.delete(line);
        other.destroy();
      });
    }
  }

  /** From now on swallows everything: both sides see a peer that is there and says nothing. */
  hold(): void {
    this.#isHolding = true;
  }

  /** Passes bytes again, for connections made from now on. */
  release(): void {
    this.#isHolding = false;
  }

  /** Breaks every connection; new ones are welcome. */
  cut(): void {
    for (const { front, back } of this.#lines) {
      front.destroy();
      back.destroy();
    }
  }

  /** Ends the relay. Idempotent. */
  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
