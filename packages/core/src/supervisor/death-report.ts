/**
 * Why a worker died, as far as it can be known, and what it took along: the facts of one log line.
 * Pure.
 */

/** Requests that a worker had. */
export interface HeldRequests {
  readonly count: number;
  /** Milliseconds since the oldest of them came; 0 when there is none. */
  readonly oldest: number;
  /** The first ten of them, by the `requestId` that their handlers have. */
  readonly names: readonly string[];
  /** Those of them that another worker was lost with before (`retries`). */
  readonly again: number;
}

/** An event loop that stood still, or a process of which nothing was heard at all. */
export interface Hang {
  /** For how long, in ms, when that was told. */
  readonly ms: number;
  /** What JavaScript it was in; undefined when it was in none: in native code, or waiting. */
  readonly stack: string | undefined;
  /** Nothing was heard of the process as a whole. Default false: its event loop stood still. */
  readonly isSilent?: boolean;
}

/** What is known of a process that ended. */
export interface Death {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly hang: Hang | undefined;
  /** Whether the kernel killed a process of our cgroup for memory since the last death. */
  readonly outOfMemory: boolean;
}

/** A shell tells of a signal by an exit code. */
const CODE_OF_SIGNAL = 128;
const SIGNALS: ReadonlyMap<number, NodeJS.Signals> = new Map([
  [4, 'SIGILL'],
  [5, 'SIGTRAP'],
  [6, 'SIGABRT'],
  [7, 'SIGBUS'],
  [9, 'SIGKILL'],
  [11, 'SIGSEGV'],
]);

/** Says in one sentence why it died, and what to look at. */
export function explainDeath({ code, signal, hang, outOfMemory }: Death): string {
  if (hang?.isSilent === true) {
    return `nothing was heard of it for ${hang.ms} ms (hangTimeout): it was stopped (SIGSTOP), or the machine gave it no time`;
  }
  if (hang !== undefined) return `its event loop stood still for ${hang.ms} ms (hangTimeout)`;
  if (code === null && signal === null) return 'there was no process: it could not be started';
  const meant = signal ?? SIGNALS.get((code ?? 0) - CODE_OF_SIGNAL);
  switch (meant) {
    case undefined:
      return code === 1
        ? 'it ended with exit code 1: an error that nobody caught, which Node prints, or process.exit(1)'
        : `it ended itself with exit code ${code}`;
    case 'SIGKILL':
      return outOfMemory
        ? 'the kernel killed it: its cgroup is out of memory (oom_kill)'
        : 'SIGKILL: somebody killed it, or the kernel because the machine is out of memory';
    case 'SIGABRT':
    case 'SIGTRAP':
      return `${meant}: it aborted itself; most often its JavaScript heap was full, which Node prints (--max-old-space-size)`;
    case 'SIGSEGV':
    case 'SIGBUS':
    case 'SIGILL':
      return `${meant}: it crashed in native code, its own or that of an addon`;
    default:
      return `it was ended by ${meant}`;
  }
}
