/**
 * What `zscale bench --chaos` does to a running service meanwhile, by its control socket, and what the service counted of that.
 *
 * Each act in its own rhythm, one after the other if they meet; an act that fails is counted and is no reason to stop.
 */
import type { ControlRequest, StatsReport, StatusReport } from '@zscale/core';
import type { ControlClient } from '../control-client.ts';
import type { ChaosAct } from '../invocation.ts';

/** How long a worker stands still that is paused, in ms. */
const PAUSE_MS = 1000;

/** What was done, and what the service says of the time in which it was. */
export interface ChaosTally {
  /** By act. */
  readonly done: Readonly<Record<string, number>>;
  readonly failed: number;
  /** Requests that the service gave to another worker when the first was lost. */
  readonly retried: number | null;
  /** Workers that were replaced. */
  readonly restarts: number;
}

/** Does harm, from `start()` to `stop()`. */
export class Chaos {
  readonly #client: ControlClient;
  readonly #plan: ReadonlyMap<ChaosAct, number>;
  readonly #done: Map<ChaosAct, number>;
  readonly #timers: NodeJS.Timeout[];
  #failed: number;
  #before: StatsReport | undefined;
  /** The end of what is being done. */
  #present: Promise<void>;
  #isStopped: boolean;
  /** The process that stands still now. */
  #paused: number | undefined;
  readonly #letGo: () => void;

  constructor(client: ControlClient, plan: ReadonlyMap<ChaosAct, number>) {
    this.#client = client;
    this.#plan = plan;
    this.#done = new Map([...plan.keys()].map((act) => [act, 0]));
    this.#timers = [];
    this.#failed = 0;
    this.#before = undefined;
    this.#present = Promise.resolve();
    this.#isStopped = false;
    this.#paused = undefined;
    this.#letGo = () => {
      if (this.#paused !== undefined) process.kill(this.#paused, 'SIGCONT');
    };
  }

  async start(): Promise<void> {
    process.on('exit', this.#letGo); // whoever is interrupted leaves no worker behind that stands still
    this.#before = await this.#client.ask<StatsReport>({ verb: 'stats' });
    for (const [act, every] of this.#plan) {
      let isWaiting = false; // of each act one at most
      const timer = setInterval(() => {
        if (isWaiting) return;
        isWaiting = true;
        this.#present = this.#present.then(async () => {
          await this.#try(act);
          isWaiting = false;
        });
      }, every);
      this.#timers.push(timer);
    }
  }

  /** Does no more, waits for what is being done, and says what happened. */
  async stop(): Promise<ChaosTally> {
    this.#isStopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#present;
    process.off('exit', this.#letGo);
    const after = await this.#client.ask<StatsReport>({ verb: 'stats' });
    const { retried = null, restarts = 0 } = this.#before ?? {};
    return {
      done: Object.fromEntries(this.#done),
      failed: this.#failed,
      retried: after.retried === null || retried === null ? null : after.retried - retried,
      restarts: after.restarts - restarts,
    };
  }

  async #try(act: ChaosAct): Promise<void> {
    if (this.#isStopped) return;
    try {
      await this.#act(act);
      this.#done.set(act, (this.#done.get(act) ?? 0) + 1);
    } catch {
      this.#failed += 1; // such as of a worker that was gone in the meantime
    }
  }

  async #act(act: ChaosAct): Promise<void> {
    if (act === 'reload') {
      await this.#client.ask({ verb: 'reload' });
      return;
    }
    const { workers } = await this.#client.ask<StatusReport>({ verb: 'status' });
    const ready = workers.filter(({ state }) => state === 'ready');
    const chosen = ready[Math.floor(Math.random() * ready.length)];
    if (chosen === undefined) throw new Error('no worker is ready');
    const { id: worker, pid } = chosen;
    if (act === 'drain') await this.#client.ask({ verb: 'drain', worker });
    else if (act === 'kill') await this.#client.ask(signalTo(worker, 'SIGKILL'));
    else {
      await this.#client.ask(signalTo(worker, 'SIGSTOP'));
      this.#paused = pid ?? undefined;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      this.#paused = undefined;
      await this.#client.ask(signalTo(worker, 'SIGCONT'));
    }
  }
}

function signalTo(worker: number, signal: NodeJS.Signals): ControlRequest {
  return { verb: 'kill', worker, signal };
}
