/** Which mechanism a connection speaks. The greeting compares names; both sides must have chosen the same. */

import type { Mechanism, MechanismOutput } from './mechanism.ts';
import { NullMechanism } from './null.ts';

/** Makes the mechanism of one new connection. @param metadata our own properties, encoded. */
export function createMechanism(output: MechanismOutput, metadata: Buffer): Mechanism {
  return new NullMechanism(output, metadata);
}
