/**
 * Takes one profile of the main thread from another thread, by the inspector, which interrupts even `for (;;);`, and writes it into a
 * new file. A thread of its own, started by `profiler.ts`: what a profile needs in memory is gone with it.
 *
 * The file is this user's alone. When anything fails it is removed again: what is there is complete.
 *
 *     taking --'end'--> written early     'leave' --> the thread ends
 *       '---'abandon'--> nobody waits for it any more: no file
 *
 * It ends only when it is told to. The main thread lets go of a session some time after it was closed, and tells the thread that had
 * it: were that gone by then, Node would abort the whole process.
 */

import { closeSync, fstatSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { ProfileOrder, ProfileOutcome } from '../messages/profile-message.ts';

/** A long profile looks less often, so that it has at most about so many samples. */
const MAX_SAMPLES = 60_000;
/** As Node's own `--cpu-prof`. */
const SHORTEST_INTERVAL_US = 1000;
const US_PER_MS = 1000;

/** What the thread is told. */
export type ToProfileThread = 'end' | 'abandon' | 'leave';

if (parentPort === null) throw new Error('worker/profile-thread.js is a thread of the watchdog');
let isAbandoned = false;
await tell(parentPort, workerData);

async function tell(port: MessagePort, order: ProfileOrder): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    port.on('message', (told: ToProfileThread) => {
      if (told === 'leave') port.close();
      if (told === 'abandon') {
        isAbandoned = true;
        rmSync(order.file, { force: true });
      }
      resolve();
    });
  });
  port.postMessage(await take(order, ended));
}

/** Never rejects. */
async function take(order: ProfileOrder, ended: Promise<void>): Promise<ProfileOutcome> {
  const startedAt = performance.now();
  let file: number | undefined;
  try {
    file = openSync(order.file, 'wx', 0o600);
    if (order.kind === 'cpu') await writeCpuProfile(file, order.ms, ended);
    else await writeHeapSnapshot(file);
    if (isAbandoned) throw new Error('it took too long');
    const { size } = fstatSync(file);
    return { type: 'profiled', bytes: size, ms: Math.round(performance.now() - startedAt) };
  } catch (error) {
    if (file !== undefined) rmSync(order.file, { force: true });
    return { type: 'profile-failed', code: codeOf(error), message: String(error) };
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

async function writeCpuProfile(file: number, ms: number, ended: Promise<void>): Promise<void> {
  const interval = Math.max(SHORTEST_INTERVAL_US, Math.ceil((ms * US_PER_MS) / MAX_SAMPLES));
  const profile = await withSession(async (session) => {
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval });
    await session.post('Profiler.start');
    let timer: NodeJS.Timeout | undefined;
    const elapsed = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([elapsed, ended]);
    clearTimeout(timer);
    return (await session.post('Profiler.stop')).profile;
  });
  if (!isAbandoned) writeFileSync(file, JSON.stringify(profile));
}

/** It comes in pieces, each of which is written as it comes. */
async function writeHeapSnapshot(file: number): Promise<void> {
  let failure: unknown;
  await withSession(async (session) => {
    session.on('HeapProfiler.addHeapSnapshotChunk', ({ params: { chunk } }) => {
      if (failure !== undefined || isAbandoned) return;
      try {
        writeFileSync(file, chunk);
      } catch (error) {
        failure = error;
      }
    });
    await session.post('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
  });
  if (failure !== undefined) throw failure;
}

/** A session with the main thread, which is closed however it goes. */
async function withSession<T>(use: (session: Session) => Promise<T>): Promise<T> {
  const session = new Session();
  session.connectToMainThread();
  try {
    return await use(session);
  } finally {
    session.disconnect();
  }
}

function codeOf(error: unknown): string {
  const code: unknown = Reflect.get(Object(error), 'code');
  return typeof code === 'string' ? code : 'ZSCALE_ERR_PROFILE';
}
