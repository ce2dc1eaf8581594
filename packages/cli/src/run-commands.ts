/**
 * The commands that have the settings of a service: `zscale run` and `join`, those that only look at them, `config` and `check`, and
 * `start`. Their help, and what their words mean; the settings themselves are in settings.ts.
 */
import type { CommandRow } from './command-row.ts';
import { UsageError } from './failure.ts';
import type { Flags, TypedSettings } from './settled-invocation.ts';
import { splitStart } from './start-command.ts';

const ENTRY_AS_FOR_RUN = { name: '[entry]', description: 'as for "zscale run"' };
const ARGS = { name: '[args...]', description: 'arguments of the program, after --' };

/** Those that serve. */
export const SERVING_COMMANDS: readonly CommandRow[] = [
  {
    name: 'run',
    isDefault: true,
    summary: 'run a server on every core (the default)',
    description:
      'Run the handler that <entry> exports in several processes behind one endpoint;\n' +
      'or the server <entry>, as it is, that binds a ZeroMQ Reply socket (JavaScript,\n' +
      'TypeScript) or a zmq.REP socket (Python, .py): clients connect where it bound.\n' +
      'Stays in the foreground; Ctrl-C finishes the open requests and ends it.',
    words: [
      { name: '[entry]', description: 'the file that exports your handler, or is your server' },
      ARGS,
    ],
    operands: 'files',
    flags: [],
    settings: 'run',
    helpHeading: 'Help:',
    examples: `Times are written 250ms, 5s, 2m, 1h; sizes 512kb, 16mb, 1gb; off means no limit.
--bind, --backend, --env, --pool and --trusted-proxies may be repeated.
--log-level debug shows stacks.
SIGHUP reloads, worker by worker; SIGTTIN and SIGTTOU: one more, one less.

Examples:
  zscale run server.ts
  zscale run server.ts --workers 8 --bind tcp://*:5555
  zscale run server.ts --bind tcp://*:5555 --bind ipc:///run/app.sock
  zscale run app.ts --bind http://*:3000 --access-log -
  zscale run server.ts --codec json --backend tcp://*:5556
  zscale run server.ts --timeout 5s --max-queue 500 --max-queue-wait 1s
  zscale run server.py --workers 4 -- --its-own-flag
  zscale run --exec './server --verbose' --workers 4

Exit codes:
  0 stopped           1 error                 2 wrong usage
  3 boot failed       4 entry did not load    5 crash loop     128+n signal n`,
    invoke: (words, flags, { argv }) => programOf(words, flags, argv),
  },
  {
    name: 'join',
    summary: 'work on this machine for a service on another',
    description:
      'Run the handler that <entry> exports for services whose back ends (--backend of\n' +
      '"zscale run") are elsewhere. Waits for them, and connects again whenever one was lost.\n' +
      'Stays in the foreground; Ctrl-C finishes the open requests and ends it.',
    usage: '<endpoint...> <entry> [options]',
    words: [
      {
        name: '[endpoint...]',
        description: 'the back end of each service, and last the file that exports your handler',
      },
    ],
    operands: 'files',
    flags: [],
    settings: 'join',
    helpHeading: 'Help:',
    examples: `Examples:
  zscale join tcp://front:5556 server.ts
  zscale join tcp://front-a:5556 tcp://front-b:5556 server.ts --workers 8
  zscale join tcp://front:5556 server.ts --curve-key service.key_secret
  zscale join dns:front.default.svc:5556 server.ts

Exit codes:
  0 stopped           1 error                 2 wrong usage
  3 boot failed       4 entry did not load    5 crash loop     128+n signal n`,
    invoke: (words, flags) => ({ command: 'join', words, flags }),
  },
];

/** Those that only look. */
export const CHECKING_COMMANDS: readonly CommandRow[] = [
  {
    name: 'config',
    summary: 'show the settings, and where each was said',
    description:
      'Show the settings of "zscale run" as they count with these flags, this environment and ' +
      'the config file here, and where each was said. Values of --env are not shown.',
    usage: '[entry] [options] [options of run]',
    words: [ENTRY_AS_FOR_RUN],
    operands: 'files',
    flags: [
      { flags: '--effective', description: 'all of them, those at their default too' },
      { flags: '--origin', description: 'those that were said somewhere (the default)' },
      { flags: '--schema', description: 'the JSON schema of config files instead' },
      { flags: '--json', description: 'one JSON object' },
    ],
    settings: 'run',
    helpHeading: 'Help:',
    examples: `Examples:
  zscale config
  zscale config --effective
  zscale config --workers 4 --config production.json
  zscale config --schema > zscale.schema.json

Exit codes:
  0 shown   1 error   2 a setting makes no sense   4 config file did not load`,
    invoke: ([entry], flags) => ({
      command: 'config',
      form: flags.schema === true ? 'schema' : flags.effective === true ? 'effective' : 'said',
      json: flags.json === true,
      run: { command: 'run', entry, args: [], flags },
    }),
  },
  {
    name: 'check',
    summary: 'load settings and application, and say what they are',
    description:
      'Load the settings, and the application in a process of its own, as a worker does; say what it ' +
      'is, and end. Nobody can connect to it; what it does when it is loaded, it does.',
    usage: '[entry] [options] [options of run]',
    words: [ENTRY_AS_FOR_RUN, ARGS],
    operands: 'files',
    flags: [
      { flags: '--json', description: 'one JSON object, behind what the application prints' },
    ],
    settings: 'run',
    helpHeading: 'Help:',
    examples: `Examples:
  zscale check server.ts
  zscale check --start-timeout 10s && zscale reload

Exit codes:
  0 it would serve   1 error    2 a setting makes no sense
  3 it did not become ready     4 it did not load, or the config file`,
    invoke: (words, flags, { argv }) => ({
      command: 'check',
      json: flags.json === true,
      run: programOf(words, flags, argv),
    }),
  },
];

/** `run` in the background. */
export const START_COMMAND: CommandRow = {
  name: 'start',
  summary: 'run a server in the background',
  description:
    'Do what "zscale run" does, in the background. Returns when the service serves;\n' +
    'when it does not start, says why and ends as "zscale run" would.',
  usage: '<entry> [options of zscale run] [options]',
  words: [{ name: '[words...]', description: 'as for zscale run, flags and all' }],
  operands: 'files',
  takesAnyFlag: true,
  flags: [
    {
      flags: '--log-file <file>',
      description: 'what it prints (default: ~/.local/state/zscale/NAME.log)',
    },
    { flags: '--json', description: 'one JSON object: name, pid, endpoints, log' },
  ],
  examples: `Examples:
  zscale start server.ts --name api --workers 4 --bind tcp://*:5555
  zscale status --name api
  zscale stop --name api

Exit codes:
  0 serves            1 error, or one of that name runs    2 wrong usage
  3 boot failed       4 entry did not load                 5 crash loop`,
  invoke: (_words, _flags, { argv, read }) => {
    const words = splitStart(argv.slice(1));
    const given = read(['run', ...words.argv]); // for what it says is wrong
    return given.command === 'run' ? { command: 'start', ...words } : given;
  },
};

/**
 * What is to be run.
 *
 * @throws UsageError where words are left over: commander takes them as arguments of the program
 */
function programOf(
  [entry, ...args]: readonly string[],
  flags: Flags,
  argv: readonly string[],
): TypedSettings {
  const { exec } = flags;
  if (exec !== undefined && entry !== undefined) {
    throw new UsageError(
      `--exec takes the whole command, so "${entry}" has no place beside it: ` +
        '--exec "command and its arguments". See "zscale run --help".',
    );
  }
  if (typeof exec === 'string' && exec.trim() === '') {
    throw new UsageError('--exec takes a command; got "".');
  }
  if (args.length > 0 && !argv.includes('--')) {
    throw new UsageError(
      `too many arguments. Expected 1 argument but got ${args.length + 1}; those of the program come after "--". ` +
        'See "zscale run --help".',
    );
  }
  return { command: 'run', entry, args, flags };
}
