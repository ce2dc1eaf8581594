/** nats-server, on a free port of loopback: started once, when the first row needs it. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { UnavailableError } from '../unavailable.ts';
import { findProgram, freePort, untilAccepting } from './programs.ts';

const START_TIMEOUT_MS = 10_000;
const END_TIMEOUT_MS = 3000;

/** Where a broker is, and whose CPU time is its own. */
export interface Broker {
  readonly port: number;
  readonly pid: number;
}

/** See the top of the file. */
export class NatsServer {
  readonly #program: string | undefined = findProgram('nats-server');
  #child: ChildProcess | undefined = undefined;
  #started: Promise<Broker> | undefined = undefined;

  /** Why there is none. */
  get reason(): string | undefined {
    return this.#program === undefined
      ? 'nats-server is not installed (Debian: apt-get install nats-server)'
      : undefined;
  }

  get version(): string | undefined {
    if (this.#program === undefined) return undefined;
    const { stdout } = spawnSync(this.#program, ['--version'], { encoding: 'utf8' });
    return /v([\d.]+)/.exec(stdout)?.[1];
  }

  /** Starts it, or gives the one that runs. */
  start(): Promise<Broker> {
    this.#started ??= this.#start().catch((error: Error) => {
      throw new UnavailableError(`nats-server does not start: ${error.message}`);
    });
    return this.#started;
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }

  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  async #start(): Promise<Broker> {
    const program = this.#program;
    if (program === undefined) throw new Error(this.reason);
    const port = await freePort();
    const child = spawn(program, ['--addr', '127.0.0.1', '--port', String(port)], {
      stdio: 'ignore',
    });
    this.#child = child;
    let failure: string | undefined;
    child.once('error', (error) => {
      failure = error.message;
    });
    child.once('exit', (code) => {
      failure ??= `nats-server ended with ${code}`;
    });
    await untilAccepting(port, START_TIMEOUT_MS, () => failure);
    return { port, pid: child.pid ?? 0 };
  }
}
