/** What a connection learned about its peer during the handshake. It never changes afterwards. */

/** Protocol generations we speak (RFC 15, 23, 37). */
export type ZmtpVersion = '2.0' | '3.0' | '3.1';

/** A peer after its handshake. */
export interface PeerInfo {
  /** As the peer announced it; empty when it announced none (libzmq accepts that, so do we). */
  readonly socketType: string;
  /** The peer's `Identity` property, 0 to 255 bytes; empty when it has none. A copy: it pins no chunk. */
  readonly routingId: Buffer;
  /** Every property of its READY by exact name, `X-…` ones included. Empty for a 2.0 peer. */
  readonly metadata: ReadonlyMap<string, Buffer>;
  readonly version: ZmtpVersion;
  /** Where it is: `tcp://10.0.0.7:40112`, or our own endpoint for ipc, whose clients have no address. */
  readonly address: string;
}
