/*
 * What `zscale init` writes is taken by those for whom it is, and means what it should.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DockerfileParser } from 'dockerfile-ast';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { Program } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import {
  complaintsOfKubernetes,
  initIn,
  meaning,
  project,
  readUnit,
  unitWords,
} from '../support/init-files.ts';
import { HAS_SYSTEMD } from '../support/notify-socket.ts';
import { ROOT } from '../support/source-tree.ts';

const MANIFEST = JSON.stringify({
  name: '@shop/the-api',
  dependencies: { '@zscale/cli': '*' },
  scripts: { build: 'tsc' },
});
const WEB = { 'package.json': MANIFEST, 'server.ts': '', 'package-lock.json': '{}' };

/** What a manifest is read as: the checks below say what is expected of it. */
// biome-ignore lint/suspicious/noExplicitAny: YAML of any shape
type Loose = any;

function text(folder: string, path: string): string {
  return readFileSync(join(folder, path), 'utf8');
}

function yamlOf(folder: string, path: string): Loose[] {
  return parseAllDocuments(text(folder, path)).map((document) => {
    expect(document.errors).toEqual([]);
    expect(document.warnings).toEqual([]);
    return document.toJS();
  });
}

describe('zscale init', () => {
  it('leaves files alone that are there, all or none, unless it is forced', async () => {
    const folder = project({ ...WEB, 'compose.yaml': 'mine' });
    await expect(initIn(folder, '--docker')).rejects.toMatchObject({
      code: 'EEXIST',
      message: expect.stringMatching(/^compose\.yaml is there already.*--force/),
    });
    expect(existsSync(join(folder, 'Dockerfile'))).toBe(false);
    await initIn(folder, '--docker', '--force');
    expect(text(folder, 'compose.yaml')).toContain('services:');
  });

  it.each(['user', 'group'])(
    'refuses a config file with %s, which only root could follow',
    async (key) => {
      const folder = project({ ...WEB, 'zscale.config.json': JSON.stringify({ [key]: 'nobody' }) });
      for (const target of ['--systemd', '--docker', '--k8s']) {
        await expect(initIn(folder, target)).rejects.toMatchObject({
          name: 'UsageError',
          message: expect.stringContaining(`the config file says ${key}, `),
        });
      }
      expect(existsSync(join(folder, 'the-api.service'))).toBe(false);
    },
  );

  it('says what it wrote and what to do then, in three lines, or as JSON', async () => {
    for (const target of ['--systemd', '--docker', '--k8s']) {
      const words = await initIn(project(WEB), target);
      expect(words.split('then:')[1]?.trim().split('\n'), target).toHaveLength(3);
      for (const line of words.split('\n').filter((each) => each.startsWith('  wrote')))
        expect(line.length).toBeLessThan(80);
    }
    const told = JSON.parse(await initIn(project(WEB), '--systemd', '--docker', '--json'));
    expect(told).toEqual({
      name: 'the-api',
      entry: 'server.ts',
      files: ['the-api.service', 'the-api.socket', 'Dockerfile', '.dockerignore', 'compose.yaml'],
      next: expect.any(Array),
    });
    expect(told.next).toHaveLength(6);
    const bare = await initIn(project({ 'server.ts': '' }), '--docker');
    expect(bare).toContain('npm install @zscale/cli ');
  });

  it('finds the program and the name of a folder', async () => {
    const found = async (files: Record<string, string>): Promise<unknown> =>
      JSON.parse(await initIn(project(files), '--k8s', '--json'));
    expect(await found({ 'src/index.mjs': '' })).toMatchObject({
      name: 'my-app',
      entry: 'src/index.mjs',
    });
    expect(await found({ 'server.js': '', 'package.json': '{"name":"42"}' })).toMatchObject({
      name: 'my-app',
    });
    expect(await found({ 'app.js': '' })).toMatchObject({ name: 'my-app', entry: 'app.js' });
    // As zscale run would.
    await expect(found({ 'app.js': '', 'package.json': '{' })).rejects.toMatchObject({
      code: 'ZSCALE_ERR_LOAD',
    });
  });

  it.each([
    [['--docker'], {}, /there is no server\.ts or the like/],
    [['gone.js', '--docker'], WEB, /there is no file gone\.js/],
    [['../server.ts', '--docker'], WEB, /must lie in this folder/],
    [['/etc/passwd', '--docker'], WEB, /must lie in this folder/],
    [['a"b.js', '--docker'], WEB, /must lie in this folder/],
    [[], WEB, /--systemd, --docker, --k8s/],
    [['--systemd', '--machines'], WEB, /--machines belongs to/],
    [['--docker', '--name', 'A'], WEB, /--name takes/],
    [['--docker', '--bind', 'https://*:443'], WEB, /--bind of init takes/],
    [['--docker', '--port', '0'], WEB, /--bind of init takes/],
    [['--systemd', '--port', '80', '--bind', 'http://*:81'], WEB, /takes one --bind http/],
  ])('refuses %j, and writes nothing', async (args, files, words) => {
    const folder = project({ 'README.md': '', ...files });
    await expect(initIn(folder, ...args)).rejects.toMatchObject({
      code: 'ZSCALE_ERR_USAGE',
      message: expect.stringMatching(words),
    });
    expect(existsSync(join(folder, 'Dockerfile'))).toBe(false);
  });
});

describe('zscale init beside a config file', () => {
  const SETTINGS = {
    entry: 'app.mjs',
    name: 'Shop.API',
    bind: ['http://*:8080', 'tcp://*:5555'],
    admin: 'http://127.0.0.1:9191',
    gracefulTimeout: '45s',
    logFormat: 'pretty',
  };
  const beside = (settings: object, files: Record<string, string> = {}): string =>
    project({ ...WEB, 'app.mjs': '', ...files, 'zscale.config.json': JSON.stringify(settings) });
  const commandOf = (folder: string): string[] =>
    JSON.parse(/^CMD (.*)$/m.exec(text(folder, 'Dockerfile'))?.[1] ?? '');

  it('says nothing again that the file says, and reckons with it', async () => {
    const folder = beside(SETTINGS);
    await initIn(folder, '--docker', '--k8s', '--systemd');
    expect(commandOf(folder)).toEqual(['run', '--admin', 'http://127.0.0.1:9191']);
    expect(text(folder, 'Dockerfile')).toMatch(/^EXPOSE 8080 5555$/m);
    expect(text(folder, 'Dockerfile')).toContain('http://127.0.0.1:9191/readyz');
    const { services } = parse(text(folder, 'compose.yaml'));
    expect(services['shop-api']).toMatchObject({
      ports: ['8080:8080', '5555:5555'],
      stop_grace_period: '55s',
    });
    const [deployment] = yamlOf(folder, 'k8s/shop-api.yaml');
    const { containers, terminationGracePeriodSeconds } = deployment.spec.template.spec;
    expect(containers[0].args).toEqual(
      ['run', '--admin', 'http://*:9191', '--drain-delay', '5s'], // so that balancers hear of it
    );
    expect(terminationGracePeriodSeconds).toBe(60);
    const unit = readUnit(join(folder, 'shop-api.service'));
    const words = unitWords(unit.get('Service.ExecStart')?.[0] ?? '').slice(2);
    // What systemd holds is handed over.
    expect(words.join(' ')).toBe(
      'run --bind fd:3 --bind tcp://*:5555 --control /run/shop-api/control.sock',
    );
    expect(readUnit(join(folder, 'shop-api.socket')).get('Socket.ListenStream')).toEqual(['8080']);
    expect(unit.get('Service.TimeoutStopSec')).toEqual(['55']);
  });

  it('says what was said to it', async () => {
    const folder = beside(SETTINGS, { 'other.mjs': '' });
    await initIn(folder, 'other.mjs', '--docker', '--port', '81', '--name', 'mine');
    expect(commandOf(folder).slice(0, 6)).toEqual(
      ['run', 'other.mjs', '--name', 'mine', '--bind', 'http://*:81'], // and --admin
    );
  });

  it('lets clients in that a container would keep out', async () => {
    const folder = beside({ bind: ['http://127.0.0.1:8080', 'tcp://*:5555'] });
    await initIn(folder, '--docker');
    expect(meaning(commandOf(folder))).toMatchObject({
      entry: 'server.ts',
      options: { bind: ['http://*:8080', 'tcp://*:5555'] },
    });
    await expect(initIn(beside({ bind: 'unix:/run/app.sock' }), '--docker')).rejects.toMatchObject({
      code: 'ZSCALE_ERR_USAGE',
      message: expect.stringMatching(
        /unix:\/run\/app\.sock, and to a container they come by a port/,
      ),
    });
  });

  it('leaves to it where clients come when systemd holds nothing', async () => {
    const folder = beside({
      bind: ['https://*:8443', 'unix:/run/app.sock'],
      tlsCert: 'c',
      tlsKey: 'k',
    });
    await initIn(folder, '--systemd');
    expect(existsSync(join(folder, 'the-api.socket'))).toBe(false);
    const unit = readUnit(join(folder, 'the-api.service'));
    expect(unit.get('Service.ExecStart')?.[0]).not.toContain('--bind');
  });
});

describe('zscale init --systemd', () => {
  it('writes units that systemd takes', async ({ skip }) => {
    if (!HAS_SYSTEMD) skip('the programs of systemd are not here');
    const folder = project(WEB);
    await initIn(folder, '--systemd');
    const { status, stdout, stderr } = spawnSync(
      'systemd-analyze',
      ['verify', './the-api.service', './the-api.socket'],
      { cwd: folder, encoding: 'utf8' },
    );
    // What it says of other units of this machine is not about ours.
    const ours = (stdout + stderr).split('\n').filter((line) => line.includes('the-api'));
    expect({ status, ours }).toEqual({ status: 0, ours: [] });
  });

  it('starts, reloads and watches the service with commands that the command line takes', async () => {
    const folder = project(WEB);
    await initIn(folder, '--systemd', '--port', '80');
    const unit = readUnit(join(folder, 'the-api.service'));
    const [node, zscale, ...words] = unitWords(unit.get('Service.ExecStart')?.[0] ?? '');
    expect([node, existsSync(zscale ?? '')]).toEqual([process.execPath, true]);
    expect(meaning(words)).toMatchObject({
      command: 'run',
      entry: 'server.ts',
      options: { bind: ['fd:3'], name: 'the-api', control: '/run/the-api/control.sock' },
    });
    const reload = unitWords(unit.get('Service.ExecReload')?.[0] ?? '').slice(2);
    expect(meaning(reload)).toMatchObject({
      command: 'reload',
      control: '/run/the-api/control.sock',
    });
    expect(unit.get('Service.Type')).toEqual(['notify']);
    expect(unit.get('Service.NotifyAccess')).toEqual(['all']);
    expect(Number(unit.get('Service.WatchdogSec'))).toBeGreaterThan(0);
    expect(unit.get('Service.WorkingDirectory')).toEqual([folder]);
    expect(unit.get('Service.NoNewPrivileges')).toEqual(['yes']);
    expect(unit.get('Service.ProtectSystem')).toEqual(['strict']);
    // V8 compiles, so this would end it at its first request.
    expect(unit.has('Service.MemoryDenyWriteExecute')).toBe(false);
    // More time to stop than --graceful-timeout.
    const { options } = meaning(words) as { options: { gracefulTimeout: number } };
    const stop = Number(unit.get('Service.TimeoutStopSec')) * 1000;
    expect(stop).toBeGreaterThan(options.gracefulTimeout);
    const socket = readUnit(join(folder, 'the-api.socket'));
    expect(socket.get('Socket.ListenStream')).toEqual(['80']);
    expect(unit.get('Service.AmbientCapabilities')).toEqual(['']);
  });

  it('has no socket unit for a service of messages, and the right to a low port where it needs it', async () => {
    const folder = project(WEB);
    await initIn(folder, '--systemd', '--bind', 'tcp://*:555');
    expect(existsSync(join(folder, 'the-api.socket'))).toBe(false);
    const unit = readUnit(join(folder, 'the-api.service'));
    expect(unit.get('Service.AmbientCapabilities')).toEqual(['CAP_NET_BIND_SERVICE']);
    expect(unit.get('Unit.Requires')).toBeUndefined();
  });
});

describe('zscale init --docker', () => {
  it('writes an image that runs as a user, by an init, and ends at SIGTERM', async () => {
    const folder = project(WEB);
    await initIn(folder, '--docker');
    const file = DockerfileParser.parse(text(folder, 'Dockerfile'));
    const keywords = file.getInstructions().map((instruction) => instruction.getKeyword());
    expect(new Set(keywords)).toEqual(
      new Set(
        'ARG FROM WORKDIR COPY RUN ENV USER EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD'.split(
          ' ',
        ),
      ),
    );
    const said = (keyword: string): string =>
      file
        .getInstructions()
        .findLast((each) => each.getKeyword() === keyword)
        ?.getArgumentsContent() ?? '';
    expect(keywords.lastIndexOf('USER')).toBeGreaterThan(keywords.lastIndexOf('FROM'));
    expect(keywords.lastIndexOf('RUN')).toBeLessThan(keywords.lastIndexOf('USER'));
    expect(said('USER')).toBe('node');
    expect(said('STOPSIGNAL')).toBe('SIGTERM');
    const stages = file.getFROMs().map((from) => from.getBuildStage());
    expect(file.getCOPYs().map((copy) => copy.getFromFlag()?.getValue() ?? stages[0])).toEqual([
      'project',
      'project',
      'project',
    ]);
    expect(said('COPY')).toContain('/app');
    const entrypoint: string[] = JSON.parse(said('ENTRYPOINT'));
    expect(entrypoint.slice(0, 3)).toEqual(['tini', '--', 'node']);
    expect(meaning(JSON.parse(said('CMD')))).toMatchObject({
      command: 'run',
      options: { bind: ['http://*:3000'], admin: 'http://127.0.0.1:9090' },
    });
    expect(said('EXPOSE')).toBe('3000');
    expect(text(folder, '.dockerignore').split('\n')).toEqual(
      expect.arrayContaining(['node_modules', '*.key_secret']),
    );
  });

  it('asks its own readiness, and believes no error', async () => {
    const folder = project(WEB);
    await initIn(folder, '--docker');
    const [, probe = '[]'] =
      /HEALTHCHECK [^\n]*\\\n +CMD (.*)$/m.exec(text(folder, 'Dockerfile')) ?? [];
    const [node, ...words] = JSON.parse(probe) as string[];
    expect(node).toBe('node');
    const asked = async (status: number): Promise<number | null> => {
      const server = closing(createServer((_, response) => response.writeHead(status).end()));
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo; // it listens by TCP
      return ended(String(port));
    };
    const ended = async (port: string): Promise<number | null> => {
      const here = words.map((word) => word.replace('9090', port));
      return (await new Program(process.execPath, here).end()).exitCode;
    };
    expect(await asked(200)).toBe(0);
    expect(await asked(503)).toBe(1);
    expect(await ended('1')).toBe(1);
  });

  it.each([
    ['package-lock.json', 'npm ci --omit=dev'],
    ['pnpm-lock.yaml', 'npx -y pnpm@10 install --frozen-lockfile --prod'],
    ['yarn.lock', 'yarn install --frozen-lockfile --production'],
    ['nothing.txt', 'npm install --omit=dev'],
  ])('installs what %s says', async (lock, command) => {
    const folder = project({ 'package.json': MANIFEST, 'server.ts': '', [lock]: '' });
    await initIn(folder, '--docker');
    expect(text(folder, 'Dockerfile')).toContain(`RUN ${command}\n`);
  });

  it('builds what the project builds', async () => {
    const folder = project({ ...WEB, 'dist/server.js': '' });
    await initIn(folder, 'dist/server.js', '--docker');
    const file = text(folder, 'Dockerfile');
    expect(file).toContain('RUN npm ci\nCOPY . .\nRUN npm run build && npm prune --omit=dev\n');
    expect(text(folder, '.dockerignore')).toContain('\ndist\n');
  });

  it('writes a compose file whose services are started with commands that the command line takes', async () => {
    const folder = project(WEB);
    await initIn(folder, '--docker', '--machines', '--bind', 'tcp://*:5555');
    const { services, secrets } = parse(text(folder, 'compose.yaml'));
    expect(Object.keys(services)).toEqual(['the-api', 'the-api-machine']);
    const { 'the-api': front, 'the-api-machine': machine } = services;
    expect(meaning(front.command)).toMatchObject({
      command: 'run',
      options: {
        bind: ['tcp://*:5555'],
        backend: ['tcp://*:5556'],
        curve: { keyFile: '/run/secrets/service' },
      },
    });
    expect(meaning(machine.command)).toMatchObject({
      command: 'join',
      options: { connect: ['dns:the-api:5556'], curve: { keyFile: '/run/secrets/service' } },
    });
    expect(front.ports).toEqual(['5555:5555']);
    expect(machine.image).toBe(front.image);
    expect(machine.depends_on).toEqual(['the-api']);
    expect(secrets).toEqual({ service: { file: './service.key_secret' } });
    for (const service of [front, machine]) {
      const { options } = meaning(service.command) as { options: { gracefulTimeout: number } };
      expect(Number.parseInt(service.stop_grace_period, 10) * 1000).toBeGreaterThan(
        options.gracefulTimeout,
      );
      expect(service.secrets).toEqual(['service']);
      expect(service.cap_drop).toEqual(['ALL']);
    }
  });
});

describe('zscale init --k8s', () => {
  const find = (all: Loose[], kind: string, name: string): Loose =>
    all.find((each) => each.kind === kind && each.metadata.name === name);

  it("writes manifests of Kubernetes' own types, which fit together", async () => {
    const folder = project({ ...WEB, Dockerfile: 'mine' });
    await initIn(folder, '--k8s', '--machines', '--port', '8080', '--bind', 'tcp://*:5555');
    expect(text(folder, 'Dockerfile')).toBe('mine');
    const own = yamlOf(folder, 'k8s/the-api.yaml');
    const machines = yamlOf(folder, 'k8s/the-api-machines.yaml');
    const all = [...own, ...machines];
    expect(complaintsOfKubernetes(all)).toBe('');
    expect(all.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'Deployment the-api',
      'Service the-api',
      'PodDisruptionBudget the-api',
      'HorizontalPodAutoscaler the-api',
      'Service the-api-front',
      'Deployment the-api-machine',
      'HorizontalPodAutoscaler the-api-machine',
    ]);
    for (const name of ['the-api', 'the-api-machine']) {
      const { spec } = find(all, 'Deployment', name);
      const { template } = spec;
      expect(template.metadata.labels).toEqual(spec.selector.matchLabels);
      const scaler = find(all, 'HorizontalPodAutoscaler', name).spec;
      expect(scaler.scaleTargetRef).toMatchObject({ kind: 'Deployment', name });
      const [container] = template.spec.containers;
      const volumes = template.spec.volumes.map((volume: Loose) => volume.name);
      expect(container.volumeMounts.map((mount: Loose) => mount.name)).toEqual(volumes);
      const { options } = meaning(container.args) as {
        options: { gracefulTimeout: number; drainDelay?: number };
      };
      expect(template.spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(
        options.gracefulTimeout + (options.drainDelay ?? 0),
      );
    }
    const [container] = find(all, 'Deployment', 'the-api').spec.template.spec.containers;
    const ports = new Map(container.ports.map((port: Loose) => [port.name, port.containerPort]));
    expect(Object.fromEntries(ports)).toEqual({
      'http-8080': 8080,
      'zmq-5555': 5555,
      machines: 5556,
      admin: 9090,
    });
    for (const name of ports.keys()) expect(String(name).length).toBeLessThanOrEqual(15);
    for (const { targetPort, port } of find(all, 'Service', 'the-api').spec.ports)
      expect(ports.get(targetPort)).toBe(port);
    expect(meaning(container.args)).toMatchObject({
      command: 'run',
      options: {
        bind: ['tcp://*:5555', 'http://*:8080'],
        admin: 'http://*:9090',
        drainDelay: 5000,
        curve: { keyFile: '/keys/service.key_secret' },
      },
    });
    const probes = [container.startupProbe, container.readinessProbe, container.livenessProbe];
    expect(probes.map((probe) => probe.httpGet)).toEqual([
      { path: '/readyz', port: 'admin' },
      { path: '/readyz', port: 'admin' },
      { path: '/healthz', port: 'admin' },
    ]);
    const headless = find(all, 'Service', 'the-api-front').spec;
    expect(headless).toMatchObject({ clusterIP: 'None', selector: { app: 'the-api' } });
    const joined = find(all, 'Deployment', 'the-api-machine').spec.template.spec.containers[0];
    expect(joined.ports).toEqual([{ name: 'admin', containerPort: 9090 }]);
    expect(joined.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'admin' });
    expect(joined.livenessProbe.httpGet).toEqual({ path: '/healthz', port: 'admin' });
    // Kubernetes puts the namespace in.
    expect(joined.env[0].name).toBe('NAMESPACE');
    expect(meaning(joined.args)).toMatchObject({
      command: 'join',
      options: {
        connect: ['dns:the-api-front.$(NAMESPACE).svc.cluster.local:5556'],
        admin: 'http://*:9090',
      },
    });
  });

  it('are found out by those types when a field is mistyped', async () => {
    const folder = project(WEB);
    await initIn(folder, '--k8s');
    const [deployment] = yamlOf(folder, 'k8s/the-api.yaml');
    deployment.spec.template.spec.containers[0].readynessProbe = {};
    expect(complaintsOfKubernetes([deployment])).toContain('readynessProbe');
  });

  it('brings an image where there is none, and no keys where nothing joins', async () => {
    const folder = project(WEB);
    await initIn(folder, '--k8s');
    expect(existsSync(join(folder, 'Dockerfile'))).toBe(true);
    expect(existsSync(join(folder, 'compose.yaml'))).toBe(false);
    const manifests = yamlOf(folder, 'k8s/the-api.yaml');
    expect(complaintsOfKubernetes(manifests)).toBe('');
    expect(text(folder, 'k8s/the-api.yaml')).not.toMatch(/curve|keys|machines/);
  });
});

describe('docs/guide/deploying.md', () => {
  it('has commands that the command line takes', () => {
    const page = readFileSync(join(ROOT, 'docs/guide/deploying.md'), 'utf8');
    const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)]
      .map(([, code = '']) => code)
      .join('');
    const commands = [...blocks.matchAll(/\bzscale (.*)$/gm)].map(([, words = '']) => words);
    expect(commands.length).toBeGreaterThan(4);
    for (const words of commands) expect(() => meaning(words.split(' ')), words).not.toThrow();
  });
});
