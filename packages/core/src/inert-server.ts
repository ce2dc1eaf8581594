/**
 * What an earlier `scale()` call resolves to in the worker of a later one: a server that knows
 * where clients reach the real one, in the primary, and does nothing itself.
 *
 * It lets the program go on to the call that the worker is there for. So every method succeeds, and
 * no event ever comes.
 */

import { EventEmitter } from 'node:events';
import type { GatewayInfo, Server, ServerEvents, ServerStats } from './service.ts';
import type { WorkerInfo } from './supervisor/supervisor.ts';

const NOTHING_HAPPENED: ServerStats = {
  requests: 0,
  replies: 0,
  errors: {},
  lateReplies: 0,
  undelivered: 0,
  cancelled: 0,
  retried: 0,
  slowClients: 0,
  unfinishedBytes: 0,
  queued: 0,
  queuedBytes: 0,
  longestWait: 0,
  keptBytes: 0,
  inFlight: 0,
  streams: 0,
  streamParts: 0,
  lateParts: 0,
  streamFaults: 0,
  workers: [],
  restarts: 0,
  recycled: 0,
  hangs: 0,
  http: undefined,
};

/** The stand-in, in a worker, for a server of the primary. */
export class InertServer extends EventEmitter<ServerEvents> implements Server {
  readonly endpoints: readonly string[];
  readonly backendEndpoints: readonly string[] = [];
  readonly codec = 'msgpack';
  readonly speaksHttp = false;
  readonly programEndpoint: string | undefined = undefined;
  readonly workers: readonly WorkerInfo[] = [];
  readonly gateways: readonly GatewayInfo[] = [];
  readonly workerCountReason = 'its workers are other processes';

  /** @param endpoints - where clients reach the real server */
  constructor(endpoints: readonly string[]) {
    super();
    this.endpoints = endpoints;
  }

  stats(): ServerStats {
    return NOTHING_HAPPENED;
  }

  async resize(): Promise<void> {}

  async reload(): Promise<void> {}

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
