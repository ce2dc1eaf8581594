/**
 * The zscale command: reads the command line, carries it out, gives back the exit code.
 *
 * The one place where an error becomes words and a number. bin/zscale.js calls it.
 */
import { readFileSync } from 'node:fs';
import { parseArguments } from './args.ts';
import { call } from './commands/call.ts';
import { control } from './commands/control.ts';
import { device } from './commands/device.ts';
import { init } from './commands/init.ts';
import { inject } from './commands/inject.ts';
import { joinMachine } from './commands/join.ts';
import { keygen } from './commands/keygen.ts';
import { run } from './commands/run.ts';
import { describeFailure, EXIT_CODES } from './failure.ts';
import type { Invocation } from './invocation.ts';
import { Output } from './output.ts';

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
    const invocation = parseArguments(argv, version());
    stack = showsStacks(invocation);
    if (SERVING.has(invocation.command)) output.outliveLosses();
    return await carryOut(invocation, output);
  } catch (error) {
    const failure = describeFailure(error, { stack });
    output.complain(failure.text);
    return failure.exitCode;
  }
}

async function carryOut(invocation: Invocation, output: Output): Promise<number> {
  switch (invocation.command) {
    case 'print':
      output.print(invocation.text);
      return EXIT_CODES.ok;
    case 'run':
      return run(invocation, output);
    case 'join':
      return joinMachine(invocation, output);
    case 'keygen':
      return keygen(invocation, output);
    case 'init':
      return init(invocation, output);
    case 'call':
      return call(invocation, output);
    case 'inject':
      return inject(invocation, output);
    case 'device':
      return device(invocation, output);
    default:
      return control(invocation, output);
  }
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
