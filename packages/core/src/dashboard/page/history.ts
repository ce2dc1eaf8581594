/**
 * What has been seen so far: the last minutes of each figure, and how fast counters grow.
 *
 * Counters of another process of the service begin again: then there is a gap, and no rate until its second snapshot.
 */

import type { GatewayView, Snapshot, WorkerView } from '../snapshot.ts';

/** How much is kept and shown. */
const SHOWN_SECONDS = 300;

/** The figures of one moment; null where they cannot be known. */
export interface Moment {
  /** Unix time in seconds. */
  readonly time: number;
  /** A second. */
  readonly replies: number | null;
  readonly errors: number | null;
  readonly queued: number | null;
  readonly inFlight: number | null;
  /** Percentiles of the time with a worker, and of the time in the queue. */
  readonly service50: number | null;
  readonly service95: number | null;
  readonly service99: number | null;
  readonly wait50: number | null;
  readonly wait95: number | null;
  readonly wait99: number | null;
}

/** The name of a figure. */
export type FigureName = Exclude<keyof Moment, 'time'>;

const NOTHING: Omit<Moment, 'time'> = {
  replies: null,
  errors: null,
  queued: null,
  inFlight: null,
  service50: null,
  service95: null,
  service99: null,
  wait50: null,
  wait95: null,
  wait99: null,
};

/** See the top of the file. */
export class History {
  readonly #moments: Moment[] = [];
  #last: Snapshot | undefined = undefined;
  #before: Snapshot | undefined = undefined;

  /** Adds what came, and gives the figures of this moment. */
  add(snapshot: Snapshot): Moment {
    this.#before = this.#last?.pid === snapshot.pid ? this.#last : undefined;
    this.#last = snapshot;
    const { load, services, waits } = snapshot;
    const moment: Moment = {
      time: Date.now() / 1000,
      replies: this.#rateOf(({ load: { replies } }) => replies),
      errors: this.#rateOf(({ load: { errors } }) => errors),
      queued: load.queued,
      inFlight: load.inFlight,
      service50: services.p50,
      service95: services.p95,
      service99: services.p99,
      wait50: waits.p50,
      wait95: waits.p95,
      wait99: waits.p99,
    };
    this.#keep(moment);
    return moment;
  }

  /** From now on nothing is known. */
  interrupt(): void {
    this.#keep({ time: Date.now() / 1000, ...NOTHING });
  }

  /** Times, and the values of these figures at them. */
  columns(...names: readonly FigureName[]): (readonly (number | null)[])[] {
    return [
      this.#moments.map(({ time }) => time),
      ...names.map((name) => this.#moments.map((moment) => moment[name])),
    ];
  }

  /** Requests a second that were given to a worker; null when its process is new. */
  rateOf({ id, pid }: WorkerView): number | null {
    const requestsIn = ({ workers }: Snapshot): number | null =>
      workers.find((worker) => worker.id === id && worker.pid === pid)?.requests ?? null;
    return this.#rateOf(requestsIn);
  }

  /** Requests a second that ended at a gateway. */
  rateOfGateway({ id }: GatewayView): number | null {
    return this.#rateOf(
      ({ gateways }) => gateways.find((gateway) => gateway.id === id)?.requests ?? null,
    );
  }

  #rateOf(counter: (snapshot: Snapshot) => number | null): number | null {
    if (this.#before === undefined || this.#last === undefined) return null;
    const now = counter(this.#last);
    const before = counter(this.#before);
    const seconds = (this.#last.at - this.#before.at) / 1000;
    return now === null || before === null || seconds <= 0 ? null : (now - before) / seconds;
  }

  #keep(moment: Moment): void {
    this.#moments.push(moment);
    const oldest = moment.time - SHOWN_SECONDS;
    while ((this.#moments[0]?.time ?? oldest) < oldest) this.#moments.shift();
  }
}
