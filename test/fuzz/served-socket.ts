/** A real socket whose peers are bytes in memory: what a listener does for it, without a listener. */

import type { Authenticator } from '../../packages/transport/src/authenticator.ts';
import { Blocks } from '../../packages/transport/src/blocks.ts';
import {
  Connection,
  type ConnectionEnd,
  type ConnectionOwner,
} from '../../packages/transport/src/connections/connection.ts';
import { RawConnection } from '../../packages/transport/src/connections/raw-connection.ts';
import type { ResolvedSocketOptions } from '../../packages/transport/src/options.ts';
import type { PeerInfo } from '../../packages/transport/src/peer-info.ts';
import { Pipe } from '../../packages/transport/src/pipes/pipe.ts';
import { Slab } from '../../packages/transport/src/slab.ts';
import type { SocketType } from '../../packages/transport/src/socket-type.ts';
import type { Socket } from '../../packages/transport/src/sockets/socket.ts';
import { checkConnectionError } from './faults.ts';
import { MemoryStream } from './memory-stream.ts';

/** A peer of a socket: bytes to it, and what comes back. */
export class ServedPeer implements ConnectionOwner {
  readonly socketType: SocketType;
  readonly options: ResolvedSocketOptions;
  readonly authenticator: Authenticator;
  readonly forwards = false;
  readonly slab: Slab = new Slab();
  readonly blocks: Blocks = new Blocks();
  readonly stream: MemoryStream;
  readonly connection: Connection | RawConnection;
  end: ConnectionEnd | undefined = undefined;
  readonly #socket: Socket;
  #pipe: Pipe | undefined = undefined;
  #heard: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, slow: boolean) {
    this.#socket = socket;
    this.socketType = socket.socketType;
    this.options = { ...socket.options, handshakeInterval: 0 };
    this.authenticator = socket.authenticator;
    this.stream = new MemoryStream(slow);
    const address = 'tcp://10.0.0.7:40112';
    this.connection =
      socket.socketType === 'STREAM'
        ? new RawConnection(this.stream, this, address)
        : new Connection(this.stream, this, address);
    this.stream.serve(this.connection);
    this.connection.start();
  }

  connectionReady(_connection: Connection | RawConnection, peer: PeerInfo): Pipe {
    if (this.#pipe !== undefined) throw new Error('it was ready twice');
    const pipe = new Pipe(this.#socket, this.options);
    pipe.peer = peer;
    this.#pipe = pipe;
    this.#socket.attach(pipe);
    return pipe;
  }

  connectionClosed(_connection: Connection | RawConnection, end: ConnectionEnd): void {
    if (this.end !== undefined) throw new Error('it was closed twice');
    if (!this.stream.isEnded) throw new Error('it was closed and its stream was not');
    checkConnectionErrorOf(end);
    this.end = end;
    this.#pipe?.end();
  }

  /** Whether both sides were ready, at some time. */
  get wasReady(): boolean {
    return this.#pipe !== undefined;
  }

  /** Everything the socket has sent to this peer so far. */
  get heard(): Buffer {
    this.#heard = Buffer.concat([this.#heard, this.stream.take()]);
    return this.#heard;
  }

  /** For the end of a run. */
  close(): void {
    this.connection.destroy();
    this.stream.checkManners();
  }
}

/** A reset by the peer is the system's error, and passed on as it is. */
function checkConnectionErrorOf({ error }: ConnectionEnd): void {
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ECONNRESET') return;
  checkConnectionError(error);
}
