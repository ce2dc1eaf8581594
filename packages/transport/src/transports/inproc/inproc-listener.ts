/**
 * The bind side of inproc. It makes a pipe for each connecter and owns it until it ends, also after the name was given up: unlike
 * a stream's, inproc connections outlive an unbind.
 */

import type { ResolvedSocketOptions } from '../../options.ts';
import type { PeerInfo } from '../../peer-info.ts';
import type { PipeLink } from '../../pipes/pipe.ts';
import type { Listener, PipeHost } from '../transport.ts';
import type { LinkOwner } from './inproc-link.ts';
import { InprocPipe } from './inproc-pipe.ts';

/** One bound name. */
export class InprocListener implements Listener, LinkOwner {
  readonly endpoint: string;
  readonly host: PipeHost;
  readonly options: ResolvedSocketOptions;
  /** What it is to its peers. */
  readonly self: PeerInfo;
  readonly #giveUpName: (listener: InprocListener) => void;
  readonly #pipes = new Map<PipeLink, InprocPipe>();
  readonly #ended: Promise<void>;
  #resolveEnded: () => void = () => {};
  #released = false;
  #closed = false;

  /** @param giveUpName makes the name free; may be called twice. */
  constructor(
    endpoint: string,
    host: PipeHost,
    options: ResolvedSocketOptions,
    self: PeerInfo,
    giveUpName: (listener: InprocListener) => void,
  ) {
    this.endpoint = endpoint;
    this.host = host;
    this.options = options;
    this.self = self;
    this.#giveUpName = giveUpName;
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  /** Its socket is done with it; it takes no connection any more. */
  get isClosed(): boolean {
    return this.#closed;
  }

  release(): Promise<void> {
    this.#giveUpName(this);
    this.#released = true;
    process.nextTick(resolveIfOver, this); // after the joins of this turn
    return this.#ended;
  }

  close(linger: number): Promise<void> {
    if (this.#closed) return this.#ended;
    this.#closed = true;
    for (const pipe of [...this.#pipes.values()]) pipe.retire(linger);
    return this.release();
  }

  /** For the tick above: nothing is left, and nothing will come. */
  resolveIfOver(): void {
    if (this.#released && this.#pipes.size === 0) this.#resolveEnded();
  }

  /** Makes the pipe of a connecter, and attaches it to the socket. */
  open(peer: PeerInfo): InprocPipe {
    const pipe = new InprocPipe(this.host, this.options);
    pipe.peer = peer;
    this.host.attach(pipe);
    return pipe;
  }

  /** Puts the link under a pipe that {@link open} made. */
  plug(pipe: InprocPipe, link: PipeLink, peer: PeerInfo): void {
    this.#pipes.set(link, pipe);
    pipe.plug(link);
    if (pipe.isClosed) link.close(0);
    else pipe.connected(peer);
  }

  linkEnded(link: PipeLink): void {
    this.#pipes.delete(link);
    this.resolveIfOver();
  }
}

function resolveIfOver(listener: InprocListener): void {
  listener.resolveIfOver();
}
