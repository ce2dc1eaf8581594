/*
 * The handler of a soak run: that of a chaos run, in a process that keeps SOAK_LEAK more bytes every second from its first request on,
 * where it is told to, to show what a leak looks like.
 */
import handle from '../chaos/handler.mjs';

const EVERY_MS = 100;

const leak = Number(process.env.SOAK_LEAK ?? 0);
let leaks = false;

/** @param {Buffer} request */
export default function handler(request) {
  if (leak > 0 && !leaks) startLeak();
  return handle(request);
}

function startLeak() {
  leaks = true;
  const begun = performance.now();
  const kept = [];
  let bytes = 0;
  // What is due by the clock, however late the timer is.
  const keep = () => {
    const due = Math.round(((performance.now() - begun) / 1000) * leak);
    kept.push(Buffer.alloc(due - bytes, 1));
    bytes = due;
  };
  setInterval(keep, EVERY_MS).unref();
}
