/**
 * The presence of a joined machine: a connection of its supervisor to each queue that its workers are connected to.
 *
 * Workers may compute for as long as they like and cannot answer a heartbeat then; the supervisor never computes. So it answers
 * for them, and notices for them that a queue is gone. It announces `X-Zscale-Presence`, by which the queue knows it from a
 * worker and gives it no requests. A peer that is no queue of ours is left at once: it would.
 */

import { type Frames as Message, type Pipe, Socket } from '@zscale/transport';
import { ZscaleError } from '../errors.ts';
import { announce, speaksZscale } from '../messages/announcement.ts';
import { heartbeats, PATIENCE_OF_DIALERS } from '../messages/heartbeats.ts';
import type { BackendKeys } from '../messages/process-message.ts';

const RECONNECT_MAX_MS = 2000;

/** What a presence is made from. */
export interface PresenceOptions {
  /** The machine, as it is announced. */
  readonly machine: string;
  readonly keys: BackendKeys | undefined;
  /** A queue that is silent for so long is gone, ms; Infinity never asks. */
  readonly heartbeatTimeout: number;
  /** A queue is gone; it is dialled again. */
  readonly onLost: (endpoint: string) => void;
}

/** REP on the wire, and never given anything. */
export class Presence extends Socket {
  readonly #onLost: (endpoint: string) => void;
  readonly #endpoints = new Set<string>();
  readonly #connected = new Set<Pipe>();

  constructor({ machine, keys, heartbeatTimeout, onLost }: PresenceOptions) {
    super(
      { socketType: 'REP', connectsOnce: true, redialsAfterFaults: true },
      {
        immediate: true,
        linger: 0,
        ipv6: true,
        reconnectMaxInterval: RECONNECT_MAX_MS,
        metadata: announce({ machine, presence: true }),
        ...heartbeats(heartbeatTimeout),
        ...PATIENCE_OF_DIALERS,
        ...(keys === undefined
          ? {}
          : {
              curvePublicKey: keys.publicKey,
              curveSecretKey: keys.secretKey,
              curveServerKey: keys.serverKey,
            }),
      },
    );
    this.#onLost = onLost;
  }

  /**
   * Has the transport say what is wrong with an endpoint, before a worker would crash of it. Nothing is dialled in the turn in which
   * it begins, so nobody notices.
   *
   * @throws TransportError as `connect()` of a socket.
   */
  check(endpoint: string): void {
    this.connect(endpoint);
    this.disconnect(endpoint);
  }

  /** Is present at a queue from now on. Idempotent. */
  show(endpoint: string): void {
    if (this.#endpoints.has(endpoint)) return;
    this.#endpoints.add(endpoint);
    this.connect(endpoint);
  }

  /** Is not any more. Idempotent. */
  hide(endpoint: string): void {
    if (this.#endpoints.delete(endpoint)) this.disconnect(endpoint);
  }

  override trySend(_message: Message): boolean {
    throw new ZscaleError('ENOTSUP', 'A presence says nothing.');
  }

  override tryReceive(): Message | undefined {
    return undefined;
  }

  override attach(pipe: Pipe): void {
    this.pipeAttached(pipe);
  }

  override pipeConnected(pipe: Pipe): void {
    if (speaksZscale(pipe.peer?.metadata)) this.#connected.add(pipe);
    else this.hide(pipe.endpoint ?? '');
  }

  override pipeReadable(pipe: Pipe): void {
    while (pipe.read() !== undefined); // nothing that a queue says to a presence means anything
  }

  override pipeWritable(_pipe: Pipe): void {}

  override pipeClosed(pipe: Pipe): void {
    this.pipeDetached(pipe);
    const { endpoint } = pipe;
    if (!this.#connected.delete(pipe) || endpoint === undefined) return;
    if (this.#endpoints.has(endpoint)) this.#onLost(endpoint);
  }
}
