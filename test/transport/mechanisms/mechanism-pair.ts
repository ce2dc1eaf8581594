/*
 * Mechanisms without a connection: what they say is kept, and carried to the other side by hand, so that a test can change it
 * on the way. And a ZAP handler that is a list of questions.
 */
import type { Authenticator } from '../../../packages/transport/src/authenticator.ts';
import { ProtocolError } from '../../../packages/transport/src/errors.ts';
import { createMechanism } from '../../../packages/transport/src/mechanisms/create-mechanism.ts';
import type {
  Mechanism,
  MechanismOutput,
  MechanismSetup,
} from '../../../packages/transport/src/mechanisms/mechanism.ts';
import {
  type AnySocketOptions,
  resolveSocketOptions,
} from '../../../packages/transport/src/options.ts';
import { hex } from '../../support/hex.ts';
import { CLIENT_METADATA, SERVER_METADATA } from './curve-vectors.ts';

/** A question to the handler, and how to answer it. */
export interface Question {
  readonly request: readonly Buffer[];
  readonly answer: (reply: Buffer[] | undefined) => void;
  withdrawn: boolean;
}

/** A ZAP handler in memory: it answers when the test does. */
export class MemoryAuthenticator implements Authenticator {
  present = true;
  readonly questions: Question[] = [];

  ask(request: Buffer[], answered: (reply: Buffer[] | undefined) => void): () => void {
    const question: Question = { request, answer: answered, withdrawn: false };
    this.questions.push(question);
    return () => {
      question.withdrawn = true;
    };
  }

  /** Answers the oldest question; frames are text or bytes. */
  answer(...frames: ReadonlyArray<string | Buffer>): void {
    const question = this.questions.shift();
    if (question === undefined) throw new Error('nobody has asked');
    question.answer(frames.map((frame) => Buffer.from(frame as string))); // or a Buffer, which it takes as well
  }

  /** A whole reply with this status. */
  reply(status: string, userId = '', metadata: string | Buffer = ''): void {
    this.answer('1.0', '1', status, 'text', userId, metadata);
  }
}

/** The end of a mechanism: everything it said is kept. */
export class Side implements MechanismOutput {
  readonly authenticator: MemoryAuthenticator = new MemoryAuthenticator();
  readonly setup: MechanismSetup;
  /** What was sent, not yet taken by the test. */
  readonly sent: Buffer[] = [];
  /** The peer's properties, once it is ready. */
  properties: ReadonlyMap<string, Buffer> | undefined = undefined;
  error: Error | undefined = undefined;
  mechanism: Mechanism;

  constructor(options: AnySocketOptions, metadata: string = CLIENT_METADATA) {
    this.setup = {
      options: resolveSocketOptions(options, { options: ['routingId'] }),
      metadata: hex(metadata),
      authenticator: this.authenticator,
      peerAddress: '10.0.0.7',
    };
    this.mechanism = createMechanism(this, this.setup);
  }

  sendCommand(body: Buffer): void {
    this.sent.push(Buffer.from(body));
  }

  ready(properties: ReadonlyMap<string, Buffer>): void {
    if (this.properties !== undefined || this.error !== undefined) throw new Error('ready again');
    this.properties = properties;
  }

  fail(error: Error): void {
    if (this.error !== undefined) throw new Error('failed again');
    this.error = error;
    this.mechanism.close();
  }

  /** Hands a command in, as a connection does. */
  receive(body: Buffer): void {
    try {
      this.mechanism.receiveCommand(body);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.fail(error);
    }
  }

  /** The code of the error it failed with. */
  get code(): string | undefined {
    return this.error === undefined ? undefined : (this.error as Error & { code?: string }).code;
  }

  /** The next command it sent. */
  take(): Buffer {
    const body = this.sent.shift();
    if (body === undefined) throw new Error(`nothing was sent; ${this.error ?? 'no error'}`);
    return body;
  }
}

/** A DEALER with the client's options and a ROUTER with the server's. */
export function sidesOf(
  client: AnySocketOptions,
  server: AnySocketOptions,
): { client: Side; server: Side } {
  return { client: new Side(client, CLIENT_METADATA), server: new Side(server, SERVER_METADATA) };
}

/** Carries commands until nobody has any, changing each by `tamper`; gives how many there were. */
export function converse(
  client: Side,
  server: Side,
  tamper: (body: Buffer, index: number) => Buffer = (body) => body,
): number {
  client.mechanism.start();
  server.mechanism.start();
  let count = 0;
  for (;;) {
    const from = client.sent.length > 0 ? client : server;
    const to = from === client ? server : client;
    if (from.sent.length === 0) return count;
    const body = tamper(from.take(), count);
    count += 1;
    if (to.error === undefined) to.receive(body);
  }
}
