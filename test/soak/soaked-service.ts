/**
 * One supervisor of a soak run, of a service or of a machine that has joined one: `zscale run` or `zscale join` in a process of its own,
 * steered and looked at by its control socket and by /proc.
 *
 * Worker 0 and gateway 0 live from the beginning to the end, so that it can be told whether they grow: what is done to workers and
 * gateways is done to the others.
 */

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GatewayReport, StatusReport } from '@zscale/core';
import { ControlClient } from '../../packages/cli/src/control-client.ts';
import type { Victim } from '../chaos/mischief.ts';
import type { Sample } from './judgement.ts';
import { startZscale } from './zscale-process.ts';

const KIBIBYTES_PER_MIB = 1024;

/** What a service is made from. */
export interface SoakedOptions {
  readonly name: string;
  /** What its supervisor is, beside that: `front`, `queue`, `machine`. */
  readonly role: string;
  /** Where its control socket is, and what it makes else. */
  readonly folder: string;
  /** What `zscale` is given. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** A running service. */
export class SoakedService implements Victim {
  readonly name: string;
  /** Where clients connect. */
  readonly endpoint: string;
  /** Where machines join; undefined where none may. */
  readonly backend: string | undefined;
  readonly #role: string;
  readonly #child: ChildProcess;
  readonly #looks: ControlClient;
  readonly #changes: ControlClient;
  /** One change after the other: a REQ asks one thing at a time. */
  #lastChange: Promise<unknown> = Promise.resolve();
  #status: StatusReport;

  private constructor(
    { name, role }: Pick<SoakedOptions, 'name' | 'role'>,
    child: ChildProcess,
    clients: readonly [ControlClient, ControlClient],
    status: StatusReport,
  ) {
    this.name = name;
    this.#role = role;
    this.endpoint = status.endpoints[0] ?? '';
    this.backend = status.backends.find((each) => each.startsWith('tcp:'));
    this.#child = child;
    [this.#looks, this.#changes] = clients;
    this.#status = status;
  }

  /** Starts it, and resolves when it serves. */
  static async start({ name, role, folder, args, env }: SoakedOptions): Promise<SoakedService> {
    const control = join(folder, `${name}.sock`);
    const words = [...args, '--name', name, '--control', control];
    const child = await startZscale(words, { TMPDIR: folder, ...env });
    const looks = await ControlClient.find({ name: undefined, control });
    const changes = await ControlClient.find({ name: undefined, control });
    const status = await looks.ask<StatusReport>({ verb: 'status' });
    return new SoakedService({ name, role }, child, [looks, changes], status);
  }

  /** Those to whom things may be done, as they were at the last look. */
  get workers(): Victim['workers'] {
    return victimsOf(this.#status.workers);
  }

  /** Its gateways, for those who would kill some; none while `mayHarm` says no. */
  gateways(mayHarm: () => boolean): Victim {
    const service = this;
    return {
      get workers() {
        return mayHarm() ? victimsOf(service.#status.gateways) : [];
      },
      reload: () => service.reload(),
      resize: () => Promise.reject(new Error('there are as many gateways as there are')),
    };
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

  /** Looks at the supervisor, at worker 0, and at gateway 0 where there are several. */
  async sample(): Promise<Readonly<Record<string, Sample>>> {
    this.#status = await this.#looks.ask<StatusReport>({ verb: 'status' });
    const { pid, gateways, workers } = this.#status;
    const samples = { [`${this.name} ${this.#role}`]: readSample(pid) };
    for (const [noun, members] of Object.entries({ gateway: gateways, worker: workers })) {
      const first = members.find(({ id }) => id === 0);
      if (first?.pid != null) samples[`${this.name} ${noun}`] = readSample(first.pid);
    }
    return samples;
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

/** Those to whom something may be done. */
function victimsOf(
  members: readonly Pick<GatewayReport, 'id' | 'pid' | 'state'>[],
): Victim['workers'] {
  return members.flatMap(({ id, pid, state }) =>
    id === 0 ? [] : [{ id, pid: pid ?? undefined, state }],
  );
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
