/**
 * Whether a worker's user can reach what a worker needs, and cannot reach what it must not: asked of the system by a process of that
 * user, before any worker starts, for only the system knows all of its rules.
 *
 * What is found is told as where on the path it fails, for that is what has to be mended.
 */

import { type ExecFileException, execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ZscaleError } from '../errors.ts';
import type { WorkerFooting, WorkerIdentity } from '../worker-identity.ts';

/** How workers are started. */
interface Start {
  readonly footing: WorkerFooting;
  /** Files that they cannot begin without; absolute. */
  readonly needs: readonly string[];
}

/** What else they need. */
export interface AccessNeeds {
  /** File URL of the module with the handler; undefined where there is none. */
  readonly module: string | undefined;
  /** The folder of the sockets, which need not be there yet; undefined where there is none. */
  readonly socketFolder: string | undefined;
}

/** What the process of that user is asked; `keep` are folders in which it must not be able to rename what is not its own. */
interface Question {
  readonly read: readonly string[];
  readonly enter: readonly string[];
  readonly keep: readonly string[];
}

/** What it answers: the first thing that is wrong. */
interface Finding {
  readonly kind: 'read' | 'enter' | 'keep';
  readonly path: string;
  /** The first folder of the path that stops it, or the path itself. */
  readonly at: string;
  readonly code: string;
}

const TIMEOUT_MS = 30_000;

/** Whose own everything is. */
const ROOT = 0;

/** Given as text: a file of ours may be what cannot be read. */
const PROGRAM = `
const fs = require('node:fs'), path = require('node:path');
const { R_OK, W_OK, X_OK } = fs.constants;
const { read, enter, keep } = JSON.parse(process.argv[1]);
function codeOf(file, mode) {
  try { fs.accessSync(file, mode); } catch (error) { return error.code; }
}
function above(file) {
  const parent = path.dirname(file);
  return parent === file ? [] : [...above(parent), parent];
}
function find(kind, file, mode) {
  const code = codeOf(file, mode);
  if (code === undefined) return;
  const at = above(file).find((folder) => codeOf(folder, X_OK) !== undefined) || file;
  return { kind, path: file, at, code };
}
function unsafe(folder) {
  const { uid, mode } = fs.statSync(folder);
  return uid === process.getuid() || (codeOf(folder, W_OK) === undefined && (mode & 0o1000) === 0);
}
function look() {
  for (const file of enter) { const found = find('enter', file, X_OK); if (found) return found; }
  for (const file of read) { const found = find('read', file, R_OK); if (found) return found; }
  for (const file of keep) {
    const real = fs.realpathSync(file);
    const at = [...above(file), file, ...above(real), real].find(unsafe);
    if (at !== undefined) return { kind: 'keep', path: file, at, code: 'EPERM' };
  }
}
console.log(JSON.stringify(look() || null));
`;

/**
 * Resolves when workers can begin so.
 *
 * @throws (rejects) ZscaleError `ZSCALE_ERR_OPTIONS` where they cannot, and `ZSCALE_ERR_LOAD` where that is for the module
 */
export async function checkAccess(
  { footing: { identity, cwd }, needs }: Start,
  { module: url, socketFolder }: AccessNeeds,
): Promise<void> {
  if (cwd !== undefined) refuseNoFolder(cwd);
  if (identity === undefined) return;
  const module = url === undefined ? undefined : fileURLToPath(url);
  const socketParent = socketFolder === undefined ? undefined : path.dirname(socketFolder);
  const parents = socketParent === undefined ? [] : [socketParent];
  const working = cwd ?? process.cwd();
  const found = await ask(identity, {
    enter: [working, ...parents],
    read: module === undefined ? needs : [...needs, module],
    keep: identity.uid === ROOT ? [] : parents,
  });
  if (found === undefined) return;
  const { kind, path: file, at, code } = found;
  // A module that is not there is told by whoever loads it.
  if (file === module && code === 'ENOENT') return;
  const who = identity.label;
  const where = at === file ? '' : `, because of ${at}`;
  if (kind === 'keep') {
    refuse(
      `the sockets of workers cannot be in ${file}: ${who} may rename what is in ${at}, and could put something else in its place. ` +
        'Set TMPDIR to a folder that only root can change, such as /run, or /tmp.',
    );
  }
  if (file === module) {
    throw new ZscaleError(
      'ZSCALE_ERR_LOAD',
      `${file} cannot be read by ${who}${where} (${code}). Put it where that user may read, such as /srv, or say another user.`,
    );
  }
  if (file === socketParent) {
    refuse(
      `${who} cannot enter ${file}${where} (${code}), where the sockets of workers would be. Set TMPDIR to a folder that it may enter, such as /tmp.`,
    );
  }
  if (kind === 'enter') {
    refuse(
      `cwd must be a folder that ${who} may enter; ${file} is none${where} (${code}). Say another one: --cwd (option cwd).`,
    );
  }
  refuse(
    `${file} cannot be read by ${who}${where} (${code}), and workers begin with it. Put it where that user may read, such as /srv, ` +
      'or say another user.',
  );
}

function refuseNoFolder(cwd: string): void {
  let code = 'ENOTDIR';
  try {
    if (statSync(cwd).isDirectory()) return;
  } catch (error) {
    code = String(Reflect.get(Object(error), 'code'));
  }
  refuse(`cwd must be a folder that is there; got ${JSON.stringify(cwd)} (${code}).`);
}

function ask(
  { uid, gid, label }: WorkerIdentity,
  question: Question,
): Promise<Finding | undefined> {
  const args = ['-e', PROGRAM, JSON.stringify(question)];
  const options = { uid, gid, cwd: '/', env: {}, timeout: TIMEOUT_MS };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, options, (error, answer) => {
      if (error === null)
        resolve((JSON.parse(answer) as Finding | null) ?? undefined); // of our own program
      else reject(cannotStart(error, label));
    });
  });
}

function cannotStart(cause: ExecFileException, who: string): ZscaleError {
  const { code } = cause;
  const advice =
    code === 'EACCES'
      ? `${process.execPath} has to be where that user may run it.`
      : 'The system must let this process change its user and group (CAP_SETUID, CAP_SETGID).';
  return new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    `no process of ${who} can be started (${code ?? cause.message}). ${advice}`,
    { cause },
  );
}

function refuse(message: string): never {
  throw new ZscaleError('ZSCALE_ERR_OPTIONS', message);
}
