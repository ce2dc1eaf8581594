/**
 * What a command is before there is a command line: data, a row, of which args.ts makes a command. And what rows have in common: the
 * flags by which a command is told which service is meant.
 */
import type { ProgramOutline, Values } from './completion-script.ts';
import type { Host } from './settings.ts';
import type { Flags, Typed } from './settled-invocation.ts';

export type { Flags };

/** A flag; `parse` gets its long name, for the error message, and the text that was given. */
export interface FlagRow {
  readonly flags: string;
  readonly description: string;
  readonly parse?: (name: string, text: string) => unknown;
  /** Its values are gathered in a list; default false. */
  readonly isRepeatable?: boolean;
  /** In the help it and those behind it stand below this. */
  readonly heading?: string;
  /** What shells offer for it; default: files where its placeholder says so, the words that `parse` knows, else nothing. */
  readonly values?: Values;
}

/** What a row may have to know beside its words and flags. */
export interface CommandLine {
  /** All that was given, with the name of the command. */
  readonly argv: readonly string[];
  /** What there is to complete. */
  readonly outline: () => ProgramOutline;
  /** Reads another command line. @throws UsageError when it makes no sense */
  readonly read: (argv: readonly string[]) => Typed;
}

/** A command. */
export interface CommandRow {
  readonly name: string;
  readonly alias?: string;
  /** It is meant where no command is named; default false. */
  readonly isDefault?: boolean;
  readonly summary: string;
  readonly description: string;
  /** How it is called, where its words and flags alone do not say it well. */
  readonly usage?: string;
  /** Its arguments: `<needed>` and `[may be left out]`, the last one with `...` where there may be several. */
  readonly words: readonly { readonly name: string; readonly description: string }[];
  /** What its arguments are, for shells; default: nobody can guess. */
  readonly operands?: Values;
  /** What it says where a needed argument is missing; default: that this one is. */
  readonly missing?: string;
  readonly flags: readonly FlagRow[];
  /** It has the settings of this command as well, behind its own flags. */
  readonly settings?: Host;
  /** It leaves flags that it does not know to others; default false. */
  readonly takesAnyFlag?: boolean;
  /** Below what --help stands; default: where the flags before it stand. */
  readonly helpHeading?: string;
  /** Below its help: examples and exit codes. */
  readonly examples: string;
  /**
   * @param words - the arguments that were given
   * @param flags - by name, as commander makes it of the long form
   * @throws UsageError when they make no sense
   */
  readonly invoke: (words: readonly string[], flags: Flags, line: CommandLine) => Typed;
}

/** Which service is meant. */
export const SERVICE_FLAGS: readonly FlagRow[] = [
  {
    flags: '-n, --name <name>',
    description: 'which supervisor, where several run',
    values: 'services',
  },
  {
    flags: '--control <path>',
    description: 'the path of its control socket, instead of the name',
  },
];

/** What {@link SERVICE_FLAGS} say. */
export function serviceOf({ name, control }: Flags): {
  readonly name: string | undefined;
  readonly control: string | undefined;
} {
  return { name: textOf(name), control: textOf(control) };
}

/** A flag's text; undefined when it was not given. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** A flag's number, or `otherwise` when it was not given. */
export function numberOf(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
