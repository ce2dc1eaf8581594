/**
 * Two pipes of one thread, joined: what one socket writes is moved into the other's pipe, once per turn. The arrays move
 * over; nothing is copied.
 *
 *   socket A          [out] -- transfer of link A --> [in]          socket B
 *                     [in] <-- transfer of link B -- [out]
 *
 * A link that is closed moves everything over, beyond the mark if need be: the two marks together still bound it. Then the
 * other pipe ends. So there is nothing to linger for.
 */

import type { Message } from '../../message.ts';
import type { PipeLink } from '../../pipes/pipe.ts';
import { wholeFrame } from '../../rope.ts';
import type { PipeHost } from '../transport.ts';
import type { InprocPipe } from './inproc-pipe.ts';

/** Messages per transfer; then others get their turn (`setImmediate`). */
const FAIRNESS_MESSAGES = 4096;

/** Whoever made the pipe over a link. */
export interface LinkOwner {
  /** Both sides have let go of the connection. Called once, after the pipe was ended. */
  linkEnded(link: PipeLink): void;
}

/** The same, for a link inside one thread. */
export interface HostedLinkOwner extends LinkOwner {
  /** Whose pipe it is. */
  readonly host: PipeHost;
}

/** One of the two links of a connection inside one thread. */
export class InprocLink implements PipeLink {
  readonly #pipe: InprocPipe;
  readonly #owner: HostedLinkOwner;
  /** Set by {@link linkPipes} before anything else happens. */
  #other: InprocLink | undefined = undefined;
  /** Our socket may have ropes to send, and the other one knows only frames. */
  #unties = false;
  /** Our pipe has something to move. */
  #pending = false;
  #scheduled = false;
  /** Our pipe is at its receive mark. */
  #paused = false;
  #closing = false;
  #ended = false;

  /** Use {@link linkPipes}. */
  constructor(pipe: InprocPipe, owner: HostedLinkOwner) {
    this.#pipe = pipe;
    this.#owner = owner;
  }

  wake(): void {
    this.#pending = true;
    this.#schedule();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#other?.wakeIfPending();
  }

  /** Linger has no meaning beyond 0, for which the pipe has dropped its messages. */
  close(_linger: number): void {
    this.#closing = true;
    this.#schedule();
  }

  /** From the other link: there is room again. */
  wakeIfPending(): void {
    if (this.#pending) this.#schedule();
  }

  /** The other half, once. */
  joinTo(other: InprocLink): void {
    this.#other = other;
    this.#unties = this.#owner.host.forwards === true && other.#owner.host.forwards !== true;
  }

  /** Moves what there is, as far as the other pipe takes it. */
  transfer(): void {
    this.#scheduled = false;
    const other = this.#other;
    if (this.#ended || other === undefined) return;
    let moved = 0;
    while (this.#pending && (this.#closing || !other.#paused)) {
      if (moved === FAIRNESS_MESSAGES) {
        this.#scheduled = true;
        setImmediate(transfer, this);
        break;
      }
      const message = this.#pipe.take();
      if (message === undefined) {
        this.#pending = false;
      } else {
        if (this.#unties) untie(message);
        other.#pipe.deliver(message);
        moved += 1;
      }
    }
    if (moved > 0) other.#pipe.delivered();
    if (this.#ended) return; // by what a socket did when it was told
    this.#pipe.allow(other.#pipe.receiveRoom);
    if (this.#closing && !this.#pending && !this.#ended) this.#end(other);
  }

  #schedule(): void {
    if (this.#scheduled || this.#ended) return;
    this.#scheduled = true;
    process.nextTick(transfer, this);
  }

  #end(other: InprocLink): void {
    this.#ended = true;
    other.#ended = true;
    other.#pipe.end();
    this.#owner.linkEnded(this);
    other.#owner.linkEnded(other);
  }
}

/** The links of a connection between two pipes of this thread, in the same order. Plug them in afterwards. */
export function linkPipes(
  first: InprocPipe,
  firstOwner: HostedLinkOwner,
  second: InprocPipe,
  secondOwner: HostedLinkOwner,
): readonly [InprocLink, InprocLink] {
  const links = [new InprocLink(first, firstOwner), new InprocLink(second, secondOwner)] as const;
  links[0].joinTo(links[1]);
  links[1].joinTo(links[0]);
  first.allow(second.receiveRoom);
  second.allow(first.receiveRoom);
  return links;
}

/** Makes frames of ropes. */
function untie(message: Message): void {
  for (let i = 0; i < message.length; i++) {
    const frame = message[i];
    if (frame !== undefined) message[i] = wholeFrame(frame);
  }
}

function transfer(link: InprocLink): void {
  link.transfer();
}
