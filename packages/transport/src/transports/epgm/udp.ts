/**
 * UDP sockets as multicast endpoints need them, over node:dgram: bound when the call returns, sharing their port, and told about
 * errors by counting them.
 *
 * Every member of a group has the same port, so the port must be shared on one machine. libzmq asks the system to share it in one way
 * (SO_REUSEPORT), Node 20 in another (SO_REUSEADDR): each works among its own kind. From Node 22.12 on we ask for both.
 */

import {
  createSocket,
  type RemoteInfo,
  type SocketOptions,
  type Socket as UdpSocket,
} from 'node:dgram';
import { fail } from '../../errors.ts';
import type { ResolvedSocketOptions } from '../../options.ts';
import type { GroupAddress } from './group-address.ts';

/** Bytes that the system has not taken yet; beyond them a socket is not written to. */
const UNSENT_MAX_BYTES = 1024 * 1024;

/** What takes the datagrams. */
export type DatagramSink = (datagram: Buffer, from: RemoteInfo) => void;

/** A bound UDP socket. */
export class UdpPort {
  readonly #socket: UdpSocket;
  readonly #endpoint: string;
  readonly #onSent: (error: Error | null) => void;
  #isClosed = false;
  /** Datagrams that the system did not take. It is no more than a loss, and those are repaired. */
  errors = 0;

  /** @throws TransportError `EADDRINUSE`, or another code of the system; `ENOTSUP` where the runtime binds later. */
  constructor(address: string, port: number, endpoint: string, sink?: DatagramSink) {
    this.#endpoint = endpoint;
    this.#socket = bindNow(address, port, endpoint);
    this.#onSent = (error) => {
      if (error !== null) this.errors += 1;
    };
    this.#socket.on('error', this.#onSent);
    if (sink !== undefined) this.#socket.on('message', sink);
    this.#socket.unref();
  }

  /** Whether more can be sent without the system being far behind. */
  get writable(): boolean {
    return this.#socket.getSendQueueSize() < UNSENT_MAX_BYTES;
  }

  /** Everything that was sent is with the system. */
  get isSent(): boolean {
    return this.#socket.getSendQueueSize() === 0;
  }

  send(packet: Buffer, port: number, address: string): void {
    if (!this.#isClosed) this.#socket.send(packet, port, address, this.#onSent);
  }

  /** Listens to a group. @throws TransportError the system's. */
  join({ group, local }: GroupAddress): void {
    this.#try('join the group', () => this.#socket.addMembership(group, local));
  }

  /** Sends to groups by this interface. @throws TransportError the system's. */
  sendFrom(local: string, options: ResolvedSocketOptions): void {
    this.#try('send to the group', () => {
      this.#socket.setMulticastInterface(local);
      this.#socket.setMulticastTTL(options.multicastHops);
      this.#socket.setMulticastLoopback(options.multicastLoop);
    });
    const { sendBufferSize } = options;
    if (sendBufferSize >= 0)
      this.#try('set sendBufferSize', () => this.#socket.setSendBufferSize(sendBufferSize));
  }

  /** How much the system may hold for us. @throws TransportError the system's. */
  setReceiveBuffer({ receiveBufferSize }: ResolvedSocketOptions): void {
    if (receiveBufferSize >= 0)
      this.#try('set receiveBufferSize', () => this.#socket.setRecvBufferSize(receiveBufferSize));
  }

  /** Idempotent. */
  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#isClosed = true;
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  #try(what: string, change: () => void): void {
    try {
      change();
    } catch (cause) {
      void this.close();
      const { code = 'EINVAL', message } = cause as NodeJS.ErrnoException; // dgram throws nothing else
      fail(code, `Cannot ${what} for ${this.#endpoint}: ${message}.`, {
        endpoint: this.#endpoint,
        cause,
      });
    }
  }
}

/** Whether this runtime can share a port with programs that use libzmq. */
export function sharesWithLibzmq(version: string = process.versions.node): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
}

function bindNow(address: string, port: number, endpoint: string): UdpSocket {
  let error = tryToBind(address, port, true);
  // A system without SO_REUSEPORT says so.
  if (error instanceof Error && codeOf(error) !== 'EADDRINUSE' && sharesWithLibzmq())
    error = tryToBind(address, port, false);
  if (!(error instanceof Error)) return error;
  const code = codeOf(error);
  if (code !== 'EADDRINUSE') {
    return fail(
      code,
      `Cannot open UDP port ${port} of ${address} for ${endpoint}: ${error.message}.`,
      {
        endpoint,
        cause: error,
      },
    );
  }
  return fail(
    code,
    `UDP port ${port}, which ${endpoint} needs, is held by a program that does not share it as we do. ${adviceFor()}`,
    { endpoint, cause: error },
  );
}

function adviceFor(): string {
  return sharesWithLibzmq()
    ? 'Stop that program, or use another port for the whole group.'
    : `If it uses libzmq, that is why: on one machine Node ${process.versions.node} cannot share a port with it. Use Node 22.12 or later, run one of the two on another machine or in another container, or give the group another port.`;
}

/** A socket that is bound, or why it is not. */
function tryToBind(address: string, port: number, reusePort: boolean): UdpSocket | Error {
  const options: SocketOptions & { reusePort: boolean } = {
    type: 'udp4',
    reuseAddr: port !== 0,
    reusePort: reusePort && port !== 0 && sharesWithLibzmq(), // not in the types of Node 20, which ignores it
    lookup: answerNow,
  };
  const socket = createSocket(options);
  let failed: Error | undefined;
  const onError = (error: Error): void => {
    failed = error;
  };
  socket.on('error', onError);
  socket.bind({ address, port, exclusive: true }); // exclusive: not by the primary of a cluster
  const isBound = failed === undefined && isListening(socket);
  socket.removeListener('error', onError);
  if (isBound) return socket;
  socket.on('error', onError); // nobody is left to hear it
  socket.close();
  return (
    failed ??
    Object.assign(new Error('this runtime does not open UDP sockets at once'), { code: 'ENOTSUP' })
  );
}

/** In place of a look-up, which would take a turn: all that is asked for are addresses. */
function answerNow(
  hostname: string,
  _options: unknown,
  callback: (error: null, address: string, family: number) => void,
): void {
  callback(null, hostname, 4);
}

function isListening(socket: UdpSocket): boolean {
  try {
    socket.address();
    return true;
  } catch {
    return false; // that is how it says so
  }
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? 'EINVAL'; // node:dgram's have one
}
