/**
 * When a worker that is well is replaced nevertheless: it has grown too large, answered enough requests, or lived long enough. Pure:
 * facts in, a reason out; `recycler.ts` takes the facts and acts.
 *
 * Requests and lifetime have jitter, so that workers that started together do not all go together: each worker has a number from 0 to
 * 1 for its whole life, and its limits are lower by up to a tenth of what they are.
 */

/** Limits of one worker process; Infinity where there is none. */
export interface RecyclingLimits {
  /** Resident memory, in bytes. */
  readonly maxMemory: number;
  /** Requests given to it. */
  readonly maxRequests: number;
  /** Milliseconds since it was started. */
  readonly maxLifetime: number;
}

/** A worker process as the decision sees it. */
export interface WorkerFacts {
  /** Resident memory in bytes; undefined where it is not known. */
  readonly memory: number | undefined;
  readonly requests: number;
  /** Milliseconds since it was started. */
  readonly age: number;
  /** Its own number from 0 to 1. */
  readonly jitter: number;
}

/** By how much of themselves limits are lower at most. */
const JITTER = 0.1;
const MIB = 1024 * 1024;

/** Why a worker is to be replaced. */
export interface RecyclingReason {
  readonly limit: 'memory' | 'requests' | 'lifetime';
  /** For people. */
  readonly text: string;
}

/** Why the worker is to be replaced; undefined when it is not. */
export function whyRecycle(
  facts: WorkerFacts,
  limits: RecyclingLimits,
): RecyclingReason | undefined {
  const { maxMemory, maxRequests, maxLifetime } = limits;
  const { memory, requests, age, jitter } = facts;
  const factor = 1 - JITTER * jitter;
  if (memory !== undefined && memory > maxMemory) {
    const text = `it has ${toMib(memory)} MiB of memory, more than ${toMib(maxMemory)} (maxMemory)`;
    return { limit: 'memory', text };
  }
  if (requests >= Math.max(1, Math.ceil(maxRequests * factor))) {
    const text = `it was given ${requests} requests (maxRequests ${maxRequests})`;
    return { limit: 'requests', text };
  }
  if (age >= maxLifetime * factor) {
    const text = `it is ${Math.round(age)} ms old (maxLifetime ${maxLifetime})`;
    return { limit: 'lifetime', text };
  }
  return undefined;
}

/** Whether any of the limits says anything. */
export function recycles({ maxMemory, maxRequests, maxLifetime }: RecyclingLimits): boolean {
  return Math.min(maxMemory, maxRequests, maxLifetime) < Infinity;
}

function toMib(bytes: number): number {
  return Math.round(bytes / MIB);
}
