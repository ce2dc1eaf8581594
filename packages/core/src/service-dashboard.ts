/**
 * The dashboard of a service: what it shows, whom it asks, and the token it is given.
 *
 * Knows the service's control and the dashboard, which do not know each other. Nothing is changed here that the control socket does not
 * change, in the same way.
 */

import { readFileSync } from 'node:fs';
import type { AdminRoute } from './admin-route.ts';
import {
  CONTROL_VERSION,
  type ControlVerb,
  parseControlRequest,
} from './control/control-request.ts';
import { Dashboard } from './dashboard/dashboard.ts';
import { Latency } from './dashboard/latency.ts';
import type { Snapshot } from './dashboard/snapshot.ts';
import { ZscaleError } from './errors.ts';
import { isBeyondLoopback } from './exposure.ts';
import { parseHttpEndpoint } from './gateway/http-endpoint.ts';
import type { Logger } from './logger.ts';
import { together } from './metrics/histogram.ts';
import type { ResolvedScaleOptions } from './options.ts';
import type { Overview, ServiceControl } from './service-control.ts';

/** What may be asked for on the page. It does not end the service: whoever may do that has a shell. */
const CHANGES: ReadonlySet<ControlVerb> = new Set(['reload', 'scale', 'drain', 'kill']);
/** The last deaths that are shown; stacks are long. */
const SHOWN_DEATHS = 20;
/** Short ones can be guessed; longer ones are some other file. */
const TOKEN = /^[!-~]{16,256}$/;

/**
 * What the admin address is to answer for the dashboard; nothing where there is no admin address.
 *
 * @throws ZscaleError `ZSCALE_ERR_OPTIONS` when the token's file is no good, or there is nothing that it is for
 */
export function dashboardRoutes(
  options: ResolvedScaleOptions,
  control: ServiceControl,
  logger: Logger,
): readonly AdminRoute[] {
  const { admin } = options;
  const token = checkAdminToken(options);
  if (admin === undefined) return [];
  const latencies = { waits: new Latency(), services: new Latency() };
  const dashboard = new Dashboard({
    token,
    isExposed: () => isExposed(admin),
    look: async () => snapshotOf(await control.overview(), latencies),
    carryOut: (request) => carryOut(request, control),
    logger: logger.child({ component: 'dashboard' }),
  });
  return dashboard.routes;
}

/**
 * The token in the file that is named, undefined where none is.
 *
 * @throws ZscaleError `ZSCALE_ERR_OPTIONS` as {@link dashboardRoutes}
 */
export function checkAdminToken({
  admin,
  adminTokenFile,
}: Pick<ResolvedScaleOptions, 'admin' | 'adminTokenFile'>): string | undefined {
  if (adminTokenFile === undefined) return undefined;
  return admin === undefined ? refuseNoAddress() : readToken(adminTokenFile);
}

/** Never shows what is in the file, nor its path, for that may be the token itself. */
function readToken(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return refuseToken(`the file cannot be read (${code})`);
  }
  if (TOKEN.test(text)) return text;
  return refuseToken(`the file has ${text.length} characters, or not only printable ones`);
}

function refuseNoAddress(): never {
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    'adminTokenFile is for the dashboard at the admin address, and there is no admin address. Say where it is (admin, ' +
      '--admin http://127.0.0.1:9090), or leave adminTokenFile out.',
  );
}

function refuseToken(reason: string): never {
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    `adminTokenFile must be the path of a file that has the dashboard's token, 16 to 256 printable characters without spaces: ${reason}. ` +
      'Make one: openssl rand -hex 32 > admin.token',
  );
}

/** Where a listener that was handed over is bound is not looked for: it counts as reachable. */
async function isExposed(admin: string): Promise<boolean> {
  const { place } = parseHttpEndpoint(admin);
  if (place.kind === 'tcp') return isBeyondLoopback(`tcp://${place.host ?? '*'}:${place.port}`);
  return place.kind === 'fd';
}

async function carryOut(request: unknown, control: ServiceControl): Promise<object> {
  if (typeof request !== 'object' || request === null) return refuseChange();
  const parsed = parseControlRequest({ version: CONTROL_VERSION, ...request });
  return CHANGES.has(parsed.verb) ? control.carryOut(parsed) : refuseChange();
}

function refuseChange(): never {
  throw new ZscaleError(
    'ZSCALE_ERR_CONTROL',
    `a change is an object with a verb: ${[...CHANGES].join(', ')}`,
  );
}

function snapshotOf(
  { status, stats, machines, times, utilizations, deaths }: Overview,
  latencies: { readonly waits: Latency; readonly services: Latency },
): Snapshot {
  const now = performance.now();
  const { name, kind, pid, state, uptime, endpoints, reason, gateways, workers } = status;
  return {
    at: Math.round(now),
    ...{ name, kind, pid, state, uptime, endpoints, reason },
    load: {
      requests: stats.requests,
      replies: stats.replies,
      errors: stats.errors === null ? null : sumOf(Object.values(stats.errors)),
      queued: stats.queued,
      inFlight: stats.inFlight,
      longestWait: stats.longestWait,
      restarts: stats.restarts,
    },
    waits: latencies.waits.since(together(times.map(({ waits }) => waits)), now),
    services: latencies.services.since(together(times.map(({ services }) => services)), now),
    gateways,
    workers: workers.map((worker) => ({
      ...worker,
      utilization: utilizations.get(worker.id) ?? null,
    })),
    machines,
    deaths: deaths
      .slice(-SHOWN_DEATHS)
      .reverse()
      .map(({ noun, id, entry }) => ({ noun, id, ...entry })),
  };
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
