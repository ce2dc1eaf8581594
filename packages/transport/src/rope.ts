/**
 * A large frame as it came: in pieces of the chunks that the stream handed us, for those who pass it on unread.
 *
 * To put such a frame together takes memory of its size and a copy of every byte, and to whoever forwards it both are worth
 * nothing. A socket that says so (`Socket.forwards`) gets ropes in the place of large frames that span chunks. A rope stands
 * where a Buffer stands and has its `length`; nothing else of a Buffer may be asked of it before {@link wholeFrame} made it one.
 * Encoders write it piece by piece.
 */

/** Pieces that are one frame. */
export class Rope {
  readonly pieces: readonly Buffer[];
  /** Of all pieces together. */
  readonly length: number;

  constructor(pieces: readonly Buffer[], length: number) {
    this.pieces = pieces;
    this.length = length;
  }
}

/** The rope as a frame of a message. */
export function ropeFrame(rope: Rope): Buffer {
  return rope as unknown as Buffer; // only sockets that ask for it get one, and they know
}

/** A frame of a forwarding socket as one Buffer: itself, or the pieces of a rope copied together. */
export function wholeFrame(frame: Buffer): Buffer {
  const given: Buffer | Rope = frame;
  return isRope(given) ? Buffer.concat(given.pieces, given.length) : frame;
}

/** Whether a frame is in pieces. */
export function isRope(frame: Buffer | Rope): frame is Rope {
  return frame instanceof Rope;
}
