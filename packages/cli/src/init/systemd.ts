/**
 * `zscale init --systemd`: a unit for the service, and one for the socket that clients of HTTP come to.
 *
 * systemd holds that socket, so connections wait while the service is started again, and a port below 1024 takes no rights.
 */
import { UsageError } from '../failure.ts';
import type { Door, InitPlan } from './plan.ts';
import {
  endpointOf,
  endWords,
  entryWords,
  type InitFile,
  type InitKit,
  nameWords,
  REST_S,
} from './serving.ts';

/** systemd ends and starts a service whose event loop stands still, or that is without workers, for so long. */
const WATCHDOG_S = 30;
/** For workers to load: `--start-timeout` is 60 s. */
const START_S = 90;
/** Ports below take rights to be bound. */
const FIRST_FREE_PORT = 1024;

/**
 * The units, for this Node in this folder.
 *
 * @throws UsageError where there are several doors for HTTP, or machines
 */
export function systemdKit(plan: InitPlan): InitKit {
  const { name } = plan;
  const [web, ...others] = plan.doors.filter(({ scheme }) => scheme === 'http');
  if (others.length > 0) {
    throw new UsageError(
      `--systemd takes one --bind http://..., which its socket unit holds; got ${others.length + 1}.`,
    );
  }
  const units = [`${name}.service`, ...(web === undefined ? [] : [`${name}.socket`])];
  return {
    files: [
      { path: `${name}.service`, text: serviceUnit(plan, web) },
      ...(web === undefined ? [] : [socketUnit(plan, web)]),
    ],
    next: [
      `sudo cp ${units.join(' ')} /etc/systemd/system/ && sudo systemctl daemon-reload`,
      `sudo systemctl enable --now ${units.toReversed().join(' ')}`,
      `sudo ${plan.node} ${plan.zscale} status --control ${controlOf(plan)}`,
    ],
  };
}

function serviceUnit(plan: InitPlan, web: Door | undefined): string {
  const { name, entry, folder } = plan;
  const command = [plan.node, plan.zscale];
  // systemd holds the one of HTTP; where it holds none, the config file goes on to say all of them.
  const held = web === undefined ? undefined : endpointOf(web);
  const binds = plan.endpoints.map((endpoint) => (endpoint === held ? 'fd:3' : endpoint));
  const isSaid = web === undefined && plan.said.has('bind');
  const run = [
    ...[...command, 'run', ...entryWords(plan), ...nameWords(plan)],
    ...(isSaid ? [] : binds.flatMap((endpoint) => ['--bind', endpoint])),
    ...['--control', controlOf(plan), ...endWords(plan)],
  ];
  const { grace, drainDelay = 0 } = plan;
  const reload = [...command, 'reload', '--control', controlOf(plan)];
  const takesRights = plan.doors.some((door) => door !== web && door.port < FIRST_FREE_PORT);
  const rights = takesRights ? 'CAP_NET_BIND_SERVICE' : '';
  return `# ${name}: ${entry} on every core. Written by "zscale init --systemd".
[Unit]
Description=${name}, on every core
Wants=network-online.target
After=network-online.target${web === undefined ? '' : `\nRequires=${name}.socket\nAfter=${name}.socket`}

[Service]
# It says when it is ready, by systemd-notify: a process of its own, so all of the service may speak.
Type=notify
NotifyAccess=all
ExecStart=${run.map(quoted).join(' ')}
# Ends with 75, and leaves the old workers serving, when the new code does not start.
ExecReload=${reload.map(quoted).join(' ')}
WorkingDirectory=${folder.replaceAll('%', '%%')}
Environment=NODE_ENV=production
TimeoutStartSec=${START_S}
# The open requests have ${grace} s. Workers are told by the service, not by systemd.
TimeoutStopSec=${drainDelay + grace + REST_S}
KillMode=mixed
WatchdogSec=${WATCHDOG_S}
Restart=on-failure
RestartSec=1
# Wrong flags, and code that does not load, are as wrong the next time.
RestartPreventExitStatus=2 4

# What it may do: read, listen, and write to its own folders (/run/${name}, /var/lib/${name}, a /tmp of its own).
DynamicUser=yes
RuntimeDirectory=${name}
RuntimeDirectoryMode=0700
StateDirectory=${name}
UMask=0077
CapabilityBoundingSet=${rights}
AmbientCapabilities=${rights}
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
# Not MemoryDenyWriteExecute: V8 compiles JavaScript to machine code.

[Install]
WantedBy=multi-user.target
`;
}

function socketUnit({ name }: InitPlan, { host, port }: Door): InitFile {
  const address = host === '*' ? String(port) : `${host}:${port}`;
  return {
    path: `${name}.socket`,
    text: `# Where clients of ${name} come. Written by "zscale init --systemd".
[Unit]
Description=${name}, where clients come

[Socket]
ListenStream=${address}
Backlog=4096
NoDelay=yes

[Install]
WantedBy=sockets.target
`,
  };
}

function controlOf({ name }: InitPlan): string {
  return `/run/${name}/control.sock`;
}

/** A word of a command as systemd reads it: `%` and `$` stand for themselves when they are doubled. */
function quoted(word: string): string {
  const escaped = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /[\s"'\\;]/.test(escaped) ? `"${escaped.replaceAll(/["\\]/g, '\\$&')}"` : escaped;
}
