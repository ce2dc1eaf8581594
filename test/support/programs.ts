/*
 * Programs that call scale(), as processes of their own, and what they must not leave behind:
 * processes and socket files. Each program gets a temporary folder of its own, to look into.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Server } from '@zscale/core';
import { onTestFinished } from 'vitest';
import { fixture, isAlive, Program, type ProgramOptions } from './cli.ts';
import { until } from './until.ts';

const CONTROL_FOLDER = `zscale-${process.getuid?.() ?? 'user'}`;

/** What a program says in one line of JSON. */
export interface Line {
  readonly event: string;
  readonly [fact: string]: unknown;
}

/** A program of test/fixtures/programs and the temporary folder it was given. */
export interface StartedProgram {
  readonly program: Program;
  readonly folder: string;
}

/** A program that serves. */
export interface RunningService extends StartedProgram {
  readonly pid: number;
  /** Where clients connect; the first is `endpoint`. */
  readonly endpoints: readonly string[];
  readonly endpoint: string;
  /** Process ids of its workers, by worker id. */
  readonly workers: readonly number[];
  readonly serving: Line;
}

/** A folder that is removed when the running test ends. Its path is short enough for sockets. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'zst-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts a program of test/fixtures/programs; `nodeOptions` stand before it. */
export function startProgram(
  name: string,
  args: readonly string[] = [],
  options: ProgramOptions & { readonly nodeOptions?: readonly string[] } = {},
): StartedProgram {
  const folder = freshFolder();
  const { nodeOptions = [], ...rest } = options;
  const program = new Program(
    process.execPath,
    [...nodeOptions, fixture(`programs/${name}`), ...args],
    { ...rest, env: { TMPDIR: folder, ...options.env } },
  );
  return { program, folder };
}

/** Starts service.mjs with these options of scale(), and waits until it serves. */
export async function startService(
  options: object = {},
  programOptions: ProgramOptions = {},
): Promise<RunningService> {
  return serving(startProgram('service.mjs', [JSON.stringify(options)], programOptions));
}

/** Waits until a program says that it serves. */
export async function serving(started: StartedProgram): Promise<RunningService> {
  const { program } = started;
  await program.printed(/"event":"serving".*\n/);
  const [line = { event: 'nothing' }] = linesOf(program, 'serving');
  // Every program of test/fixtures/programs says it in this form.
  const { endpoints, workers } = line as unknown as Pick<Server, 'endpoints' | 'workers'>;
  return {
    ...started,
    pid: program.pid ?? 0,
    endpoints,
    endpoint: endpoints[0] ?? '',
    workers: workers.map(({ pid = 0 }) => pid),
    serving: line,
  };
}

/** What a program has said so far about an event, in order. */
export function linesOf(program: Program, event: string): Line[] {
  return program.stdout
    .split('\n')
    .filter((text) => text.startsWith('{') && text.endsWith('}'))
    .map((text): Line => JSON.parse(text))
    .filter((line) => line.event === event);
}

/** The log of a program: JSON lines on stderr. Other lines are left out. */
export function logOf(
  program: Program,
): { readonly msg: string; readonly [fact: string]: unknown }[] {
  return program.stderr
    .split('\n')
    .filter((text) => text.startsWith('{"level"'))
    .map((text) => JSON.parse(text));
}

/** The process ids of a process's children. */
export function childrenOf(pid: number): number[] {
  return execFileSync('ps', ['-A', '-o', 'pid=,ppid=,comm='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, command]) => Number(parent) === pid && command !== 'ps')
    .map(([child]) => Number(child));
}

/** Waits until none of these processes is there any more. */
export async function gone(pids: readonly number[]): Promise<void> {
  await until(() => !pids.some(isAlive), `processes ${pids.join(', ')} to end`);
}

/**
 * What is left in a folder, without the folder of control sockets: that of a supervisor that was killed stays until the next one.
 * When it goes is for test/system/control.test.ts.
 */
export function filesIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => name !== CONTROL_FOLDER);
}
