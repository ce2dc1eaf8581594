/**
 * Where control sockets are, so that a command finds the supervisors of this user without being told.
 *
 *     $XDG_RUNTIME_DIR/zscale/NAME.sock        where there is such a folder of this user
 *     $TMPDIR/zscale-UID/NAME.sock             elsewhere
 *     .../NAME~2.sock                          a second supervisor of that name
 *
 * Folders have mode 0700 and belong to the user, or they are not used: whoever may connect there may stop the service. What a
 * killed supervisor left behind is removed by the next one that wants the name (the ipc transport does), and passed over by those
 * who look.
 */

import { lstatSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ZscaleError } from '../errors.ts';

/** The longest path of a Unix domain socket, in bytes, on the system with the shortest (macOS). */
const MAX_SOCKET_PATH_BYTES = 103;
const ENDING = '.sock';
const OTHERS = 0o077;
/** Names are tried so often: `api`, `api~2` ... */
const MAX_NAMESAKES = 256;

/** A socket that is there; whether somebody answers at it is not known yet. */
export interface ControlPath {
  /** The supervisor's name, with `~2` for a second one. */
  readonly name: string;
  readonly path: string;
}

/** Where sockets may be, the best first. */
export function controlFolders(environment: NodeJS.ProcessEnv = process.env): readonly string[] {
  const { XDG_RUNTIME_DIR: runtime } = environment;
  const own = path.join(tmpdir(), `zscale-${process.getuid?.() ?? 'user'}`);
  if (runtime === undefined || !path.isAbsolute(runtime)) return [own];
  return [path.join(runtime, 'zscale'), own];
}

/**
 * Makes the folder if need be, and gives the first that is ours alone.
 *
 * @throws ZscaleError with the system's code, or `EACCES`, when there is none
 */
export function makeControlFolder(folders: readonly string[] = controlFolders()): string {
  let cause: unknown;
  for (const folder of folders) {
    try {
      mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') {
        cause = error;
        continue;
      }
    }
    if (isOursAlone(folder)) return folder;
  }
  throw new ZscaleError(
    codeOf(cause) ?? 'EACCES',
    `there is no folder for a control socket: ${folders.join(', ')} cannot be made, or is not this user's alone (mode 0700). ` +
      'Give a path (option control), or switch it off.',
    { cause },
  );
}

/** Removes a folder made so, unless other supervisors have their sockets in it. */
export function removeControlFolder(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // ENOTEMPTY, most often: it is still needed; in any other case it does no harm where it is.
  }
}

/** The paths that a supervisor of this name may listen at, in the order in which it tries. */
export function* controlPaths(folder: string, name: string): Generator<ControlPath> {
  for (let number = 1; number <= MAX_NAMESAKES; number += 1) {
    const own = number === 1 ? name : `${name}~${number}`;
    const socket = path.join(folder, own + ENDING);
    if (Buffer.byteLength(socket) > MAX_SOCKET_PATH_BYTES) {
      throw new ZscaleError(
        'ENAMETOOLONG',
        `the path of the control socket is too long for a socket: ${socket}. Set XDG_RUNTIME_DIR or TMPDIR to a shorter one, ` +
          'or give a path (option control).',
      );
    }
    yield { name: own, path: socket };
  }
}

/** Every socket in the folders that are ours, by name. */
export function listControlPaths(
  folders: readonly string[] = controlFolders(),
): readonly ControlPath[] {
  return folders
    .filter(isOursAlone)
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((file) => file.endsWith(ENDING))
        .map((file) => ({ name: file.slice(0, -ENDING.length), path: path.join(folder, file) })),
    )
    .sort((one, other) => one.name.localeCompare(other.name));
}

/** Not a link, of this user, and closed to all others. */
function isOursAlone(folder: string): boolean {
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  if (stats === undefined || !stats.isDirectory()) return false;
  return stats.uid === (process.getuid?.() ?? stats.uid) && (stats.mode & OTHERS) === 0;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
