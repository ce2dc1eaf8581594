/**
 * What all rows of a benchmark share: a folder for what is temporary, the processes that run, and the peers that have to be built
 * or started first. Closing it leaves nothing behind, whatever happened.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cast, type Player } from './cast.ts';
import { buildLibzmq, type Libzmq } from './peers/libzmq.ts';
import { NatsServer } from './peers/nats.ts';
import { RabbitmqServer } from './peers/rabbitmq.ts';
import { Role } from './role.ts';

/** See the top of the file. */
export class Stage {
  /** Where temporary files may be. Removed at the end. */
  readonly folder: string;
  readonly libzmq: Libzmq;
  readonly nats: NatsServer;
  readonly rabbitmq: RabbitmqServer;
  readonly #roles = new Set<Role>();
  #names = 0;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'zscale-bench-'));
    this.libzmq = buildLibzmq();
    this.nats = new NatsServer();
    this.rabbitmq = new RabbitmqServer(join(this.folder, 'rabbitmq'));
  }

  /** An ipc endpoint that nobody else has. */
  ipcEndpoint(): string {
    this.#names += 1;
    return `ipc://${this.folder}/${this.#names}.sock`;
  }

  /** A cast without anybody in it. */
  cast(contender: string, player: Player): Cast {
    return new Cast(this, contender, player);
  }

  /** Starts a process that belongs to this stage. */
  start(name: string, command: string, args: readonly string[]): Role {
    const role = new Role(name, command, args);
    this.#roles.add(role);
    return role;
  }

  /** Ends everything in good order. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([...this.#roles].map((role) => role.stop()));
    await Promise.all([this.nats.stop(), this.rabbitmq.stop()]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Ends everything at once: when this process is about to end. */
  kill(): void {
    for (const role of this.#roles) role.kill();
    this.nats.kill();
    this.rabbitmq.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
