/**
 * One direction of a proxy: whole messages from one socket to another.
 *
 *   from.tryReceive()  --->  capture.trySend(copy)  --->  to.trySend(message)
 *
 * A message is received only when it could be sent on, so the messages that wait stay with `from`, whose marks and TCP window
 * are what the senders meet: back-pressure crosses. Where "could be sent" was too hopeful (a ROUTER with `mandatory` and one
 * full peer, an XPUB with `noDrop`), the one message in hand is kept and goes first when there is room.
 */

import { TransportError } from '../errors.ts';
import type { Message } from '../message.ts';
import type { Socket } from '../sockets/socket.ts';

/** Messages moved in one direction before other work of the process gets its turn. libzmq's proxy has the same. */
export const FAIRNESS_MESSAGES = 1000;
/** The same in bytes; the message that reaches it is still moved. */
export const FAIRNESS_BYTES: number = 1024 * 1024;

/** A direction and what went through it. Bytes are those of all frames, routing ids included. */
export class Flow {
  readonly from: Socket;
  readonly to: Socket;
  /** Gets a copy of each message; see {@link pump}. */
  readonly capture: Socket | undefined;
  /** A REP that answers itself has room only once it received. */
  readonly isEcho: boolean;
  receivedMessages = 0;
  receivedBytes = 0;
  sentMessages = 0;
  sentBytes = 0;
  /** Messages that `to` refused for good: the peer they name is gone (`mandatory`). */
  dropped = 0;
  /** Received and not sent yet. */
  held: Message | undefined = undefined;
  heldBytes = 0;
  /** `capture` has its copy of `held`. */
  heldIsCaptured = false;

  constructor(from: Socket, to: Socket, capture: Socket | undefined) {
    this.from = from;
    this.to = to;
    this.capture = capture;
    this.isEcho = from === to && from.socketType === 'REP';
  }

  /** Nothing is left that was received, by us or by `from`. */
  get isEmpty(): boolean {
    return this.held === undefined && !this.from.readable;
  }
}

/** How much {@link pump} may move at once. */
export interface PumpBudget {
  /** Default {@link FAIRNESS_MESSAGES}. */
  readonly messages?: number;
  /** Default {@link FAIRNESS_BYTES}. */
  readonly bytes?: number;
}

/**
 * Moves messages until there are none, or no room, or the budget is used up. True means the last: call again next turn.
 * False: call again when `from` has messages, or `to` or the capture socket has room.
 *
 * The capture socket gets the frames before `to` does: the same Buffers in an array of its own. While it has no room nothing
 * is moved, as with libzmq; a PUB always has.
 */
export function pump(flow: Flow, budget: PumpBudget = {}): boolean {
  let messages = budget.messages ?? FAIRNESS_MESSAGES;
  let bytes = budget.bytes ?? FAIRNESS_BYTES;
  while (messages > 0 && bytes > 0) {
    if (flow.held === undefined && !receive(flow)) return false;
    const size = flow.heldBytes;
    if (!passOn(flow)) return false;
    messages -= 1;
    bytes -= size;
  }
  return true;
}

/** Takes the next message in hand, if there is one and it could be sent. */
function receive(flow: Flow): boolean {
  if (!flow.isEcho && !flow.to.writable) return false;
  if (flow.capture !== undefined && !flow.capture.writable) return false;
  const message = nextOf(flow.from);
  if (message === undefined) return false;
  let bytes = 0;
  for (let i = 0; i < message.length; i++) bytes += (message[i] as Buffer).length; // i < length
  flow.held = message;
  flow.heldBytes = bytes;
  flow.heldIsCaptured = false;
  flow.receivedMessages += 1;
  flow.receivedBytes += bytes;
  return true;
}

/** Sends what is in hand; false when there is no room for it. */
function passOn(flow: Flow): boolean {
  const message = flow.held;
  if (message === undefined) return true;
  if (flow.capture !== undefined && !flow.heldIsCaptured) {
    if (!flow.capture.trySend(message.slice())) return false;
    flow.heldIsCaptured = true;
  }
  if (!send(flow, message)) return false;
  flow.held = undefined;
  return true;
}

function send(flow: Flow, message: Message): boolean {
  try {
    if (!flow.to.trySend(message)) return false;
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    flow.dropped += 1; // one peer that is gone, or one message that cannot be, must not end the traffic of all
    return true;
  }
  flow.sentMessages += 1;
  flow.sentBytes += flow.heldBytes;
  return true;
}

/** For REP and REQ "not my turn to receive" means that there is nothing now. */
function nextOf(socket: Socket): Message | undefined {
  try {
    return socket.tryReceive();
  } catch (error) {
    if (error instanceof TransportError && error.code === 'EFSM') return undefined;
    throw error;
  }
}
