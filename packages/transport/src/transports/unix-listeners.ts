/** Who listens on Unix domain sockets on this machine, as Linux tells it (proc_net_unix(5)): without a connection, and at once. */

import { type BigIntStats, lstatSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

const TABLE = '/proc/net/unix';
/** Columns: number, references, protocol, flags, type, state, inode, path. */
const LINE = /^\S+ \S+ \S+ (\S+) \S+ \S+ +\d+ (.+)$/;
/** `__SO_ACCEPTCON` of the flags: it listens. */
const LISTENS = 0x10000;

/** Paths that are listened on, as they were bound; abstract names start with `@`. Undefined where the system has no such table. */
export function unixListeners(): readonly string[] | undefined {
  let table: string;
  try {
    table = readFileSync(TABLE, 'utf8');
  } catch {
    return undefined; // not Linux, or not shown to us: the caller is told so
  }
  const paths: string[] = [];
  for (const line of table.split('\n')) {
    const [, flags = '', path = ''] = LINE.exec(line) ?? [];
    if ((Number.parseInt(flags, 16) & LISTENS) !== 0) paths.push(path);
  }
  return paths;
}

/**
 * Whether somebody listens at a socket file. In doubt, as with a relative path of which nobody knows from where, it says yes.
 *
 * @returns undefined where it cannot be told.
 */
export function listensAt(path: string): boolean | undefined {
  const listeners = unixListeners();
  if (listeners === undefined) return undefined;
  const own = fileAt(path);
  return listeners.some((each) => {
    if (!each.startsWith('/')) return basename(each) === basename(path);
    const other = fileAt(each);
    return other !== undefined && other.ino === own?.ino && other.dev === own.dev;
  });
}

/**
 * What is at a path. By `bigint`, for of the other form Node 20 remembers the last answer, and as long as that was a socket, `import`
 * follows no symbolic link: a package that pnpm installed would not find its own dependencies.
 */
export function fileAt(path: string): BigIntStats | undefined {
  return lstatSync(path, { throwIfNoEntry: false, bigint: true });
}
