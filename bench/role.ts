/**
 * A role: a process that plays a part in a row, in Node or in C, and that is spoken with by lines.
 *
 *   benchmark  run COUNT ->   role        ends when its stdin does
 *              <- ready [endpoint...]     it is there; of a receiver also: it counts from now on
 *              <- done SECONDS            a run is over
 *              <- fail TEXT               it cannot go on
 *
 * Every wait has a timeout. A role that says anything else, or ends, fails its contender with a text that names it.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { familyOf } from './cpu.ts';

/** How long a role may take until it is ready. */
const READY_TIMEOUT_MS = 20_000;
/** How long a run may take, however slow the contender. */
const RUN_TIMEOUT_MS = 20_000;
/** How long a role may take to end by itself. */
const END_TIMEOUT_MS = 500;
/** Of what it says on stderr, so much is kept for the error. */
const STDERR_CHARACTERS = 600;

interface Listener {
  resolve(words: readonly string[]): void;
  reject(error: Error): void;
}

/** A process of a row. */
export class Role {
  /** For errors: the contender and the part. */
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  /** Lines that nobody has waited for yet. */
  readonly #lines: string[] = [];
  #listener: Listener | undefined = undefined;
  #stderr = '';
  #end: string | undefined = undefined;

  constructor(name: string, command: string, args: readonly string[]) {
    this.name = name;
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ZSCALE_LOG_LEVEL: 'warn' },
    });
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#ended(error.message);
        resolve();
      });
      child.once('close', (code, signal) => {
        this.#ended(`it ended with ${signal ?? `exit code ${code}`}`);
        resolve();
      });
    });
    child.stdin.on('error', () => {}); // it has ended, which is told by 'close'
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARACTERS);
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#lines.push(line);
      this.#tell();
    });
  }

  /** Of the process; 0 when it could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Waits until it is ready. @returns the endpoints it tells. */
  ready(): Promise<readonly string[]> {
    return this.#hear('ready', READY_TIMEOUT_MS);
  }

  /** Tells it to run; what it says then is for {@link ready} and {@link done}. */
  run(count: number): void {
    this.#child.stdin?.write(`run ${count}\n`);
  }

  /** Waits until its run is over. @returns the seconds it took. */
  async done(): Promise<number> {
    const [text = ''] = await this.#hear('done', RUN_TIMEOUT_MS);
    const seconds = Number(text);
    if (!(seconds >= 0)) throw new Error(`${this.name}: it said that a run took ${text} seconds`);
    return seconds;
  }

  /** Ends it: by closing its stdin, and by force when that does not help. Idempotent. */
  async stop(): Promise<void> {
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.kill(), END_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  /** Ends it by force, at once, with all that it has started. */
  kill(): void {
    if (this.#end !== undefined || this.pid === 0) return;
    for (const pid of familyOf([this.pid])) endProcess(pid);
  }

  async #hear(verb: string, timeoutMs: number): Promise<readonly string[]> {
    let timer: NodeJS.Timeout | undefined;
    try {
      const [said, ...words] = await new Promise<readonly string[]>((resolve, reject) => {
        this.#listener = { resolve, reject };
        timer = setTimeout(
          () => this.#refuse(`no "${verb}" within ${timeoutMs / 1000} s`),
          timeoutMs,
        );
        this.#tell();
      });
      if (said === verb) return words;
      throw new Error(`${this.name}: expected "${verb}", got "${[said, ...words].join(' ')}"`);
    } finally {
      clearTimeout(timer);
      this.#listener = undefined;
    }
  }

  #tell(): void {
    const listener = this.#listener;
    if (listener === undefined) return;
    const line = this.#lines.shift();
    if (line !== undefined) listener.resolve(line.split(' '));
    else if (this.#end !== undefined) this.#refuse(this.#end);
  }

  #refuse(reason: string): void {
    const stderr = this.#stderr.trim().replaceAll(/\s*\n\s*/g, ' | ');
    this.#listener?.reject(
      new Error(`${this.name}: ${reason}${stderr && `; on stderr: ${stderr}`}`),
    );
  }

  #ended(reason: string): void {
    this.#end ??= reason;
    this.#tell();
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
