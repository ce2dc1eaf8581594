/** What multicast endpoints count: for the programs that run them, and for limits that must show. */

/** Counts of the `epgm://` endpoints of a socket, from when they were opened. `buffered…` and `sources` are as they are now. */
export interface MulticastStats {
  /** Senders: packets of data that were sent, and their bytes with all headers. */
  readonly sentPackets: number;
  readonly sentBytes: number;
  /** Senders: packets that were sent again because a receiver asked for them. */
  readonly resentPackets: number;
  /** Senders: packets of receivers that asked for something again (NAK). */
  readonly receivedNaks: number;
  /** Receivers: packets of data that came, repairs and duplicates included. */
  readonly receivedPackets: number;
  /** Receivers: packets that came when they were there already, or given up. */
  readonly duplicatePackets: number;
  /** Receivers: packets that asked a sender for something again (NAK). */
  readonly sentNaks: number;
  /** Receivers: packets that were missing and came when they were asked for. */
  readonly repairedPackets: number;
  /** Receivers: packets that never came, with whatever messages were in them. */
  readonly lostPackets: number;
  /** Receivers: messages of which a part had come when the rest was lost; they were dropped whole. */
  readonly tornMessages: number;
  /** Receivers: messages that were dropped because the program did not read and the window was full. */
  readonly discardedMessages: number;
  /** Receivers: senders that are known. */
  readonly sources: number;
  /** Receivers: packets of senders that were not let in because there were too many. */
  readonly refusedPackets: number;
  /** Packets that were dropped because they were none of ours: damaged, forged, or of a kind that we do not speak. */
  readonly malformedPackets: number;
  /** Datagrams that the system did not take. */
  readonly sendErrors: number;
  /** Bytes that are kept to be sent again, or until what is missing before them comes. */
  readonly bufferedBytes: number;
}

/** All zero. */
export const NO_STATS: MulticastStats = Object.freeze({
  sentPackets: 0,
  sentBytes: 0,
  resentPackets: 0,
  receivedNaks: 0,
  receivedPackets: 0,
  duplicatePackets: 0,
  sentNaks: 0,
  repairedPackets: 0,
  lostPackets: 0,
  tornMessages: 0,
  discardedMessages: 0,
  sources: 0,
  refusedPackets: 0,
  malformedPackets: 0,
  sendErrors: 0,
  bufferedBytes: 0,
});

/** The counts of several endpoints together. */
export function sumOfStats(each: Iterable<MulticastStats>): MulticastStats {
  const sum: Record<string, number> = { ...NO_STATS };
  for (const stats of each) {
    for (const [name, count] of Object.entries(stats)) sum[name] = (sum[name] ?? 0) + count;
  }
  return sum as unknown as MulticastStats; // the same names
}
