/**
 * PLAIN as a client (RFC 24): a name and a password in clear, for networks that are trusted.
 *
 *   IDLE -> WAIT_WELCOME -> WAIT_READY -> DONE          HELLO and INITIATE are sent on the way
 */

import { ProtocolError } from '../errors.ts';
import { decodeCommand, encodeCommand } from '../wire/command.ts';
import { decodeMetadata } from '../wire/metadata.ts';
import type { Mechanism, MechanismOutput, MechanismSetup } from './mechanism.ts';
import { decodePlainError, encodePlainHello } from './plain-commands.ts';
import { failUnexpected } from './refusals.ts';
import { mergeProperties } from './zap.ts';

/** PLAIN on one connection, as the side that has the password. */
export class PlainClient implements Mechanism {
  readonly name = 'PLAIN';
  readonly asServer = false;
  readonly encrypts = false;
  readonly overheadBytes = 0;
  readonly allowsVersion2 = false;
  readonly #output: MechanismOutput;
  readonly #setup: MechanismSetup;
  #state: 'idle' | 'wait-welcome' | 'wait-ready' | 'done' = 'idle';

  constructor(output: MechanismOutput, setup: MechanismSetup) {
    this.#output = output;
    this.#setup = setup;
  }

  start(): void {
    const { plainUsername, plainPassword } = this.#setup.options;
    this.#state = 'wait-welcome';
    this.#output.sendCommand(
      encodePlainHello(Buffer.from(plainUsername ?? ''), Buffer.from(plainPassword ?? '')),
    );
  }

  receiveCommand(body: Buffer): void {
    const refusal = decodePlainError(body);
    if (refusal !== undefined) {
      this.#output.fail(refusal);
      return;
    }
    const command = decodeCommand(body);
    if (this.#state === 'wait-welcome' && command?.name === 'WELCOME')
      this.#receiveWelcome(command.data);
    else if (this.#state === 'wait-ready' && command?.name === 'READY')
      this.#receiveReady(command.data);
    else
      failUnexpected(
        'PLAIN',
        this.#state === 'wait-ready' ? 'READY or ERROR' : 'WELCOME or ERROR',
        body,
      );
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

  close(): void {}

  #receiveWelcome(data: Buffer): void {
    if (data.length > 0) {
      throw new ProtocolError(
        'ERR_ZMTP_MALFORMED_COMMAND_WELCOME',
        `A WELCOME of PLAIN has nothing behind its name; got ${data.length} bytes.`,
      );
    }
    this.#state = 'wait-ready';
    this.#output.sendCommand(encodeCommand('INITIATE', this.#setup.metadata));
  }

  #receiveReady(data: Buffer): void {
    const properties = mergeProperties(decodeMetadata(data), new Map<string, Buffer>());
    this.#state = 'done';
    this.#output.ready(properties);
  }
}
