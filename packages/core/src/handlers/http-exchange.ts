/**
 * One HTTP request on its way through a program: holds `req`, `res` and their socket together, and makes of what happens to the
 * exchange what node:http makes of what happens to a connection, in its order.
 *
 *     whole      'request', then the body, then 'end'; 'finish' and 'close' of res, which may come before that
 *     cut        by the client: socket 'close' -> req 'aborted', res 'close', req 'error' if anybody listens, req 'close'
 *                by the program (req.destroy, res.destroy, socket.destroy): the same, and the gateway cuts the client's connection
 *
 * Each runs in an async scope of its own, as each does in node:http: what a listener enters there (`AsyncLocalStorage.enterWith`) is
 * not found by the next request of the same turn.
 */

import { AsyncResource } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import type { Server } from 'node:http';
import { ZscaleError } from '../errors.ts';
import type { RequestHead } from '../messages/http-message.ts';
import type { Exchange, ExchangeSink } from './exchange.ts';
import { isBeingRead, LateReader } from './late-reader.ts';
import type { NodeRequest, NodeResponse, NodeServer } from './node-http.ts';
import { abortRequest, completeRequest, createRequest } from './virtual-request.ts';
import { createResponse, ResponseSender } from './virtual-response.ts';
import { type SocketOwner, VirtualSocket } from './virtual-socket.ts';

const OWNER = Symbol('zscale.http-exchange');
/** What node:http publishes for those who watch it. */
const STARTED = channel('http.server.request.start');
const FINISHED = channel('http.server.response.finish');

/** A request that a listener of node:http is called for. */
export class HttpExchange implements ExchangeSink, SocketOwner {
  readonly req: NodeRequest;
  readonly res: NodeResponse;
  readonly socket: VirtualSocket;
  readonly #exchange: Exchange;
  readonly #scope: AsyncResource;
  readonly #sender: ResponseSender;
  readonly #onOver: (exchange: HttpExchange) => void;
  /** Bytes of the body that came and are not granted yet. */
  #ungranted: number;
  /** The program has answered, and reads on. */
  #late: LateReader | undefined;
  #isOver: boolean;

  /** @param onOver called once, when nothing is to be sent any more */
  constructor(
    exchange: Exchange,
    host: NodeServer,
    head: RequestHead,
    onOver: (exchange: HttpExchange) => void,
  ) {
    this.#exchange = exchange;
    this.#scope = new AsyncResource('HTTPINCOMINGMESSAGE', { requireManualDestroy: true });
    this.#onOver = onOver;
    this.#ungranted = exchange.isWhole ? 0 : (exchange.body?.length ?? 0);
    this.#late = undefined;
    this.#isOver = false;
    this.socket = new VirtualSocket(this, host.server, head);
    this.req = createRequest(host, this.socket, head);
    this.res = createResponse(host, this.req, this.socket);
    this.#sender = new ResponseSender(exchange, this, this.socket, this.res);
    const socket = this.socket as VirtualSocket & { [OWNER]: HttpExchange }; // set here
    socket[OWNER] = this;
    socket.on('close', onSocketClose); // before the response's own
    socket.on('timeout', onSocketTimeout);
    this.res.assignSocket(socket as unknown as NonNullable<NodeResponse['socket']>); // see virtual-socket.ts
    this.res.on('finish', onFinish);
    exchange.sink = this;
    const { timeout } = host.server;
    if (timeout > 0) socket.setTimeout(timeout);
    if (STARTED.hasSubscribers) STARTED.publish(this.#facts());
  }

  /** Gives it to the server's listeners for an event. @throws what they throw */
  emit(event: 'request' | 'checkContinue' | 'checkExpectation'): void {
    this.#scope.runInAsyncScope(emitTo, this.socket.server, event, this.req, this.res);
  }

  /** What came with the head, and that nothing else will where that is so. After the listener was called, as in Node. */
  begin(): void {
    this.#scope.runInAsyncScope(takeBeginning, this);
  }

  get pendingBytes(): number {
    return this.#sender.pendingBytes;
  }

  /** In the scope. */
  takeBeginning(): void {
    const { body, isWhole } = this.#exchange;
    if (body !== undefined && body.length > 0 && !this.req.destroyed) this.req.push(body);
    if (isWhole) completeRequest(this.req, undefined);
  }

  onResume(): void {
    if (this.#ungranted === 0) return;
    this.#exchange.grant(this.#ungranted);
    this.#ungranted = 0;
  }

  onUncork(): void {
    this.#sender.onUncork();
  }

  onDestroy(): void {
    this.#late?.stop();
    this.#sender.release(); // what has been answered is not cut
    this.#sender.abandon(connectionCut());
    if (!this.#isOver) this.#exchange.fail(connectionCut());
    this.#over();
  }

  onPart(bytes: Buffer): void {
    this.#scope.runInAsyncScope(takePart, this, bytes);
  }

  onEnd(trailers: Buffer | undefined): void {
    this.#scope.runInAsyncScope(takeEnd, this, trailers);
  }

  onWindow(): void {
    this.#scope.runInAsyncScope(takeWindow, this);
  }

  onAbort(reason: Error): void {
    this.#scope.runInAsyncScope(takeAbort, this, reason);
  }

  // In the scope; called by the four above.

  takePart(bytes: Buffer): void {
    this.socket.touch();
    this.#ungranted += bytes.length;
    this.#late?.came(bytes.length);
    if (this.req.destroyed || this.req.push(bytes)) this.onResume();
  }

  takeEnd(trailers: Buffer | undefined): void {
    this.socket.touch();
    completeRequest(this.req, trailers);
    this.#readNoMore();
  }

  takeWindow(): void {
    this.socket.touch();
    this.#sender.onWindow();
  }

  takeAbort(reason: Error): void {
    this.#late?.stop();
    this.#sender.abandon(reason);
    this.#over();
    this.socket.close(this.req.complete ? 'whole' : 'cut');
  }

  get isComing(): boolean {
    return !this.req.complete && !this.req.destroyed;
  }

  /** The last message of the reply has left: the rest of a request that is still coming is dropped by the queue. */
  onReplied(): void {
    this.#over();
  }

  /** 'finish' of the response: what node:http does then. */
  finished(): void {
    const { req, res, socket } = this;
    if (FINISHED.hasSubscribers) FINISHED.publish(this.#facts());
    if (isBeingRead(req) && this.#sender.isHeld) {
      this.#late = new LateReader(req, () => this.#giveUp());
    } else {
      this.#sender.release();
      const isRead = req._consuming || req.readableFlowing === true;
      if (!isRead) req._dump();
      // What is still to come is dropped by the queue: nobody may take what came for all of it.
      if (!req.complete && isRead) abortRequest(req);
      else completeRequest(req, undefined);
    }
    res.detachSocket(socket as unknown as NonNullable<NodeResponse['socket']>); // see virtual-socket.ts
    process.nextTick(closeResponse, this);
  }

  closeResponse(): void {
    const { res } = this;
    if (!res._closed) {
      res.destroyed = true;
      res._closed = true;
      res.emit('close');
    }
    if (!this.#sender.isHeld) this.#leaveSocket();
  }

  /** The body has come, or nobody wants it any more. */
  #readNoMore(): void {
    this.#late?.stop();
    if (!this.#sender.isHeld) return;
    this.#sender.release();
    if (this.res.socket === null) this.#leaveSocket(); // else when it has finished
  }

  /** It reads on no more: nobody may take what came for all of it. */
  #giveUp(): void {
    this.#readNoMore();
    this.#scope.runInAsyncScope(abortRequest, undefined, this.req);
  }

  #leaveSocket(): void {
    this.socket.off('close', onSocketClose);
    this.socket.close();
  }

  #facts(): object {
    const { req, res, socket } = this;
    return { request: req, response: res, socket, server: socket.server };
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onOver(this);
  }
}

/** Why a program's own end of a connection ends the exchange: the gateway cuts the client's connection for this code. */
export function connectionCut(): ZscaleError {
  return new ZscaleError(
    'ECONNRESET',
    'The program ended the connection to the client before its response was complete.',
  );
}

function emitTo(this: Server, event: string, req: NodeRequest, res: NodeResponse): void {
  this.emit(event, req, res);
}

function takeBeginning(this: HttpExchange): void {
  this.takeBeginning();
}

function takePart(this: HttpExchange, bytes: Buffer): void {
  this.takePart(bytes);
}

function takeEnd(this: HttpExchange, trailers: Buffer | undefined): void {
  this.takeEnd(trailers);
}

function takeWindow(this: HttpExchange): void {
  this.takeWindow();
}

function takeAbort(this: HttpExchange, reason: Error): void {
  this.takeAbort(reason);
}

type Owned = VirtualSocket & { readonly [OWNER]: HttpExchange };

function onSocketClose(this: VirtualSocket): void {
  abortRequest((this as Owned)[OWNER].req); // set together with this listener
}

/** As node:http: whoever listens decides; where nobody does, the connection ends. */
function onSocketTimeout(this: VirtualSocket): void {
  const { req, res } = (this as Owned)[OWNER]; // set together with this listener
  const isHeard = [
    !req.complete && req.emit('timeout', this),
    this._httpMessage === res && res.emit('timeout', this),
    this.server.emit('timeout', this),
  ];
  if (!isHeard.includes(true)) this.destroy();
}

function onFinish(this: NodeResponse): void {
  const { socket } = this;
  if (socket !== null) (socket as unknown as Owned)[OWNER].finished(); // assigned with this listener
}

function closeResponse(exchange: HttpExchange): void {
  exchange.closeResponse();
}
