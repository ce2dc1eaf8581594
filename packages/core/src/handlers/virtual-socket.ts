/**
 * What stands in the place of the TCP socket of a request that came through the queue: the client's addresses, the clock for silence,
 * and an end.
 *
 *     open --> destroyed --> ('close')
 *
 * It has what node:http itself reads and calls of a socket, and what programs ask of `req.socket`. It carries no bytes: those of the
 * request go to `req`, those of the response are taken where `res` would write them (`virtual-response.ts`). A request that becomes
 * another protocol gets a socket that does (`tunnel-socket.ts`).
 */

import { EventEmitter } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RequestHead } from '../messages/http-message.ts';

/** As Node's for sockets, whatever `setDefaultHighWaterMark` says: what a response may have waiting before `write()` says false. */
const HIGH_WATER_MARK = 64 * 1024;

/** What a virtual socket tells whoever has the request. */
export interface SocketOwner {
  /** Bytes of the response that are not given to the queue yet. */
  readonly pendingBytes: number;
  /** `req` can take more of the body. */
  onResume(): void;
  /** What was held back by cork() may go. */
  onUncork(): void;
  /** The program ended the connection, with an error or without one. */
  onDestroy(error: Error | undefined): void;
}

/** `req.socket` and `res.socket`. */
export class VirtualSocket extends EventEmitter {
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly remoteFamily: string | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly localFamily: string | undefined;
  /** As a TLS socket has it: the client came to the gateway by TLS. */
  readonly encrypted: true | undefined;
  readonly server: Server;
  readonly connecting = false;
  readonly pending = false;
  readonly readableHighWaterMark: number = HIGH_WATER_MARK;
  readonly writableHighWaterMark: number = HIGH_WATER_MARK;
  readable: boolean;
  writable: boolean;
  destroyed: boolean;
  /** How long it may be silent, in ms; 0 for ever. */
  timeout: number;
  /** The response that is being written: node:http's own note. */
  _httpMessage: ServerResponse | null;
  /** node:http's own note that nobody reads; nothing of ours sets it. */
  _paused: boolean;
  /** What was written did not all leave: then node:http does not say 'finish'. */
  _hadError: boolean;
  /** As much of a stream's state as node:http touches. */
  readonly _writableState: { corked: number; needDrain: boolean };
  readonly #owner: SocketOwner;
  #timer: NodeJS.Timeout | undefined;

  constructor(owner: SocketOwner, server: Server, head: RequestHead) {
    super();
    const { remoteAddress, localAddress } = head;
    this.remoteAddress = remoteAddress === '' ? undefined : remoteAddress;
    this.remotePort = remoteAddress === '' ? undefined : head.remotePort;
    this.remoteFamily = familyOf(remoteAddress);
    this.localAddress = localAddress === '' ? undefined : localAddress;
    this.localPort = localAddress === '' ? undefined : head.localPort;
    this.localFamily = familyOf(localAddress);
    this.encrypted = head.isEncrypted || undefined;
    this.server = server;
    this.readable = true;
    this.writable = true;
    this.destroyed = false;
    this.timeout = 0;
    this._httpMessage = null;
    this._paused = false;
    this._hadError = false;
    this._writableState = { corked: 0, needDrain: false };
    this.#owner = owner;
    this.#timer = undefined;
  }

  get writableLength(): number {
    return this.#owner.pendingBytes;
  }

  get writableCorked(): number {
    return this._writableState.corked;
  }

  get readyState(): string {
    return this.destroyed ? 'closed' : 'open';
  }

  address(): AddressInfo | object {
    const { localAddress: address, localPort: port, localFamily: family } = this;
    return address === undefined ? {} : { address, port, family };
  }

  cork(): void {
    this._writableState.corked += 1;
  }

  uncork(): void {
    const state = this._writableState;
    if (state.corked === 0) return;
    state.corked -= 1;
    if (state.corked === 0) this.#owner.onUncork();
  }

  resume(): this {
    this.#owner.onResume();
    return this;
  }

  pause(): this {
    return this;
  }

  /** @param onTimeout added as a listener for 'timeout' */
  setTimeout(ms: number, onTimeout?: () => void): this {
    clearTimeout(this.#timer);
    this.timeout = ms;
    this.#timer = ms > 0 && !this.destroyed ? setTimeout(timedOut, ms, this).unref() : undefined;
    if (onTimeout !== undefined) {
      if (ms > 0) this.once('timeout', onTimeout);
      else this.off('timeout', onTimeout);
    }
    return this;
  }

  /** Something came or went: the clock for silence starts again. */
  touch(): void {
    this.#timer?.refresh();
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  /** Nothing but a response can be written: it is `res` that has the bytes. */
  write(_data: unknown, encoding?: unknown, callback?: unknown): boolean {
    const done = typeof encoding === 'function' ? encoding : callback;
    const error = new Error(
      "The connection of this request is the gateway's: write to the response (res.write), or take the bytes over by an upgrade.",
    );
    if (typeof done === 'function') process.nextTick(done, error);
    this.destroy(error);
    return false;
  }

  end(): this {
    return this.destroy();
  }

  destroySoon(): void {
    this.destroy();
  }

  /** Ends the connection to the client, as Node alone does. */
  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.#end();
    this.#owner.onDestroy(error);
    process.nextTick(emitDestroyed, this, error);
    return this;
  }

  /**
   * The request is over, or its client gone: nothing is told to the queue. 'close' follows where somebody listens.
   *
   * @param how whether something was cut off by it, as 'close' says
   */
  close(how: 'whole' | 'cut' = 'whole'): void {
    if (this.destroyed) return;
    this.#end();
    if (this.listenerCount('close') > 0) process.nextTick(emitClosed, this, how === 'cut');
  }

  #end(): void {
    this.destroyed = true;
    this.readable = false;
    this.writable = false;
    clearTimeout(this.#timer);
  }
}

/** `IPv4` or `IPv6`, as Node says it; undefined for no address. */
export function familyOf(address: string): string | undefined {
  if (address === '') return undefined;
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

function emitDestroyed(socket: VirtualSocket, error: Error | undefined): void {
  if (error !== undefined) {
    const isTold = socket.server.emit('clientError', error, socket);
    if (!isTold && socket.listenerCount('error') > 0) socket.emit('error', error);
  }
  emitClosed(socket, error !== undefined);
}

function emitClosed(socket: VirtualSocket, hadError: boolean): void {
  socket.emit('close', hadError);
}

function timedOut(socket: VirtualSocket): void {
  socket.emit('timeout');
}
