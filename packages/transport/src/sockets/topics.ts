/** Topics as programs give them, for `subscribe` and `unsubscribe`. */

import { failType } from '../errors.ts';

const EVERYTHING: Buffer = Buffer.alloc(0);

/** The bytes of each topic; of the empty one, which matches everything, when none is given. @throws TypeError for what is no topic. */
export function toTopics(prefixes: ReadonlyArray<Buffer | string>): Buffer[] {
  if (prefixes.length === 0) return [EVERYTHING];
  return prefixes.map(toTopic);
}

function toTopic(prefix: Buffer | string): Buffer {
  if (typeof prefix === 'string') return Buffer.from(prefix);
  if (Buffer.isBuffer(prefix)) return prefix;
  const given: unknown = prefix; // callers without types, as zeromq.js takes them
  if (given === null) return EVERYTHING;
  if (given instanceof Uint8Array) return Buffer.from(given);
  return failType(`A topic is a string or a Buffer; got ${describe(prefix)}.`);
}

function describe(value: unknown): string {
  return value === null ? 'null' : typeof value;
}
