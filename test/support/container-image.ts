/*
 * Container images without a registry: buildah builds a Dockerfile from a base image that stands for Node's, and the image is started as
 * its configuration says, without rights, and with a network of its own.
 *
 * The base image has no files of Debian's or Node's own: where it is used, /usr is that of this machine, read-only. In place of apt-get there
 * is a program that installs nothing: what the Dockerfile asks for has to be on this machine.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Program } from './cli.ts';
import { closing } from './closing.ts';
import { childrenOf } from './programs.ts';

const BASE = 'docker.io/library/node:22-slim';
const USER = 1000;

/** The skeleton of a Debian whose /usr comes later; $1 is its folder. */
const SKELETON = `set -e
cd "$1"
mkdir -p usr etc tmp proc dev root home/node opt/bin var/lib/apt/lists
chmod 1777 tmp
for name in bin sbin lib lib64; do ln -s usr/$name $name; done
printf 'root:x:0:0::/root:/bin/sh\\nnode:x:${USER}:${USER}::/home/node:/bin/sh\\n' > etc/passwd
printf 'root:x:0:\\nnode:x:${USER}:\\n' > etc/group
printf '#!/bin/sh\\necho "apt-get $*"\\n' > opt/bin/apt-get
chmod +x opt/bin/apt-get`;

/** As compose.yaml has it: a read-only file system with a /tmp, no capabilities, none to be had. $1 is the root, $2 the working folder. */
const ENTER = `set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount --bind /usr "$1/usr"
mount -t proc proc "$1/proc"
mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
mount --bind /dev "$1/dev"
mount -o remount,ro,bind "$1"
ip link set lo up
root=$1 folder=$2
shift 2
exec chroot "$root" /usr/bin/env -i -C "$folder" "$@"`;

/** What a container without rights is left with. */
const WITHOUT_RIGHTS = [
  ...['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups'],
  ...['--bounding-set=-all', '--inh-caps=-all', '--no-new-privs'],
];

const SPACES = ['--pid', '--fork', '--mount', '--net', '--uts', '--ipc', '--kill-child'];

const run = promisify(execFile);

/** Why no image can be built or started here; undefined when that can be done. */
export const noImages: string | undefined = whyNot();

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'to build images needs root';
  if (!dirname(process.execPath).startsWith('/usr/')) return 'Node is not below /usr';
  for (const [command, ...args] of [
    ['buildah', '--version'],
    ['tini', '--version'],
    ['unshare', ...SPACES, 'ip', 'link'],
  ]) {
    const { status } = spawnSync(command ?? '', args);
    if (status !== 0) return `${command} does not work here`;
  }
  return undefined;
}

/** What an image says of how it is started. */
export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
  readonly StopSignal: string;
  readonly Healthcheck: { readonly Test: readonly string[] };
}

/** An image that was built, until the running test ends. */
export class ContainerImage {
  readonly config: ImageConfig;
  /** Where its files are. */
  readonly #root: string;

  private constructor(config: ImageConfig, root: string) {
    this.config = config;
    this.#root = root;
  }

  /** Builds the Dockerfile of `project`; npm finds packages at `registry`. */
  static async build(project: string, registry: string): Promise<ContainerImage> {
    const buildah = closing(new Buildah());
    await buildah.makeBase(registry);
    const flags = ['--pull-never', '--format', 'docker', '--volume', '/usr:/usr:ro'];
    await buildah.run('build', ...flags, '--tag', 'web', project);
    await buildah.run('from', '--pull-never', '--name', 'web', 'web');
    const told = JSON.parse(await buildah.run('inspect', '--type', 'image', 'web'));
    return new ContainerImage(told.Docker.config, (await buildah.run('mount', 'web')).trim());
  }

  /** Starts it as it says. */
  start(): Program {
    const { Env, Entrypoint, Cmd, WorkingDir } = this.config;
    const words = [...Env, ...WITHOUT_RIGHTS, ...Entrypoint, ...Cmd];
    const enter = ['sh', '-c', ENTER, 'enter', this.#root, WorkingDir, ...words];
    const program = new Program('unshare', [...SPACES, ...enter]);
    // A change of user takes from the first process that it ends with unshare.
    closing({ close: () => this.signal(program, 'SIGKILL') });
    return program;
  }

  /** Signals the first process of what was started. */
  signal(program: Program, name: NodeJS.Signals): void {
    for (const first of childrenOf(program.pid ?? 0)) process.kill(first, name);
  }

  /** Runs a command beside what was started, and resolves with its exit code and what it printed. */
  async beside(
    program: Program,
    command: readonly string[],
  ): Promise<{ readonly exitCode: number; readonly stdout: string }> {
    const [first = 0] = childrenOf(program.pid ?? 0);
    const inside = ['--target', String(first), '--mount', '--net', '--pid', '--root', '--'];
    const words = ['/usr/bin/env', '-i', ...this.config.Env, ...command];
    try {
      const { stdout } = await run('nsenter', [...inside, ...words]);
      return { exitCode: 0, stdout };
    } catch (error) {
      const { code, stdout } = error as { code: number; stdout: string }; // that is what execFile rejects with
      return { exitCode: code, stdout };
    }
  }
}

/** buildah with images and containers of its own, in a folder. */
class Buildah {
  readonly #folder = mkdtempSync(join(tmpdir(), 'zscale-image-'));

  /** Makes the base image, which has npm ask `registry`. */
  async makeBase(registry: string): Promise<void> {
    const skeleton = mkdtempSync(join(this.#folder, 'base-'));
    await run('/bin/sh', ['-c', SKELETON, 'skeleton', skeleton]);
    await this.run('from', '--name', 'base', 'scratch');
    await this.run('add', 'base', skeleton, '/');
    const path = `/opt/bin:${dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`;
    const env = ['--env', `PATH=${path}`, '--env', `npm_config_registry=${registry}`];
    await this.run('config', ...env, 'base');
    await this.run('commit', 'base', BASE);
  }

  async run(...words: readonly string[]): Promise<string> {
    const store = ['--root', join(this.#folder, 'store'), '--runroot', join(this.#folder, 'run')];
    const env = { ...process.env, TMPDIR: this.#folder, BUILDAH_ISOLATION: 'chroot' };
    const maxBuffer = 16 * 1024 * 1024; // npm may have a lot to say
    return (await run('buildah', [...store, ...words], { env, maxBuffer })).stdout;
  }

  async close(): Promise<void> {
    await this.run('umount', '--all').catch(() => {}); // it may have been mounted, or not
    await this.run('rm', '--all').catch(() => {}); // there may be none
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
