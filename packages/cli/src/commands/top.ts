/**
 * `zscale top`: a running service and its workers in the terminal, as they are every second, and keys that steer them.
 *
 * Owns the control socket that is asked again and again, and those of what a key asked for, which may take long. What is shown is
 * top-state.ts and top-view.ts; the terminal is terminal.ts.
 */
import { constants } from 'node:os';
import {
  type ChangeReport,
  type KillReport,
  type StatsReport,
  type StatusReport,
  ZscaleError,
} from '@zscale/core';
import { ControlClient } from '../control-client.ts';
import { EXIT_CODES, NotRunningError } from '../failure.ts';
import type { TopInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';
import { Terminal } from '../top/terminal.ts';
import {
  FIRST_STATE,
  type TopRequest,
  type TopState,
  withAnswers,
  withKey,
  withLoss,
  withNotice,
} from '../top/top-state.ts';
import { render } from '../top/top-view.ts';

const END_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const;
/** What was asked by keys and is not done yet. */
const MAX_AT_WORK = 4;
/** A service that is silent for so long is shown as one that does not answer. */
const SILENCE_MS = 3000;

/**
 * Shows, until it is left. Resolves with the exit code.
 *
 * @throws UsageError when there is no terminal; what `ControlClient.find()` throws when there is no service to begin with
 */
export async function top(invocation: TopInvocation, output: Output): Promise<number> {
  output.outliveLosses(); // of a terminal that is gone, which is noticed by its input
  const view = new Top(invocation);
  return view.show();
}

class Top {
  readonly #terminal: Terminal;
  readonly #invocation: TopInvocation;
  readonly #hasColours: boolean;
  readonly #onSignal: (signal: NodeJS.Signals) => void;
  readonly #clients: Set<ControlClient>;
  #state: TopState;
  /** Where the service was found; it is looked for there again. */
  #path: string | undefined;
  #atWork: number;
  #wake: () => void;
  #end: (exitCode: number) => void;
  #hasEnded: boolean;

  constructor(invocation: TopInvocation) {
    this.#invocation = invocation;
    this.#terminal = new Terminal(process, {
      key: (name) => this.#onKey(name),
      changed: () => this.#draw(),
    });
    this.#hasColours = (process.env.NO_COLOR ?? '') === '';
    this.#clients = new Set();
    this.#state = FIRST_STATE;
    this.#path = undefined;
    this.#atWork = 0;
    this.#wake = () => {};
    this.#end = () => {};
    this.#hasEnded = false;
    this.#onSignal = (signal) => this.#end(128 + constants.signals[signal]);
  }

  async show(): Promise<number> {
    const first = await this.#find();
    const ended = new Promise<number>((resolve) => {
      this.#end = resolve;
    });
    for (const signal of END_SIGNALS) process.on(signal, this.#onSignal);
    this.#terminal.open();
    try {
      return await Promise.race([ended, this.#watch(first)]);
    } finally {
      this.#hasEnded = true;
      this.#wake();
      this.#terminal.close();
      for (const signal of END_SIGNALS) process.off(signal, this.#onSignal);
      for (const client of this.#clients) client.close();
    }
  }

  /** Asks until the end; looks for the service again where it was when that ends. */
  async #watch(first: ControlClient): Promise<number> {
    let client: ControlClient | undefined = first;
    while (!this.#hasEnded) {
      if (!this.#state.isPaused) client = await this.#look(client);
      this.#draw();
      await this.#pause();
    }
    return EXIT_CODES.ok;
  }

  /** Gives back the connection to go on with; undefined when there is none. */
  async #look(present: ControlClient | undefined): Promise<ControlClient | undefined> {
    const slow = setTimeout(() => {
      this.#state = withLoss(this.#state, `does not answer for ${SILENCE_MS / 1000}s`);
      this.#draw();
    }, SILENCE_MS);
    let client = present;
    try {
      client ??= await this.#find();
      const status = await client.ask<StatusReport>({ verb: 'status' });
      const stats = await client.ask<StatsReport>({ verb: 'stats' });
      this.#state = withAnswers(this.#state, status, stats, performance.now());
      return client;
    } catch (error) {
      if (error instanceof ZscaleError) {
        this.#state = withLoss(this.#state, error.message); // such as that it has too much to do
        return client;
      }
      if (!(error instanceof NotRunningError)) throw error;
      if (client !== undefined) this.#forget(client);
      this.#state = withLoss(this.#state, 'ended; waiting for it to come back');
      return undefined;
    } finally {
      clearTimeout(slow);
    }
  }

  async #find(): Promise<ControlClient> {
    const { name, control } = this.#invocation;
    const client = await ControlClient.find({ name, control: this.#path ?? control });
    this.#path = client.path;
    this.#clients.add(client);
    return client;
  }

  #forget(client: ControlClient): void {
    client.close();
    this.#clients.delete(client);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#invocation.interval);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #onKey(name: string): void {
    if (name === 'interrupt') {
      this.#end(128 + constants.signals.SIGINT);
      return;
    }
    const effect = withKey(this.#state, name, performance.now());
    if (effect.type === 'quit') {
      this.#end(EXIT_CODES.ok);
      return;
    }
    const wasPaused = this.#state.isPaused;
    this.#state = effect.state;
    if (effect.type === 'ask') void this.#ask(effect.request);
    this.#draw();
    if (wasPaused && !this.#state.isPaused) this.#wake();
  }

  /** Over a connection of its own, for it may take long. Never rejects. */
  async #ask(request: TopRequest): Promise<void> {
    if (this.#atWork === MAX_AT_WORK) {
      this.#tell(`${MAX_AT_WORK} things are being done already; wait for one of them`);
      return;
    }
    this.#atWork += 1;
    this.#tell(`${describe(request)} ...`);
    let client: ControlClient | undefined;
    try {
      client = await this.#find();
      const report = await client.ask<ChangeReport | KillReport>(request);
      const workers = 'workers' in report ? `: ${report.workers} workers` : '';
      this.#tell(`${describe(request)}: done${workers}`);
    } catch (error) {
      this.#tell(`${describe(request)} failed: ${error instanceof Error ? error.message : error}`);
    } finally {
      this.#atWork -= 1;
      if (client !== undefined) this.#forget(client);
      this.#wake();
    }
  }

  #tell(text: string): void {
    this.#state = withNotice(this.#state, text, performance.now());
    this.#draw();
  }

  #draw(): void {
    const screen = { ...this.#terminal.size, hasColours: this.#hasColours };
    this.#terminal.draw(render(this.#state, screen, performance.now()));
  }
}

function describe(request: TopRequest): string {
  switch (request.verb) {
    case 'reload':
      return 'reload';
    case 'scale':
      return 'by' in request && request.by < 0 ? 'one worker less' : 'one worker more';
    default:
      return `${request.verb} worker ${request.worker}`;
  }
}
