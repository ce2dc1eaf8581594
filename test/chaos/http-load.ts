/**
 * The load of a chaos run of HTTP: clients that keep their connections and ask by GET, each again as soon as it is answered, and look at
 * every answer. Who is left without one, or gets another's, has seen what a user would see.
 *
 * Where gateway processes are killed, a connection that is reset is not yet a failure: it ends with the process that had it, and clients ask
 * such a GET once more, on a connection of its own. What may not be: that it fails again, or that connections with more gateways are reset
 * than were killed.
 */

import { Agent, type OutgoingHttpHeaders, request } from 'node:http';
import type { Socket } from 'node:net';

const PATIENCE_MS = 10_000;
const RESET = 'ECONNRESET';

/** What came of it. */
export interface HttpTally {
  readonly answered: number;
  /** Requests without an answer, or with another one than 200, by code or status. */
  readonly failed: Readonly<Record<string, number>>;
  /** Answers to something else. */
  readonly wrong: number;
  /** Connections that were reset in a request. */
  readonly resets: number;
  /** With how many gateways these connections were, as far as they had answered before. */
  readonly resetBy: number;
  /** Connections that were opened, beyond one for each client. */
  readonly reconnects: number;
  /** The longest a request took, in ms. */
  readonly slowest: number;
}

/** What the load is made of. */
export interface HttpLoadOptions {
  readonly clients: number;
  /** Whether a GET is asked once more when its connection is reset; it fails at once otherwise. */
  readonly asksAgain: boolean;
  /** Every so many requests of all clients one ends its connection, so that gateways that came later get clients; Infinity for never. */
  readonly leavesAfter: number;
}

/** Clients at work, from `start()` until `stop()`. */
export class HttpLoad {
  readonly #port: number;
  readonly #clients: number;
  readonly #asksAgain: boolean;
  readonly #leavesAfter: number;
  readonly #agent: Agent;
  readonly #failed: Record<string, number> = {};
  #running: Promise<void>[] = [];
  #isOver = false;
  #answered = 0;
  #wrong = 0;
  #asked = 0;
  #connections = 0;
  #slowest = 0;
  #resets = 0;
  /** Requests that are being asked once more. */
  #again = 0;
  /** By the first part of the ids of requests, which is a gateway's own. */
  readonly #gateways = new WeakMap<Socket, string>();
  readonly #resetBy = new Set<string>();

  constructor(port: number, { clients, asksAgain, leavesAfter }: HttpLoadOptions) {
    this.#port = port;
    this.#clients = clients;
    this.#asksAgain = asksAgain;
    this.#leavesAfter = leavesAfter;
    this.#agent = new Agent({ keepAlive: true, maxSockets: clients });
  }

  /** Right answers so far. */
  get answers(): number {
    return this.#answered;
  }

  /** Whether no request is being asked once more: who kills another gateway meanwhile may meet the same request again. */
  get isCalm(): boolean {
    return this.#again === 0;
  }

  start(): void {
    this.#running = Array.from({ length: this.#clients }, () => this.#client());
  }

  async stop(): Promise<HttpTally> {
    this.#isOver = true;
    await Promise.all(this.#running);
    this.#agent.destroy();
    return {
      answered: this.#answered,
      failed: { ...this.#failed },
      wrong: this.#wrong,
      resets: this.#resets,
      resetBy: this.#resetBy.size,
      reconnects: this.#connections - this.#clients,
      slowest: Math.round(this.#slowest),
    };
  }

  async #client(): Promise<void> {
    while (!this.#isOver) {
      const path = `/${this.#asked++}`;
      const headers = this.#asked % this.#leavesAfter === 0 ? { Connection: 'close' } : {};
      const begun = performance.now();
      let failure = await this.#ask(path, headers, this.#agent);
      if (failure === RESET && this.#asksAgain) {
        // Connections of the agent may be with the same gateway, and nobody has noticed yet.
        this.#again += 1;
        failure = await this.#ask(path, headers, false);
        this.#again -= 1;
      }
      if (failure !== undefined) this.#failed[failure] = (this.#failed[failure] ?? 0) + 1;
      this.#slowest = Math.max(this.#slowest, performance.now() - begun);
    }
  }

  /** Resolves with why it failed. */
  #ask(
    path: string,
    headers: OutgoingHttpHeaders,
    agent: Agent | false,
  ): Promise<string | undefined> {
    return new Promise((resolve) => {
      const asked = request(
        {
          port: this.#port,
          host: '127.0.0.1',
          path,
          headers,
          agent,
          timeout: PATIENCE_MS,
        },
        (answer) => {
          let text = '';
          this.#gateways.set(
            answer.socket,
            String(answer.headers['x-request-id']).split('-', 1)[0] ?? '',
          );
          answer.setEncoding('utf8');
          answer.on('data', (chunk: string) => {
            text += chunk;
          });
          answer.on('error', fail);
          answer.on('end', () => {
            if (!answer.complete) return; // told by 'error'
            if (answer.statusCode !== 200) return resolve(String(answer.statusCode));
            if (text === `answer to ${path}`) this.#answered += 1;
            else this.#wrong += 1;
            resolve(undefined);
          });
        },
      );
      const fail = ({ code, message }: NodeJS.ErrnoException): void => {
        if (code === RESET) this.#reset(asked.socket);
        resolve(code ?? message);
      };
      asked.on('socket', () => {
        if (agent !== false && !asked.reusedSocket) this.#connections += 1;
      });
      asked.on('timeout', () => asked.destroy(new Error('no answer')));
      asked.on('error', fail);
      asked.end();
    });
  }

  #reset(socket: Socket | null): void {
    this.#resets += 1;
    const gateway = socket === null ? undefined : this.#gateways.get(socket);
    if (gateway !== undefined) this.#resetBy.add(gateway);
  }
}
