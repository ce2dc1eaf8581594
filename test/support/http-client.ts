/*
 * Clients of HTTP that send what no library would: bytes as they are, and answers as they came.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { closing } from './closing.ts';
import { until } from './until.ts';

/** A client that writes bytes and keeps what comes. */
export class RawClient {
  readonly socket: Socket;
  readonly #chunks: Buffer[] = [];
  hasEnded = false;
  isClosed = false;

  constructor(socket: Socket, { reads = true }: { readonly reads?: boolean } = {}) {
    this.socket = socket;
    if (reads) socket.on('data', (chunk) => this.#chunks.push(chunk));
    socket.on('end', () => {
      this.hasEnded = true;
    });
    socket.on('close', () => {
      this.isClosed = true;
    });
    socket.on('error', () => {}); // a server that cuts a connection is what tests look at
    closing(this);
  }

  /** What came, as latin1. */
  get text(): string {
    return Buffer.concat(this.#chunks).toString('latin1');
  }

  send(text: string | Buffer): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  /** Waits until what came has a match. */
  async receives(pattern: RegExp): Promise<RegExpExecArray> {
    return until(
      () => pattern.exec(this.text) ?? undefined,
      () => `${pattern} from the server; came: ${this.text.slice(0, 2000)}`,
    );
  }

  /** Waits until the server has ended the connection, and gives all that came. */
  async ends(): Promise<string> {
    await until(
      () => this.hasEnded || this.isClosed,
      () => `the end of the connection; came: ${this.text.slice(0, 2000)}`,
    );
    return this.text;
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Connects to an endpoint of HTTP: http://, https:// or unix:. */
export function rawClient(endpoint: string, options: { readonly reads?: boolean } = {}): RawClient {
  if (endpoint.startsWith('unix:')) return new RawClient(connect(endpoint.slice(5)), options);
  const { hostname, port, protocol } = new URL(endpoint);
  const to = {
    host: hostname === '0.0.0.0' ? '127.0.0.1' : hostname.replace(/^\[|\]$/g, ''),
    port: Number(port),
  };
  if (protocol === 'https:')
    return new RawClient(connectTls({ ...to, rejectUnauthorized: false }), options);
  return new RawClient(connect(to), options);
}

/** Sends text on a connection of its own and gives all that comes until the server ends it. */
export async function exchange(endpoint: string, text: string): Promise<string> {
  const client = rawClient(endpoint);
  client.send(text);
  return client.ends();
}
