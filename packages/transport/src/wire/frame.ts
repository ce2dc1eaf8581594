/**
 * The shape of a frame on the wire (RFC 37, "Framing").
 *
 *   short:  flags(1) size(1)               body(0..255)
 *   long:   flags(1) size(8, big-endian)   body
 *
 * A sender writes the short form for bodies up to 255 bytes and the long form above; a receiver takes both for any size.
 */

/** Another frame of the same message follows. */
export const FLAG_MORE = 0x01;
/** The size field has eight bytes. */
export const FLAG_LONG = 0x02;
/** A command, not a part of a message. */
export const FLAG_COMMAND = 0x04;
/** Bits that must be zero. */
export const FLAGS_RESERVED = 0xf8;

/** The largest body in the short form. */
export const SHORT_BODY_MAX = 255;
/** Flags and size of the short form. */
export const SHORT_HEADER_BYTES = 2;
/** Flags and size of the long form. */
export const LONG_HEADER_BYTES = 9;
