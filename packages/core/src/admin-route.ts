/**
 * What is answered at one path of the admin address (option `admin`).
 *
 * Types only. The admin server owns the listener and calls `answer`; the rooms that have something to show give it their routes.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';

/** See the top of the file. */
export interface AdminRoute {
  /** A GET is answered for HEAD, too. */
  readonly method: 'GET' | 'POST';
  /** Exactly this, without a query: `/metrics`. */
  readonly path: string;
  /** Ends the response, or begins it and ends it later. What it throws becomes a 500, and a line of the log. */
  answer(request: IncomingMessage, response: ServerResponse): void | Promise<void>;
}
