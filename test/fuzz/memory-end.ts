/**
 * One end of a conversation without a socket: a real `Connection` over a stream in memory, with a pipe whose messages are kept. It
 * writes down in which order it was told of things, and throws for an order that may not be.
 */

import type { Authenticator } from '../../packages/transport/src/authenticator.ts';
import { Blocks } from '../../packages/transport/src/blocks.ts';
import {
  Connection,
  type ConnectionEnd,
  type ConnectionOwner,
} from '../../packages/transport/src/connections/connection.ts';
import {
  type AnySocketOptions,
  type ResolvedSocketOptions,
  resolveSocketOptions,
} from '../../packages/transport/src/options.ts';
import type { PeerInfo } from '../../packages/transport/src/peer-info.ts';
import { Pipe, type PipeSink } from '../../packages/transport/src/pipes/pipe.ts';
import { Slab } from '../../packages/transport/src/slab.ts';
import type { SocketType } from '../../packages/transport/src/socket-type.ts';
import { MemoryStream } from './memory-stream.ts';

/** What an end is like. */
export interface EndSetup {
  readonly socketType: SocketType;
  readonly options: AnySocketOptions;
  readonly authenticator: Authenticator;
  /** What it sends as soon as it is ready. */
  readonly messages: ReadonlyArray<readonly Buffer[]>;
  readonly slow: boolean;
}

/** A connection and its owner. */
export class MemoryEnd implements ConnectionOwner, PipeSink {
  readonly socketType: SocketType;
  readonly options: ResolvedSocketOptions;
  readonly authenticator: Authenticator;
  readonly forwards = false;
  readonly slab: Slab = new Slab();
  readonly blocks: Blocks = new Blocks();
  readonly stream: MemoryStream;
  readonly connection: Connection;
  /** Messages that came, in order. */
  readonly received: Buffer[][] = [];
  /** Who was there, once both sides were ready. */
  peer: PeerInfo | undefined = undefined;
  end: ConnectionEnd | undefined = undefined;
  readonly #messages: ReadonlyArray<readonly Buffer[]>;
  readonly #pipe: Pipe;
  #isReady = false;
  #isConnected = false;

  constructor(setup: EndSetup) {
    this.socketType = setup.socketType;
    this.options = resolveSocketOptions(
      { handshakeInterval: 0, receiveHighWaterMark: 2, ...setup.options },
      { options: ['routingId', 'receiveHighWaterMark', 'sendHighWaterMark'] },
    );
    this.authenticator = setup.authenticator;
    this.stream = new MemoryStream(setup.slow);
    this.#messages = setup.messages;
    this.#pipe = new Pipe(this, this.options);
    this.connection = new Connection(this.stream, this, 'tcp://10.0.0.7:40112');
    this.stream.serve(this.connection);
    this.connection.start();
  }

  connectionReady(_connection: Connection, peer: PeerInfo): Pipe {
    if (this.#isReady) throw new Error('it was ready twice');
    if (this.end !== undefined) throw new Error('it was ready after its end');
    this.#isReady = true;
    this.peer = peer;
    for (const frames of this.#messages) this.#pipe.write([...frames]);
    return this.#pipe;
  }

  connectionClosed(_connection: Connection, end: ConnectionEnd): void {
    if (this.end !== undefined) throw new Error('it was closed twice');
    if (!this.stream.isEnded) throw new Error('it was closed and its stream was not');
    if (end.duringHandshake === this.#isReady)
      throw new Error(`it was ${this.#isReady ? '' : 'not '}ready and says the opposite`);
    this.end = end;
    this.#pipe.end();
  }

  pipeConnected(): void {
    this.#isConnected = true;
  }

  pipeReadable(pipe: Pipe): void {
    if (!this.#isConnected) throw new Error('a message came before the handshake was done');
    if (this.end !== undefined) throw new Error('a message came after the end');
    for (let message = pipe.read(); message !== undefined; message = pipe.read()) {
      this.received.push(message.map((frame) => Buffer.from(frame)));
    }
  }

  pipeWritable(): void {}

  pipeClosed(): void {}
}
