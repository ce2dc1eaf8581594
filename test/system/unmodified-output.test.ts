/*
 * What workers print: it comes through with their number, line by line, and nothing of it is lost.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Program, startZscale } from '../support/cli.ts';
import { freshTcp } from '../support/endpoints.ts';
import { ask, serve, write } from '../support/unmodified.ts';
import { until } from '../support/until.ts';

const BIN = fileURLToPath(new URL('../../packages/cli/bin/zscale.js', import.meta.url));

/** Starts a handler that prints as its requests say. */
async function servePrinter(text: string, args: readonly string[] = []) {
  const { file } = await write('handler.mjs', text);
  const bind = await freshTcp();
  const program = await serve([file, '--bind', bind, '--codec', 'raw', ...args]);
  return { program, bind };
}

/** Prints much and goes on printing until the very end. */
const PRINTS = `export default (bytes) => {
  const text = bytes.toString();
  if (text === 'exit') {
    for (let i = 0; i < 20_000; i++) console.log('line', i, 'of the last words');
    process.stdout.write('and no end');
    process.exit(7);
  }
  if (text === 'kill') {
    for (let i = 0; i < 20_000; i++) console.error('line', i, 'before the end');
    process.kill(process.pid, 'SIGKILL');
  }
  console.log(text);
  return bytes;
};
`;

describe('what workers print', () => {
  it('comes in whole lines with the number of the worker, each stream to its own', async () => {
    const { program, bind } = await servePrinter(
      "export default (bytes) => { process.stdout.write('one'); console.error('oops'); process.stdout.write(' line\\n\\n'); return bytes; };",
      ['--workers', '1'],
    );
    await ask(bind, 'go');
    await until(() => program.stdout.endsWith('[worker 0] one line\n[worker 0] \n'));
    await until(() => /^\[worker 0\] oops$/m.test(program.stderr));
    expect(program.stdout).not.toContain('oops');
  });

  it.each([
    ['exit', 'stdout'],
    ['kill', 'stderr'],
  ] as const)('is not lost when the worker ends right after: %s', async (how, stream) => {
    const { program, bind } = await servePrinter(PRINTS, ['--workers', '1']);
    await ask(bind, how);
    await until(() => (program[stream].match(/^\[worker 0\] line \d+ /gm) ?? []).length === 20_000);
    const numbers = [...program[stream].matchAll(/^\[worker 0\] line (\d+) /gm)];
    expect(numbers.every(([, number], i) => Number(number) === i)).toBe(true);
    if (how === 'exit') await until(() => program.stdout.includes('[worker 0] and no end\n'));
  });

  it('is not lost when the service ends, and every line stays whole among four workers', async () => {
    const { file } = await write(
      'handler.mjs',
      "export default (b) => b;\nprocess.on('exit', () => { for (let i = 0; i < 5000; i++) console.log('x'.repeat(60), i); });\n",
    );
    const program = await serve([file, '--workers', '4', '--bind', 'tcp://127.0.0.1:*']);
    program.signal('SIGTERM');
    const { stdout } = await program.end();
    const lines = stdout.split('\n').filter((line) => line.includes('xx'));
    expect(lines).toHaveLength(20_000);
    expect(lines.filter((line) => !/^\[worker [0-3]\] x{60} \d+$/.test(line))).toEqual([]);
  });

  it('is JSON where the log is asked to be', async () => {
    const { program, bind } = await servePrinter(PRINTS, [
      '--workers',
      '1',
      '--log-format',
      'json',
    ]);
    await ask(bind, 'a "word"');
    const line = await until(() => program.stdout.split('\n').find((each) => each.startsWith('{')));
    expect(JSON.parse(line)).toEqual({ worker: 0, stream: 'stdout', text: 'a "word"' });
  });

  it('is left as it is with --output raw', async () => {
    const { program, bind } = await servePrinter(PRINTS, ['--workers', '1', '--output', 'raw']);
    await ask(bind, 'as it is');
    await until(() => program.stdout.endsWith('\nas it is\n'));
  });

  it('comes in pieces where a line is too long, and ends no character', async () => {
    const text =
      "export default (bytes) => { console.log('a' + 'é'.repeat(100_000)); return bytes; };";
    const { program, bind } = await servePrinter(text, ['--workers', '1']);
    await ask(bind, 'go');
    const pieces = await until(() => {
      const found = program.stdout.match(/^\[worker 0\] .*$/gm) ?? [];
      return program.stdout.endsWith('\n') && found.length > 3 && found;
    });
    expect(pieces.map((piece) => piece.endsWith(' ...'))).toEqual([true, true, true, false]);
    const whole = pieces.map((piece) => piece.replace('[worker 0] ', '').replace(/ \.\.\.$/, ''));
    expect(whole.join('')).toBe(`a${'é'.repeat(100_000)}`);
  });

  it('waits in the workers, and not in memory, while nobody reads; the queue goes on', async () => {
    const { file } = await write(
      'handler.mjs',
      "import { spawn } from 'node:child_process';\nexport default (bytes) => { if (bytes.toString() === 'flood') spawn('yes', ['x'.repeat(1000)], { stdio: 'inherit' }); return bytes; };",
    );
    const bind = await freshTcp();
    const child = spawn(
      process.execPath,
      [BIN, 'run', file, '--workers', '2', '--bind', bind, '--codec', 'raw'],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    onTestFinished(async () => {
      child.stdout.resume();
      child.kill('SIGQUIT');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    });
    let notice = '';
    while (!notice.includes('Ctrl-C')) {
      await once(child.stdout, 'readable');
      notice += child.stdout.read() ?? '';
    }
    const memory = (): number =>
      Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) *
      1024;
    await ask(bind, 'warm');
    const before = memory();
    await ask(bind, 'flood'); // a child of one worker prints for ever, into a pipe that nobody reads
    for (let i = 0; i < 100; i++) expect(await ask(bind, 'ping')).toBe('ping');
    expect(memory() - before).toBeLessThan(32 * 1024 * 1024);
  });

  it('is thrown away when whoever read it is gone, and workers go on', async () => {
    const { file } = await write('handler.mjs', PRINTS);
    const bind = await freshTcp();
    const command = `${process.execPath} ${BIN} run ${file} --workers 1 --bind ${bind} --codec raw 2>/dev/null & echo pid $!`;
    const program = new Program('/bin/sh', ['-c', `(${command}) | (read first; echo $first)`]);
    const [, pid = ''] = await program.printed(/pid (\d+)/);
    onTestFinished(() => void process.kill(Number(pid), 'SIGQUIT'));
    const long = 'y'.repeat(10_000);
    for (let i = 0; i < 100; i++) expect(await ask(bind, long)).toBe(long);
  });
});

describe('a program that prints before it fails', () => {
  it('is heard', async () => {
    const { file } = await write(
      'handler.mjs',
      "console.log('so far'); process.stdout.write('so good'); process.exit(1);",
    );
    const end = await startZscale(['run', file, '--workers', '1']).end();
    expect(end.exitCode).toBe(3);
    expect(end.stdout).toBe('[worker 0] so far\n[worker 0] so good\n');
  });
});
