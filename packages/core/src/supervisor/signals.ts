/**
 * What the signals of a terminal, a service manager or a container do to a server.
 *
 *     SIGINT, SIGTERM            close in order, then exit with 0
 *     SIGINT while it closes     kill the workers, then exit with 130
 *     SIGQUIT                    kill the workers, then exit with 131
 *
 * A program may have several servers, and listeners of its own. Each server takes away its
 * listeners when it is closed, and exits only if nobody listens to the signal any more: so the last
 * one out turns off the light, and a program that handles a signal itself decides itself when to
 * exit.
 */

/**
 * How long a second SIGINT counts as the first: package managers forward the one of the terminal.
 */
const FORWARDED_SIGNAL_MS = 300;

const EXIT_SIGINT = 130;
const EXIT_SIGQUIT = 131;

const END_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const;
type EndSignal = (typeof END_SIGNALS)[number];

/** What signals can do to a server. */
export interface SignalTarget {
  /** Ends in order; resolves when nothing is left and `release` was called. */
  close(reason: string): Promise<void>;
  /** Ends the workers at once. */
  kill(): void;
}

/** Where signals come from; `process` is one. */
export interface SignalHost {
  on(signal: EndSignal, listener: (signal: EndSignal) => void): unknown;
  off(signal: EndSignal, listener: (signal: EndSignal) => void): unknown;
  listenerCount(signal: EndSignal): number;
  exit(code?: number): void;
}

/**
 * Lets signals end `target` until the returned `release` is called, which the target does when it
 * is closed, whatever the reason.
 */
export function handleSignals(target: SignalTarget, host: SignalHost = process): () => void {
  let firstAt: number | undefined;

  const end = (signal: EndSignal): void => {
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
  const release = (): void => {
    for (const signal of END_SIGNALS) host.off(signal, end);
  };
  const exitIfLast = (signal: EndSignal, code: number): void => {
    if (host.listenerCount(signal) === 0) host.exit(code);
  };

  for (const signal of END_SIGNALS) host.on(signal, end);
  return release;
}
