/**
 * RabbitMQ, private and on loopback only: its own node name, ports, folder and cookie, no plugins. Started once, when the first
 * row needs it, since that takes about ten seconds.
 *
 * Erlang would start a name service (epmd) that stays behind; so one is started here first, on a port of its own, and ended with
 * the rest.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { familyOf } from '../cpu.ts';
import { UnavailableError } from '../unavailable.ts';
import type { Broker } from './nats.ts';
import { findProgram, freePort, isExecutable, untilAccepting } from './programs.ts';

/** Debian's command on PATH runs as its own user only and writes to that user's folders; this is the program behind it. */
const DEBIAN_PROGRAM = '/usr/lib/rabbitmq/bin/rabbitmq-server';
const START_TIMEOUT_MS = 60_000;
const NAME_SERVICE_TIMEOUT_MS = 5000;
const END_TIMEOUT_MS = 3000;
const OUTPUT_CHARACTERS = 300;

/** See the top of the file. */
export class RabbitmqServer {
  readonly #folder: string;
  readonly #program: string | undefined;
  readonly #nameService: string | undefined = findProgram('epmd');
  #nameServiceChild: ChildProcess | undefined = undefined;
  #child: ChildProcess | undefined = undefined;
  #started: Promise<Broker> | undefined = undefined;
  #output = '';

  /** @param folder that is made for its files. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#program = isExecutable(DEBIAN_PROGRAM) ? DEBIAN_PROGRAM : findProgram('rabbitmq-server');
  }

  /** Why there is none. */
  get reason(): string | undefined {
    if (this.#program === undefined)
      return 'rabbitmq-server is not installed (Debian: apt-get install rabbitmq-server)';
    return this.#nameService === undefined
      ? 'there is no epmd, which is part of Erlang'
      : undefined;
  }

  /** Known once it was started. */
  get version(): string | undefined {
    return /RabbitMQ ([\d.]+)/.exec(this.#output)?.[1];
  }

  /** Starts it, or gives the one that runs. */
  start(): Promise<Broker> {
    this.#started ??= this.#start().catch((error: Error) => {
      throw new UnavailableError(`RabbitMQ does not start: ${error.message}`);
    });
    return this.#started;
  }

  /** By force: nothing of it is to be kept. Its shell goes last, by itself, so that it takes in what it has started. */
  async stop(): Promise<void> {
    await end(this.#child, (pid) => familyOf([pid]).slice(1));
    await end(this.#nameServiceChild, (pid) => [pid]);
  }

  kill(): void {
    killGroup(this.#child);
    killGroup(this.#nameServiceChild);
  }

  async #start(): Promise<Broker> {
    const program = this.#program;
    const nameService = this.#nameService;
    if (program === undefined || nameService === undefined) throw new Error(this.reason);
    mkdirSync(this.#folder, { recursive: true });
    const [port, distributionPort, nameServicePort] = [
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    let failure: string | undefined;
    this.#nameServiceChild = spawn(
      nameService,
      ['-address', '127.0.0.1', '-port', String(nameServicePort)],
      { stdio: 'ignore', detached: true },
    );
    this.#nameServiceChild.once('error', (error) => {
      failure = error.message;
    });
    await untilAccepting(nameServicePort, NAME_SERVICE_TIMEOUT_MS, () => failure);

    const child = spawn(program, [], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // a group of its own, so that all of it can be ended
      env: { ...process.env, ...this.#environment(port, distributionPort, nameServicePort) },
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    child.once('error', (error) => {
      failure = error.message;
    });
    child.once('exit', (code) => {
      failure ??= `rabbitmq-server ended with ${code}: ${this.#output.trim().slice(-OUTPUT_CHARACTERS)}`;
    });
    await untilAccepting(port, START_TIMEOUT_MS, () => failure);
    return { port, pid: child.pid ?? 0 };
  }

  #environment(
    port: number,
    distributionPort: number,
    nameServicePort: number,
  ): Readonly<Record<string, string>> {
    const folder = this.#folder;
    const plugins = join(folder, 'enabled_plugins');
    writeFileSync(plugins, '[].\n');
    return {
      HOME: folder, // of the cookie
      ERL_EPMD_ADDRESS: '127.0.0.1',
      ERL_EPMD_PORT: String(nameServicePort),
      RABBITMQ_NODENAME: `zscale-bench-${process.pid}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(distributionPort),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
      RABBITMQ_LOG_BASE: join(folder, 'log'),
      RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
      RABBITMQ_CONF_ENV_FILE: join(folder, 'no-such-file'),
      RABBITMQ_CONFIG_FILE: join(folder, 'no-such-file'),
    };
  }
}

async function end(
  child: ChildProcess | undefined,
  victims: (pid: number) => readonly number[],
): Promise<void> {
  if (child?.pid === undefined || !isRunning(child)) return;
  const exited = once(child, 'exit');
  for (const pid of victims(child.pid)) kill(pid);
  const timer = setTimeout(() => killGroup(child), END_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}

/** All that has to do with it, at once. */
function killGroup(child: ChildProcess | undefined): void {
  if (child?.pid !== undefined && isRunning(child)) kill(-child.pid);
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended already
  }
}
