/**
 * When V8 begins to collect all memory, in a process that passes messages on, or answers them.
 *
 * Such a process has a small heap, and large bodies go through it in memory outside of the heap. V8 adds all of that which came
 * since its last full collection, also what it has freed again, to the heap, and begins the next one when both together come near
 * the heap's limit: with bodies of 64 KiB some dozen times a second, each time for nothing (docs/performance.md, "Large
 * bodies"). So while the heap is small, it may come to several times its limit first. A heap that has grown is collected as V8
 * likes: there a late collection is a long one.
 */

import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';

/** A heap of so many bytes is collected in some 10 ms. */
const SMALL_HEAP_BYTES = 48 * 1024 * 1024;
/** In percent of the heap's room, for V8's `--incremental-marking-soft-trigger`; 0 is V8's own choice. */
const LATE = 400;
const AS_V8_LIKES = 0;

/** @param heapBytes of the heap, in use. @returns what V8 is told, in percent. */
export function triggerFor(heapBytes: number): number {
  return heapBytes < SMALL_HEAP_BYTES ? LATE : AS_V8_LIKES;
}

/** From here on this process collects all memory later while its heap is small. Does nothing in runtimes other than Node. */
export function collectLater(): void {
  if (process.versions.bun !== undefined || process.versions.deno !== undefined) return;
  let told = AS_V8_LIKES;
  const tell = (): void => {
    const trigger = triggerFor(getHeapStatistics().used_heap_size);
    if (trigger === told) return;
    told = trigger;
    setFlagsFromString(`--incremental-marking-soft-trigger=${trigger}`);
  };
  tell();
  new PerformanceObserver(tell).observe({ entryTypes: ['gc'] });
}
