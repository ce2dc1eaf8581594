/**
 * The load of a chaos run of HTTP: clients that keep their connections and ask by GET, each again as soon as it is answered, and look at
 * every answer. Who is left without one, or gets another's, has seen what a user would see.
 */

import { Agent, request } from 'node:http';

const PATIENCE_MS = 10_000;

/** What came of it. */
export interface HttpTally {
  readonly answered: number;
  /** Requests without an answer, or with another one than 200, by code or status. */
  readonly failed: Readonly<Record<string, number>>;
  /** Answers to something else. */
  readonly wrong: number;
  /** Connections that were opened, beyond one for each client. */
  readonly reconnects: number;
  /** The longest a request took, in ms. */
  readonly slowest: number;
}

/** Clients at work, from `start()` until `stop()`. */
export class HttpLoad {
  readonly #port: number;
  readonly #clients: number;
  readonly #agent: Agent;
  readonly #failed: Record<string, number> = {};
  #running: Promise<void>[] = [];
  #isOver = false;
  #answered = 0;
  #wrong = 0;
  #asked = 0;
  #connections = 0;
  #slowest = 0;

  constructor(port: number, clients: number) {
    this.#port = port;
    this.#clients = clients;
    this.#agent = new Agent({ keepAlive: true, maxSockets: clients });
  }

  /** Right answers so far. */
  get answers(): number {
    return this.#answered;
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
      reconnects: this.#connections - this.#clients,
      slowest: Math.round(this.#slowest),
    };
  }

  async #client(): Promise<void> {
    while (!this.#isOver) await this.#ask(`/${this.#asked++}`);
  }

  #ask(path: string): Promise<void> {
    const begun = performance.now();
    return new Promise((resolve) => {
      const end = (failure?: string): void => {
        if (failure !== undefined) this.#failed[failure] = (this.#failed[failure] ?? 0) + 1;
        this.#slowest = Math.max(this.#slowest, performance.now() - begun);
        resolve();
      };
      const asked = request(
        { port: this.#port, host: '127.0.0.1', path, agent: this.#agent, timeout: PATIENCE_MS },
        (answer) => {
          let text = '';
          answer.setEncoding('utf8');
          answer.on('data', (chunk: string) => {
            text += chunk;
          });
          answer.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
          answer.on('end', () => {
            if (!answer.complete) return; // told by 'error'
            if (answer.statusCode !== 200) end(String(answer.statusCode));
            else {
              if (text === `answer to ${path}`) this.#answered += 1;
              else this.#wrong += 1;
              end();
            }
          });
        },
      );
      asked.on('socket', () => {
        if (!asked.reusedSocket) this.#connections += 1;
      });
      asked.on('timeout', () => asked.destroy(new Error('no answer')));
      asked.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
      asked.end();
    });
  }
}
