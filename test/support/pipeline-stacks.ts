/*
 * PUSH, PULL and PAIR of the three implementations behind one face. It stands beside stack.ts, whose
 * sockets all send and receive and know nothing of marks and lingering.
 */
import * as our from '@zscale/transport';
import * as npm from 'zeromq';
import { closing } from './closing.ts';
import { TheirPeer, TheirSocket } from './their-peer.ts';
import { theirStacks } from './their-stacks.ts';

/** Socket types these stacks have. */
export type PipelineType = 'PUSH' | 'PULL' | 'PAIR';

/** Options with zeromq.js's names; each socket is given only those that its type has. */
export interface PipelineOptions {
  readonly sendHighWaterMark?: number;
  readonly receiveHighWaterMark?: number;
  readonly conflate?: boolean;
  /** ms; 0 where nothing is said, so that no test waits for a peer that never comes. */
  readonly linger?: number;
  readonly reconnectInterval?: number;
}

/** A socket of any stack. `send` and `receive` reject where the type has no such thing. */
export interface PipelineSocket {
  /** Binds and gives the real endpoint. */
  bind(endpoint: string): Promise<string>;
  connect(endpoint: string): Promise<void>;
  send(message: readonly Buffer[]): Promise<void>;
  receive(): Promise<Buffer[]>;
  /** Whether `send()` is refused with EAGAIN when there is no room, or waits for it. */
  refuseWhenFull(refuses: boolean): Promise<void>;
  /** Ends the socket; what is queued is sent as `linger` says. Idempotent. */
  close(): Promise<void>;
}

/** An implementation of ZeroMQ. */
export interface PipelineStack {
  readonly name: string;
  readonly isAbsent: boolean;
  /** A new socket, closed when the running test ends. */
  open(type: PipelineType, options?: PipelineOptions): Promise<PipelineSocket>;
}

/** What both packages' sockets have; `send` and `receive` only where the type has them. */
interface ClassSocket {
  readonly lastEndpoint: string | null;
  linger: number;
  sendTimeout?: number;
  bind(endpoint: string): Promise<void>;
  connect(endpoint: string): void;
  send?(message: Buffer[]): Promise<void>;
  receive?(): Promise<Buffer[]>;
  close(): void;
}

type Classes = Readonly<Record<PipelineType, new (options: PipelineOptions) => ClassSocket>>;

function classStack(name: string, classes: Classes): PipelineStack {
  return {
    name,
    isAbsent: false,
    async open(type, options = {}) {
      const socket = new classes[type]({ linger: 0, ...options });
      closing(socket);
      let isClosed = false;
      return {
        async bind(endpoint) {
          await socket.bind(endpoint);
          return socket.lastEndpoint ?? endpoint;
        },
        async connect(endpoint) {
          socket.connect(endpoint);
        },
        async send(message) {
          if (socket.send === undefined) throw new Error(`a ${type} does not send`);
          await socket.send([...message]);
        },
        async receive() {
          if (socket.receive === undefined) throw new Error(`a ${type} does not receive`);
          return socket.receive();
        },
        async refuseWhenFull(refuses) {
          socket.sendTimeout = refuses ? 0 : -1;
        },
        async close() {
          if (!isClosed) socket.close();
          isClosed = true;
        },
      };
    },
  };
}

const PYZMQ_NAMES: Readonly<Record<keyof PipelineOptions, string>> = {
  sendHighWaterMark: 'SNDHWM',
  receiveHighWaterMark: 'RCVHWM',
  conflate: 'CONFLATE',
  linger: 'LINGER',
  reconnectInterval: 'RECONNECT_IVL',
};

class PythonSocket extends TheirSocket implements PipelineSocket {
  readonly #command: (name: string, fields: object) => Promise<unknown>;

  constructor(peer: TheirPeer, number: unknown) {
    super(peer, number);
    this.#command = (name, fields) => peer.command(name, { socket: number, ...fields });
  }

  async refuseWhenFull(refuses: boolean): Promise<void> {
    await this.#command('set', { name: 'SNDTIMEO', value: refuses ? 0 : -1 });
  }
}

const pyzmq: PipelineStack = {
  name: 'pyzmq',
  isAbsent: theirStacks.some(({ name, isAbsent }) => name === 'pyzmq' && isAbsent),
  async open(type, options = {}) {
    const peer = new TheirPeer();
    const named: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(options)) {
      named[PYZMQ_NAMES[name as keyof PipelineOptions]] = value; // Keys of a literal of that type.
    }
    return new PythonSocket(peer, await peer.command('open', { type, options: named }));
  },
};

/** @zscale/transport. */
export const ourPipeline: PipelineStack = classStack('ours', {
  PUSH: our.Push,
  PULL: our.Pull,
  PAIR: our.Pair,
});

/** npm zeromq. */
export const npmPipeline: PipelineStack = classStack('npm zeromq', {
  PUSH: npm.Push,
  PULL: npm.Pull,
  PAIR: npm.Pair,
});

/** The implementations ours is put against. A socket of pyzmq drops what is unsent when it is closed. */
export const theirPipelines: readonly PipelineStack[] = [npmPipeline, pyzmq];
