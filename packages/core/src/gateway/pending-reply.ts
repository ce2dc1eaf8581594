/**
 * One request of a client of HTTP, from its head to the last byte of its answer.
 *
 *     waiting --> reading --> open --> ended
 *        |           |                   ^
 *        +-----------+-------------------+    the client went, or was refused
 *
 * Its turn on the connection comes (connection-turns.ts), its body is read (request-body.ts), and it is given to the queue; what
 * comes back is written as `node:http` frames it. Bytes go both ways as fast as the other side takes them: a window of the
 * exchange is all that is ever kept here.
 */

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { errorReplyOf, type ZscaleError } from '../errors.ts';
import {
  decodeRequestHead,
  decodeResponseHead,
  decodeTrailers,
  encodeTrailers,
  type ResponseHead,
} from '../messages/http-message.ts';
import type { ClientConnection, OpenExchange } from './client-connection.ts';
import type { TurnTaker } from './connection-turns.ts';
import { CODINGS, codingOf, EncodedBody, type EncodedBodySink } from './encoded-body.ts';
import { errorPage, statusOf } from './error-page.ts';
import { ForeignFormat } from './foreign-format.ts';
import type { GatewayRules } from './gateway-rules.ts';
import type { Holder } from './held-bytes.ts';
import type { MessageFace } from './message-face.ts';
import { type BodySink, RequestBody } from './request-body.ts';
import type { RequestFacts } from './request-facts.ts';
import { responseHeaders } from './response-headers.ts';
import type { UpstreamExchange, UpstreamSink } from './upstream.ts';

const EMPTY: Buffer = Buffer.alloc(0);
/** What node:http adds where it is absent and was not taken away. */
const SAID_BY_NODE = ['Connection', 'Content-Length', 'Transfer-Encoding'] as const;

/** Parts of ServerResponse that are not documented. */
interface HeadWriter {
  /** The head that was written. */
  readonly _header: string | null;
  /** Bytes where their turn is. */
  _writeRaw(data: string, encoding: 'latin1'): boolean;
  /** Bytes of the body, behind the head. flushHeaders() would write the head in UTF-8. */
  _send(data: Buffer, encoding: 'latin1'): boolean;
}
/** Bodies up to so many bytes are cheaper written as text with the head than beside it. */
const TEXT_BYTES = 16 * 1024;

/** See the top of the file. */
export class PendingReply
  implements UpstreamSink, BodySink, EncodedBodySink, OpenExchange, TurnTaker, Holder
{
  readonly isSafe: boolean;
  readonly #rules: GatewayRules;
  readonly #connection: ClientConnection;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #facts: RequestFacts;
  readonly #body: RequestBody;
  /** The client waits to be told that it may send its body. */
  #expectsContinue: boolean;
  readonly #startedAt: number;
  #state: 'waiting' | 'reading' | 'open' | 'ended';
  /** Of a request to a message handler, while its body is decompressed. */
  #decoding: EncodedBody | undefined;
  #exchange: UpstreamExchange | undefined;
  /** What the head of the request became on the way, or at its refusal. */
  #requestId: string | undefined;
  #cookie: string | undefined;
  #client: string;
  /** Bytes of the answer that are not yet granted again. */
  #consumed: number;
  /** The client does not take what is written. */
  #isStalled: boolean;
  /** Bytes that the answer still must have; undefined where it may have any number. */
  #owed: number | undefined;
  #sent: number;
  #code: string | undefined;

  constructor(
    rules: GatewayRules,
    connection: ClientConnection,
    request: IncomingMessage,
    response: ServerResponse,
    facts: RequestFacts,
    { expectsContinue = false }: { readonly expectsContinue?: boolean } = {},
  ) {
    this.isSafe = facts.isSafe;
    this.#rules = rules;
    this.#connection = connection;
    this.#request = request;
    this.#response = response;
    this.#facts = facts;
    this.#expectsContinue = expectsContinue;
    this.#body = new RequestBody(request, this, {
      contentLength: facts.contentLength,
      maxBodySize: rules.maxBodySize,
      isAwaited: expectsContinue,
      isWhole: rules.face !== undefined,
    });
    this.#startedAt = performance.now();
    this.#state = 'waiting';
    this.#decoding = undefined;
    this.#exchange = undefined;
    this.#requestId = undefined;
    this.#cookie = undefined;
    this.#client = '';
    this.#consumed = 0;
    this.#isStalled = false;
    this.#owed = undefined;
    this.#sent = 0;
    this.#code = undefined;
  }

  // From the connection.

  begin(): void {
    if (this.#state === 'ended') {
      this.#connection.turns.end();
      return;
    }
    this.#state = 'reading';
    if (this.#rules.face !== undefined && !this.#isForFace()) return;
    this.#body.start();
    if (!this.#body.isOver) this.#connection.watch();
  }

  get awaitsClient(): boolean {
    return this.#isStalled || (this.#state !== 'waiting' && this.#body.isReading);
  }

  get isIncoming(): boolean {
    return !this.#body.isOver;
  }

  clientFailed(status: number, code: string, message: string): boolean {
    if (this.#isStalled || this.#response.headersSent || this.#body.isOver) return false;
    this.#exchange?.cancel();
    this.#refuse(status, code, message);
    return true;
  }

  clientGone(): void {
    if (this.#state === 'ended') {
      this.#taken();
      return;
    }
    this.#code ??= 'ECONNRESET';
    this.#exchange?.cancel();
    this.#isStalled = false;
    this.#end();
  }

  endGreediest(): void {
    if (this.#state === 'reading') {
      this.#refuse(503, 'ZSCALE_ERR_BUSY', 'Too many bodies come too slowly. Try again later.');
      return;
    }
    this.#exchange?.cancel();
    this.#code = 'ZSCALE_ERR_BUSY';
    this.#cut('its client does not take it, and of all such it has the most (maxUnsentBytes)');
  }

  /** Events have ends of their own, and their clients come again. Of any other answer an end would say that it is whole. */
  farewell(): boolean {
    const isOpen = this.#state === 'open' && this.#response.headersSent;
    if (!isOpen || this.#owed !== undefined || !isEventStream(this.#response)) return false;
    const { socket } = this.#response;
    this.#exchange?.cancel();
    this.#connection.isEnding = true;
    this.#finish(undefined, undefined);
    socket?.destroySoon();
    return true;
  }

  // From the body.

  bodyGathers(bytes: number): void {
    this.#rules.held.add(this, bytes);
  }

  bodyWhole(bytes: Buffer | undefined): void {
    const { face } = this.#rules;
    const coding = this.#request.headers['content-encoding'];
    if (coding === undefined || face === undefined || face instanceof ForeignFormat) {
      this.#open(bytes, false);
    } else this.#decode(bytes ?? EMPTY, coding);
  }

  bodyDecodes(bytes: number): void {
    this.#rules.held.add(this, bytes);
  }

  bodyDecoded(bytes: Buffer): void {
    this.#decoding = undefined;
    this.#open(bytes, false);
  }

  bodyUndecodable({ code, message }: ZscaleError): void {
    this.#refuse(statusOf(code), code, message);
  }

  bodyBegins(bytes: Buffer | undefined): void {
    this.#open(bytes, true);
  }

  bodyPart(bytes: Buffer): boolean {
    const goesOn = this.#exchange?.send(bytes, true) ?? true;
    if (!goesOn) setImmediate(watch, this.#connection);
    return goesOn;
  }

  bodyEnds(rawTrailers: readonly string[]): void {
    const trailers = rawTrailers.length === 0 ? undefined : encodeTrailers(rawTrailers);
    this.#exchange?.send(EMPTY, false, trailers);
    this.#connection.watch();
  }

  bodyTooLarge(): void {
    this.#exchange?.cancel();
    const limit = this.#rules.maxBodySize;
    this.#refuse(
      413,
      'EMSGSIZE',
      `A body may have ${limit} bytes (maxBodySize); this one has more.`,
    );
  }

  // From the queue.

  onInterim(frame: Buffer): void {
    const isTold = this.#request.httpVersionMinor > 0 && !this.#response.headersSent;
    if (this.#state !== 'open' || !isTold) return;
    try {
      this.#inform(decodeResponseHead(frame));
    } catch {
      // A hint that is none: the answer itself may still be sound.
    }
  }

  onHead(frames: Buffer[], ended: boolean): void {
    if (this.#state !== 'open') return;
    if (this.#rules.face !== undefined) {
      this.#onReply(this.#rules.face, frames, ended);
      return;
    }
    const [frame = EMPTY, body, trailers] = frames;
    try {
      const head = decodeResponseHead(frame);
      if (head.status < 200) throw new Error(`its status is ${head.status}`);
      this.#writeHead(head, ended ? (body?.length ?? 0) : undefined, trailers !== undefined);
    } catch (error) {
      if (!ended) this.#exchange?.cancel();
      const { message } = errorReplyOf(error);
      this.#fail('ZSCALE_ERR_HANDLER', `The head of the answer cannot be sent: ${message}`, 502);
      return;
    }
    if (ended) this.#finish(body, trailers);
    else if (body !== undefined && body.length > 0) this.#write(body);
    else (this.#response as unknown as HeadWriter)._send(EMPTY, 'latin1');
  }

  onPart(bytes: Buffer): void {
    if (this.#state === 'open' && bytes.length > 0) this.#write(bytes);
  }

  onEnd(trailers: Buffer | undefined): void {
    if (this.#state === 'open') this.#finish(undefined, trailers);
  }

  onWindow(): void {
    if (this.#state !== 'open') return;
    this.#body.resume();
    this.#connection.watch();
  }

  onError(code: string, message: string): void {
    if (this.#state === 'open') this.#fail(code, message);
  }

  /** Answers what cannot be gone on with: the connection ends behind it. */
  refuse(status: number, code: string, message: string): void {
    this.#connection.isEnding = true;
    this.#refuse(status, code, message);
  }

  /** A message handler takes one value, by POST. */
  #isForFace(): boolean {
    const { method = '' } = this.#request;
    if (method === 'POST' || this.#rules.face instanceof ForeignFormat) {
      // It will be read, whatever it is.
      if (this.#expectsContinue) this.#response.writeContinue();
      this.#expectsContinue = false;
      return true;
    }
    const message = `This service takes one value, by POST; got ${method}.`;
    this.#refuse(405, 'ENOTSUP', message, ['Allow', 'POST']);
    return false;
  }

  /** The reply of a message handler. */
  #onReply(face: MessageFace | ForeignFormat, frames: Buffer[], ended: boolean): void {
    try {
      if (!ended) throw new Error('it comes in parts');
      const { head, body } =
        face instanceof ForeignFormat ? face.answerOf(frames) : this.#answerOf(face, frames);
      this.#writeHead(head, body.length, false);
      this.#finish(body, undefined);
    } catch (error) {
      const { message } = errorReplyOf(error);
      if (!ended) this.#exchange?.cancel();
      this.#rules.tellFault(message, this.#request);
      this.#fail('ZSCALE_ERR_HANDLER', `The reply cannot be sent: ${message}`, 502);
    }
  }

  #answerOf(face: MessageFace, frames: Buffer[]): { head: ResponseHead; body: Buffer } {
    const { contentType, body } = face.answerOf(this.#request, frames);
    const rawHeaders = ['Content-Type', contentType, 'Date', new Date().toUTCString()];
    return { head: { status: 200, statusMessage: 'OK', rawHeaders }, body };
  }

  /** @param header `Content-Encoding` */
  #decode(bytes: Buffer, header: string): void {
    try {
      const coding = codingOf(header);
      if (coding === undefined) this.#open(bytes, false);
      else this.#decoding = new EncodedBody(bytes, coding, this.#rules.maxBodySize, this);
    } catch (error) {
      const { code, message } = errorReplyOf(error);
      this.#refuse(415, code, message, ['Accept-Encoding', CODINGS]);
    }
  }

  #open(bytes: Buffer | undefined, more: boolean): void {
    const { head, control, requestId, cookie, client } = this.#rules.describe(
      this.#request,
      this.#facts,
      this.#startedAt,
    );
    this.#requestId = requestId;
    this.#cookie = cookie;
    this.#client = client;
    this.#rules.held.forget(this);
    const frames = this.#framesOf(head, bytes);
    if (frames === undefined) return;
    this.#state = 'open';
    this.#exchange = this.#rules.upstream.open({ frames, more, control }, this);
    if (this.#facts.contentLength !== 0) this.#connection.watch();
  }

  /** @returns undefined for what a message handler cannot be given, which is answered */
  #framesOf(head: Buffer, bytes: Buffer | undefined): Buffer[] | undefined {
    const { face } = this.#rules;
    if (face === undefined) return bytes === undefined ? [head] : [head, bytes];
    if (face instanceof ForeignFormat) {
      return [face.frameOf(decodeRequestHead(head), bytes ?? EMPTY, this.#requestId ?? '')];
    }
    try {
      return face.framesOf(this.#request, bytes ?? EMPTY);
    } catch (error) {
      const { code, message } = errorReplyOf(error);
      this.#refuse(code === 'ENOTSUP' ? 415 : 400, code, message);
      return undefined;
    }
  }

  #inform({ status, statusMessage, rawHeaders }: ResponseHead): void {
    if (status === 100) this.#expectsContinue = false;
    let text = `HTTP/1.1 ${status} ${statusMessage}\r\n`;
    for (let i = 0; i < rawHeaders.length; i += 2)
      text += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`;
    // What writeEarlyHints() and its like call; those take no more than what they know.
    (this.#response as unknown as HeadWriter)._writeRaw(`${text}\r\n`, 'latin1');
  }

  /** @param length of the body, when that is all of it */
  #writeHead(head: ResponseHead, length: number | undefined, hasTrailers: boolean): void {
    const { status, statusMessage } = head;
    const { list, owed } = responseHeaders(head, {
      length: hasTrailers ? undefined : length,
      isHttp10: this.#request.httpVersionMinor === 0,
      hasBody: this.#request.method !== 'HEAD' && status !== 204 && status !== 304,
      closes: this.#rules.isDraining || (this.#expectsContinue && !this.#body.isOver),
      requestId: this.#requestId,
      cookie: this.#cookie,
      keepAliveTimeout: this.#rules.keepAliveTimeout,
    });
    this.#owed = owed;
    const response = this.#response;
    response.sendDate = false;
    if (head.isComplete === true) for (const name of SAID_BY_NODE) response.removeHeader(name);
    response.writeHead(status, statusMessage, list);
  }

  #write(bytes: Buffer): void {
    if (!this.#count(bytes)) return;
    this.#consumed += bytes.length;
    if (this.#response.write(bytes)) {
      this.#grant();
      return;
    }
    if (!this.#isStalled) {
      this.#isStalled = true;
      this.#connection.watch();
      this.#response.once('drain', () => this.#onDrain());
    }
    this.#rules.held.add(this, bytes.length);
  }

  #onDrain(): void {
    if (this.#state === 'ended') return; // what is left is seen to at its end
    this.#isStalled = false;
    this.#rules.held.forget(this);
    this.#connection.watch();
    this.#grant();
  }

  #grant(): void {
    this.#exchange?.grant(this.#consumed);
    this.#consumed = 0;
  }

  #finish(body: Buffer | undefined, trailers: Buffer | undefined): void {
    if (body !== undefined && !this.#count(body)) return;
    if (this.#owed !== undefined && this.#owed > 0) {
      if (body !== undefined && body.length > 0) this.#response.write(body);
      this.#cut(`it has ${this.#owed} bytes less than its Content-Length`);
      return;
    }
    const response = this.#response;
    if (trailers !== undefined && trailers.length > 0)
      response.addTrailers(pairsOf(decodeTrailers(trailers)));
    if (body === undefined || body.length === 0) response.end();
    // A text is written together with the head, in one call of the system; latin1 keeps every byte.
    else if (body.length <= TEXT_BYTES) response.end(body.toString('latin1'), 'latin1');
    else response.end(body);
    this.#isStalled = response.writableLength > 0;
    if (this.#isStalled) this.#linger(body?.length ?? 0);
    this.#end();
  }

  /** All is with Node now: until the client has taken it, it is held and the clock runs. */
  #linger(bytes: number): void {
    this.#response.once('close', () => this.#taken());
    this.#connection.watch();
    this.#rules.held.add(this, bytes);
  }

  /** The client has all of it, or is gone. */
  #taken(): void {
    this.#isStalled = false;
    this.#rules.held.forget(this);
    this.#connection.left(this);
  }

  /** Counts bytes of a body that has a length. @returns false when there are too many, and all is over */
  #count(bytes: Buffer): boolean {
    this.#sent += bytes.length;
    if (this.#owed === undefined) return true;
    this.#owed -= bytes.length;
    if (this.#owed >= 0) return true;
    this.#exchange?.cancel();
    this.#cut(`it has ${-this.#owed} bytes more than its Content-Length`);
    return false;
  }

  #fail(code: string, message: string, status = statusOf(code)): void {
    if (this.#response.headersSent || code === 'ECONNRESET') this.#cut(`${code}: ${message}`);
    else this.#refuse(status, code, message);
  }

  /** @param headers of its own: name, value, name, value ... */
  #refuse(status: number, code: string, message: string, headers: readonly string[] = []): void {
    if (this.#response.headersSent) {
      this.#cut(message);
      return;
    }
    this.#code = code;
    this.#requestId ??= this.#rules.nameOf(this.#request, this.#facts);
    const page = errorPage(status, code, message, this.#facts.accept, this.#requestId);
    const isLast = !this.#body.isOver || status === 408 || status === 413;
    if (isLast) this.#connection.isEnding = true;
    if (this.#connection.isEnding || this.#rules.isDraining)
      page.headers.push('Connection', 'close');
    page.headers.push(...headers);
    this.#sent = page.body.length;
    this.#response.sendDate = false;
    this.#response.writeHead(page.status, STATUS_CODES[page.status], page.headers);
    this.#response.end(page.body);
    this.#end();
  }

  /** The answer has begun and cannot be told from a whole one by anything but that the connection ends. */
  #cut(reason: string): void {
    this.#code ??= 'ZSCALE_ERR_HANDLER';
    this.#rules.tellCut(reason, this.#request);
    const { socket } = this.#response;
    this.#isStalled = false;
    if (socket === null) this.#response.destroy();
    else socket.destroySoon(); // behind what has been written
    this.#end();
  }

  #end(): void {
    if (this.#state === 'ended') return;
    const hadTurn = this.#state !== 'waiting';
    this.#state = 'ended';
    this.#decoding?.stop();
    if (!this.#body.isOver) this.#body.discard();
    if (!this.#isStalled) this.#rules.held.forget(this);
    this.#rules.ended({
      request: this.#request,
      status: this.#response.statusCode,
      client: this.#client,
      requestId: this.#requestId,
      received: this.#body.bytes,
      sent: this.#sent,
      ms: performance.now() - this.#startedAt,
      code: this.#code,
    });
    if (hadTurn) this.#connection.turns.end();
    if (!this.#isStalled) this.#connection.left(this);
  }
}

/** Looked at where it matters, and not for each answer. */
function isEventStream(response: ServerResponse): boolean {
  const { _header: head } = response as unknown as HeadWriter;
  return /^content-type: *text\/event-stream/im.test(head ?? '');
}

function watch(connection: ClientConnection): void {
  connection.watch();
}

function pairsOf(rawHeaders: readonly string[]): Array<[string, string]> {
  const pairs: Array<[string, string]> = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    pairs.push([rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '']);
  }
  return pairs;
}
