/**
 * `zscale keygen`: makes a pair of CURVE keys in two files.
 *
 * The secret key is written to its file and shown nowhere.
 */
import { writeKeyFiles } from '@zscale/core';
import { curveKeyPair } from '@zscale/transport';
import { EXIT_CODES } from '../failure.ts';
import type { KeygenInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';

/**
 * Writes the files, says where they are, resolves with the exit code.
 *
 * @throws ZscaleError `EEXIST` when one of them exists; with the system's code when it cannot be written
 */
export async function keygen({ name, json }: KeygenInvocation, output: Output): Promise<number> {
  const keys = curveKeyPair();
  const { publicFile, secretFile } = writeKeyFiles(name, keys);
  const { publicKey } = keys;
  if (json) output.print(JSON.stringify({ publicKey, publicFile, secretFile }));
  else {
    output.print(
      `\n  public key  ${publicKey}\n` +
        `              in ${publicFile}, to be given to others\n` +
        `  secret key  in ${secretFile}, which only you can read\n`,
    );
  }
  return EXIT_CODES.ok;
}
