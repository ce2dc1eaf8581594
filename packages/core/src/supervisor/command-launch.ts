/**
 * How a worker that is not Node is started: which words, which environment. Pure.
 *
 * A Python program gets the folder of `sitecustomize.py` on its path, which takes over its bind; any
 * other command is told by `ZSCALE_BACKEND` where to connect a REP socket.
 */

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { environmentOf, type WorkerFooting } from '../worker-identity.ts';
import { withoutServiceManager } from './systemd-notifier.ts';

/** The same from the sources and from what was built. */
const PYTHON_FOLDER = fileURLToPath(new URL('../../python', import.meta.url));

/**
 * A shell that is sent SIGTERM with all of its group stays until what it runs has ended in order: it
 * would go at once, and with it the worker would count as gone. What it runs gets SIGTERM as ever.
 */
const WAITS_AT_THE_END = "trap 'exit 143' TERM\n";

/** The descriptor over which a worker reports; see `command-process.ts`. */
export const REPORT_FD = 3;

/** What is the same for each worker of a service that is not Node. */
export interface CommandLaunch {
  /** The command and its arguments, as `execvp` takes them. */
  readonly words: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly footing: WorkerFooting;
  /** Files that it cannot begin without. */
  readonly needs: readonly string[];
}

/** Additions of the user's, and how the process begins. */
export interface CommandOptions extends WorkerFooting {
  readonly env: Readonly<Record<string, string>>;
  /** Arguments of the program. */
  readonly args: readonly string[];
  /** The interpreter; undefined for the one of the environment. */
  readonly python: string | undefined;
}

/**
 * A Python program that is left as it is.
 *
 * @param file - its path
 * @param hasOwnAddress - whether it was said where clients connect, so that what the program asks
 *   for does not matter
 */
export function launchPython(
  file: string,
  env: NodeJS.ProcessEnv,
  options: CommandOptions,
  hasOwnAddress: boolean,
): CommandLaunch {
  const footing = footingOf(options);
  const merged = { ...environmentOf(withoutServiceManager(env), footing), ...options.env };
  const { PYTHONPATH, PYTHONUNBUFFERED = '1' } = merged;
  return {
    words: [fromHere(options.python ?? defaultPython(merged)), file, ...options.args],
    env: {
      ...merged,
      PYTHONPATH: PYTHONPATH ? `${PYTHON_FOLDER}${path.delimiter}${PYTHONPATH}` : PYTHON_FOLDER,
      // What is printed comes when it is printed, and is not lost with a process that is killed.
      PYTHONUNBUFFERED,
      ZSCALE_REPORT_FD: String(REPORT_FD),
      ...(hasOwnAddress && { ZSCALE_OWN_ADDRESS: '1' }),
    },
    footing,
    needs: [file, path.join(PYTHON_FOLDER, 'sitecustomize.py')],
  };
}

/** Any command, as `sh -c` understands it. */
export function launchCommand(
  command: string,
  env: NodeJS.ProcessEnv,
  options: Pick<CommandOptions, 'env'> & WorkerFooting,
): CommandLaunch {
  const footing = footingOf(options);
  return {
    words: ['/bin/sh', '-c', WAITS_AT_THE_END + command],
    env: { ...environmentOf(withoutServiceManager(env), footing), ...options.env },
    footing,
    needs: [],
  };
}

function footingOf({ identity, cwd, umask }: WorkerFooting): WorkerFooting {
  return { identity, cwd, umask };
}

/** A worker may start in another folder; a name is looked for on PATH. */
function fromHere(program: string): string {
  return program.includes(path.sep) ? path.resolve(program) : program;
}

/** As a shell with the same environment would find it. */
function defaultPython({ ZSCALE_PYTHON, VIRTUAL_ENV }: NodeJS.ProcessEnv): string {
  if (ZSCALE_PYTHON) return ZSCALE_PYTHON;
  return VIRTUAL_ENV ? path.join(VIRTUAL_ENV, 'bin', 'python') : 'python3';
}
