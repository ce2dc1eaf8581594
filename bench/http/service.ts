/** A contender at work: its processes, from its start to its end. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Kind } from './cases.ts';

/** All that run, for an end before their time. */
const running = new Set<ChildProcess>();

/** Who serves, and where. */
export interface Service {
  readonly port: string;
  /** Who has the listening socket, and workers; node alone is both, and counts as the former. */
  readonly front: number;
  readonly workers: readonly number[];
  stop(): Promise<void>;
}

/** Starts one. @throws (rejects) Error when it does not begin to serve */
export async function startService(kind: Kind, workers: number): Promise<Service> {
  const server = startProgram(process.execPath, [fileOf('server'), kind, String(workers)]);
  const [, port = '', front = '', ...pids] = (await firstLine(server)).split(' ');
  return {
    ...{ port, front: Number(front), workers: pids.map(Number) },
    stop: async () => {
      const closed = server.exitCode === null && once(server, 'close');
      server.stdin?.end();
      await closed;
    },
  };
}

/** Starts a program whose output is read. It is told to end when this process ends. */
export function startProgram(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ZSCALE_LOG_LEVEL: 'warn' },
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

/** Where a program of this folder is. */
export function fileOf(name: string): string {
  return fileURLToPath(new URL(`./${name}.js`, import.meta.url));
}

/** What it prints first that begins so; nothing of the rest is missed. @throws (rejects) Error when it ends before */
export async function firstLine(child: ChildProcess, start = ''): Promise<string> {
  if (child.stdout === null) throw new Error('it was started with a pipe');
  for await (const text of createInterface({ input: child.stdout }))
    if (text.startsWith(start)) return text;
  throw new Error(`${child.spawnargs.join(' ')} ended without the word that was expected`);
}

/** Ends all at once; servers end theirs when their input does. */
export function endAll(): void {
  for (const child of running) {
    if (child.spawnargs.includes(fileOf('server'))) child.stdin?.destroy();
    else child.kill('SIGKILL');
  }
}
