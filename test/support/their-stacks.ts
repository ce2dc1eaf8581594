/*
 * The implementations ours is put against, and whether they are there to be run.
 */

import type { Stack } from './stack.ts';
import { isPyzmqRequired, python, pyzmq } from './their-peer.ts';
import { theirs } from './theirs.ts';

/** A stack, and why its tests cannot run where they cannot. */
export interface TheirStack extends Stack {
  readonly isAbsent: boolean;
  /** For titles: its name, and whether it is missing. */
  readonly title: string;
}

/** npm zeromq, which is always there, and pyzmq, which `.ci/run` insists on. */
export const theirStacks: readonly TheirStack[] = [
  { ...theirs, isAbsent: false, title: 'npm zeromq' },
  {
    ...pyzmq,
    isAbsent: python === undefined && !isPyzmqRequired,
    title: python === undefined ? 'pyzmq (not installed)' : 'pyzmq',
  },
];
