/**
 * Lets the host of an unmodified program have a say when the program binds a socket: `zscale run` connects the server's socket
 * to its queue instead, because several processes cannot all have one address.
 *
 * The hook stands under a registered symbol and not in this module: a program may bring a copy of this package of its own. Without
 * a hook, which is the rule, a bind costs one look.
 */

const HOOK = Symbol.for('zscale.bind-hook');

/** What a hook sees of a socket; those of zeromq.js have it too. */
export interface HookedSocket {
  readonly type: number;
  readonly closed: boolean;
  readonly securityMechanism: string | null;
  connect(endpoint: string): void;
  disconnect(endpoint: string): void;
}

/** Who is asked before a socket listens, and before it stops. */
export interface BindHook {
  /** True when the hook saw to it. What it throws goes to the caller of `bind`. */
  bind(socket: HookedSocket, endpoint: string): boolean;
  /** True when the endpoint was one that the hook had seen to. */
  unbind(socket: HookedSocket, endpoint: string): boolean;
  /** What `lastEndpoint` is after a bind that the hook saw to. */
  endpointOf(socket: HookedSocket): string | undefined;
}

/** Nobody else uses the symbol: what is there, if anything, is a hook. */
const place = globalThis as typeof globalThis & { [HOOK]?: BindHook | undefined };

/** The hook of this process, if there is one. */
export function bindHook(): BindHook | undefined {
  return place[HOOK];
}

/** Has all sockets of this thread ask `hook`, also those of other copies of this package; none any more when undefined. */
export function setBindHook(hook: BindHook | undefined): void {
  place[HOOK] = hook;
}
