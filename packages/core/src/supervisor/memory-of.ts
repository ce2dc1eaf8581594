/** How much memory another process has: asked from outside, because a worker that computes answers nobody. */

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const KIB = 1024;
/** `ps` is asked where there is no /proc, and must not hang the one who asks. */
const PS_TIMEOUT_MS = 5000;
const run = promisify(execFile);

/** Resident memory in bytes; undefined when it cannot be known, as of a process that is gone. */
export async function memoryOf(pid: number): Promise<number | undefined> {
  try {
    const text = process.platform === 'linux' ? await fromProc(pid) : await fromPs(pid);
    const kib = Number(/(\d+)/.exec(text)?.[1]);
    return Number.isFinite(kib) ? kib * KIB : undefined;
  } catch {
    return undefined; // it is gone, or this system tells nobody
  }
}

async function fromProc(pid: number): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1');
  return /^VmRSS:.*$/m.exec(status)?.[0] ?? '';
}

async function fromPs(pid: number): Promise<string> {
  const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)], { timeout: PS_TIMEOUT_MS });
  return stdout;
}
