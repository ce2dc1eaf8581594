/** `zscale init` on the command line: its flags, its help, and what they mean. */
import { type CommandRow, textOf } from './command-row.ts';
import { UsageError } from './failure.ts';
import { parseBind, parsePort } from './flag-values.ts';
import type { InitTarget } from './invocation.ts';

const TARGETS: readonly InitTarget[] = ['systemd', 'docker', 'k8s'];

/** Its row. */
export const INIT_COMMAND: CommandRow = {
  name: 'init',
  summary: 'write what it takes to run it by systemd, Docker, Kubernetes',
  description:
    'Write the files by which the program of this folder is run: units for systemd,\n' +
    'an image and a compose file for Docker, manifests for Kubernetes. Files that\n' +
    'are there are left alone.',
  words: [
    {
      name: '[entry]',
      description: 'the file to run (default: server.ts, index.js and the like)',
    },
  ],
  operands: 'files',
  flags: [
    {
      heading: 'For what, one or several:',
      flags: '--systemd',
      description: 'NAME.service, and NAME.socket for HTTP',
    },
    { flags: '--docker', description: 'Dockerfile, .dockerignore, compose.yaml' },
    { flags: '--k8s', description: 'k8s/NAME.yaml, and a Dockerfile where there is none' },
    {
      heading: 'What is in them:',
      flags: '-b, --bind <endpoint>',
      description: 'for clients (default: http://*:3000)',
      parse: parseBind,
      isRepeatable: true,
    },
    {
      flags: '-p, --port <n>',
      description: 'for HTTP on every interface: --bind http://*:n',
      parse: parsePort,
    },
    {
      flags: '-n, --name <name>',
      description: "of the service (default: the project's)",
    },
    { flags: '--machines', description: 'machines of its own that join it (docker, k8s)' },
    { heading: 'How:', flags: '--force', description: 'write over files that are there' },
    { flags: '--json', description: 'one JSON object, for programs' },
  ],
  examples: `Examples:
  zscale init --systemd
  zscale init server.ts --docker --port 8080
  zscale init handler.ts --k8s --bind tcp://*:5555 --machines

Exit codes:
  0 written   1 error, such as a file that exists   2 wrong usage`,
  invoke: ([entry], flags) => {
    const { bind, port } = flags;
    const machines = flags.machines === true;
    const targets = TARGETS.filter((target) => flags[target] === true);
    if (targets.length === 0) {
      throw new UsageError(
        'say what to write for: --systemd, --docker, --k8s, or several. See "zscale init --help".',
      );
    }
    if (machines && !targets.some((target) => target !== 'systemd')) {
      throw new UsageError(
        '--machines belongs to --docker and --k8s: a machine of its own has a unit of its own. See "zscale init --help".',
      );
    }
    return {
      command: 'init',
      targets,
      entry,
      name: textOf(flags.name),
      bind: [
        ...(Array.isArray(bind) ? bind.map(String) : []),
        ...(typeof port === 'string' ? [port] : []),
      ],
      machines,
      force: flags.force === true,
      json: flags.json === true,
    };
  },
};
