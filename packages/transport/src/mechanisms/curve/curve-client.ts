/**
 * CURVE as a client (RFC 26): it knows the server's public key, and shows its own only to whoever has the secret to it.
 *
 *   IDLE -> WAIT_WELCOME -> WAIT_READY -> DONE          HELLO and INITIATE are sent on the way
 *
 *   C c   long-term keys       C' c'   transient keys, made for this connection         S, S' the server's
 */

import { randomBytes } from 'node:crypto';
import { decodeCommand } from '../../wire/command.ts';
import { decodeMetadata } from '../../wire/metadata.ts';
import type { Mechanism, MechanismOutput, MechanismSetup } from '../mechanism.ts';
import { decodeErrorReason, failUnexpected } from '../refusals.ts';
import { mergeProperties } from '../zap.ts';
import { boxKey, KEY_BYTES, publicKeyOf } from './boxes.ts';
import {
  decodeReady,
  decodeWelcome,
  encodeHello,
  encodeInitiate,
  encodeLongBox,
  failToOpen,
  type RandomSource,
  READY_COUNTER,
} from './commands.ts';
import { CurveTraffic, MESSAGE_MIN_BYTES } from './curve-traffic.ts';
import type { CurveClientKeys } from './keys.ts';
import { OwnCounter, PeerCounter, VOUCH_NONCE } from './nonces.ts';

const NO_BYTES: Buffer = Buffer.alloc(0);

/** CURVE on one connection, as the side that knows whom it calls. */
export class CurveClient implements Mechanism {
  readonly name = 'CURVE';
  readonly asServer = false;
  readonly encrypts = true;
  readonly overheadBytes: number = MESSAGE_MIN_BYTES;
  readonly allowsVersion2 = false;
  readonly #output: MechanismOutput;
  readonly #metadata: Buffer;
  readonly #keys: CurveClientKeys;
  readonly #random: RandomSource;
  readonly #counters = { own: new OwnCounter(), peer: new PeerCounter() };
  #state: 'idle' | 'wait-welcome' | 'wait-ready' | 'done' | 'closed' = 'idle';
  /** c' and C'; the secret is wiped once the session's key is made of it. */
  #transientSecret: Buffer = NO_BYTES;
  #transientKey: Buffer = NO_BYTES;
  /** Of the boxes between C' and S, and later of those between C' and S'. */
  #key: Buffer = NO_BYTES;
  #traffic: CurveTraffic | undefined = undefined;

  /** @param random is given by tests alone. */
  constructor(
    output: MechanismOutput,
    setup: MechanismSetup,
    keys: CurveClientKeys,
    random: RandomSource = randomBytes,
  ) {
    this.#output = output;
    this.#metadata = setup.metadata;
    this.#keys = keys;
    this.#random = random;
  }

  start(): void {
    this.#transientSecret = this.#random(KEY_BYTES);
    this.#transientKey = publicKeyOf(this.#transientSecret);
    this.#key = boxKey(this.#keys.serverKey, this.#transientSecret) ?? failToOpen('curveServerKey');
    this.#state = 'wait-welcome';
    this.#output.sendCommand(encodeHello(this.#key, this.#transientKey, this.#counters.own));
  }

  receiveCommand(body: Buffer): void {
    const command = decodeCommand(body);
    if (command?.name === 'ERROR') this.#output.fail(decodeErrorReason(command.data));
    else if (this.#state === 'wait-welcome' && command?.name === 'WELCOME')
      this.#receiveWelcome(body);
    else if (this.#state === 'wait-ready' && command?.name === 'READY') this.#receiveReady(body);
    else
      failUnexpected(
        'CURVE',
        this.#state === 'wait-ready' ? 'READY or ERROR' : 'WELCOME or ERROR',
        body,
      );
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
    this.#transientSecret.fill(0);
    this.#key.fill(0);
    this.#traffic?.close();
    this.#keys.secretKey.fill(0);
  }

  #receiveWelcome(body: Buffer): void {
    const { transientKey, cookie } = decodeWelcome(this.#key, body);
    const vouchKey = boxKey(transientKey, this.#keys.secretKey) ?? failToOpen('WELCOME');
    const key = boxKey(transientKey, this.#transientSecret) ?? failToOpen('WELCOME');
    this.#key.fill(0);
    this.#key = key;
    const vouched = Buffer.concat([this.#transientKey, this.#keys.serverKey]);
    const vouch = encodeLongBox(VOUCH_NONCE, this.#random, vouchKey, vouched);
    vouchKey.fill(0);
    this.#transientSecret.fill(0);
    const content = Buffer.concat([this.#keys.publicKey, vouch, this.#metadata]);
    this.#state = 'wait-ready';
    this.#output.sendCommand(encodeInitiate(key, cookie, this.#counters.own, content));
  }

  #receiveReady(body: Buffer): void {
    const metadata = decodeMetadata(decodeReady(this.#key, body));
    this.#counters.peer.take(body, READY_COUNTER);
    this.#state = 'done';
    this.#traffic = new CurveTraffic('client', this.#key, this.#counters);
    this.#output.ready(mergeProperties(metadata, new Map<string, Buffer>()));
  }

  #openTraffic(): CurveTraffic {
    // A call before the handshake is over would send in clear what nobody has seen the peer's key for.
    if (this.#traffic === undefined) throw new Error('The CURVE handshake is not done.');
    return this.#traffic;
  }
}
