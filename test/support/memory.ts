/*
 * What this process holds after its garbage is gone.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** In bytes: the JavaScript heap, and the memory of ArrayBuffers beside it. */
export interface MemoryInUse {
  readonly heap: number;
  readonly buffers: number;
}

/** Collects garbage, and says what is left. */
export async function memoryInUse(): Promise<MemoryInUse> {
  // Several times, with turns between: what one finds unreachable may hold more until it is finalized.
  for (let i = 0; i < 3; i++) {
    collectGarbage();
    await new Promise(setImmediate);
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heap: heapUsed, buffers: arrayBuffers };
}
