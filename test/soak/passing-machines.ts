/**
 * Machines of a soak run that join a service and go: one at a time, every other one without a word, so that what the service knows of
 * it is taken back by the service itself.
 */

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { startZscale } from './zscale-process.ts';

const STAYS_MAX_MS = 10_000;

/** What such a machine is made from. */
export interface PassingOptions {
  /** Where it joins. */
  readonly backend: string;
  /** What runs there, and how. */
  readonly args: readonly string[];
  /** For what it makes. */
  readonly folder: string;
}

/** Machines that come and go, from `start()` to `stop()`. */
export class PassingMachines {
  readonly #options: PassingOptions;
  readonly #faults: string[] = [];
  #count = 0;
  #isOver = false;
  /** Ends the stay of the one that is there. */
  #leave: () => void = () => {};
  #running: Promise<void> = Promise.resolve();

  constructor(options: PassingOptions) {
    this.#options = options;
  }

  /** How many there were. */
  get count(): number {
    return this.#count;
  }

  /** Those that did not join, or did not end in order, in words. */
  get faults(): readonly string[] {
    return this.#faults;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Resolves when the last has gone. */
  async stop(): Promise<void> {
    this.#isOver = true;
    this.#leave();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { backend, args, folder } = this.#options;
    const words = ['join', backend, ...args, '--name', 'passing', '--control', 'off'];
    while (!this.#isOver && this.#faults.length === 0) {
      try {
        const child = await startZscale(words, { TMPDIR: folder });
        this.#count += 1;
        await this.#stay();
        await this.#end(child, this.#count % 2 === 0 ? 'SIGKILL' : 'SIGTERM');
      } catch (error) {
        this.#faults.push(`a machine that joined: ${(error as Error).message}`); // nothing else is thrown here
      }
    }
  }

  #stay(): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.random() * STAYS_MAX_MS);
      this.#leave = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    child.kill(signal);
    const [code, by] = await once(child, 'exit');
    if (by !== 'SIGKILL' && code !== 0) throw new Error(`ended with ${code ?? by}`);
  }
}
