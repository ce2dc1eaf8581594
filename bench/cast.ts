/** The cast of a contender: the processes that were started for it, so that they end together, also when a start fails halfway. */

import type { Role } from './role.ts';
import type { Stage } from './stage.ts';

/** What a role is told: `key=value`, the same for roles in Node and in C. */
export type Part = Readonly<Record<string, string | number | undefined>>;

/** Who can play: the roles of one library. */
export interface Player {
  /** Arguments that all its roles get. */
  readonly part: Part;
  /** Why it cannot play here. */
  unavailable(stage: Stage): string | undefined;
  /** The program of a role. */
  command(stage: Stage, role: string): readonly [command: string, ...args: string[]];
}

/** Processes of one contender. */
export class Cast {
  /** For endpoints, brokers and programs. */
  readonly stage: Stage;
  readonly #contender: string;
  readonly #player: Player;
  readonly #roles: Role[] = [];

  /** @param contender for the names of its roles. @param player plays the roles that nobody else is named for. */
  constructor(stage: Stage, contender: string, player: Player) {
    this.stage = stage;
    this.#contender = contender;
    this.#player = player;
  }

  /** Starts a role. */
  start(role: string, part: Part, player: Player = this.#player): Role {
    const [command, ...args] = player.command(this.stage, role);
    for (const [key, value] of Object.entries({ ...player.part, ...part })) {
      if (value !== undefined) args.push(`${key}=${value}`);
    }
    const started = this.stage.start(`${this.#contender}, ${role}`, command, args);
    this.#roles.push(started);
    return started;
  }

  /** Starts a role and waits until it is ready. @returns it with the endpoints that it tells. */
  async startReady(
    role: string,
    part: Part,
    player?: Player,
  ): Promise<{ role: Role; endpoints: readonly string[] }> {
    const started = this.start(role, part, player);
    return { role: started, endpoints: await started.ready() };
  }

  /** Ends all of them. */
  async stop(): Promise<void> {
    await Promise.all(this.#roles.map((role) => role.stop()));
  }
}
