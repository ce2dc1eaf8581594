/*
 * A peer without any ZeroMQ: a plain stream that writes the bytes a test gives in hex and keeps
 * what it receives until the test asks for it. For wrong bytes, old versions and exact wire
 * images.
 */
import { rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'vitest';
import { closing } from './closing.ts';
import { netAddress } from './endpoints.ts';
import { hex } from './hex.ts';
import { until } from './until.ts';
import { GREETING, READY, type WireType } from './vectors.ts';

const GREETING_BYTES = 64;

/** One stream seen from its raw end. Made by {@link RawPeer.connect} or {@link RawListener}. */
export class RawPeer {
  readonly #stream: Socket;
  #chunks: Buffer[] = [];
  #length = 0;
  #ended = false;

  constructor(stream: Socket) {
    this.#stream = stream;
    stream.setNoDelay(true);
    stream.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
    });
    stream.on('error', () => {}); // A reset is told by `closed`, which follows every error.
    stream.on('end', () => {
      this.#ended = true;
    });
    stream.on('close', () => {
      this.#ended = true;
    });
  }

  /** Connects to an endpoint that somebody has bound; closed when the test ends. */
  static async connect(endpoint: string): Promise<RawPeer> {
    const stream = connect(netAddress(endpoint));
    const peer = closing(new RawPeer(stream));
    await new Promise<void>((resolve, reject) => {
      stream.once('connect', resolve);
      stream.once('error', reject);
    });
    return peer;
  }

  /** Connects and completes the NULL handshake as a socket of type `type`. */
  static async greeted(endpoint: string, type: WireType): Promise<RawPeer> {
    const peer = await RawPeer.connect(endpoint);
    await peer.greet(READY[type]);
    return peer;
  }

  /** Whether the other side has ended or reset the stream. */
  get closed(): boolean {
    return this.#ended;
  }

  /** The tcp port that the other side connected from; undefined over ipc. */
  get remotePort(): number | undefined {
    return this.#stream.remotePort;
  }

  /** Bytes received and not yet taken. */
  get pending(): Buffer {
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  /** Writes bytes given as hex digits or as they are. */
  write(...bytes: ReadonlyArray<string | Buffer>): void {
    this.#stream.write(Buffer.concat(bytes.map((b) => (typeof b === 'string' ? hex(b) : b))));
  }

  /** Bytes written that the kernel has not yet taken. */
  get unsent(): number {
    return this.#stream.writableLength;
  }

  /** Resolves once everything written was handed to the kernel, and the event loop went round. */
  async flushed(): Promise<void> {
    await new Promise<void>((resolve) => this.#stream.write('', () => resolve()));
    await nextTurn();
  }

  /** Stops reading, so that the other side meets back-pressure. */
  pause(): void {
    this.#stream.pause();
  }

  /** Reads again after {@link pause}. */
  resume(): void {
    this.#stream.resume();
  }

  /** Waits for `length` bytes and takes them. */
  async take(length: number): Promise<Buffer> {
    await until(
      () => this.#length >= length || this.#ended,
      () => `${length} bytes from the peer, of which came: ${this.pending.toString('hex')}`,
    );
    if (this.#length < length) {
      throw new Error(
        `stream ended after ${this.#length} of ${length} bytes: ${this.pending.toString('hex')}`,
      );
    }
    return this.#takeNow(length);
  }

  /** Waits for exactly these bytes to come next, and takes them. */
  async expectBytes(...expected: readonly string[]): Promise<void> {
    const bytes = hex(...expected);
    const taken = await this.take(bytes.length);
    expect(taken.toString('hex')).toBe(bytes.toString('hex'));
  }

  /** Waits until the other side has closed the stream. */
  async expectClosed(): Promise<void> {
    await until(() => this.#ended, 'the peer to close the connection');
  }

  /**
   * Sends a greeting and `ready`, and takes the other side's greeting and first frame. Gives that
   * first frame: its READY command.
   */
  async greet(ready: string, greeting: string = GREETING): Promise<Buffer> {
    this.write(greeting, ready);
    await this.take(GREETING_BYTES);
    return this.takeFrame();
  }

  /** Waits for one whole frame, flags and size included, and takes it. */
  async takeFrame(): Promise<Buffer> {
    const [flags = 0] = await this.#peek(2);
    const isLong = (flags & 0x02) !== 0;
    const head = await this.#peek(isLong ? 9 : 2);
    const size = isLong ? Number(head.readBigUInt64BE(1)) : head.readUInt8(1);
    return this.take(head.length + size);
  }

  async #peek(length: number): Promise<Buffer> {
    const taken = await this.take(length);
    this.#chunks.unshift(taken);
    this.#length += length;
    return taken;
  }

  /** Chunk by chunk, so that taking a frame costs what the frame has, not what waits behind it. */
  #takeNow(length: number): Buffer {
    const parts: Buffer[] = [];
    let missing = length;
    while (missing > 0) {
      const [chunk] = this.#chunks;
      if (chunk === undefined) throw new Error('counted bytes that are not there');
      parts.push(chunk.subarray(0, missing));
      if (chunk.length > missing) this.#chunks[0] = chunk.subarray(missing);
      else this.#chunks.shift();
      missing -= Math.min(missing, chunk.length);
    }
    this.#length -= length;
    return Buffer.concat(parts);
  }

  /** Ends the stream in good order: what was written still arrives. */
  end(): void {
    this.#stream.end();
  }

  /** Breaks the connection: tcp peers see a reset. */
  reset(): void {
    if (this.remotePort === undefined) this.#stream.destroy();
    else this.#stream.resetAndDestroy();
  }

  /** Drops the stream. Idempotent. */
  close(): void {
    this.#stream.destroy();
  }
}

/** A listening stream without any ZeroMQ, for sockets under test that connect. */
export class RawListener {
  readonly endpoint: string;
  /** Every connection ever accepted, oldest first. */
  readonly accepted: RawPeer[] = [];
  readonly #server: Server;
  #given = 0;

  constructor(server: Server, endpoint: string) {
    this.#server = server;
    this.endpoint = endpoint;
    server.on('connection', (stream) => this.accepted.push(new RawPeer(stream)));
  }

  /** Listens at `endpoint`, or at a free tcp port; closed when the test ends. */
  static async listen(endpoint: string = 'tcp://127.0.0.1:0'): Promise<RawListener> {
    const address = netAddress(endpoint);
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(address, resolve);
    });
    const bound = server.address();
    if (bound === null) throw new Error(`nothing listens at ${endpoint}`);
    const real = typeof bound === 'string' ? endpoint : `tcp://127.0.0.1:${bound.port}`;
    return closing(new RawListener(server, real));
  }

  /** The next connection that no test has taken yet; waits for one. */
  async accept(): Promise<RawPeer> {
    await until(() => this.accepted.length > this.#given, `a connection at ${this.endpoint}`);
    const peer = this.accepted[this.#given];
    this.#given += 1;
    if (peer === undefined) throw new Error('counted a connection that is not there');
    return peer;
  }

  /** Accepts a connection and completes the NULL handshake as a socket of type `type`. */
  async greeted(type: WireType): Promise<RawPeer> {
    const peer = await this.accept();
    await peer.greet(READY[type]);
    return peer;
  }

  /** Stops listening and drops every connection. Idempotent. */
  async close(): Promise<void> {
    for (const peer of this.accepted) peer.close();
    await new Promise((resolve) => this.#server.close(resolve));
    const address = netAddress(this.endpoint);
    if ('path' in address) rmSync(address.path, { force: true });
  }
}
