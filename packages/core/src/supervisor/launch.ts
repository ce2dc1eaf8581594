/**
 * How a worker process is started: which file, which arguments, which environment.
 *
 * A handler in a module of its own is hosted by `worker/main.js`. A handler that is a function of
 * the running program cannot be sent anywhere, so the program itself is run again, as node:cluster
 * does, with the arguments and Node options it was started with. Either way `worker/preload.js`
 * runs first and learns from `ZSCALE_WORKER` what the process is for.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ZscaleError } from '../errors.ts';
import type { WorkerStart } from '../messages/process-message.ts';
import { environmentOf, spawnOptionsOf, type WorkerFooting } from '../worker-identity.ts';
import { nothingElse } from './left-open.ts';
import { withoutServiceManager } from './systemd-notifier.ts';

/** Workers run what was built, also when this file is imported from the sources. */
const HOST = fileURLToPath(new URL('../../dist/worker/main.js', import.meta.url));
const PRELOAD = new URL('../../dist/worker/preload.js', import.meta.url).href;
const PRELOAD_FILE = fileURLToPath(PRELOAD);

/** Input, output, errors, and the two that are ours. */
const OWN_DESCRIPTORS = 5;
/** Options of Node that hold code instead of a file, with or without a value of their own. */
const CODE_OPTION = /^(-e|--eval|-p|--print|-pe|--input-type|-i|--interactive)(=|$)/;

/** Options that open the inspector: all workers would ask for the port that the primary has. */
const INSPECTOR_OPTION = /^--(inspect|inspect-brk|inspect-wait|inspect-port|debug-port)(=|$)/;

/** What the decision needs to know about this process; `process` itself is one. */
export interface ProgramFacts {
  readonly argv: readonly string[];
  readonly execArgv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** Additions of the user's to what a worker inherits, and what it does not inherit. */
export interface LaunchOptions extends WorkerFooting {
  readonly env: Readonly<Record<string, string>>;
  /** Node options after the inherited ones, so these win. */
  readonly execArgv: readonly string[];
}

/** All that is the same for each worker of a service. */
export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
  readonly execArgv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly footing: WorkerFooting;
  /** Files that it cannot begin without. */
  readonly needs: readonly string[];
}

/** A worker that hosts the module which its `WorkerStart` names. */
export function launchHost(
  facts: ProgramFacts,
  options: LaunchOptions,
  args: readonly string[] = [],
): Launch {
  return { file: HOST, args, ...inherited(facts, options), needs: [HOST, PRELOAD_FILE] };
}

/**
 * A worker that is the running program once more.
 *
 * @throws ZscaleError `ZSCALE_ERR_NO_PROGRAM` when there is no file that could be run again, or
 * when it is a test runner, which would run the tests again.
 */
export function launchProgram(facts: ProgramFacts, options: LaunchOptions): Launch {
  const [, file, ...args] = facts.argv;
  const reason = whyNotAgain(file, facts);
  if (reason !== undefined || file === undefined) {
    throw new ZscaleError(
      'ZSCALE_ERR_NO_PROGRAM',
      `scale() was given a function, so each worker would run this program again, but ${reason}. ` +
        "Put the handler into a module and pass that: scale(new URL('./handler.js', import.meta.url))",
    );
  }
  return { file, args, ...inherited(facts, options), needs: [file, PRELOAD_FILE] };
}

/**
 * Starts the process. It has no input; its output is this process's unless it is read from pipes. Behind the
 * IPC channel comes the pipe of its watchdog (WATCHDOG_FD).
 */
export function forkWorker(
  launch: Launch,
  start: WorkerStart,
  { pipesOutput = false }: { readonly pipesOutput?: boolean } = {},
): ChildProcess {
  const output = pipesOutput ? 'pipe' : 'inherit';
  const { umask } = launch.footing;
  return fork(launch.file, launch.args, {
    execArgv: [...launch.execArgv],
    env: {
      ...launch.env,
      ZSCALE: '1',
      ZSCALE_SERVICE: start.serviceName,
      ZSCALE_WORKER_ID: String(start.workerId),
      NODE_APP_INSTANCE: String(start.workerId),
      ZSCALE_WORKER: JSON.stringify({ ...start, umask }),
      ...(pipesOutput && { ZSCALE_OUTPUT: 'pipe' }),
    },
    stdio: [
      'ignore',
      output,
      output,
      'ipc',
      'pipe',
      ...nothingElse(OWN_DESCRIPTORS, launch.footing),
    ],
    ...spawnOptionsOf(launch.footing),
  });
}

/** Says why `file` cannot be run again; undefined when it can. */
function whyNotAgain(
  file: string | undefined,
  { execArgv, env }: ProgramFacts,
): string | undefined {
  if (file === undefined || file === '-' || execArgv.some((option) => CODE_OPTION.test(option))) {
    return 'it was not started from a file (node -e, standard input, or the REPL)';
  }
  if (env.NODE_TEST_CONTEXT !== undefined) {
    return 'it runs inside the test runner of Node (NODE_TEST_CONTEXT is set)';
  }
  // These two are inherited by programs that a test starts; such a program is itself no test
  // runner.
  const runner = env.VITEST !== undefined ? 'VITEST' : 'JEST_WORKER_ID';
  if (env[runner] !== undefined && file.split(/[\\/]/).includes('node_modules')) {
    return `it runs inside a test runner (${runner} is set)`;
  }
  return undefined;
}

function inherited(
  facts: ProgramFacts,
  options: LaunchOptions,
): Pick<Launch, 'execArgv' | 'env' | 'footing'> {
  const { identity, cwd, umask } = options;
  const footing = { identity, cwd, umask };
  const own = environmentOf(withoutServiceManager(facts.env), footing);
  const env: NodeJS.ProcessEnv = { ...own, ...options.env };
  // `node --watch` asks its child to report each file it loads, over the channel that is ours here.
  delete env.WATCH_REPORT_DEPENDENCIES;
  return {
    execArgv: ['--import', PRELOAD, ...forWorkers(facts.execArgv), ...options.execArgv],
    env,
    footing,
  };
}

/** Leaves out the options that are about this one process, each with the value that follows it. */
function forWorkers(execArgv: readonly string[]): string[] {
  const kept: string[] = [];
  let skipsValue = false;
  for (const option of execArgv) {
    const isValue = skipsValue && !option.startsWith('-');
    const isOurs = CODE_OPTION.test(option) || INSPECTOR_OPTION.test(option);
    skipsValue = isOurs && !option.includes('=');
    if (!isValue && !isOurs) kept.push(option);
  }
  return kept;
}
