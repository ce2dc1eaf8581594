/*
 * The multicast example, as its README says: on one machine, and on several with a libzmq among them and a network that loses packets.
 */
import { describe, expect, it } from 'vitest';
import { Program } from '../support/cli.ts';
import { freshGroup } from '../support/endpoints.ts';
import { Hosts } from '../support/hosts.ts';
import { isMulticastRequired, noMulticastHosts } from '../support/multicast-hosts.ts';
import { python } from '../support/their-peer.ts';
import { until } from '../support/until.ts';

const FOLDER = 'examples/13-multicast';
const EVENT = /^match\/\d\/\w+ {2}minute \d+, \d+:\d+$/;

function linesOf({ stdout }: Program): string[] {
  return stdout.split('\n').slice(0, -1);
}

function eventsOf(program: Program): string[] {
  return linesOf(program).filter((line) => EVENT.test(line));
}

/** Checks that a subscriber has so many events, and exactly those that were told under a prefix from its first on. */
async function expectAll(subscriber: Program, publisher: Program, prefix: string, count: number) {
  const own = await until(
    () => {
      const events = eventsOf(subscriber);
      return events.length >= count && events;
    },
    () => `${count} events of ${prefix}; there are:\n${subscriber.stdout}${subscriber.stderr}`,
  );
  const told = await until(() => {
    const all = eventsOf(publisher).filter((line) => line.startsWith(prefix));
    const start = all.indexOf(own[0] ?? '');
    return start >= 0 && all.length - start >= own.length && all.slice(start);
  });
  expect(own).toEqual(told.slice(0, own.length));
}

const tsx = (file: string) => ['--import', 'tsx', `${FOLDER}/${file}`];

describe('the example of multicast', () => {
  it('tells subscribers on one machine, early or late, what they follow, and what the network did', async () => {
    const group = await freshGroup();
    const start = (file: string, ...args: string[]) =>
      new Program(process.execPath, [...tsx(file), group, ...args]);
    const early = start('subscriber.ts', 'match/1/');
    const publisher = start('publisher.ts');
    await publisher.printed(/^broadcasting to epgm:\S+\n/);
    await early.printed(/minute/);
    const late = start('subscriber.ts');
    await expectAll(early, publisher, 'match/1/', 10);
    await expectAll(late, publisher, 'match/', 10);
    await publisher.printed(/^-- \d+ packets, 0 sent again$/m);
    await early.printed(/^-- \d+ packets, 0 repaired, 0 lost$/m);
  });

  const title = 'tells Python and others on other machines, and repairs what the network loses';
  it.skipIf(noMulticastHosts !== undefined && !isMulticastRequired)(title, async () => {
    const hosts = await Hosts.make(3);
    const group = (host: number) => `epgm://${hosts.addressOf(host)};239.192.1.1:5555`;
    const ours = hosts.run(2, process.execPath, [...tsx('subscriber.ts'), group(2)]);
    const theirs = hosts.run(3, python ?? 'python3', [
      ...[`${FOLDER}/subscriber.py`, group(3), 'match/2/'],
    ]);
    const publisher = hosts.run(1, process.execPath, [...tsx('publisher.ts'), group(1)]);
    await ours.printed(/minute/);
    await theirs.printed(/minute/);
    await hosts.worsen({ delay: 0, loss: 0.1 });
    await ours.printed(/^-- \d+ packets, [1-9]\d* repaired, 0 lost$/m);
    await publisher.printed(/^-- \d+ packets, [1-9]\d* sent again$/m);
    await expectAll(ours, publisher, 'match/', 100);
    await expectAll(theirs, publisher, 'match/2/', 30);
  });
});
