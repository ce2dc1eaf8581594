/*
 * The handler of a soak run: that of a chaos run, in a process that keeps SOAK_LEAK more bytes every second where it is told to, to
 * show what a leak looks like.
 */
import handle from '../chaos/handler.mjs';

const EVERY_MS = 100;

const leak = Number(process.env.SOAK_LEAK ?? 0);
const kept = [];
if (leak > 0) {
  const begun = performance.now();
  let bytes = 0;
  // What is due by the clock, however late the timer is.
  const keep = () => {
    const due = Math.round(((performance.now() - begun) / 1000) * leak);
    kept.push(Buffer.alloc(due - bytes, 1));
    bytes = due;
  };
  setInterval(keep, EVERY_MS).unref();
}

export default handle;
