/**
 * The thread that watches over a worker process from beside its event loop. `lifeline.ts` starts it.
 *
 * - The supervisor is gone: it ends the process, also while the handler blocks the main thread.
 * - The event loop has stood still for `hangTimeout`: it tells the supervisor, says where the main
 *   thread is, and leaves it to the supervisor to end the process.
 * - The supervisor wants to hear that the process is not stopped as a whole (SIGSTOP): it says so again and again.
 * - The supervisor asks for a profile: `profiler.ts` has it taken, and meanwhile nothing has hung.
 *
 * Time counts by the turns of this thread, so that a process which was stopped as a whole (SIGSTOP, a
 * laptop that slept) has not hung for that long; and a main thread that is stopped in a debugger has
 * not hung at all.
 */

import { fstatSync, rmSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { workerData } from 'node:worker_threads';
import { type FromWatchdog, WATCHDOG_FD } from '../messages/process-message.ts';
import { parseToWatchdog } from '../messages/profile-message.ts';
import type { Profiler } from './profiler.ts';
import { BEATING, BEATS, beatOf, type Pulse, STATE } from './pulse.ts';

const POLL_MS = 500;

/**
 * The parent must be missed this often: a main thread that is not stuck exits by itself meanwhile.
 */
const MISSES = 2;

/** One turn of this thread counts for no more than so many of what it should have been. */
const LATE_TURNS = 2;

/** How long the supervisor may take to end the process that hangs, in ms. */
const PATIENCE_MS = 10_000;

/** What the thread is told. */
export interface WatchdogData {
  /** The process id of the supervisor. A process whose parent died is given another parent. */
  readonly parent: number;
  /** What to remove on the way out. */
  readonly folders: readonly string[];
  readonly pulse: Pulse;
  /** How long the pulse may stand still, in ms; Infinity: for ever. */
  readonly hangTimeout: number;
  /** Whether the supervisor is told again and again that the process is not stopped. */
  readonly saysAlive: boolean;
}

const { parent, folders, pulse, hangTimeout, saysAlive }: WatchdogData = workerData;
/** Made when a profile is asked for. */
let profiler: Profiler | undefined;
let misses = 0;
/** Of the pipe, whose descriptor may be another file's afterwards. */
let isClosed = false;

setInterval(() => {
  misses = process.ppid === parent ? 0 : misses + 1;
  if (misses < MISSES) return;
  try {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  } finally {
    endProcess();
  }
}, POLL_MS);

listen();
if (hangTimeout !== Number.POSITIVE_INFINITY) {
  watchPulse(beatOf(hangTimeout));
  if (saysAlive) sayAlive(beatOf(hangTimeout));
}

function sayAlive(every: number): void {
  say({ type: 'alive' });
  setInterval(say, every, { type: 'alive' });
}

function watchPulse(every: number): void {
  let beats = 0;
  let stalled = 0;
  let last = performance.now();
  let isTold = false;
  setInterval(() => {
    const now = performance.now();
    const turn = Math.min(now - last, LATE_TURNS * every);
    last = now;
    const present = Atomics.load(pulse, BEATS);
    if (present !== beats || Atomics.load(pulse, STATE) !== BEATING) {
      beats = present;
      stalled = 0;
      isTold = false;
      return;
    }
    if (profiler?.isAtWork === true) return;
    stalled += turn;
    if (stalled < hangTimeout || isTold) return;
    isTold = true;
    void tell(Math.round(stalled));
  }, every);
}

async function tell(stalled: number): Promise<void> {
  say({ type: 'stalled', ms: stalled });
  // Not before it is needed: it takes memory.
  const { captureMainThread } = await import('./stack-capture.ts');
  const { stack, isDebugged } = await captureMainThread();
  if (isDebugged) {
    say({ type: 'debugged' });
    return;
  }
  say({ type: 'hung', ms: stalled, ...(stack !== undefined && { stack }) });
  setTimeout(endProcess, PATIENCE_MS);
}

/** Hears what the supervisor wants. It never closes the pipe: that ends with the process. */
function listen(): void {
  if (!fstatSync(WATCHDOG_FD).isSocket()) return;
  const pipe = new Socket({ fd: WATCHDOG_FD, readable: true, writable: true, allowHalfOpen: true });
  let unread = '';
  pipe.setEncoding('utf8').on('data', (text: string) => {
    const lines = (unread + text).split('\n');
    unread = lines.pop() ?? '';
    for (const line of lines) void obey(line);
  });
  pipe.on('error', () => {}); // The supervisor is gone, which is noticed by its process id.
  pipe.on('close', () => {
    isClosed = true;
  });
}

async function obey(line: string): Promise<void> {
  const message = parseToWatchdog(line);
  // Not before it is needed: it takes memory.
  const { Profiler } = await import('./profiler.ts');
  profiler ??= new Profiler(say);
  profiler.obey(message);
}

function say(message: FromWatchdog): void {
  if (isClosed) return;
  try {
    writeSync(WATCHDOG_FD, `${JSON.stringify(message)}\n`);
  } catch {
    // Nobody listens any more; without a supervisor the process ends anyway.
  }
}

function endProcess(): void {
  process.kill(process.pid, 'SIGKILL');
}
