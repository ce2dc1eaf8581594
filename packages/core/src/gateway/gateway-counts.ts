/**
 * What gateways have counted, as sums: of several processes, and of one with those that had its place before. Pure, but for
 * {@link GatewayPast}, which keeps what the dead have counted, by place, so that no counter falls.
 */

import type { GatewayStats, GatewayTraffic } from '../messages/gateway-message.ts';
import { together } from '../metrics/histogram.ts';

/** All that a gateway counts. */
export interface GatewayCounts {
  readonly stats: GatewayStats;
  readonly traffic: GatewayTraffic;
}

/** Of one that has said nothing yet. */
export const NO_COUNTS: GatewayCounts = Object.freeze({
  stats: Object.freeze({
    connections: 0,
    heldBytes: 0,
    greedy: 0,
    refused: 0,
    malformed: 0,
    requests: 0,
    cut: 0,
  }),
  traffic: Object.freeze({
    byClass: [0, 0, 0, 0, 0],
    receivedBytes: 0,
    sentBytes: 0,
    durations: together([]),
  }),
});

/** The counts of processes that are gone, by the id of their place. */
export class GatewayPast {
  readonly #counts = new Map<number, GatewayCounts>();

  /** A process is gone, and this is what it said last. */
  add(id: number, counts: GatewayCounts): void {
    this.#counts.set(id, sumOf([this.of(id), counts]));
  }

  /** Of the processes that had this place. */
  of(id: number): GatewayCounts {
    return this.#counts.get(id) ?? NO_COUNTS;
  }

  /** Of each place that had one. */
  all(): readonly GatewayCounts[] {
    return [...this.#counts.values()];
  }
}

/** Several as one. */
export function sumOf(counts: readonly GatewayCounts[]): GatewayCounts {
  return {
    stats: sumOfStats(counts.map(({ stats }) => stats)),
    traffic: sumOfTraffic(counts.map(({ traffic }) => traffic)),
  };
}

/** Several as one. */
export function sumOfStats(all: readonly GatewayStats[]): GatewayStats {
  const total = (name: keyof GatewayStats): number => all.reduce((sum, one) => sum + one[name], 0);
  return {
    connections: total('connections'),
    heldBytes: total('heldBytes'),
    greedy: total('greedy'),
    refused: total('refused'),
    malformed: total('malformed'),
    requests: total('requests'),
    cut: total('cut'),
  };
}

/** Several as one. */
export function sumOfTraffic(all: readonly GatewayTraffic[]): GatewayTraffic {
  return {
    byClass: NO_COUNTS.traffic.byClass.map((_, i) =>
      all.reduce((sum, { byClass }) => sum + (byClass[i] ?? 0), 0),
    ),
    receivedBytes: all.reduce((sum, one) => sum + one.receivedBytes, 0),
    sentBytes: all.reduce((sum, one) => sum + one.sentBytes, 0),
    durations: together(all.map(({ durations }) => durations)),
  };
}

/** What one of `count` processes may have of a limit that all have together: never more in all, and the first few have one more. */
export function shareOf(limit: number, count: number, id: number): number {
  if (limit === Number.POSITIVE_INFINITY) return limit;
  const rest = limit % count;
  return Math.floor(limit / count) + (id < rest ? 1 : 0);
}
