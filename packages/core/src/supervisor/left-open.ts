/**
 * Descriptors that whoever started this process left open: a process of Node passes them on to each of its children, as it was not asked
 * to open them. A worker of another user gets nothing in their place.
 */

import { openSync, readdirSync, readFileSync } from 'node:fs';
import { devNull } from 'node:os';
import type { WorkerFooting } from '../worker-identity.ts';

const OWN = '/proc/self';
/** Of a descriptor that no child gets, as everything is that Node opens (open(2)). */
const CLOSES_ON_EXEC = 0o2000000;
/** Whoever leaves one open with a higher number knows what he does. */
const HIGHEST = 4096;
/** Open from when it is first needed on. */
let nothing: number | undefined;

/**
 * What stands behind `own` in the `stdio` of such a child, so that it inherits nothing else. Nothing where the system does not tell what
 * is open (there is no /proc).
 *
 * @param own how many descriptors are meant for it
 */
export function nothingElse(own: number, { identity }: WorkerFooting): number[] {
  if (identity === undefined) return [];
  const last = Math.max(own - 1, ...leftOpen());
  // 'ignore' would do for the first three alone.
  nothing ??= openSync(devNull, 'r');
  return Array<number>(last + 1 - own).fill(nothing);
}

function leftOpen(): number[] {
  try {
    return readdirSync(`${OWN}/fd`)
      .map(Number)
      .filter((fd) => fd <= HIGHEST && isLeftOpen(fd));
  } catch {
    return []; // there is no /proc
  }
}

function isLeftOpen(fd: number): boolean {
  try {
    const [, flags = '0'] =
      /^flags:\s*(\d+)/m.exec(readFileSync(`${OWN}/fdinfo/${fd}`, 'utf8')) ?? [];
    return (Number.parseInt(flags, 8) & CLOSES_ON_EXEC) === 0;
  } catch {
    return false; // that of the listing itself, which is closed again
  }
}
