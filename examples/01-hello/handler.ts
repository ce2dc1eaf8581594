/**
 * A server's handler as anybody would write it: a request goes in, a reply comes out. It knows
 * nothing of zscale, of sockets or of the other processes that run it.
 */

export interface Greeting {
  readonly text: string;
  /** Which worker answered; undefined when the function is called without zscale. */
  readonly worker: string | undefined;
  readonly pid: number;
}

export default function handler(request: { name: string }): Greeting {
  return {
    text: `Hello, ${request.name}!`,
    worker: process.env.ZSCALE_WORKER_ID,
    pid: process.pid,
  };
}
