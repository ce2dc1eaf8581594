/*
 * Multicast between hosts: ours with libzmq's (OpenPGM) in both directions, and with ours, over a link that loses what it likes. The
 * hash over the whole stream is the same at both ends.
 */
import type { MulticastStats } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { sharesWithLibzmq } from '../../packages/transport/src/transports/epgm/udp.ts';
import { Digest, messageOf } from '../fixtures/multicast/stream.mjs';
import { fixture, type Program } from '../support/cli.ts';
import { Hosts } from '../support/hosts.ts';
import { isMulticastRequired, noMulticastHosts } from '../support/multicast-hosts.ts';
import { python } from '../support/their-peer.ts';
import { until } from '../support/until.ts';

const GROUP = '239.192.1.1:5555';
/** Of both sides, kbit/s; the default of 100 would take minutes. */
const RATE = 20_000;
const MESSAGES = 800;

type Side = 'ours' | 'theirs';

/** What a subscriber says of a publisher. */
interface Heard {
  readonly name: string;
  readonly first: number;
  readonly count: number;
  readonly missing: number;
  readonly sha: string;
}

/** How a publisher sends, where that is not as most do. */
interface Way {
  readonly messages?: number;
  readonly rate?: number;
  readonly packetBytes?: number;
}

function publisherOn(hosts: Hosts, host: number, side: Side, name: string, way: Way = {}): Program {
  const { messages = MESSAGES, rate = RATE, packetBytes = 1500 } = way;
  const endpoint = `epgm://${hosts.addressOf(host)};${GROUP}`;
  const options =
    side === 'ours'
      ? { rate, multicastMaxTransportDataUnit: packetBytes }
      : { RATE: rate, MULTICAST_MAXTPDU: packetBytes };
  return start(hosts, host, side, 'publisher', [endpoint, name, String(messages)], options);
}

function subscriberOn(hosts: Hosts, host: number, side: Side, names: string): Program {
  const endpoint = `epgm://${hosts.addressOf(host)};${GROUP}`;
  const options = side === 'ours' ? { rate: RATE } : { RATE };
  return start(hosts, host, side, 'subscriber', [endpoint, names], options);
}

function start(
  hosts: Hosts,
  host: number,
  side: Side,
  role: string,
  args: readonly string[],
  options: object,
): Program {
  const [command, file] =
    side === 'ours'
      ? [process.execPath, `multicast/${role}.mjs`]
      : [python ?? 'python3', `multicast/${role}.py`];
  return hosts.run(host, command, [fixture(file), ...args, JSON.stringify(options)]);
}

/** What the subscriber says of every publisher, by name, at the end. */
async function heardBy(subscriber: Program): Promise<Map<string, Heard>> {
  await until(
    () => subscriber.hasEnded,
    () => `the end of:\n${subscriber.stdout}${subscriber.stderr}`,
    {
      deadline: 45_000,
    },
  );
  const lines = subscriber.stdout.split('\n').filter((line) => line.startsWith('{"name"'));
  return new Map(lines.map((line) => JSON.parse(line)).map((heard) => [heard.name, heard]));
}

/** What our subscriber counted. */
function statsOf(subscriber: Program): MulticastStats {
  const line = subscriber.stdout.split('\n').find((each) => each.startsWith('{"stats"')) ?? '';
  return JSON.parse(line).stats;
}

/** The hash of a publisher's messages from one on. */
function shaFrom(name: string, first: number, messages: number = MESSAGES): string {
  const digest = new Digest();
  for (let i = first; i < messages; i++) digest.add(messageOf(name, i));
  return digest.end();
}

function wholeStream(name: string, messages: number = MESSAGES): Heard {
  return { name, first: 0, count: messages, missing: 0, sha: shaFrom(name, 0, messages) };
}

if (noMulticastHosts !== undefined && !isMulticastRequired)
  console.warn(`Multicast between hosts is not tested: ${noMulticastHosts}.`);

describe.skipIf(noMulticastHosts !== undefined && !isMulticastRequired)(
  'multicast between hosts',
  () => {
    it('finds what it needs', () => {
      expect(noMulticastHosts).toBeUndefined();
    });

    for (const [from, to] of [
      ['ours', 'theirs'],
      ['theirs', 'ours'],
      ['ours', 'ours'],
    ] as const) {
      for (const loss of [0, 0.05]) {
        it(`brings every byte from ${from} to ${to} when ${loss * 100} % of all packets are lost`, async () => {
          const hosts = await Hosts.make(2);
          const subscriber = subscriberOn(hosts, 2, to, 'a');
          await subscriber.printed(/ready/);
          const publisher = publisherOn(hosts, 1, from, 'a');
          await subscriber.printed(/heard a/);
          await hosts.worsen({ delay: 0, loss });
          publisher.signal('SIGUSR2');
          expect((await heardBy(subscriber)).get('a')).toEqual(wholeStream('a'));
          if (to === 'ours' && loss > 0)
            expect(statsOf(subscriber).repairedPackets).toBeGreaterThan(0);
        });
      }
    }

    // To ours only: a SUB of libzmq puts parts of different publishers' messages together when they come in turn.
    it('brings the streams of several publishers, ours and theirs, with losses', async () => {
      const hosts = await Hosts.make(5);
      const subscribers = [
        subscriberOn(hosts, 1, 'ours', 'a,b,c'),
        subscriberOn(hosts, 2, 'ours', 'a,b,c'),
      ];
      for (const subscriber of subscribers) await subscriber.printed(/ready/);
      const publishers = [
        publisherOn(hosts, 3, 'ours', 'a'),
        publisherOn(hosts, 4, 'theirs', 'b'),
        publisherOn(hosts, 5, 'theirs', 'c'),
      ];
      for (const subscriber of subscribers) {
        for (const name of ['a', 'b', 'c']) await subscriber.printed(new RegExp(`heard ${name}`));
      }
      await hosts.worsen({ delay: 0, loss: 0.05 });
      for (const publisher of publishers) publisher.signal('SIGUSR2');
      for (const subscriber of subscribers) {
        const heard = await heardBy(subscriber);
        for (const name of ['a', 'b', 'c']) {
          expect(heard.get(name), subscriber.stderr).toEqual(wholeStream(name));
        }
      }
    });

    for (const [from, to] of [
      ['ours', 'theirs'],
      ['theirs', 'ours'],
    ] as const) {
      it(`lets ${to} join late, in the middle of a message of ${from}, and brings everything from the next one on`, async () => {
        const hosts = await Hosts.make(2);
        const slow = from === 'ours' ? { rate: 8000 } : { RATE: 8000 };
        const publisher = publisherOn(hosts, 1, from, 'a', slow);
        await publisher.printed(/ready/);
        publisher.signal('SIGUSR2');
        const subscriber = subscriberOn(hosts, 2, to, 'a');
        await subscriber.printed(/heard a/);
        const heard = (await heardBy(subscriber)).get('a');
        const first = heard?.first ?? -1;
        expect(first).toBeGreaterThan(0);
        expect(heard).toEqual({
          name: 'a',
          first,
          count: MESSAGES - first,
          missing: 0,
          sha: shaFrom('a', first),
        });
      });

      it(`cuts messages of ${from} into packets of 120 bytes for ${to}, with losses`, async () => {
        const hosts = await Hosts.make(2);
        const subscriber = subscriberOn(hosts, 2, to, 'a');
        await subscriber.printed(/ready/);
        const way = { messages: 200, rate: 4000, packetBytes: 120 };
        const publisher = publisherOn(hosts, 1, from, 'a', way);
        await subscriber.printed(/heard a/);
        await hosts.worsen({ delay: 0, loss: 0.01 });
        publisher.signal('SIGUSR2');
        expect((await heardBy(subscriber)).get('a')).toEqual(wholeStream('a', way.messages));
      });
    }

    for (const to of ['ours', 'theirs'] as const) {
      it(`brings every byte to ${to} while the numbers of our packets go round at 2^32, with losses`, async () => {
        const hosts = await Hosts.make(2);
        const subscriber = subscriberOn(hosts, 2, to, 'a');
        await subscriber.printed(/ready/);
        const publisher = start(
          hosts,
          1,
          'ours',
          'wrapping-publisher',
          [hosts.addressOf(1), '239.192.1.1', '5555', 'a', String(MESSAGES)],
          {},
        );
        await subscriber.printed(/heard a/);
        await hosts.worsen({ delay: 0, loss: 0.05 });
        publisher.signal('SIGUSR2');
        expect((await heardBy(subscriber)).get('a')).toEqual(wholeStream('a'));
        await publisher.printed(/went round/);
      });
    }

    it('is heard on its own host by a network interface, unless multicastLoop is false', async () => {
      const hosts = await Hosts.make(2);
      const here = subscriberOn(hosts, 1, 'ours', 'a,b');
      const there = subscriberOn(hosts, 2, 'ours', 'a,b');
      await here.printed(/ready/);
      await there.printed(/ready/);
      const endpoint = `epgm://${hosts.addressOf(1)};${GROUP}`;
      const publish = (name: string, options: object) =>
        start(hosts, 1, 'ours', 'publisher', [endpoint, name, '0'], { rate: RATE, ...options });
      publish('b', { multicastLoop: false });
      await there.printed(/heard b/);
      publish('a', {});
      await here.printed(/heard a/);
      await there.printed(/heard a/);
      expect(here.stdout).not.toContain('heard b');
    });

    it('gives packets the time to live that multicastHops says', async () => {
      const hosts = await Hosts.make(2);
      const seen = hosts.run(2, python ?? 'python3', [
        ...[fixture('multicast/time_to_live.py'), hosts.addressOf(2), '239.192.1.1', '5555'],
      ]);
      await seen.printed(/ready/);
      const endpoint = `epgm://${hosts.addressOf(1)};${GROUP}`;
      start(hosts, 1, 'ours', 'publisher', [endpoint, 'a', '0'], { multicastHops: 5 });
      await seen.printed(/^5$/m);
    });

    it('shares its port with libzmq on one host where the runtime can, and else says what to do', async () => {
      const hosts = await Hosts.make(1);
      const theirs = subscriberOn(hosts, 1, 'theirs', 'a');
      await theirs.printed(/ready/);
      const ours = publisherOn(hosts, 1, 'ours', 'a', { messages: 0 });
      if (sharesWithLibzmq()) {
        await theirs.printed(/heard a/);
        return;
      }
      const { exitCode, stderr } = await ours.end();
      expect(exitCode).toBe(1);
      expect(stderr).toContain('EADDRINUSE');
      expect(stderr).toContain('Use Node 22.12 or later');
    });
  },
);
