/**
 * Processes of a row: each role (a server, a client, a worker) is a program of bench/peers in a process of its own, told what to
 * do by its arguments and asked for its CPU time at the end.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Library } from './measurement.ts';

/** What a role says: where it listens, or what it measured. */
export interface Said {
  readonly endpoint?: string;
  /** Wall time of the measured part, in ms. */
  readonly ms?: number;
  /** CPU time of the process since it was last asked, in microseconds. */
  readonly cpu?: number;
}

/** A role in a process of its own. */
export class Role {
  readonly #child: ChildProcess;

  /** @param name of a file in bench/peers. */
  constructor(name: string, library: Library, ...args: readonly string[]) {
    const file = fileURLToPath(new URL(`./peers/${name}.ts`, import.meta.url));
    this.#child = fork(file, [library, ...args], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, ZSCALE_LOG_LEVEL: 'warn' },
    });
  }

  /** The next thing the role says. Rejects when it ends instead. */
  async said(): Promise<Said> {
    const ended = once(this.#child, 'exit').then(([code, signal]) => {
      throw new Error(`a role of the benchmark ended with ${code ?? signal}`);
    });
    const [said] = await Promise.race([once(this.#child, 'message'), ended]);
    return said as Said; // roles are ours
  }

  /** CPU time since the last call, in microseconds. */
  async cpu(): Promise<number> {
    this.#child.send('cpu');
    return (await this.said()).cpu ?? Number.NaN;
  }

  /** Starts what the role waits to be told. */
  go(): void {
    this.#child.send('go');
  }

  /** Ends the process. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}

/** For roles: answers questions of the parent, and resolves when it says go. */
export function listenToParent(): Promise<void> {
  let before = process.cpuUsage();
  return new Promise((resolve) => {
    process.on('message', (message) => {
      if (message === 'go') {
        before = process.cpuUsage();
        resolve();
        return;
      }
      const { user, system } = process.cpuUsage(before);
      before = process.cpuUsage();
      process.send?.({ cpu: user + system });
    });
    process.on('disconnect', () => process.exit(0));
  });
}

/** For roles: tells the parent. */
export function say(said: Said): void {
  process.send?.(said);
}
