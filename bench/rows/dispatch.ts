/**
 * What quick requests wait behind slow ones: an open load at half of what the workers can do, 95 % of requests block their worker
 * for 1 ms and 5 % for 40 ms. zscale's service gives each to a worker that is free; npm zeromq's Proxy deals them out in turn, also to
 * those that are busy.
 *
 * Queueing theory knows both: one queue for all workers, and a queue in front of each that gets every nth request.
 */

import type { Cast } from '../cast.ts';
import { cpuTimeOf, familyOf } from '../cpu.ts';
import { OTHER, ZEROMQ, ZSCALE } from '../players.ts';
import type { Role } from '../role.ts';
import type { Contender, Measurement, Row, Session } from '../row.ts';

/** What a request takes on the average, in ms: 95 % take 1 and 5 % take 40. */
const MEAN_MS = 2.95;
/** The part of what the workers can do that is asked of them. */
const LOAD = 0.5;
/** A percentile needs many requests: a measurement takes so many times as long as others do, with one worker. */
const PATIENCE = 64;
const WARM_UP_REQUESTS = 100;

const NOTE =
  'Arrivals are random and the same for both; the value is the 99th percentile of the requests of 1 ms, from when each was to be sent. The client of both is our DEALER. All requests are answered, so both do the same work in the same time. Workers block with `Atomics.wait`, so that two cores can play eight of them. Queueing theory gives 0.52 with 2 workers and 0.06 with 8.';

/** One row for each number of workers. */
export const DISPATCH: readonly Row[] = [row(2, 0.6), row(8, 0.15)];

function row(workers: number, atMost: number): Row {
  return {
    name: `dispatch-${workers}`,
    group: 'Dispatch',
    title: `p99 of 1 ms requests among slow ones, ${workers} workers at half load`,
    unit: 'µs',
    better: 'lower',
    goals: [{ ours: 'zscale', peer: 'zeromq', atMost }],
    note: NOTE,
    quick: false,
    contenders: [
      contender('zscale', (cast) => beginService(cast, workers)),
      contender('zeromq', (cast) => beginProxy(cast, workers)),
    ],
  };
}

/** Who asks, and the processes between and behind. */
interface Scene {
  readonly client: Role;
  readonly middle: readonly number[];
  readonly receiver: readonly number[];
  /** Requests per second. */
  readonly rate: number;
  /** Times as long as other measurements. */
  readonly patience: number;
}

function contender(name: string, begin: (cast: Cast) => Promise<Scene>): Contender {
  return {
    name,
    unavailable: () => undefined,
    async start(stage) {
      const cast = stage.cast(name, OTHER);
      try {
        return new OpenSession(cast, await begin(cast));
      } catch (error) {
        await cast.stop();
        throw error;
      }
    },
  };
}

async function beginService(cast: Cast, workers: number): Promise<Scene> {
  const part = { workers, handler: 'blocking-handler' };
  const service = await cast.startReady('service', part, ZSCALE);
  const [, pid = 0, ...receiver] = familyOf([service.role.pid]);
  return { ...(await startClient(cast, service.endpoints[0], workers)), middle: [pid], receiver };
}

async function beginProxy(cast: Cast, workers: number): Promise<Scene> {
  const proxy = await cast.startReady('device', { kind: 'QUEUE', hwm: 0 }, ZEROMQ);
  const [front, connect] = proxy.endpoints;
  const replies = Array.from({ length: workers }, () =>
    cast.startReady('blocking-reply', { connect, hwm: 0 }, ZEROMQ),
  );
  const receiver = (await Promise.all(replies)).map(({ role }) => role.pid);
  return {
    ...(await startClient(cast, front, workers)),
    middle: [proxy.role.pid],
    receiver,
  };
}

async function startClient(
  cast: Cast,
  connect: string | undefined,
  workers: number,
): Promise<Pick<Scene, 'client' | 'rate' | 'patience'>> {
  const rate = (1000 / MEAN_MS) * workers * LOAD;
  const { role } = await cast.startReady('open-load', { connect, rate });
  return { client: role, rate, patience: PATIENCE / workers };
}

/** A session whose load does not depend on how fast it is served. */
class OpenSession implements Session {
  readonly #cast: Cast;
  readonly #scene: Scene;

  constructor(cast: Cast, scene: Scene) {
    this.#cast = cast;
    this.#scene = scene;
  }

  async warmUp(): Promise<void> {
    await this.#run(WARM_UP_REQUESTS);
  }

  async measure(durationMs: number): Promise<Measurement> {
    const { client, middle, receiver, rate, patience } = this.#scene;
    const sides = { sender: [client.pid], middle, receiver };
    const count = Math.ceil((rate * durationMs * patience) / 1000);
    const before = Object.values(sides).map(cpuTimeOf);
    const seconds = await this.#run(count);
    const spent = Object.values(sides).map(
      (pids, i) => ((cpuTimeOf(pids) - (before[i] ?? 0)) * 1000) / count,
    );
    const [sender = 0, between = 0, behind = 0] = spent;
    return { value: seconds * 1e6, cpu: { sender, middle: between, receiver: behind } };
  }

  stop(): Promise<void> {
    return this.#cast.stop();
  }

  async #run(count: number): Promise<number> {
    this.#scene.client.run(count);
    return this.#scene.client.done();
  }
}
