/**
 * One service of a soak run: `zscale run` in a process of its own, steered and looked at by its control socket and by /proc.
 *
 * Worker 0 lives from the beginning to the end, so that it can be told whether it grows: what is done to workers is done to the others.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { StatusReport } from '@zscale/core';
import { ControlClient } from '../../packages/cli/src/control-client.ts';
import type { Victim } from '../chaos/mischief.ts';
import type { Sample } from './judgement.ts';

const BIN = fileURLToPath(new URL('../../packages/cli/bin/zscale.js', import.meta.url));
const KIBIBYTES_PER_MIB = 1024;

/** What a service is made from. */
export interface SoakedOptions {
  readonly name: string;
  /** Where its control socket is, and what it makes else. */
  readonly folder: string;
  /** What `zscale run` is given. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** A running service. */
export class SoakedService implements Victim {
  readonly name: string;
  /** Where clients connect. */
  readonly endpoint: string;
  readonly #child: ReturnType<typeof spawn>;
  readonly #looks: ControlClient;
  readonly #changes: ControlClient;
  /** One change after the other: a REQ asks one thing at a time. */
  #lastChange: Promise<unknown> = Promise.resolve();
  #status: StatusReport;

  private constructor(
    name: string,
    child: ReturnType<typeof spawn>,
    clients: readonly [ControlClient, ControlClient],
    status: StatusReport,
  ) {
    this.name = name;
    this.endpoint = status.endpoints[0] ?? '';
    this.#child = child;
    [this.#looks, this.#changes] = clients;
    this.#status = status;
  }

  /** Starts it, and resolves when it serves. */
  static async start({ name, folder, args, env }: SoakedOptions): Promise<SoakedService> {
    const control = join(folder, `${name}.sock`);
    const words = ['run', ...args, '--name', name, '--control', control];
    const child = spawn(process.execPath, [BIN, ...words], {
      env: { ...process.env, ZSCALE_LOG_LEVEL: 'silent', TMPDIR: folder, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise<void>((resolve, reject) => {
      const lines = createInterface({ input: child.stdout });
      lines.on('line', (line) => {
        if (line.includes('Ctrl-C')) resolve();
      });
      child.once('exit', (code) =>
        reject(new Error(`${name} ended with ${code} before it served`)),
      );
    });
    const looks = await ControlClient.find({ name: undefined, control });
    const changes = await ControlClient.find({ name: undefined, control });
    const status = await looks.ask<StatusReport>({ verb: 'status' });
    return new SoakedService(name, child, [looks, changes], status);
  }

  /** Those to whom things may be done, as they were at the last look. */
  get workers(): Victim['workers'] {
    const others = this.#status.workers.filter(({ id }) => id > 0);
    // Mischief looks at these three.
    return others.map(({ id, pid, state }) => ({
      id,
      pid: pid ?? undefined,
      state,
    })) as unknown as Victim['workers'];
  }

  /** Replaces one worker as a reload does, its successor first. */
  reload(): Promise<void> {
    const ready = this.workers.filter(({ state }) => state === 'ready');
    const worker = ready[Math.floor(Math.random() * ready.length)];
    if (worker === undefined) return Promise.resolve();
    return this.#change(() => this.#changes.ask({ verb: 'drain', worker: worker.id }));
  }

  /** Goes to so many beside worker 0. */
  resize(count: number): Promise<void> {
    return this.#change(() => this.#changes.ask({ verb: 'scale', workers: count + 1 }));
  }

  /** Looks at the supervisor, which is the front end too, and at worker 0. */
  async sample(): Promise<Readonly<Record<string, Sample>>> {
    this.#status = await this.#looks.ask<StatusReport>({ verb: 'status' });
    const worker = this.#status.workers.find(({ id }) => id === 0);
    return {
      [`${this.name} front`]: readSample(this.#status.pid),
      ...(worker?.pid != null && { [`${this.name} worker 0`]: readSample(worker.pid) }),
    };
  }

  /** Ends it in order, and resolves with its exit code. */
  async close(): Promise<number | null> {
    await this.#lastChange;
    this.#looks.close();
    this.#changes.close();
    if (this.#child.exitCode !== null) return this.#child.exitCode;
    this.#child.kill('SIGTERM');
    const [code] = await once(this.#child, 'exit');
    return code;
  }

  #change(change: () => Promise<unknown>): Promise<void> {
    const done = this.#lastChange.then(change).then(
      () => {},
      (error: Error & { code?: string }) => {
        // It was killed, or is being replaced, when its turn came.
        if (error.code !== 'ZSCALE_ERR_NO_WORKER') throw error;
      },
    );
    this.#lastChange = done.catch(() => {});
    return done;
  }
}

/** What the system says of a process. */
function readSample(pid: number): Sample {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const figure = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  return {
    rss: Math.round(figure('VmRSS') / KIBIBYTES_PER_MIB),
    fds: readdirSync(`/proc/${pid}/fd`).length,
    threads: figure('Threads'),
  };
}
