/**
 * The socket of a request that becomes another protocol (WebSocket and its like): the raw bytes of the client's connection, both ways,
 * over an exchange.
 *
 *     read    <--- parts of the request; granted as they are read
 *     write   ---> a head of status 0 with the first bytes, then parts; held while the window is used up
 *     end()   ---> the last part: the gateway closes the connection behind it
 *
 * A Duplex with what programs ask of a net.Socket. The line "101 Switching Protocols" is among the bytes, as without zscale.
 */

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Duplex } from 'node:stream';
import { encodeResponseHead, RAW_TUNNEL, type RequestHead } from '../messages/http-message.ts';
import type { Exchange, ExchangeSink } from './exchange.ts';
import { connectionCut } from './http-exchange.ts';
import { familyOf } from './virtual-socket.ts';

const EMPTY: Buffer = Buffer.alloc(0);
const TUNNEL_HEAD: Buffer = encodeResponseHead({
  status: RAW_TUNNEL,
  statusMessage: '',
  rawHeaders: [],
});

type Done = (error?: Error | null) => void;

/** The `socket` of an 'upgrade' listener. */
export class TunnelSocket extends Duplex implements ExchangeSink {
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly remoteFamily: string | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly localFamily: string | undefined;
  readonly encrypted: true | undefined;
  readonly server: Server;
  readonly connecting = false;
  readonly pending = false;
  timeout: number;
  bytesRead: number;
  bytesWritten: number;
  readonly #exchange: Exchange;
  readonly #onOver: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** Bytes that came and are not granted yet. */
  #ungranted: number;
  /** What waits for the window, and whom to tell. */
  #rest: Buffer;
  #done: Done | undefined;
  #isFull: boolean;
  #headSent: boolean;
  #isOver: boolean;

  /** @param onOver nothing comes or goes any more */
  constructor(exchange: Exchange, server: Server, head: RequestHead, onOver: () => void) {
    super();
    this.remoteAddress = head.remoteAddress === '' ? undefined : head.remoteAddress;
    this.remotePort = head.remoteAddress === '' ? undefined : head.remotePort;
    this.remoteFamily = familyOf(head.remoteAddress);
    this.localAddress = head.localAddress === '' ? undefined : head.localAddress;
    this.localPort = head.localAddress === '' ? undefined : head.localPort;
    this.localFamily = familyOf(head.localAddress);
    this.encrypted = head.isEncrypted || undefined;
    this.server = server;
    this.timeout = 0;
    this.bytesRead = exchange.body?.length ?? 0;
    this.bytesWritten = 0;
    this.#exchange = exchange;
    this.#onOver = onOver;
    this.#timer = undefined;
    this.#ungranted = this.bytesRead;
    this.#rest = EMPTY;
    this.#done = undefined;
    this.#isFull = false;
    this.#headSent = false;
    this.#isOver = false;
    exchange.sink = this;
  }

  get readyState(): string {
    if (this.destroyed) return 'closed';
    if (this.readable && this.writable) return 'open';
    return this.readable ? 'readOnly' : 'writeOnly';
  }

  address(): AddressInfo | object {
    const { localAddress: address, localPort: port, localFamily: family } = this;
    return address === undefined ? {} : { address, port, family };
  }

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

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  onPart(bytes: Buffer): void {
    if (this.destroyed) return;
    this.#timer?.refresh();
    this.bytesRead += bytes.length;
    this.#ungranted += bytes.length;
    if (this.push(bytes)) this.#grant();
  }

  onEnd(): void {
    if (!this.destroyed) this.push(null);
  }

  onWindow(): void {
    this.#isFull = false;
    this.#send();
  }

  onAbort(): void {
    this.#isOver = true;
    this.#onOver();
    this.destroy();
  }

  override _read(): void {
    this.#grant();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#rest = chunk;
    this.#done = done;
    this.#send();
  }

  /** The last part: nothing comes any more either. */
  override _final(done: Done): void {
    this.#finish();
    done();
    if (!this.readableEnded) this.push(null);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    if (!this.#isOver && !this.#headSent) {
      this.#over();
      this.#exchange.fail(connectionCut());
    } else this.#finish();
    this.#done = undefined;
    done(error);
  }

  #grant(): void {
    if (this.#ungranted === 0) return;
    this.#exchange.grant(this.#ungranted);
    this.#ungranted = 0;
  }

  /** What the window does not allow yet is kept by the exchange: one piece at a time. */
  #send(): void {
    const done = this.#done;
    if (done === undefined || this.#isFull || this.#isOver) return;
    const bytes = this.#rest;
    const frames = this.#headSent ? [bytes] : [TUNNEL_HEAD, bytes];
    const isPart = this.#headSent;
    this.#headSent = true;
    this.#done = undefined;
    this.#rest = EMPTY;
    this.bytesWritten += bytes.length;
    this.#timer?.refresh();
    this.#isFull = !this.#exchange.reply(frames, isPart, true);
    done();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#over();
    if (this.#headSent) this.#exchange.reply([EMPTY], true, false);
    else this.#exchange.reply([TUNNEL_HEAD, EMPTY], false, false);
  }

  #over(): void {
    this.#isOver = true;
    this.#onOver();
  }
}

function timedOut(socket: TunnelSocket): void {
  socket.emit('timeout');
}
