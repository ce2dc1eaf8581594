/*
 * inproc between the threads of a process (context.ts; inproc-threads.ts): real Workers, which run what was built.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { queryObjects } from 'node:v8';
import { Context, Dealer, Reply, Request, Router } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { ThreadLink } from '../../../packages/transport/src/transports/inproc/inproc-thread-link.ts';
import { Thread } from '../../fixtures/threads/thread.ts';
import { fixture, Program, ROOT } from '../../support/cli.ts';
import { closing } from '../../support/closing.ts';
import { texts } from '../../support/hex.ts';
import { countOf, recordEvents } from '../../support/recorded-events.ts';
import { until } from '../../support/until.ts';

let names = 0;

/** An endpoint that nobody has used. */
function fresh(): string {
  names += 1;
  return `inproc://threads-${names}`;
}

/** A thread that answers on a REP socket what it is asked, and is there when this resolves. */
async function echo(endpoint: string): Promise<Thread> {
  const thread = new Thread(`
    const rep = new zscale.Reply();
    await rep.bind('${endpoint}');
    say('bound');
    for await (const message of rep) await rep.send(message);
  `);
  await thread.says('bound');
  return thread;
}

/** Rounds of question and answer with another thread: time that is measured in work done. */
async function otherTraffic(rounds: number): Promise<void> {
  const endpoint = fresh();
  const thread = await echo(endpoint);
  const req = closing(new Request());
  req.connect(endpoint);
  for (let i = 0; i < rounds; i++) {
    await req.send(String(i));
    await req.receive();
  }
  await thread.close();
}

/** A router of this thread that a dealer of another has connected to, and the routing id of that. */
async function called(
  options: ConstructorParameters<typeof Router>[0],
  program: (endpoint: string) => string,
): Promise<{ router: Router; id: Buffer; thread: Thread }> {
  const endpoint = fresh();
  const router = closing(new Router({ mandatory: true, ...options }));
  await router.bind(endpoint);
  const thread = new Thread(program(endpoint));
  const [id = Buffer.alloc(0), hello] = await router.receive();
  expect(String(hello)).toBe('hello');
  return { router, id, thread };
}

/** A router of this thread, and a thread whose dealer has heard of it but sent nothing yet. */
async function waiting(
  options: ConstructorParameters<typeof Router>[0],
  dealerOptions: object,
  program: string,
): Promise<{ router: Router; thread: Thread }> {
  const endpoint = fresh();
  const router = closing(new Router({ probeRouter: true, ...options }));
  await router.bind(endpoint);
  const thread = new Thread(`
    const dealer = new zscale.Dealer(${JSON.stringify(dealerOptions)});
    dealer.connect('${endpoint}');
    await dealer.receive();
    ${program}
  `);
  return { router, thread };
}

/** Waits until nobody has the routing id any more. */
async function unroutable(router: Router, id: Buffer): Promise<void> {
  await until(async () => {
    try {
      await router.send([id, 'are you there?']);
      return false;
    } catch (error) {
      expect(error).toMatchObject({ code: 'EHOSTUNREACH' });
      return true;
    }
  }, 'the peer to be gone');
}

describe('inproc between threads', () => {
  it('serves REQ and REP, whichever side is bound in which thread', async () => {
    const endpoint = fresh();
    await echo(endpoint);
    const req = closing(new Request());
    req.connect(endpoint);
    for (let i = 0; i < 200; i++) {
      await req.send([`question ${i}`, '', 'more']);
      expect(texts(await req.receive())).toEqual([`question ${i}`, '', 'more']);
    }
    const rep = closing(new Reply());
    const own = fresh();
    await rep.bind(own);
    const asking = new Thread(`
      const req = new zscale.Request();
      req.connect('${own}');
      for (let i = 0; i < 200; i++) {
        await req.send(String(i));
        const [answer] = await req.receive();
        if (String(answer) !== i + '!') throw new Error('got ' + answer);
      }
      say('done');
    `);
    for (let i = 0; i < 200; i++) {
      expect(texts(await rep.receive())).toEqual([String(i)]);
      await rep.send(`${i}!`);
    }
    await asking.says('done');
    await asking.ended();
  });

  it('keeps the order of 100000 messages of all sizes between DEALER and ROUTER, and back', async () => {
    const count = 100_000;
    const { router } = await called(
      {},
      (endpoint) => `
      const dealer = new zscale.Dealer();
      dealer.connect('${endpoint}');
      await dealer.send('hello');
      const fill = Buffer.alloc(300, 7);
      const receiving = (async () => {
        for (let i = 0; i < ${count}; i++) {
          const [number] = await dealer.receive();
          if (Number(number) !== i) throw new Error(i + ' came as ' + number);
        }
        say('all came back');
      })();
      for (let i = 0; i < ${count}; i++) {
        await dealer.send([String(i), fill.subarray(0, i % 300)]);
      }
      await receiving;
    `,
    );
    for (let i = 0; i < count; i++) {
      const [id, number, fill] = await router.receive();
      if (Number(number) !== i || fill?.length !== i % 300) expect(String(number)).toBe(String(i));
      await router.send([id ?? '', String(i)]);
    }
  }, 60_000);

  it.each([
    ['the connecter', 'before'],
    ['the binder', 'after'],
  ])('%s may be first: what was sent waits for the bind', async (_who, order) => {
    const endpoint = fresh();
    const dealer = closing(new Dealer());
    const binding = (): Thread =>
      new Thread(`
        const dealer = new zscale.Dealer();
        await dealer.bind('${endpoint}');
        say('bound');
        for (let i = 0; i < 10; i++) say(String(await dealer.receive()));
      `);
    let thread = order === 'after' ? binding() : undefined;
    await thread?.says('bound');
    dealer.connect(endpoint);
    for (let i = 0; i < 10; i++) await dealer.send(String(i));
    thread ??= binding();
    await thread.ended();
    expect(thread.said).toEqual(['bound', ...Array.from({ length: 10 }, (_, i) => String(i))]);
  });

  it('carries messages of any form: empty, many frames, small beside large, larger than the memory between', async () => {
    const endpoint = fresh();
    await echo(endpoint);
    const req = closing(new Request());
    req.connect(endpoint);
    const sizes = [
      [0],
      [0, 0, 0],
      Array.from({ length: 20_000 }, (_, i) => i % 3),
      [8_179],
      [8_180],
      [8_181],
      [1, 65_527, 2],
      [65_536, 0, 70_000],
      Array.from({ length: 40 }, () => 30_000),
      [5, 20_000_000, 5],
    ];
    for (const lengths of sizes) {
      const message = lengths.map((length, i) => Buffer.alloc(length, i + 1));
      await req.send(message);
      const answer = await req.receive();
      expect(answer.length).toBe(message.length);
      expect(answer.every((frame, i) => frame.equals(message[i] ?? Buffer.alloc(0)))).toBe(true);
    }
  });

  it('hands a large body that lies in shared memory over as it is, without a copy', async () => {
    const { router, id, thread } = await called(
      {},
      (endpoint) => `
      const dealer = new zscale.Dealer();
      dealer.connect('${endpoint}');
      await dealer.send('hello');
      const shared = Buffer.from(new SharedArrayBuffer(100_000));
      await dealer.send(['shared', shared.subarray(0, 90_000)]);
      await dealer.receive();
      shared.write('written later');
      say('written');
      await dealer.receive();
    `,
    );
    const [, , body] = await router.receive();
    expect(body).toHaveLength(90_000);
    expect(body?.[0]).toBe(0);
    await router.send([id, 'go on']);
    await thread.says('written');
    expect(body?.toString('latin1', 0, 13)).toBe('written later');
  });

  it('tells each peer what the other is: type, routing id, metadata', async () => {
    const { router, id } = await called(
      { metadata: { 'X-Of': 'router' } },
      (endpoint) => `
      const dealer = new zscale.Dealer({ routingId: 'name', metadata: { 'X-Of': 'dealer' } });
      dealer.connect('${endpoint}');
      await dealer.send('hello');
      await dealer.receive();
    `,
    );
    expect(String(id)).toBe('name');
    const peer = router.peerInfo(id);
    expect(peer).toMatchObject({
      socketType: 'DEALER',
      version: '3.1',
      address: router.lastEndpoint,
    });
    expect([...(peer?.metadata ?? [])].map(([name, value]) => [name, String(value)])).toEqual([
      ['Socket-Type', 'DEALER'],
      ['Identity', 'name'],
      ['X-Of', 'dealer'],
    ]);
    expect([...(peer?.metadata.values() ?? [])].every(Buffer.isBuffer)).toBe(true);
  });

  it('refuses a peer of a type that does not fit, tells both sides, and gives it up', async () => {
    const endpoint = fresh();
    const rep = closing(new Reply());
    const events = recordEvents(rep);
    await rep.bind(endpoint);
    const thread = new Thread(`
      const rep = new zscale.Reply();
      rep.events.on('handshake:error:protocol', ({ error }) => say(error.code));
      rep.connect('${endpoint}');
      await hear();
    `);
    await thread.says('ERR_ZMTP_INVALID_METADATA');
    await until(() => countOf(events, 'handshake:error:protocol') === 1);
  });

  it('prefers the binder of its own thread', async () => {
    const endpoint = fresh();
    const thread = new Thread(`
      const dealer = new zscale.Dealer();
      dealer.bindSync('${endpoint}');
      say('bound');
      say(String(await dealer.receive()));
    `);
    await thread.says('bound');
    const binder = closing(new Dealer());
    binder.bindSync(endpoint); // which does not ask the others
    const connecter = closing(new Dealer());
    connecter.connect(endpoint);
    await connecter.send('near');
    expect(texts(await binder.receive())).toEqual(['near']);
    expect(thread.said).toEqual(['bound']);
  });

  it('does not reach into contexts that a program made itself', async () => {
    const endpoint = fresh();
    await echo(endpoint);
    const context = new Context();
    const own = closing(new Reply({ context }));
    await own.bind(endpoint); // the name is free there
    const other = closing(new Request({ context: new Context() }));
    other.connect(endpoint);
    await other.send('anybody?');
    await otherTraffic(20);
    expect(own.readable || other.readable).toBe(false);
  });
});

describe('inproc names between threads', () => {
  it('are bound once: EADDRINUSE when another thread has the name, until it lets go of it', async () => {
    const endpoint = fresh();
    const thread = new Thread(`
      const dealer = new zscale.Dealer();
      await dealer.bind('${endpoint}');
      say('bound');
      await hear();
      await dealer.unbind('${endpoint}');
      say('unbound');
      await hear();
    `);
    await thread.says('bound');
    const dealer = closing(new Dealer());
    await expect(dealer.bind(endpoint)).rejects.toMatchObject({
      code: 'EADDRINUSE',
      address: endpoint,
    });
    thread.tell('unbind');
    await thread.says('unbound');
    await dealer.bind(endpoint);
    const late = new Thread(`
      const dealer = new zscale.Dealer();
      await dealer.bind('${endpoint}').catch((error) => say(error.code));
    `);
    await late.says('EADDRINUSE');
  });

  it('are given to one of those who ask at the same time', async () => {
    const endpoint = fresh();
    const threads = Array.from(
      { length: 3 },
      () =>
        new Thread(`
          const known = new zscale.Dealer();
          await known.bind('inproc://known-' + Math.random());
          say('ready');
          await hear();
          const dealer = new zscale.Dealer();
          await dealer.bind('${endpoint}').then(() => say('bound'), (error) => say(error.code));
          await hear();
        `),
    );
    for (const thread of threads) await thread.says('ready');
    for (const thread of threads) thread.tell('now');
    await until(() => threads.every(({ said }) => said.length === 2));
    expect(threads.map(({ said }) => said[1]).sort()).toEqual([
      'EADDRINUSE',
      'EADDRINUSE',
      'bound',
    ]);
  });

  it('are free again when the thread that had them was terminated', async () => {
    const endpoint = fresh();
    const thread = await echo(endpoint);
    await thread.close();
    await closing(new Dealer()).bind(endpoint);
  });
});

describe('inproc high-water marks between threads', () => {
  it.each([
    [10, 10, 20],
    [5, 20, 25],
    [1, 1, 2],
  ])(
    'are added: %i and %i hold %i, then the sender waits; reading lets it go on',
    async (sendHighWaterMark, receiveHighWaterMark, sum) => {
      const { router, thread } = await waiting(
        { receiveHighWaterMark },
        { sendHighWaterMark },
        `for (let i = 0; i < 1000; i++) {
          await dealer.send(String(i));
          say(i);
        }`,
      );
      await thread.says(sum - 1);
      await otherTraffic(50);
      expect(thread.said).toHaveLength(sum);
      for (let i = 0; i < 1000; i++) {
        const [, number] = await router.receive();
        expect(String(number)).toBe(String(i));
      }
      await thread.says(999);
    },
  );

  it('of 0 are none, and what the memory between the threads does not take waits with the sender', async () => {
    const { router, thread } = await called(
      { receiveHighWaterMark: 0 },
      (endpoint) => `
        const dealer = new zscale.Dealer({ sendHighWaterMark: 0, sendTimeout: 0 });
        dealer.connect('${endpoint}');
        await dealer.send('hello');
        const body = Buffer.alloc(8_000);
        for (let i = 0; i < 500; i++) {
          body.writeUInt32BE(i);
          await dealer.send(Buffer.from(body));
        }
        say('sent');
        await hear();
      `,
    );
    await thread.says('sent');
    for (let i = 0; i < 500; i++) {
      const [, body] = await router.receive();
      expect(body?.readUInt32BE()).toBe(i);
    }
  });

  it('changed on a live socket hold for its connections', async () => {
    const { router, thread } = await waiting(
      { receiveHighWaterMark: 2 },
      { sendHighWaterMark: 2 },
      `for (let i = 0; i < 100; i++) {
        await dealer.send(String(i));
        say(i);
      }`,
    );
    await thread.says(3);
    router.receiveHighWaterMark = 20;
    await thread.says(21);
    await otherTraffic(20);
    expect(thread.said).toHaveLength(22);
    router.receiveHighWaterMark = 1;
    for (let i = 0; i < 100; i++) expect(String((await router.receive())[1])).toBe(String(i));
    await thread.says(99);
  });

  it('let a slow reader set the pace: a sender never gets further ahead than the marks', async () => {
    const { router, thread } = await called(
      { receiveHighWaterMark: 8 },
      (endpoint) => `
        const dealer = new zscale.Dealer({ sendHighWaterMark: 8 });
        dealer.connect('${endpoint}');
        await dealer.send('hello');
        const progress = new Int32Array(new SharedArrayBuffer(4));
        say(progress);
        for (let i = 0; i < 3000; i++) {
          await dealer.send(String(i));
          progress[0] = i + 1;
        }
      `,
    );
    await until(() => thread.said.length > 0);
    const progress = thread.said[0] as Int32Array; // it says nothing else
    for (let i = 0; i < 3000; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(progress[0]).toBeLessThanOrEqual(i + 16);
      expect(String((await router.receive())[1])).toBe(String(i));
    }
  });
});

describe('the end of a thread', () => {
  const HELLO = (endpoint: string): string => `
    const dealer = new zscale.Dealer({ sendHighWaterMark: 0 });
    dealer.connect('${endpoint}');
    await dealer.send('hello');
    await hear();
  `;

  it.each([
    ['that closes its socket', "await dealer.send('last'); dealer.close(); await hear();", true],
    ['that has nothing more to do', "await dealer.send('last');", true],
    ['that calls process.exit()', "await dealer.send('last'); process.exit(0);", true],
    ['that meets an error', "await dealer.send('last'); throw new Error('on purpose');", true],
    ['that waits for messages and is terminated', 'await dealer.receive();', false],
    ['that computes without end and is terminated', 'for (;;);', false],
  ])('%s ends its connections, and what it had sent is read', async (_how, doing, speaks) => {
    const { router, id, thread } = await called({}, (endpoint) => HELLO(endpoint) + doing);
    thread.tell('go on');
    if (speaks) expect(String((await router.receive())[1])).toBe('last');
    else await thread.close();
    await unroutable(router, id);
  });

  it('waits until everything is sent, also what was sent before anybody was found', async () => {
    const endpoint = fresh();
    const router = closing(new Router());
    await router.bind(endpoint);
    const thread = new Thread(`
      const dealer = new zscale.Dealer();
      dealer.connect('${endpoint}');
      await dealer.send('at once');
    `);
    expect(String((await router.receive())[1])).toBe('at once');
    await thread.ended();
  });

  it('waits for a listener whose thread gets to it only now and then', async () => {
    const busy = setInterval(() => {
      const over = performance.now() + 50;
      while (performance.now() < over);
    }, 0);
    try {
      const { router, thread } = await called(
        {},
        (endpoint) => `
        const dealer = new zscale.Dealer();
        dealer.connect('${endpoint}');
        await dealer.send('hello');
        await dealer.send('and goodbye');
      `,
      );
      expect(String((await router.receive())[1])).toBe('and goodbye');
      await thread.ended();
    } finally {
      clearInterval(busy);
    }
  });

  it('that closes a socket waits until everything is sent, as linger says', async () => {
    const { router, thread } = await called(
      { receiveHighWaterMark: 3 },
      (endpoint) => `
      const dealer = new zscale.Dealer({ sendHighWaterMark: 0 });
      dealer.connect('${endpoint}');
      await dealer.send('hello');
      for (let i = 0; i < 1000; i++) await dealer.send([String(i), Buffer.alloc(10_000)]);
      dealer.close();
      say('closed');
    `,
    );
    await thread.says('closed');
    for (let i = 0; i < 1000; i++) expect(String((await router.receive())[1])).toBe(String(i));
    await thread.ended();
  });

  it('that closes a socket with a linger of 30 ms does not wait for a reader for ever', async () => {
    const { router, thread } = await called(
      { receiveHighWaterMark: 3 },
      (endpoint) => `
      const dealer = new zscale.Dealer({ sendHighWaterMark: 0, linger: 30 });
      dealer.connect('${endpoint}');
      await dealer.send('hello');
      for (let i = 0; i < 100; i++) await dealer.send(String(i));
      await new Promise((resolve) => setImmediate(resolve));
      dealer.close();
      await dealer.ended;
      say('ended');
    `,
    );
    await thread.says('ended');
    let got = 0;
    while (router.readable) {
      router.tryReceive();
      got += 1;
    }
    expect(got).toBeLessThan(100);
  });

  it('wakes a sender that waits for room, and ends its connection', async () => {
    const endpoint = fresh();
    const thread = new Thread(`
      const dealer = new zscale.Dealer({ receiveHighWaterMark: 1 });
      await dealer.bind('${endpoint}');
      say('bound');
      await hear();
    `);
    await thread.says('bound');
    const dealer = closing(new Dealer({ sendHighWaterMark: 1 }));
    dealer.connect(endpoint);
    await dealer.send('1');
    await dealer.send('2');
    const waiting = dealer.send('3');
    await thread.close();
    dealer.connect(endpoint); // as soon as the first connection is over, this is a new one
    await until(() => {
      dealer.connect(endpoint);
      return dealer.unsent.callers === 0;
    }, 'the waiting message to go to the next connection');
    await waiting;
    const next = closing(new Dealer());
    await next.bind(endpoint);
    expect(texts(await next.receive())).toEqual(['3']);
  });

  it('brings nobody back: the next binder of the name is reached by the next connect', async () => {
    const endpoint = fresh();
    const first = await echo(endpoint);
    const req = closing(new Dealer());
    req.connect(endpoint);
    await req.send(['', 'x']);
    await req.receive();
    await first.close();
    await until(() => !req.writable, 'the connection to end');
    await echo(endpoint);
    req.connect(endpoint);
    await req.send(['', 'y']);
    expect(texts(await req.receive())).toEqual(['', 'y']);
  });

  it('is not assumed of a thread that is merely busy', async () => {
    const { router, id, thread } = await called(
      {},
      (endpoint) => `
      ${HELLO(endpoint)}
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500);
      const [message] = await dealer.receive();
      await dealer.send('got ' + message);
      await hear();
    `,
    );
    thread.tell('be busy');
    await router.send([id, 'meanwhile']);
    expect(String((await router.receive())[1])).toBe('got meanwhile');
  });

  it.each([
    ['a word, and computes for a while before it ends', 'hello', 100],
    ['32 MiB', 'x'.repeat(1024), 0],
  ])('that has sent %s, is held until it is handed over', async (what, body, busy) => {
    const endpoint = fresh();
    const router = closing(new Router());
    await router.bind(endpoint);
    const thread = new Thread(`
      const dealer = new zscale.Dealer();
      dealer.connect('${endpoint}');
      await dealer.send('${body}'.repeat(${what === '32 MiB' ? 32 * 1024 : 1}));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${busy});
      dealer.close();
    `);
    const [, message] = await router.receive();
    expect(message?.length).toBe(what === '32 MiB' ? 32 * 1024 * 1024 : body.length);
    await thread.ended();
  });

  it('is not held off by open sockets, nor by what nobody will ever read', async () => {
    const endpoint = fresh();
    const thread = new Thread(`
      const a = new zscale.Dealer();
      await a.bind('${endpoint}');
      const b = new zscale.Dealer();
      b.connect('inproc://nobody-has-this');
      await b.send('never read');
      say('done');
    `);
    await thread.says('done');
    await thread.ended();
    const program = new Program(
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        `
          import { Dealer } from '@zscale/transport';
          const [a, b, c] = [new Dealer(), new Dealer(), new Dealer()];
          await a.bind('inproc://x');
          b.connect('inproc://x');
          await b.send('never read');
          c.connect('inproc://nobody');
          await c.send('never sent');
          c.close();
        `,
      ],
      { cwd: ROOT },
    );
    expect(await program.end()).toMatchObject({ exitCode: 0, stderr: '' });
  });
});

describe('threads that the main thread knows nothing of', () => {
  it.each(process.platform === 'linux' ? ['close', 'terminate'] : ['close'])(
    'talk to each other, and notice the end of the other: %s',
    async (how) => {
      const child = spawn(process.execPath, [fixture('threads/siblings.mjs'), how], {
        cwd: ROOT,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      closing({ close: () => child.kill('SIGKILL') });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk;
      });
      expect(await once(child, 'close')).toEqual([0, null]);
      expect(output).toBe('answer to early\nis called\nEHOSTUNREACH\n');
    },
  );
});

describe('what connections between threads leave behind', () => {
  it('is nothing, after 200 of them', async () => {
    const endpoint = fresh();
    const rep = closing(new Reply());
    await rep.bind(endpoint);
    const serving = (async () => {
      for await (const message of rep) await rep.send(message);
    })();
    const thread = new Thread(`
      for (let round = 0; round < 4; round++) {
        for (let i = 0; i < 50; i++) {
          const req = new zscale.Request();
          req.connect('${endpoint}');
          await req.send('x'.repeat(1 + (i % 2) * 100_000));
          await req.receive();
          req.close();
          await req.ended;
        }
        say(round);
      }
      await hear();
    `);
    await thread.says(3);
    // The collector runs first; what is left is held by somebody. Those of earlier tests may still be ending.
    await until(
      () => queryObjects(ThreadLink, { format: 'count' }) < 20,
      () => `${queryObjects(ThreadLink, { format: 'count' })} connections to be forgotten`,
    );
    rep.close();
    await serving;
  });
});
