/*
 * One face for the three ZeroMQ implementations the interop tests put against each other: ours,
 * libzmq through the npm package `zeromq`, and libzmq through pyzmq in a process of its own.
 */

/** Socket types that all stacks have. */
export type StackType = 'REQ' | 'REP' | 'DEALER' | 'ROUTER';

/** Options with zeromq.js's names; all stacks understand them. */
export interface StackOptions {
  readonly routingId?: string;
  /** ROUTER only: an unknown routing id is an error (EHOSTUNREACH). */
  readonly mandatory?: boolean;
  readonly heartbeatInterval?: number;
  readonly heartbeatTimeout?: number;
  readonly heartbeatTimeToLive?: number;
  readonly reconnectInterval?: number;
}

/** A socket of any stack. */
export interface StackSocket {
  /** Binds and gives the real endpoint. */
  bind(endpoint: string): Promise<string>;
  connect(endpoint: string): Promise<void>;
  send(message: readonly Buffer[]): Promise<void>;
  receive(): Promise<Buffer[]>;
  close(): Promise<void>;
}

/** An implementation of ZeroMQ. */
export interface Stack {
  readonly name: string;
  /** A new socket, closed when the running test ends. */
  open(type: StackType, options?: StackOptions): Promise<StackSocket>;
}

/** What ours and npm zeromq have in common: a class per socket type. */
export type SocketClasses = Record<
  StackType,
  new (
    options: StackOptions & { linger: number },
  ) => ClassSocket
>;

interface ClassSocket {
  readonly lastEndpoint: string | null;
  bind(endpoint: string): Promise<void>;
  connect(endpoint: string): void;
  send(message: Buffer[]): Promise<void>;
  receive(): Promise<Buffer[]>;
  close(): void;
}

/** The stack made of four classes with zeromq.js's interface. */
export function stackOf(
  name: string,
  classes: SocketClasses,
  closing: (socket: StackSocket) => StackSocket,
): Stack {
  return {
    name,
    async open(type, options = {}) {
      const socket = new classes[type]({ linger: 0, ...options });
      let isClosed = false;
      return closing({
        async bind(endpoint) {
          await socket.bind(endpoint);
          return socket.lastEndpoint ?? endpoint;
        },
        async connect(endpoint) {
          socket.connect(endpoint);
        },
        send: (message) => socket.send([...message]),
        receive: () => socket.receive(),
        async close() {
          if (!isClosed) socket.close();
          isClosed = true;
        },
      });
    },
  };
}
