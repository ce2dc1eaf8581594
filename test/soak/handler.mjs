/*
 * The handler of a soak run: that of a chaos run, which keeps SOAK_LEAK bytes of each request where it is told to, to show what a leak
 * looks like.
 */
import handle from '../chaos/handler.mjs';

const leak = Number(process.env.SOAK_LEAK ?? 0);
const kept = [];

/** @param {Buffer} request */
export default function handler(request) {
  if (leak > 0) kept.push(Buffer.alloc(leak, 1));
  return handle(request);
}
