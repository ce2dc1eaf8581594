/*
 * CURVE keys in files, in lists and in options.
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { curveKeyPair } from '@zscale/transport';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isCurveKey,
  readAllowedKeys,
  readOwnKeys,
  writeKeyFiles,
} from '../../packages/core/src/curve-keys.ts';
import { freshFolder } from '../support/programs.ts';

const pair = curveKeyPair();
const other = curveKeyPair();

/** A file with this text in it. */
function fileOf(text: string): string {
  const file = join(freshFolder(), 'keys');
  writeFileSync(file, text);
  return file;
}

/** The error of a call, whose text has no key in it. */
function refusal(call: () => unknown): { code: string; message: string } {
  try {
    call();
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    for (const key of [pair.secretKey, pair.publicKey, other.secretKey]) {
      expect(message).not.toContain(key);
      expect(message).not.toContain(key.slice(0, 20));
    }
    return { code, message };
  }
  throw new Error('nothing was refused');
}

describe('key files', () => {
  it('are a secret one that only its owner can read, and a public one', () => {
    const name = join(freshFolder(), 'keys', 'service');
    const { publicFile, secretFile } = writeKeyFiles(name, pair);
    expect(statSync(secretFile).mode & 0o777).toBe(0o600);
    expect(readFileSync(publicFile, 'utf8')).not.toContain(pair.secretKey);
    expect(readOwnKeys({ keyFile: secretFile })).toEqual(pair);
    expect(readAllowedKeys(publicFile)).toEqual([pair.publicKey]);
  });

  it('are never overwritten, neither of them', () => {
    for (const ending of ['key', 'key_secret']) {
      const name = join(freshFolder(), 'service');
      writeFileSync(`${name}.${ending}`, 'mine');
      expect(refusal(() => writeKeyFiles(name, pair)).code).toBe('EEXIST');
      expect(readFileSync(`${name}.${ending}`, 'utf8')).toBe('mine');
      const otherEnding = ending === 'key' ? 'key_secret' : 'key';
      expect(statSync(`${name}.${otherEnding}`, { throwIfNoEntry: false })).toBeUndefined();
    }
  });

  it('of CZMQ and pyzmq are read too', () => {
    const text = `#   ****  Generated on 2026-11-28 by pyzmq  ****
#   ZeroMQ CURVE **Secret** Certificate

metadata
    name = "somebody"
curve
    public-key = "${pair.publicKey}"
    secret-key = "${pair.secretKey}"
`;
    expect(readOwnKeys({ keyFile: fileOf(text) })).toEqual(pair);
    const publicOnly = text.replace(/ +secret-key.*\n/, '');
    expect(readAllowedKeys(fileOf(publicOnly))).toEqual([pair.publicKey]);
  });

  it.each([
    ['', /no public-key/],
    [`public-key = "${pair.publicKey}"`, /no secret-key/],
    [
      `public-key = "${pair.publicKey}"\nsecret-key = "${pair.secretKey.slice(1)}"`,
      /no secret-key/,
    ],
  ])('without both keys are refused, and no key is shown: %#', (text, message) => {
    const { code, message: said } = refusal(() => readOwnKeys({ keyFile: fileOf(text) }));
    expect(code).toBe('ZSCALE_ERR_OPTIONS');
    expect(said).toMatch(message);
  });

  it('that are not there are named', () => {
    expect(refusal(() => readOwnKeys({ keyFile: './nowhere.key_secret' })).message).toBe(
      './nowhere.key_secret cannot be read as the file of a key pair (ENOENT).',
    );
  });
});

describe('own keys', () => {
  it('are a file, or both keys of a pair, and not half of one', () => {
    expect(readOwnKeys(pair)).toEqual(pair);
    expect(readOwnKeys({})).toBeUndefined();
    const { publicKey, secretKey } = pair;
    expect(refusal(() => readOwnKeys({ publicKey })).message).toMatch(/secretKey is missing/);
    expect(refusal(() => readOwnKeys({ secretKey })).message).toMatch(/publicKey is missing/);
    expect(refusal(() => readOwnKeys({ keyFile: 'a', secretKey })).message).toMatch(/both/);
    expect(refusal(() => readOwnKeys({ publicKey, secretKey: `${secretKey}x` })).message).toMatch(
      /40 characters/,
    );
  });
});

describe('a list of allowed keys', () => {
  it('has keys, files and folders of files in it', () => {
    const folder = freshFolder();
    mkdirSync(join(folder, 'machines'));
    writeKeyFiles(join(folder, 'machines', 'a'), pair); // its secret file is no *.key
    const lines = fileOf(`# who may come\n\n${other.publicKey}\n  ${pair.publicKey}  \n`);
    const third = curveKeyPair().publicKey;
    expect(readAllowedKeys([third, join(folder, 'machines'), lines])).toEqual([
      third,
      pair.publicKey,
      other.publicKey,
    ]);
    expect(readAllowedKeys([])).toEqual([]);
  });

  it('is refused with anything else in it, so that a slip lets nobody in and leaves nobody out', () => {
    const folder = freshFolder();
    const { secretFile } = writeKeyFiles(join(folder, 'a'), pair);
    expect(refusal(() => readAllowedKeys(secretFile)).message).toMatch(/holds a secret key/);
    const short = `${other.publicKey}\n${pair.publicKey.slice(1)}\n`;
    expect(refusal(() => readAllowedKeys(fileOf(short))).message).toMatch(/^line 2 of/);
    expect(refusal(() => readAllowedKeys(fileOf('# nobody\n'))).message).toMatch(/no public key/);
    expect(refusal(() => readAllowedKeys(freshFolder())).message).toMatch(/no files \*\.key/);
    const mistyped = pair.publicKey.slice(1).replaceAll(/[./]/g, 'x');
    expect(refusal(() => readAllowedKeys(mistyped)).message).toMatch(/^what was given cannot/);
  });
});

it('a key is 40 characters of Z85, and every pair has two', () => {
  expect([pair.publicKey, pair.secretKey].map(isCurveKey)).toEqual([true, true]);
  fc.assert(
    fc.property(fc.string({ minLength: 40, maxLength: 40 }), (text) => {
      expect(isCurveKey(text)).toBe(/^[0-9a-zA-Z.\-:+=^!/*?&<>()[\]{}@%$#]{40}$/.test(text));
    }),
  );
});
