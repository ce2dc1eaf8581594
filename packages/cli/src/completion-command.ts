/** `zscale completion` on the command line: its help, and what its word means. */
import type { CommandRow } from './command-row.ts';
import { SHELLS } from './completion-script.ts';
import { parseChoice } from './flag-values.ts';

/** Its row. */
export const COMPLETION_COMMAND: CommandRow = {
  name: 'completion',
  summary: 'complete the command line in bash, zsh or fish',
  description: 'Print the script that completes commands, flags and their values in a shell.',
  words: [{ name: '<shell>', description: 'bash, zsh or fish' }],
  operands: SHELLS,
  missing: `the shell is missing: ${SHELLS.join(', ')}`,
  flags: [],
  examples: `Where it goes:
  ~/.bashrc                    source <(zscale completion bash)
  ~/.zshrc, after compinit     source <(zscale completion zsh)
  fish, once: zscale completion fish > ~/.config/fish/completions/zscale.fish

Exit codes:
  0 printed   2 wrong usage`,
  invoke: ([shell = ''], _flags, { outline }) => ({
    command: 'completion',
    shell: parseChoice('completion', shell, SHELLS),
    outline: outline(),
  }),
};
