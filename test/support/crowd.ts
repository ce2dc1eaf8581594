/*
 * A server process with many idle peers in another one, for counting what they cost: ours, or Node
 * alone as what it is compared with.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fixture } from './cli.ts';
import { closing } from './closing.ts';
import { netAddress } from './endpoints.ts';
import { hex } from './hex.ts';
import { until, within } from './until.ts';
import { GREETING, READY } from './vectors.ts';

/** Files that a process has open beside those of its peers. */
const OTHER_FILES = 200;
/** Far above what any machine needs for ten thousand connections. */
const PATIENCE = { deadline: 30_000 };

const HELLO = hex(GREETING, READY.DEALER);
const WELCOME = hex(GREETING, READY.ROUTER);

/** What a server says of its memory, in bytes: after a garbage collection, and `rss` before it. */
export interface Memory {
  readonly heap: number;
  readonly buffers: number;
  readonly rss: number;
}

/** What a server says of its event loop. */
export interface Turns {
  readonly turns: number;
  readonly timers: number;
}

/** A child process that answers each message with one; killed when the test ends. */
class Helper {
  readonly #child: ChildProcess;

  constructor(nodeOptions: readonly string[], program: string, args: readonly string[]) {
    this.#child = spawn(process.execPath, [...nodeOptions, fixture(`peers/${program}`), ...args], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    closing(this);
  }

  async ask(question: unknown): Promise<unknown> {
    this.#child.send(question as object); // Strings and plain objects.
    return this.answer();
  }

  async answer(): Promise<unknown> {
    const exit = once(this.#child, 'exit').then(() => [{ error: 'it ended' }]);
    const answered = Promise.race([once(this.#child, 'message'), exit]);
    const [answer] = await within(answered, 'the answer of a helper process', PATIENCE);
    if ('error' in answer) throw new Error(`a helper process failed: ${answer.error}`);
    return answer;
  }

  async close(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }
}

/** A server and its peers, which are plain streams that know the NULL handshake. */
export class Crowd {
  readonly #server: Helper;
  readonly #peers: Helper;
  /** Where the server listens. */
  readonly endpoint: string;

  private constructor(endpoint: string, server: Helper, peers: Helper) {
    this.endpoint = endpoint;
    this.#server = server;
    this.#peers = peers;
  }

  /** Starts a ROUTER, one whose timers are counted, a service, or a server of Node alone; and a process for its peers. */
  static async gather(kind: 'router' | 'watched' | 'service' | 'bare'): Promise<Crowd> {
    const welcome = kind === 'bare' ? [WELCOME.toString('hex')] : [];
    const server = new Helper(['--expose-gc'], 'server.mjs', [kind, ...welcome]);
    const { endpoint } = (await server.answer()) as { endpoint: string }; // See server.mjs.
    const address = netAddress(endpoint);
    const port = 'port' in address ? `${address.port}` : '';
    const peers = new Helper([], 'clients.mjs', [port, HELLO.toString('hex'), `${WELCOME.length}`]);
    return new Crowd(endpoint, server, peers);
  }

  /** So many more peers connect, and complete their handshakes. */
  async connect(count: number): Promise<void> {
    const before = await this.count();
    await this.#peers.ask({ connect: count });
    await until(async () => (await this.count()) === before + count, 'the handshakes', PATIENCE);
  }

  /** Each peer sends `count` messages of 10 bytes in one write, and gets them back. */
  async exchange(count: number): Promise<void> {
    const messages = Buffer.concat(new Array(count).fill(hex('00 0a', '61'.repeat(10))));
    await this.#peers.ask({ send: messages.toString('hex'), bytes: messages.length });
  }

  async count(): Promise<number> {
    return ((await this.#server.ask('peers')) as { peers: number }).peers; // See server.mjs.
  }

  async memory(): Promise<Memory> {
    return (await this.#server.ask('memory')) as Memory; // See server.mjs.
  }

  async turns(): Promise<Turns> {
    return (await this.#server.ask('turns')) as Turns; // See server.mjs.
  }
}

/** Throws where the system lets no process have so many peers. (Node takes all that the hard limit allows.) */
export function requireOpenFiles(peers: number): void {
  const limit = execFileSync('sh', ['-c', 'ulimit -H -n'], { encoding: 'utf8' }).trim();
  if (limit === 'unlimited' || Number(limit) >= peers + OTHER_FILES) return;
  throw new Error(
    `${peers} peers need ${peers + OTHER_FILES} open files; the hard limit here is ${limit}. Raise it (ulimit -H -n) and run again.`,
  );
}
