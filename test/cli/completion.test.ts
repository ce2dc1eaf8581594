/*
 * The scripts of `zscale completion` in the shells they are for: bash, and fish and zsh where they are installed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseArguments } from '../../packages/cli/src/args.ts';
import { completionScript, SHELLS, type Shell } from '../../packages/cli/src/completion-script.ts';
import type { CompletionInvocation } from '../../packages/cli/src/invocation.ts';

const folder = mkdtempSync(join(tmpdir(), 'zscale-completion-'));
const service = createServer();

beforeAll(async () => {
  writeFileSync(join(folder, 'server.ts'), '');
  writeFileSync(join(folder, 'a space.ts'), '');
  for (const shell of SHELLS) writeFileSync(join(folder, `script.${shell}`), scriptOf(shell));
  mkdirSync(join(folder, 'zscale'));
  await new Promise<void>((resolve) => {
    service.listen(join(folder, 'zscale', 'api.sock'), resolve);
  });
  // What a service left that was killed.
  const killed = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', killed, join(folder, 'zscale', 'gone.sock')]);
  expect(existsSync(join(folder, 'zscale', 'gone.sock'))).toBe(true);
});
afterAll(() => {
  service.close();
  rmSync(folder, { recursive: true, force: true });
});

function invocationOf(shell: Shell): CompletionInvocation {
  const invocation = parseArguments(['completion', shell], '1.2.3');
  if (invocation.command !== 'completion') throw new Error(`got ${invocation.command}`);
  return invocation;
}

function scriptOf(shell: Shell): string {
  return completionScript(invocationOf(shell).outline, shell);
}

function helpOf(...words: string[]): string {
  const invocation = parseArguments([...words, '--help'], '1.2.3');
  return invocation.command === 'print' ? invocation.text : '';
}

/** Runs a program in the folder, in which the only services are ours. */
function run(program: string, ...args: string[]): string {
  const env = { ...process.env, XDG_RUNTIME_DIR: folder, TMPDIR: folder, HOME: folder };
  const { stdout, stderr, error } = spawnSync(program, args, { cwd: folder, env });
  if (error !== undefined) throw error;
  expect(String(stderr)).toBe('');
  return String(stdout);
}

/** What bash offers after each of these command lines; a new word begins where one ends in a space. */
function offeredByBash(...lines: string[]): string[][] {
  const steps = lines.map((line) => {
    const words = line.split(/ |(=)/).filter((word) => word !== undefined);
    const quoted = words.map((word) => `'${word}'`).join(' ');
    return `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _zscale; printf '%s\\n' "\${COMPREPLY[@]}" ---`;
  });
  const printed = run('bash', '--norc', '-c', `source script.bash\n${steps.join('\n')}`);
  return printed
    .split('---\n')
    .slice(0, -1)
    .map((offers) => offers.split('\n').filter((offer) => offer !== ''));
}

const isInstalled = (program: string): boolean =>
  spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;

describe('bash', () => {
  const names = invocationOf('bash').outline.commands.flatMap((command) => command.names);

  it('offers each command of the help, and files for what is no command', () => {
    const [commands = [], begun] = offeredByBash('zscale ', 'zscale stat', 'zscale serv');
    const inHelp = [...helpOf().matchAll(/^ {2}([a-z]+)(?:\|([a-z]+))?[ [<].* {2}\S/gm)];
    const named = inHelp.flatMap(([, name = '', alias]) => (alias ? [name, alias] : [name]));
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !commands.includes(name))).toEqual([]);
    expect(begun).toEqual(['status', 'stats']);
    expect(offeredByBash('zscale serv')).toEqual([['server.ts']]);
  });

  it('offers each flag in the help of each command', () => {
    const commands = names.filter((name) => name !== 'help');
    const offers = offeredByBash(...commands.map((name) => `zscale ${name} -`));
    for (const [i, name] of commands.entries()) {
      const help = name === 'start' ? helpOf('run') + helpOf('start') : helpOf(name);
      const rows = [...help.matchAll(/^ {2}(?:(-\w), )?(--[a-z0-9-]+)/gm)];
      const flags = rows.flatMap(([, short, long = '']) => (short ? [short, long] : [long]));
      expect(flags.length).toBeGreaterThan(0);
      expect([...(offers[i] ?? [])].sort(), name).toEqual([...new Set(flags)].sort());
    }
  });

  it.each([
    ['zscale run --codec ', ['msgpack', 'json', 'raw']],
    ['zscale run --codec=j', ['json']],
    ['zscale --log-level d', ['debug']],
    ['zscale device f', ['forwarder']],
    ['zscale profile ', ['cpu', 'heap']],
    ['zscale completion ', ['bash', 'zsh', 'fish']],
    ['zscale help pu', ['pub', 'push', 'pull']],
    ['zscale run serv', ['server.ts']],
    ['zscale join tcp://a:1 serv', ['server.ts']],
    ['zscale run --tls-cert a', ['a space.ts']],
    ['zscale push tcp://a:1 --file s', ['script.bash', 'script.fish', 'script.zsh', 'server.ts']],
    ['zscale stop --name ', ['api']],
    ['zscale inject -n a', ['api']],
    ['zscale run --name ', []],
    ['zscale check serv', ['server.ts']],
    ['zscale check --name ', []],
    ['zscale run --timeout ', []],
    ['zscale drain ', []],
    ['zscale run server.ts -- s', ['script.bash', 'script.fish', 'script.zsh', 'server.ts']],
  ])('completes %s', (line, offers) => {
    expect(offeredByBash(line)[0]?.sort()).toEqual([...offers].sort());
  });
});

describe.skipIf(!isInstalled('fish'))('fish', () => {
  it.each([
    ['zscale stat', ['stats', 'status']],
    ['zscale run --codec ', ['json', 'msgpack', 'raw']],
    ['zscale --bal', ['--balance']],
    ['zscale run serv', ['server.ts']],
    ['zscale stop --name ', ['api']],
  ])('completes %s', (line, offers) => {
    const printed = run('fish', '--no-config', '-c', `source script.fish; complete -C '${line}'`);
    const words = printed.split('\n').map((offer) => offer.split('\t')[0] ?? '');
    expect(words.filter((word) => word !== '').sort()).toEqual(offers);
  });
});

describe.skipIf(!isInstalled('zsh'))('zsh', () => {
  it('reads the script', () => {
    expect(run('zsh', '-n', 'script.zsh')).toBe('');
  });
});

describe('every script', () => {
  it.each(SHELLS)('for %s has each command and each long flag', (shell) => {
    const script = scriptOf(shell);
    for (const { names, flags } of invocationOf(shell).outline.commands) {
      for (const name of names) expect(script).toContain(name);
      for (const flag of flags.flatMap((one) => one.names)) {
        expect(script).toContain(shell === 'fish' ? flag.replace(/^-+/, '') : flag);
      }
    }
  });

  it('is refused for other shells, in one line', () => {
    expect(() => parseArguments(['completion', 'tcsh'], '1')).toThrow(
      'completion takes one of bash, zsh, fish; got "tcsh".',
    );
    expect(() => parseArguments(['completion'], '1')).toThrow('the shell is missing');
  });
});
