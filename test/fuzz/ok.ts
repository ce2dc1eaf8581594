/** `assert.ok` with a text that must be given: without one it looks the call up in a source file, which tsx has rewritten. */

import { AssertionError } from 'node:assert';

/** Throws an AssertionError that says what is not so, unless `condition` holds. */
export function ok(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError({ message, stackStartFn: ok });
}
