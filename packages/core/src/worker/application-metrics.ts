/**
 * Finds what the application in this process measures with prom-client, without loading that for one that does not use it.
 *
 * prom-client is a CommonJS module, so each copy that a program has loaded, by `require` or by `import`, is in Node's cache of such
 * modules under its file's name. A copy that was bundled into the program is not: it is told by `exposeMetrics`.
 */

import { createRequire } from 'node:module';
import { MAX_APPLICATION_CHARACTERS, type Measured } from '../messages/process-figures.ts';

/** Whatever gives metrics as prom-client does: its `Registry` is one. */
export interface MetricsRegistry {
  /** @returns a list of metrics, or a promise of it */
  getMetricsAsJSON(): unknown;
}

/** One that gathers from others and may not have got all of it. */
interface GatheringRegistry extends MetricsRegistry {
  /** What is missing from what it gave last, in words. */
  readonly faults?: readonly string[];
}

const EXPOSED = Symbol.for('zscale.exposed-metrics');
const MAIN_FILE = /[\\/]prom-client[\\/]index\.js$/;

/** One list for each process: a program may load this file twice. */
function exposed(): Set<GatheringRegistry> {
  // Nobody else uses the symbol: what is there, if anything, was put there by the line below.
  const shared = globalThis as typeof globalThis & { [EXPOSED]?: Set<GatheringRegistry> };
  shared[EXPOSED] ??= new Set();
  return shared[EXPOSED];
}

/**
 * Has the metrics of a registry shown among those of the service (`/metrics`), merged over its workers. prom-client's default
 * registry is found without it; this is for another one, for a bundled copy, and for whatever else has `getMetricsAsJSON()`. Each
 * worker calls it for its own; elsewhere it does nothing. Idempotent.
 */
export function exposeMetrics(registry: MetricsRegistry): void {
  exposed().add(registry);
}

/** What the application has measured so far; never rejects. */
export async function readApplicationMetrics(): Promise<Omit<Measured, 'figures'>> {
  const registries = new Set<GatheringRegistry>([...loadedRegistries(), ...exposed()]);
  if (registries.size === 0) return { application: undefined, refused: undefined };
  try {
    const lists = await Promise.all([...registries].map((one) => one.getMetricsAsJSON()));
    const application = JSON.stringify(lists.flat(), withoutNull);
    if (application.length <= MAX_APPLICATION_CHARACTERS) {
      const faults = [...registries].flatMap((one) => one.faults ?? []);
      return { application, refused: faults.length === 0 ? undefined : faults.join('; ') };
    }
    const refused = `they are ${application.length} characters of JSON, and may be ${MAX_APPLICATION_CHARACTERS}`;
    return { application: undefined, refused };
  } catch (error) {
    const refused = error instanceof Error ? error.message.slice(0, 200) : 'it threw no error';
    return { application: undefined, refused };
  }
}

/** The default registries of every copy of prom-client that is loaded. */
function loadedRegistries(): MetricsRegistry[] {
  const { cache } = createRequire(import.meta.url);
  return Object.keys(cache).flatMap((file) => {
    if (!MAIN_FILE.test(file)) return [];
    const register: unknown = Reflect.get(Object(cache[file]?.exports), 'register');
    return isRegistry(register) ? [register] : [];
  });
}

function isRegistry(value: unknown): value is MetricsRegistry {
  return typeof Reflect.get(Object(value), 'getMetricsAsJSON') === 'function';
}

/** JSON has no form for these. */
function withoutNull(_name: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}
