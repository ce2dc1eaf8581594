/**
 * What a handler is told beside its request, and which request is being handled where nobody passed that on.
 *
 * Owns the one AsyncLocalStorage. Running a handler in it makes every promise of the process dearer (Node 20: 0.1 us without,
 * 0.3 us with), so it is used for requests that carry a trace or baggage, and for all from the first call of {@link currentContext} on.
 * The record stands under a registered symbol and not in this module, for a program may load this file twice.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { Logger } from './logger.ts';

/** Where a request stands in a distributed trace: W3C Trace Context, as in the HTTP headers of these names. */
export interface TraceContext {
  /** `00-<trace id>-<span id>-<flags>`. */
  readonly traceparent: string;
  /** What vendors add, up to 512 characters. */
  readonly tracestate?: string | undefined;
}

/** Who handles a request. */
export interface WorkerIdentity {
  /** The worker's number within its service, from 0. */
  readonly id: number;
  /** Its process id. */
  readonly pid: number;
  /** The name of the service. */
  readonly service: string;
}

/** The second argument of a handler: what is known of the request beside its value. */
export interface HandlerContext {
  /** Names the request in logs: the client's own name for it, else one that no other request of the service has. */
  readonly requestId: string;
  /**
   * Aborts when nobody waits for the reply any more. `signal.reason` is a ZscaleError: `ZSCALE_ERR_TIMEOUT` when the time is up,
   * `ZSCALE_ERR_CANCELLED` when the client gave up or is gone.
   */
  readonly signal: AbortSignal;
  /** When the time for the request is up, in ms since the epoch, as `Date.now()` has it; `Infinity` when it has no end. */
  readonly deadline: number;
  /** 1; from 2 on when workers were lost that had been given the request before. */
  readonly attempt: number;
  /** The trace that the request belongs to, where its client said one. */
  readonly trace: TraceContext | undefined;
  /** What goes with the request wherever it goes, where its client said some: W3C Baggage, as the HTTP header of that name. */
  readonly baggage: string | undefined;
  /** Who handles it. */
  readonly worker: WorkerIdentity;
  /** Writes lines that have `requestId` and `worker` in them. */
  readonly logger: Logger;
}

/** The record. It is the same object for every copy of zscale in the thread. */
export interface ContextScope {
  readonly storage: AsyncLocalStorage<HandlerContext | undefined>;
  /** Somebody asked for the current context: every request is run in the storage from then on. */
  isWanted: boolean;
  /** The request whose handler is on the stack, when it was not run in the storage. */
  onStack: HandlerContext | undefined;
}

const SCOPE = Symbol.for('zscale.current-context');

/** The record of this thread. */
export function contextScope(): ContextScope {
  // Nobody else uses the symbol: what is there, if anything, was put there by the line below.
  const shared = globalThis as typeof globalThis & { [SCOPE]?: ContextScope };
  shared[SCOPE] ??= { storage: new AsyncLocalStorage(), isWanted: false, onStack: undefined };
  return shared[SCOPE];
}

/**
 * The context of the request that is being handled, also behind an `await`; undefined outside of a handler.
 *
 * The first call in a process makes it known from then on. A request that was begun before that first call, carries no trace and
 * has already awaited something gets undefined: a module that asks only behind an `await` calls this once while it loads.
 */
export function currentContext(): HandlerContext | undefined {
  const scope = contextScope();
  const stored = scope.storage.getStore();
  if (stored !== undefined) return stored;
  if (!scope.isWanted) {
    scope.isWanted = true;
    // For the rest of this handler; message-handler.ts leaves it again.
    if (scope.onStack !== undefined) scope.storage.enterWith(scope.onStack);
  }
  return scope.onStack;
}

/** The trace of the request that is being handled; undefined where there is none. Costs next to nothing. */
export function currentTrace(): TraceContext | undefined {
  const { storage, onStack } = contextScope();
  return (storage.getStore() ?? onStack)?.trace;
}

/** The baggage of the request that is being handled; undefined where there is none. Costs next to nothing. */
export function currentBaggage(): string | undefined {
  const { storage, onStack } = contextScope();
  return (storage.getStore() ?? onStack)?.baggage;
}
