/*
 * libzmq in a process of its own, through pyzmq: their-peer.py, steered by JSON lines. The process
 * can be killed or stopped, which is what the reconnect and heartbeat tests want it for.
 *
 * Python is $PYTHON where that is set; else the first that has pyzmq of Debian's /usr/bin/python3
 * and the python3 on PATH.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { closing } from './closing.ts';
import type { Stack, StackOptions, StackSocket, StackType } from './stack.ts';
import { within } from './until.ts';

const SCRIPT = fileURLToPath(new URL('./their-peer.py', import.meta.url));

const OPTION_NAMES: Readonly<Record<keyof StackOptions, string>> = {
  routingId: 'ROUTING_ID',
  mandatory: 'ROUTER_MANDATORY',
  heartbeatInterval: 'HEARTBEAT_IVL',
  heartbeatTimeout: 'HEARTBEAT_TIMEOUT',
  heartbeatTimeToLive: 'HEARTBEAT_TTL',
  reconnectInterval: 'RECONNECT_IVL',
};

function findPython(): string | undefined {
  const { PYTHON } = process.env;
  const candidates = PYTHON === undefined ? ['/usr/bin/python3', 'python3'] : [PYTHON];
  return candidates.find(
    (each) => spawnSync(each, ['-c', 'import zmq'], { stdio: 'ignore' }).status === 0,
  );
}

/** The Python that has pyzmq; undefined when there is none on this machine. */
export const python: string | undefined = findPython();

/** Whether tests with pyzmq must fail, rather than be skipped, on a machine without it. */
export const isPyzmqRequired: boolean = process.env.REQUIRE_PYZMQ === '1';

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly code?: string;
  readonly message?: string;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A Python process with pyzmq sockets in it. */
export class TheirPeer {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  /** Starts the process; killed when the running test ends. */
  constructor() {
    if (python === undefined) {
      throw new Error('no Python with pyzmq: apt-get install python3-zmq, or set PYTHON');
    }
    const child = spawn(python, [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#process = child;
    if (child.stdout === null) throw new Error('the process was started with a pipe for stdout');
    createInterface({ input: child.stdout }).on('line', (line) => this.#settle(line));
    child.stdin?.on('error', () => {}); // The write after its death is told by `exit` below.
    child.once('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values()) {
        reject(new Error(`their-peer.py ended (code ${code}, signal ${signal})`));
      }
      this.#waiting.clear();
    });
    closing(this);
  }

  #settle(line: string): void {
    const answer = JSON.parse(line) as Answer; // Written by their-peer.py, which we own.
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.code === undefined) waiting?.resolve(answer.value);
    else waiting?.reject(Object.assign(new Error(answer.message), { code: answer.code }));
  }

  /** Sends one command and waits for its answer. */
  async command(name: string, fields: object = {}): Promise<unknown> {
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    this.#process.stdin?.write(`${JSON.stringify({ id, do: name, ...fields })}\n`);
    return answer;
  }

  /** Opens a socket in the process. */
  async open(type: StackType, options: StackOptions = {}): Promise<TheirSocket> {
    const named: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(options)) {
      named[OPTION_NAMES[name as keyof StackOptions]] = value; // Keys of a literal of that type.
    }
    return new TheirSocket(this, await this.command('open', { type, options: named }));
  }

  /** Sends a signal: SIGSTOP makes a peer that is there and says nothing. */
  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** Kills the process and waits for its end. Idempotent. */
  async close(): Promise<void> {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await within(once(child, 'exit'), 'their-peer.py to end');
  }
}

/** A socket in a {@link TheirPeer}. */
export class TheirSocket implements StackSocket {
  readonly #peer: TheirPeer;
  readonly #number: unknown;

  constructor(peer: TheirPeer, number: unknown) {
    this.#peer = peer;
    this.#number = number;
  }

  async #command(name: string, fields: object = {}): Promise<unknown> {
    return this.#peer.command(name, { socket: this.#number, ...fields });
  }

  async bind(endpoint: string): Promise<string> {
    return String(await this.#command('bind', { endpoint }));
  }

  async connect(endpoint: string): Promise<void> {
    await this.#command('connect', { endpoint });
  }

  async send(message: readonly Buffer[]): Promise<void> {
    await this.#command('send', { frames: message.map((frame) => frame.toString('base64')) });
  }

  async receive(): Promise<Buffer[]> {
    const frames = (await this.#command('receive')) as string[]; // As their-peer.py encodes it.
    return frames.map((frame) => Buffer.from(frame, 'base64'));
  }

  /** From now on answers each message by itself, with `prefix` in front of every frame. */
  async serve(prefix: string): Promise<void> {
    await this.#command('serve', { prefix });
  }

  async close(): Promise<void> {
    await this.#command('close');
  }
}

/** pyzmq, a process per socket. */
export const pyzmq: Stack = {
  name: 'pyzmq',
  open: (type, options) => new TheirPeer().open(type, options),
};
