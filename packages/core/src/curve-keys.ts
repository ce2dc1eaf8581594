/**
 * CURVE keys as a service, a machine and a client are given them: in options, in files of their own, and in lists of those who
 * may come in.
 *
 * A key file is as CZMQ and pyzmq write it, so that their programs read ours and ours theirs:
 *
 *     metadata
 *     curve
 *         public-key = "40 characters of Z85"
 *         secret-key = "40 characters of Z85"          in NAME.key_secret, and not in NAME.key
 *
 * No error text here shows a key, nor a line of a file: it may be the secret one.
 */

import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { ZscaleError } from './errors.ts';

/** A public key and its secret key, 40 characters of Z85 each. */
export interface CurveKeys {
  readonly publicKey: string;
  readonly secretKey: string;
}

/** One's own pair of keys: a file that `zscale keygen` wrote, or both keys. */
export interface OwnCurveKeys {
  /** The file with both keys, `NAME.key_secret`. */
  readonly keyFile?: string | undefined;
  /** The public key, 40 characters of Z85; with `secretKey`, in place of `keyFile`. */
  readonly publicKey?: string | undefined;
  /** The secret key, 40 characters of Z85; with `publicKey`, in place of `keyFile`. */
  readonly secretKey?: string | undefined;
}

/** CURVE for a service: it encrypts, and proves who the service is. */
export interface CurveOptions extends OwnCurveKeys {
  /**
   * Who may be a client: public keys, files of public keys, folders of such files. Default: everybody who knows the service's
   * public key.
   */
  readonly allow?: string | readonly string[] | undefined;
  /**
   * Which machines and other workers may connect to `backend`, given as in `allow`. Default: those that have the service's own
   * pair of keys, which are always let in.
   */
  readonly allowWorkers?: string | readonly string[] | undefined;
}

/** CURVE for those who connect to a service. */
export interface CurvePeerOptions extends OwnCurveKeys {
  /**
   * The service's public key, 40 characters of Z85. A machine that has the service's own pair may leave it out, and a client may
   * leave its own pair out where the service lets every client in.
   */
  readonly serverKey?: string | undefined;
}

const KEY = /^[\w.:+=^!/*?&<>()[\]{}@%$#-]{40}$/;
const PUBLIC_KEY_LINE = /^\s*public-key\s*=\s*["']?([^\s"']{40})["']?\s*$/m;
const SECRET_KEY_LINE = /^\s*secret-key\s*=\s*["']?([^\s"']{40})["']?\s*$/m;
/** Lines of a key file that hold no key: a section, or a property such as `name = "..."`. */
const OTHER_LINE = /^(metadata|curve|[\w-]+\s*=.*)$/;
const LIST_FILE_MAX_BYTES = 1024 * 1024;

/** Whether a text looks like a key: 40 characters of Z85. */
export function isCurveKey(text: string): boolean {
  return KEY.test(text) && !text.includes('_');
}

/**
 * Writes `NAME.key_secret`, readable for this user only, and `NAME.key`. Neither may exist.
 *
 * @throws ZscaleError `EEXIST` when one does; with the system's code when it cannot be written.
 */
export function writeKeyFiles(
  name: string,
  { publicKey, secretKey }: CurveKeys,
): { readonly publicFile: string; readonly secretFile: string } {
  const publicFile = `${name}.key`;
  const secretFile = `${name}.key_secret`;
  mkdirSync(path.dirname(path.resolve(name)), { recursive: true });
  const head = 'metadata\ncurve\n';
  const publicLine = `    public-key = "${publicKey}"\n`;
  const secretLine = `    secret-key = "${secretKey}"\n`;
  writeNewFile(
    secretFile,
    `# A CURVE key pair. Whoever can read this file can pass for its owner.\n${head}${publicLine}${secretLine}`,
    0o600,
  );
  try {
    writeNewFile(
      publicFile,
      `# A public CURVE key, to be given to others.\n${head}${publicLine}`,
      0o644,
    );
  } catch (error) {
    rmSync(secretFile);
    throw error;
  }
  return { publicFile, secretFile };
}

/**
 * The pair of a service, and who may come in: clients (undefined for everybody), and workers beside those with the same pair.
 *
 * @throws ZscaleError `ZSCALE_ERR_OPTIONS` as {@link readOwnKeys}, and when there is no pair
 */
export function readServiceKeys(curve: CurveOptions): CurveKeys & {
  readonly clients: readonly string[] | undefined;
  readonly workers: readonly string[];
} {
  const keys = readOwnKeys(curve);
  if (keys === undefined) {
    refuse(
      'curve needs the keys of the service: keyFile, or publicKey and secretKey. Make a pair with zscale keygen.',
    );
  }
  const { allow, allowWorkers = [] } = curve;
  return {
    ...keys,
    clients: allow === undefined ? undefined : readAllowedKeys(allow),
    workers: readAllowedKeys(allowWorkers),
  };
}

/**
 * One's own pair, from a file or from options; undefined when neither was given.
 *
 * @throws ZscaleError `ZSCALE_ERR_OPTIONS` for half a pair, a file that cannot be read or holds no pair, or what is no key.
 */
export function readOwnKeys({
  keyFile,
  publicKey,
  secretKey,
}: OwnCurveKeys): CurveKeys | undefined {
  if (keyFile !== undefined) {
    if (publicKey !== undefined || secretKey !== undefined) {
      refuse('curve takes keyFile, or publicKey and secretKey; it was given both.');
    }
    return readKeyFile(keyFile);
  }
  if (publicKey === undefined && secretKey === undefined) return undefined;
  if (publicKey === undefined || secretKey === undefined) {
    const missing = publicKey === undefined ? 'publicKey' : 'secretKey';
    refuse(
      `curve needs both keys of a pair; ${missing} is missing. Make a pair with zscale keygen.`,
    );
  }
  return {
    publicKey: checkKey('publicKey', publicKey),
    secretKey: checkKey('secretKey', secretKey),
  };
}

/** @throws ZscaleError `ZSCALE_ERR_OPTIONS` for what is no key. */
export function checkKey(name: string, key: string): string {
  if (isCurveKey(key)) return key;
  refuse(
    `${name} of curve must be 40 characters of Z85; got ${key.length} of something else. ` +
      'It is the text between the quotation marks in NAME.key.',
  );
}

/**
 * The public keys that a list names: keys, files with one key a line or as `zscale keygen` writes them, folders of files `*.key`.
 *
 * @throws ZscaleError `ZSCALE_ERR_OPTIONS` for what cannot be read, holds no key, or holds anything else. So nobody is let in, and
 * nobody left out, by a slip of the keyboard.
 */
export function readAllowedKeys(list: string | readonly string[]): readonly string[] {
  const entries = typeof list === 'string' ? [list] : list;
  return [...new Set(entries.flatMap(keysOfEntry))];
}

function keysOfEntry(entry: string): readonly string[] {
  if (isCurveKey(entry)) return [entry];
  if (!isFolder(entry)) return keysOfFile(entry);
  const files = readdirSync(entry).filter((name) => name.endsWith('.key'));
  if (files.length === 0) refuse(`the folder ${entry} has no files *.key with public keys in it.`);
  return files.flatMap((name) => keysOfFile(path.join(entry, name)));
}

function keysOfFile(file: string): readonly string[] {
  const text = readText(file, 'a public key, or a file or folder of them');
  if (SECRET_KEY_LINE.test(text)) {
    refuse(`${file} holds a secret key. Allow the public one: NAME.key, not NAME.key_secret.`);
  }
  const keys: string[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const content = line.trim();
    const key = PUBLIC_KEY_LINE.exec(content)?.[1] ?? content;
    if (isCurveKey(key)) keys.push(key);
    else if (content !== '' && !content.startsWith('#') && !OTHER_LINE.test(content)) {
      refuse(`line ${i + 1} of ${file} is no public key: those are 40 characters of Z85.`);
    }
  }
  if (keys.length === 0) refuse(`${file} holds no public key.`);
  return keys;
}

function readKeyFile(file: string): CurveKeys {
  const text = readText(file, 'the file of a key pair');
  const publicKey = PUBLIC_KEY_LINE.exec(text)?.[1];
  const secretKey = SECRET_KEY_LINE.exec(text)?.[1];
  if (publicKey === undefined || secretKey === undefined) {
    const missing = publicKey === undefined ? 'public-key' : 'secret-key';
    refuse(`${file} has no ${missing}. Give the file NAME.key_secret that zscale keygen wrote.`);
  }
  return {
    publicKey: checkKey('public-key', publicKey),
    secretKey: checkKey('secret-key', secretKey),
  };
}

function isFolder(entry: string): boolean {
  return statSync(entry, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function readText(file: string, expected: string): string {
  try {
    if (statSync(file).size > LIST_FILE_MAX_BYTES) refuse(`${file} is too large for ${expected}.`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof ZscaleError) throw error;
    const reason = codeOf(error);
    // Text that is no name of a file may be a key with a character missing.
    const shown = reason === 'ENOENT' && !/[./]/.test(file.slice(0, 2)) ? 'what was given' : file;
    return refuse(`${shown} cannot be read as ${expected} (${reason}).`);
  }
}

function writeNewFile(file: string, text: string, mode: number): void {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'wx', mode);
  } catch (error) {
    const code = codeOf(error);
    const advice =
      code === 'EEXIST'
        ? 'a key is never overwritten: choose another name, or move that file away'
        : 'choose a folder that can be written to';
    throw new ZscaleError(code, `${file} cannot be written (${code}): ${advice}.`, {
      cause: error,
    });
  }
  try {
    writeSync(descriptor, text);
  } finally {
    closeSync(descriptor);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'EIO';
}

function refuse(message: string): never {
  throw new ZscaleError('ZSCALE_ERR_OPTIONS', message);
}
