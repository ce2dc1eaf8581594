import { existsSync } from 'node:fs';
import { Dealer, Publisher, Pull, Push, Reply, Request, Subscriber } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { Reply as TheirReply, Request as TheirRequest } from 'zeromq';
import { boundTo } from '../support/bound.ts';
import { type Program, startZscale, zscale } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { freshGroup, freshIpc, freshTcp, TCP_WILDCARD } from '../support/endpoints.ts';
import { texts } from '../support/hex.ts';
import { until } from '../support/until.ts';

interface Ready {
  readonly device: string;
  readonly frontend: readonly string[];
  readonly backend: readonly string[];
  readonly capture: readonly string[];
  readonly pid: number;
}

interface StartedDevice extends Ready {
  readonly program: Program;
}

/** Starts `zscale device`, with free ports for the sides that `args` do not name. */
async function start(kind: string, ...args: string[]): Promise<StartedDevice> {
  const frontend = args.includes('--frontend') ? [] : ['--frontend', TCP_WILDCARD];
  const backend = args.includes('--backend') ? [] : ['--backend', TCP_WILDCARD];
  const program = startZscale(['device', kind, '--json', ...frontend, ...backend, ...args]);
  const [line] = await program.printed(/^\{"event":"ready".*\}$/m);
  const ready: Ready = JSON.parse(line);
  return { ...ready, program };
}

/** What a device said at its end. */
function ended(stdout: string): {
  stats: Record<'frontend' | 'backend', Record<string, number>>;
} {
  const line = stdout.split('\n').find((text) => text.startsWith('{"event":"ended"'));
  return JSON.parse(line ?? 'null');
}

function connected<S extends { connect(endpoint: string): void; close(): void }>(
  socket: S,
  endpoint: string | undefined,
): S {
  closing(socket).connect(endpoint ?? '');
  return socket;
}

describe('zscale device', () => {
  it('queue serves libzmq clients with libzmq workers, and ends with 0 and what went through', async () => {
    const { program, frontend, backend } = await start('queue');
    const worker = connected(new TheirReply(), backend[0]);
    void (async () => {
      for await (const [body] of worker) await worker.send(`re: ${String(body)}`);
    })();
    const client = connected(new TheirRequest(), frontend[0]);
    for (let i = 0; i < 10; i++) {
      await client.send(String(i));
      expect(texts(await client.receive())).toEqual([`re: ${i}`]);
    }
    program.signal('SIGINT');
    const end = await program.end();
    expect(end).toMatchObject({ exitCode: 0, signal: null, stderr: '' });
    expect(ended(end.stdout).stats.frontend).toMatchObject({
      receivedMessages: 10,
      sentMessages: 10,
    });
  });

  it('forwarder brings data to who subscribed, between processes that only know it', async () => {
    const { frontend, backend } = await start('forwarder', '--frontend', freshIpc());
    const publisher = connected(new Publisher(), frontend[0]);
    const subscriber = connected(new Subscriber(), backend[0]);
    subscriber.subscribe('a');
    let isThere = false;
    const received = subscriber.receive().finally(() => {
      isThere = true;
    });
    await until(async () => {
      await publisher.send('b1');
      await publisher.send('a1');
      return isThere;
    });
    expect(texts(await received)).toEqual(['a1']);
  });

  it('streamer spreads work over consumers at several endpoints, and shows it at --capture', async () => {
    const { frontend, backend, capture } = await start(
      'streamer',
      ...['--backend', TCP_WILDCARD, '--backend', freshIpc(), '--capture', TCP_WILDCARD],
    );
    const observer = connected(new Subscriber(), capture[0]);
    observer.subscribe();
    const seen: string[] = [];
    void (async () => {
      for await (const [body] of observer) seen.push(String(body));
    })();
    const got = [0, 0];
    const consumers = backend.map((endpoint) => connected(new Pull(), endpoint));
    for (const [i, consumer] of consumers.entries()) {
      void (async () => {
        for await (const _ of consumer) got[i] = (got[i] ?? 0) + 1;
      })();
    }
    const producer = connected(new Push(), frontend[0]);
    await until(async () => {
      await producer.send('work');
      return got.every((count) => count > 0) && seen.length > 0;
    });
    expect(seen[0]).toBe('work');
  });

  it('connects where an endpoint says connect:', async () => {
    const worker = closing(new Reply());
    const endpoint = await boundTo(worker, TCP_WILDCARD);
    const { frontend, backend } = await start('queue', '--backend', `connect:${endpoint}`);
    expect(backend).toEqual([`connect:${endpoint}`]);
    const client = connected(new Request(), frontend[0]);
    await client.send('hello');
    expect(texts(await worker.receive())).toEqual(['hello']);
  });

  it('says for people where it listens, who belongs there, and how to stop it', async () => {
    const program = startZscale([
      ...['device', 'queue', '--frontend', TCP_WILDCARD, '--backend', TCP_WILDCARD],
    ]);
    await program.printed(/Ctrl-C/);
    expect(program.stdout).toMatch(/frontend +tcp:\/\/127\.0\.0\.1:\d+ +\(for clients: REQ/);
    expect(program.stdout).toMatch(/backend +tcp:\/\/127\.0\.0\.1:\d+ +\(for workers: REP/);
    program.signal('SIGTERM');
    expect((await program.end()).stdout).toMatch(/frontend +messages received 0/);
  });

  it('keeps to --hwm: behind a consumer that is not there, the producer soon has to wait', async () => {
    const { frontend, program } = await start(
      'streamer',
      ...['--backend', `connect:${await freshTcp()}`, '--hwm', '3'],
    );
    const producer = connected(new Push({ sendHighWaterMark: 3, sendTimeout: 300 }), frontend[0]);
    const flood = async (): Promise<void> => {
      for (let i = 0; i < 1000; i++) await producer.send(Buffer.alloc(64 * 1024));
    };
    await expect(flood()).rejects.toMatchObject({ code: 'EAGAIN' });
    program.signal('SIGQUIT');
    const { stdout } = await program.end();
    expect(ended(stdout).stats.backend.sentMessages).toBe(3);
  });
});

/** A device that has moved messages which nobody takes: it shows what it moves at its capture endpoint. */
async function holding(
  ...args: string[]
): Promise<StartedDevice & { readonly input: string; readonly count: number }> {
  const input = freshIpc();
  const started = await start(
    'streamer',
    ...['--frontend', input, '--capture', TCP_WILDCARD, ...args],
  );
  const observer = connected(new Subscriber(), started.capture[0]);
  observer.subscribe();
  const seen: string[] = [];
  void (async () => {
    for await (const [body] of observer) seen.push(String(body));
  })();
  const producer = connected(new Push(), input);
  let count = 0;
  await until(async () => {
    await producer.send(String(count++));
    return seen.length > 0; // the subscription needed its time
  });
  await until(() => seen.at(-1) === String(count - 1));
  return { ...started, input, count };
}

describe('zscale device, told to stop', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'by %s first passes on what it has, leaves no socket file, and ends with 0',
    async (signal) => {
      const output = await freshTcp();
      const { program, input, count } = await holding('--backend', `connect:${output}`);
      program.signal(signal);
      const consumer = closing(new Pull());
      await consumer.bind(output);
      for (let i = 0; i < count; i++) expect(texts(await consumer.receive())).toEqual([String(i)]);
      const end = await program.end();
      expect(end).toMatchObject({ exitCode: 0, signal: null });
      expect(ended(end.stdout).stats.backend.sentMessages).toBe(count);
      expect(existsSync(input.slice('ipc://'.length))).toBe(false);
    },
  );

  it('tells who waits what it waits for, and a second time drops it and ends with 130', async () => {
    const nobody = `connect:${await freshTcp()}`;
    const { program, input } = await holding('--backend', nobody, '--graceful-timeout', 'off');
    program.signal('SIGINT');
    await until(() => program.stderr.includes('Ctrl-C drops them'));
    program.signal('SIGINT');
    expect(await program.end()).toMatchObject({ exitCode: 130, signal: null });
    expect(existsSync(input.slice('ipc://'.length))).toBe(false);
  });

  it('by SIGQUIT drops what it has and ends with 131', async () => {
    const { program } = await holding('--backend', `connect:${await freshTcp()}`);
    program.signal('SIGQUIT');
    expect(await program.end()).toMatchObject({ exitCode: 131, signal: null });
  });

  it('gives up after --graceful-timeout', async () => {
    const nobody = `connect:${await freshTcp()}`;
    const { program } = await holding('--backend', nobody, '--graceful-timeout', '100ms');
    program.signal('SIGTERM');
    expect(await program.end()).toMatchObject({ exitCode: 0, signal: null });
  });
});

describe('zscale device, unable to start', () => {
  it.each([
    ['an address that is taken', 1, 'EADDRINUSE'],
    ['an address of another machine', 1, 'EADDRNOTAVAIL'],
    ['a port that cannot be', 2, 'EINVAL'],
    ['an endpoint that is none', 2, 'Did you mean tcp://127.0.0.1:5559?'],
    ['a wildcard to connect to', 2, 'EINVAL'],
  ])('because of %s ends with %d and one line that says so', async (what, exitCode, words) => {
    const taken = closing(new Dealer());
    const endpoints: Record<string, string> = {
      'an address that is taken': await boundTo(taken, TCP_WILDCARD),
      'an address of another machine': 'tcp://192.0.2.1:5559',
      'a port that cannot be': 'tcp://127.0.0.1:99999',
      'an endpoint that is none': '5559',
      'a wildcard to connect to': 'connect:tcp://*:5559',
    };
    const frontend = endpoints[what] ?? '';
    const end = await zscale([
      ...['device', 'queue', '--frontend', frontend, '--backend', TCP_WILDCARD],
    ]);
    expect(end).toMatchObject({ exitCode, signal: null, stdout: '' });
    expect(end.stderr).toContain(words);
    expect(end.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('forwarder brings what is published by tcp to a multicast group, whose members need not subscribe there', async () => {
    const group = await freshGroup();
    const { program, frontend, backend } = await start(
      'forwarder',
      ...['--backend', group, '--rate', '100000'],
    );
    expect(backend).toEqual([group]);
    const subscribers = [0, 1].map(() => {
      const subscriber = connected(new Subscriber({ rate: 100_000 }), group);
      subscriber.subscribe('goal');
      return subscriber;
    });
    const publisher = connected(new Publisher(), frontend[0]);
    await until(async () => {
      await publisher.send(['goal', 'sync']);
      return subscribers.every((each) => each.readable);
    });
    await publisher.send('other');
    await publisher.send(['goal', Buffer.alloc(10_000, 'g'), 'end']);
    for (const subscriber of subscribers) {
      let frames = await subscriber.receive();
      while (frames.length !== 3) {
        expect(texts(frames)).toEqual(['goal', 'sync']);
        frames = await subscriber.receive();
      }
      expect(frames[1]).toHaveLength(10_000);
    }
    program.signal('SIGTERM');
    expect(await program.end()).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('forwarder brings what a multicast group says to subscribers by tcp, by topic', async () => {
    const group = await freshGroup();
    const { backend } = await start('forwarder', '--frontend', group, '--rate', '100000');
    const subscriber = connected(new Subscriber(), backend[0]);
    subscriber.subscribe('goal');
    const publisher = connected(new Publisher({ rate: 100_000 }), group);
    await until(async () => {
      await publisher.send('other');
      await publisher.send(['goal', '1']);
      return subscriber.readable;
    });
    for (let i = 0; i < 5 && subscriber.readable; i++) {
      expect(texts(await subscriber.receive())).toEqual(['goal', '1']);
    }
  });

  it('forwarder says at once that pgm is not there, and that a queue has no multicast', async () => {
    const group = await freshGroup();
    const ends = (kind: string, backend: string) =>
      zscale(['device', kind, '--frontend', TCP_WILDCARD, '--backend', backend]);
    const raw = await ends('forwarder', group.slice(1));
    expect(raw).toMatchObject({ exitCode: 2 });
    expect(raw.stderr).toContain('Use epgm://');
    const queue = await ends('queue', group);
    expect(queue.exitCode).not.toBe(0);
    expect(queue.stderr).toContain('Multicast is for Publisher');
  });
});
