/**
 * What a command is that has its flags in a file of its own: data, of which args.ts makes a command. And the flags by which such a
 * command is told which service is meant.
 */
import type { BenchInvocation, ProfileInvocation, TopInvocation } from './invocation.ts';

/** What these commands become. */
export type OwnInvocation = BenchInvocation | ProfileInvocation | TopInvocation;

/** A flag; `parse` gets its long name, for the error message, and the text that was given. */
export interface FlagRow {
  readonly flags: string;
  readonly description: string;
  readonly parse?: (name: string, text: string) => unknown;
}

/** A command. */
export interface CommandRow {
  readonly name: OwnInvocation['command'];
  readonly summary: string;
  readonly description: string;
  /** Its arguments: `<needed>` and `[may be left out]`. */
  readonly words: readonly { readonly name: string; readonly description: string }[];
  readonly flags: readonly FlagRow[];
  /** Below its help: examples and exit codes. */
  readonly examples: string;
  /**
   * @param words - the arguments that were given
   * @param flags - by name, as commander makes it of the long form
   * @throws UsageError when they make no sense
   */
  readonly invoke: (words: readonly string[], flags: Flags) => OwnInvocation;
}

/** Flags that were given, by name. */
export type Flags = Readonly<Record<string, unknown>>;

/** Which service is meant. */
export const SERVICE_FLAGS: readonly FlagRow[] = [
  { flags: '-n, --name <name>', description: 'which supervisor, where several run' },
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
