/**
 * CURVE as a server (RFC 26): it proves to have the secret key that its clients expect, learns theirs, and asks the ZAP
 * handler whether the owner of that key may come in.
 *
 *   WAIT_HELLO -> WAIT_INITIATE -> WAIT_ZAP -> DONE        WELCOME and READY are sent on the way
 *
 *   S s   long-term keys       S' s'   transient keys, made for this connection         C, C' the client's
 *
 * The state of a handshake is kept here and not in the cookie: the cookie that comes back must be the one that went out, and its
 * key is forgotten as soon as it is made.
 */

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { ProtocolError } from '../../errors.ts';
import { decodeMetadata } from '../../wire/metadata.ts';
import { Admission, type AdmissionOwner } from '../admission.ts';
import type { Mechanism, MechanismOutput, MechanismSetup } from '../mechanism.ts';
import { failUnexpected } from '../refusals.ts';
import { mergeProperties } from '../zap.ts';
import { boxKey, KEY_BYTES, publicKeyOf } from './boxes.ts';
import {
  decodeHello,
  decodeInitiate,
  encodeLongBox,
  encodeReady,
  encodeWelcome,
  failToOpen,
  HELLO_COUNTER,
  INITIATE_COUNTER,
  openHello,
  openInitiate,
  openLongBox,
  type RandomSource,
} from './commands.ts';
import { CurveTraffic, MESSAGE_MIN_BYTES } from './curve-traffic.ts';
import type { CurveServerKeys } from './keys.ts';
import { COOKIE_NONCE, OwnCounter, PeerCounter, VOUCH_NONCE } from './nonces.ts';

const NO_BYTES: Buffer = Buffer.alloc(0);

/** CURVE on one connection, as the side whose key is known. */
export class CurveServer implements Mechanism, AdmissionOwner {
  readonly name = 'CURVE';
  readonly asServer = true;
  readonly encrypts = true;
  readonly overheadBytes: number = MESSAGE_MIN_BYTES;
  readonly allowsVersion2 = false;
  readonly #output: MechanismOutput;
  readonly #metadata: Buffer;
  readonly #keys: CurveServerKeys;
  readonly #random: RandomSource;
  readonly #admission: Admission;
  readonly #counters = { own: new OwnCounter(), peer: new PeerCounter() };
  #state: 'wait-hello' | 'wait-initiate' | 'wait-zap' | 'done' | 'closed' = 'wait-hello';
  /** s'; wiped once the vouch is opened. */
  #transientSecret: Buffer = NO_BYTES;
  /** C'. */
  #peersTransientKey: Buffer = NO_BYTES;
  #cookie: Buffer = NO_BYTES;
  /** Of the boxes between C' and S'. */
  #key: Buffer = NO_BYTES;
  #peersProperties: ReadonlyMap<string, Buffer> = new Map();
  #traffic: CurveTraffic | undefined = undefined;

  /** @param random is given by tests alone. */
  constructor(
    output: MechanismOutput,
    setup: MechanismSetup,
    keys: CurveServerKeys,
    random: RandomSource = randomBytes,
  ) {
    this.#output = output;
    this.#metadata = setup.metadata;
    this.#keys = keys;
    this.#random = random;
    this.#admission = new Admission('CURVE', this, output, setup);
  }

  /** The client goes first. */
  start(): void {}

  receiveCommand(body: Buffer): void {
    if (this.#state === 'wait-hello') this.#receiveHello(body);
    else if (this.#state === 'wait-initiate') this.#receiveInitiate(body);
    else failUnexpected('CURVE', 'nothing before READY', body);
  }

  admitted(properties: ReadonlyMap<string, Buffer>): void {
    this.#state = 'done';
    this.#traffic = new CurveTraffic('server', this.#key, this.#counters);
    this.#output.sendCommand(encodeReady(this.#key, this.#counters.own, this.#metadata));
    this.#output.ready(mergeProperties(this.#peersProperties, properties));
  }

  encrypt(body: Buffer, flags: number): Buffer {
    return this.#openTraffic().encrypt(body, flags);
  }

  encryptInto(body: Buffer, flags: number, target: Buffer, offset: number): void {
    this.#openTraffic().encryptInto(body, flags, target, offset);
  }

  decrypt(body: Buffer): Buffer {
    return this.#openTraffic().decrypt(body);
  }

  close(): void {
    this.#state = 'closed';
    this.#admission.close();
    this.#transientSecret.fill(0);
    this.#key.fill(0);
    this.#traffic?.close();
    this.#keys.secretKey.fill(0);
  }

  #receiveHello(body: Buffer): void {
    const peersKey = decodeHello(body);
    const helloKey = boxKey(peersKey, this.#keys.secretKey) ?? failToOpen('HELLO');
    if (!openHello(helloKey, body)) failToOpen('HELLO');
    this.#counters.peer.take(body, HELLO_COUNTER);

    this.#transientSecret = this.#random(KEY_BYTES);
    this.#peersTransientKey = peersKey;
    this.#key = boxKey(peersKey, this.#transientSecret) ?? failToOpen('HELLO');
    const cookieKey = this.#random(KEY_BYTES);
    const remembered = Buffer.concat([peersKey, this.#transientSecret]);
    this.#cookie = encodeLongBox(COOKIE_NONCE, this.#random, cookieKey, remembered);
    cookieKey.fill(0);
    remembered.fill(0);
    const transientKey = publicKeyOf(this.#transientSecret);
    const welcome = encodeWelcome(helloKey, transientKey, this.#cookie, this.#random);
    helloKey.fill(0);
    this.#state = 'wait-initiate';
    this.#output.sendCommand(welcome);
  }

  #receiveInitiate(body: Buffer): void {
    const cookie = decodeInitiate(body);
    if (!timingSafeEqual(cookie, this.#cookie)) failToOpen('The cookie of INITIATE');
    if (!this.#counters.peer.isNew(body, INITIATE_COUNTER)) {
      throw new ProtocolError(
        'ERR_ZMTP_INVALID_SEQUENCE',
        'The counter of INITIATE is above that of HELLO; got one that is not.',
      );
    }
    const { publicKey, vouch, metadata } = openInitiate(this.#key, body);
    this.#checkVouch(publicKey, vouch);
    this.#transientSecret.fill(0);
    this.#counters.peer.take(body, INITIATE_COUNTER);
    this.#peersProperties = decodeMetadata(metadata);
    this.#state = 'wait-zap';
    this.#admission.ask([Buffer.from(publicKey)]);
  }

  /** Whether the owner of C made C' for a conversation with us. libzmq does not look at the second half. */
  #checkVouch(publicKey: Buffer, vouch: Buffer): void {
    const vouchKey =
      boxKey(publicKey, this.#transientSecret) ?? failToOpen('The vouch of INITIATE');
    const vouched = openLongBox(VOUCH_NONCE, vouch, vouchKey);
    vouchKey.fill(0);
    if (vouched === undefined) failToOpen('The vouch of INITIATE');
    if (!vouched.equals(Buffer.concat([this.#peersTransientKey, this.#keys.publicKey]))) {
      throw new ProtocolError(
        'ERR_ZMTP_KEY_EXCHANGE',
        'The vouch of INITIATE is for the transient key of HELLO and for our public key; got one for another.',
      );
    }
  }

  #openTraffic(): CurveTraffic {
    // A call before the peer is admitted would give it what it may not have.
    if (this.#traffic === undefined) throw new Error('The CURVE handshake is not done.');
    return this.#traffic;
  }
}
