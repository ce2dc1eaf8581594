/**
 * ZAP 1.0 (RFC 27): what a handler is asked, what its replies mean, and what a peer may say of itself beside it.
 *
 *   request   version "1.0"  id  domain  address  identity  mechanism  credentials ...
 *   reply     version "1.0"  id  status  text     user id   metadata
 *
 * The empty frame in front of both is the authenticator's.
 */

import { ProtocolError, type ProtocolErrorCode } from '../errors.ts';
import { decodeMetadata } from '../wire/metadata.ts';
import type { Mechanism, MechanismSetup } from './mechanism.ts';
import type { RefusalStatus } from './refusals.ts';

/** Where handlers are bound. */
export const ZAP_ENDPOINT = 'inproc://zeromq.zap.01';

const VERSION = '1.0';
/** The same for each question, as in libzmq: the authenticator knows which reply is whose. */
const REQUEST_ID = '1';
const REPLY_FRAMES = 6;
const USER_ID = 'User-Id';
/** Names of properties that only our side may give: what a peer says of itself under them is dropped (RFC 37: case does not count). */
const OWN_NAMES = new Set(['user-id', 'peer-address']);

/** What a mechanism does about a peer before the handler is asked. */
export type ZapCourse = 'ask' | 'admit' | 'refuse';

/** What a handler said. */
export interface ZapVerdict {
  readonly status: 200 | RefusalStatus;
  /** The user id as `User-Id`, and the metadata of the reply. */
  readonly properties: ReadonlyMap<string, Buffer>;
}

/**
 * Whether the handler is asked at all, and what holds where none is bound.
 *
 * NULL asks where a domain is set; PLAIN always, since a password that nobody checks is none; CURVE unless a domain is enforced
 * and not set. Without a handler PLAIN refuses, and the others do where a domain is set and enforced (`ZMQ_ZAP_ENFORCE_DOMAIN`).
 */
export function zapCourse(mechanism: Mechanism['name'], setup: MechanismSetup): ZapCourse {
  const { zapEnforceDomain } = setup.options;
  if (!mayAskZap(mechanism, setup)) return 'admit';
  if (setup.authenticator.present) return 'ask';
  return mechanism === 'PLAIN' || zapEnforceDomain ? 'refuse' : 'admit';
}

/** Whether a handler is asked where there is one. */
export function mayAskZap(mechanism: Mechanism['name'], setup: MechanismSetup): boolean {
  const { zapDomain, zapEnforceDomain } = setup.options;
  return (
    mechanism === 'PLAIN' || zapDomain !== null || (mechanism === 'CURVE' && !zapEnforceDomain)
  );
}

/** The frames of a request, without the delimiter. */
export function encodeZapRequest(
  mechanism: Mechanism['name'],
  setup: MechanismSetup,
  credentials: readonly Buffer[],
): Buffer[] {
  const { zapDomain, routingId } = setup.options;
  return [
    Buffer.from(VERSION),
    Buffer.from(REQUEST_ID),
    Buffer.from(zapDomain ?? ''),
    Buffer.from(setup.peerAddress),
    Buffer.from(routingId ?? ''), // our own, not the peer's, as in libzmq
    Buffer.from(mechanism),
    ...credentials,
  ];
}

/**
 * What a reply says.
 *
 * @param reply the frames without the delimiter; undefined for a reply that has none in front.
 * @throws ProtocolError with an `ERR_ZAP_…` code for anything but a reply to {@link encodeZapRequest}: nobody is let in by it.
 */
export function decodeZapReply(reply: readonly Buffer[] | undefined): ZapVerdict {
  if (reply === undefined)
    return refuse('ERR_ZAP_UNSPECIFIED', 'starts with an empty frame', 'another');
  if (reply.length !== REPLY_FRAMES) {
    refuse(
      'ERR_ZAP_MALFORMED_REPLY',
      `has ${REPLY_FRAMES} frames behind its delimiter`,
      `${reply.length}`,
    );
  }
  const [version, id, status, , userId, metadata] = reply as FullReply; // of six frames
  if (version.toString('latin1') !== VERSION)
    refuse('ERR_ZAP_BAD_VERSION', `is of version ${VERSION}`, 'another version');
  if (id.toString('latin1') !== REQUEST_ID)
    refuse('ERR_ZAP_BAD_REQUEST_ID', 'has the id of its request', 'another id');
  return { status: decodeStatus(status), properties: propertiesOf(userId, metadata) };
}

/** What is told of the peer: the handler's properties, and those of the peer's own that it may give itself. The handler's count. */
export function mergeProperties(
  peers: ReadonlyMap<string, Buffer>,
  handlers: ReadonlyMap<string, Buffer>,
): ReadonlyMap<string, Buffer> {
  const merged = new Map<string, Buffer>();
  for (const [name, value] of peers) {
    if (!OWN_NAMES.has(name.toLowerCase())) merged.set(name, value);
  }
  for (const [name, value] of handlers) merged.set(name, value);
  return merged;
}

type FullReply = readonly [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer];

function decodeStatus(frame: Buffer): ZapVerdict['status'] {
  switch (frame.toString('latin1')) {
    case '200':
      return 200;
    case '300':
      return 300;
    case '400':
      return 400;
    case '500':
      return 500;
    default:
      return refuse('ERR_ZAP_INVALID_STATUS_CODE', 'has status 200, 300, 400 or 500', 'another');
  }
}

function propertiesOf(userId: Buffer, metadata: Buffer): ReadonlyMap<string, Buffer> {
  let properties: Map<string, Buffer>;
  try {
    properties = decodeMetadata(metadata);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return refuse('ERR_ZAP_INVALID_METADATA', 'has ZMTP properties in its last frame', 'others');
  }
  properties.set(USER_ID, Buffer.from(userId));
  return properties;
}

function refuse(code: ProtocolErrorCode, expected: string, got: string): never {
  throw new ProtocolError(
    code,
    `A reply of the ZAP handler ${expected}; got ${got}. The peer was not let in; correct the handler at ${ZAP_ENDPOINT}.`,
  );
}
