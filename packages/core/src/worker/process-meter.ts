/**
 * Measures the process that it is in. Nothing is measured before it is made: from then on a timer of libuv's, which wakes nothing
 * in JavaScript, looks how late it is.
 */

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { ProcessFigures } from '../messages/process-figures.ts';

/** How often it is looked how late timers are, in ms: 50 wake-ups a second of a process that does nothing. */
const RESOLUTION_MS = 20;
const NS_PER_S = 1e9;
const US_PER_S = 1e6;
const MS_PER_S = 1000;

/** See the top of the file. */
export class ProcessMeter {
  readonly #delays: IntervalHistogram;

  constructor() {
    this.#delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.#delays.enable();
  }

  /** The figures of now; delays are those since the call before. */
  read(): ProcessFigures {
    const { active, idle } = performance.eventLoopUtilization();
    const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const delays = this.#delays;
    const hasDelays = delays.count > 0;
    const figures: ProcessFigures = {
      loopActive: Math.max(active, 0) / MS_PER_S,
      loopIdle: Math.max(idle, 0) / MS_PER_S,
      delayMean: hasDelays ? lateness(delays.mean) : 0,
      delayP99: hasDelays ? lateness(delays.percentile(99)) : 0,
      delayMax: hasDelays ? lateness(delays.max) : 0,
      resident: rss,
      heapUsed,
      heapSize: heapTotal,
      external,
      cpuUser: user / US_PER_S,
      cpuSystem: system / US_PER_S,
    };
    delays.reset();
    return figures;
  }

  /** Ends its timer. */
  close(): void {
    this.#delays.disable();
  }
}

/** What Node gives is the time from one look to the next, in ns. */
function lateness(ns: number): number {
  return Math.max(ns / NS_PER_S - RESOLUTION_MS / MS_PER_S, 0);
}
