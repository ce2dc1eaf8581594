/**
 * Takes one profile of the main thread from another thread, by the inspector, which interrupts even `for (;;);`, and writes it into a
 * new file. A thread of its own, started by `profiler.ts`: what a profile needs in memory is gone with it.
 *
 * The file is this user's alone. When anything fails it is removed again: what is there is complete.
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

if (parentPort === null) throw new Error('worker/profile-thread.js is a thread of the watchdog');
await tell(parentPort);

async function tell(port: MessagePort): Promise<void> {
  const ended = new Promise<void>((resolve) => port.on('message', resolve));
  port.postMessage(await take(workerData, ended));
  port.close();
}

/** Never rejects. */
async function take(order: ProfileOrder, ended: Promise<void>): Promise<ProfileOutcome> {
  const startedAt = performance.now();
  let file: number | undefined;
  try {
    file = openSync(order.file, 'wx', 0o600);
    if (order.kind === 'cpu') await writeCpuProfile(file, order.ms, ended);
    else await writeHeapSnapshot(file);
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
  const session = connect();
  const interval = Math.max(SHORTEST_INTERVAL_US, Math.ceil((ms * US_PER_MS) / MAX_SAMPLES));
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval });
  await session.post('Profiler.start');
  let timer: NodeJS.Timeout | undefined;
  const elapsed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([elapsed, ended]);
  clearTimeout(timer);
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  writeFileSync(file, JSON.stringify(profile));
}

/** It comes in pieces, each of which is written as it comes. */
async function writeHeapSnapshot(file: number): Promise<void> {
  const session = connect();
  let failure: unknown;
  session.on('HeapProfiler.addHeapSnapshotChunk', ({ params: { chunk } }) => {
    if (failure !== undefined) return;
    try {
      writeFileSync(file, chunk);
    } catch (error) {
      failure = error;
    }
  });
  await session.post('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
  session.disconnect();
  if (failure !== undefined) throw failure;
}

function connect(): Session {
  const session = new Session();
  session.connectToMainThread();
  return session;
}

function codeOf(error: unknown): string {
  const code: unknown = Reflect.get(Object(error), 'code');
  return typeof code === 'string' ? code : 'ZSCALE_ERR_PROFILE';
}
