/**
 * The process of a worker that is not Node, in the shape in which `WorkerProcess` knows its child.
 *
 *     supervisor                               process group of the worker
 *       fd 3  <-- one JSON object a line --      the command                 `sitecustomize.py` writes
 *       fd 4  -- nothing, until it closes -->    a shell that waits for that
 *
 * It leads a process group of its own, so that signals reach all of it and Ctrl-C in a terminal none
 * of it. In the group a shell of about 1 MB waits until the supervisor closes fd 4, which it does when
 * the command has ended, and which the system does when the supervisor was killed; then it kills the
 * group. So nothing outlives the supervisor, on any system with a shell, and nothing that the command
 * left behind outlives the command. When the supervisor went without a word, the folder of its sockets
 * goes too. When the shell itself is killed, the supervisor sees that pipe close, and starts one outside of
 * the group in its place (`group-guard.ts`).
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import type { Duplex, Readable } from 'node:stream';
import type { ToWorker } from '../messages/process-message.ts';
import { spawnOptionsOf } from '../worker-identity.ts';
import { type CommandLaunch, REPORT_FD } from './command-launch.ts';
import { guardGroup } from './group-guard.ts';
import { nothingElse } from './left-open.ts';
import type { WorkerChild } from './worker-process.ts';

/** Input, output, errors, and the two that are ours. */
const OWN_DESCRIPTORS = 5;
/** The guard is a grandchild, so that the command, which takes the shell's place, has no child it does not know. */
const SCRIPT = `folder=$1; [ -z "$2" ] || umask "$2"; shift 2
( trap '' TERM INT HUP QUIT
  { read -r goodbye || rm -rf -- "$folder"; kill -KILL 0; } <&4 3>&- >/dev/null 2>&1 & )
exec "$@" 4<&-`;

/** A line longer than this is no report. */
const MAX_REPORT_CHARACTERS = 65_536;

/** How long the end of a process waits for the last of its reports, in ms. */
const LAST_WORDS_MS = 500;

/**
 * How long a group may be without a shell that watches over it, in ms: when the whole group is killed, its exit is told a moment after
 * the end of that shell.
 */
const UNGUARDED_MS = 100;

/** What one process is told beside its `CommandLaunch`. */
export interface CommandPlace {
  readonly serviceName: string;
  readonly workerId: number;
  /** Where it connects its REP socket, and nobody else does. */
  readonly door: string;
  /** The folder of the service's sockets. */
  readonly folder: string;
  /** Whether its output is read; else it is that of this process. */
  readonly pipesOutput: boolean;
}

interface CommandEvents {
  message: [unknown];
  disconnect: [];
  error: [Error];
  exit: [number | null, NodeJS.Signals | null];
  close: [number | null, NodeJS.Signals | null];
}

/** A command that runs as a worker; the constructor starts it. */
export class CommandProcess extends EventEmitter<CommandEvents> implements WorkerChild {
  readonly #child: ChildProcess;
  readonly #folder: string;
  #lifeline: Duplex | undefined;
  #report: string;
  #reportEnded: boolean;
  #exit: readonly [number | null, NodeJS.Signals | null] | undefined;
  #isOver: boolean;

  /** @throws what `child_process.spawn` throws */
  constructor(launch: CommandLaunch, place: CommandPlace) {
    super();
    const output = place.pipesOutput ? 'pipe' : 'inherit';
    const mask = launch.footing.umask?.toString(8) ?? '';
    this.#child = spawn('/bin/sh', ['-c', SCRIPT, 'zscale', place.folder, mask, ...launch.words], {
      detached: true,
      env: {
        ...launch.env,
        ZSCALE: '1',
        ZSCALE_SERVICE: place.serviceName,
        ZSCALE_WORKER_ID: String(place.workerId),
        NODE_APP_INSTANCE: String(place.workerId),
        ZSCALE_BACKEND: place.door,
      },
      stdio: [
        'ignore',
        output,
        output,
        'pipe',
        'pipe',
        ...nothingElse(OWN_DESCRIPTORS, launch.footing),
      ],
      ...spawnOptionsOf(launch.footing),
    });
    this.#folder = place.folder;
    this.#lifeline = undefined;
    this.#report = '';
    this.#reportEnded = false;
    this.#exit = undefined;
    this.#isOver = false;
    const [, , , reports, lifeline] = this.#child.stdio;
    // Both are pipes, as `stdio` says: they can be read, and written to.
    this.#hold((lifeline as Duplex | null | undefined) ?? undefined);
    this.#listen((reports as Readable | null | undefined) ?? undefined);
  }

  get isForeign(): boolean {
    return true;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get stdout(): Readable | null {
    return this.#child.stdout;
  }

  get stderr(): Readable | null {
    return this.#child.stderr;
  }

  /** Whether it may still say something. */
  get connected(): boolean {
    return !this.#isOver;
  }

  /** The queue drains such a worker by itself; `stop` is SIGTERM. */
  send({ type }: ToWorker, sent: (error: Error | null) => void): boolean {
    if (type === 'stop') this.kill('SIGTERM');
    else if (type === 'drain') queueMicrotask(() => this.emit('message', { type: 'drained' }));
    queueMicrotask(() => sent(null));
    return true;
  }

  /** Signals the whole group. False when it is gone. */
  kill(signal: NodeJS.Signals): boolean {
    return this.#exit === undefined && killGroup(this.#child.pid, signal);
  }

  /** Keeps the pipe to the shell that watches over the group, and sees to it that there is one. */
  #hold(lifeline: Duplex | undefined): void {
    this.#lifeline = lifeline;
    if (lifeline === undefined) return;
    lifeline.on('error', ignoreBrokenPipe);
    lifeline.on('close', () => setTimeout(() => this.#guard(), UNGUARDED_MS).unref());
    lifeline.resume(); // nothing comes, but its end does
  }

  #guard(): void {
    const { pid } = this.#child;
    if (pid !== undefined && this.#exit === undefined) this.#hold(guardGroup(pid, this.#folder));
  }

  #listen(reports: Readable | undefined): void {
    this.#child.on('error', (error) => this.emit('error', error));
    this.#child.on('exit', (code, signal) => {
      this.#exit = [code, signal];
      if (this.#lifeline?.destroyed === false) this.#lifeline.end('goodbye\n');
      else killGroup(this.#child.pid, 'SIGKILL'); // what the command left behind
      if (this.#reportEnded) this.#end();
      else setTimeout(() => this.#end(), LAST_WORDS_MS);
    });
    if (reports === undefined) {
      this.#reportEnded = true;
      return;
    }
    reports.setEncoding('utf8');
    reports.on('data', (text: string) => this.#read(text));
    reports.on('error', ignoreBrokenPipe);
    reports.on('close', () => {
      this.#reportEnded = true;
      if (this.#exit !== undefined) this.#end();
    });
  }

  #read(text: string): void {
    const lines = (this.#report + text).split('\n');
    this.#report = (lines.pop() ?? '').slice(0, MAX_REPORT_CHARACTERS);
    for (const line of lines) this.emit('message', parseReport(line));
  }

  #end(): void {
    if (this.#isOver || this.#exit === undefined) return;
    this.#isOver = true;
    this.#child.stdio[REPORT_FD]?.destroy();
    this.emit('exit', ...this.#exit);
  }
}

/** False when nobody is left in it. */
function killGroup(leader: number | undefined, signal: NodeJS.Signals): boolean {
  if (leader === undefined) return false;
  try {
    return process.kill(-leader, signal);
  } catch {
    return false; // ESRCH: it ended a moment ago.
  }
}

/** The line itself where it is no JSON: whoever gets it refuses both alike. */
function parseReport(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return line; // told to the receiver as it is
  }
}

/** The process at the other end is gone: its exit tells. */
function ignoreBrokenPipe(): void {}
