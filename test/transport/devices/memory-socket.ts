/*
 * A socket without peers: what it receives is what a test puts in, what it sends is kept, and it
 * has room for as much as the test says.
 */
import { TransportError } from '../../../packages/transport/src/errors.ts';
import type { Message } from '../../../packages/transport/src/message.ts';
import type { SocketType } from '../../../packages/transport/src/socket-type.ts';
import { Socket } from '../../../packages/transport/src/sockets/socket.ts';

/** See the top of the file. */
export class MemorySocket extends Socket {
  readonly inbox: Message[] = [];
  readonly sent: Message[] = [];
  /** Messages it takes until it is full. */
  room: number = Number.POSITIVE_INFINITY;
  /** Whether `writable` promises room that there is not, as a ROUTER with `mandatory` may. */
  isHopeful = false;
  /** What its next `trySend` throws. */
  nextError: Error | undefined = undefined;

  constructor(socketType: SocketType = 'PAIR') {
    super({ socketType, connectsOnce: false }, {});
  }

  override get writable(): boolean {
    return this.isHopeful || this.sent.length < this.room;
  }

  override get readable(): boolean {
    return this.inbox.length > 0;
  }

  override trySend(message: Message): boolean {
    const error = this.nextError;
    this.nextError = undefined;
    if (error !== undefined) throw error;
    if (this.sent.length >= this.room) return false;
    this.sent.push(message);
    return true;
  }

  override tryReceive(): Message | undefined {
    return this.inbox.shift();
  }

  override attach(): void {}
  override pipeReadable(): void {}
  override pipeWritable(): void {}
  override pipeClosed(): void {}

  /** Numbered messages to be received. */
  fill(count: number, bytes = 8): this {
    for (let i = 0; i < count; i++) {
      const body = Buffer.alloc(bytes);
      body.writeUInt32BE(i);
      this.inbox.push([body]);
    }
    return this;
  }

  /** The numbers of the messages it was given to send. */
  get numbers(): number[] {
    return this.sent.map(([body]) => body?.readUInt32BE(0) ?? -1);
  }
}

/** What a ROUTER with `mandatory` throws for a peer that is gone. */
export function unreachable(): TransportError {
  return new TransportError('EHOSTUNREACH', 'Host unreachable');
}
