/**
 * PLAIN as a server (RFC 24): it knows no passwords, a ZAP handler does; without one nobody comes in.
 *
 *   WAIT_HELLO -> WAIT_ZAP -> WAIT_INITIATE -> DONE        WELCOME and READY are sent on the way
 */

import { decodeCommand, encodeCommand } from '../wire/command.ts';
import { decodeMetadata } from '../wire/metadata.ts';
import { Admission, type AdmissionOwner } from './admission.ts';
import type { Mechanism, MechanismOutput, MechanismSetup } from './mechanism.ts';
import { decodePlainHello, encodePlainError } from './plain-commands.ts';
import { failUnexpected } from './refusals.ts';
import { mergeProperties } from './zap.ts';

const NO_BYTES: Buffer = Buffer.alloc(0);

/** PLAIN on one connection, as the side that asks for a password. */
export class PlainServer implements Mechanism, AdmissionOwner {
  readonly name = 'PLAIN';
  readonly asServer = true;
  readonly encrypts = false;
  readonly overheadBytes = 0;
  readonly allowsVersion2 = false;
  readonly #output: MechanismOutput;
  readonly #metadata: Buffer;
  readonly #admission: Admission;
  #state: 'wait-hello' | 'wait-zap' | 'wait-initiate' | 'done' = 'wait-hello';
  /** The handler's, once the peer is admitted. */
  #admitted: ReadonlyMap<string, Buffer> = new Map();

  constructor(output: MechanismOutput, setup: MechanismSetup) {
    this.#output = output;
    this.#metadata = setup.metadata;
    this.#admission = new Admission('PLAIN', this, output, setup, encodePlainError);
  }

  /** The client goes first. */
  start(): void {}

  receiveCommand(body: Buffer): void {
    const command = decodeCommand(body);
    if (this.#state === 'wait-hello' && command?.name === 'HELLO') {
      const credentials = decodePlainHello(command.data);
      this.#state = 'wait-zap';
      this.#admission.ask(credentials);
    } else if (this.#state === 'wait-initiate' && command?.name === 'INITIATE') {
      const properties = mergeProperties(decodeMetadata(command.data), this.#admitted);
      this.#state = 'done';
      this.#output.sendCommand(encodeCommand('READY', this.#metadata));
      this.#output.ready(properties);
    } else {
      failUnexpected('PLAIN', EXPECTED[this.#state], body);
    }
  }

  admitted(properties: ReadonlyMap<string, Buffer>): void {
    this.#admitted = properties;
    this.#state = 'wait-initiate';
    this.#output.sendCommand(encodeCommand('WELCOME', NO_BYTES));
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
}

const EXPECTED = {
  'wait-hello': 'HELLO',
  'wait-zap': 'nothing before WELCOME',
  'wait-initiate': 'INITIATE',
  done: 'nothing more',
} as const;
