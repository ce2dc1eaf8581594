/**
 * Who plays: ours with promises and without, npm zeromq, libzmq in C, bare node:net. Each is a way to start the program of a role.
 *
 * Roles and their arguments, the same in Node (bench/roles) and in C (bench/peers/libzmq.c), `bind` or `connect` with all:
 *
 *   reply  request  bytes        router  dealer  bytes inflight       push pub  bytes topics       pull sub  sockets topics
 *   device  kind                 ventilator  bytes                    returners  sockets back      clients  clients bytes
 *   connects  lanes bytes        inproc  bytes                        threads  what bytes
 */

import { fileURLToPath } from 'node:url';
import type { Player } from './cast.ts';
import type { Stage } from './stage.ts';

/** Files that play more than one role. */
const FILES: Readonly<Record<string, string>> = {
  push: 'sender',
  pub: 'sender',
  pull: 'receiver',
  sub: 'receiver',
};
const NET_FILES: Readonly<Record<string, string>> = {
  reply: 'net-reply',
  router: 'net-reply',
  request: 'net-dealer',
  dealer: 'net-dealer',
  push: 'net-sender',
  pull: 'net-receiver',
};

/** `await send()`, `for await`. */
export const ZSCALE: Player = inNode({ library: 'zscale', mode: 'await' });
/** `trySend`, `tryReceive` and `watch`. */
export const ZSCALE_TRY: Player = inNode({ library: 'zscale', mode: 'try' });
/** libzmq's binding for Node. */
export const ZEROMQ: Player = inNode({ library: 'zeromq', mode: 'await' });
/** Roles that use no library of these, each in a file of its name: brokers' clients. */
export const OTHER: Player = inNode({});

/** libzmq, without Node. */
export const LIBZMQ: Player = {
  part: {},
  unavailable: ({ libzmq }) => ('reason' in libzmq ? libzmq.reason : undefined),
  command({ libzmq }: Stage, role: string) {
    if ('reason' in libzmq) throw new Error(libzmq.reason);
    return [libzmq.program, role];
  },
};

/** No ZeroMQ at all, only what is sent: what can be had with Node's sockets. */
export const NET: Player = {
  part: {},
  unavailable: () => undefined,
  command: (_stage, role) => inFile(NET_FILES[role] ?? role),
};

function inNode(part: Player['part']): Player {
  return {
    part,
    unavailable: () => undefined,
    command: (_stage, role) => inFile(FILES[role] ?? role),
  };
}

function inFile(file: string): readonly [string, ...string[]] {
  return [process.execPath, fileURLToPath(new URL(`./roles/${file}.js`, import.meta.url))];
}
