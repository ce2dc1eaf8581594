/**
 * From the first byte to ready: the greeting, then the mechanism's commands (RFC 37, "Connection"; RFC 15 for 2.0 peers).
 *
 *   GREETING -> MECHANISM -> done            3.0 and 3.1 peers
 *          \--> IDENTITY --> done            2.0 peers: one identity frame in place of commands
 *
 * It owns the greeting's bytes and the checks on what the peer announced. It does not own the stream or any timer.
 */

import type { Authenticator } from '../authenticator.ts';
import { ProtocolError } from '../errors.ts';
import { createMechanism } from '../mechanisms/create-mechanism.ts';
import type { Mechanism, MechanismOutput } from '../mechanisms/mechanism.ts';
import type { ResolvedSocketOptions } from '../options.ts';
import type { PeerInfo, ZmtpVersion } from '../peer-info.ts';
import {
  announcesRoutingId,
  compatiblePeers,
  isCompatible,
  SOCKET_TYPE_NUMBERS,
  type SocketType,
  socketTypeOfNumber,
} from '../socket-type.ts';
import { FLAG_COMMAND } from '../wire/frame.ts';
import {
  checkSignature,
  decodeGreeting,
  encodeGreeting,
  GREETING_2_BYTES,
  GREETING_BYTES,
  isVersion2,
  REVISION_BYTES,
  SIGNATURE_BYTES,
} from '../wire/greeting.ts';
import { encodeMetadata } from '../wire/metadata.ts';

/** The connection around a handshake. */
export interface HandshakeOwner {
  sendBytes(bytes: Buffer): void;
  sendCommand(body: Buffer): void;
  /** The peer is known and fits. Called once, not always from inside `receiveFrame`. */
  handshakeDone(peer: PeerInfo, mechanism: Mechanism): void;
  /** It cannot succeed: a ProtocolError or AuthError. Called once. */
  handshakeFailed(error: Error): void;
}

const GREETING = 0;
const MECHANISM = 1;
const IDENTITY = 2;

const NO_BYTES: Buffer = Buffer.alloc(0);

/** The handshake of one connection. */
export class Handshake implements MechanismOutput {
  readonly #owner: HandshakeOwner;
  readonly #socketType: SocketType;
  readonly #options: ResolvedSocketOptions;
  readonly #address: string;
  readonly #mechanism: Mechanism;
  readonly #ownGreeting: Buffer;
  readonly #peerGreeting: Buffer = Buffer.alloc(GREETING_BYTES);
  #state = GREETING;
  #sent = 0;
  #received = 0;
  #version: ZmtpVersion = '3.1';

  /** @param address the peer's, for {@link PeerInfo}. */
  constructor(
    owner: HandshakeOwner,
    socketType: SocketType,
    options: ResolvedSocketOptions,
    authenticator: Authenticator,
    address: string,
  ) {
    this.#owner = owner;
    this.#socketType = socketType;
    this.#options = options;
    this.#address = address;
    this.#mechanism = createMechanism(this, {
      options,
      metadata: encodeMetadata(ownProperties(socketType, options)),
      authenticator,
      peerAddress: hostOf(address),
    });
    this.#ownGreeting = encodeGreeting(this.#mechanism.name, this.#mechanism.asServer);
  }

  /** Sends the signature. */
  start(): void {
    this.#sendGreetingUpTo(SIGNATURE_BYTES);
  }

  /** The connection ended. */
  close(): void {
    this.#mechanism.close();
  }

  /** True until the peer's greeting is complete; then the stream carries frames. */
  get inGreeting(): boolean {
    return this.#state === GREETING;
  }

  /**
   * Bytes of the peer's greeting. Returns what came behind it, once it is complete.
   *
   * @throws ProtocolError for another protocol, ZMTP 1.0 or another mechanism.
   */
  receiveGreeting(chunk: Buffer): Buffer {
    const rest = this.#take(chunk, REVISION_BYTES);
    checkSignature(this.#peerGreeting.subarray(0, Math.min(this.#received, SIGNATURE_BYTES)));
    if (this.#received >= SIGNATURE_BYTES) this.#sendGreetingUpTo(REVISION_BYTES);
    if (this.#received < REVISION_BYTES) return NO_BYTES;

    const major = this.#peerGreeting[SIGNATURE_BYTES] as number; // 64 bytes long
    if (major === 0) {
      throw new ProtocolError(
        'ERR_ZMTP_UNSPECIFIED',
        'Expected ZMTP 2.0 or 3.x; the peer speaks ZMTP 1.0.',
      );
    }
    return isVersion2(major) ? this.#receiveVersion2(rest) : this.#receiveVersion3(rest);
  }

  /** A frame of the peer, after its greeting and before it is ready. @throws ProtocolError */
  receiveFrame(flags: number, body: Buffer): void {
    if (this.#state !== IDENTITY) {
      this.#mechanism.receiveCommand(body); // libzmq sends commands as such but takes READY in any frame; so do we
      return;
    }
    if ((flags & FLAG_COMMAND) !== 0 || body.length > 255) {
      throw new ProtocolError(
        'ERR_ZMTP_UNSPECIFIED',
        'Expected the identity frame of a ZMTP 2.0 peer, 0 to 255 bytes.',
      );
    }
    const type = socketTypeOfNumber(this.#peerGreeting[REVISION_BYTES] as number); // 64 bytes long
    const metadata = new Map<string, Buffer>([['Identity', Buffer.from(body)]]);
    if (type !== undefined) metadata.set('Socket-Type', Buffer.from(type));
    this.ready(metadata);
  }

  // From the mechanism.

  sendCommand(body: Buffer): void {
    this.#owner.sendCommand(body);
  }

  ready(metadata: ReadonlyMap<string, Buffer>): void {
    const announced = metadata.get('Socket-Type'); // libzmq takes a peer that does not say it; so do we
    const socketType = announced?.toString('latin1') ?? '';
    if (announced !== undefined && !isCompatible(this.#socketType, socketType)) {
      this.fail(
        new ProtocolError(
          'ERR_ZMTP_INVALID_METADATA',
          `A ${this.#socketType} socket talks to ${compatiblePeers(this.#socketType).join(', ')}; the peer is ${JSON.stringify(socketType)}. Connect sockets that fit.`,
        ),
      );
      return;
    }
    const routingId = metadata.get('Identity') ?? NO_BYTES;
    if (routingId.length > 255) {
      this.fail(
        new ProtocolError(
          'ERR_ZMTP_INVALID_METADATA',
          `An Identity has 0 to 255 bytes; the peer's has ${routingId.length}.`,
        ),
      );
      return;
    }
    this.#owner.handshakeDone(
      { socketType, routingId, metadata, version: this.#version, address: this.#address },
      this.#mechanism,
    );
  }

  fail(error: Error): void {
    this.#owner.handshakeFailed(error);
  }

  #receiveVersion3(chunk: Buffer): Buffer {
    this.#sendGreetingUpTo(GREETING_BYTES);
    const rest = this.#take(chunk, GREETING_BYTES);
    if (this.#received < GREETING_BYTES) return NO_BYTES;
    const { minor, mechanism } = decodeGreeting(this.#peerGreeting);
    if (mechanism !== this.#mechanism.name) {
      throw new ProtocolError(
        'ERR_ZMTP_MECHANISM_MISMATCH',
        `Both sides must use one security mechanism; ours is ${this.#mechanism.name}, the peer's ${JSON.stringify(mechanism)}.`,
      );
    }
    this.#version = minor === 0 ? '3.0' : '3.1';
    this.#state = MECHANISM;
    this.#mechanism.start();
    return rest;
  }

  #receiveVersion2(chunk: Buffer): Buffer {
    const rest = this.#take(chunk, GREETING_2_BYTES);
    if (this.#received < GREETING_2_BYTES) return NO_BYTES;
    if (!this.#mechanism.allowsVersion2) {
      throw new ProtocolError(
        'ERR_ZMTP_MECHANISM_MISMATCH',
        'A ZMTP 2.0 peer cannot show who it is, and this socket asks for it.',
      );
    }
    const identity = Buffer.from(this.#options.routingId ?? '');
    const head = Buffer.from([SOCKET_TYPE_NUMBERS[this.#socketType], 0, identity.length]);
    this.#owner.sendBytes(Buffer.concat([head, identity]));
    this.#version = '2.0';
    this.#state = IDENTITY;
    return rest;
  }

  /** Copies from `chunk` until `upTo` bytes of the peer's greeting are there; returns what is left of it. */
  #take(chunk: Buffer, upTo: number): Buffer {
    const count = Math.min(Math.max(upTo - this.#received, 0), chunk.length);
    chunk.copy(this.#peerGreeting, this.#received, 0, count);
    this.#received += count;
    return chunk.subarray(count);
  }

  #sendGreetingUpTo(end: number): void {
    if (this.#sent >= end) return;
    this.#owner.sendBytes(this.#ownGreeting.subarray(this.#sent, end));
    this.#sent = end;
  }
}

function ownProperties(
  socketType: SocketType,
  options: ResolvedSocketOptions,
): Array<readonly [string, Buffer]> {
  const properties: Array<readonly [string, Buffer]> = [['Socket-Type', Buffer.from(socketType)]];
  if (announcesRoutingId(socketType))
    properties.push(['Identity', Buffer.from(options.routingId ?? '')]);
  for (const [name, value] of Object.entries(options.metadata))
    properties.push([name, Buffer.from(value)]);
  return properties;
}

/** `10.0.0.7` of `tcp://10.0.0.7:40112`; empty for ipc. */
function hostOf(address: string): string {
  if (!address.startsWith('tcp://')) return '';
  const host = address.slice('tcp://'.length, address.lastIndexOf(':'));
  return host.startsWith('[') ? host.slice(1, -1) : host;
}
