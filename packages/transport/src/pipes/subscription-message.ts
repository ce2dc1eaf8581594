/**
 * Subscriptions as messages: above the wire, `[01 topic]` subscribes and `[00 topic]` cancels, as in every ZMTP up to 3.0 and
 * for programs that use XPUB and XSUB. Whether a connection sends them as commands (RFC 37, "SUBSCRIBE") is its own affair.
 */

/** First byte of a frame that subscribes. */
export const SUBSCRIBE = 1;
/** First byte of a frame that takes a subscription back. */
export const CANCEL = 0;

/** Whether a frame is a subscription or takes one back. */
export function isSubscription(frame: Buffer | undefined): boolean {
  return frame !== undefined && frame.length > 0 && (frame[0] as number) <= SUBSCRIBE; // length > 0
}

/** What a subscription is about: a view of the frame. */
export function topicOf(subscription: Buffer): Buffer {
  return subscription.subarray(1);
}

/** A frame of its own around a topic, given as bytes or as latin1. */
export function encodeSubscription(
  kind: typeof SUBSCRIBE | typeof CANCEL,
  topic: Buffer | string,
): Buffer {
  const frame = Buffer.allocUnsafe(1 + topic.length);
  frame[0] = kind;
  if (typeof topic === 'string') frame.write(topic, 1, 'latin1');
  else topic.copy(frame, 1);
  return frame;
}
