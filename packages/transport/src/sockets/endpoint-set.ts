/** What a socket is bound and connected to: listeners and dialers by the endpoint they are taken down with. */

import { fail } from '../errors.ts';
import type { ResolvedSocketOptions } from '../options.ts';
import { type MulticastStats, sumOfStats } from '../transports/epgm/stats.ts';
import { transportOf } from '../transports/registry.ts';
import type { Dialer, Listener, PipeHost } from '../transports/transport.ts';

/** With fewer endpoints than this nobody looks whether some are done. */
const SWEEP_MIN = 64;

/** The endpoints of one socket. */
export class EndpointSet {
  readonly #host: PipeHost;
  readonly #listeners = new Map<string, Listener>();
  readonly #dialers = new Map<string, Dialer[]>();
  /** Unbound, but with connections that live on. */
  readonly #released = new Set<Listener>();
  /** Binds that are under way, so that closing waits for them. */
  readonly #binding = new Set<Promise<unknown>>();
  #sweepAt = SWEEP_MIN;
  #closed = false;
  /** Whether anything is, or is being, bound or connected. */
  get inUse(): boolean {
    return this.#listeners.size + this.#dialers.size + this.#binding.size > 0;
  }

  /** A bind or unbind is under way. */
  get blocked(): boolean {
    return this.#binding.size > 0;
  }

  /** The last address that was bound or connected (`ZMQ_LAST_ENDPOINT`). */
  lastEndpoint: string | null = null;

  constructor(host: PipeHost) {
    this.#host = host;
  }

  /** @throws (rejects) TransportError as {@link Transport.bind}. */
  async bind(endpoint: string, options: ResolvedSocketOptions): Promise<void> {
    const transport = transportOf(endpoint);
    if (transport.bindsByConnecting === true) {
      this.connect(endpoint, options, true);
      return;
    }
    const binding = transport.bind(endpoint, this.#host, options);
    const settled = binding.then(
      () => undefined,
      () => undefined, // the caller of bind() is told
    );
    this.#binding.add(settled);
    try {
      const listener = await binding;
      if (this.#closed) {
        await listener.close(0);
        fail('EBADF', 'Socket is closed');
      }
      this.#add(listener);
    } finally {
      this.#binding.delete(settled);
    }
  }

  /** @throws TransportError as {@link Transport.bindSync}. */
  bindSync(endpoint: string, options: ResolvedSocketOptions): void {
    const transport = transportOf(endpoint);
    if (transport.bindsByConnecting === true) this.connect(endpoint, options, true);
    else this.#add(transport.bindSync(endpoint, this.#host, options));
  }

  /** @throws (rejects) TransportError `ENOENT` when nothing is bound there. */
  async unbind(endpoint: string, linger: number): Promise<void> {
    if (transportOf(endpoint).bindsByConnecting === true) {
      await Promise.all(this.#disconnect(endpoint, linger));
      return;
    }
    await this.#unbind(this.#take(endpoint), linger);
  }

  /** As unbind; connections may end a little later. @throws TransportError `ENOENT`. */
  unbindSync(endpoint: string, linger: number): void {
    if (transportOf(endpoint).bindsByConnecting === true) this.#disconnect(endpoint, linger);
    else void this.#unbind(this.#take(endpoint), linger); // never rejects
  }

  #unbind(listener: Listener, linger: number): Promise<void> {
    if (listener.release === undefined) return listener.close(linger);
    this.#released.add(listener);
    void listener.release().then(() => this.#released.delete(listener)); // never rejects
    return Promise.resolve();
  }

  #take(endpoint: string): Listener {
    const listener =
      this.#listeners.get(endpoint) ??
      [...this.#listeners.values()].find((each) => each.isAt?.(endpoint) === true);
    if (listener === undefined) {
      transportOf(endpoint); // a malformed endpoint is told as such
      return fail(
        'ENOENT',
        `Nothing is bound at ${endpoint}; bound are: ${[...this.#listeners.keys()].join(', ') || 'none'}. Use lastEndpoint after a bind with a wildcard.`,
        { endpoint },
      );
    }
    this.#listeners.delete(listener.endpoint);
    return listener;
  }

  /**
   * @param once whether a second connect to the same endpoint does nothing (REQ, DEALER, PUB, SUB in libzmq).
   * @throws TransportError as {@link Transport.connect}.
   */
  connect(endpoint: string, options: ResolvedSocketOptions, once: boolean): void {
    const transport = transportOf(endpoint);
    if (this.#dialers.size >= this.#sweepAt) this.#sweep();
    const dialers = this.#dialers.get(endpoint)?.filter((dialer) => !dialer.isDone) ?? [];
    if (dialers.length > 0 && once) return;
    dialers.push(transport.connect(endpoint, this.#host, options));
    this.#dialers.set(endpoint, dialers);
    this.lastEndpoint = endpoint;
  }

  /** @throws TransportError `ENOENT` when nothing was connected with exactly this string. */
  disconnect(endpoint: string, linger: number): void {
    this.#disconnect(endpoint, linger);
  }

  #disconnect(endpoint: string, linger: number): Promise<void>[] {
    const dialers = this.#dialers.get(endpoint);
    if (dialers === undefined) {
      transportOf(endpoint); // a malformed endpoint is told as such
      return fail(
        'ENOENT',
        `Nothing is connected to ${endpoint}; connected are: ${[...this.#dialers.keys()].join(', ') || 'none'}.`,
        { endpoint },
      );
    }
    this.#dialers.delete(endpoint);
    return dialers.map((dialer) => dialer.close(linger)); // none ever rejects
  }

  /** What the multicast endpoints count together; undefined when there is none. */
  get multicastStats(): MulticastStats | undefined {
    const now: MulticastStats[] = [];
    for (const dialers of this.#dialers.values()) {
      for (const dialer of dialers) {
        const stats = dialer.stats?.();
        if (stats !== undefined) now.push(stats);
      }
    }
    return now.length === 0 ? undefined : sumOfStats(now);
  }

  /** Takes everything down; resolves when lingering is over and every address is free. */
  async close(linger: number): Promise<void> {
    this.#closed = true;
    const ends: Array<Promise<unknown>> = [...this.#binding];
    for (const listener of this.#listeners.values()) ends.push(listener.close(linger));
    for (const listener of this.#released) ends.push(listener.close(linger));
    for (const dialers of this.#dialers.values()) {
      for (const dialer of dialers) ends.push(dialer.close(linger));
    }
    this.#listeners.clear();
    this.#dialers.clear();
    await Promise.all(ends);
  }

  /** Forgets the dialers that are done, once there are twice as many as after the last time. */
  #sweep(): void {
    for (const [endpoint, dialers] of this.#dialers) {
      if (dialers.every((dialer) => dialer.isDone)) this.#dialers.delete(endpoint);
    }
    this.#sweepAt = Math.max(SWEEP_MIN, this.#dialers.size * 2);
  }

  #add(listener: Listener): void {
    this.#listeners.set(listener.endpoint, listener);
    this.lastEndpoint = listener.endpoint;
  }
}
