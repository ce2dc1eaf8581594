/**
 * What the signals of a terminal, a service manager or a container do to a server.
 *
 *     SIGINT, SIGTERM            close in order, then exit with 0
 *     SIGINT while it closes     kill the workers, then exit with 130
 *     SIGQUIT                    kill the workers, then exit with 131
 *     SIGHUP                     reload; but close in order when it says that the terminal is gone
 *     SIGTTIN, SIGTTOU           one worker more, one worker less
 *
 * A program may have several servers, and listeners of its own. Each server takes away its
 * listeners when it is closed, and exits only if nobody listens to the signal any more: so the last
 * one out turns off the light, and a program that handles a signal itself decides itself when to
 * exit.
 */

import { closeSync, openSync } from 'node:fs';

/**
 * How long a second SIGINT counts as the first: package managers forward the one of the terminal.
 */
const FORWARDED_SIGNAL_MS = 300;

const EXIT_SIGINT = 130;
const EXIT_SIGQUIT = 131;

const END_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const;
const CHANGE_SIGNALS = ['SIGHUP', 'SIGTTIN', 'SIGTTOU'] as const;
type Signal = (typeof END_SIGNALS | typeof CHANGE_SIGNALS)[number];

/** What signals can do to a server. */
export interface SignalTarget {
  /** Ends in order; resolves when nothing is left and `release` was called. */
  close(reason: string): Promise<void>;
  /** Ends the workers at once. */
  kill(): void;
  /** Replaces the workers one by one, and logs how it went. */
  reload(reason: string): void;
  /** Goes to `by` workers more than there are, and logs how it went. */
  grow(by: number, reason: string): void;
}

/** Where signals come from; `process` is one. */
export interface SignalHost {
  on(signal: Signal, listener: (signal: Signal) => void): unknown;
  off(signal: Signal, listener: (signal: Signal) => void): unknown;
  listenerCount(signal: Signal): number;
  exit(code?: number): void;
}

/**
 * Lets signals end or change `target` until the returned `release` is called, which the target does when it
 * is closed, whatever the reason.
 */
export function handleSignals(
  target: SignalTarget,
  host: SignalHost = process,
  hasTerminal: () => boolean = canOpenTerminal,
): () => void {
  const hadTerminal = hasTerminal();
  let firstAt: number | undefined;

  const end = (signal: Signal): void => {
    const isFirst = firstAt === undefined;
    firstAt ??= performance.now();
    const isForwarded = performance.now() - firstAt < FORWARDED_SIGNAL_MS;
    if (signal === 'SIGQUIT' || (signal === 'SIGINT' && !isFirst && !isForwarded)) {
      release();
      target.kill();
      exitIfLast(signal, signal === 'SIGQUIT' ? EXIT_SIGQUIT : EXIT_SIGINT);
    } else if (isFirst) {
      void target.close(signal).finally(() => exitIfLast(signal, 0));
    }
  };
  const change = (signal: Signal): void => {
    if (signal === 'SIGTTIN') target.grow(1, signal);
    else if (signal === 'SIGTTOU') target.grow(-1, signal);
    else if (hadTerminal && !hasTerminal()) end(signal);
    else target.reload(signal);
  };
  const release = (): void => {
    for (const signal of END_SIGNALS) host.off(signal, end);
    for (const signal of CHANGE_SIGNALS) host.off(signal, change);
  };
  const exitIfLast = (signal: Signal, code: number): void => {
    if (host.listenerCount(signal) === 0) host.exit(code);
  };

  for (const signal of END_SIGNALS) host.on(signal, end);
  for (const signal of CHANGE_SIGNALS) host.on(signal, change);
  return release;
}

/** Whether this process has a terminal, which sends a SIGHUP when somebody closes it. */
function canOpenTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false; // ENXIO: it has none, or none any more
  }
}
