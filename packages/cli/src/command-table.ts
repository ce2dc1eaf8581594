/** Every command, in the order of the help. */
import { BENCH_COMMAND } from './bench-command.ts';
import { CALL_COMMANDS } from './call-commands.ts';
import type { CommandRow } from './command-row.ts';
import { COMPLETION_COMMAND } from './completion-command.ts';
import { CONTROL_COMMANDS } from './control-commands.ts';
import { DEVICE_COMMAND } from './device-command.ts';
import { INIT_COMMAND } from './init-command.ts';
import { KEYGEN_COMMAND } from './keygen-command.ts';
import { KNIFE_COMMANDS } from './knife-commands.ts';
import { PROFILE_COMMAND } from './profile-command.ts';
import { CHECKING_COMMANDS, SERVING_COMMANDS, START_COMMAND } from './run-commands.ts';
import { TOP_COMMAND } from './top-command.ts';

/** Their rows. */
export const COMMANDS: readonly CommandRow[] = [
  ...SERVING_COMMANDS,
  ...CALL_COMMANDS,
  ...[DEVICE_COMMAND, KEYGEN_COMMAND, INIT_COMMAND],
  ...CHECKING_COMMANDS,
  ...CONTROL_COMMANDS,
  ...[TOP_COMMAND, PROFILE_COMMAND, BENCH_COMMAND],
  ...KNIFE_COMMANDS,
  ...[START_COMMAND, COMPLETION_COMMAND],
];
