/**
 * One net.Socket under one connection: what tcp and ipc, listener and dialer share.
 *
 * The listeners on a net.Socket are module functions that find the connection through a symbol on the socket, so a
 * connection costs no closures. net.Sockets are unref'd once their handshake is done: what holds a process open is
 * somebody who waits for a message, bytes being written, or messages that wait for a connection.
 */

import type { Socket as NetSocket } from 'node:net';
import { Connection, type ConnectionEnd, type ConnectionOwner } from '../connections/connection.ts';
import { RawConnection, type RawConnectionOwner } from '../connections/raw-connection.ts';
import { AuthError, ProtocolError, TransportError } from '../errors.ts';
import type { ResolvedSocketOptions } from '../options.ts';
import { readLent } from './lent-memory.ts';
import type { PipeHost } from './transport.ts';
import { limitUnsent } from './unsent-limit.ts';

const kConnection = Symbol('connection');
const kError = Symbol('error');

/** What goes on over a stream: ZMTP, or nothing but bytes. */
export type StreamConnection = Connection | RawConnection;

type ServedSocket = NetSocket & { [kConnection]?: StreamConnection; [kError]?: Error };

/** The connection that fits the owner's socket type, not yet started. @param address the peer's. */
export function connectionOver(
  socket: NetSocket,
  owner: ConnectionOwner & RawConnectionOwner,
  address: string,
): StreamConnection {
  return owner.socketType === 'STREAM'
    ? new RawConnection(socket, owner, address)
    : new Connection(socket, owner, address);
}

/** Puts the connection on the stream and starts its handshake. The stream is connected. */
export function serve(
  socket: NetSocket,
  connection: StreamConnection,
  options: ResolvedSocketOptions,
): void {
  const served: ServedSocket = socket;
  served[kConnection] = connection;
  if (options.tcpKeepalive >= 0) {
    socket.setKeepAlive(options.tcpKeepalive === 1, Math.max(0, options.tcpKeepaliveIdle) * 1000);
  }
  if (readLent(socket, connection)) socket.resume();
  else socket.on('data', onData);
  socket.on('drain', onDrain);
  socket.on('error', rememberError);
  socket.on('close', onClose);
  if (options.tcpMaxRetransmitTimeout > 0 && socket.remoteAddress !== undefined) {
    limitUnsent(socket, options.tcpMaxRetransmitTimeout);
  }
  connection.start();
}

/** Keeps what the system says about a stream until its `close`; a listener for `error`. */
export function rememberError(this: NetSocket, error: Error): void {
  (this as ServedSocket)[kError] = error;
}

/** What {@link rememberError} kept. */
export function rememberedError(socket: NetSocket): Error | undefined {
  return (socket as ServedSocket)[kError];
}

/** Where the other side is; an ipc peer has no address of its own and gets the endpoint. */
export function remoteAddressOf(socket: NetSocket, endpoint: string): string {
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined) return endpoint;
  return `tcp://${remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
}

/** Tells the monitor that both sides are ready. STREAM has no handshake to tell of. */
export function reportReady(host: PipeHost, address: string, remoteAddress: string): void {
  if (host.socketType === 'STREAM') return;
  host.report({ type: 'handshake', address, remoteAddress });
}

/** Tells the monitor how a connection ended, in libzmq's words. */
export function reportEnd(
  host: PipeHost,
  address: string,
  remoteAddress: string,
  end: ConnectionEnd,
): void {
  const { error, duringHandshake } = end;
  if (error instanceof ProtocolError) {
    host.report({ type: 'handshake:error:protocol', address, remoteAddress, error });
  } else if (error instanceof AuthError) {
    host.report({ type: 'handshake:error:auth', address, remoteAddress, error });
  } else if (duringHandshake && error !== undefined) {
    host.report({ type: 'handshake:error:other', address, remoteAddress, error });
  }
  host.report({
    type: 'disconnect',
    address,
    remoteAddress,
    ...(error === undefined ? {} : { error }),
  });
}

/** An error of node:net with what we were doing in front, its errno name as code, and the original as cause. */
export function systemError(cause: unknown, doing: string, endpoint: string): TransportError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'EINVAL';
  return new TransportError(code, `${doing}: ${ADVICE[code] ?? (cause as Error).message}.`, {
    endpoint,
    cause,
  });
}

const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'stop the program that listens there, or choose another address',
  EADDRNOTAVAIL: 'it does not belong to this machine; use an address that does, or *',
  EACCES: 'permission denied; ports below 1024 and foreign folders need more rights',
  ENOENT: 'the folder does not exist; create it first',
  ENOTDIR: 'a part of the path is no folder',
};

function onData(this: NetSocket, chunk: Buffer): void {
  (this as ServedSocket)[kConnection]?.receive(chunk);
}

function onDrain(this: NetSocket): void {
  (this as ServedSocket)[kConnection]?.streamDrained();
}

function onClose(this: NetSocket): void {
  (this as ServedSocket)[kConnection]?.streamClosed(rememberedError(this));
}
