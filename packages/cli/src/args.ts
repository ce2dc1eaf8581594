/**
 * What the command line means: argv in, one Invocation out, or a UsageError.
 *
 * Owns every flag, its help and its examples, and is the only importer of commander. Nothing here
 * acts, prints or ends the process: main.ts does what the Invocation says.
 */
import { CODEC_NAMES, type CodecName } from '@zscale/core';
import type { Device } from '@zscale/transport';
import { Command, CommanderError, Option } from 'commander';
import { BENCH_COMMAND } from './bench-command.ts';
import type { CommandRow } from './command-row.ts';
import {
  type CommandOutline,
  type FlagOutline,
  type ProgramOutline,
  SHELLS,
  type Values,
} from './completion-script.ts';
import { CONTROL_COMMANDS, type ControlFlags } from './control-commands.ts';
import { UsageError } from './failure.ts';
import {
  parseBind,
  parseChoice,
  parseCount,
  parseDeviceEndpoint,
  parseDuration,
  parseMark,
  parseNamedEndpoint,
  parsePort,
  parseSignal,
} from './flag-values.ts';
import type { CallInvocation, InitTarget, Invocation } from './invocation.ts';
import { helpAfter, KNIFE_COMMANDS, type KnifeFlags, knifeInvocation } from './knife-commands.ts';
import { PROFILE_COMMAND } from './profile-command.ts';
import { attributeOf, GROUPS, type Host, type Setting, settingsOf } from './settings.ts';
import { NO_SOURCES, type Sources, settleCommandLine, type Typed } from './settled-invocation.ts';
import { splitStart } from './start-command.ts';
import { TOP_COMMAND } from './top-command.ts';

/** Commands that have their flags in files of their own. */
const ROWS: readonly CommandRow[] = [TOP_COMMAND, PROFILE_COMMAND, BENCH_COMMAND];
const COMMANDS: readonly string[] = [
  ...['run', 'join', 'call', 'inject', 'device', 'keygen', 'init', 'config', 'check'],
  ...CONTROL_COMMANDS.flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias])),
  ...KNIFE_COMMANDS.map(({ name }) => name),
  ...ROWS.map(({ name }) => name),
  ...['start', 'completion', 'help'],
];
const INIT_TARGETS: readonly InitTarget[] = ['systemd', 'docker', 'k8s'];
/** Each kind of device as it is typed. */
const DEVICE_KINDS: ReadonlyMap<string, Device['kind']> = new Map([
  ['queue', 'QUEUE'],
  ['forwarder', 'FORWARDER'],
  ['streamer', 'STREAMER'],
]);

/** How long `zscale call` waits for its reply unless told otherwise. */
const CALL_TIMEOUT_MS = 5_000;

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
  addRun(program, sink);
  addJoin(program, sink);
  addCall(program, sink);
  addInject(program, sink);
  addDevice(program, sink);
  addKeygen(program, sink);
  addInit(program, sink);
  addConfig(program, sink);
  addCheck(program, sink);
  addControl(program, sink);
  for (const row of ROWS) addRow(program, sink, row);
  addKnife(program, sink);
  addStart(program, sink);
  addCompletion(program, sink);
  return program;
}

function addRun(program: Command, sink: Sink): void {
  const run = program
    .command('run', { isDefault: true })
    .summary('run a server on every core (the default)')
    .description(
      'Run the handler that <entry> exports in several processes behind one endpoint;\n' +
        'or the server <entry>, as it is, that binds a ZeroMQ Reply socket (JavaScript,\n' +
        'TypeScript) or a zmq.REP socket (Python, .py): clients connect where it bound.\n' +
        'Stays in the foreground; Ctrl-C finishes the open requests and ends it.',
    )
    .argument('[entry]', 'the file that exports your handler, or is your server')
    .argument('[args...]', 'arguments of the program, after --');
  addSettings(run, 'run');
  run
    .optionsGroup('Help:')
    .helpOption('-h, --help', 'show this help')
    .addHelpText(
      'after',
      `
Times are written 250ms, 5s, 2m, 1h; sizes 512kb, 16mb, 1gb; off means no limit.
--bind, --backend, --env, --pool and --trusted-proxies may be repeated.
--log-level debug shows stacks.
SIGHUP reloads, worker by worker; SIGTTIN and SIGTTOU: one more, one less.

Examples:
  zscale run server.ts
  zscale run server.ts --workers 8 --bind tcp://*:5555
  zscale run server.ts --bind tcp://*:5555 --bind ipc:///run/app.sock
  zscale run app.ts --bind http://*:3000 --access-log -
  zscale run server.ts --codec json --backend tcp://*:5556
  zscale run server.ts --timeout 5s --max-queue 500 --max-queue-wait 1s
  zscale run server.py --workers 4 -- --its-own-flag
  zscale run --exec './server --verbose' --workers 4

Exit codes:
  0 stopped           1 error                 2 wrong usage
  3 boot failed       4 entry did not load    5 crash loop     128+n signal n`,
    )
    .action(
      (entry: string | undefined, args: string[], flags: Readonly<Record<string, unknown>>) => {
        refuseStrayArguments(entry, args, flags.exec, sink.argv);
        sink.invoke({ command: 'run', entry, args, flags });
      },
    );
}

function addJoin(program: Command, sink: Sink): void {
  const join = program
    .command('join')
    .summary('work on this machine for a service on another')
    .description(
      'Run the handler that <entry> exports for services whose back ends (--backend of\n' +
        '"zscale run") are elsewhere. Waits for them, and connects again whenever one was lost.\n' +
        'Stays in the foreground; Ctrl-C finishes the open requests and ends it.',
    )
    .argument(
      '[endpoint...]',
      'the back end of each service, and last the file that exports your handler',
    )
    .usage('<endpoint...> <entry> [options]');
  addSettings(join, 'join');
  join
    .optionsGroup('Help:')
    .helpOption('-h, --help', 'show this help')
    .addHelpText(
      'after',
      `
Examples:
  zscale join tcp://front:5556 server.ts
  zscale join tcp://front-a:5556 tcp://front-b:5556 server.ts --workers 8
  zscale join tcp://front:5556 server.ts --curve-key service.key_secret
  zscale join dns:front.default.svc:5556 server.ts

Exit codes:
  0 stopped           1 error                 2 wrong usage
  3 boot failed       4 entry did not load    5 crash loop     128+n signal n`,
    )
    .action((words: readonly string[], flags: Readonly<Record<string, unknown>>) => {
      sink.invoke({ command: 'join', words, flags });
    });
}

function addConfig(program: Command, sink: Sink): void {
  const command = program
    .command('config')
    .summary('show the settings, and where each was said')
    .description(
      wrapped(
        'Show the settings of "zscale run" as they count with these flags, this environment and\n' +
          'the config file here, and where each was said. Values of --env are not shown.',
      ),
    )
    .argument('[entry]', 'as for "zscale run"')
    .usage('[entry] [options] [options of run]')
    .addOption(flag('--effective', 'all of them, those at their default too'))
    .addOption(flag('--origin', 'those that were said somewhere (the default)'))
    .addOption(flag('--schema', 'the JSON schema of config files instead'))
    .addOption(flag('--json', 'one JSON object'));
  addSettings(command, 'run');
  command
    .optionsGroup('Help:')
    .helpOption('-h, --help', 'show this help')
    .addHelpText(
      'after',
      `
Examples:
  zscale config
  zscale config --effective
  zscale config --workers 4 --config production.json
  zscale config --schema > zscale.schema.json

Exit codes:
  0 shown   1 error   2 a setting makes no sense   4 config file did not load`,
    )
    .action((entry: string | undefined, flags: Readonly<Record<string, unknown>>) => {
      const form =
        flags.schema === true ? 'schema' : flags.effective === true ? 'effective' : 'said';
      const run = { command: 'run', entry, args: [], flags } as const;
      sink.invoke({ command: 'config', form, json: flags.json === true, run });
    });
}

function addCheck(program: Command, sink: Sink): void {
  const command = program
    .command('check')
    .summary('load settings and application, and say what they are')
    .description(
      wrapped(
        'Load the settings, and the application in a process of its own, as a worker does; say what it\n' +
          'is, and end. Nobody can connect to it; what it does when it is loaded, it does.',
      ),
    )
    .argument('[entry]', 'as for "zscale run"')
    .argument('[args...]', 'arguments of the program, after --')
    .usage('[entry] [options] [options of run]')
    .addOption(flag('--json', 'one JSON object, behind what the application prints'));
  addSettings(command, 'run');
  command
    .optionsGroup('Help:')
    .helpOption('-h, --help', 'show this help')
    .addHelpText(
      'after',
      `
Examples:
  zscale check server.ts
  zscale check --start-timeout 10s && zscale reload

Exit codes:
  0 it would serve   1 error    2 a setting makes no sense
  3 it did not become ready     4 it did not load, or the config file`,
    )
    .action(
      (entry: string | undefined, args: string[], flags: Readonly<Record<string, unknown>>) => {
        refuseStrayArguments(entry, args, flags.exec, sink.argv);
        const run = { command: 'run', entry, args, flags } as const;
        sink.invoke({ command: 'check', json: flags.json === true, run });
      },
    );
}

function addKeygen(program: Command, sink: Sink): void {
  program
    .command('keygen')
    .summary('make a pair of CURVE keys')
    .description(
      'Make a pair of CURVE keys: NAME.key_secret, which nobody else may read, and NAME.key,\n' +
        'the public key, for everybody. Neither may exist. pyzmq and CZMQ read them too.',
    )
    .argument('[name]', 'where to, without the ending (default: zscale)')
    .addOption(flag('--json', 'one JSON object, for programs; without the secret key'))
    .helpOption('-h, --help', 'show this help')
    .addHelpText(
      'after',
      `
Examples:
  zscale keygen service
  zscale run server.ts --bind tcp://*:5555 --curve-key service.key_secret
  zscale call tcp://front:5555 '"hello"' --curve-server-key KEY

Exit codes:
  0 made   1 error, such as a file that exists   2 wrong usage`,
    )
    .action((name: string | undefined, { json = false }: { json?: boolean }) => {
      sink.invoke({ command: 'keygen', name: name ?? 'zscale', json });
    });
}

/** The flags of `init` as commander names them. */
interface InitFlags extends Partial<Record<InitTarget, boolean>> {
  bind?: readonly string[];
  port?: string;
  name?: string;
  machines?: boolean;
  force?: boolean;
  json?: boolean;
}

function addInit(program: Command, sink: Sink): void {
  program
    .command('init')
    .summary('write what it takes to run it by systemd, Docker, Kubernetes')
    .description(
      'Write the files by which the program of this folder is run: units for systemd,\n' +
        'an image and a compose file for Docker, manifests for Kubernetes. Files that\n' +
        'are there are left alone.',
    )
    .argument('[entry]', 'the file to run (default: server.ts, index.js and the like)')
    .optionsGroup('For what, one or several:')
    .addOption(flag('--systemd', 'NAME.service, and NAME.socket for HTTP'))
    .addOption(flag('--docker', 'Dockerfile, .dockerignore, compose.yaml'))
    .addOption(flag('--k8s', 'k8s/NAME.yaml, and a Dockerfile where there is none'))
    .optionsGroup('What is in them:')
    .addOption(
      repeatable('-b, --bind <endpoint>', 'for clients (default: http://*:3000)', parseBind),
    )
    .addOption(flag('-p, --port <n>', 'for HTTP on every interface: --bind http://*:n', parsePort))
    .addOption(flag('-n, --name <name>', "of the service (default: the project's)"))
    .addOption(flag('--machines', 'machines of its own that join it (docker, k8s)'))
    .optionsGroup('How:')
    .addOption(flag('--force', 'write over files that are there'))
    .addOption(flag('--json', 'one JSON object, for programs'))
    .helpOption('-h, --help', 'show this help')
    .addHelpText(
      'after',
      `
Examples:
  zscale init --systemd
  zscale init server.ts --docker --port 8080
  zscale init handler.ts --k8s --bind tcp://*:5555 --machines

Exit codes:
  0 written   1 error, such as a file that exists   2 wrong usage`,
    )
    .action((entry: string | undefined, flags: InitFlags) => {
      const targets = INIT_TARGETS.filter((target) => flags[target] === true);
      if (targets.length === 0) {
        throw new UsageError(
          'say what to write for: --systemd, --docker, --k8s, or several. See "zscale init --help".',
        );
      }
      if (flags.machines === true && !targets.some((target) => target !== 'systemd')) {
        throw new UsageError(
          '--machines belongs to --docker and --k8s: a machine of its own has a unit of its own. See "zscale init --help".',
        );
      }
      sink.invoke({
        command: 'init',
        targets,
        entry,
        name: flags.name,
        bind: [...(flags.bind ?? []), ...(flags.port === undefined ? [] : [flags.port])],
        machines: flags.machines ?? false,
        force: flags.force ?? false,
        json: flags.json ?? false,
      });
    });
}

interface CallFlags {
  dnsServer?: readonly string[];
  curveKey?: string;
  curveServerKey?: string;
  codec?: CodecName;
  timeout?: number;
  rawOutput?: boolean;
}

function addCall(program: Command, sink: Sink): void {
  program
    .command('call')
    .summary('send one request and print the reply')
    .description('Send one request to a running service and print its reply on stdout.')
    .argument('<endpoint>', 'where the service listens')
    .argument('[value]', 'the request as JSON; "-" or none reads stdin')
    .addOption(codecFlag())
    .addOption(flag('-t, --timeout <time>', 'for the reply to come (default: 5s)', parseDuration))
    .addOption(flag('-r, --raw-output', 'print a text or bytes as they are, not as JSON'))
    .addOption(flag('--curve-server-key <key>', "the service's public key, where it has keys"))
    .addOption(flag('--curve-key <file>', 'own keys, where the service knows its clients'))
    .addOption(dnsFlag())
    .helpOption('-h, --help', 'show this help')
    .addHelpText(
      'after',
      `
The reply is printed as one line of JSON: bytes as base64, integers beyond 2^53
as text. With --codec raw the request is the text itself, and the reply is
written byte for byte.

Examples:
  zscale call tcp://127.0.0.1:5555 '{"name":"you"}'
  zscale call tcp://127.0.0.1:5555 '"a text"'
  echo '{"name":"you"}' | zscale call tcp://127.0.0.1:5555
  zscale call tcp://127.0.0.1:5555 PING --codec raw

Exit codes:
  0 replied   1 answered with an error, or not in time   2 wrong usage`,
    )
    .action((endpoint: string, value: string | undefined, flags: CallFlags) => {
      sink.invoke({
        command: 'call',
        endpoint: parseNamedEndpoint('call', endpoint),
        value: value === '-' ? undefined : value,
        codec: flags.codec ?? 'msgpack',
        timeout: flags.timeout ?? CALL_TIMEOUT_MS,
        rawOutput: flags.rawOutput ?? false,
        ...curveOfCall(flags),
        ...(flags.dnsServer !== undefined && { dnsServers: flags.dnsServer }),
      });
    });
}

function addInject(program: Command, sink: Sink): void {
  program
    .command('inject')
    .summary('send one request through a service on this machine')
    .description(
      'Send one request through a service that runs on this machine, by its front end, in its\n' +
        'codec, and print its reply on stdout.',
    )
    .argument('[value]', 'the request as JSON; "-" or none reads stdin')
    .addOption(flag('-n, --name <name>', 'which service, where several run'))
    .addOption(flag('--control <path>', 'the path of its control socket, instead of the name'))
    .addOption(flag('-t, --timeout <time>', 'for the reply to come (default: 5s)', parseDuration))
    .addOption(flag('-r, --raw-output', 'print a text or bytes as they are, not as JSON'))
    .addOption(flag('--curve-server-key <key>', "the service's public key, where it has keys"))
    .addOption(flag('--curve-key <file>', 'own keys, where the service knows its clients'))
    .helpOption('-h, --help', 'show this help')
    .addHelpText(
      'after',
      `
Examples:
  zscale inject '{"name":"you"}'
  zscale inject '{"name":"you"}' --name api

Exit codes:
  0 replied   1 answered with an error, or not in time   2 wrong usage
  69 no such service runs`,
    )
    .action((value: string | undefined, flags: CallFlags & ControlFlags) => {
      sink.invoke({
        command: 'inject',
        name: flags.name,
        control: flags.control,
        value: value === '-' ? undefined : value,
        timeout: flags.timeout ?? CALL_TIMEOUT_MS,
        rawOutput: flags.rawOutput ?? false,
        ...curveOfCall(flags),
      });
    });
}

/** The flags of `device` as commander names them. */
interface DeviceFlags {
  frontend?: readonly string[];
  backend?: readonly string[];
  capture?: readonly string[];
  hwm?: number;
  gracefulTimeout?: number;
  rate?: number;
  recoveryInterval?: number;
  json?: boolean;
}

function curveOfCall({ curveKey, curveServerKey }: CallFlags): Pick<CallInvocation, 'curve'> {
  if (curveServerKey !== undefined) {
    return { curve: { serverKey: curveServerKey, keyFile: curveKey } };
  }
  if (curveKey === undefined) return {};
  throw new UsageError(
    "--curve-key needs the service's public key too: --curve-server-key <key>, the text in its file NAME.key.",
  );
}

function addDevice(program: Command, sink: Sink): void {
  program
    .command('device')
    .summary('pass ZeroMQ messages on: a queue, forwarder or streamer')
    .description(
      'Stand between ZeroMQ programs in any language and pass their messages on, unread.\n' +
        '  queue      requests to workers, replies back        REQ, DEALER -> REP, DEALER\n' +
        '  forwarder  data to subscribers, subscriptions back  PUB -> SUB\n' +
        '  streamer   work to consumers                        PUSH -> PULL\n' +
        'Stays in the foreground; Ctrl-C passes on what is there and ends it.',
    )
    .argument('<kind>', 'queue, forwarder or streamer')
    .optionsGroup('Endpoints:')
    .addOption(
      repeatable(
        '--frontend <endpoint>',
        'where clients, publishers or producers are',
        parseDeviceEndpoint,
      ),
    )
    .addOption(
      repeatable(
        '--backend <endpoint>',
        'where workers, subscribers or consumers are',
        parseDeviceEndpoint,
      ),
    )
    .addOption(
      repeatable(
        '--capture <endpoint>',
        'a PUB that shows all that passes (default: none)',
        parseDeviceEndpoint,
      ),
    )
    .optionsGroup('Messages:')
    .addOption(
      flag('--hwm <n>', 'how many may wait per peer and direction (default: 1000)', parseMark),
    )
    .addOption(
      flag(
        '--graceful-timeout <time>',
        'for what is on its way at the end (default: 30s)',
        (name, text) => parseDuration(name, text, { least: 0 }),
      ),
    )
    .optionsGroup('Multicast (epgm endpoints of a forwarder):')
    .addOption(flag('--rate <n>', 'kbit/s to send at most (default: 100)', parseCount))
    .addOption(
      flag('--recovery-interval <time>', 'to ask for what was lost (default: 10s)', (name, text) =>
        parseDuration(name, text),
      ),
    )
    .optionsGroup('Output:')
    .addOption(flag('--json', 'one JSON object per line, for programs'))
    .optionsGroup('Help:')
    .helpOption('-h, --help', 'show this help')
    .addHelpText(
      'after',
      `
Endpoints are bound. With "connect:" in front they are connected to instead.
--frontend, --backend and --capture may be repeated. off means no limit.

Examples:
  zscale device queue --frontend tcp://*:5559 --backend tcp://*:5560
  zscale device queue --frontend tcp://*:5559 --backend connect:tcp://host:5560
  zscale device forwarder --frontend connect:tcp://feed:70 --backend tcp://*:71
  zscale device streamer --frontend ipc:///run/in.sock --backend tcp://*:5558
  zscale device forwarder --frontend tcp://*:70 --backend epgm://239.192.1.1:71

Exit codes:
  0 stopped   1 error   2 wrong usage   128+n signal n`,
    )
    .action((text: string, flags: DeviceFlags) => {
      const { frontend, backend, capture, hwm, gracefulTimeout, json = false } = flags;
      const multicast = multicastOf(flags);
      const kind = DEVICE_KINDS.get(parseChoice('device', text, [...DEVICE_KINDS.keys()]));
      if (kind === undefined || frontend === undefined || backend === undefined) {
        const missing = frontend === undefined ? '--frontend' : '--backend';
        throw new UsageError(
          `a device needs both sides; ${missing} is missing, as in: zscale device ${text} ` +
            '--frontend tcp://*:5559 --backend tcp://*:5560. See "zscale device --help".',
        );
      }
      sink.invoke({
        command: 'device',
        kind,
        options: {
          frontend,
          backend,
          ...(capture !== undefined && { capture }),
          ...(hwm !== undefined && { highWaterMark: hwm === Number.POSITIVE_INFINITY ? 0 : hwm }),
          ...(gracefulTimeout !== undefined && {
            gracefulTimeout: gracefulTimeout === Number.POSITIVE_INFINITY ? -1 : gracefulTimeout,
          }),
          ...(multicast !== undefined && {
            frontendOptions: multicast,
            backendOptions: multicast,
            captureOptions: multicast,
          }),
        },
        json,
      });
    });
}

/** Options of multicast sockets, where any was given. */
function multicastOf({
  rate,
  recoveryInterval,
}: DeviceFlags): { rate?: number; recoveryInterval?: number } | undefined {
  if (rate === undefined && recoveryInterval === undefined) return undefined;
  if (recoveryInterval === Number.POSITIVE_INFINITY) {
    throw new UsageError(
      '--recovery-interval takes a time such as 10s; off would keep everything.',
    );
  }
  return {
    ...(rate !== undefined && { rate }),
    ...(recoveryInterval !== undefined && { recoveryInterval }),
  };
}

/** The commands for a supervisor that runs. */
function addControl(program: Command, sink: Sink): void {
  for (const row of CONTROL_COMMANDS) {
    const command = program
      .command(row.name)
      .summary(row.summary)
      .description(row.description)
      .addOption(flag('-n, --name <name>', 'which supervisor, where several run'))
      .addOption(flag('--control <path>', 'the path of its control socket, instead of the name'))
      .addOption(flag('--json', row.follows ? 'one JSON object per line' : 'one JSON object'))
      .helpOption('-h, --help', 'show this help')
      .addHelpText('after', `\n${row.examples}\n`);
    if (row.alias !== undefined) command.alias(row.alias);
    if (row.argument !== undefined) command.argument(row.argument.name, row.argument.description);
    if (row.follows) command.addOption(flag('-f, --follow', 'go on until interrupted'));
    if (row.name === 'kill') {
      command.addOption(flag('-s, --signal <name>', 'which one (default: SIGKILL)', parseSignal));
    }
    command.action((...given: unknown[]) => {
      const text = row.argument === undefined ? '' : String(given[0]);
      const flags: ControlFlags = command.opts();
      sink.invoke(row.invoke(text, flags));
    });
  }
}

/** A command whose flags are in a file of its own. */
function addRow(program: Command, sink: Sink, row: CommandRow): void {
  const command = program
    .command(row.name)
    .summary(row.summary)
    .description(wrapped(row.description))
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', `\n${row.examples}\n`);
  for (const { name, description } of row.words) command.argument(name, description);
  for (const { flags, description, parse } of row.flags) {
    command.addOption(flag(flags, description, parse));
  }
  command.action((...given: unknown[]) => {
    const words = given.slice(0, row.words.length).filter((word) => typeof word === 'string');
    sink.invoke(row.invoke(words, command.opts()));
  });
}

/** The sockets that are commands. */
function addKnife(program: Command, sink: Sink): void {
  for (const row of KNIFE_COMMANDS) {
    const command = program
      .command(row.name)
      .summary(row.summary)
      .description(row.description)
      .argument(
        '<endpoint...>',
        row.sends ? 'where; then messages, of which none or "-" is stdin' : 'where',
      )
      .usage(row.sends ? '<endpoint...> [message...] [options]' : '<endpoint...> [options]')
      .helpOption('-h, --help', 'show this help')
      .addHelpText('after', helpAfter(row));
    for (const { flags, description, parse, isRepeatable = false } of row.flags) {
      command.addOption(
        isRepeatable && parse !== undefined
          ? repeatable(flags, description, parse)
          : flag(flags, description, parse),
      );
    }
    command.action((given: readonly string[], flags: KnifeFlags) => {
      const mark = sink.argv.indexOf('--');
      const literal = mark < 0 ? 0 : Math.min(sink.argv.length - mark - 1, given.length);
      sink.invoke(knifeInvocation(row, given, literal, flags));
    });
  }
}

function addStart(program: Command, sink: Sink): void {
  program
    .command('start')
    .summary('run a server in the background')
    .description(
      'Do what "zscale run" does, in the background. Returns when the service serves;\n' +
        'when it does not start, says why and ends as "zscale run" would.',
    )
    .usage('<entry> [options of zscale run] [options]')
    .argument('[words...]', 'as for zscale run, flags and all')
    .allowUnknownOption()
    .addOption(
      flag('--log-file <file>', 'what it prints (default: ~/.local/state/zscale/NAME.log)'),
    )
    .addOption(flag('--json', 'one JSON object: name, pid, endpoints, log'))
    .helpOption('-h, --help', 'show this help')
    .addHelpText(
      'after',
      `
Examples:
  zscale start server.ts --name api --workers 4 --bind tcp://*:5555
  zscale status --name api
  zscale stop --name api

Exit codes:
  0 serves            1 error, or one of that name runs    2 wrong usage
  3 boot failed       4 entry did not load                 5 crash loop`,
    )
    .action(() => {
      const words = splitStart(sink.argv.slice(1));
      const given = readCommandLine(['run', ...words.argv], ''); // for what it says is wrong
      if (given.command === 'run') sink.invoke({ command: 'start', ...words });
    });
}

function addCompletion(program: Command, sink: Sink): void {
  program
    .command('completion')
    .summary('complete the command line in bash, zsh or fish')
    .description('Print the script that completes commands, flags and their values in a shell.')
    .argument('<shell>', 'bash, zsh or fish')
    .helpOption('-h, --help', 'show this help')
    .addHelpText(
      'after',
      `
Where it goes:
  ~/.bashrc                    source <(zscale completion bash)
  ~/.zshrc, after compinit     source <(zscale completion zsh)
  fish, once: zscale completion fish > ~/.config/fish/completions/zscale.fish

Exit codes:
  0 printed   2 wrong usage`,
    )
    .action((shell: string) => {
      sink.invoke({
        command: 'completion',
        shell: parseChoice('completion', shell, SHELLS),
        outline: outlineOf(program),
      });
    });
}

/** What there is to complete, read off the commands themselves. */
function outlineOf(program: Command): ProgramOutline {
  const help = program.createHelp();
  const outlineFlags = (command: Command): FlagOutline[] =>
    help.visibleOptions(command).map((option) => ({
      names: [option.short, option.long].filter((name) => typeof name === 'string'),
      description: option.description,
      values: option.required || option.optional ? valuesOf(option, command) : undefined,
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
        operands: operandsOf(command),
      }),
    ),
  };
}

/** What a flag takes: its placeholder says that it is a file, and its parser which words it knows. */
function valuesOf(option: Option, command: Command): Values {
  if (/<(file|path|interpreter|command)/.test(option.flags)) return 'files';
  if (option.long === '--name' && !command.registeredArguments.some(isEntry)) return 'services';
  try {
    option.parseArg?.('', undefined);
  } catch (error) {
    if (error instanceof UsageError && error.choices.length > 0) return error.choices;
  }
  return 'unknown';
}

function operandsOf(command: Command): Values {
  if (command.registeredArguments.some(isEntry)) return 'files';
  switch (command.name()) {
    case 'start':
      return 'files';
    case 'device':
      return [...DEVICE_KINDS.keys()];
    case 'completion':
      return SHELLS;
    case 'help':
      return COMMANDS;
    default:
      return 'unknown';
  }
}

/** `run` has an entry, and `join` has it behind its endpoints. */
function isEntry(argument: { readonly description: string }): boolean {
  return argument.description.includes('the file that exports');
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
    .addOption(flag('-c, --config <file>', 'default: zscale.config.* here, or package.json'));
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

/** One flag; `parse` gets its long name, for the error message, and the text that was given. */
function flag(
  flags: string,
  description: string,
  parse?: (name: string, text: string) => unknown,
): Option {
  const option = new Option(flags, description);
  return parse ? option.argParser((text) => parse(`--${option.name()}`, text)) : option;
}

/** A flag whose values are gathered in a list. */
function repeatable<T>(
  flags: string,
  description: string,
  parse: (name: string, text: string) => T,
): Option {
  const option = new Option(flags, description);
  return option.argParser((text, gathered: T[] = []) => [
    ...gathered,
    parse(`--${option.name()}`, text),
  ]);
}

function dnsFlag(): Option {
  return repeatable('--dns-server <address>', 'for dns: and srv: endpoints', givenText);
}

/** Text as it is: the name of a file. */
function givenText(_name: string, text: string): string {
  return text;
}

function codecFlag(): Option {
  return flag('--codec <name>', 'msgpack, json or raw (default: msgpack)', (name, text) =>
    parseChoice(name, text, CODEC_NAMES),
  );
}

/**
 * Whatever is no command is the entry of `run`, the default one. But `zscale cal tcp://...` was
 * hardly meant as a file, and "no such file" would be a poor answer.
 */
function refuseMistypedCommand(first: string | undefined): void {
  if (first === undefined || COMMANDS.includes(first) || /^-|[./\\]/.test(first)) return;
  throw new UsageError(
    `"${first}" is no command (${COMMANDS.join(', ')}) and does not look like a file. ` +
      `To run a file of that name write: zscale run ./${first}`,
  );
}

/** Commander takes whatever is left as arguments of the program. */
function refuseStrayArguments(
  entry: string | undefined,
  args: readonly string[],
  exec: unknown,
  argv: readonly string[],
): void {
  if (exec !== undefined && entry !== undefined) {
    throw new UsageError(
      `--exec takes the whole command, so "${entry}" has no place beside it: ` +
        '--exec "command and its arguments". See "zscale run --help".',
    );
  }
  if (typeof exec === 'string' && exec.trim() === '') {
    throw new UsageError('--exec takes a command; got "".');
  }
  if (args.length > 0 && !argv.includes('--')) {
    throw new UsageError(
      `too many arguments. Expected 1 argument but got ${args.length + 1}; those of the program come after "--". ` +
        'See "zscale run --help".',
    );
  }
}

/** Commander's refusals, in one line, with where to read on. */
function explain(error: CommanderError, argv: readonly string[]): string {
  const [first = ''] = argv;
  const command = COMMANDS.includes(first) && first !== 'help' ? first : 'run';
  const readOn = `See "zscale ${command} --help".`;
  switch (error.code) {
    case 'commander.missingArgument':
      if (command === 'call') return `the endpoint to call is missing. ${readOn}`;
      if (command === 'join')
        return `join takes the back end of a service and the file to run, as in: zscale join tcp://front:5556 server.ts. ${readOn}`;
      if (KNIFE_COMMANDS.some(({ name }) => name === command))
        return `the endpoint is missing, as in: zscale ${command} tcp://127.0.0.1:5555. ${readOn}`;
      if ([...CONTROL_COMMANDS, ...ROWS].some(({ name }) => name === command))
        return `${error.message.replace(/^error: missing required argument '(.*)'$/, 'the $1 is missing')}. ${readOn}`;
      if (command === 'completion') return `the shell is missing: ${SHELLS.join(', ')}. ${readOn}`;
      if (command === 'device')
        return `the kind of device is missing: ${[...DEVICE_KINDS.keys()].join(', ')}. ${readOn}`;
      return 'the file to run is missing, as in: zscale server.ts. See "zscale --help".';
    case 'commander.help':
      return `there is no help for "${argv.slice(1).join(' ')}". See "zscale --help".`;
    default: {
      const words = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
      return `${words.replace(/\.$/, '')}. ${readOn}`;
    }
  }
}

/** A text that commander breaks into lines by itself: it breaks what has breaks of its own a second time. */
function wrapped(text: string): string {
  return text.replaceAll('\n', ' ');
}
