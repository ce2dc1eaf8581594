/*
 * The transports every socket rule is tested over: `describe.each(transports)('over $name', ...)`.
 */
import { freshIpc, freshTcp, TCP_WILDCARD } from './endpoints.ts';

/** One way of reaching a peer, as the tests need it. */
export interface TestTransport {
  readonly name: 'tcp' | 'ipc';
  /** For `bind`: the real address is the socket's `lastEndpoint` afterwards. */
  anywhere(): string;
  /** An address that is free now, for `connect` before `bind`, or to be bound twice. */
  fresh(): Promise<string>;
}

/** tcp on loopback, and Unix domain sockets in a fresh folder. */
export const transports: readonly TestTransport[] = [
  { name: 'tcp', anywhere: () => TCP_WILDCARD, fresh: freshTcp },
  { name: 'ipc', anywhere: freshIpc, fresh: async () => freshIpc() },
];
