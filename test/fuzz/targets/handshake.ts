/**
 * Whole conversations with somebody in between: greeting, handshake and a few messages of an honest peer, of which some bytes or
 * frames are changed, lost, doubled or out of order before a `Connection` gets them.
 *
 * CURVE draws its transient keys anew each time, so the bytes differ between runs of one seed; what happens to them does not.
 */

import { deepStrictEqual, strictEqual } from 'node:assert';
import fc from 'fast-check';
import { curveKeyPair } from '../../../packages/transport/src/mechanisms/curve/keys.ts';
import type { AnySocketOptions } from '../../../packages/transport/src/options.ts';
import type { SocketType } from '../../../packages/transport/src/socket-type.ts';
import { decodeZ85 } from '../../../packages/transport/src/z85.ts';
import { body, bytes, cutBytes, cuts, Mutator, mutation } from '../bytes.ts';
import { checkConnectionError, checkDiscretion } from '../faults.ts';
import { MemoryAuthenticator, zapReply } from '../memory-authenticator.ts';
import { MemoryEnd } from '../memory-end.ts';
import { ok } from '../ok.ts';
import { turn, withoutStrays } from '../strays.ts';
import type { FuzzTarget } from '../target.ts';
import { command, frame, greeting, greeting2, message, properties, readFrames } from '../wire.ts';

/** Turns after which nobody has anything more to say; far above what any conversation takes. */
const TURNS_MAX = 200;
/** The unit behind the three parts of a greeting. */
const FIRST_COMMAND = 3;
/** The last unit of the longest conversation: three commands and some messages further. */
const LAST_UNIT = 9;
const PASSWORD = 'correct horse battery staple';

const serverKeys = curveKeyPair();
const clientKeys = curveKeyPair();
const curveServer: AnySocketOptions = { curveServer: true, curveSecretKey: serverKeys.secretKey };
const curveClient: AnySocketOptions = {
  curveServerKey: serverKeys.publicKey,
  curvePublicKey: clientKeys.publicKey,
  curveSecretKey: clientKeys.secretKey,
};
const plainServer: AnySocketOptions = { plainServer: true };
const plainClient: AnySocketOptions = { plainUsername: 'admin', plainPassword: PASSWORD };

const SECRETS: readonly (Buffer | string)[] = [
  PASSWORD,
  ...[serverKeys, clientKeys].flatMap(({ secretKey }) => [
    secretKey,
    decodeZ85(secretKey) ?? 'no key',
  ]),
];

/** What the side under test is, and whom it talks with. */
interface Role {
  readonly ours: AnySocketOptions;
  /** Undefined for a 2.0 peer, which is only bytes. */
  readonly theirs: AnySocketOptions | undefined;
  /** Whether a ZAP handler decides. */
  readonly asks: boolean;
  readonly encrypts: boolean;
}

const ROLES = {
  null: { ours: {}, theirs: {}, asks: false, encrypts: false },
  'null with a domain': { ours: { zapDomain: 'd' }, theirs: {}, asks: true, encrypts: false },
  'plain server': { ours: plainServer, theirs: plainClient, asks: true, encrypts: false },
  'plain client': { ours: plainClient, theirs: plainServer, asks: false, encrypts: false },
  'curve server': { ours: curveServer, theirs: curveClient, asks: true, encrypts: true },
  'curve client': { ours: curveClient, theirs: curveServer, asks: false, encrypts: true },
  'null with a 2.0 peer': { ours: {}, theirs: undefined, asks: false, encrypts: false },
  'a domain with a 2.0 peer': {
    ours: { zapDomain: 'd' },
    theirs: undefined,
    asks: true,
    encrypts: false,
  },
} as const satisfies Record<string, Role>;

/** A unit that the peer did not send. */
const foreignUnit: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 1, arbitrary: bytes(40) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.nat(7), bytes(20)).map(([flags, content]) => frame(flags, content)),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.constantFrom('READY', 'ERROR', 'HELLO', 'WELCOME', 'INITIATE', 'MESSAGE', 'PING', 'X'),
        // Also what would be right in another place: who skips a step must not come in.
        fc.oneof(
          fc.constant(Buffer.alloc(0)),
          fc.constant(properties([['Socket-Type', Buffer.from('DEALER')]])),
          fc.constant(Buffer.from('\x05admin\x06secret')),
          bytes(20),
        ),
      )
      .map(([name, data]) => command(name, data)),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('300', '400', '500', '\x7f')
      .map((reason) => command('ERROR', Buffer.from(`\x03${reason}`, 'latin1'))),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('NULL', 'PLAIN', 'CURVE', 'GSSAPI')
      .map((mechanism) => greeting(mechanism)),
  },
);

/** Half of what happens does so to the commands of the handshake. */
const at = fc.oneof(fc.nat(LAST_UNIT), fc.integer({ min: FIRST_COMMAND, max: FIRST_COMMAND + 2 }));

const messages = fc.array(fc.array(body, { minLength: 1, maxLength: 3 }), { maxLength: 3 });

const conversation = fc.record({
  role: fc.constantFrom(...(Object.keys(ROLES) as Array<keyof typeof ROLES>)), // its own keys
  mutations: fc.array(mutation(at, foreignUnit), { maxLength: 3 }),
  sizes: cuts,
  theirMessages: messages,
  ourMessages: messages,
  slow: fc.boolean(),
  /** Several answers come from a handler that is mad: the first counts. */
  decisions: fc.oneof(
    { weight: 4, arbitrary: fc.constant<readonly string[]>(['200']) },
    {
      weight: 1,
      arbitrary: fc.array(fc.constantFrom<string>('200', '300', '400', '500', '201'), {
        maxLength: 2,
      }),
    },
  ) as fc.Arbitrary<readonly string[]>, // of both kinds of arrays one type
});

type Conversation = typeof conversation extends fc.Arbitrary<infer T> ? T : never;

/** The other side: where its bytes come from, unit by unit. */
interface Peer {
  /** What we said. */
  hear(chunk: Buffer): void;
  /** What it says next. */
  say(): Buffer[];
  pump(): boolean;
  close(): void;
}

export const handshake: FuzzTarget = {
  name: 'handshake',
  promise:
    'ends any conversation with a known error or in order, once, and delivers nothing before both sides are ready',
  runs: 250,
  property: fc.asyncProperty(conversation, (input) => withoutStrays(() => converse(input))),
};

async function converse(input: Conversation): Promise<void> {
  const role: Role = ROLES[input.role];
  const isServer = role.ours !== plainClient && role.ours !== curveClient;
  const types: readonly SocketType[] = isServer ? ['ROUTER', 'DEALER'] : ['DEALER', 'ROUTER'];
  const [ourType = 'ROUTER', theirType = 'DEALER'] = types;
  const authenticator = new MemoryAuthenticator(input.decisions.map(zapReply));
  const ours = new MemoryEnd({
    socketType: ourType,
    options: role.ours,
    authenticator,
    messages: input.ourMessages,
    slow: input.slow,
  });
  const peer =
    role.theirs === undefined
      ? new OldPeer(input.theirMessages)
      : new HonestPeer(theirType, role.theirs, input.theirMessages);
  const mutator = new Mutator(input.mutations);

  let quiet = 0;
  for (let i = 0; quiet < 3; i++) {
    ok(i < TURNS_MAX, 'the conversation goes on without end');
    const said = ours.stream.take();
    if (said.length > 0) peer.hear(said);
    let heard = peer.say().flatMap((unit) => mutator.pass(unit));
    if (heard.length === 0 && quiet === 1) heard = mutator.rest();
    for (const chunk of cutBytes(Buffer.concat(heard), input.sizes)) ours.stream.feed(chunk);
    const acted = [said.length > 0, heard.length > 0, ours.stream.pump()];
    acted.push(peer.pump(), authenticator.pump());
    quiet = acted.includes(true) ? 0 : quiet + 1;
    await turn();
  }
  const wasReady = ours.peer !== undefined;
  ours.stream.leave('end');
  ours.stream.pump();
  peer.close();
  await turn();
  // A paused stream ends behind what is read; whatever is left of it ends here.
  ours.connection.destroy();

  ok(ours.end !== undefined, 'it never ended');
  ours.stream.checkManners();
  checkConnectionError(ours.end.error);
  checkDiscretion(ours.end.error, SECRETS);
  const isAdmitted = !role.asks || (authenticator.answers > 0 && input.decisions[0] === '200');
  if (wasReady) {
    ok(isAdmitted, 'a peer came in whom nobody admitted');
    ok(input.role !== 'a domain with a 2.0 peer', 'a peer came in that cannot be asked about');
  }
  if (!mutator.changed && isAdmitted && input.role !== 'a domain with a 2.0 peer') {
    ok(wasReady, `a right handshake failed: ${ours.end.error?.stack}`);
    deepStrictEqual(ours.received.map(shown), input.theirMessages.map(shown));
    strictEqual(ours.peer?.version, role.theirs === undefined ? '2.0' : '3.1');
  }
  if (role.encrypts) checkNothingForged(ours.received, input.theirMessages);
}

/** Frames may be lost where somebody takes them out, but none is changed, added or in another place. */
function checkNothingForged(
  received: ReadonlyArray<readonly Buffer[]>,
  sent: ReadonlyArray<readonly Buffer[]>,
): void {
  const expected = sent.flat();
  let at = 0;
  for (const each of received.flat()) {
    while (at < expected.length && expected[at]?.equals(each) !== true) at += 1;
    ok(
      at < expected.length,
      `a frame was received that was not sent there: ${each.toString('hex')}`,
    );
    at += 1;
  }
}

/** Ours as well, which nobody disturbs. */
class HonestPeer implements Peer {
  readonly #end: MemoryEnd;
  readonly #authenticator = new MemoryAuthenticator([zapReply('200')]);
  #said: Buffer = Buffer.alloc(0);
  #count = 0;

  constructor(
    socketType: SocketType,
    options: AnySocketOptions,
    sends: ReadonlyArray<readonly Buffer[]>,
  ) {
    const authenticator = this.#authenticator;
    this.#end = new MemoryEnd({ socketType, options, authenticator, messages: sends, slow: false });
  }

  hear(chunk: Buffer): void {
    this.#end.stream.feed(chunk);
  }

  say(): Buffer[] {
    this.#said = Buffer.concat([this.#said, this.#end.stream.take()]);
    const units: Buffer[] = [];
    for (let size = this.#unitSize(); size > 0; size = this.#unitSize()) {
      units.push(this.#said.subarray(0, size));
      this.#said = this.#said.subarray(size);
      this.#count += 1;
    }
    return units;
  }

  pump(): boolean {
    const acted = this.#end.stream.pump();
    return this.#authenticator.pump() || acted;
  }

  close(): void {
    this.#end.connection.destroy();
    // Nobody changed what it was told, so it has nothing to say but that it was left or refused.
    checkConnectionError(this.#end.end?.error);
    checkDiscretion(this.#end.end?.error, SECRETS);
    this.#end.stream.checkManners();
  }

  /** Bytes of the next unit; 0 while it is not whole. */
  #unitSize(): number {
    const part = [10, 1, 53][this.#count];
    if (part !== undefined) return this.#said.length >= part ? part : 0;
    const [first] = readFrames(this.#said).frames;
    return first === undefined
      ? 0
      : first.body.byteOffset - this.#said.byteOffset + first.body.length;
  }
}

/** A peer of ZMTP 2.0, which says everything at once and listens to nothing. */
class OldPeer implements Peer {
  #units: Buffer[];

  constructor(sends: ReadonlyArray<readonly Buffer[]>) {
    this.#units = [...greeting2(5, 'old'), ...sends.map(message)];
  }

  hear(): void {}

  say(): Buffer[] {
    const units = this.#units;
    this.#units = [];
    return units;
  }

  pump(): boolean {
    return false;
  }

  close(): void {}
}

function shown(frames: readonly Buffer[]): string {
  return frames.map((each) => each.toString('hex')).join(' ');
}
