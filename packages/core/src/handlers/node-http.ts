/**
 * The parts of node:http that are not documented and that a request without a socket needs; and the proof, once for each process,
 * that they are there and do what is expected.
 *
 *     req._addHeaderLines(lines, count)    headers and trailers from raw lines
 *     req._dump()                          reads away a body that nobody wants
 *     req._consuming                       somebody reads the body
 *     res._storeHeader(line, headers)      makes the head's text: `res._header`, with Date, Content-Length and so on
 *     res._send(data, encoding, callback)  every byte of a body passes here
 *     res._writeRaw(data, encoding, done)  so do informational heads
 *     res._finish()                        called once, by end()
 *     res._flush(), res._flushOutput()     tells 'drain' if somebody waits for it
 *
 * These are as they were in Node 0.12, in all versions from 20 to 26, and frameworks build on several of them. A Node that changes one
 * is found out by {@link requireNodeHttp} before a request is served.
 */

import { IncomingMessage, type Server, ServerResponse } from 'node:http';
import { ZscaleError } from '../errors.ts';

/** Called when bytes are on their way, or cannot be. */
export type WriteCallback = (error?: Error | null) => void;

/** `req` with what is not documented. */
export interface NodeRequest extends IncomingMessage {
  upgrade: boolean | null;
  joinDuplicateHeaders: boolean;
  readonly _consuming: boolean;
  _addHeaderLines(lines: readonly string[], count: number): void;
  _dump(): void;
}

/** `res` with what is not documented. */
export interface NodeResponse extends ServerResponse {
  _header: string | null;
  _headerSent: boolean;
  _hasBody: boolean;
  _trailer: string;
  _keepAliveTimeout: number;
  _expect_continue: boolean;
  _closed: boolean;
  _storeHeader(firstLine: string, headers: unknown): void;
  _send(
    data: string | Uint8Array,
    encoding?: string | null,
    callback?: WriteCallback | null,
  ): boolean;
  _writeRaw(
    data: string | Uint8Array,
    encoding?: string | null,
    callback?: WriteCallback | null,
  ): boolean;
  _finish(): void;
  _flush(): void;
  _flushOutput(socket: unknown): boolean | undefined;
}

const OF_REQUESTS = ['_addHeaderLines', '_dump'];
const OF_RESPONSES = ['_storeHeader', '_send', '_writeRaw', '_finish', '_flush', '_flushOutput'];

let isProven = false;

/**
 * @throws ZscaleError `ENOTSUP` when this runtime's node:http has not what is needed
 */
export function requireNodeHttp(): void {
  if (isProven) return;
  const missing = [
    ...OF_REQUESTS.filter((name) => !(name in IncomingMessage.prototype)),
    ...OF_RESPONSES.filter((name) => !(name in ServerResponse.prototype)),
  ];
  if (missing.length > 0) {
    throw new ZscaleError(
      'ENOTSUP',
      `HTTP requests cannot be given to a program in this runtime (${runtimeName()}): its node:http has no ${missing.join(', ')}, ` +
        'by which zscale works without a socket. Use Node.js 20.19 to 26.',
    );
  }
  isProven = true;
}

function runtimeName(): string {
  const { bun, deno, node } = process.versions;
  if (bun !== undefined) return `Bun ${bun}`;
  return deno === undefined ? `Node.js ${node}` : `Deno ${deno}`;
}

/** A server, and what it makes its requests and responses from. */
export interface NodeServer {
  readonly server: Server;
  readonly Request: new (socket: IncomingMessage['socket']) => NodeRequest;
  readonly Response: new (req: IncomingMessage, options: object) => NodeResponse;
}

/**
 * A server with its classes, which may be its own: `http.createServer({ IncomingMessage, ServerResponse })`. Node keeps those under symbols
 * of these names and gives no other way to ask.
 */
export function nodeServerOf(server: Server): NodeServer {
  const classNamed = (name: string): unknown => {
    const symbol = Object.getOwnPropertySymbols(server).find((own) => own.description === name);
    return symbol === undefined ? undefined : Reflect.get(server, symbol);
  };
  // Node has checked the options of the server, and calls these classes in this way.
  return {
    server,
    Request: (classNamed('IncomingMessage') ?? IncomingMessage) as NodeServer['Request'],
    Response: (classNamed('ServerResponse') ?? ServerResponse) as NodeServer['Response'],
  };
}
