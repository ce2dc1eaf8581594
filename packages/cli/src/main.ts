/**
 * The zscale command: reads the command line, carries it out, gives back the exit code.
 *
 * The one place where an error becomes words and a number. bin/zscale.js calls it.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readCommandLine } from './args.ts';
import { bench } from './commands/bench.ts';
import { call } from './commands/call.ts';
import { check } from './commands/check.ts';
import { completion } from './commands/completion.ts';
import { config } from './commands/config.ts';
import { control } from './commands/control.ts';
import { device } from './commands/device.ts';
import { init } from './commands/init.ts';
import { inject } from './commands/inject.ts';
import { joinMachine } from './commands/join.ts';
import { keygen } from './commands/keygen.ts';
import { knife } from './commands/knife.ts';
import { profile } from './commands/profile.ts';
import { run } from './commands/run.ts';
import { start } from './commands/start.ts';
import { top } from './commands/top.ts';
import { describeFailure, EXIT_CODES } from './failure.ts';
import type { Invocation, StartInvocation } from './invocation.ts';
import { Output } from './output.ts';
import { gatherSources, settledByFile } from './setting-sources.ts';
import { settleCommandLine, type Typed } from './settled-invocation.ts';
import { settleStart } from './start-command.ts';

/** The commands that stay until they are told to stop. */
const SERVING: ReadonlySet<Invocation['command']> = new Set(['run', 'join', 'device']);

/**
 * Carries out a command line and resolves with its exit code; never rejects.
 *
 * @param argv - the arguments after the program's name, `process.argv.slice(2)`
 */
export async function main(argv: readonly string[]): Promise<number> {
  const output = Output.ofProcess();
  let stack = false;
  try {
    const typed = readCommandLine(argv, version());
    const invocation = await understand(typed, (warning) => output.complain(`zscale: ${warning}`));
    stack = showsStacks(invocation);
    if (SERVING.has(invocation.command)) output.outliveLosses();
    return await carryOut(invocation, output, () => understand(typed));
  } catch (error) {
    const failure = describeFailure(error, { stack });
    output.complain(failure.text);
    return failure.exitCode;
  }
}

/** What a command line means with all that is said elsewhere, as it is now. */
async function understand(
  typed: Typed,
  warn: (text: string) => void = () => {},
): Promise<Invocation> {
  const { sources, warnings } = await gatherSources(typed, process.env, process.cwd());
  for (const warning of warnings) warn(warning);
  return settleCommandLine(typed, sources);
}

/** The service that is started reads its settings by itself; where it is to be found must be known here, too. */
async function withSettings(words: StartInvocation): Promise<StartInvocation> {
  const run = await understand(readCommandLine(['run', ...words.argv], version()));
  return run.command === 'run' ? settleStart(words, run.options) : words;
}

async function carryOut(
  invocation: Invocation,
  output: Output,
  again: () => Promise<Invocation>,
): Promise<number> {
  switch (invocation.command) {
    case 'print':
      output.print(invocation.text);
      return EXIT_CODES.ok;
    case 'run':
      return run(invocation, output, sameCommand(invocation, again));
    case 'join':
      return joinMachine(invocation, output, sameCommand(invocation, again));
    case 'config':
      return config(invocation, output);
    case 'check':
      return check(invocation, output);
    case 'keygen':
      return keygen(invocation, output);
    case 'init':
      return init(invocation, output, process.cwd(), await settledByFile(process.cwd()));
    case 'call':
      return call(invocation, output);
    case 'inject':
      return inject(invocation, output);
    case 'device':
      return device(invocation, output);
    case 'req':
    case 'rep':
    case 'pub':
    case 'sub':
    case 'push':
    case 'pull':
      return knife(invocation, output);
    case 'start':
      return start(await withSettings(invocation), output);
    case 'completion':
      return completion(invocation, output);
    case 'bench':
      return bench(invocation, output);
    case 'profile':
      return profile(invocation, output);
    case 'top':
      return top(invocation, output);
    default:
      return control(invocation, output);
  }
}

/** What is typed does not change, so it is the same command each time. */
function sameCommand<I extends Invocation>(
  first: I,
  again: () => Promise<Invocation>,
): () => Promise<I> {
  return async () => {
    const invocation = await again();
    assert.equal(invocation.command, first.command);
    return invocation as I; // by its command
  };
}

function showsStacks(invocation: Invocation): boolean {
  if (invocation.command !== 'run' && invocation.command !== 'join') return false;
  return invocation.logLevel === 'debug' || invocation.logLevel === 'trace';
}

function version(): string {
  const manifest: unknown = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  );
  return String(Reflect.get(Object(manifest), 'version'));
}
