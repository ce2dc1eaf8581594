/**
 * What a running service, or a machine that joined one, answers over its control socket, and whoever else may ask for the same.
 *
 * Owns the control server and the two journals behind it, of events and of log lines, and turns what the queue, the supervisor and
 * the steering know into reports. Decides nothing about workers: what changes them is asked of the steering and the supervisor.
 */

import assert from 'node:assert/strict';
import type { EventEmitter } from 'node:events';
import type {
  ChangeReport,
  DeathEntry,
  EndProfileReport,
  GatewayReport,
  InspectReport,
  KillReport,
  MachineReport,
  ProfileReport,
  StatsReport,
  StatusReport,
  SupervisorKind,
  WorkerReport,
} from './control/control-report.ts';
import type { ControlRequest, ControlVerb } from './control/control-request.ts';
import { ControlServer } from './control/control-server.ts';
import { Journal } from './control/journal.ts';
import { journalled } from './control/journalled-logger.ts';
import { ZscaleError } from './errors.ts';
import type { GatewayExit, GatewayProcess } from './gateway-processes.ts';
import { isShared } from './join-options.ts';
import type { Logger } from './logger.ts';
import type { CodecName, ResolvedScaleOptions } from './options.ts';
import type { PoolTimes, QueueStats, WorkerStats } from './queue/queue-stats.ts';
import { memoryOf } from './supervisor/memory-of.ts';
import type { Steering } from './supervisor/steering.ts';
import type { SupervisedNoun, Supervisor, WorkerInfo } from './supervisor/supervisor.ts';
import { chooseWorkerCount, readMachineFacts } from './worker-count.ts';

/** Deaths are kept of so many workers and gateways. */
const MAX_DEATHS = 1024;
/** Why there are as many workers as somebody asked for over the control socket. */
const ASKED = 'set by zscale scale';

/** What changes something. */
const CHANGES: ReadonlySet<ControlVerb> = new Set([
  'reload',
  'scale',
  'drain',
  'kill',
  'stop',
  'profile',
]);

/** Events that a journal keeps. */
const EVENTS = [
  'worker-started',
  'worker-ready',
  'worker-exited',
  'worker-recycling',
  'worker-restarting',
  'scaling',
  'joined',
  'lost',
  'gateway-ready',
  'gateway-exited',
] as const;

/** The queue of a service, as far as it is reported. */
export interface ReportedQueue {
  stats(): QueueStats;
  times(): readonly PoolTimes[];
  /** What a process holds, oldest first, with its age in ms. */
  requestsOf(generation: number): readonly { readonly id: string; readonly age: number }[];
}

/** What is reported, and whom is asked. */
export interface Controlled {
  readonly kind: SupervisorKind;
  readonly supervisor: Supervisor;
  readonly steering: Steering;
  /** Undefined on a machine whose queues are elsewhere. */
  readonly queue: ReportedQueue | undefined;
  readonly events: EventEmitter;
  readonly state: () => StatusReport['state'];
  readonly endpoints: () => readonly string[];
  readonly backends: () => readonly string[];
  readonly codec: () => CodecName;
  /** The gateway processes, by id. */
  readonly gateways: () => readonly GatewayProcess[];
  /** On a joined machine: the back ends that it works for. */
  readonly joined: () => readonly MachineReport[];
  /** What it measures, in Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  /** The pool of a worker; null for the default one. */
  readonly poolOf: (workerId: number) => string | null;
  readonly recycled: () => number | null;
  /** Switches following the load off or on. False when there is no such thing. */
  readonly followLoad: (follow: boolean) => boolean;
  /** Ends it in order. */
  readonly stop: (reason: string) => void;
}

/** All that is shown at a glance. */
export interface Overview {
  readonly status: StatusReport;
  readonly stats: StatsReport;
  readonly machines: readonly MachineReport[];
  /** What requests waited and took, for each pool; none on a joined machine. */
  readonly times: readonly PoolTimes[];
  /** How busy the event loop of each worker was, 0 to 1, by the worker's id; those that do not say it are missing. */
  readonly utilizations: ReadonlyMap<number, number>;
  /** The last one of each; the one that died last is the last. */
  readonly deaths: readonly Death[];
}

/** How a worker or a gateway process died. */
export interface Death {
  readonly noun: SupervisedNoun;
  readonly id: number;
  readonly entry: DeathEntry;
}

/** What is told of a process that ended. */
type ExitFacts = GatewayExit & Pick<DeathEntry, 'held' | 'requests'>;

/** The control socket of one service, and what it answers. */
export class ServiceControl {
  readonly #options: ResolvedScaleOptions;
  readonly #log = new Journal();
  readonly #events = new Journal();
  /** By noun and id. */
  readonly #deaths = new Map<string, Death>();
  readonly #startedAt = performance.now();
  #subject: { readonly controlled: Controlled; readonly logger: Logger } | undefined = undefined;
  #server: ControlServer | undefined = undefined;
  #closed: Promise<void> | undefined = undefined;

  constructor(options: ResolvedScaleOptions) {
    this.#options = options;
  }

  /** A logger whose lines are kept for `logs`, beside being written. */
  keepLines(logger: Logger): Logger {
    return this.#options.control === false ? logger : journalled(logger, this.#log);
  }

  /** Whom it is about. Once, before anything is asked. */
  attach(controlled: Controlled, logger: Logger): void {
    this.#subject = { controlled, logger };
    this.#remember(controlled.events);
  }

  /**
   * Answers over the control socket from now on, unless the option `control` is false.
   *
   * @throws as `ControlServer.start`
   */
  async start(): Promise<void> {
    const { control, name } = this.#options;
    if (control === false || this.#closed !== undefined) return;
    this.#server = new ControlServer({
      name,
      path: control,
      logger: this.#known().logger,
      carryOut: (request) => this.carryOut(request),
    });
    await this.#server.start();
  }

  /**
   * Does what is asked, whoever asks. Who changes something is seen in the log, and so is how it failed.
   *
   * @throws (rejects) ZscaleError, as docs/reference/control.md says for each verb
   */
  async carryOut(request: ControlRequest): Promise<object> {
    const { controlled, logger } = this.#known();
    if (!CHANGES.has(request.verb)) return this.#carryOut(request, controlled);
    const { verb, ...facts } = request;
    logger.info(facts, `asked to ${verb}`);
    try {
      return await this.#carryOut(request, controlled);
    } catch (err) {
      logger.error({ ...facts, err }, `${verb} failed`);
      throw err;
    }
  }

  /** How it stands. */
  async overview(): Promise<Overview> {
    const { controlled } = this.#known();
    const { workers } = controlled.supervisor;
    return {
      status: await this.#status(controlled),
      stats: statsOf(controlled),
      machines: machinesOf(controlled),
      times: controlled.queue?.times() ?? [],
      utilizations: new Map(
        workers.flatMap(({ id, utilization }) =>
          utilization === undefined ? [] : [[id, utilization]],
        ),
      ),
      deaths: [...this.#deaths.values()],
    };
  }

  /** Answers nobody any more. Idempotent. */
  close(): Promise<void> {
    this.#log.close();
    this.#events.close();
    this.#closed ??= this.#server?.close() ?? Promise.resolve();
    return this.#closed;
  }

  #remember(events: EventEmitter): void {
    for (const event of EVENTS) {
      events.on(event, (facts: object) => this.#events.add({ event, ...facts }));
    }
    events.on('worker-exited', (facts: ExitFacts) => this.#rememberDeath('worker', facts));
    events.on('gateway-exited', (facts: GatewayExit) =>
      this.#rememberDeath('gateway', { ...facts, held: 0, requests: [] }),
    );
  }

  #rememberDeath(noun: SupervisedNoun, { id, expected, ...facts }: ExitFacts): void {
    if (expected) return;
    const { pid, code, signal, why = null, uptime, held, requests, stack = null } = facts;
    const time = new Date().toISOString();
    const key = keyOf(noun, id);
    this.#deaths.delete(key); // the one that died last is the last to be forgotten
    const entry = { time, pid, code, signal, why, uptime, held, requests, stack };
    this.#deaths.set(key, { noun, id, entry });
    for (const oldest of this.#deaths.keys()) {
      if (this.#deaths.size <= MAX_DEATHS) break;
      this.#deaths.delete(oldest);
    }
  }

  #known(): { readonly controlled: Controlled; readonly logger: Logger } {
    assert(this.#subject !== undefined, 'the service is attached before anything is asked');
    return this.#subject;
  }

  async #carryOut(request: ControlRequest, controlled: Controlled): Promise<object> {
    switch (request.verb) {
      case 'status':
        return this.#status(controlled);
      case 'stats':
        return statsOf(controlled);
      case 'metrics':
        return { text: await controlled.metrics() };
      case 'machines':
        return { machines: machinesOf(controlled) };
      case 'inspect':
        return this.#inspect(request.worker, controlled);
      case 'reload':
        requireServing(controlled);
        await controlled.steering.reload();
        return changeOf(controlled);
      case 'scale':
        requireServing(controlled);
        await scale(request, controlled);
        return changeOf(controlled);
      case 'drain':
        requireServing(controlled);
        await controlled.supervisor.renew(findWorker(request.worker, controlled).generation);
        return changeOf(controlled);
      case 'kill':
        return kill(request, controlled);
      case 'stop':
        // After the reply is on its way.
        setImmediate(controlled.stop, 'zscale stop');
        return changeOf(controlled);
      case 'events':
        return this.#events.read(request.after, request.wait);
      case 'logs':
        return this.#log.read(request.after, request.wait);
      case 'profile':
        return profile(request, controlled, this.#options);
      case 'end-profile':
        return endProfile(request.worker, controlled);
    }
  }

  async #status(controlled: Controlled): Promise<StatusReport> {
    const { kind, queue, supervisor, steering } = controlled;
    const stats = queue?.stats();
    return {
      name: this.#options.name,
      kind,
      pid: process.pid,
      state: controlled.state(),
      uptime: Math.round(performance.now() - this.#startedAt),
      endpoints: controlled.endpoints(),
      backends: controlled.backends(),
      codec: controlled.codec(),
      reason: steering.reason,
      queued: stats?.queued ?? null,
      gateways: await Promise.all(controlled.gateways().map(reportOfGateway)),
      workers: await Promise.all(
        supervisor.workers.map((worker) => reportOf(worker, stats?.workers, controlled)),
      ),
    };
  }

  async #inspect(id: number, controlled: Controlled): Promise<InspectReport> {
    const { queue } = controlled;
    const worker = findWorker(id, controlled);
    return {
      worker: await reportOf(worker, queue?.stats().workers, controlled),
      configuration: configurationOf(this.#options, controlled.kind),
      requests: queue?.requestsOf(worker.generation) ?? null,
      lastDeath: this.#deaths.get(keyOf('worker', id))?.entry ?? null,
    };
  }
}

function requireServing({ state, kind }: Controlled): void {
  const now = state();
  if (now === 'serving') return;
  throw new ZscaleError(
    'ZSCALE_ERR_NOT_SERVING',
    `the ${kind} is ${now}: its workers are changed only while it is serving. See zscale status.`,
  );
}

function findWorker(id: number, { supervisor }: Controlled): WorkerInfo {
  const { workers } = supervisor;
  const found = workers.find((worker) => worker.id === id);
  if (found !== undefined) return found;
  const ids = workers.map((worker) => worker.id).join(', ');
  throw new ZscaleError(
    'ZSCALE_ERR_NO_WORKER',
    `there is no worker ${id}; ${ids === '' ? 'there are none at the moment' : `the workers are ${ids}`}.`,
  );
}

async function scale(
  request: Extract<ControlRequest, { verb: 'scale' }>,
  { steering, followLoad }: Controlled,
): Promise<void> {
  if ('workers' in request && request.workers === 'auto') {
    if (followLoad(true)) return;
    const { workers, reason } = chooseWorkerCount(readMachineFacts());
    await steering.resizeFor(workers, reason.replace(/^\d+ workers?: /, ''));
    return;
  }
  const { length: present } = steering.workers;
  const workers = 'by' in request ? present + request.by : Number(request.workers);
  steering.checkCount(workers); // or following the load would end for nothing
  followLoad(false);
  await steering.resize(workers, ASKED);
}

function kill(
  { worker: id, signal }: Extract<ControlRequest, { verb: 'kill' }>,
  controlled: Controlled,
): KillReport {
  const { pid, generation } = findWorker(id, controlled);
  if (pid === undefined || !controlled.supervisor.signalWorker(generation, signal)) {
    return refuseWithoutProcess(id);
  }
  return { worker: id, pid, signal };
}

async function profile(
  { worker: id, kind, file, for: ms }: Extract<ControlRequest, { verb: 'profile' }>,
  controlled: Controlled,
  { threads }: ResolvedScaleOptions,
): Promise<ProfileReport> {
  const { pid, generation } = findWorker(id, controlled);
  if (threads > 0) {
    throw new ZscaleError(
      'ZSCALE_ERR_PROFILE',
      `the handler runs in ${threads} threads of each worker, and a profile shows the main thread only. ` +
        'Profile the service without --threads',
    );
  }
  const taking = controlled.supervisor.profileWorker(generation, { kind, file, ms });
  if (taking === undefined) return refuseWithoutProcess(id);
  const { bytes, ms: duration } = await taking;
  return { worker: id, pid: pid ?? null, kind, file, bytes, duration };
}

function endProfile(id: number, controlled: Controlled): EndProfileReport {
  const { generation } = findWorker(id, controlled);
  return { worker: id, ended: controlled.supervisor.endProfile(generation) };
}

function refuseWithoutProcess(id: number): never {
  throw new ZscaleError(
    'ZSCALE_ERR_NO_WORKER',
    `worker ${id} has no process at the moment: it waits for its restart.`,
  );
}

function changeOf({ supervisor, steering }: Controlled): ChangeReport {
  return { workers: supervisor.workers.length, reason: steering.reason };
}

async function reportOf(
  worker: WorkerInfo,
  peers: readonly WorkerStats[] | undefined,
  { poolOf }: Controlled,
): Promise<WorkerReport> {
  const { id, pid, state, age, generation, restarts } = worker;
  const mine = peers?.filter((peer) => peer.generation === generation);
  const hasProcess = pid !== undefined && state !== 'exited';
  return {
    id,
    pid: pid ?? null,
    pool: poolOf(id),
    state,
    uptime: age,
    requests: mine === undefined ? null : sumOf(mine, 'requests'),
    inFlight: mine === undefined ? null : sumOf(mine, 'inFlight'),
    memory: hasProcess ? ((await memoryOf(pid)) ?? null) : null,
    restarts,
  };
}

async function reportOfGateway(gateway: GatewayProcess): Promise<GatewayReport> {
  const { id, pid = null, state, age: uptime, restarts, utilization, stats } = gateway;
  const { requests, connections } = stats;
  const hasProcess = pid !== null && state !== 'exited';
  return {
    ...{ id, pid, state, uptime, requests, connections },
    utilization: hasProcess ? (utilization ?? null) : null,
    memory: hasProcess ? ((await memoryOf(pid)) ?? null) : null,
    restarts,
  };
}

function keyOf(noun: SupervisedNoun, id: number): string {
  return `${noun} ${id}`;
}

function sumOf(peers: readonly WorkerStats[], name: 'requests' | 'inFlight'): number {
  return peers.reduce((sum, peer) => sum + peer[name], 0);
}

function statsOf({ queue, supervisor, recycled }: Controlled): StatsReport {
  const stats = queue?.stats();
  return {
    requests: stats?.requests ?? null,
    replies: stats?.replies ?? null,
    errors: stats?.errors ?? null,
    queued: stats?.queued ?? null,
    queuedBytes: stats?.queuedBytes ?? null,
    longestWait: stats === undefined ? null : Math.round(stats.longestWait),
    inFlight: stats?.inFlight ?? null,
    cancelled: stats?.cancelled ?? null,
    retried: stats?.retried ?? null,
    lateReplies: stats?.lateReplies ?? null,
    undelivered: stats?.undelivered ?? null,
    slowClients: stats?.slowClients ?? null,
    recycled: recycled(),
    restarts: supervisor.workers.reduce((sum, worker) => sum + worker.restarts, 0),
    hangs: supervisor.hangs,
  };
}

/** Workers that are not the service's own: of machines that joined, and plain ones by where they are. */
function machinesOf({ queue, joined }: Controlled): readonly MachineReport[] {
  if (queue === undefined) return joined();
  const groups = new Map<string, WorkerStats[]>();
  for (const peer of queue.stats().workers) {
    if (peer.id !== undefined) continue;
    const place = peer.address.replace(/:\d+$/, ''); // each connection has a port of its own
    const key = JSON.stringify([peer.machine ?? null, place]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [peer]);
    else group.push(peer);
  }
  return [...groups.values()].map((peers) => ({
    machine: peers[0]?.machine ?? null,
    address: peers[0]?.address.replace(/:\d+$/, '') ?? '',
    workers: peers.length,
    inFlight: sumOf(peers, 'inFlight'),
    requests: sumOf(peers, 'requests'),
  }));
}

/**
 * The options as they are in effect: on a machine that joined only those of `join()`. Of the environment only names are told, of keys
 * nothing: they may be secret.
 */
function configurationOf(
  options: ResolvedScaleOptions,
  kind: SupervisorKind,
): Readonly<Record<string, unknown>> {
  const { logger: _logger, onReload: _onReload, env, key, curve, umask, ...rest } = options;
  const plain = Object.fromEntries(
    Object.entries(rest).map(([name, value]) => [
      name,
      value === undefined || value === Number.POSITIVE_INFINITY ? null : value,
    ]),
  );
  const all = {
    ...plain,
    umask: umask?.toString(8).padStart(3, '0') ?? null, // as it is given
    env: Object.keys(env),
    key: key !== undefined,
    curve: curve !== undefined,
  };
  if (kind === 'service') return all;
  return Object.fromEntries(Object.entries(all).filter(([name]) => isShared(name)));
}
