/** `zscale top` on the command line: its flags, its help, and what they mean. */
import { type CommandRow, numberOf, SERVICE_FLAGS, serviceOf } from './command-row.ts';
import { parseDuration } from './flag-values.ts';

const DEFAULT_INTERVAL_MS = 1000;
const SHORTEST_INTERVAL_MS = 100;
const LONGEST_INTERVAL_MS = 3_600_000;

/** Its row. */
export const TOP_COMMAND: CommandRow = {
  name: 'top',
  summary: 'watch a running service, and steer it by keys',
  description:
    'Watch a running service and its workers in the terminal, as it is every second; reload, ' +
    'resize, drain and kill by single keys (h shows them). Waits for a service that ends.',
  words: [],
  flags: [
    ...SERVICE_FLAGS,
    {
      flags: '--interval <time>',
      description: 'how often it looks (default: 1s)',
      parse: (name, text) =>
        Math.min(parseDuration(name, text, { least: SHORTEST_INTERVAL_MS }), LONGEST_INTERVAL_MS),
    },
  ],
  examples: `For programs: zscale status --json, zscale stats --json.

Examples:
  zscale top
  zscale top --name api --interval 5s

Exit codes:
  0 left by q   1 error   2 no terminal, or several run
  69 none runs   128+n signal n
`,
  invoke: (_, flags) => ({
    ...serviceOf(flags),
    command: 'top',
    interval: numberOf(flags.interval, DEFAULT_INTERVAL_MS),
  }),
};
