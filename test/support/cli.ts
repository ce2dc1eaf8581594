/*
 * Programs as a person starts them: a process with arguments and input, its output as it comes, its
 * exit. Above it the zscale command, from the bin that users have (which runs what was built).
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { closing } from './closing.ts';
import { until, within } from './until.ts';

/** The top of the repository, where examples are started from. */
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

/** The zscale command, a program for Node. */
export const BIN: string = fileURLToPath(
  new URL('../../packages/cli/bin/zscale.js', import.meta.url),
);

/** A fixture by its name below test/fixtures, as an absolute path. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

export interface ProgramOptions {
  /** What comes on stdin, which then ends; default nothing. */
  readonly input?: string | Uint8Array;
  /** On top of this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Whether it leads a process group, as a program in a terminal does; default false. */
  readonly leadsGroup?: boolean;
  /** As whom it runs, which only root can say; default as this process. */
  readonly identity?: { readonly uid: number; readonly gid: number };
}

/** How a program ended, and all it said. */
export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running program; killed when the running test ends. */
export class Program {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];
  readonly #exited: Promise<unknown>;

  constructor(command: string, args: readonly string[], options: ProgramOptions = {}) {
    const env = { ...process.env, NO_COLOR: '1', ...options.env };
    const { cwd = ROOT, leadsGroup = false, identity } = options;
    this.#child = spawn(command, args, { cwd, env, detached: leadsGroup, ...identity });
    this.#child.stdout.on('data', (chunk: Buffer) => this.#stdout.push(chunk));
    this.#child.stderr.on('data', (chunk: Buffer) => this.#stderr.push(chunk));
    this.#child.stdin.on('error', () => {}); // It may end without having read its input.
    this.#child.stdin.end(options.input ?? '');
    this.#exited = once(this.#child, 'close');
    closing(this);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get stdout(): string {
    return this.stdoutBytes.toString();
  }

  get stdoutBytes(): Buffer {
    return Buffer.concat(this.#stdout);
  }

  get stderr(): string {
    return Buffer.concat(this.#stderr).toString();
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Waits until stdout has a match, and gives it; rejects with all it said when it ends before. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    const found = await until(
      () => pattern.exec(this.stdout) ?? (this.hasEnded && 'ended'),
      `${pattern} on stdout`,
    );
    if (found === 'ended')
      throw new Error(`ended before ${pattern}:\n${this.stdout}${this.stderr}`);
    return found;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Waits for its end, and for the end of what it prints. */
  async end(): Promise<ProgramEnd> {
    await within(this.#exited, 'the program to end', { deadline: 30_000 });
    const { exitCode, signalCode } = this.#child;
    return { exitCode, signal: signalCode, stdout: this.stdout, stderr: this.stderr };
  }

  /** Kills it if it still runs. Idempotent. */
  async close(): Promise<void> {
    if (this.hasEnded) return;
    this.#child.kill('SIGKILL');
    await this.end();
  }
}

/** Starts the zscale command. */
export function startZscale(args: readonly string[], options?: ProgramOptions): Program {
  return new Program(process.execPath, [BIN, ...args], options);
}

/** Runs the zscale command to its end. */
export async function zscale(
  args: readonly string[],
  options?: ProgramOptions,
): Promise<ProgramEnd> {
  return startZscale(args, options).end();
}

/** A server that `zscale run` has said is ready. */
export interface RunningServer {
  readonly program: Program;
  readonly endpoint: string;
}

/** Starts `zscale run` on a free port with two workers, unless `args` say otherwise. */
export async function zscaleRun(
  args: readonly string[],
  options?: ProgramOptions,
): Promise<RunningServer> {
  const bind = args.includes('--bind') ? [] : ['--bind', 'tcp://127.0.0.1:*'];
  const workers = args.includes('--workers') ? [] : ['--workers', '2'];
  const program = startZscale(['run', ...args, ...bind, ...workers], options);
  const [, endpoint = ''] = await program.printed(/clients +(\S+)[\s\S]*Ctrl-C/);
  return { program, endpoint };
}

/** Whether a process of this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // ESRCH: there is none. (EPERM cannot be: it is a child of a child of ours.)
  }
}
