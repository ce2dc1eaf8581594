/**
 * `zscale completion`: prints the script that completes zscale's command line in a shell.
 */
import { completionScript } from '../completion-script.ts';
import { EXIT_CODES } from '../failure.ts';
import type { CompletionInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';

/** Prints the script. Gives the exit code. */
export function completion({ shell, outline }: CompletionInvocation, output: Output): number {
  output.print(completionScript(outline, shell));
  return EXIT_CODES.ok;
}
