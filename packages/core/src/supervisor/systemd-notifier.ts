/**
 * Tells systemd how a service is (sd_notify(3)), where systemd asks for it by NOTIFY_SOCKET.
 *
 *     READY=1        it serves
 *     RELOADING=1    workers are replaced; READY=1 follows
 *     STATUS=...     what `systemctl status` shows: told when it changes
 *     WATCHDOG=1     all is well, at half of the time that WATCHDOG_USEC says; kept back while no worker serves
 *     STOPPING=1     it ends
 *
 * Node has no datagram sockets of Unix, so `systemd-notify` sends each message: a process of its own for which a unit has to say
 * `NotifyAccess=all`. There is one at a time, and what waits is bounded: a newer status takes the place of an older one.
 *
 * The watchdog lives in the event loop that also passes on every request: it is silent when that stands still.
 */

import { type ChildProcess, type ExecFileException, execFile } from 'node:child_process';
import type { Logger } from '../logger.ts';
import { doneWithin } from '../waiting.ts';

const COMMAND = 'systemd-notify';
/** It waits for systemd to have read the message, for 5 s at most; after this it is ended, in ms. */
const SEND_TIMEOUT_MS = 6000;
/** How long the last message may take when the service is closed, in ms. */
const FAREWELL_MS = 1000;
/** From one look at status and health to the next, in ms. */
const LOOK_MS = 1000;
/** Where the watchdog is fast, there are so many looks to its time. */
const LOOKS = 4;
const MICROSECONDS_PER_MS = 1000;

/** What a service manager says to one process, and which is nothing to its children. */
const OWN_VARIABLES = [
  'NOTIFY_SOCKET',
  'WATCHDOG_USEC',
  'WATCHDOG_PID',
  'LISTEN_FDS',
  'LISTEN_PID',
  'LISTEN_FDNAMES',
];

/** What a notifier is made from. */
export interface NotifierOptions {
  /** Of this process. */
  readonly environment: NodeJS.ProcessEnv;
  readonly pid: number;
  /** How the service is, in one line. */
  readonly status: () => string;
  /** Whether the service does what it is for, or is on its way there. */
  readonly isWell: () => boolean;
  readonly logger: Logger;
}

/** An environment without what a service manager says to this process alone: a worker is not asked, and has other descriptors. */
export function withoutServiceManager(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const rest = { ...environment };
  for (const name of OWN_VARIABLES) delete rest[name];
  return rest;
}

/** Speaks for one service, from `start()` to `close()`. */
export class SystemdNotifier {
  readonly #options: NotifierOptions;
  /** The watchdog's time in ms; Infinity where there is none. */
  readonly #patience: number;
  /** Messages about what the service does, the oldest first; sent once each, in order. */
  readonly #waiting: string[][];
  #statusWaits: boolean;
  #pingWaits: boolean;
  #lastStatus: string;
  #lastPing: number;
  #isUnwell: boolean;
  #reloads: number;
  #state: 'starting' | 'ready' | 'stopping' | 'closed';
  #timer: NodeJS.Timeout | undefined;
  #sending: ChildProcess | undefined;
  /** Whom to call when there is nothing left to tell. */
  #silent: () => void;

  /** The notifier that systemd asks for; undefined where it does not. */
  static of(options: NotifierOptions): SystemdNotifier | undefined {
    return options.environment.NOTIFY_SOCKET ? new SystemdNotifier(options) : undefined;
  }

  private constructor(options: NotifierOptions) {
    this.#options = options;
    this.#patience = patienceOf(options);
    this.#waiting = [];
    this.#statusWaits = false;
    this.#pingWaits = false;
    this.#lastStatus = '';
    this.#lastPing = -Infinity;
    this.#isUnwell = false;
    this.#reloads = 0;
    this.#state = 'starting';
    this.#timer = undefined;
    this.#sending = undefined;
    this.#silent = () => {};
  }

  /** Begins to tell the status, and that all is well. Does not keep the process alive. */
  start(): void {
    this.#look();
    this.#timer = setInterval(() => this.#look(), Math.min(LOOK_MS, this.#patience / LOOKS));
    this.#timer.unref();
  }

  /** The service serves. */
  ready(): void {
    if (this.#state !== 'starting') return;
    this.#state = 'ready';
    this.#tell('READY=1');
  }

  /** Workers are replaced from now until `reloaded()`, however that ends. */
  reloading(): void {
    this.#reloads += 1;
    if (this.#reloads > 1 || this.#state !== 'ready') return;
    const now = process.hrtime.bigint() / BigInt(MICROSECONDS_PER_MS);
    this.#tell('RELOADING=1', `MONOTONIC_USEC=${now}`);
  }

  /** What `reloading()` said is over. */
  reloaded(): void {
    this.#reloads -= 1;
    if (this.#reloads === 0 && this.#state === 'ready') this.#tell('READY=1');
  }

  /** The service ends. */
  stopping(): void {
    if (this.#state === 'stopping' || this.#state === 'closed') return;
    this.#state = 'stopping';
    this.#tell('STOPPING=1');
  }

  /** Tells nothing more. Resolves when what was to be told is told, or has had a second for it. Idempotent. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#state = 'closed';
    this.#pingWaits = false;
    this.#statusWaits = false;
    if (this.#sending === undefined) return;
    const silent = new Promise<void>((resolve) => {
      this.#silent = resolve;
    });
    if (await doneWithin(silent, FAREWELL_MS)) return;
    this.#waiting.length = 0;
    this.#sending?.kill('SIGKILL');
    await silent;
  }

  #tell(...message: string[]): void {
    this.#waiting.push([...message, `STATUS=${this.#options.status()}`]);
    this.#lastStatus = this.#options.status();
    this.#statusWaits = false;
    this.#send();
  }

  #look(): void {
    const status = this.#options.status();
    if (status !== this.#lastStatus) {
      this.#lastStatus = status;
      this.#statusWaits = true;
    }
    if (this.#patience < Infinity) this.#watch(performance.now());
    this.#send();
  }

  #watch(now: number): void {
    if (now - this.#lastPing < this.#patience / 2 || !this.#finds()) return;
    this.#lastPing = now;
    this.#pingWaits = true;
  }

  /** Whether all is well; the log hears when that changes. */
  #finds(): boolean {
    const isWell = this.#options.isWell();
    if (isWell === this.#isUnwell) {
      this.#isUnwell = !isWell;
      if (isWell) this.#options.logger.info('systemd is told again that all is well');
      else
        this.#options.logger.warn(
          { patience: this.#patience },
          'no worker serves, so the watchdog of systemd is told nothing',
        );
    }
    return isWell;
  }

  /** Sends what is next, unless something is on its way. */
  #send(): void {
    if (this.#sending !== undefined) return;
    const message = this.#waiting.shift() ?? this.#next();
    if (message === undefined) {
      this.#silent();
      return;
    }
    const { NOTIFY_SOCKET, PATH } = this.#options.environment;
    this.#sending = execFile(
      COMMAND,
      message,
      { env: { NOTIFY_SOCKET, PATH }, timeout: SEND_TIMEOUT_MS, killSignal: 'SIGKILL' },
      (error, _, complaint) => {
        this.#sending = undefined;
        if (error !== null) this.#failed(error, complaint.trim());
        this.#send();
      },
    );
  }

  #next(): string[] | undefined {
    const message = [
      ...(this.#pingWaits ? ['WATCHDOG=1'] : []),
      ...(this.#statusWaits ? [`STATUS=${this.#lastStatus}`] : []),
    ];
    this.#pingWaits = false;
    this.#statusWaits = false;
    return message.length > 0 ? message : undefined;
  }

  #failed(err: ExecFileException, complaint: string): void {
    const { logger } = this.#options;
    if (err.code !== 'ENOENT') {
      logger.warn({ err, complaint }, 'systemd-notify failed');
      return;
    }
    this.#waiting.length = 0;
    void this.close();
    logger.warn(
      'systemd is told nothing, as there is no systemd-notify: install it (it comes with systemd), or take Type=exec for the unit',
    );
  }
}

/** The watchdog's time in ms; Infinity where there is none, or it is not for this process. */
function patienceOf({ environment, pid, logger }: NotifierOptions): number {
  const { WATCHDOG_USEC = '', WATCHDOG_PID } = environment;
  if (!/^[1-9]\d{0,17}$/.test(WATCHDOG_USEC)) return Infinity;
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== String(pid)) {
    logger.warn(
      { expected: WATCHDOG_PID },
      'the watchdog of systemd waits for another process: let the unit start this one itself, without npm, npx or a shell',
    );
    return Infinity;
  }
  return Number(WATCHDOG_USEC) / MICROSECONDS_PER_MS;
}
