/**
 * The NULL mechanism (RFC 37): each side sends READY with its properties and waits for the other's. Neither waits for
 * the other to go first, as libzmq does not either. No encryption; who has a ZAP domain asks its handler about the peer's
 * address before it sends READY, whether it binds or connects.
 *
 * Done is who is admitted and has the peer's READY, in whatever order they came.
 */

import { decodeCommand, encodeCommand } from '../wire/command.ts';
import { decodeMetadata } from '../wire/metadata.ts';
import { Admission, type AdmissionOwner } from './admission.ts';
import type { Mechanism, MechanismOutput, MechanismSetup } from './mechanism.ts';
import { decodeErrorReason, failUnexpected } from './refusals.ts';
import { mergeProperties } from './zap.ts';

type Properties = ReadonlyMap<string, Buffer>;

/** NULL on one connection. */
export class NullMechanism implements Mechanism, AdmissionOwner {
  readonly name = 'NULL';
  readonly asServer = false;
  readonly encrypts = false;
  readonly overheadBytes = 0;
  readonly allowsVersion2: boolean;
  readonly #output: MechanismOutput;
  readonly #metadata: Buffer;
  readonly #admission: Admission;
  /** The handler's, once the peer is admitted. */
  #admitted: Properties | undefined = undefined;
  /** The peer's, once its READY came. */
  #peers: Properties | undefined = undefined;

  constructor(output: MechanismOutput, setup: MechanismSetup) {
    this.#output = output;
    this.#metadata = setup.metadata;
    this.#admission = new Admission('NULL', this, output, setup);
    this.allowsVersion2 = setup.options.zapDomain === null;
  }

  start(): void {
    this.#admission.ask([]);
  }

  receiveCommand(body: Buffer): void {
    const command = decodeCommand(body);
    if (command?.name === 'READY' && this.#peers === undefined) {
      this.#peers = decodeMetadata(command.data);
      this.#finishIfDone();
    } else if (command?.name === 'ERROR') {
      this.#output.fail(decodeErrorReason(command.data));
    } else {
      failUnexpected('NULL', 'one READY or ERROR', body);
    }
  }

  admitted(properties: Properties): void {
    this.#admitted = properties;
    this.#output.sendCommand(encodeCommand('READY', this.#metadata));
    this.#finishIfDone();
  }

  /** Never called: nothing is encrypted. */
  encrypt(body: Buffer): Buffer {
    return body;
  }

  /** Never called: nothing is encrypted. */
  encryptInto(body: Buffer, _flags: number, target: Buffer, offset: number): void {
    body.copy(target, offset);
  }

  /** Never called: nothing is encrypted. */
  decrypt(body: Buffer): Buffer {
    return body;
  }

  close(): void {
    this.#admission.close();
  }

  #finishIfDone(): void {
    if (this.#admitted === undefined || this.#peers === undefined) return;
    this.#output.ready(mergeProperties(this.#peers, this.#admitted));
  }
}
