/**
 * The queue's side towards its clients: a ROUTER that says when there is something to read, without a promise per message, that
 * knows which client each message came from and when a client goes, and that drops no answer of a client that is there.
 *
 * A client with more unsent answers than its high-water mark is not read from until it took half of them: so what it can make
 * wait is bounded by what the queue holds of it. What all clients together leave unread is bounded in bytes: beyond that, the
 * one with the most is disconnected.
 */

import {
  type AnySocketOptions,
  type Authenticator,
  type Frames as Message,
  type Pipe,
  Router,
  type SocketOptions,
  StreamTraffic,
} from '@zscale/transport';
import { bytesOf } from '../messages/frames.ts';
import { ClientPeer } from './client-peer.ts';
import type { Client } from './queued-request.ts';
import { Unfinished } from './unfinished.ts';

/** The queue behind a front end. Called from the event loop, never from inside `answer`. */
export interface FrontEndSink {
  /** Messages wait that were not there before; once per chunk of a client at most. */
  clientReadable(): void;
  /** A client that had sent something has ended its connection: nobody waits for what it asked. */
  clientGone(client: Client): void;
  /** A client was disconnected, since it left so many bytes of answers unread. */
  clientTooSlow(client: Client, bytes: number): void;
  /** A client was disconnected, since it has the most of a request that it did not end, and all have too much. */
  clientUnfinished(pipe: Pipe): void;
}

/** While too much is unread, it is looked again who has the most each time so much of the limit came on top. */
const LOOK_AGAIN = 1 / 64;

/** A ROUTER for the queue. */
export class FrontEnd extends Router {
  /** Connections of clients, and what went over them; gateways of the service are none. */
  readonly traffic: StreamTraffic = new StreamTraffic();
  readonly #sink: FrontEndSink;
  readonly #maxUnsentBytes: number;
  readonly #authenticator: Authenticator | undefined;
  readonly #gatewayEndpoint: string | undefined;
  /** Those that have sent something. */
  readonly #clients = new Map<Pipe, Client>();
  #lastClient: Client | undefined = undefined;
  #undelivered = 0;
  #slowClients = 0;
  /** What was unsent when it was last looked, and all that came since. */
  #unsentBytes = 0;
  #lookAt: number;
  #lookScheduled = false;
  readonly #unfinished: Unfinished;

  /**
   * @param limits for all clients together; Infinity for no limit. `maxUnsentBytes`: what answers that are not taken may amount to.
   * `maxQueueBytes`: what requests that are not whole may.
   * `gatewayEndpoint`: where gateways come in; undefined for nowhere.
   * @param authenticator who is let in by CURVE; undefined for the ZAP handler of the context.
   */
  constructor(
    sink: FrontEndSink,
    limits: {
      readonly maxUnsentBytes: number;
      readonly maxQueueBytes: number;
      readonly gatewayEndpoint?: string | undefined;
    },
    options: SocketOptions<Router>,
    authenticator?: Authenticator,
  ) {
    super(options);
    this.#sink = sink;
    this.#maxUnsentBytes = limits.maxUnsentBytes;
    this.#lookAt = limits.maxUnsentBytes;
    this.#unfinished = new Unfinished(limits.maxQueueBytes);
    this.#authenticator = authenticator;
    this.#gatewayEndpoint = limits.gatewayEndpoint;
  }

  override get authenticator(): Authenticator {
    return this.#authenticator ?? super.authenticator;
  }

  /** What is bound from now on speaks CURVE, with these options of a server. */
  secure(options: AnySocketOptions): void {
    this.setOptionsForLater(options);
  }

  /** Bodies are passed on unread. */
  override get forwards(): boolean {
    return true;
  }

  /** What is kept of requests that are not whole, in bytes. */
  get unfinishedBytes(): number {
    return this.#unfinished.total;
  }

  /** For the transport: where streams are counted. */
  trafficAt(endpoint: string): StreamTraffic | undefined {
    return endpoint === this.#gatewayEndpoint ? undefined : this.traffic;
  }

  override unfinished(pipe: Pipe, bytes: number): void {
    if (this.#isGateway(pipe)) return;
    const greediest = this.#unfinished.set(pipe, bytes);
    if (greediest === undefined) return;
    this.#slowClients += 1;
    this.#sink.clientUnfinished(greediest);
    greediest.close(0);
  }

  /** Answers whose client was gone. */
  get undelivered(): number {
    return this.#undelivered;
  }

  /** Clients that were disconnected because they did not read, or did not end what they began. */
  get slowClients(): number {
    return this.#slowClients;
  }

  /** Who sent the last message that {@link nextMessage} gave. */
  get lastClient(): Client | undefined {
    return this.#lastClient;
  }

  /** The next message in turn, without a routing id in front; undefined when none waits. */
  nextMessage(): Message | undefined {
    const message = this.receiveBare();
    const pipe = this.lastPipe;
    if (message === undefined || pipe === undefined) return undefined;
    if (this.#lastClient?.pipe !== pipe) this.#lastClient = this.#clientOf(pipe);
    return message;
  }

  /** Sends an answer, also to a client that is slow to read. */
  answer(client: Client, message: Message): void {
    const { pipe } = client;
    if (!pipe.writeBeyondMark(message)) {
      this.#undelivered += 1;
      return;
    }
    if (!pipe.writable) this.stopReading(pipe);
    if (client.isGateway) return; // its windows bound what it has not taken
    this.#unsentBytes += client.answered(bytesOf(message));
    if (this.#unsentBytes <= this.#lookAt || this.#lookScheduled) return;
    this.#lookScheduled = true;
    process.nextTick(endSlowest, this);
  }

  /** The queue has nothing to do until a client or a worker is heard, and expects that soon. */
  rest(): void {
    this.expectMessages();
  }

  /** Somebody was heard. */
  wake(): void {
    this.messagesCame();
  }

  override pipeReadable(pipe: Pipe): void {
    if (!pipe.writable && !pipe.isClosed) return; // read from when it took its answers
    super.pipeReadable(pipe);
    this.#sink.clientReadable();
  }

  override pipeWritable(pipe: Pipe): void {
    super.pipeWritable(pipe);
    if (pipe.unread > 0) this.pipeReadable(pipe);
  }

  override pipeClosed(pipe: Pipe): void {
    super.pipeClosed(pipe);
    this.#unfinished.set(pipe, 0);
    const client = this.#clients.get(pipe);
    if (client !== undefined) {
      this.#clients.delete(pipe);
      this.#unsentBytes += client.forgetSent();
      this.#sink.clientGone(client);
    }
    if (pipe.unread > 0) this.pipeReadable(pipe);
  }

  /** One that is gone already is entered nowhere: it can only be told from its pipe. */
  #clientOf(pipe: Pipe): Client {
    let client = this.#clients.get(pipe);
    if (client === undefined) {
      client = new ClientPeer(pipe, this.#isGateway(pipe));
      if (!pipe.isClosed) this.#clients.set(pipe, client);
    }
    return client;
  }

  #isGateway(pipe: Pipe): boolean {
    return this.#gatewayEndpoint !== undefined && pipe.peer?.address === this.#gatewayEndpoint;
  }

  /**
   * Disconnects the client with the most unread, if it is too much still. Called by its own schedule only. One answer is let
   * through whatever its size: `maxMessageSize` bounds it.
   */
  endSlowest(): void {
    this.#lookScheduled = false;
    let slowest: Client | undefined;
    for (const client of this.#clients.values()) {
      if (client.pipe.unsent > 1) client.pipe.flush(); // what was written in this turn is still here, and may well fit below
      this.#unsentBytes += client.forgetSent();
      const isSlower = client.unsentBytes > (slowest?.unsentBytes ?? 0);
      if (client.pipe.unsent > 1 && isSlower) slowest = client;
    }
    if (this.#unsentBytes > this.#maxUnsentBytes && slowest !== undefined) {
      this.#slowClients += 1;
      this.#sink.clientTooSlow(slowest, slowest.unsentBytes);
      slowest.pipe.close(0);
    }
    const lookAgainAt = this.#unsentBytes + this.#maxUnsentBytes * LOOK_AGAIN;
    this.#lookAt = Math.max(lookAgainAt, this.#maxUnsentBytes);
  }
}

function endSlowest(frontEnd: FrontEnd): void {
  frontEnd.endSlowest();
}
