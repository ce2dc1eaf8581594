/**
 * The proxy with zeromq.js's face (zmq_proxy(3)): moves messages between two sockets, both ways where their types allow it.
 *
 *   idle --run()--> running <--pause()/resume()--> paused        ended: both sockets are closed, run() has resolved
 *                      \------ terminate(), a socket was closed ------> ended
 *
 * Owns when messages are moved; how, and how many at once, is `flow.ts`. It has no thread: it moves messages whenever one of
 * its sockets has some or has room, and lets other work of the process in between.
 */

// biome-ignore-all lint/suspicious/noShadowRestrictedNames: Proxy is zeromq.js's name for it

import { fail, failType } from '../errors.ts';
import type { SocketType } from '../socket-type.ts';
import { Observer } from '../sockets/monitor.ts';
import { Socket } from '../sockets/socket.ts';
import { KeepAlive } from '../sockets/waiters.ts';
import { checkControl, obey, type ProxyStats, type SideStats } from './control.ts';
import { Flow, pump } from './flow.ts';
import { checkReflector, directionsBetween } from './pairs.ts';

/** What a proxy may have beside its two sides. Both sockets stay yours: the proxy does not close them. */
export interface ProxyOptions {
  /**
   * Gets every message that is moved, before it is sent on: the same frames, routing ids included. PUB, XPUB, PUSH, PAIR or
   * DEALER. While it has no room the proxy waits, as libzmq's does; PUB and XPUB always have, and drop for who is slow.
   * What it receives is left to you. Default none.
   */
  readonly capture?: Socket;
  /**
   * Takes the commands `PAUSE`, `RESUME`, `TERMINATE` and `STATISTICS`, each a message of one frame: REP, PAIR, PULL or SUB.
   * Whoever can reach it can end the proxy. A REP answers each, STATISTICS with eight 64-bit numbers (zmq_proxy_steerable(3)).
   * Default none.
   */
  readonly control?: Socket;
}

const CAPTURE_TYPES: readonly SocketType[] = ['PUB', 'XPUB', 'PUSH', 'PAIR', 'DEALER'];

type ProxyState = 'idle' | 'running' | 'paused' | 'ended';

/** What run() promised. */
interface Settlement {
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Moves messages between a front end and a back end: `new Proxy(new Router(), new Dealer())`.
 *
 * Fitting sides, whichever way round: ROUTER and DEALER, XSUB and XPUB, SUB and PUB, PULL and PUSH, PAIR and PAIR, REQ and
 * REP, and more; the same ROUTER, DEALER, PAIR or REP as both sides sends everything back. Where one side can only receive
 * or only send, messages go one way. Frames pass unchanged, so envelopes survive any number of hops.
 */
export class Proxy<F extends Socket = Socket, B extends Socket = Socket> {
  /** The front-end socket as it was given. */
  readonly frontEnd: F;
  /** The back-end socket as it was given. */
  readonly backEnd: B;
  readonly #capture: Socket | undefined;
  readonly #control: Socket | undefined;
  readonly #forth: Flow | undefined;
  readonly #back: Flow | undefined;
  readonly #keepAlive = new KeepAlive();
  readonly #observers: Observer[] = [];
  /** Callers of {@link drained}. */
  readonly #drains = new Set<(isDrained: boolean) => void>();
  #state: ProxyState = 'idle';
  #settlement: Settlement | undefined = undefined;
  /** The next turn, where one was asked for. */
  #turn: NodeJS.Immediate | undefined = undefined;
  #moving = false;
  /** There was news while messages were being moved. */
  #moved = false;

  /**
   * @throws TypeError when a side is no socket.
   * @throws TransportError `EINVAL` for sides that do not fit, and for a capture or control socket of a wrong type.
   */
  constructor(frontEnd: F, backEnd: B, options: ProxyOptions = {}) {
    const { capture, control } = options;
    if (!(frontEnd instanceof Socket)) failType('Front-end must be a socket object');
    if (!(backEnd instanceof Socket)) failType('Back-end must be a socket object');
    checkExtra('capture', capture, [frontEnd, backEnd]);
    checkExtra('control', control, [frontEnd, backEnd, capture]);
    if (capture !== undefined) checkCapture(capture);
    if (control !== undefined) checkControl(control);
    this.frontEnd = frontEnd;
    this.backEnd = backEnd;
    this.#capture = capture;
    this.#control = control;
    if (isSame(frontEnd, backEnd)) {
      checkReflector(frontEnd.socketType);
      this.#forth = new Flow(frontEnd, backEnd, capture);
      this.#back = undefined;
    } else {
      const directions = directionsBetween(frontEnd.socketType, backEnd.socketType);
      this.#forth = directions.frontendToBackend ? new Flow(frontEnd, backEnd, capture) : undefined;
      this.#back = directions.backendToFrontend ? new Flow(backEnd, frontEnd, capture) : undefined;
    }
  }

  /**
   * Moves messages until {@link terminate} or until one of the sockets is closed; then both sides are closed and it resolves.
   * The process stays alive that long. Both sides must have been bound or connected; use them for nothing else meanwhile.
   *
   * @throws TransportError `EINVAL` when a side is neither bound nor connected, or closed; `EBUSY` when it runs already.
   */
  run(): Promise<void> {
    if (this.#state === 'running' || this.#state === 'paused') {
      fail('EBUSY', 'The proxy runs already.');
    }
    checkInUse('Front-end', this.frontEnd);
    checkInUse('Back-end', this.backEnd);
    return new Promise((resolve, reject) => {
      this.#settlement = { resolve, reject };
      this.#start();
    });
  }

  /** Moves no more messages until {@link resume}. What is received waits, and so do its senders. @throws TransportError `EBADF` when it does not run. */
  pause(): void {
    this.#refuseUnlessRunning();
    this.#state = 'paused';
    this.#tellDrains(); // what has to wait will not be moved
  }

  /** Goes on after {@link pause}. @throws TransportError `EBADF` when it does not run. */
  resume(): void {
    this.#refuseUnlessRunning();
    this.#state = 'running';
    this.#moveNextTurn();
  }

  /**
   * Ends it: closes both sides, which still send for their `linger` what was moved already. What they had received and was
   * not moved is dropped; see {@link drained}. @throws TransportError `EBADF` when it does not run.
   */
  terminate(): void {
    this.#refuseUnlessRunning();
    this.#end();
  }

  /** What went through since it was made; it stays readable at the end. */
  stats(): ProxyStats {
    // With one socket on both sides there is one flow, and both sides tell the same.
    const back = this.#back ?? (isSame(this.frontEnd, this.backEnd) ? this.#forth : undefined);
    const forth = this.#forth;
    return { frontend: sideStats(forth, back), backend: sideStats(back, forth) };
  }

  /**
   * Resolves with true at a moment when everything that was received has been moved, and with false when that did not come
   * in time: for an end in good order, `await proxy.drained(1000)` and then {@link terminate}. Senders are not stopped by it. A
   * proxy that does not run, or is paused, has not drained.
   *
   * @param timeout ms; -1 for no limit.
   */
  drained(timeout = -1): Promise<boolean> {
    if (this.#state !== 'running') return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = timeout >= 0 ? setTimeout(() => settle(false), timeout) : undefined;
      const settle = (isDrained: boolean): void => {
        clearTimeout(timer);
        this.#drains.delete(settle);
        resolve(isDrained);
      };
      this.#drains.add(settle);
      this.#moveNextTurn();
    });
  }

  #start(): void {
    this.#state = 'running';
    this.#keepAlive.acquire();
    const move = (): void => this.#move();
    for (const socket of this.#sockets()) {
      if (socket !== this.#control) socket.watch({ readable: move, writable: move });
      const observer = new Observer(socket); // our own: closing it at the end must not silence the user's
      observer.on('end', () => this.#closed(socket));
      this.#observers.push(observer);
    }
    this.#control?.watch({ readable: () => this.#obey(), writable: () => {} });
    this.#moveNextTurn();
    this.#obey();
  }

  #sockets(): Set<Socket> {
    const sockets = new Set<Socket>([this.frontEnd, this.backEnd]);
    if (this.#capture !== undefined) sockets.add(this.#capture);
    if (this.#control !== undefined) sockets.add(this.#control);
    return sockets;
  }

  /** Moves what can be moved. Called whenever one of the sockets may have messages or room. */
  #move(): void {
    if (this.#state !== 'running' || this.#turn !== undefined) return;
    if (this.#moving) {
      this.#moved = true; // a REP that answered is ready for the next request, inside of trySend
      return;
    }
    if (this.frontEnd.closed || this.backEnd.closed || this.#capture?.closed) {
      this.#end();
      return;
    }
    this.#moving = true;
    this.#moved = false;
    let isUnfinished = false;
    try {
      if (this.#forth !== undefined && pump(this.#forth)) isUnfinished = true;
      if (this.#back !== undefined && pump(this.#back)) isUnfinished = true;
    } catch (error) {
      this.#end(error);
    }
    this.#moving = false;
    if (isUnfinished || this.#moved) this.#moveNextTurn();
    else if (this.#drains.size > 0) this.#tellDrains();
  }

  #moveNextTurn(): void {
    if (this.#state !== 'running') return;
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.#move();
    });
  }

  #obey(): void {
    const control = this.#control;
    if (control === undefined || control.closed || this.#state === 'ended') return;
    if (obey(control, this)) setImmediate(() => this.#obey());
  }

  /** A socket is gone, by its owner's doing. Without its control socket a proxy goes on. */
  #closed(socket: Socket): void {
    if (socket !== this.#control) this.#end();
  }

  #tellDrains(): void {
    const isEmpty = (this.#forth?.isEmpty ?? true) && (this.#back?.isEmpty ?? true);
    if (this.#state === 'running' && !isEmpty) return;
    for (const settle of this.#drains) settle(isEmpty);
  }

  /** The one way out. */
  #end(error?: unknown): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    clearImmediate(this.#turn);
    this.#turn = undefined;
    for (const socket of this.#sockets()) socket.watch(undefined);
    for (const observer of this.#observers) observer.close();
    this.frontEnd.close();
    this.backEnd.close();
    this.#keepAlive.stop();
    for (const settle of this.#drains) settle(false);
    if (error === undefined) this.#settlement?.resolve();
    else this.#settlement?.reject(error);
  }

  #refuseUnlessRunning(): void {
    if (this.#state === 'running' || this.#state === 'paused') return;
    fail('EBADF', 'Socket is closed: the proxy does not run.');
  }
}

/** One socket on both sides; the two type parameters may keep TypeScript from comparing them. */
function isSame(frontend: Socket, backend: Socket): boolean {
  return frontend === backend;
}

function sideStats(from: Flow | undefined, to: Flow | undefined): SideStats {
  return {
    receivedMessages: from?.receivedMessages ?? 0,
    receivedBytes: from?.receivedBytes ?? 0,
    sentMessages: to?.sentMessages ?? 0,
    sentBytes: to?.sentBytes ?? 0,
    dropped: to?.dropped ?? 0,
  };
}

function checkExtra(
  name: string,
  socket: Socket | undefined,
  others: readonly (Socket | undefined)[],
): void {
  if (socket === undefined) return;
  if (!(socket instanceof Socket)) failType(`${name} must be a socket object`);
  if (others.includes(socket)) {
    fail('EINVAL', `The ${name} socket of a proxy has to be a socket of its own.`);
  }
}

function checkCapture(capture: Socket): void {
  if (CAPTURE_TYPES.includes(capture.socketType)) return;
  fail(
    'EINVAL',
    `A capture socket is one of ${CAPTURE_TYPES.join(', ')}; got ${capture.socketType}.`,
  );
}

function checkInUse(side: string, socket: Socket): void {
  if (socket.closed || !socket.hasEndpoints) {
    fail('EINVAL', `${side} socket must be bound or connected`, { isVerbatim: true });
  }
}
