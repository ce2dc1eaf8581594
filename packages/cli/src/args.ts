/**
 * What the command line means: argv in, one Invocation out, or a UsageError.
 *
 * Owns every flag, its help and its examples, and is the only importer of commander. Nothing here
 * acts, prints or ends the process: main.ts does what the Invocation says.
 */
import {
  BALANCES,
  CODEC_NAMES,
  type CodecName,
  HTTP_FORMATS,
  type JoinOptions,
  type LogLevel,
  OUTPUTS,
  type PoolOptions,
  type ScaleOptions,
} from '@zscale/core';
import type { Device } from '@zscale/transport';
import { Command, CommanderError, Option } from 'commander';
import { CONTROL_COMMANDS, type ControlFlags } from './control-commands.ts';
import { UsageError } from './failure.ts';
import {
  parseAssignment,
  parseBind,
  parseChoice,
  parseCount,
  parseDeviceEndpoint,
  parseDuration,
  parseEndpoint,
  parseLimit,
  parseMark,
  parseNamedEndpoint,
  parsePool,
  parsePort,
  parseRange,
  parseRestartLimit,
  parseRetries,
  parseSignal,
  parseSize,
  parseWorkers,
} from './flag-values.ts';
import type { CallInvocation, InitTarget, Invocation, LogFormat } from './invocation.ts';

const LOG_LEVELS: readonly LogLevel[] = [
  'trace',
  'debug',
  'info',
  'warn',
  'error',
  'fatal',
  'silent',
];
const LOG_FORMATS: readonly LogFormat[] = ['json', 'pretty'];
const COMMANDS: readonly string[] = [
  ...['run', 'join', 'call', 'inject', 'device', 'keygen', 'init'],
  ...CONTROL_COMMANDS.flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias])),
  'help',
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
 * Reads a command line.
 *
 * @param argv - the arguments after the program's name, `process.argv.slice(2)`
 * @param version - what `--version` prints
 * @throws UsageError, in one line, when it makes no sense
 */
export function parseArguments(argv: readonly string[], version: string): Invocation {
  refuseMistypedCommand(argv[0]);
  let invocation: Invocation | undefined;
  let printed = '';
  const program = createProgram(version, {
    argv,
    print: (text) => {
      printed += text;
    },
    invoke: (given) => {
      invocation = given;
    },
  });
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander leaves by an error after help and version too; those two are no refusal.
    if (error.exitCode !== 0) throw new UsageError(explain(error, argv));
  }
  return invocation ?? { command: 'print', text: printed };
}

/** Where the parts of the program leave what they found. */
interface Sink {
  /** What was given. */
  readonly argv: readonly string[];
  print(text: string): void;
  invoke(invocation: Invocation): void;
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
  addControl(program, sink);
  return program;
}

/** The flags of `run` as commander names them: as ScaleOptions does, wherever it has one. */
interface RunFlags
  extends Omit<ScaleOptions, 'maxRestarts' | 'exportName' | 'key' | 'pools' | 'args' | 'curve'> {
  pool?: Readonly<Record<string, PoolOptions>>;
  export?: string;
  exec?: string;
  port?: string;
  curveKey?: string;
  curveAllow?: readonly string[];
  curveAllowWorkers?: readonly string[];
  maxRestarts?: ReturnType<typeof parseRestartLimit>;
  logLevel?: LogLevel;
  logFormat?: LogFormat;
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
    .argument('[args...]', 'arguments of the program, after --')
    .optionsGroup('Where it listens:')
    .addOption(
      repeatable('-b, --bind <endpoint>', 'for clients (default: tcp://127.0.0.1:5555)', parseBind),
    )
    .addOption(flag('-p, --port <n>', 'for HTTP on every interface: --bind http://*:n', parsePort))
    .addOption(
      repeatable('--backend <endpoint>', 'for further REP workers, in any language', parseEndpoint),
    );
  addWorkerFlags(run);
  run
    .optionsGroup('Requests:')
    .addOption(codecFlag())
    .addOption(flag('-t, --timeout <time>', 'from arrival to reply (default: 30s)', parseDuration))
    .addOption(flag('--max-queue <n>', 'how many may wait (default: 10000)', parseLimit))
    .addOption(flag('--max-queue-bytes <size>', 'how large together (default: 256mb)', parseSize))
    .addOption(
      flag('--max-queue-wait <time>', 'how long one may wait (default: off)', parseDuration),
    )
    .addOption(flag('--max-message-size <size>', 'the largest accepted (default: 64mb)', parseSize))
    .addOption(
      flag('--max-unsent-bytes <size>', 'answers left unread, in all (default: 256mb)', parseSize),
    )
    .addOption(
      flag('--balance <how>', `${BALANCES.join(', ')} (default: least)`, (name, text) =>
        parseChoice(name, text, BALANCES),
      ),
    )
    .addOption(
      flag('--pool <name=n:pattern>', 'n workers of their own for some routes').argParser(
        gatherPool,
      ),
    )
    .addOption(
      flag('--retries <n>', 'times one whose worker is lost is redone (default: 0)', parseRetries),
    )
    .optionsGroup('HTTP:')
    .addOption(flag('--http', 'exported functions are listeners: (req, res)'))
    .addOption(flag('--no-http', 'exported functions take values: (request, context)'))
    .addOption(flag('--tls-cert <file>', 'of https://: the certificate and its chain', givenText))
    .addOption(flag('--tls-key <file>', 'of https://: its key', givenText))
    .addOption(flag('--max-header-size <size>', 'of one request (default: 16kb)', parseSize))
    .addOption(flag('--max-body-size <size>', 'of one request (default: off)', parseSize))
    .addOption(flag('--max-connections <n>', 'at once (default: 10000)', parseLimit))
    .addOption(flag('--header-timeout <time>', 'for it to come (default: 30s)', parseDuration))
    .addOption(flag('--body-timeout <time>', 'of silence within one (default: 60s)', parseDuration))
    .addOption(
      flag('--keep-alive-timeout <time>', 'for a next request (default: 75s)', parseDuration),
    )
    .addOption(
      repeatable('--trusted-proxies <range>', 'who is believed X-Forwarded-For', givenText),
    )
    .addOption(
      flag('--http-format <format>', 'for REP sockets: zhttp, msgpack or json', (name, text) =>
        parseChoice(name, text, HTTP_FORMATS),
      ),
    )
    .addOption(flag('--sticky <by>', 'cookie:, header:, query:NAME or address', givenText))
    .addOption(flag('--access-log <file>', 'of requests: a file, or - for stdout', givenText))
    .addOption(flag('--admin <endpoint>', 'where /healthz and /readyz are', givenText))
    .addOption(
      flag('--drain-delay <time>', 'from not ready to stopping (default: 0s)', (name, text) =>
        parseDuration(name, text, { least: 0 }),
      ),
    )
    .optionsGroup('Programs:')
    .addOption(flag('--exec <command>', 'a command that connects a REP socket to $ZSCALE_BACKEND'))
    .addOption(
      flag('--python <interpreter>', 'for a .py file; else that of $VIRTUAL_ENV, else python3'),
    )
    .addOption(
      flag('--output <form>', 'of what they print: prefix, json or raw (default: prefix)', (n, t) =>
        parseChoice(n, t, OUTPUTS),
      ),
    )
    .optionsGroup('Other machines:')
    .addOption(flag('--curve-key <file>', "the service's keys: NAME.key_secret"))
    .addOption(
      repeatable('--curve-allow <file>', 'public keys of clients; without it, any', givenText),
    )
    .addOption(
      repeatable('--curve-allow-workers <file>', 'public keys of further machines', givenText),
    )
    .addOption(flag('--insecure', 'others may reach this machine without keys'))
    .addOption(heartbeatFlag());
  addLogFlags(run);
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
    .action((entry: string | undefined, args: string[], flags: RunFlags) => {
      const {
        export: exportName,
        exec,
        maxRestarts,
        logLevel,
        logFormat,
        pool,
        port,
        ...rest
      } = flags;
      const { curveKey, curveAllow, curveAllowWorkers, ...same } = rest;
      refuseStrayArguments(entry, args, exec, sink.argv);
      if (curveKey === undefined && (curveAllow ?? curveAllowWorkers) !== undefined) {
        const given = curveAllow === undefined ? '--curve-allow-workers' : '--curve-allow';
        throw new UsageError(
          `${given} needs the service's own keys too: --curve-key <file>. "zscale keygen" makes them.`,
        );
      }
      sink.invoke({
        command: 'run',
        entry: entry ?? exec ?? '',
        exec,
        options: {
          ...same,
          ...maxRestarts,
          ...(port !== undefined && { bind: [same.bind ?? [], port].flat() }),
          ...(pool !== undefined && { pools: pool }),
          ...(exportName !== undefined && { exportName }),
          ...(args.length > 0 && { args }),
          ...(curveKey !== undefined && {
            curve: { keyFile: curveKey, allow: curveAllow, allowWorkers: curveAllowWorkers },
          }),
        },
        logLevel,
        logFormat: logFormat ?? 'auto',
      });
    });
}

/** The flags of `join` as commander names them. */
interface JoinFlags extends Omit<JoinOptions, 'connect' | 'maxRestarts' | 'exportName' | 'curve'> {
  export?: string;
  maxRestarts?: ReturnType<typeof parseRestartLimit>;
  curveKey?: string;
  curveServerKey?: string;
  dnsServer?: readonly string[];
  logLevel?: LogLevel;
  logFormat?: LogFormat;
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
      '<endpoint...>',
      'the back end of each service, and last the file that exports your handler',
    )
    .usage('<endpoint...> <entry> [options]')
    .optionsGroup('Names:')
    .addOption(dnsFlag())
    .optionsGroup('Keys:')
    .addOption(flag('--curve-key <file>', "this machine's keys, or the service's own pair"))
    .addOption(
      flag('--curve-server-key <key>', "the service's public key (default: that of --curve-key)"),
    );
  addWorkerFlags(join);
  join
    .optionsGroup('Back ends:')
    .addOption(heartbeatFlag())
    .optionsGroup('Requests, as the service has it:')
    .addOption(codecFlag())
    .addOption(flag('-t, --timeout <time>', 'from arrival to reply (default: 30s)', parseDuration))
    .addOption(
      flag('--max-message-size <size>', 'the largest accepted (default: 64mb)', parseSize),
    );
  addLogFlags(join);
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
    .action((given: readonly string[], flags: JoinFlags) => {
      const endpoints = given.slice(0, -1);
      const entry = given.at(-1) ?? '';
      if (endpoints.length === 0 || /^[a-z]+:\/\//.test(entry)) {
        const missing = endpoints.length === 0 && !entry.includes('://') ? 'back end' : 'file';
        throw new UsageError(
          `join takes the back end of a service and then the file to run; the ${missing} is missing, as in: ` +
            'zscale join tcp://front:5556 server.ts. See "zscale join --help".',
        );
      }
      const { export: exportName, maxRestarts, logLevel, logFormat, ...rest } = flags;
      const { curveKey, curveServerKey, dnsServer, ...same } = rest;
      if (curveKey === undefined && curveServerKey !== undefined) {
        throw new UsageError(
          '--curve-server-key needs keys of this machine too: --curve-key <file>. "zscale keygen" makes them.',
        );
      }
      sink.invoke({
        command: 'join',
        entry,
        options: {
          ...same,
          ...maxRestarts,
          ...(dnsServer !== undefined && { dnsServers: dnsServer }),
          connect: endpoints.map((endpoint) => parseNamedEndpoint('join', endpoint)),
          ...(exportName !== undefined && { exportName }),
          ...(curveKey !== undefined && {
            curve: { keyFile: curveKey, serverKey: curveServerKey },
          }),
        },
        logLevel,
        logFormat: logFormat ?? 'auto',
      });
    });
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

/** The workers of `run` and `join`. */
function addWorkerFlags(command: Command): void {
  command
    .optionsGroup('Workers:')
    .addOption(flag('-w, --workers <n|auto>', 'how many processes (default: auto)', parseWorkers))
    .addOption(
      flag('--concurrency <n>', 'requests a worker may hold at once (default: 64)', parseCount),
    )
    .addOption(threadsFlag())
    .addOption(flag('--export <name>', 'the export to use (default: default, handler)'))
    .addOption(
      flag('-e, --env <KEY=value>', 'an environment variable for the workers').argParser(
        gatherAssignment,
      ),
    )
    .addOption(flag('--start-timeout <time>', 'for a worker to load (default: 60s)', parseDuration))
    .addOption(hangTimeoutFlag())
    .addOption(
      flag(
        '--graceful-timeout <time>',
        'for open requests at the end (default: 30s)',
        (name, text) => parseDuration(name, text, { least: 0 }),
      ),
    )
    .addOption(
      flag(
        '--max-restarts <n/time>',
        'crashes before giving up (default: 5/60s)',
        parseRestartLimit,
      ),
    )
    .addOption(flag('--autoscale <min-max>', 'change how many by load', parseRange))
    .optionsGroup('Replacing workers, successor first:')
    .addOption(flag('--max-memory <size>', 'when one has more memory (default: off)', parseSize))
    .addOption(flag('--max-requests <n>', 'after so many requests (default: off)', parseLimit))
    .addOption(flag('--max-lifetime <time>', 'when it is so old (default: off)', parseDuration));
}

/** What `run` and `join` say. */
function addLogFlags(command: Command): void {
  command
    .optionsGroup('Logs:')
    .addOption(flag('-n, --name <name>', 'in logs, and to other commands (default: zscale)'))
    .addOption(
      flag('--control <path|off>', 'socket for other commands, or none', (_, text) =>
        text === 'off' ? false : text,
      ),
    )
    .addOption(
      flag('--log-level <level>', `${LOG_LEVELS.join(', ')} (default: info)`, (name, text) =>
        parseChoice(name, text, LOG_LEVELS),
      ),
    )
    .addOption(
      flag(
        '--log-format <format>',
        'json or pretty (default: pretty on a terminal)',
        (name, text) => parseChoice(name, text, LOG_FORMATS),
      ),
    );
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

function heartbeatFlag(): Option {
  return flag(
    '--heartbeat-timeout <time>',
    'silence of another machine (default: 3s)',
    (name, text) => parseDuration(name, text, { least: 3 }),
  );
}

function dnsFlag(): Option {
  return repeatable('--dns-server <address>', 'for dns: and srv: endpoints', givenText);
}

/** Text as it is: the name of a file. */
function givenText(_name: string, text: string): string {
  return text;
}

function threadsFlag(): Option {
  return flag('--threads <n>', 'threads per process that run it (default: 0)', (name, text) =>
    parseCount(name, text, { least: 0 }),
  );
}

function hangTimeoutFlag(): Option {
  return flag(
    '--hang-timeout <time>',
    'for a worker that stands still (default: 30s)',
    (name, text) => parseDuration(name, text, { least: 100 }),
  );
}

function codecFlag(): Option {
  return flag('--codec <name>', 'msgpack, json or raw (default: msgpack)', (name, text) =>
    parseChoice(name, text, CODEC_NAMES),
  );
}

function gatherAssignment(
  text: string,
  gathered: Record<string, string> = {},
): Record<string, string> {
  const [key, value] = parseAssignment('--env', text);
  return { ...gathered, [key]: value };
}

/** A pool that is named again gets one more pattern. */
function gatherPool(
  text: string,
  gathered: Readonly<Record<string, PoolOptions>> = {},
): Readonly<Record<string, PoolOptions>> {
  const { name, workers, route } = parsePool('--pool', text);
  const before = Object.hasOwn(gathered, name) ? gathered[name] : undefined;
  if (before !== undefined && before.workers !== workers) {
    throw new UsageError(
      `--pool ${name} has ${before.workers} workers and ${workers}: give it the same number each time.`,
    );
  }
  return { ...gathered, [name]: { workers, routes: [...(before?.routes ?? []), route] } };
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
  exec: string | undefined,
  argv: readonly string[],
): void {
  if (exec !== undefined && entry !== undefined) {
    throw new UsageError(
      `--exec takes the whole command, so "${entry}" has no place beside it: ` +
        '--exec "command and its arguments". See "zscale run --help".',
    );
  }
  if (exec?.trim() === '') throw new UsageError('--exec takes a command; got "".');
  if (exec === undefined && entry === undefined) {
    throw new UsageError(
      'the file to run is missing, as in: zscale server.ts. See "zscale --help".',
    );
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
      if (CONTROL_COMMANDS.some(({ name }) => name === command))
        return `${error.message.replace(/^error: missing required argument '(.*)'$/, 'the $1 is missing')}. ${readOn}`;
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
