/**
 * `zscale device`: a queue, forwarder or streamer between ZeroMQ programs, in the foreground, until it
 * is told to stop.
 *
 * The device itself is the transport's; what is added here is the notice for who started it, what
 * signals do, and the exit code.
 *
 *     SIGINT, SIGTERM            pass on what is there, then end with 0
 *     SIGINT while it does       drop it, end with 130
 *     SIGQUIT                    the same, end with 131
 */

import { constants } from 'node:os';
import { collectLater } from '@zscale/core';
import { type Device, device as startDevice } from '@zscale/transport';
import { EXIT_CODES } from '../failure.ts';
import type { DeviceInvocation } from '../invocation.ts';
import { describeDevice, describeTraffic, type Output } from '../output.ts';

/**
 * How long a second SIGINT counts as the first: package managers forward the one of the terminal.
 */
const FORWARDED_SIGNAL_MS = 300;
/** When a person who waits for the end is told what it waits for. */
const PATIENCE_MS = 1_000;

const END_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const;
type EndSignal = (typeof END_SIGNALS)[number];

/**
 * Runs the device. Resolves with the exit code once it was stopped.
 *
 * @throws what `device()` throws when it cannot start (EINVAL, EADDRINUSE …)
 */
export async function device(invocation: DeviceInvocation, output: Output): Promise<number> {
  const { kind, options, json } = invocation;
  collectLater();
  const running = await startDevice(kind, options);
  const stopping = stopped(running, output); // before anybody can know that it runs
  const name = kind.toLowerCase();
  output.print(
    json
      ? JSON.stringify({ event: 'ready', device: name, ...running.endpoints, pid: process.pid })
      : describeDevice(kind, running.endpoints),
  );
  const exitCode = await stopping;
  const stats = running.stats();
  output.print(
    json ? JSON.stringify({ event: 'ended', device: name, stats }) : describeTraffic(stats),
  );
  // Told to drop what is there, it does not wait for peers that take nothing.
  if (exitCode !== EXIT_CODES.ok) process.exit(exitCode);
  return exitCode;
}

/** Resolves with the exit code when a signal has ended the device. */
function stopped(running: Device, output: Output): Promise<number> {
  return new Promise((resolve, reject) => {
    let firstAt: number | undefined;
    let patience: NodeJS.Timeout | undefined;

    const end = (signal: EndSignal): void => {
      const isFirst = firstAt === undefined;
      firstAt ??= performance.now();
      const isForwarded = performance.now() - firstAt < FORWARDED_SIGNAL_MS;
      if (signal === 'SIGQUIT' || (signal === 'SIGINT' && !isFirst && !isForwarded)) {
        running.close({ gracefulTimeout: 0 }).catch(reject);
        settle(128 + constants.signals[signal]);
      } else if (isFirst) {
        patience = setTimeout(() => output.complain(STILL_WAITING), PATIENCE_MS);
        running.close().then(() => settle(EXIT_CODES.ok), reject);
      }
    };
    const settle = (exitCode: number): void => {
      clearTimeout(patience);
      for (const signal of END_SIGNALS) process.off(signal, end);
      resolve(exitCode);
    };

    for (const signal of END_SIGNALS) process.on(signal, end);
    running.ended.catch(reject);
  });
}

const STILL_WAITING = 'zscale: some messages wait for their peers; Ctrl-C drops them.';
