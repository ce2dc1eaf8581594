/**
 * A gateway process as its supervisor sees it: a child like any worker; what only gateways say is kept here.
 */

import type { ChildProcess } from 'node:child_process';
import { type GatewayCounts, NO_COUNTS } from './gateway/gateway-counts.ts';
import type { Logger } from './logger.ts';
import { type FromGateway, parseFromGateway, type ToGateway } from './messages/gateway-message.ts';
import type { WorkerChild } from './supervisor/worker-process.ts';

/** See the top of the file. */
export class GatewayChild implements WorkerChild {
  readonly id: number;
  readonly #child: ChildProcess;
  readonly #logger: Logger;
  /** Where it listens, as it said. */
  endpoints: readonly string[];
  #counts: GatewayCounts;

  /** @param id its place among the gateways of the service. @param logger for the lines that it gives */
  constructor(id: number, child: ChildProcess, logger: Logger) {
    this.id = id;
    this.#child = child;
    this.#logger = logger;
    this.endpoints = [];
    this.#counts = NO_COUNTS;
  }

  /** What it said last; one that is gone has no connections. */
  get counts(): GatewayCounts {
    const isGone = this.#child.exitCode !== null || this.#child.signalCode !== null;
    if (!isGone) return this.#counts;
    const { stats, traffic } = this.#counts;
    return { stats: { ...stats, connections: 0, heldBytes: 0 }, traffic };
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get stdio(): readonly unknown[] {
    return this.#child.stdio;
  }

  get connected(): boolean {
    return this.#child.connected;
  }

  tell(message: ToGateway): void {
    if (this.#child.connected) this.#child.send(message, () => {}); // one that is gone is told of by its exit
  }

  send(...[message, sent]: Parameters<WorkerChild['send']>): boolean {
    return this.#child.send(message, sent);
  }

  kill(signal: NodeJS.Signals): boolean {
    return this.#child.kill(signal);
  }

  on(event: string, listener: (...facts: never[]) => void): this {
    // The four kinds of listeners are those of WorkerChild, and of the child.
    const told = listener as (...facts: unknown[]) => void;
    if (event === 'message') this.#child.on('message', (value) => this.#onMessage(value, told));
    else this.#child.on(event, told);
    return this;
  }

  #onMessage(value: unknown, pass: (value: unknown) => void): void {
    const message = parseFromGateway(value);
    if (message === undefined) pass(value);
    else this.#take(message);
  }

  #take(message: FromGateway): void {
    switch (message.type) {
      case 'gateway-bound':
        this.endpoints = message.endpoints;
        return;
      case 'gateway-stats':
        this.#counts = { stats: message.stats, traffic: message.traffic };
        return;
      case 'gateway-log':
        this.#logger[message.level](message.facts, message.text);
        return;
    }
  }
}
