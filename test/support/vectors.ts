/*
 * The bytes of the ZMTP specification, as observed on libzmq: what a correct peer sends. Nothing
 * here is computed by the code under test.
 */

const ZEROS_31 = '00'.repeat(31);

/** NULL greeting of ZMTP 3.1, no routing id (64 bytes). */
export const GREETING = `ff 0000000000000001 7f 03 01 4e554c4c ${'00'.repeat(16)} 00 ${ZEROS_31}`;

/** The same of ZMTP 3.0. */
export const GREETING_3_0 = `ff 0000000000000001 7f 03 00 4e554c4c ${'00'.repeat(16)} 00 ${ZEROS_31}`;

/** What follows a greeting up to its version: mechanism NULL, as-server 0, filler. */
export const MECHANISM_NULL = `4e554c4c ${'00'.repeat(16)} 00 ${ZEROS_31}`;

/** What follows a greeting up to its version for a peer that insists on PLAIN. */
export const MECHANISM_PLAIN = `504c41494e ${'00'.repeat(15)} 00 ${ZEROS_31}`;

/** READY command frames (RFC 37, NULL) by socket type, empty Identity where the type has one. */
export const READY = {
  REQ: '04 26 05 5245414459 0b 536f636b65742d54797065 00000003 524551 08 4964656e74697479 00000000',
  REP: '04 19 05 5245414459 0b 536f636b65742d54797065 00000003 524550',
  DEALER:
    '04 29 05 5245414459 0b 536f636b65742d54797065 00000006 4445414c4552 08 4964656e74697479 00000000',
  ROUTER:
    '04 29 05 5245414459 0b 536f636b65742d54797065 00000006 524f55544552 08 4964656e74697479 00000000',
  PUB: '04 19 05 5245414459 0b 536f636b65742d54797065 00000003 505542',
  SUB: '04 19 05 5245414459 0b 536f636b65742d54797065 00000003 535542',
  PUSH: '04 1a 05 5245414459 0b 536f636b65742d54797065 00000004 50555348',
  PULL: '04 1a 05 5245414459 0b 536f636b65742d54797065 00000004 50554c4c',
  PAIR: '04 1a 05 5245414459 0b 536f636b65742d54797065 00000004 50414952',
} as const;

/** READY of a DEALER whose routing id is `client-1`. */
export const READY_DEALER_CLIENT_1 =
  '04 31 05 5245414459 0b 536f636b65742d54797065 00000006 4445414c4552 08 4964656e74697479 00000008 636c69656e742d31';

/** The types that appear in {@link READY}. */
export type WireType = keyof typeof READY;
