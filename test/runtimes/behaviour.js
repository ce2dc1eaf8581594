/*
 * The transport's behaviour, as a program that any JavaScript runtime can run: it needs no test runner, only what
 * `tsc --build` left in dist. Each behaviour prints one JSON line, { name, ok, error?, ms }; the exit code is 1 when one failed.
 *
 *   node test/runtimes/behaviour.js [part of a name]
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import * as draft from '../../packages/transport/dist/draft.js';
import * as zmq from '../../packages/transport/dist/index.js';

/** A behaviour that takes longer than this hangs. */
const LIMIT_MS = 30_000;

const folder = mkdtempSync(join(tmpdir(), 'zscale-runtime-'));
let names = 0;
const ipc = () => `ipc://${join(folder, `${++names}.sock`)}`;
const inproc = () => `inproc://${++names}`;
const WHERE = { tcp: () => 'tcp://127.0.0.1:*', ipc, inproc };

/** What the running behaviour opened. */
let open = [];
const socket = (Type, options = {}) => {
  const made = new Type({ linger: 0, ...options });
  open.push(made);
  return made;
};
const bound = async (made, endpoint) => {
  await made.bind(endpoint);
  return made.lastEndpoint;
};
const texts = (message) => message.map(String);
const until = async (condition) => {
  while (!condition()) await delay(2);
};
const rejects = (promise, code) => assert.rejects(promise, (error) => error.code === code);

const behaviours = [];
const behaviour = (name, run) => behaviours.push({ name, run });
const overEach = (name, run) => {
  for (const [transport, where] of Object.entries(WHERE))
    behaviour(`${name} (${transport})`, () => run(where));
};

overEach('REQ asks and REP answers, with frames of all sizes', async (where) => {
  const reply = socket(zmq.Reply);
  const request = socket(zmq.Request);
  request.connect(await bound(reply, where()));
  for (const body of [['a'], ['', 'b', ''], ['x'.repeat(300), 'y'.repeat(100_000)]]) {
    await request.send(body);
    assert.deepEqual(texts(await reply.receive()), body);
    await reply.send(body);
    assert.deepEqual(texts(await request.receive()), body);
  }
});

overEach('DEALER and ROUTER keep the order of 20,000 messages, both ways', async (where) => {
  const router = socket(zmq.Router);
  const dealer = socket(zmq.Dealer, { routingId: 'me' });
  dealer.connect(await bound(router, where()));
  const count = 20_000;
  const asking = (async () => {
    for (let i = 0; i < count; i++) await dealer.send(String(i));
  })();
  const answering = (async () => {
    for (let i = 0; i < count; i++) {
      const [id, body] = await router.receive();
      assert.equal(String(id), 'me');
      await router.send([id, body]);
    }
  })();
  for (let i = 0; i < count; i++) assert.equal(String((await dealer.receive())[0]), String(i));
  await Promise.all([asking, answering]);
});

overEach('PUB sends to those whose prefix matches', async (where) => {
  const publisher = socket(zmq.XPublisher);
  const subscriber = socket(zmq.Subscriber);
  subscriber.subscribe('goal');
  subscriber.connect(await bound(publisher, where()));
  assert.deepEqual(texts(await publisher.receive()), ['\u0001goal']);
  await publisher.send('foul by 4');
  await publisher.send('goal by 9');
  assert.deepEqual(texts(await subscriber.receive()), ['goal by 9']);
});

overEach('PUSH deals to PULLs in turn, and waits at the high-water mark', async (where) => {
  const push = socket(zmq.Push, { sendHighWaterMark: 2, sendTimeout: 0 });
  await rejects(push.send('nobody'), 'EAGAIN');
  push.sendTimeout = -1;
  const endpoint = await bound(push, where());
  const pulls = [socket(zmq.Pull), socket(zmq.Pull)];
  for (const pull of pulls) pull.connect(endpoint);
  await until(() => push.writable);
  await delay(50); // both are there: what each gets is not the question here
  for (let i = 0; i < 100; i++) await push.send(String(i));
  const got = [];
  const reading = pulls.map(async (pull) => {
    while (got.length < 100) got.push(Number((await pull.receive())[0]));
  });
  await until(() => got.length === 100);
  assert.deepEqual(
    got.sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, i) => i),
  );
  for (const pull of pulls) pull.close();
  await Promise.allSettled(reading);
});

overEach('PAIR talks both ways', async (where) => {
  const one = socket(zmq.Pair);
  const two = socket(zmq.Pair);
  two.connect(await bound(one, where()));
  await one.send('a');
  await two.send('b');
  assert.deepEqual([texts(await two.receive()), texts(await one.receive())], [['a'], ['b']]);
});

overEach('connects before it binds, and sends then what waited', async (where) => {
  const endpoint = where().replace('*', String(await freePort()));
  const push = socket(zmq.Push, { reconnectInterval: 10 });
  push.connect(endpoint);
  for (let i = 0; i < 10; i++) await push.send(String(i));
  const pull = socket(zmq.Pull);
  await pull.bind(endpoint);
  for (let i = 0; i < 10; i++) assert.equal(String((await pull.receive())[0]), String(i));
});

overEach('iterates until it is closed', async (where) => {
  const pull = socket(zmq.Pull);
  const push = socket(zmq.Push);
  push.connect(await bound(pull, where()));
  await push.send('last');
  for await (const [text] of pull) {
    assert.equal(String(text), 'last');
    pull.close();
  }
  await rejects(pull.receive(), 'EBADF');
});

overEach('passes a message of 100 MiB and one of 10,000 frames', async (where) => {
  const pull = socket(zmq.Pull);
  const push = socket(zmq.Push);
  push.connect(await bound(pull, where()));
  const large = Buffer.alloc(100 * 1024 * 1024, 'zscale');
  await push.send(large);
  const [got] = await pull.receive();
  assert.equal(hash(got), hash(large));
  await push.send(Array.from({ length: 10_000 }, (_, i) => String(i)));
  assert.equal((await pull.receive()).length, 10_000);
});

overEach('drafts: CLIENT and SERVER, RADIO and DISH', async (where) => {
  const server = socket(draft.Server);
  const client = socket(draft.Client);
  client.connect(await bound(server, where()));
  await client.send('hello');
  const [hello, { routingId }] = await server.receive();
  assert.equal(String(hello), 'hello');
  await server.send('world', { routingId });
  assert.equal(String((await client.receive())[0]), 'world');
  const radio = socket(draft.Radio);
  const dish = socket(draft.Dish);
  dish.join('news');
  dish.connect(await bound(radio, where()));
  const heard = dish.receive();
  let done = false;
  heard.then(() => {
    done = true;
  });
  while (!done) {
    await radio.send('x', { group: 'news' });
    await delay(2);
  }
  assert.equal(String((await heard)[0]), 'x');
});

for (const transport of ['tcp', 'ipc']) {
  behaviour(`reconnects, and sends what was queued meanwhile (${transport})`, async () => {
    const endpoint = WHERE[transport]().replace('*', String(await freePort()));
    const push = socket(zmq.Push, { reconnectInterval: 10 });
    push.connect(endpoint);
    for (let round = 0; round < 3; round++) {
      const pull = socket(zmq.Pull);
      await pull.bind(endpoint);
      await push.send(`round ${round}`);
      assert.equal(String((await pull.receive())[0]), `round ${round}`);
      const lost = new Promise((resolve) => push.events.on('disconnect', resolve));
      pull.close();
      await lost;
      await pull.ended;
    }
  });

  behaviour(`CURVE lets in who has the keys, and nobody else (${transport})`, async () => {
    const keys = zmq.curveKeyPair();
    const own = zmq.curveKeyPair();
    const reply = socket(zmq.Reply, { curveServer: true, curveSecretKey: keys.secretKey });
    const endpoint = await bound(reply, WHERE[transport]());
    const knowing = {
      curveServerKey: keys.publicKey,
      curvePublicKey: own.publicKey,
      curveSecretKey: own.secretKey,
    };
    const request = socket(zmq.Request, knowing);
    request.connect(endpoint);
    await request.send('secret');
    assert.deepEqual(texts(await reply.receive()), ['secret']);
    await reply.send('answer');
    assert.deepEqual(texts(await request.receive()), ['answer']);
    const stranger = socket(zmq.Request, { ...knowing, curveServerKey: own.publicKey });
    const refused = new Promise((resolve) => stranger.events.on('disconnect', resolve));
    stranger.connect(endpoint);
    await refused;
  });

  behaviour(`PLAIN asks a ZAP handler (${transport})`, async () => {
    const context = new zmq.Context();
    const handler = socket(zmq.Reply, { context });
    await handler.bind('inproc://zeromq.zap.01');
    const asked = (async () => {
      for await (const [version, id, , , , , user] of handler)
        await handler.send([version, id, String(user) === 'admin' ? '200' : '400', '', '', '']);
    })();
    const reply = socket(zmq.Reply, { context, plainServer: true, zapDomain: 'x' });
    const endpoint = await bound(reply, WHERE[transport]());
    const request = socket(zmq.Request, { plainUsername: 'admin', plainPassword: 'x' });
    request.connect(endpoint);
    await request.send('hello');
    assert.deepEqual(texts(await reply.receive()), ['hello']);
    const stranger = socket(zmq.Request, { plainUsername: 'eve', plainPassword: 'x' });
    const refused = new Promise((resolve) => stranger.events.on('disconnect', resolve));
    stranger.connect(endpoint);
    await refused;
    handler.close();
    await asked;
  });
}

behaviour('heartbeats end a connection whose peer is silent', async () => {
  const silent = createServer((each) => each.on('error', () => {}));
  await new Promise((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const dealer = socket(zmq.Dealer, { handshakeInterval: 100, reconnectInterval: -1 });
  const ended = new Promise((resolve) => dealer.events.on('disconnect', resolve));
  dealer.connect(`tcp://127.0.0.1:${silent.address().port}`);
  await ended;
  silent.close();
});

behaviour('STREAM speaks with a plain TCP client', async () => {
  const stream = socket(zmq.Stream);
  const endpoint = await bound(stream, 'tcp://127.0.0.1:*');
  const client = connect(Number(endpoint.split(':').at(-1)), '127.0.0.1');
  const [id, empty] = await stream.receive();
  assert.equal(empty.length, 0);
  client.write('ping');
  assert.deepEqual(texts((await stream.receive()).slice(1)), ['ping']);
  const heard = new Promise((resolve) => client.once('data', resolve));
  await stream.send([id, 'pong']);
  assert.equal(String(await heard), 'pong');
  client.destroy();
  assert.equal((await stream.receive())[1].length, 0);
});

behaviour('a QUEUE passes requests and replies through', async () => {
  const router = socket(zmq.Router);
  const dealer = socket(zmq.Dealer);
  const front = await bound(router, 'tcp://127.0.0.1:*');
  const back = await bound(dealer, ipc());
  const proxy = new zmq.Proxy(router, dealer);
  const running = proxy.run();
  const reply = socket(zmq.Reply);
  reply.connect(back);
  const serving = (async () => {
    for await (const [text] of reply) await reply.send(`${text}!`);
  })();
  const request = socket(zmq.Request);
  request.connect(front);
  for (let i = 0; i < 100; i++) {
    await request.send(String(i));
    assert.deepEqual(texts(await request.receive()), [`${i}!`]);
  }
  proxy.terminate();
  await running;
  reply.close();
  await serving;
});

behaviour('inproc crosses threads, and a thread that ends is gone for its peers', async () => {
  const endpoint = `inproc://threads-${++names}`;
  const router = socket(zmq.Router, { mandatory: true });
  await router.bind(endpoint);
  const worker = new Worker(new URL('./thread.js', import.meta.url), { workerData: { endpoint } });
  for (let i = 0; i < 10_000; i++) {
    const [id, body] = await router.receive();
    assert.deepEqual(texts([id, body]), ['thread', String(i)]);
  }
  await router.send(['thread', 'still there']);
  await worker.terminate();
  const tell = () =>
    router.send(['thread', 'x']).then(
      () => false,
      (error) => error.code === 'EHOSTUNREACH',
    );
  while (!(await tell())) await delay(5);
});

behaviour('refuses what cannot be: endpoints, types, options', async () => {
  const dealer = socket(zmq.Dealer);
  await rejects(dealer.bind('tcp://127.0.0.1'), 'EINVAL');
  await rejects(dealer.bind('foo://x'), 'EPROTONOSUPPORT');
  await rejects(dealer.bind('tcp://nosuchif:*'), 'ENODEV');
  assert.throws(() => dealer.connect('tcp://*:1'), { code: 'EINVAL' });
  assert.throws(() => new zmq.Dealer({ nope: 1 }), TypeError);
  const endpoint = await bound(dealer, 'tcp://127.0.0.1:*');
  await rejects(socket(zmq.Dealer).bind(endpoint), 'EADDRINUSE');
});

behaviour('a peer that speaks nonsense loses its own connection only', async () => {
  const reply = socket(zmq.Reply);
  const endpoint = await bound(reply, 'tcp://127.0.0.1:*');
  const liar = connect(Number(endpoint.split(':').at(-1)), '127.0.0.1');
  liar.on('error', () => {}).resume();
  liar.write('GET / HTTP/1.1\r\n\r\n');
  await new Promise((resolve) => liar.once('close', resolve));
  const request = socket(zmq.Request);
  request.connect(endpoint);
  await request.send('x');
  assert.deepEqual(texts(await reply.receive()), ['x']);
});

const hash = (bytes) => createHash('sha256').update(bytes).digest('hex');

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

// Sockets do not hold a process by themselves.
const holding = setInterval(() => {}, 1000);
const wanted = process.argv[2] ?? '';
let failed = false;
for (const { name, run } of behaviours) {
  if (!name.includes(wanted)) continue;
  const start = performance.now();
  let error;
  try {
    await Promise.race([
      run(),
      delay(LIMIT_MS, undefined, { ref: false }).then(() => {
        throw new Error(`not done within ${LIMIT_MS} ms`);
      }),
    ]);
  } catch (caught) {
    error = String(caught?.stack ?? caught);
    failed = true;
  }
  for (const each of open) each.close();
  open = [];
  const ms = Math.round(performance.now() - start);
  console.log(JSON.stringify({ name, ok: error === undefined, ms, error }));
}
clearInterval(holding);
rmSync(folder, { recursive: true, force: true });
process.exitCode = failed ? 1 : 0;
// Whatever a failed behaviour left waiting must not keep the run from ending.
if (failed) process.exit(1);
