/**
 * CURVE (RFC 26) without a connection: whatever is changed in a command is found out, whoever has the keys can still not make us
 * throw anything but a ProtocolError, counters only rise, and no error shows a secret.
 *
 * All keys and random bytes come from the seed, so a run is the same each time.
 */

import { deepStrictEqual, strictEqual } from 'node:assert';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import {
  boxKey,
  open,
  publicKeyOf,
  seal,
} from '../../../packages/transport/src/mechanisms/curve/boxes.ts';
import {
  decodeWelcome,
  encodeHello,
  encodeInitiate,
  encodeLongBox,
  encodeReady,
  encodeWelcome,
} from '../../../packages/transport/src/mechanisms/curve/commands.ts';
import { CurveClient } from '../../../packages/transport/src/mechanisms/curve/curve-client.ts';
import { CurveServer } from '../../../packages/transport/src/mechanisms/curve/curve-server.ts';
import { CurveTraffic } from '../../../packages/transport/src/mechanisms/curve/curve-traffic.ts';
import {
  MESSAGE_C_NONCE,
  nonceOf,
  OwnCounter,
  PeerCounter,
  VOUCH_NONCE,
} from '../../../packages/transport/src/mechanisms/curve/nonces.ts';
import type {
  Mechanism,
  MechanismOutput,
  MechanismSetup,
} from '../../../packages/transport/src/mechanisms/mechanism.ts';
import { resolveSocketOptions } from '../../../packages/transport/src/options.ts';
import { body, bytes, mutated } from '../bytes.ts';
import { checkDiscretion, checkProtocolError } from '../faults.ts';
import { ok } from '../ok.ts';
import type { FuzzTarget } from '../target.ts';
import { commandBody, properties } from '../wire.ts';

const KEY_BYTES = 32;
const METADATA = properties([['Socket-Type', Buffer.from('DEALER')]]);

const change = fc.oneof(
  fc.record({
    kind: fc.constant('flip' as const),
    offset: fc.nat(400),
    xor: fc.integer({ min: 1, max: 255 }),
  }),
  // The bit of the key in HELLO that X25519 ignores: the same boxes open with it.
  fc.record({
    kind: fc.constant('flip' as const),
    offset: fc.constant(111),
    xor: fc.constant(0x80),
  }),
  fc.record({
    kind: fc.constant('insert' as const),
    offset: fc.nat(400),
    bytes: bytes(20).filter((each) => each.length > 0),
  }),
  fc.record({
    kind: fc.constant('delete' as const),
    offset: fc.nat(400),
    count: fc.integer({ min: 1, max: 50 }),
  }),
  fc.record({ kind: fc.constant('truncate' as const), offset: fc.nat(400) }),
  fc.record({ kind: fc.constant('replace' as const), bytes: bytes(260) }),
);

type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

/** One side of a handshake, and what it said and learned. */
class Side implements MechanismOutput {
  readonly mechanism: Mechanism;
  readonly sent: Buffer[] = [];
  isReady = false;
  error: Error | undefined = undefined;

  constructor(make: (output: MechanismOutput, setup: MechanismSetup) => Mechanism) {
    this.mechanism = make(this, {
      options: resolveSocketOptions({}, { options: [] }),
      metadata: METADATA,
      authenticator: { present: false, ask: () => () => {} },
      peerAddress: '10.0.0.7',
    });
  }

  sendCommand(command: Buffer): void {
    this.sent.push(Buffer.from(command));
  }

  ready(): void {
    ok(!this.isReady && this.error === undefined, 'ready once, and not after a failure');
    this.isReady = true;
  }

  fail(error: Error): void {
    ok(this.error === undefined, 'fails once');
    this.error = error;
  }

  /** As a connection: what is thrown ends it. */
  receive(command: Buffer): void {
    if (this.error !== undefined) return;
    try {
      this.mechanism.receiveCommand(command);
    } catch (error) {
      checkProtocolError(error);
      this.fail(error);
      this.mechanism.close();
    }
  }
}

const tampering = fc.record({
  seed: fc.nat(1000),
  /** HELLO, WELCOME, INITIATE, READY. */
  at: fc.nat(3),
  change,
});

export const curveHandshake: FuzzTarget = {
  name: 'curve-handshake',
  promise: 'never is ready after any command of the handshake was changed, and shows no key',
  runs: 60,
  property: fc.property(tampering, ({ seed, at, change: how }) => {
    const random = randomSource(seed);
    const { server: serverKeys, client: clientKeys } = longTermKeys(random);
    const secrets = [serverKeys.secretKey, clientKeys.secretKey].map((key) => Buffer.from(key));
    const drawn: Buffer[] = [];
    const keep = (size: number): Buffer => {
      const made = random(size);
      if (size === KEY_BYTES) drawn.push(Buffer.from(made));
      return made;
    };
    const client = new Side(
      (output, setup) =>
        new CurveClient(
          output,
          setup,
          { ...clientKeys, serverKey: Buffer.from(serverKeys.publicKey) },
          keep,
        ),
    );
    const server = new Side((output, setup) => new CurveServer(output, setup, serverKeys, keep));
    client.mechanism.start();
    server.mechanism.start();
    let victim: Side | undefined;
    for (let i = 0; i < 4; i++) {
      const [from, to] = i % 2 === 0 ? [client, server] : [server, client];
      const command = from.sent.shift();
      if (command === undefined) break;
      const carried = i === at ? changed(command, how) : command;
      if (!carried.equals(command)) victim = to;
      to.receive(carried);
    }
    ok(
      client.error === undefined || server.error === undefined || victim !== undefined,
      'an honest handshake fails',
    );
    if (victim === undefined) {
      ok(client.isReady && server.isReady, 'a handshake that nobody disturbed succeeds');
    } else {
      ok(!victim.isReady, 'ready after a command that was changed');
      ok(victim.error !== undefined || victim === client, 'the change was found out');
    }
    for (const { error } of [client, server]) checkDiscretion(error, [...secrets, ...drawn]);
    client.mechanism.close();
    server.mechanism.close();
  }),
};

const content = fc.oneof(bytes(300), body, fc.constant(Buffer.alloc(0)));

export const curveInsider: FuzzTarget = {
  name: 'curve-insider',
  promise:
    'throws nothing but ProtocolErrors at peers that have the right keys and put anything into the boxes',
  runs: 40,
  property: fc.property(
    fc.record({
      seed: fc.nat(1000),
      initiate: content,
      /** What is right in INITIATE before the content is anything. */
      keeps: fc.constantFrom('nothing', 'key', 'key and vouch'),
      welcome: content,
      ready: content,
    }),
    ({ seed, initiate, keeps, welcome, ready }) => {
      const random = randomSource(seed);
      checkServer(random, initiate, keeps);
      checkClient(random, welcome, ready);
    },
  ),
};

/** A server, and a client that knows its own keys and says anything in INITIATE. */
function checkServer(random: RandomSource, any: Buffer, keeps: string): void {
  const { server: keys, client } = longTermKeys(random);
  const serverKey = Buffer.from(keys.publicKey);
  const server = new Side((output, setup) => new CurveServer(output, setup, keys, random));
  const counter = new OwnCounter();
  const transient = random(KEY_BYTES);
  const transientKey = publicKeyOf(transient);
  const helloKey = boxKey(serverKey, transient);
  ok(helloKey !== undefined, 'a good key');
  server.receive(encodeHello(helloKey, transientKey, counter));
  const welcome = server.sent.shift();
  ok(welcome !== undefined, 'a right HELLO is answered');
  const { transientKey: theirs, cookie } = decodeWelcome(helloKey, welcome);
  const key = boxKey(theirs, transient);
  const vouchKey = boxKey(theirs, client.secretKey);
  ok(key !== undefined && vouchKey !== undefined, 'good keys');
  const vouch = encodeLongBox(
    VOUCH_NONCE,
    random,
    vouchKey,
    Buffer.concat([transientKey, serverKey]),
  );
  const kept =
    keeps === 'nothing' ? [] : keeps === 'key' ? [client.publicKey] : [client.publicKey, vouch];
  server.receive(encodeInitiate(key, cookie, counter, Buffer.concat([...kept, any])));
  ok(server.error !== undefined || server.isReady, 'INITIATE is taken or refused');
  if (keeps !== 'key and vouch') ok(!server.isReady, 'ready without a vouch');
  server.mechanism.close();
}

/** A client, and a server that knows its own keys and says anything in WELCOME or READY. */
function checkClient(random: RandomSource, inWelcome: Buffer, inReady: Buffer): void {
  const { server, client: keys } = longTermKeys(random);
  const clientKeys = { ...keys, serverKey: Buffer.from(server.publicKey) };
  const client = new Side((output, setup) => new CurveClient(output, setup, clientKeys, random));
  client.mechanism.start();
  const hello = client.sent.shift();
  ok(hello !== undefined, 'the client speaks first');
  const transientOfClient = hello.subarray(80, 112);
  const welcomeKey = boxKey(transientOfClient, server.secretKey);
  ok(welcomeKey !== undefined, 'a good key');
  const transient = random(KEY_BYTES);
  const isRight = inWelcome.length % 2 === 0;
  const s = isRight ? publicKeyOf(transient) : inWelcome.subarray(0, KEY_BYTES);
  client.receive(encodeWelcome(welcomeKey, s, isRight ? Buffer.alloc(96) : inWelcome, random));
  const key = isRight ? boxKey(transientOfClient, transient) : random(KEY_BYTES);
  ok(key !== undefined, 'a good key');
  client.receive(encodeReady(key, new OwnCounter(), inReady));
  ok(client.error !== undefined || client.isReady, 'READY is taken or refused');
  if (!isRight) ok(!client.isReady, 'ready with a server that has another key');
  client.mechanism.close();
}

const traffic = fc.record({
  seed: fc.nat(1000),
  bodies: fc.array(fc.tuple(body, fc.constantFrom(0, 1, 4)), { minLength: 1, maxLength: 6 }),
  /** Which of them come, in which order, and what happened to them. */
  arrivals: fc.array(fc.tuple(fc.nat(5), fc.option(change, { nil: undefined, freq: 3 })), {
    maxLength: 12,
  }),
  /** Counter and content of what one who has the key makes. */
  crafted: fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), content),
});

export const curveTraffic: FuzzTarget = {
  name: 'curve-traffic',
  promise: 'opens a MESSAGE once, unchanged and in order, and nothing else',
  runs: 200,
  property: fc.property(traffic, ({ seed, bodies, arrivals, crafted: [count, inside] }) => {
    const key = randomSource(seed)(KEY_BYTES);
    const secret = Buffer.from(key);
    const end = (role: 'client' | 'server'): CurveTraffic =>
      new CurveTraffic(role, Buffer.from(key), { own: new OwnCounter(), peer: new PeerCounter() });
    const [client, server] = [end('client'), end('server')];
    const sent = bodies.map(([each, flags]) => client.encrypt(each, flags));
    let highest = 0;
    for (const [pick, how] of arrivals) {
      const index = pick % sent.length;
      const original = sent[index] as Buffer; // index < length
      const arrived = how === undefined ? original : changed(original, how);
      const isWhole = arrived.equals(original);
      const isNew = index + 1 > highest;
      const plain = decrypted(server, arrived, secret);
      ok(
        (plain !== undefined) === (isWhole && isNew),
        `${isWhole ? 'whole' : 'changed'}, ${isNew ? 'new' : 'old'}`,
      );
      if (plain === undefined) continue;
      highest = index + 1;
      const [expected, flags] = bodies[index] as (typeof bodies)[number]; // as long as sent
      strictEqual(plain[0], flags);
      deepStrictEqual(plain.subarray(1), expected);
    }
    checkReflection(client, sent, secret);

    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(count);
    const box = seal(key, nonceOf(MESSAGE_C_NONCE, counter), inside);
    const made = Buffer.concat([commandBody('MESSAGE', counter), box]);
    const plain = decrypted(server, made, secret);
    strictEqual(plain !== undefined, inside.length > 0 && count > BigInt(highest));
    if (plain !== undefined) deepStrictEqual(plain.subarray(1), inside.subarray(1));
  }),
};

/** What we sent ourselves is no message of the other side. */
function checkReflection(client: CurveTraffic, sent: readonly Buffer[], secret: Buffer): void {
  for (const each of sent)
    ok(decrypted(client, each, secret) === undefined, 'its own message came back');
}

export const curveBoxes: FuzzTarget = {
  name: 'curve-boxes',
  promise: 'opens a box with its own key and nonce and not a byte of it changed, or not at all',
  runs: 500,
  property: fc.property(fc.nat(1000), body, change, (seed, inside, how) => {
    const random = randomSource(seed);
    const [key, nonce] = [random(KEY_BYTES), random(24)];
    const box = seal(key, nonce, inside);
    ok(open(key, nonce, box)?.equals(inside), 'opens');
    const other = changed(box, how);
    strictEqual(open(key, nonce, other) !== undefined, other.equals(box));
    const flipped = (from: Buffer): Buffer => changed(from, { kind: 'flip', offset: seed, xor: 1 });
    strictEqual(open(flipped(key), nonce, box), undefined);
    strictEqual(open(key, flipped(nonce), box), undefined);
  }),
};

function decrypted(traffic: CurveTraffic, bytesOf: Buffer, secret: Buffer): Buffer | undefined {
  try {
    return Buffer.from(traffic.decrypt(Buffer.from(bytesOf)));
  } catch (error) {
    checkProtocolError(error);
    checkDiscretion(error, [secret]);
    return undefined;
  }
}

function changed(command: Buffer, how: Change): Buffer {
  return how.kind === 'replace' ? how.bytes : mutated(command, { ...how, at: 0 });
}

type RandomSource = (size: number) => Buffer;

/** Bytes that look random, the same for each seed. */
function randomSource(seed: number): RandomSource {
  let count = 0;
  return (size) => {
    count += 1;
    return createHash('sha512').update(`${seed} ${count}`).digest().subarray(0, size);
  };
}

function longTermKeys(
  random: RandomSource,
): Record<'server' | 'client', { publicKey: Buffer; secretKey: Buffer }> {
  const pair = (): { publicKey: Buffer; secretKey: Buffer } => {
    const secretKey = random(KEY_BYTES);
    return { publicKey: publicKeyOf(secretKey), secretKey };
  };
  return { server: pair(), client: pair() };
}
