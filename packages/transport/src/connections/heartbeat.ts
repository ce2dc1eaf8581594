/**
 * PING and PONG on one connection (RFC 37, "Heartbeating"; zmq_setsockopt(3), `ZMQ_HEARTBEAT_…`).
 *
 * Ours: a PING every interval; anything received within the timeout after it counts as the answer. Theirs: a PING with
 * a time to live arms a timer that any later frame disarms. Either timer's end is the connection's, once what the system
 * already has of the peer was read: a process that was busy for longer than the timeout finds the timer first, and the answer
 * behind it.
 */

import type { ResolvedSocketOptions } from '../options.ts';
import { decodePing, encodePing, encodePong } from '../wire/command.ts';

/** What a heartbeat does to its connection. */
export interface HeartbeatOwner {
  sendCommand(body: Buffer): void;
  /** Nothing was heard for too long. */
  heartbeatExpired(reason: string): void;
}

/** The timers of one connection; it starts when the handshake is done. */
export class Heartbeat {
  readonly #owner: HeartbeatOwner;
  readonly #timeout: number;
  readonly #timeToLive: number;
  readonly #interval: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined = undefined;
  /** The timer ended; the sockets are read once more. */
  #lastTurn: NodeJS.Immediate | undefined = undefined;
  /** We do not read from the peer now, and so cannot hear it. */
  #suspended = false;

  /** @param pings whether the peer knows PING at all: 3.1 peers do. */
  constructor(owner: HeartbeatOwner, options: ResolvedSocketOptions, pings: boolean) {
    const interval = options.heartbeatInterval;
    this.#owner = owner;
    this.#timeout = options.heartbeatTimeout === -1 ? interval : options.heartbeatTimeout;
    this.#timeToLive = options.heartbeatTimeToLive;
    this.#interval = pings && interval > 0 ? setInterval(beat, interval, this).unref() : undefined;
  }

  /** Anything came from the peer: it lives. */
  heard(): void {
    if (this.#expiry === undefined) return;
    this.#disarm();
  }

  /** Sends our PING and arms its timeout, if none is armed. */
  beat(): void {
    this.#owner.sendCommand(encodePing(this.#timeToLive));
    if (this.#timeout > 0) this.#arm(this.#timeout, 'the peer did not answer a PING');
  }

  /** The peer's PING: answers, and arms the time to live it carries. One that is too short is dropped. */
  receivePing(data: Buffer): void {
    const ping = decodePing(data);
    if (ping === undefined) return;
    this.#owner.sendCommand(encodePong(Buffer.from(ping.context)));
    if (ping.timeToLive > 0)
      this.#arm(ping.timeToLive, 'the peer was silent for its own time to live');
  }

  /** The connection reads nothing more for now: that nothing is heard says nothing about the peer. */
  suspend(): void {
    this.#suspended = true;
    this.heard();
  }

  /** The connection reads again. The next PING asks anew. */
  resume(): void {
    this.#suspended = false;
  }

  stop(): void {
    clearInterval(this.#interval);
    this.#disarm();
  }

  /** The time is over. Called by its own timer only. */
  waitOneTurn(reason: string): void {
    // Timers come before sockets in a turn of the event loop, and immediates after them.
    this.#lastTurn = setImmediate(expire, this.#owner, reason);
  }

  #arm(ms: number, reason: string): void {
    if (this.#expiry !== undefined || this.#suspended) return;
    this.#expiry = setTimeout(waitOneTurn, ms, this, `${reason} within ${ms} ms`).unref();
  }

  #disarm(): void {
    clearTimeout(this.#expiry);
    clearImmediate(this.#lastTurn);
    this.#expiry = undefined;
    this.#lastTurn = undefined;
  }
}

function beat(heartbeat: Heartbeat): void {
  heartbeat.beat();
}

function waitOneTurn(heartbeat: Heartbeat, reason: string): void {
  heartbeat.waitOneTurn(reason);
}

function expire(owner: HeartbeatOwner, reason: string): void {
  owner.heartbeatExpired(reason);
}
