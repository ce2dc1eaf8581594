/**
 * Which worker a key belongs to: the one for which a hash of both is the highest (rendezvous hashing). All queues that have the
 * same workers choose the same one without telling each other; when a worker goes, its keys alone move, each to another of the
 * rest; when one comes, it takes its share from all. Pure.
 *
 * The hashes spread well and are no secret: a client that may choose keys may also choose to send all its requests to one worker.
 */

const FNV_OFFSET = 0x811c_9dc5;
const FNV_PRIME = 0x0100_0193;

/** A worker as the choice sees it. */
export interface Pinnable {
  /** What tells it from others, from {@link pinOf}; that of a replacement is the same. */
  readonly seed: number;
  /** It shall get no more. */
  readonly retired: boolean;
}

/** 32 bits of what is hashed: text, or the bytes of a routing id (FNV-1a). */
export function pinOf(key: string | Uint8Array): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < key.length; i++) {
    const unit = typeof key === 'string' ? key.charCodeAt(i) : (key[i] as number); // i < length
    hash = Math.imul(hash ^ (unit & 0xff), FNV_PRIME);
    if (unit > 0xff) hash = Math.imul(hash ^ (0x100 | (unit >>> 8)), FNV_PRIME);
  }
  return hash >>> 0;
}

/** The place of the worker that a key belongs to; -1 when there is none. Of equals the first. */
export function pinnedWorker(workers: readonly Pinnable[], pin: number): number {
  let chosen = -1;
  let highest = -1;
  for (let i = 0; i < workers.length; i++) {
    const { seed, retired } = workers[i] as Pinnable; // i < length
    if (retired) continue;
    const score = mix(pin ^ Math.imul(seed, 0x9e37_79b1));
    if (score <= highest) continue;
    chosen = i;
    highest = score;
  }
  return chosen;
}

/** Every bit of 32 depends on every other (the finalizer of MurmurHash3). */
function mix(bits: number): number {
  let hash = bits;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
