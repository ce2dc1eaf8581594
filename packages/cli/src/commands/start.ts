/**
 * `zscale start`: `zscale run` in the background. Returns when the service serves, or says why it does not.
 *
 * The process it leaves behind leads a session of its own, so that the end of the terminal is not its end, and writes what it would
 * have printed into a file. That it serves is asked of its control socket.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { listControlPaths, type StatusReport, ZscaleError } from '@zscale/core';
import { ControlClient } from '../control-client.ts';
import { EXIT_CODES, NotRunningError } from '../failure.ts';
import type { StartInvocation } from '../invocation.ts';
import type { Output } from '../output.ts';

const BIN = fileURLToPath(new URL('../../bin/zscale.js', import.meta.url));
/** How often it is looked whether the service serves. */
const LOOK_MS = 50;
/** Another service that takes longer to answer is not waited for. */
const ANSWER_MS = 1_000;
/** A second service of a name has a control socket with a number. */
const NAMESAKE = /~\d+\.sock$/;
/** The name of a service that is given none, as `run` has it. */
const DEFAULT_NAME = 'zscale';
/** As much of the log is shown when it did not start. */
const SHOWN_BYTES = 4096;

/**
 * Starts the service. Resolves with 0 once it serves, else with the exit code of `zscale run`, or 128 + n when it was told to
 * stop by signal n meanwhile.
 *
 * @throws ZscaleError `EEXIST` when one of that name runs; the system's error when the log cannot be written
 */
export async function start(invocation: StartInvocation, output: Output): Promise<number> {
  const { argv, name, control, json } = invocation;
  if (name !== undefined || control !== undefined) await refuseNamesake(invocation);
  const logFile = path.resolve(invocation.logFile ?? usualLog(name ?? DEFAULT_NAME));
  mkdirSync(path.dirname(logFile), { recursive: true, mode: 0o700 });
  const log = openSync(logFile, 'a+', 0o600);
  const logStart = fstatSync(log).size;
  const child = spawn(process.execPath, [...process.execArgv, BIN, 'run', ...argv], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  let interrupt: NodeJS.Signals | undefined;
  const giveUp = (signal?: NodeJS.Signals): void => {
    interrupt = signal;
    child.kill('SIGTERM');
  };
  process.on('SIGINT', giveUp).on('SIGTERM', giveUp);
  try {
    const found = await serving(child, control);
    if (interrupt !== undefined) return 128 + constants.signals[interrupt];
    if (found === undefined) {
      output.complain(tailOf(log, logStart).trimEnd());
      output.complain(`zscale: it did not start; its log is ${logFile}.`);
      return child.exitCode || EXIT_CODES.error;
    }
    const { report, place } = found;
    if (NAMESAKE.test(place)) {
      giveUp();
      await once(child, 'exit');
      refuse(report.name);
    }
    child.unref();
    const { pid, endpoints } = report;
    output.print(
      json
        ? JSON.stringify({ name: report.name, pid, endpoints, log: logFile })
        : describe(report, logFile),
    );
    return EXIT_CODES.ok;
  } finally {
    process.off('SIGINT', giveUp).off('SIGTERM', giveUp);
    closeSync(log);
  }
}

async function refuseNamesake({ name, control }: StartInvocation): Promise<void> {
  try {
    (await ControlClient.find({ name, control })).close();
  } catch (error) {
    if (error instanceof NotRunningError) return;
    throw error;
  }
  refuse(name ?? DEFAULT_NAME);
}

function refuse(name: string): never {
  throw new ZscaleError(
    'EEXIST',
    `a service named ${name} runs already. "zscale reload --name ${name}" gives it new code; another one needs another --name.`,
  );
}

/** What the service says of itself once it serves, and where it was asked; undefined when it has ended. */
async function serving(
  child: ChildProcess,
  control: string | undefined,
): Promise<{ readonly report: StatusReport; readonly place: string } | undefined> {
  const ended = once(child, 'exit').then(() => undefined);
  const others = new Set<string>();
  for (;;) {
    const places =
      control === undefined
        ? listControlPaths().map((found) => found.path)
        : [path.resolve(control)];
    for (const place of places.filter((one) => !others.has(one))) {
      const report = await Promise.race([statusOf(place), ended]);
      if (report === undefined) continue;
      if (report.pid !== child.pid) others.add(place);
      else if (report.state === 'serving') return { report, place };
    }
    if (child.exitCode !== null || child.signalCode !== null) return undefined;
    await Promise.race([delay(LOOK_MS), ended]);
  }
}

/** Undefined where nobody answers, or not yet. */
async function statusOf(control: string): Promise<StatusReport | undefined> {
  let client: ControlClient | undefined;
  const patience = setTimeout(() => client?.close(), ANSWER_MS);
  try {
    client = await ControlClient.find({ name: undefined, control });
    return await client.ask<StatusReport>({ verb: 'status' });
  } catch {
    return undefined; // it may answer the next time; whether the service ended is seen by its process
  } finally {
    clearTimeout(patience);
    client?.close();
  }
}

function usualLog(name: string): string {
  const { XDG_STATE_HOME: state } = process.env;
  const base =
    state !== undefined && path.isAbsolute(state) ? state : path.join(homedir(), '.local', 'state');
  return path.join(base, 'zscale', `${name}.log`);
}

/** The last that was logged since `from`. */
function tailOf(log: number, from: number): string {
  const { size } = fstatSync(log);
  const start = Math.max(from, size - SHOWN_BYTES);
  const bytes = Buffer.alloc(size - start);
  readSync(log, bytes, 0, bytes.length, start);
  return bytes.toString();
}

function describe({ name, pid, endpoints }: StatusReport, log: string): string {
  const lines = [
    ...endpoints.map((endpoint) => `  clients   ${endpoint}`),
    `  log       ${log}`,
    `  stop it   zscale stop --name ${name}`,
  ];
  return `\n${name} runs in the background, pid ${pid}\n\n${lines.join('\n')}\n\n`;
}
