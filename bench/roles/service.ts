/**
 * zscale's own queue and its workers, by the command, as it is used: `zscale run`, with supervisor and queue in its process.
 * Arguments: `workers`; `handler`, by default the one that returns what it gets.
 */

import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { findGiven, givenNumber, listen, sayReady } from './line.ts';

listen();
const manifest = createRequire(import.meta.url).resolve('@zscale/cli/package.json');
const handler = new URL(`./${findGiven('handler') ?? 'echo-handler'}.js`, import.meta.url);
const command = spawn(
  process.execPath,
  [
    path.join(path.dirname(manifest), 'bin', 'zscale.js'),
    'run',
    fileURLToPath(handler),
    ...['--workers', String(givenNumber('workers'))],
    ...['--bind', 'tcp://127.0.0.1:0', '--codec', 'raw'],
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
process.on('exit', () => command.kill());
command.on('exit', (code, signal) => {
  throw new Error(`zscale ended with ${signal ?? code}`); // of itself: this process ends it only when it ends too
});
for await (const line of createInterface({ input: command.stdout })) {
  const [, endpoint] = /^ +clients +(\S+)/.exec(line) ?? [];
  if (endpoint !== undefined) sayReady(endpoint);
}
