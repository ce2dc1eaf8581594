/*
 * The handler of a chaos run: answers each request with its own bytes turned around, after a wait or after work, as the request says.
 *
 *   request   kind(1) ms(1) rest       kind: 0 at once, 1 awaits, 2 computes, 3 blocks
 */
const cell = new Int32Array(new SharedArrayBuffer(4));

/** @param {Buffer} request */
export default function handle(request) {
  const [kind, ms] = request;
  if (kind === 1) return new Promise((resolve) => setTimeout(() => resolve(turned(request)), ms));
  if (kind === 2) for (const end = performance.now() + ms; performance.now() < end; );
  if (kind === 3) Atomics.wait(cell, 0, 0, ms);
  return turned(request);
}

/** @param {Buffer} bytes */
function turned(bytes) {
  return Buffer.from(bytes).reverse();
}
