/**
 * The command's side of a control socket: finds the supervisor that is meant, asks it, and hands on what it answers.
 *
 * Which one: that at a path, or of a name, or the only one that runs. A socket that nobody listens at was left by a supervisor that
 * was killed, and counts as none.
 */
import { connect } from 'node:net';
import { resolve } from 'node:path';
import {
  CONTROL_VERSION,
  type ControlRequest,
  createCodec,
  listControlPaths,
  ZscaleError,
} from '@zscale/core';
import { Request } from '@zscale/transport';
import { NotRunningError, UsageError } from './failure.ts';

const CODEC = createCodec('msgpack');
const HOLD_MS = 60_000;

/** Which supervisor is meant. */
export interface Target {
  /** Its name; undefined for the only one. */
  readonly name: string | undefined;
  /** The path of its control socket; undefined to look for it. */
  readonly control: string | undefined;
}

/** A supervisor that answers. */
export class ControlClient {
  readonly #path: string;
  readonly #socket: Request;
  /** Rejects when the connection ends. */
  readonly #ended: Promise<never>;

  private constructor(path: string) {
    this.#path = path;
    this.#socket = new Request({ linger: 0 });
    this.#ended = new Promise((_, reject) => {
      const lost = (): void => reject(this.#lost());
      this.#socket.events.on('disconnect', lost).on('connect:retry', lost);
    });
    this.#ended.catch(() => {}); // whoever waits for an answer is told
    this.#socket.connect(`ipc://${path}`);
  }

  /**
   * Finds the supervisor.
   *
   * @throws NotRunningError when there is none, UsageError when there are several and none is named
   */
  static async find(target: Target): Promise<ControlClient> {
    return new ControlClient(await findPath(target));
  }

  /**
   * Asks, and resolves with the data of the answer, however long that takes.
   *
   * @throws ZscaleError with the supervisor's code; NotRunningError when it ends before it answers
   */
  async ask<Report>(request: ControlRequest): Promise<Report> {
    await this.#socket.send(CODEC.encode({ version: CONTROL_VERSION, ...request }));
    const frames = await Promise.race([this.#socket.receive(), this.#ended]);
    const reply = CODEC.decode(frames);
    if (!isReply(reply)) {
      throw new ZscaleError(
        'ZSCALE_ERR_CONTROL',
        `what listens at ${this.#path} is no control socket of version ${CONTROL_VERSION}`,
      );
    }
    if (!reply.ok) throw new ZscaleError(reply.error.code, reply.error.message);
    return reply.data as Report; // the version is ours, and says what each verb answers
  }

  /** Where the supervisor listens. */
  get path(): string {
    return this.#path;
  }

  /** Resolves when the supervisor lets go of its socket: the last thing it does. */
  async ended(): Promise<void> {
    const hold = setInterval(() => {}, HOLD_MS); // a socket that receives nothing does not keep the process
    await this.#ended.catch(() => {}); // that is what is waited for
    clearInterval(hold);
  }

  /** Idempotent. */
  close(): void {
    if (!this.#socket.closed) this.#socket.close();
  }

  #lost(): NotRunningError {
    return new NotRunningError(`the supervisor at ${this.#path} ended before it answered.`);
  }
}

type Reply =
  | { readonly ok: true; readonly data: unknown }
  | { readonly ok: false; readonly error: { readonly code: string; readonly message: string } };

function isReply(value: unknown): value is Reply {
  const reply = Object(value);
  const error = Object(Reflect.get(reply, 'error'));
  return (
    Reflect.get(reply, 'version') === CONTROL_VERSION &&
    (Reflect.get(reply, 'ok') === true ||
      (Reflect.get(reply, 'ok') === false &&
        typeof Reflect.get(error, 'code') === 'string' &&
        typeof Reflect.get(error, 'message') === 'string'))
  );
}

async function findPath({ name, control }: Target): Promise<string> {
  if (control !== undefined) {
    const path = resolve(control);
    const refusal = await knock(path);
    if (refusal === undefined) return path;
    throw new NotRunningError(
      `no supervisor answers at ${path} (${refusal}). Is it running, with this --control?`,
    );
  }
  const present = listControlPaths();
  const refusals = await Promise.all(present.map(({ path }) => knock(path)));
  const running = present.filter((_, i) => refusals[i] === undefined);
  const [first, ...others] =
    name === undefined ? running : running.filter((one) => one.name === name);
  const names = running.map((one) => one.name).join(', ');
  if (first === undefined) {
    const hint =
      names === ''
        ? 'Start one: zscale run server.ts. One of another user, or with another TMPDIR, is reached by --control <path>.'
        : `Those that run: ${names}.`;
    throw new NotRunningError(
      `no supervisor${name === undefined ? '' : ` named ${name}`} is running. ${hint}`,
    );
  }
  if (others.length > 0 && name === undefined) {
    throw new UsageError(
      `${running.length} supervisors are running; say which one with --name: ${names}.`,
    );
  }
  return first.path;
}

/** Why nobody can be reached there: the system's code; undefined when somebody listens. */
function knock(path: string): Promise<string | undefined> {
  return new Promise((settle) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      settle(undefined);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
  });
}
