/**
 * What a process of a service says of itself when its supervisor asks: its event loop, its memory, its processor time, and the
 * metrics of the application in it. Checked on arrival as every message of a worker.
 */

/** Of one process, since its start unless it says otherwise. Durations are seconds, sizes bytes. */
export interface ProcessFigures {
  /** For how long its event loop worked, and for how long it waited for something to do. */
  readonly loopActive: number;
  readonly loopIdle: number;
  /** By how much timers were late since it was asked last. */
  readonly delayMean: number;
  readonly delayP99: number;
  readonly delayMax: number;
  readonly resident: number;
  readonly heapUsed: number;
  readonly heapSize: number;
  /** Of buffers and other things outside of the heap. */
  readonly external: number;
  readonly cpuUser: number;
  readonly cpuSystem: number;
}

/** The answer of a worker. */
export interface Measured {
  readonly figures: ProcessFigures;
  /** JSON of what its application measures, a list of prom-client's metrics; undefined when it measures nothing. */
  readonly application: string | undefined;
  /** Why that is missing, or some of it: how many characters it would have, or what went wrong. */
  readonly refused: string | undefined;
}

/** The longest that an application's metrics may be, in characters of JSON. */
export const MAX_APPLICATION_CHARACTERS: number = 1024 * 1024;

const NAMES: readonly (keyof ProcessFigures)[] = [
  'loopActive',
  'loopIdle',
  'delayMean',
  'delayP99',
  'delayMax',
  'resident',
  'heapUsed',
  'heapSize',
  'external',
  'cpuUser',
  'cpuSystem',
];

/** Figures of a foreign object; undefined unless each is a number from 0. */
export function parseFigures(value: unknown): ProcessFigures | undefined {
  const figures: Record<string, unknown> = { ...Object(value) };
  const isWhole = NAMES.every((name) => isFigure(figures[name]));
  return isWhole ? (figures as unknown as ProcessFigures) : undefined; // each was looked at
}

function isFigure(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY;
}
