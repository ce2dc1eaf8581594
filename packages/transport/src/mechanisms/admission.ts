/**
 * The question whether one peer may come in, from the mechanism that has its credentials to the ZAP handler and back.
 *
 *   IDLE -> LOOKING -> ASKED -> DECIDED         LOOKING: for a handler, which may be in another thread
 *     \--------\-------------> DECIDED          where none is to be asked, or there is none
 *
 * It tells a refusal to the peer (400 and 500; 300 means "later", and says nothing) and to the connection, so that a mechanism
 * only goes on when its peer is admitted. A handler that never answers is the handshake's limit of time to end.
 */

import { AuthError, ProtocolError, TransportError } from '../errors.ts';
import type { Mechanism, MechanismOutput, MechanismSetup } from './mechanism.ts';
import { encodeError, type RefusalStatus } from './refusals.ts';
import { decodeZapReply, encodeZapRequest, mayAskZap, ZAP_ENDPOINT, zapCourse } from './zap.ts';

/** The mechanism that asks. */
export interface AdmissionOwner {
  /** The peer may come in. Called once, perhaps from inside `ask`. May throw a ProtocolError, which ends the connection. */
  admitted(properties: ReadonlyMap<string, Buffer>): void;
}

const NO_PROPERTIES: ReadonlyMap<string, Buffer> = new Map();

/** Asks for one peer. */
export class Admission {
  readonly #mechanism: Mechanism['name'];
  readonly #owner: AdmissionOwner;
  readonly #output: MechanismOutput;
  readonly #setup: MechanismSetup;
  readonly #encodeError: (status: RefusalStatus) => Buffer;
  #withdraw: (() => void) | undefined = undefined;
  #closed = false;

  /** @param errorEncoder makes the ERROR command; PLAIN has one of its own. */
  constructor(
    mechanism: Mechanism['name'],
    owner: AdmissionOwner,
    output: MechanismOutput,
    setup: MechanismSetup,
    errorEncoder: (status: RefusalStatus) => Buffer = encodeError,
  ) {
    this.#mechanism = mechanism;
    this.#owner = owner;
    this.#output = output;
    this.#setup = setup;
    this.#encodeError = errorEncoder;
  }

  /** Asks, or decides alone where the options say so. @param credentials frames of the request, by mechanism (RFC 27). */
  ask(credentials: readonly Buffer[]): void {
    const { authenticator } = this.#setup;
    if (authenticator.whenKnown === undefined || !mayAskZap(this.#mechanism, this.#setup)) {
      this.#takeCourse(credentials);
      return;
    }
    let isLater = false;
    authenticator.whenKnown(() => {
      if (this.#closed) return;
      if (isLater) this.#failOnThrow(() => this.#takeCourse(credentials));
      else this.#takeCourse(credentials);
    });
    isLater = true;
  }

  /** Withdraws the question. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#withdraw?.();
    this.#withdraw = undefined;
  }

  #takeCourse(credentials: readonly Buffer[]): void {
    const course = zapCourse(this.#mechanism, this.#setup);
    if (course === 'admit') {
      this.#owner.admitted(NO_PROPERTIES);
    } else if (course === 'refuse') {
      this.#output.fail(
        new TransportError(
          'EFAULT',
          `Expected a ZAP handler at ${ZAP_ENDPOINT} to be asked about a ${this.#mechanism} peer; none is bound in this context, so the peer was not let in. Bind one before peers come.`,
        ),
      );
    } else {
      const request = encodeZapRequest(this.#mechanism, this.#setup, credentials);
      this.#withdraw = this.#setup.authenticator.ask(request, (reply) => this.#answered(reply));
    }
  }

  #answered(reply: Buffer[] | undefined): void {
    if (this.#withdraw === undefined) return; // withdrawn or answered already: nobody is let in by a second answer
    this.#withdraw = undefined;
    this.#failOnThrow(() => {
      const { status, properties } = decodeZapReply(reply);
      if (status === 200) this.#owner.admitted(properties);
      else this.#refuse(status);
    });
  }

  /** For what happens outside of `receiveCommand`, where nobody below us waits for what we throw. */
  #failOnThrow(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#output.fail(error);
    }
  }

  #refuse(status: RefusalStatus): void {
    if (status !== 300) this.#output.sendCommand(this.#encodeError(status));
    this.#output.fail(new AuthError(status));
  }
}
