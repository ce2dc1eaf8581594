/** libzmq in C: builds bench/peers/libzmq.c where there is a C compiler and libzmq's headers. */

import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findProgram } from './programs.ts';

/** The program and the version of libzmq that it uses, or why there is none. */
export type Libzmq =
  | { readonly program: string; readonly version: string }
  | { readonly reason: string };

const SOURCE = fileURLToPath(new URL('../../peers/libzmq.c', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../libzmq', import.meta.url));
const BUILD_TIMEOUT_MS = 60_000;
const VERSION_TIMEOUT_MS = 5000;

/** Builds it, unless it is there and not older than its source. */
export function buildLibzmq(): Libzmq {
  if (!isFresh()) {
    const compiler = findProgram('cc');
    if (compiler === undefined) return { reason: 'there is no C compiler (cc)' };
    const { status, stderr, error } = spawnSync(
      compiler,
      ['-O2', '-o', PROGRAM, SOURCE, '-lzmq', '-lpthread'],
      { encoding: 'utf8', timeout: BUILD_TIMEOUT_MS },
    );
    if (status !== 0) return { reason: whyNotBuilt(error?.message ?? stderr) };
  }
  const { status, stdout, stderr } = spawnSync(PROGRAM, ['version'], {
    encoding: 'utf8',
    timeout: VERSION_TIMEOUT_MS,
  });
  if (status !== 0) return { reason: `${PROGRAM} does not run: ${stderr.trim()}` };
  return { program: PROGRAM, version: stdout.trim() };
}

function isFresh(): boolean {
  return existsSync(PROGRAM) && statSync(PROGRAM).mtimeMs >= statSync(SOURCE).mtimeMs;
}

function whyNotBuilt(text: string): string {
  if (/zmq\.h|-lzmq/.test(text))
    return 'there is no libzmq for C (Debian: apt-get install libzmq3-dev)';
  return `it could not be built: ${text.trim().split('\n', 1)[0]}`;
}
