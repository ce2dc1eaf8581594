/*
 * The packages as somebody gets them: packed as for publishing, installed by npm into an empty project outside of the workspace, and
 * used as their READMEs say.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Program, ROOT } from '../support/cli.ts';
import { ContainerImage, noImages } from '../support/container-image.ts';
import { initIn } from '../support/init-files.ts';
import { NpmRegistry, type PackedPackage, withoutNpm } from '../support/npm-registry.ts';

let registry: NpmRegistry;
let project: string;
let said: string;

const env = { ...withoutNpm(process.env), ZSCALE_LOG_LEVEL: 'warn' } as Record<string, string>;

beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), 'zscale-project-'));
  registry = await NpmRegistry.start();
  writeFileSync(join(project, 'package.json'), '{ "type": "module", "private": true }');
  said = await registry.install(project, ['@zscale/cli', '@zscale/core', '@zscale/transport']);
});

afterAll(() => {
  registry?.close();
  rmSync(project, { recursive: true, force: true });
});

function packed(name: string): PackedPackage {
  const found = registry.packed.find((each) => each.name === `@zscale/${name}`);
  if (found === undefined) throw new Error(`${name} was not packed`);
  return found;
}

/** Writes a file of the project. */
function write(name: string, text: string): void {
  writeFileSync(join(project, name), text);
}

/** The first block of a language in a file of the repository that has `mark` in it. */
function block(file: string, language: string, mark: string): string {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const blocks = [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))];
  return blocks.map(([, code = '']) => code).find((code) => code.includes(mark)) ?? '';
}

/** A program of the project, without the environment of the workspace. */
function start(command: string, args: readonly string[]): Program {
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const words = ['-i', ...assignments, command, ...args];
  return new Program('env', words, { cwd: project, leadsGroup: true });
}

/** What `npx zscale call` prints. */
function call(endpoint: string, value: string): string {
  const args = ['--no-install', 'zscale', 'call', endpoint, value];
  return execFileSync('npx', args, { cwd: project, env, encoding: 'utf8' });
}

const NAMES = ['transport', 'core', 'cli'];

describe.each(NAMES)('@zscale/%s, packed', (name) => {
  it('has what it needs, and nothing else', () => {
    const { files, manifest } = packed(name);
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json']));
    const stray = files.filter(
      (path) =>
        !/^(LICENSE|README\.md|package\.json|bin\/|python\/|page\/[^/]*\.(html|css|svg)$|dist\/.*\.c?js$|dist\/.*\.d\.c?ts$)/.test(
          path,
        ),
    );
    expect(stray).toEqual([]);
    // What stands for a neighbour in the workspace is a version outside of it.
    expect(JSON.stringify(manifest)).not.toContain('workspace:');
    expect(manifest.scripts ?? {}).toEqual({});
    // What has a scope is published for those who pay, otherwise.
    expect(manifest.publishConfig).toEqual({ access: 'public' });
  });

  it('is right by publint', async () => {
    const bytes = readFileSync(packed(name).tarball);
    const tarball = new Uint8Array(bytes).buffer;
    const { messages } = await publint({ pack: { tarball }, strict: true });
    const { manifest } = packed(name);
    expect(messages.map((message) => formatMessage(message, manifest as object))).toEqual([]);
  });

  it('has types that resolve, by Are The Types Wrong', async () => {
    const bytes = readFileSync(packed(name).tarball);
    const result = await checkPackage(createPackageFromTarballData(new Uint8Array(bytes)));
    // It is ESM, which every Node that it runs on can require(), and so can import what has no place in old resolution.
    const problems = (result.types === false ? [] : result.problems).filter(
      (problem) =>
        problem.kind !== 'CJSResolvesToESM' &&
        !('resolutionKind' in problem && problem.resolutionKind === 'node10'),
    );
    expect(result.types).not.toBe(false);
    expect(problems).toEqual([]);
  });

  it('is as large as docs/guide/deploying.md says', () => {
    const page = readFileSync(join(ROOT, 'docs/guide/deploying.md'), 'utf8');
    const row = new RegExp(`^\\| \`@zscale/${name}\` +\\| (\\d+) kB +\\| (\\d+) kB`, 'm').exec(
      page,
    );
    const { packed: small, unpacked: large } = packed(name);
    const about = (stated: string | undefined, bytes: number): string =>
      Math.abs(Number(stated) * 1000 - bytes) < bytes / 5
        ? 'about right'
        : `stated ${stated} kB, is ${Math.round(bytes / 1000)} kB`;
    expect([about(row?.[1], small), about(row?.[2], large)]).toEqual([
      'about right',
      'about right',
    ]);
  });
});

describe('installed into an empty project', () => {
  it('has no file of ours that is native, and ran nothing', () => {
    const ours = readdirSync(join(project, 'node_modules/@zscale'), {
      recursive: true,
      encoding: 'utf8',
    });
    expect(ours.length).toBeGreaterThan(100);
    expect(ours.filter((path) => /\.(node|so|dylib|dll|wasm|gyp)$/.test(path))).toEqual([]);
    expect(said).not.toMatch(/deprecated|vulnerab|EBADENGINE/i);
    expect(existsSync(join(project, 'node_modules/.bin/zscale'))).toBe(true);
  });

  it("runs the README's three-line diff with node", async () => {
    write('handler.js', "export const handler = ({ name }) => ({ text: 'Hello, ' + name });\n");
    const after = block('README.md', 'diff', 'await scale(handler')
      .split('\n')
      .filter((line) => /^[+ ]/.test(line))
      .map((line) => line.slice(1));
    expect(after).toHaveLength(3);
    const here = after
      .join('\n')
      .replace('await scale(', 'const server = await scale(')
      .replace('workers: 8', 'workers: 2')
      .replace('tcp://*:5555', 'tcp://127.0.0.1:*');
    write('program.js', `${here}\nconsole.log(server.endpoints[0]);\n`);
    const program = start(process.execPath, ['program.js']);
    const [endpoint = ''] = await program.printed(/tcp:\S+/);
    expect(JSON.parse(call(endpoint, '{"name":"you"}'))).toEqual({ text: 'Hello, you' });
    program.signal('SIGTERM');
    expect(await program.end()).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it.each([
    ['server.ts', 'export default'],
    ['common-js/server.ts', "require('node:assert').ok(module.exports);\nmodule.exports ="],
  ])('runs "npx zscale run %s"', async (file, exports) => {
    mkdirSync(join(project, 'common-js'), { recursive: true });
    write('common-js/package.json', '{ "private": true }');
    write(
      file,
      "import type { HandlerContext } from '@zscale/core';\n" +
        `${exports} (request: { name: string }, context: HandlerContext) =>\n` +
        "  ({ text: 'Hello, ' + request.name, id: context.requestId satisfies string });\n",
    );
    const args = ['run', file, '--workers', '2', '--bind', 'tcp://127.0.0.1:*'];
    const program = start('npx', ['--no-install', 'zscale', ...args]);
    const [, endpoint = ''] = await program.printed(/clients +(\S+)[\s\S]*Ctrl-C/);
    expect(JSON.parse(call(endpoint, '{"name":"you"}'))).toMatchObject({ text: 'Hello, you' });
    // As a terminal does it: npx hands on no signal that it gets alone. What it ends with is its own affair; that it ends says
    // that nobody is left who could print.
    process.kill(-(program.pid ?? 0), 'SIGINT');
    expect((await program.end()).stderr).toBe('');
  });

  it('has types for a project that checks those of its libraries too', () => {
    mkdirSync(join(project, 'node_modules/@types'), { recursive: true });
    const require = createRequire(import.meta.url);
    const types = dirname(require.resolve('@types/node/package.json'));
    symlinkSync(types, join(project, 'node_modules/@types/node'));
    write('readme.ts', block('packages/transport/README.md', 'ts', 'Reply'));
    write(
      'types.ts',
      "import { connect, scale, join, type Server } from '@zscale/core';\n" +
        "import { Dish } from '@zscale/transport/draft';\n" +
        "import type handler from './server.ts';\n" +
        "const client = connect<typeof handler>('tcp://127.0.0.1:1');\n" +
        "export const text: Promise<string> = client.request({ name: '' }).then((r) => r.text);\n" +
        'export const server: Promise<Server> = scale(new URL(import.meta.url));\n' +
        '// @ts-expect-error: a number is no endpoint\n' +
        'export const wrong = connect(5);\n' +
        'export { Dish, join };\n',
    );
    const compiler = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
    const flags = '--noEmit --strict --module nodenext --target es2022 --types node';
    const args = [
      ...flags.split(' '),
      '--allowImportingTsExtensions',
      'types.ts',
      'readme.ts',
      'server.ts',
    ];
    expect(compile(compiler, args)).toBe('');
  });

  it("is bundled by esbuild, as one file that needs nothing beside it, with transport's README in it", async () => {
    write('request.js', block('packages/transport/README.md', 'ts', 'Reply'));
    const esbuild = join(project, 'node_modules/.bin/esbuild');
    const args = [
      'request.js',
      '--bundle',
      '--platform=node',
      '--format=esm',
      '--log-level=warning',
    ];
    const folder = mkdtempSync(join(tmpdir(), 'zscale-bundle-'));
    const said = execFileSync(esbuild, [...args, `--outfile=${join(folder, 'one.mjs')}`], {
      cwd: project,
      encoding: 'utf8',
    });
    expect(said).toBe('');
    const { exitCode, stdout, stderr } = await new Program(process.execPath, ['one.mjs'], {
      cwd: folder,
      env,
    }).end();
    rmSync(folder, { recursive: true });
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 0,
      stdout: 'hello, you\n',
      stderr: '',
    });
  });
});

describe('the Dockerfile of zscale init --docker', () => {
  it('makes an image of the project, which serves without rights, is healthy, and ends in order', async ({
    skip,
  }) => {
    if (noImages !== undefined && process.env.REQUIRE_BUILDAH !== '1') skip(noImages);
    const folder = join(project, 'web');
    mkdirSync(folder);
    const { dependencies } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
    const manifest = { name: 'web', private: true, type: 'module', dependencies };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    writeFileSync(
      join(folder, 'server.ts'),
      'const user: number = process.getuid?.() ?? 0;\n' +
        'export default { fetch: () => Response.json([user, process.env.NODE_ENV]) };\n',
    );
    // It is not to come into the image, where Linux has other ones.
    mkdirSync(join(folder, 'node_modules'));
    writeFileSync(join(folder, 'node_modules/stray'), '');
    await initIn(folder, '--docker', '--port', '8080');

    const image = await ContainerImage.build(folder, registry.url);
    expect(image.config).toMatchObject({ User: 'node', StopSignal: 'SIGTERM', WorkingDir: '/app' });
    const program = image.start();
    await program.printed(/Ctrl-C/);
    const ask = "fetch('http://127.0.0.1:8080').then((r) => r.text()).then(console.log)";
    const { stdout } = await image.beside(program, ['node', '-e', ask]);
    expect(JSON.parse(stdout)).toEqual([1000, 'production']);
    const probe = image.config.Healthcheck.Test.slice(1);
    expect(await image.beside(program, probe)).toMatchObject({ exitCode: 0 });
    const listed = await image.beside(program, ['ls', '/app/node_modules']);
    expect(listed.stdout.split('\n')).toEqual(expect.not.arrayContaining(['stray']));
    image.signal(program, 'SIGTERM');
    const ended = await program.end();
    expect(ended).toMatchObject({ exitCode: 0 });
    expect(ended.stderr).not.toMatch(/"level":[45]0/);
  });
});

/** What the compiler complains about. */
function compile(compiler: string, args: readonly string[]): string {
  try {
    execFileSync(process.execPath, [compiler, ...args], { cwd: project, encoding: 'utf8' });
    return '';
  } catch (error) {
    return String(Reflect.get(Object(error), 'stdout'));
  }
}
