/** The loads, who serves them, and the goals of zscale beside node:cluster. */

/** Who serves, in the order in which tables have them. */
export const KINDS = ['node', 'cluster', 'pm2', 'zscale'] as const;

/** See KINDS. */
export type Kind = (typeof KINDS)[number];

/** What zscale should reach: a figure of its own divided by that of node:cluster. */
export interface Goal {
  readonly figure: 'perSecond' | 'p99';
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** One load. */
export interface Case {
  readonly name: string;
  readonly title: string;
  readonly workers: number;
  readonly connections: number;
  /** A path, or `mixed`. */
  readonly what: string;
  /** Requests per second; 0 for a closed load; undefined for half of what the slowest did in the closed one of that path. */
  readonly rate: number | undefined;
  readonly kinds: readonly Kind[];
  readonly goal: Goal | undefined;
}

/** What a request of the mixed load takes on the average, in ms: 95 % take 1 and 5 % take 40. */
const MIXED_MEAN_MS = 2.95;
const HALF = 0.5;

/** All loads. A closed one stands before the open one whose rate it gives. */
export const CASES: readonly Case[] = [
  closed('hello', 'hello world, 32 clients at once', '/hello', 0.35),
  open('hello-open', 'hello world at random moments, half of what the slowest can', '/hello'),
  closed('compute', 'computes 1 ms, 32 clients at once', '/compute', 0.95),
  open('compute-open', 'computes 1 ms at random moments, half of what the slowest can', '/compute'),
  mixed(2, 0.6),
  mixed(8, 0.2),
];

function closed(name: string, title: string, what: string, atLeast: number): Case {
  const goal: Goal = { figure: 'perSecond', atLeast };
  return { name, title, workers: 2, connections: 32, what, rate: 0, kinds: KINDS, goal };
}

function open(name: string, title: string, what: string): Case {
  const rest = { workers: 2, connections: 64, kinds: KINDS, goal: undefined };
  return { name, title, what, rate: undefined, ...rest };
}

function mixed(workers: number, atMost: number): Case {
  return {
    name: `mixed-${workers}`,
    title: `95 % block 1 ms, 5 % block 40 ms, ${workers} workers at half load: times of the short ones`,
    workers,
    connections: workers * 32,
    what: 'mixed',
    rate: (1000 / MIXED_MEAN_MS) * workers * HALF,
    kinds: ['cluster', 'pm2', 'zscale'], // one process alone would have more to do than it can
    goal: { figure: 'p99', atMost },
  };
}
