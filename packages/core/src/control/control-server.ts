/**
 * The control socket: answers what `control-request.ts` says may be asked.
 *
 * To its clients it is a REP over ipc: a REQ in any language asks and is answered. It is a ROUTER nevertheless, so that a reload
 * that takes a minute keeps nobody from asking for the status meanwhile. Owns the socket, its file and its permissions, and that
 * no client costs much: so many requests at work, so many bytes in one, and a reply that its client does not take is dropped.
 * A file that somebody removes, as those do who clean temporary folders, is made again; one that is there is kept young for them.
 * What the verbs do is in the hands of whoever makes it.
 */

import { type BigIntStats, chmodSync, lstatSync, rmSync, utimesSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Router } from '@zscale/transport';
import { ZscaleError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { createCodec } from '../messages/payload.ts';
import { controlPaths, makeControlFolder, removeControlFolder } from './control-path.ts';
import { CONTROL_VERSION, type ControlRequest, parseControlRequest } from './control-request.ts';

/** Larger requests are answered with an error. */
const MAX_REQUEST_BYTES = 4096;
/** For larger ones the connection is closed, before they are read. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** Requests at work at once, those that wait for news included; further ones are answered `ZSCALE_ERR_BUSY`. */
const MAX_AT_WORK = 64;
/** How often a folder is made that others remove. */
const MAX_ATTEMPTS = 5;
/** So often it is looked whether the socket's file is still there, ms. */
const LOOK_MS = 1000;
/** Its times are set anew when they are older, ms: whoever removes old files counts in days. */
const YOUNG_MS = 3_600_000;
/** Replies that wait for one client to take them. */
const MAX_UNTAKEN = 16;

const CODEC = createCodec('msgpack');

/** What a control server is made from. */
export interface ControlServerOptions {
  /** The supervisor's name. */
  readonly name: string;
  /** Where to listen; undefined for the usual place. */
  readonly path: string | undefined;
  /** Does what is asked; resolves with the reply's data, and rejects with a ZscaleError for the client. */
  readonly carryOut: (request: ControlRequest) => Promise<object>;
  readonly logger: Logger;
}

/** Answers control requests, from `start()` to `close()`. */
export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #logger: Logger;
  /** Where clients connect from now on. */
  #socket: Router;
  /** The one whose file somebody removed: it has the clients that were there before. */
  #former: Router | undefined;
  /** The socket's file; undefined unless it listens. */
  #path: string | undefined;
  /** Whether its folder is the one for all control sockets of this user. */
  #isUsualPlace: boolean;
  /** What is told apart from another's file of that name; undefined unless it listens. */
  #file: BigIntStats | undefined;
  #looking: NodeJS.Timeout | undefined;
  #isClosed: boolean;
  /** It was said that it cannot be had again. */
  #isTold: boolean;
  #atWork: number;
  #serving: Promise<void> | undefined;
  readonly #removeFile: () => void;

  /** Takes nothing yet from the system: `start()` does. */
  constructor(options: ControlServerOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.#socket = createSocket();
    this.#former = undefined;
    this.#path = undefined;
    this.#isUsualPlace = false;
    this.#file = undefined;
    this.#looking = undefined;
    this.#isClosed = false;
    this.#isTold = false;
    this.#atWork = 0;
    this.#serving = undefined;
    this.#removeFile = () => {
      if (this.#path === undefined) return;
      if (this.#isThere(this.#path)) rmSync(this.#path, { force: true });
      if (this.#isUsualPlace) removeControlFolder(dirname(this.#path));
    };
  }

  /** Where it listens; undefined unless it does. */
  get path(): string | undefined {
    return this.#path;
  }

  /**
   * Listens. A path that was given must be had; without one, a service goes on without a control socket and says so.
   *
   * @throws TransportError when the path that was given cannot be had (`EADDRINUSE`, `ENOENT`, `EACCES` ...)
   */
  async start(): Promise<void> {
    const { path } = this.#options;
    if (path !== undefined) await this.#bind(resolve(path));
    else await this.#bindSomewhere();
    if (this.#path === undefined) return;
    this.#logger.debug({ path: this.#path }, 'control socket is open');
    process.on('exit', this.#removeFile); // a program that ends by process.exit() leaves no file
    this.#serving = this.#serve(this.#socket);
    this.#lookLater();
  }

  /** Answers nobody any more, and removes the file. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#looking);
    process.off('exit', this.#removeFile);
    this.#removeFile(); // at once: who ends at a signal does not wait for more
    this.#path = undefined;
    for (const socket of [this.#socket, this.#former]) if (socket?.closed === false) socket.close();
    await this.#serving;
  }

  async #bindSomewhere(): Promise<void> {
    const { name } = this.#options;
    try {
      for (const { name: own, path } of controlPaths(makeControlFolder(), name)) {
        if (!(await this.#isBound(path))) continue;
        this.#isUsualPlace = true;
        if (own !== name) {
          this.#logger.info(
            { control: own },
            `another supervisor has the name ${name}: this one is --name ${own} to the command`,
          );
        }
        return;
      }
      this.#logger.warn({ name }, 'no control socket: too many supervisors have this name');
    } catch (err) {
      if (this.#socket.closed || this.#isTold) return; // the service was closed while it started
      this.#logger.warn({ err }, 'no control socket: the command cannot reach this service');
    }
  }

  /** False when somebody listens there already. */
  async #isBound(path: string): Promise<boolean> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#bind(path);
        return true;
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        if (code === 'EADDRINUSE') return false;
        // Another supervisor, the last one there, has just ended and taken the folder with it.
        if (code !== 'ENOENT' || attempt === MAX_ATTEMPTS) throw error;
        makeControlFolder();
      }
    }
  }

  async #bind(path: string): Promise<void> {
    await this.#socket.bind(`ipc://${path}`);
    chmodSync(path, 0o600);
    this.#path = path;
    this.#file = fileAt(path);
  }

  #lookLater(): void {
    if (this.#isClosed) return;
    this.#looking = setTimeout(() => void this.#look(), LOOK_MS).unref();
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const path = this.#path ?? '';
    try {
      if (this.#isThere(path)) keepYoung(path);
      else await this.#listenAgain(path);
    } catch (err) {
      if (!this.#isClosed && !this.#isTold) {
        this.#logger.warn(
          { err, path },
          'the control socket is gone or out of reach, and cannot be made again',
        );
      }
    }
    this.#isTold = !this.#isThere(this.#path ?? '');
    this.#lookLater();
  }

  /** Clients that are connected stay: the socket that they came by is let go of when this happens once more. */
  async #listenAgain(path: string): Promise<void> {
    const [before, next] = [this.#socket, createSocket()];
    this.#socket = next;
    try {
      if (this.#options.path !== undefined) await this.#bind(path);
      else await this.#bindSomewhere();
    } finally {
      // Also when the place cannot be had at the moment.
      if (this.#isThere(this.#path ?? '') && !this.#isClosed) this.#succeed(before);
      else {
        this.#socket = before;
        if (!next.closed) next.close();
        // Whoever closed all meanwhile saw the other one.
        if (this.#isClosed && !before.closed) before.close();
      }
    }
  }

  #succeed(before: Router): void {
    if (this.#former?.closed === false) this.#former.close();
    this.#former = before;
    this.#serving = Promise.all([this.#serving, this.#serve(this.#socket)]).then(() => {});
    this.#logger.warn(
      { path: this.#path },
      'somebody removed the control socket; it is open again',
    );
  }

  /** Whether the file at the path is the one that was made here. */
  #isThere(path: string): boolean {
    const found = fileAt(path);
    return found !== undefined && found.ino === this.#file?.ino && found.dev === this.#file.dev;
  }

  async #serve(socket: Router): Promise<void> {
    for await (const frames of socket) {
      // A REQ puts an empty frame in front of the body; whoever does not is nobody who waits for a reply.
      const delimiter = frames.findIndex((frame, i) => i > 0 && frame.length === 0);
      if (delimiter < 0) continue;
      void this.#answer(socket, frames.slice(0, delimiter + 1), frames.slice(delimiter + 1));
    }
  }

  /** Never rejects. */
  async #answer(socket: Router, envelope: Buffer[], body: Buffer[]): Promise<void> {
    let reply: object;
    this.#atWork += 1;
    try {
      reply = { version: CONTROL_VERSION, ok: true, data: await this.#carryOut(body) };
    } catch (error) {
      reply = { version: CONTROL_VERSION, ok: false, error: this.#explain(error) };
    } finally {
      this.#atWork -= 1;
    }
    // It is dropped when the client is gone, or has not taken the ones before.
    if (!socket.closed) socket.trySend([...envelope, ...CODEC.encode(reply)]);
  }

  async #carryOut(body: Buffer[]): Promise<object> {
    if (this.#atWork > MAX_AT_WORK) {
      throw new ZscaleError(
        'ZSCALE_ERR_BUSY',
        `${MAX_AT_WORK} control requests are at work already; try again when some are done`,
      );
    }
    const bytes = body.reduce((sum, frame) => sum + frame.length, 0);
    if (bytes > MAX_REQUEST_BYTES) {
      throw new ZscaleError(
        'EMSGSIZE',
        `a control request has at most ${MAX_REQUEST_BYTES} bytes; got ${bytes}`,
      );
    }
    return this.#options.carryOut(parseControlRequest(decode(body)));
  }

  #explain(error: unknown): { readonly code: string; readonly message: string } {
    if (error instanceof ZscaleError) return { code: error.code, message: error.message };
    this.#logger.error({ err: error }, 'a control request failed');
    return { code: 'ZSCALE_ERR_CONTROL', message: `it failed: ${String(error)}` };
  }
}

function decode(body: Buffer[]): unknown {
  try {
    return CODEC.decode(body);
  } catch (cause) {
    throw new ZscaleError(
      'ZSCALE_ERR_CONTROL',
      'a request must be a MessagePack map with version and verb. See docs/reference/control.md.',
      { cause },
    );
  }
}

function createSocket(): Router {
  return new Router({
    linger: 1000,
    maxMessageSize: MAX_MESSAGE_BYTES,
    receiveHighWaterMark: MAX_UNTAKEN,
    sendHighWaterMark: MAX_UNTAKEN,
  });
}

/**
 * Undefined also where nobody can look, for its folder is closed or is none. By `bigint`: of the other form Node 20 remembers the last
 * answer, and `import` follows no links while that was a socket.
 */
function fileAt(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false, bigint: true });
  } catch {
    return undefined; // what is made again there tells why it cannot be
  }
}

function keepYoung(path: string): void {
  const { mtimeMs = 0n } = fileAt(path) ?? {};
  if (Date.now() - Number(mtimeMs) <= YOUNG_MS) return;
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // where times cannot be set, nobody removes old files either; and it is there
  }
}
