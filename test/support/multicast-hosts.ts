/*
 * Whether multicast can be tested between hosts with libzmq at the other end: it needs network namespaces and a libzmq with PGM.
 */
import { spawnSync } from 'node:child_process';
import { noHosts } from './hosts.ts';
import { python } from './their-peer.ts';

/** Why it cannot be tested on this machine; undefined when it can. */
export const noMulticastHosts: string | undefined = noHosts ?? whyNoPgm();

/** Whether that is a failure and no reason to skip: so in .ci/run. */
export const isMulticastRequired: boolean =
  process.env.CI !== undefined || process.env.REQUIRE_MULTICAST === '1';

function whyNoPgm(): string | undefined {
  if (python === undefined) return 'there is no Python with pyzmq';
  const { status } = spawnSync(python, ['-c', 'import zmq; assert zmq.has("pgm")']);
  return status === 0 ? undefined : `the libzmq of ${python} was built without PGM`;
}
