/**
 * What the command line means: argv in, one Invocation out, or a UsageError.
 *
 * Makes commands of the rows (command-table.ts) and is the only importer of commander. Nothing here
 * acts, prints or ends the process: main.ts does what the Invocation says.
 */
import { Command, CommanderError, Option } from 'commander';
import type { CommandLine, CommandRow, FlagRow } from './command-row.ts';
import { COMMANDS } from './command-table.ts';
import type { CommandOutline, FlagOutline, ProgramOutline, Values } from './completion-script.ts';
import { UsageError } from './failure.ts';
import type { Invocation } from './invocation.ts';
import { attributeOf, GROUPS, type Host, type Setting, settingsOf } from './settings.ts';
import { NO_SOURCES, type Sources, settleCommandLine, type Typed } from './settled-invocation.ts';

/** Whatever may stand where a command is named. */
const NAMES: readonly string[] = [
  ...COMMANDS.flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias])),
  'help',
];

/**
 * Reads a command line and settles what counts where other sources say something, too.
 *
 * @param argv - the arguments after the program's name, `process.argv.slice(2)`
 * @param version - what `--version` prints
 * @param sources - what else says something; default nothing
 * @throws UsageError, in one line, when it makes no sense
 */
export function parseArguments(
  argv: readonly string[],
  version: string,
  sources: Sources = NO_SOURCES,
): Invocation {
  return settleCommandLine(readCommandLine(argv, version), sources);
}

/** Reads a command line alone. @throws UsageError, in one line, when it makes no sense */
export function readCommandLine(argv: readonly string[], version: string): Typed {
  refuseMistypedCommand(argv[0]);
  let typed: Typed | undefined;
  let printed = '';
  const program = createProgram(version, {
    argv,
    print: (text) => {
      printed += text;
    },
    invoke: (given) => {
      typed = given;
    },
  });
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander leaves by an error after help and version too; those two are no refusal.
    if (error.exitCode !== 0) throw new UsageError(explain(error, argv));
  }
  return typed ?? { command: 'print', text: printed };
}

/**
 * The flags of a command that come from somewhere else than the command line.
 *
 * @param name - where the words stand, for the refusal
 * @throws UsageError when one makes no sense, or is no flag
 */
export function readFlags(
  host: Host,
  words: readonly string[],
  name: string,
): Readonly<Record<string, unknown>> {
  const command = new Command(host).exitOverride().configureOutput({ writeErr: () => {} });
  addSettings(command, host);
  try {
    command.helpOption(false).argument('[words...]').parse(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      throw new UsageError(`${name}: ${explain(error, [host])}`);
    }
    throw error instanceof UsageError ? new UsageError(`${name}: ${error.message}`) : error;
  }
  const [stray] = command.args;
  if (stray !== undefined) throw new UsageError(`${name} takes flags alone; got "${stray}".`);
  return command.opts();
}

/** Where the parts of the program leave what they found. */
interface Sink {
  /** What was given. */
  readonly argv: readonly string[];
  print(text: string): void;
  invoke(typed: Typed): void;
}

function createProgram(version: string, sink: Sink): Command {
  const program = new Command('zscale')
    .description('Make a server that was written as one process use every core.')
    .usage('<entry> [options]\n       zscale <command> [options]')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .configureHelp({ sortSubcommands: false })
    .configureOutput({ writeOut: (text) => sink.print(text), writeErr: () => {} })
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  zscale server.ts
  zscale run server.ts --workers 4 --bind tcp://*:5555
  zscale call tcp://127.0.0.1:5555 '{"name":"you"}'
  zscale device queue --frontend tcp://*:5559 --backend tcp://*:5560
  zscale status
  zscale reload

"zscale run --help", and so for each command, lists all options.`,
    );
  for (const row of COMMANDS) addRow(program, sink, row);
  return program;
}

/** A command of the program. */
function addRow(program: Command, sink: Sink, row: CommandRow): void {
  const command = program
    .command(row.name, { isDefault: row.isDefault === true })
    .summary(row.summary)
    .description(row.description)
    .allowUnknownOption(row.takesAnyFlag === true);
  if (row.alias !== undefined) command.alias(row.alias);
  if (row.usage !== undefined) command.usage(row.usage);
  for (const { name, description } of row.words) command.argument(name, description);
  for (const flag of row.flags) {
    if (flag.heading !== undefined) command.optionsGroup(flag.heading);
    command.addOption(optionOf(flag));
  }
  if (row.settings !== undefined) addSettings(command, row.settings);
  if (row.helpHeading !== undefined) command.optionsGroup(row.helpHeading);
  command
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', `\n${row.examples}`)
    .action((...given: unknown[]) => {
      const words = given.slice(0, row.words.length).flat();
      const line: CommandLine = {
        argv: sink.argv,
        outline: () => outlineOf(program),
        read: (argv) => readCommandLine(argv, ''),
      };
      sink.invoke(
        row.invoke(
          words.filter((word) => typeof word === 'string'),
          command.opts(),
          line,
        ),
      );
    });
}

/** What there is to complete, read off the commands themselves. */
function outlineOf(program: Command): ProgramOutline {
  const help = program.createHelp();
  const outlineFlags = (command: Command): FlagOutline[] =>
    help.visibleOptions(command).map((option) => ({
      names: [option.short, option.long].filter((name) => typeof name === 'string'),
      description: option.description,
      values: option.required || option.optional ? valuesOf(option, rowOf(command)) : undefined,
    }));
  const run = program.commands.find((command) => command.name() === 'run');
  return {
    byDefault: 'run',
    flags: outlineFlags(program),
    commands: help.visibleCommands(program).map(
      (command): CommandOutline => ({
        names: [command.name(), ...command.aliases()],
        summary: command.summary() || command.description(),
        flags: [
          ...outlineFlags(command),
          ...(command.name() === 'start' && run !== undefined
            ? outlineFlags(run).filter(({ names }) => !names.includes('--help'))
            : []),
        ],
        operands: command.name() === 'help' ? NAMES : (rowOf(command)?.operands ?? 'unknown'),
      }),
    ),
  };
}

function rowOf(command: Command): CommandRow | undefined {
  return COMMANDS.find(({ name }) => name === command.name());
}

/** What a flag takes: its row may say so, its placeholder that it is a file, and its parser which words it knows. */
function valuesOf({ flags, parseArg }: Option, row: CommandRow | undefined): Values {
  const said = row?.flags.find((flag) => flag.flags === flags)?.values;
  if (said !== undefined) return said;
  if (/<(file|path|interpreter|command)/.test(flags)) return 'files';
  try {
    parseArg?.('', undefined);
  } catch (error) {
    if (error instanceof UsageError && error.choices.length > 0) return error.choices;
  }
  return 'unknown';
}

/** Flags for the settings of a command, below their headings. */
function addSettings(command: Command, host: Host): void {
  for (const group of GROUPS[host]) {
    command.optionsGroup(group);
    for (const setting of settingsOf(host)) {
      if (setting[host] === group) addSetting(command, setting);
    }
  }
  command
    .optionsGroup('Settings:')
    .option('-c, --config <file>', 'default: zscale.config.* here, or package.json');
}

function addSetting(command: Command, setting: Setting): void {
  const { flags, doc, default: usual, kind, opposite } = setting;
  if (flags === undefined || attributeOf(setting) === undefined) return;
  const option = new Option(flags, usual === undefined ? doc : `${doc} (default: ${usual})`);
  if (option.required) {
    option.argParser((text, before: unknown) => kind.parse(option.long ?? flags, text, before));
  }
  command.addOption(option);
  if (opposite !== undefined) command.addOption(new Option(opposite.flags, opposite.doc));
}

function optionOf({ flags, description, parse, isRepeatable = false }: FlagRow): Option {
  const option = new Option(flags, description);
  const name = `--${option.name()}`;
  if (parse === undefined) return option;
  if (!isRepeatable) return option.argParser((text) => parse(name, text));
  return option.argParser((text, gathered: readonly unknown[] = []) => [
    ...gathered,
    parse(name, text),
  ]);
}

/**
 * Whatever is no command is the entry of `run`, the default one. But `zscale cal tcp://...` was
 * hardly meant as a file, and "no such file" would be a poor answer.
 */
function refuseMistypedCommand(first: string | undefined): void {
  if (first === undefined || NAMES.includes(first) || /^-|[./\\]|^$/.test(first)) return;
  throw new UsageError(
    `"${first}" is no command (${NAMES.join(', ')}) and does not look like a file. ` +
      `To run a file of that name write: zscale run ./${first}`,
  );
}

/** Commander's refusals, in one line, with where to read on. */
function explain(error: CommanderError, argv: readonly string[]): string {
  const [first = ''] = argv;
  const command = NAMES.includes(first) && first !== 'help' ? first : 'run';
  const readOn = `See "zscale ${command} --help".`;
  switch (error.code) {
    case 'commander.missingArgument': {
      const named = error.message.replace(/^error: missing required argument '(.*)'$/, '$1');
      return `${COMMANDS.find(({ name }) => name === command)?.missing ?? `the ${named} is missing`}. ${readOn}`;
    }
    case 'commander.help':
      return `there is no help for "${argv.slice(1).join(' ')}". See "zscale --help".`;
    default: {
      const words = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
      return `${words.replace(/\.$/, '')}. ${readOn}`;
    }
  }
}
