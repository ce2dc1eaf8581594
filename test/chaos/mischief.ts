/**
 * What is done to a service in a chaos run: workers are killed and stopped, the service is reloaded and resized, at random moments.
 * It signals only processes that are the service's own workers, by their process ids.
 */

import type { Server, WorkerInfo } from '@zscale/core';

/** What can be done, and how often each is chosen beside the others. */
const DEEDS = { kill: 4, stop: 2, reload: 1, resize: 1 } as const;
/** One kind of deed. */
export type Deed = keyof typeof DEEDS;
/** All of them. */
export const ALL_DEEDS = Object.keys(DEEDS) as readonly Deed[];

const WORKERS_MIN = 1;
const WORKERS_MAX = 4;
/** A stopped worker goes on after so long at most. */
const STOPPED_MAX_MS = 400;

/** What mischief is done to: a server, or what stands for one elsewhere. */
export type Victim = Pick<Server, 'reload' | 'resize'> & {
  readonly workers: readonly Pick<WorkerInfo, 'id' | 'pid' | 'state'>[];
};

/** What mischief is made of. Times are ms. */
export interface MischiefOptions {
  readonly deeds: readonly Deed[];
  /** From one deed to the next, on the average; exactly, when there is only one kind of deed. */
  readonly every: number;
  /** Called when a worker is killed. */
  readonly onKill?: () => void;
  readonly random: () => number;
}

/** Makes mischief from `start()` to `stop()`. */
export class Mischief {
  readonly #server: Victim;
  readonly #options: MischiefOptions;
  readonly #done: Record<Deed, number> = { kill: 0, stop: 0, reload: 0, resize: 0 };
  readonly #faults: string[] = [];
  readonly #stopped = new Set<number>();
  readonly #changes = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined = undefined;
  #isOver = false;

  constructor(server: Victim, options: MischiefOptions) {
    this.#server = server;
    this.#options = options;
  }

  /** How often each was done. */
  get done(): Readonly<Record<Deed, number>> {
    return this.#done;
  }

  /** Reloads and resizes that failed, in words. */
  get faults(): readonly string[] {
    return this.#faults;
  }

  start(): void {
    const { deeds, every, random } = this.#options;
    const wait = deeds.length === 1 ? every : every * (0.5 + random());
    this.#timer = setTimeout(() => {
      this.#doOne();
      if (!this.#isOver) this.start();
    }, wait);
  }

  /** Ends it, lets stopped workers go on, and resolves when reloads and resizes are done. */
  async stop(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#timer);
    for (const pid of this.#stopped) signal(pid, 'SIGCONT');
    await Promise.all(this.#changes);
  }

  #doOne(): void {
    const deed = this.#choose();
    const ready = this.#server.workers.filter(({ state }) => state === 'ready');
    const worker = ready[Math.floor(this.#options.random() * ready.length)];
    this.#done[deed] += 1;
    if (deed === 'reload') this.#change('reload', this.#server.reload());
    else if (deed === 'resize') this.#change('resize', this.#server.resize(this.#anyCount()));
    else if (worker?.pid === undefined) this.#done[deed] -= 1;
    else if (deed === 'kill') this.#kill(worker.pid);
    else this.#stopFor(worker.pid);
  }

  #choose(): Deed {
    const { deeds, random } = this.#options;
    let place = random() * deeds.reduce((sum, deed) => sum + DEEDS[deed], 0);
    for (const deed of deeds) {
      place -= DEEDS[deed];
      if (place < 0) return deed;
    }
    return deeds[0] ?? 'kill';
  }

  #anyCount(): number {
    return WORKERS_MIN + Math.floor(this.#options.random() * (WORKERS_MAX - WORKERS_MIN + 1));
  }

  #change(what: string, change: Promise<void>): void {
    const told = change.catch((error: Error) => {
      this.#faults.push(`${what}: ${error.message}`);
    });
    this.#changes.add(told);
    void told.finally(() => this.#changes.delete(told));
  }

  #kill(pid: number): void {
    if (signal(pid, 'SIGKILL')) this.#options.onKill?.();
  }

  #stopFor(pid: number): void {
    if (!signal(pid, 'SIGSTOP')) return;
    this.#stopped.add(pid);
    setTimeout(() => {
      signal(pid, 'SIGCONT');
      this.#stopped.delete(pid);
    }, this.#options.random() * STOPPED_MAX_MS);
  }
}

/** False when the process is gone. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false; // ESRCH: it has ended meanwhile
  }
}
