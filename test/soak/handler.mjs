/*
 * The handler of a soak run: that of a chaos run, in a process that keeps SOAK_LEAK more bytes every second where it is told to, to
 * show what a leak looks like.
 */
import handle from '../chaos/handler.mjs';

const PER_SECOND = 10;

const leak = Number(process.env.SOAK_LEAK ?? 0);
const kept = [];
if (leak > 0) {
  const keep = () => kept.push(Buffer.alloc(Math.ceil(leak / PER_SECOND), 1));
  setInterval(keep, 1000 / PER_SECOND).unref();
}

export default handle;
