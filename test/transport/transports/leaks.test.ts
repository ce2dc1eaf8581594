/*
 * Ten thousand connections that come and go leave nothing: no net.Socket, no timer, no listener, no
 * memory that grows.
 */
import { existsSync, readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Dealer } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { Stream } from '../../../packages/transport/src/sockets/stream.ts';
import { boundTo } from '../../support/bound.ts';
import { closing } from '../../support/closing.ts';
import { transports } from '../../support/transports.ts';
import { until } from '../../support/until.ts';

/** Linux lists the files of a process here, sockets among them. */
const OPEN_FILES = '/proc/self/fd';
const CONNECTIONS = 10_000;
const AT_ONCE = 50;
/** Connections before memory is first looked at: what is made once is made then. */
const WARM_UP = 1000;
/** 9000 connections that each left only 1 KB would be 9 MB. */
const GROWTH_BYTES = 6 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

async function heapInUse(): Promise<number> {
  // Twice, with a turn between: what the first finds unreachable may hold more until it is finalized.
  collectGarbage();
  await new Promise(setImmediate);
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** What holds this process, by kind (`process.getActiveResourcesInfo`), and its open files, held or not. */
function resources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  if (existsSync(OPEN_FILES)) counts.set('open files', readdirSync(OPEN_FILES).length);
  return counts;
}

/** Waits until there is no more of anything than there was. */
async function noMoreThan(before: ReadonlyMap<string, number>): Promise<void> {
  const allowed = new Map(before).set('Timeout', (before.get('Timeout') ?? 0) + 1); // that of this wait
  const more = (): string[] =>
    [...resources()]
      .filter(([name, count]) => name !== 'Immediate' && count > (allowed.get(name) ?? 0))
      .map(([name, count]) => `${count} of ${name}, of which there were ${allowed.get(name) ?? 0}`);
  await until(
    () => more().length === 0,
    () => `nothing left: ${more().join(', ')}`,
  );
}

/** A socket that counts what its monitor tells. */
function counted(socket: Dealer | Stream): { accepted: number; gone: number } {
  const counts = { accepted: 0, gone: 0 };
  socket.events.on('accept', () => {
    counts.accepted += 1;
  });
  socket.events.on('disconnect', () => {
    counts.gone += 1;
  });
  return counts;
}

const kinds = [
  { kind: 'DEALER', open: () => new Dealer() },
  { kind: 'STREAM', open: () => new Stream({ notify: false }) },
];

describe.each(transports)('over $name', ({ anywhere }) => {
  it.each(kinds)(
    `${CONNECTIONS} connects and disconnects of $kind leave nothing behind`,
    async ({ open }) => {
      const bound = closing(open());
      const counts = counted(bound);
      const endpoint = await boundTo(bound, anywhere());
      const connecter = closing(open());
      const before = resources();
      let heap = 0;
      for (let done = 0; done < CONNECTIONS; done += AT_ONCE) {
        if (done === WARM_UP) heap = await heapInUse();
        for (let i = 0; i < AT_ONCE; i++) {
          // A Dealer connects only once to an endpoint, so one after the other.
          connecter.connect(endpoint);
          if (connecter instanceof Dealer) {
            await until(() => counts.accepted === done + i + 1, 'the connection');
            connecter.disconnect(endpoint);
          }
        }
        await until(() => counts.accepted === done + AT_ONCE, 'the connections');
        if (connecter instanceof Stream) connecter.disconnect(endpoint);
        await until(() => counts.gone === done + AT_ONCE, 'their ends');
      }
      await noMoreThan(before);
      expect((await heapInUse()) - heap).toBeLessThan(GROWTH_BYTES);
      expect(counts).toEqual({ accepted: CONNECTIONS, gone: CONNECTIONS });
    },
    120_000,
  );

  it('1000 dialers to nobody, closed, leave nothing behind', async () => {
    const before = resources();
    const endpoint = anywhere();
    const socket = closing(new Stream({ reconnectInterval: 1 }));
    const target = endpoint.includes('*') ? 'tcp://127.0.0.1:1' : endpoint;
    for (let i = 0; i < 1000; i++) socket.connect(target);
    let retries = 0;
    socket.events.on('connect:retry', () => {
      retries += 1;
    });
    await until(() => retries > 2000, 'retries');
    socket.close();
    await socket.ended;
    await noMoreThan(before);
  });
});
