/** The handler of zscale's service in the benchmark: returns what it gets. */

/** @returns the request. */
export default function echo(request: Buffer): Buffer {
  return request;
}
