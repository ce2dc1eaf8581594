/** What a connection needs of the stream under it. `net.Socket` is one. */

/** An ordered stream of bytes with back-pressure. */
export interface ByteStream {
  /** Bytes handed over that the system has not taken yet. */
  readonly writableLength: number;
  /** Hands bytes over. False: more than the stream likes is waiting; it says `drain` when it has gone. */
  write(chunk: Buffer): boolean;
  cork(): void;
  uncork(): void;
  pause(): void;
  resume(): void;
  /** No more will be written; what was written still goes. `done` is called when it is gone, or the stream is destroyed. */
  end(done: () => void): unknown;
  /** Ends at once in both directions. */
  destroy(): void;
}
