/** A peer that turns out not to be usable on this machine when it is started: no fault of the benchmark. */

/** Thrown by a start; the text is the reason. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
}
