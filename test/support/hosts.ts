/*
 * Separate hosts on one machine: hosts.py makes network namespaces and what is between them. Programs of a test run in them; the
 * file system is one.
 */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { fixture, Program, type ProgramOptions } from './cli.ts';
import { closing } from './closing.ts';
import { freshFolder, type StartedProgram } from './programs.ts';
import { within } from './until.ts';

const SCRIPT = fileURLToPath(new URL('./hosts.py', import.meta.url));
const PYTHON = process.env.PYTHON ?? 'python3';

/** Why there can be no hosts on this machine; undefined when there can. */
export const noHosts: string | undefined = whyNot();

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun';
  const missing = [PYTHON, 'ip', 'nsenter'].find((name) => spawnSync(name, ['-V']).error);
  return missing === undefined ? undefined : `${missing} is not installed`;
}

/** Hosts 1, 2, ... with the addresses 10.77.0.1, 10.77.0.2, ...; gone when the running test ends. */
export class Hosts {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #namespaces: readonly number[];

  private constructor(
    process: ChildProcessWithoutNullStreams,
    lines: AsyncIterator<string>,
    namespaces: readonly number[],
  ) {
    this.#process = process;
    this.#lines = lines;
    this.#namespaces = namespaces;
  }

  static async make(count: number): Promise<Hosts> {
    const child = spawn(PYTHON, [SCRIPT, `${count}`]);
    let complaint = '';
    child.stderr.on('data', (chunk) => {
      complaint += chunk;
    });
    const reader: Interface = createInterface(child.stdout);
    const lines = reader[Symbol.asyncIterator]();
    const first = await within(lines.next(), 'the hosts to be there');
    if (first.done) throw new Error(`there are no hosts: ${complaint}`);
    return closing(new Hosts(child, lines, JSON.parse(first.value)));
  }

  addressOf(host: number): string {
    return `10.77.0.${host}`;
  }

  /** Runs a program of test/fixtures/programs on a host. */
  start(host: number, name: string, args: readonly string[] = []): StartedProgram {
    const folder = freshFolder();
    const program = this.run(host, process.execPath, [fixture(`programs/${name}`), ...args], {
      env: { TMPDIR: folder },
    });
    return { program, folder };
  }

  /** Runs a command on a host. */
  run(host: number, command: string, args: readonly string[], options?: ProgramOptions): Program {
    const namespace = `/proc/${this.#namespaces[host - 1]}/ns/net`;
    return new Program('nsenter', [`--net=${namespace}`, command, ...args], options);
  }

  /** From now on nothing reaches a host, and nothing comes from it. */
  cut(host: number): Promise<void> {
    return this.#say({ cut: host });
  }

  /** It is back. */
  heal(host: number): Promise<void> {
    return this.#say({ heal: host });
  }

  /** From now on every frame comes so many ms later, and some, by chance, never. */
  worsen(quality: { readonly delay: number; readonly loss: number }): Promise<void> {
    return this.#say(quality);
  }

  /** Ends the hosts. Idempotent. */
  async close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exit = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exit;
  }

  async #say(command: object): Promise<void> {
    this.#process.stdin.write(`${JSON.stringify(command)}\n`);
    await within(this.#lines.next(), `the hosts to do ${JSON.stringify(command)}`);
  }
}
