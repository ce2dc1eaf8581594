/**
 * `zscale` in a process of its own, as a soak run starts it.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../packages/cli/bin/zscale.js', import.meta.url));

/** Starts `zscale`, and resolves with its process when it says that it serves. Rejects when it ends before. */
export async function startZscale(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<ChildProcess> {
  const child = spawn(process.execPath, [BIN, ...args], {
    env: { ...process.env, ZSCALE_LOG_LEVEL: 'silent', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('Ctrl-C')) resolve();
    });
    child.once('exit', (code, signal) =>
      reject(new Error(`${args.join(' ')}: ended with ${code ?? signal} before it served`)),
    );
  });
  return child;
}
