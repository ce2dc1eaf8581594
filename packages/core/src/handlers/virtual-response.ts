/**
 * `res`: a real `http.ServerResponse` whose bytes go to an exchange.
 *
 * All that it says and does is Node's code, up to the place where that would write to a socket: there, four methods of this one object
 * are replaced (`node-http.ts` lists them). They are its own properties, and not those of a subclass, because frameworks give `res`
 * another prototype (Express does so for each request).
 *
 *     res.write, res.end ---> _storeHeader   notes whether the body would be chunked, and keeps Node from doing it
 *                        ---> _send          a piece of the body: kept until the tick ends or the response does, so that what is
 *                                            written together leaves together
 *                        ---> _finish        the end: what is left goes out with the trailers
 *     res.writeContinue  ---> _writeRaw      an informational head, at once
 *
 * What the window of the exchange has no room for waits here, and `write()` says false then, as for a socket that is full.
 */

import { type IncomingMessage, ServerResponse } from 'node:http';
import { encodeResponseHead, encodeTrailers } from '../messages/http-message.ts';
import type { Exchange } from './exchange.ts';
import type { NodeResponse, NodeServer, WriteCallback } from './node-http.ts';
import type { VirtualSocket } from './virtual-socket.ts';

/** So much is not kept for the end of the tick. */
const FLUSH_BYTES = 64 * 1024;
const EMPTY: Buffer = Buffer.alloc(0);
const NOT_ASCII = /[^\0-\x7f]/;
const LENGTH = /\r\ncontent-length: /i;
const SENDER = Symbol('zscale.response-sender');

/** What goes with every response of a server. */
export interface ResponseOwner {
  /** The request is still coming, and somebody may read on behind the answer: the reply's last message waits for `release`. */
  readonly isComing: boolean;
  /** The last message of the reply is on its way, or the exchange is over without it. */
  onReplied(): void;
}

/** Sends one response. */
export class ResponseSender {
  readonly #exchange: Exchange;
  readonly #owner: ResponseOwner;
  readonly #socket: VirtualSocket;
  readonly #res: NodeResponse;
  #chunks: Buffer[];
  #pendingBytes: number;
  /** Bytes that came so far, and that left: a callback is due when what came before it has left. */
  #taken: number;
  #sent: number;
  readonly #callbacks: WriteCallback[];
  readonly #callbacksAfter: number[];
  #isChunked: boolean;
  #hasHead: boolean;
  /** How Node would write the head: as the text that it goes out with, else as latin1. */
  #headEncoding: 'utf8' | 'latin1';
  #headSent: boolean;
  #isTickDue: boolean;
  #isFull: boolean;
  #wantsDrain: boolean;
  /** All of the response has left, and the last message of the reply has not. */
  #isHeld: boolean;
  #state: 'open' | 'ended' | 'sent' | 'gone';

  constructor(exchange: Exchange, owner: ResponseOwner, socket: VirtualSocket, res: NodeResponse) {
    this.#exchange = exchange;
    this.#owner = owner;
    this.#socket = socket;
    this.#res = res;
    this.#chunks = [];
    this.#pendingBytes = 0;
    this.#taken = 0;
    this.#sent = 0;
    this.#callbacks = [];
    this.#callbacksAfter = [];
    this.#isChunked = false;
    this.#hasHead = false;
    this.#headEncoding = 'latin1';
    this.#headSent = false;
    this.#isTickDue = false;
    this.#isFull = false;
    this.#wantsDrain = false;
    this.#isHeld = false;
    this.#state = 'open';
    const hooked = res as NodeResponse & { [SENDER]: ResponseSender }; // set here
    hooked[SENDER] = this;
    res._storeHeader = storeHeader;
    res._send = send;
    res._writeRaw = writeRaw;
    res._finish = finish;
    res._flushOutput = flushOutput;
  }

  /** Bytes that wait for the tick to end, or for the window. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** All of the response has left, and the reply's last message has not. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Node made the head's text. A body that it would chunk is left whole: whoever writes to the client does that. */
  headStored(): void {
    this.#isChunked = this.#res.chunkedEncoding;
    this.#res.chunkedEncoding = false;
  }

  /** A piece of the body, or nothing, to send the head. */
  write(
    data: string | Uint8Array,
    encoding: string | null | undefined,
    callback: WriteCallback | null | undefined,
  ): boolean {
    if (this.#socket.destroyed || this.#state === 'gone') return false;
    if (!this.#hasHead) {
      this.#hasHead = true;
      this.#res._headerSent = true;
      // Before a chunk goes its length, in latin1; before anything else the text itself.
      const isFirst = !this.#isChunked || data.length === 0;
      if (typeof data === 'string' && isUtf8(encoding) && isFirst) this.#headEncoding = 'utf8';
    }
    if (data.length > 0) {
      const chunk = bytesOf(data, encoding);
      this.#chunks.push(chunk);
      this.#pendingBytes += chunk.length;
      this.#taken += chunk.length;
    }
    if (typeof callback === 'function') {
      this.#callbacks.push(callback);
      this.#callbacksAfter.push(this.#taken);
    }
    if (!this.#isTickDue) this.#scheduleTick();
    if (this.#pendingBytes >= FLUSH_BYTES && this.#socket.writableCorked <= 1) this.#flush();
    const hasRoom = this.#pendingBytes < this.#socket.writableHighWaterMark && !this.#isFull;
    if (!hasRoom) this.#wantsDrain = true;
    return hasRoom;
  }

  /** `HTTP/1.1 1xx ...`: a head before the head. */
  inform(text: string, callback: WriteCallback | null | undefined): boolean {
    if (!this.#headSent && this.#state === 'open' && !this.#socket.destroyed) {
      this.#socket.touch();
      this.#exchange.interim(encodeHead(text));
    }
    if (typeof callback === 'function') process.nextTick(callback);
    return true;
  }

  /** `end()` was called, and all of the body has come. */
  finish(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    this.#hasHead = true;
    this.#res._headerSent = true;
    this.#flush();
  }

  /** Nobody reads on, or not any more: the last message goes, if it was held. */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#exchange.reply([EMPTY], true, false);
    this.#owner.onReplied();
  }

  /** The window is open again. */
  onWindow(): void {
    this.#isFull = false;
    this.#flush();
    this.#settle();
  }

  /** cork() was taken back. */
  onUncork(): void {
    if (this.#hasHead && this.#state === 'open' && !this.#isTickDue) this.#scheduleTick();
  }

  /** Nothing can be sent any more. */
  abandon(error: Error): void {
    this.#isHeld = false;
    if (this.#state === 'sent' || this.#state === 'gone') return;
    this.#state = 'gone';
    this.#chunks = [];
    this.#pendingBytes = 0;
    this.#callbacksAfter.length = 0;
    this.#socket._hadError = true;
    for (const callback of this.#callbacks.splice(0)) process.nextTick(callback, error);
  }

  /** Called by its own schedule only. */
  tick(): void {
    this.#isTickDue = false;
    if (this.#socket.writableCorked === 0) this.#flush();
    this.#settle();
  }

  #scheduleTick(): void {
    this.#isTickDue = true;
    process.nextTick(tick, this);
  }

  /** Sends what there is, unless the window is used up. */
  #flush(): void {
    if (this.#isFull || !this.#hasHead || this.#state === 'sent' || this.#state === 'gone') return;
    const isEnd = this.#state === 'ended';
    if (this.#pendingBytes === 0 && this.#headSent && !isEnd) return;
    this.#socket.touch();
    const bytes = this.#take();
    const isPart = this.#headSent;
    const { _hasBody: hasBody, _header: head, _trailer: trailer } = this.#res;
    const frames = isPart ? [bytes] : [headFrame(head ?? '', this.#headEncoding), bytes];
    if (isEnd && this.#isChunked && hasBody && trailer !== '') {
      frames.push(encodeTrailers(linesOf(trailer)));
    }
    this.#headSent = true;
    this.#sent += bytes.length;
    if (isEnd) this.#state = 'sent';
    // Only where the client can tell that it has all: it may wait for that before it sends more.
    this.#isHeld =
      isEnd && !this.#exchange.isWhole && this.#owner.isComing && hasKnownEnd(this.#res);
    const isLast = isEnd && !this.#isHeld;
    this.#isFull = !this.#exchange.reply(frames, isPart, !isLast) && !isEnd;
    if (isLast) this.#owner.onReplied();
  }

  #take(): Buffer {
    const chunks = this.#chunks;
    if (chunks.length === 0) return EMPTY;
    this.#chunks = [];
    const bytes = this.#pendingBytes;
    this.#pendingBytes = 0;
    const [first = EMPTY] = chunks;
    return chunks.length === 1 ? first : Buffer.concat(chunks, bytes);
  }

  /** Tells those who wait for what has left. Not from inside a call of theirs. */
  #settle(): void {
    const after = this.#callbacksAfter;
    const isThrough = this.#state === 'sent' || this.#state === 'gone';
    while (this.#callbacks.length > 0 && (after[0] ?? 0) <= this.#sent) {
      // 'finish' is the last of them, and comes after the last message.
      if (this.#state === 'ended' && !isThrough && this.#callbacks.length === 1) break;
      after.shift();
      this.#callbacks.shift()?.(null);
    }
    if (!this.#wantsDrain || this.#isFull || this.#pendingBytes > 0 || this.#state !== 'open')
      return;
    this.#wantsDrain = false;
    this.#res._flush();
  }
}

/** Makes `res` for a request. */
export function createResponse(
  { server, Response }: NodeServer,
  req: IncomingMessage,
  socket: VirtualSocket,
): NodeResponse {
  return new Response(req, {
    highWaterMark: socket.writableHighWaterMark,
    rejectNonStandardBodyWrites: Reflect.get(server, 'rejectNonStandardBodyWrites'),
  });
}

type Hooked = NodeResponse & { readonly [SENDER]: ResponseSender };

function storeHeader(this: NodeResponse, firstLine: string, headers: unknown): void {
  const { _storeHeader } = ServerResponse.prototype as NodeResponse; // requireNodeHttp() saw it
  _storeHeader.call(this, firstLine, headers);
  (this as Hooked)[SENDER].headStored(); // set with this very method
}

function send(
  this: NodeResponse,
  data: string | Uint8Array,
  encoding?: string | null | WriteCallback,
  callback?: WriteCallback | null,
): boolean {
  const sender = (this as Hooked)[SENDER]; // set with this very method
  if (typeof encoding === 'function') return sender.write(data, null, encoding);
  return sender.write(data, encoding, callback);
}

function writeRaw(
  this: NodeResponse,
  data: string | Uint8Array,
  encoding?: string | null | WriteCallback,
  callback?: WriteCallback | null,
): boolean {
  const sender = (this as Hooked)[SENDER]; // set with this very method
  const done = typeof encoding === 'function' ? encoding : callback;
  return sender.inform(
    typeof data === 'string' ? data : Buffer.from(data).toString('latin1'),
    done,
  );
}

function finish(this: NodeResponse): void {
  const { _finish } = ServerResponse.prototype as NodeResponse; // requireNodeHttp() saw it
  _finish.call(this);
  (this as Hooked)[SENDER].finish(); // set with this very method
}

/** Nothing waits in `res` itself: whoever waits for 'drain' may go on. */
function flushOutput(): boolean {
  return true;
}

/** Whether its head says where its body ends. */
function hasKnownEnd({ _hasBody: hasBody, _header: head }: NodeResponse): boolean {
  return !hasBody || LENGTH.test(head ?? '');
}

function tick(sender: ResponseSender): void {
  sender.tick();
}

function bytesOf(data: string | Uint8Array, encoding: string | null | undefined): Buffer {
  if (typeof data === 'string') return Buffer.from(data, (encoding ?? 'utf8') as BufferEncoding); // Buffer.from refuses others
  return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

function isUtf8(encoding: string | null | undefined): boolean {
  return encoding === undefined || encoding === null || encoding === '' || encoding === 'utf8';
}

/** The last head, for responses say the same again and again. */
let lastText = '';
let lastFrame: Buffer = EMPTY;

/** The text of a head as a frame. */
function headFrame(text: string, encoding: 'utf8' | 'latin1'): Buffer {
  if (text === lastText) return lastFrame;
  if (NOT_ASCII.test(text)) return encodeHead(Buffer.from(text, encoding).toString('latin1'));
  lastFrame = encodeHead(text);
  lastText = text;
  return lastFrame;
}

/** `HTTP/1.1 200 OK\r\nName: value\r\n...\r\n\r\n`. */
function encodeHead(text: string): Buffer {
  const end = text.indexOf('\r\n');
  const status = Number(text.slice(9, 12));
  const rawHeaders = linesOf(text.slice(end + 2, -2));
  return encodeResponseHead({
    status,
    statusMessage: text.slice(13, end),
    rawHeaders,
    isComplete: true,
  });
}

/** `Name: value\r\n...` as name, value ... */
function linesOf(text: string): string[] {
  const fields: string[] = [];
  let at = 0;
  for (let end = text.indexOf('\r\n'); end !== -1; end = text.indexOf('\r\n', at)) {
    const colon = text.indexOf(': ', at);
    fields.push(text.slice(at, colon), text.slice(colon + 2, end));
    at = end + 2;
  }
  return fields;
}
