/**
 * CPU time of processes, as Linux tells it in /proc: the same way for Node, C and Erlang. Elsewhere it is not known (NaN).
 *
 * /proc/PID/task/TID/schedstat begins with nanoseconds on a CPU; where the kernel does not keep it, /proc/PID/stat has ticks.
 */

import { readdirSync, readFileSync } from 'node:fs';

/** Linux tells programs ticks of 1/100 s whatever its own clock does (USER_HZ). */
const TICK_MS = 10;

/** CPU time that these processes have used so far, in ms. */
export function cpuTimeOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (scheduledTime(pid) ?? tickTime(pid) ?? Number.NaN), 0);
}

/** These processes and all that they and their children have started. */
export function familyOf(pids: readonly number[]): readonly number[] {
  const family = [...pids];
  const parents = parentsOfAll();
  for (let i = 0; i < family.length; i++) {
    for (const [pid, parent] of parents) if (parent === family[i]) family.push(pid);
  }
  return family;
}

function scheduledTime(pid: number): number | undefined {
  const threads = list(`/proc/${pid}/task`);
  if (threads.length === 0) return undefined;
  let nanoseconds = 0;
  for (const thread of threads) {
    const text = read(`/proc/${pid}/task/${thread}/schedstat`);
    if (text !== undefined) nanoseconds += Number(text.split(' ', 1)[0]);
    else if (thread === String(pid)) return undefined; // not kept; of other threads: it has just ended
  }
  return nanoseconds / 1e6;
}

function tickTime(pid: number): number | undefined {
  const fields = statFields(pid);
  return fields && (Number(fields[11]) + Number(fields[12])) * TICK_MS; // utime and stime
}

function parentsOfAll(): Map<number, number> {
  const parents = new Map<number, number>();
  for (const name of list('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const fields = statFields(pid);
    if (fields !== undefined) parents.set(pid, Number(fields[1]));
  }
  return parents;
}

/** Of /proc/PID/stat what stands behind the program's name, which may hold anything: state, parent ... */
function statFields(pid: number): readonly string[] | undefined {
  const text = read(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // no such process, or no /proc
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // no such process, or no /proc
  }
}
