/**
 * Machines that are present: those whose supervisor is connected to the back end.
 *
 * A worker that computes cannot answer a heartbeat, and must not be taken for dead; its machine's supervisor never computes. So
 * the supervisor's connection, its presence, is asked in place of the workers, and stands for all of them. A machine may have
 * two for a moment, when it made a new one before the end of the old one was known here.
 */

import type { Pipe } from '@zscale/transport';

/** Presences by machine. */
export class MachineSet {
  readonly #machines = new Map<Pipe, string>();

  /** How many machines are present. */
  get size(): number {
    return new Set(this.#machines.values()).size;
  }

  /** Whether a machine is present. */
  has(machine: string): boolean {
    for (const present of this.#machines.values()) if (present === machine) return true;
    return false;
  }

  /** One of its presences connected. True when it was not present before. */
  add(machine: string, pipe: Pipe): boolean {
    const isNew = !this.has(machine);
    this.#machines.set(pipe, machine);
    return isNew;
  }

  /** A pipe is closed: the machine that is no longer present by that; undefined when there is none. */
  remove(pipe: Pipe): string | undefined {
    const machine = this.#machines.get(pipe);
    if (machine === undefined) return undefined;
    this.#machines.delete(pipe);
    return this.has(machine) ? undefined : machine;
  }
}
