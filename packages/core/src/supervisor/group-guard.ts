/**
 * A shell that ends a process group when the pipe to it closes, however this process ends.
 *
 *     this process                          a shell, in no group that is guarded
 *       -- `goodbye`, or just the end -->     waits for that, then kills the group
 *
 * It takes the place of the shell that every group has in itself (`command-process.ts`) when somebody killed that one alone.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';

/** Without a goodbye, the folder of the sockets goes as well: nobody else is left to remove it. */
const SCRIPT = `trap '' TERM INT HUP QUIT
read -r goodbye <&3 || rm -rf -- "$1"
kill -KILL "-$2"`;

const LIFELINE_FD = 3;

/**
 * Starts it; what is returned is this end of the pipe, which closes when there is no such shell any more, or never was. Write a line to have
 * the group killed and nothing else.
 *
 * @param group - the process id of its leader
 * @param folder - of the sockets of the service
 */
export function guardGroup(group: number, folder: string): Duplex | undefined {
  const shell: ChildProcess = spawn('/bin/sh', ['-c', SCRIPT, 'zscale', folder, String(group)], {
    detached: true,
    env: {},
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  shell.on('error', () => {}); // it could not be started: its pipe closes
  // A pipe, as `stdio` says: it can be read and written to.
  return (shell.stdio[LIFELINE_FD] as Duplex | null | undefined) ?? undefined;
}
