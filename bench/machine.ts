/** What the figures were measured on and with: the machine, and the version of everything that took part. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { version as libzmqInZeromq } from 'zeromq';
import type { Stage } from './stage.ts';

/** The machine. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
}

/** Versions by name; `not installed` for what is not there. */
export type Versions = Readonly<Record<string, string>>;

const GIB = 1024 ** 3;
const MISSING = 'not installed';

/** This machine. */
export function thisMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown CPU',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / GIB),
    kernel: `${type()} ${release()} ${arch()}`,
    node: process.versions.node,
  };
}

/** Ours and the peers'. RabbitMQ's is known only after it was started. */
export function versionsOf({ libzmq, nats, rabbitmq }: Stage): Versions {
  return {
    zscale: installedVersion('@zscale/transport'),
    zeromq: `${installedVersion('zeromq')} (libzmq ${libzmqInZeromq})`,
    libzmq: 'version' in libzmq ? (libzmq.version.split(' ')[0] ?? MISSING) : MISSING,
    'nats-server': nats.version ?? MISSING,
    '@nats-io/transport-node': installedVersion('@nats-io/transport-node'),
    rabbitmq: rabbitmq.version ?? (rabbitmq.reason === undefined ? 'not started' : MISSING),
    amqplib: installedVersion('amqplib'),
  };
}

/** The version of an npm package, found as Node finds it. */
export function installedVersion(name: string): string {
  for (const folder of createRequire(import.meta.url).resolve.paths(name) ?? []) {
    try {
      const { version } = JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8')) as {
        version: string; // npm's own format
      };
      return version;
    } catch {
      // not in this folder
    }
  }
  return MISSING;
}
