/**
 * `zscale init --docker`: an image of the project, and a compose file that runs it, with machines beside it where they are asked for.
 */
import { type InitPlan, ZSCALE } from './plan.ts';
import { type InitKit, joinWords, KEY_FILE, listOf, REST_S, runWords } from './serving.ts';

const SECRET = '/run/secrets/service';
const LOOPBACK = '127.0.0.1';

/** The image and the compose file. */
export function dockerKit(plan: InitPlan): InitKit {
  const steps = [
    'docker compose up --build --wait',
    `docker compose exec ${plan.name} node ${ZSCALE} status`,
    'docker compose down',
  ];
  if (plan.machines) steps.unshift('npx zscale keygen service');
  return {
    files: [...imageFiles(plan), { path: 'compose.yaml', text: compose(plan) }],
    next: steps.slice(0, 3),
  };
}

/** The files that an image is built from. */
export function imageFiles(plan: InitPlan): InitKit['files'] {
  return [
    { path: 'Dockerfile', text: dockerfile(plan) },
    { path: '.dockerignore', text: ignored(plan) },
  ];
}

function dockerfile(plan: InitPlan): string {
  const { manager, isBuilt } = plan;
  const lists = ['package.json', ...manager.files].join(' ');
  const build = isBuilt
    ? `RUN ${manager.installAll}
COPY . .
RUN ${manager.name} run build && ${manager.prune}`
    : `RUN ${manager.installForProduction}
COPY . .`;
  const words = runWords(plan, { adminHost: LOOPBACK, keyFile: SECRET, drainDelay: 0 });
  return `# ${plan.name}: ${plan.entry} on every core that the container may use. Written by "zscale init --docker".
ARG NODE_VERSION=22

FROM node:\${NODE_VERSION}-slim AS project
WORKDIR /app
COPY ${lists} ./
${build}

FROM node:\${NODE_VERSION}-slim
# The first process of a container inherits those that others leave behind. Node lets them stand as zombies; tini takes them in.
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production
WORKDIR /app
COPY --from=project /app ./
USER node
EXPOSE ${plan.doors.map(({ port }) => port).join(' ')}
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \\
  CMD ${JSON.stringify(['node', '-e', probeOf(plan)])}
# Not by npm or npx, which hand on no signals: SIGTERM reaches zscale, and open requests are answered.
ENTRYPOINT ["tini", "--", "node", "${ZSCALE}"]
CMD ${JSON.stringify(words)}
`;
}

function probeOf({ adminPort }: InitPlan): string {
  return `fetch('http://127.0.0.1:${adminPort}/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))`;
}

function ignored({ isBuilt }: InitPlan): string {
  return `${[
    '# What is no part of the image; keys least of all.',
    'node_modules',
    ...(isBuilt ? ['dist', 'build'] : []),
    '.git',
    '.env*',
    '*.key_secret',
    '*.log',
    'Dockerfile',
    '.dockerignore',
    'compose.yaml',
    'k8s',
  ].join('\n')}\n`;
}

function compose(plan: InitPlan): string {
  const { name, machines, doors, grace, drainDelay = 0 } = plan;
  const ports = doors.map(({ port }) => `"${port}:${port}"`).join(', ');
  const words = runWords(plan, { adminHost: LOOPBACK, keyFile: SECRET, drainDelay: 0 });
  const limits = `    # --workers auto follows the CPUs.
    deploy: { resources: { limits: { cpus: "2", memory: 1g } } }
    restart: unless-stopped
    # The open requests have ${grace} s.
    stop_grace_period: ${drainDelay + grace + REST_S}s
    read_only: true
    tmpfs: [/tmp]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
`;
  return `# Written by "zscale init --docker".
services:
  ${name}:
    build: .
    image: ${name}
    command: ${listOf(words, '    ')}
    ports: [${ports}]
${machines ? '    secrets: [service]\n' : ''}${limits}${machines ? machineService(plan, limits) : ''}`;
}

function machineService(plan: InitPlan, limits: string): string {
  const { name } = plan;
  const several = limits.replace('deploy: { ', 'deploy: { replicas: 2, ');
  return `
  # Each of these works for the service: "docker compose up --scale ${name}-machine=4".
  ${name}-machine:
    image: ${name}
    command: ${listOf(joinWords(plan, name, { keyFile: SECRET }), '    ')}
    depends_on: [${name}]
    healthcheck: { disable: true }
    secrets: [service]
${several}
secrets:
  # Made by "zscale keygen service"; the user of the image (1000) has to be able to read it.
  service: { file: ./${KEY_FILE} }
`;
}
