/** `zscale keygen` on the command line: its flags, its help, and what they mean. */
import type { CommandRow } from './command-row.ts';
import { UsageError } from './failure.ts';

/** Its row. */
export const KEYGEN_COMMAND: CommandRow = {
  name: 'keygen',
  summary: 'make a pair of CURVE keys',
  description:
    'Make a pair of CURVE keys: NAME.key_secret, which nobody else may read, and NAME.key,\n' +
    'the public key, for everybody. Neither may exist. pyzmq and CZMQ read them too.',
  words: [{ name: '[name]', description: 'where to, without the ending (default: zscale)' }],
  flags: [
    { flags: '--json', description: 'one JSON object, for programs; without the secret key' },
  ],
  examples: `Examples:
  zscale keygen service
  zscale run server.ts --bind tcp://*:5555 --curve-key service.key_secret
  zscale call tcp://front:5555 '"hello"' --curve-server-key KEY

Exit codes:
  0 made   1 error, such as a file that exists   2 wrong usage`,
  invoke: ([name = 'zscale'], flags) => {
    if (name === '' || name.endsWith('/')) {
      throw new UsageError(
        `keygen takes a name for the files, such as service or keys/service; got ${JSON.stringify(name)}.`,
      );
    }
    return { command: 'keygen', name, json: flags.json === true };
  },
};
