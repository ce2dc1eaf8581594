/** How busy the event loop of this process is, said to the supervisor every second. */

import { report } from './report.ts';

/** How often it is said, in ms. */
const INTERVAL_MS = 1000;

/** Says it from now on, without keeping the process alive. @param begun how many requests it has begun so far */
export function reportLoad(begun: () => number): void {
  let last = performance.eventLoopUtilization();
  setInterval(() => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    const busy = Math.min(Math.max(utilization, 0), 1);
    void report({ type: 'load', utilization: busy, begun: begun() });
  }, INTERVAL_MS).unref();
}
