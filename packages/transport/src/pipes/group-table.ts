/**
 * Who has joined which group, for RADIO (RFC 48): exact names, a set per member.
 *
 * What others make us remember is bounded: so many groups per member and over all. A member that leaves costs what it had joined,
 * and very much of that is taken out over several turns.
 */

import type { Pipe } from './pipe.ts';

/** Groups that one peer may be in; one more ends its connection. */
export const GROUPS_MAX = 100_000;
/** Memberships over all peers; one more ends the connection of who asks for it. */
export const MEMBERSHIPS_MAX = 2_000_000;
/** Memberships of a leaving peer that are taken out in one go. */
const LEAVING_GROUPS = 10_000;

/** Groups and their members. */
export class GroupTable {
  readonly #members = new Map<string, Set<Pipe>>();
  readonly #groups = new Map<Pipe, Set<string>>();
  #memberships = 0;

  /** Memberships over all peers. */
  get memberships(): number {
    return this.#memberships;
  }

  /** Who is in the group; undefined for nobody. */
  membersOf(group: string): ReadonlySet<Pipe> | undefined {
    return this.#members.get(group);
  }

  /** False when the peer, or all of them, are in too many groups; nothing is changed then. */
  join(group: string, pipe: Pipe): boolean {
    let groups = this.#groups.get(pipe);
    if (groups?.has(group)) return true;
    if ((groups?.size ?? 0) >= GROUPS_MAX || this.#memberships >= MEMBERSHIPS_MAX) return false;
    if (groups === undefined) {
      groups = new Set();
      this.#groups.set(pipe, groups);
    }
    groups.add(group);
    this.#memberships += 1;
    const members = this.#members.get(group);
    if (members === undefined) this.#members.set(group, new Set([pipe]));
    else members.add(pipe);
    return true;
  }

  leave(group: string, pipe: Pipe): void {
    const groups = this.#groups.get(pipe);
    if (!groups?.delete(group)) return;
    if (groups.size === 0) this.#groups.delete(pipe);
    this.#remove(group, pipe);
  }

  /** The peer is gone: no message is for it any more, as it takes none. */
  leaveAll(pipe: Pipe): void {
    const groups = this.#groups.get(pipe);
    if (groups === undefined) return;
    this.#groups.delete(pipe);
    this.#takeOut(groups.values(), pipe);
  }

  #takeOut(groups: Iterator<string>, pipe: Pipe): void {
    for (let count = 0; count < LEAVING_GROUPS; count++) {
      const next = groups.next();
      if (next.done) return;
      this.#remove(next.value, pipe);
    }
    setImmediate(() => this.#takeOut(groups, pipe));
  }

  #remove(group: string, pipe: Pipe): void {
    const members = this.#members.get(group);
    if (!members?.delete(pipe)) return;
    this.#memberships -= 1;
    if (members.size === 0) this.#members.delete(group);
  }
}
