/**
 * What `zscale start` is given: its own flags, and a command line of `zscale run` between them.
 *
 * Pure. The flags of `run` are not known here: args.ts has them checked, and the process that is started reads them.
 */
import { UsageError } from './failure.ts';

/** Where a service is found, as its settings say. */
interface Place {
  readonly name?: string | undefined;
  readonly control?: string | false | undefined;
}

/** A command line of `start`, taken apart. */
export interface StartWords {
  /** What goes to `run`. */
  readonly argv: readonly string[];
  /** Where the service's output goes; undefined for the usual place. */
  readonly logFile: string | undefined;
  readonly json: boolean;
  /** The service's name, where the command line says one. */
  readonly name: string | undefined;
  /** The path of its control socket, where one is given. */
  readonly control: string | undefined;
}

/**
 * Takes the words behind `start` apart.
 *
 * @throws UsageError for `--control off`: the socket is how it is known that it serves
 */
export function splitStart(words: readonly string[]): StartWords {
  const end = words.indexOf('--');
  const own = end < 0 ? words : words.slice(0, end);
  const argv: string[] = [];
  let logFile: string | undefined;
  let json = false;
  for (let i = 0; i < own.length; i++) {
    const word = own[i] ?? '';
    if (word === '--json') json = true;
    else if (word.startsWith('--log-file=')) logFile = word.slice('--log-file='.length);
    else if (word === '--log-file') {
      i += 1;
      logFile = own[i];
    } else argv.push(word);
  }
  const control = lastValue(argv, ['--control']);
  if (control === 'off') refuseSilence();
  return {
    argv: end < 0 ? argv : [...argv, ...words.slice(end)],
    logFile,
    json,
    name: lastValue(argv, ['-n', '--name']),
    control,
  };
}

/**
 * The words with what variables and the config file say: the service itself reads them there, too.
 *
 * @throws UsageError for `control: false`, as above
 */
export function settleStart<W extends StartWords>(words: W, { name, control }: Place): W {
  if (control === false) refuseSilence();
  return { ...words, name, control };
}

function refuseSilence(): never {
  throw new UsageError(
    'start learns over the control socket that the service serves, so --control off does not go with it. Use "zscale run".',
  );
}

/** What was given to a flag: `--flag value`, `--flag=value` or `-fvalue`; the last one counts. */
function lastValue(argv: readonly string[], flags: readonly string[]): string | undefined {
  let value: string | undefined;
  for (const [i, word] of argv.entries()) {
    for (const flag of flags) {
      if (word === flag) value = argv[i + 1];
      else if (word.startsWith(`${flag}=`)) value = word.slice(flag.length + 1);
      else if (!flag.startsWith('--') && word.startsWith(flag)) value = word.slice(flag.length);
    }
  }
  return value;
}
