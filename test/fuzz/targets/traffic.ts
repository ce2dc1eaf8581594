/**
 * Traffic behind a good handshake: peers that send wrong frames, commands and messages of a wrong form to a real socket of every type,
 * leave and come back; and in between one innocent peer, whose messages must all arrive, whole and in order.
 */

import { ok, strictEqual } from 'node:assert';
import fc from 'fast-check';
import { Context } from '../../../packages/transport/src/context.ts';
import {
  Channel,
  Client,
  Dish,
  Gather,
  Peer,
  Radio,
  Scatter,
  Server,
} from '../../../packages/transport/src/draft.ts';
import {
  Dealer,
  Pair,
  Publisher,
  Pull,
  Push,
  Reply,
  Request,
  Router,
  type Socket,
  Subscriber,
  XPublisher,
  XSubscriber,
} from '../../../packages/transport/src/index.ts';
import { body, bytes, cutBytes, cuts, Mutator, mutation } from '../bytes.ts';
import type { Leave } from '../memory-stream.ts';
import { ServedPeer } from '../served-socket.ts';
import { turn, withoutStrays } from '../strays.ts';
import type { FuzzTarget } from '../target.ts';
import { command, frame, frameOfSize, greeting, message, readMessages, ready } from '../wire.ts';

/** Turns in which a step has its effect, replies included. */
const TURNS = 6;
/** Far above the turns in which everything is over. */
const TURNS_MAX = 2000;
/** Turns without anything that can be seen: at a mark of 1 each message that a socket throws away takes one. */
const QUIET_TURNS = 60;
const UNITS = 6;

/** How a socket type is spoken to, and what is seen of it. */
interface Scenario {
  /** The types of the innocent peer and of the others. */
  readonly innocent: string;
  readonly others: string;
  open(context: Context, marks: Marks): Play;
}

interface Marks {
  readonly receiveHighWaterMark?: number;
  readonly linger: 0;
}

/** One run of a scenario. */
interface Play {
  readonly socket: Socket;
  /** What the innocent peer says once, behind its handshake. */
  readonly introduction?: Buffer;
  /** Step `n`, from 0: something that must arrive. */
  step(n: number, innocent: ServedPeer): void;
  /** After every turn: the program takes what there is. True when there was something. */
  take(innocent: ServedPeer): boolean;
  /** Numbers that arrived, in order, of `count` steps. */
  verify(count: number, innocent: ServedPeer): void;
}

/** A socket that receives: the innocent peer says numbers, and the program reads them. */
function receiving(
  socket: Socket,
  say: (n: number) => Buffer[],
  read: (received: Buffer[]) => Buffer | undefined,
): Play {
  const arrived: number[] = [];
  return {
    socket,
    step: (n, innocent) => innocent.stream.feed(message(say(n))),
    take() {
      let took = false;
      for (let m = socket.tryReceive(); m !== undefined; m = socket.tryReceive()) {
        took = true;
        const n = numberIn(read(m));
        if (n !== undefined) arrived.push(n);
      }
      return took;
    },
    verify: (count) => checkAll(arrived, count),
  };
}

/** A socket that sends to whoever asked for it: the innocent peer asked, and hears numbers. */
function publishing(socket: Socket, introduction: Buffer, say: (n: number) => Buffer[]): Play {
  return {
    socket,
    introduction,
    step: (n) => ok(socket.trySend(say(n))),
    take() {
      // Only XPUB has something to read.
      let took = false;
      if (!(socket instanceof XPublisher)) return took;
      while (socket.tryReceive() !== undefined) took = true;
      return took;
    },
    verify(count, innocent) {
      const heard = readMessages(innocent.heard).map((each) => numberIn(each.at(-1)));
      checkAll(
        heard.filter((n) => n !== undefined),
        count,
      );
    },
  };
}

/** A socket that sends in turn: the innocent peer hears some of the numbers, in order. */
function distributing(socket: Socket): Play {
  let sent = 0;
  return {
    socket,
    step(n) {
      if (socket.trySend([numbered(n)])) sent += 1;
    },
    take: () => false,
    verify(count, innocent) {
      strictEqual(sent, count, 'a peer is there, so everything is taken');
      const heard = readMessages(innocent.heard)
        .map((each) => numberIn(each.at(-1)))
        .filter((n) => n !== undefined);
      for (const [i, n] of heard.entries()) ok(i === 0 || n > (heard[i - 1] ?? -1), 'in order');
    },
  };
}

/** REP: the innocent peer asks, and each question is answered. */
function replying(socket: Reply): Play {
  return {
    socket,
    step: (n, innocent) => innocent.stream.feed(message([EMPTY, numbered(n)])),
    take() {
      let took = false;
      for (let m = socket.tryReceive(); m !== undefined; m = socket.tryReceive()) {
        took = true;
        ok(socket.trySend(m));
      }
      return took;
    },
    verify(count, innocent) {
      const heard = readMessages(innocent.heard);
      for (const each of heard) strictEqual(each[0]?.length, 0);
      checkAll(
        heard.map((each) => numberIn(each[1])),
        count,
      );
    },
  };
}

/** REQ: each question that goes to the innocent peer gets its answer, and no other. */
function requesting(socket: Request): Play {
  const answered: number[] = [];
  const replied: number[] = [];
  let heardSoFar = 0;
  return {
    socket,
    step: (n) => ok(socket.trySend([numbered(n)]), 'a peer is there, so the question is taken'),
    take(innocent) {
      const heard = readMessages(innocent.heard);
      for (const each of heard.slice(heardSoFar)) {
        heardSoFar += 1;
        const n = numberIn(each.at(-1));
        ok(n !== undefined);
        answered.push(n);
        innocent.stream.feed(message([...each.slice(0, -1), reply(n)]));
      }
      let m: Buffer[] | undefined;
      try {
        m = socket.tryReceive();
      } catch (error) {
        strictEqual((error as NodeJS.ErrnoException).code, 'EFSM');
        return false;
      }
      const text = m?.[0]?.toString('latin1') ?? '';
      if (text.startsWith('reply ')) {
        strictEqual(m?.length, 1);
        replied.push(Number(text.slice('reply '.length)));
      }
      return m !== undefined;
    },
    verify: () => strictEqual(replied.join(), answered.join()),
  };
}

const EMPTY = Buffer.alloc(0);
const GROUP = Buffer.from('g');
const TOPIC = 'innocent';

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  router: {
    innocent: 'DEALER',
    others: 'DEALER',
    open: (context, marks) =>
      receiving(
        new Router({ ...marks, context }),
        (n) => [numbered(n)],
        ([id, frame_]) => (id?.toString() === TOPIC ? frame_ : undefined),
      ),
  },
  dealer: {
    innocent: 'ROUTER',
    others: 'REP',
    open: (context, marks) => receivingOne(new Dealer({ ...marks, context })),
  },
  pull: {
    innocent: 'PUSH',
    others: 'PUSH',
    open: (context, marks) => receivingOne(new Pull({ ...marks, context })),
  },
  gather: {
    innocent: 'SCATTER',
    others: 'SCATTER',
    open: (context, marks) => receivingOne(new Gather({ ...marks, context })),
  },
  client: {
    innocent: 'SERVER',
    others: 'SERVER',
    open: (context, marks) => receivingOne(new Client({ ...marks, context })),
  },
  pair: {
    innocent: 'PAIR',
    others: 'PAIR',
    open: (context, marks) => receivingOne(new Pair({ ...marks, context })),
  },
  channel: {
    innocent: 'CHANNEL',
    others: 'CHANNEL',
    open: (context, marks) => receivingOne(new Channel({ ...marks, context })),
  },
  server: {
    innocent: 'CLIENT',
    others: 'CLIENT',
    open: (context, marks) => receivingLast(new Server({ ...marks, context }), 2),
  },
  peer: {
    innocent: 'PEER',
    others: 'PEER',
    open: (context, marks) => receivingLast(new Peer({ ...marks, context }), 2),
  },
  subscriber: {
    innocent: 'PUB',
    others: 'XPUB',
    open(context, marks) {
      const socket = new Subscriber({ ...marks, context });
      socket.subscribe(TOPIC, '\0', '\x01');
      return receiving(socket, topical, ([, last]) => last);
    },
  },
  xsubscriber: {
    innocent: 'XPUB',
    others: 'PUB',
    open: (context, marks) =>
      receiving(new XSubscriber({ ...marks, context }), topical, ([, last]) => last),
  },
  dish: {
    innocent: 'RADIO',
    others: 'RADIO',
    open(context, marks) {
      const socket = new Dish({ ...marks, context });
      socket.join('g');
      return receiving(
        socket,
        (n) => [GROUP, numbered(n)],
        ([, last]) => last,
      );
    },
  },
  reply: {
    innocent: 'REQ',
    others: 'DEALER',
    open: (context, marks) => replying(new Reply({ ...marks, context })),
  },
  request: {
    innocent: 'REP',
    others: 'ROUTER',
    open: (context, marks) => requesting(new Request({ ...marks, context, relaxed: true })),
  },
  'correlating request': {
    innocent: 'REP',
    others: 'ROUTER',
    open: (context, marks) =>
      requesting(new Request({ ...marks, context, relaxed: true, correlate: true })),
  },
  publisher: {
    innocent: 'SUB',
    others: 'XSUB',
    open: (context) => publishing(new Publisher({ context, linger: 0 }), subscribe(), topical),
  },
  xpublisher: {
    innocent: 'XSUB',
    others: 'SUB',
    open: (context, marks) =>
      publishing(
        new XPublisher({ ...marks, context, verbosity: 'allSubsUnsubs' }),
        message([Buffer.from(`\x01${TOPIC}`)]),
        topical,
      ),
  },
  'xpublisher that reads': {
    innocent: 'XSUB',
    others: 'XSUB',
    open: (context, marks) =>
      receiving(
        new XPublisher({ ...marks, context }),
        (n) => [Buffer.from(TOPIC), numbered(n)],
        ([topic, last]) => (topic?.toString() === TOPIC ? last : undefined),
      ),
  },
  radio: {
    innocent: 'DISH',
    others: 'DISH',
    open: (context) =>
      publishing(new Radio({ context, linger: 0 }), command('JOIN', GROUP), (n) => [
        GROUP,
        numbered(n),
      ]),
  },
  push: {
    innocent: 'PULL',
    others: 'PULL',
    open: (context) => distributing(new Push({ context, linger: 0 })),
  },
  scatter: {
    innocent: 'GATHER',
    others: 'GATHER',
    open: (context) => distributing(new Scatter({ context, linger: 0 })),
  },
};

/** Anything that one may be sent, most of it of some pattern's form. */
const unit: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 4, arbitrary: fc.array(body, { minLength: 1, maxLength: 4 }).map(message) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.array(fc.constantFrom('', '\0', '\x01', 'g', 'id45', '\x01innocent', '\0innocent'), {
          minLength: 1,
          maxLength: 4,
        }),
        bytes(3),
      )
      .map(([texts, last]) => message([...texts.map((text) => Buffer.from(text)), last])),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.constantFrom(
          ...['PING', 'PONG', 'SUBSCRIBE', 'CANCEL', 'JOIN', 'LEAVE', 'READY', 'ERROR'],
          ...['HELLO', 'MESSAGE', 'X', 'subscribe'],
        ),
        fc.oneof(
          bytes(20),
          fc.constantFrom('', 'innocent', 'g', '\0').map((text) => Buffer.from(text)),
        ),
      )
      .map(([name, data]) => command(name, data)),
  },
  { weight: 2, arbitrary: fc.tuple(fc.nat(15), body).map(([flags, each]) => frame(flags, each)) },
  { weight: 1, arbitrary: bytes(30) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat(7), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), bytes(40))
      .map(([flags, size, each]) => frameOfSize(flags, size, each)),
  },
);

const attack = fc.record({
  units: fc.array(unit, { maxLength: UNITS }),
  mutations: fc.array(mutation(UNITS, unit), { maxLength: 2 }),
  sizes: cuts,
  leaves: fc.option(fc.constantFrom<Leave>('end', 'reset'), { nil: undefined, freq: 3 }),
});

const input = fc.record({
  scenario: fc.constantFrom(...Object.keys(SCENARIOS)),
  /** A peer that is bad comes before the innocent one: PAIR talks with the first. */
  comesFirst: fc.boolean(),
  attacks: fc.array(attack, { minLength: 1, maxLength: 5 }),
  /** What the bad peers announce as their routing id. */
  identity: fc.constantFrom(undefined, '', TOPIC, 'other', '\0\0\0\0\x01'),
  mark: fc.constantFrom(0, 1, 2, 1000),
  slow: fc.boolean(),
});

type Input = typeof input extends fc.Arbitrary<infer T> ? T : never;

export const traffic: FuzzTarget = {
  name: 'traffic',
  promise: 'keeps what bad peers send from everybody else, for sockets of every type',
  runs: 400,
  property: fc.asyncProperty(input, (given) => withoutStrays(() => play(given))),
};

async function play(given: Input): Promise<void> {
  const { attacks, identity, mark, slow } = given;
  const scenario = SCENARIOS[given.scenario];
  if (scenario === undefined) throw new Error(`no scenario ${given.scenario}`);
  const acted = scenario.open(new Context(), { linger: 0, receiveHighWaterMark: mark });
  const { socket } = acted;
  const bad: ServedPeer[] = [];
  const join = (): ServedPeer => {
    const peer = connected(socket, scenario.others, identity, slow);
    bad.push(peer);
    return peer;
  };
  // Whoever takes the innocent peer's name before it comes has it; that is ROUTER's rule, and no fault.
  if (given.comesFirst && identity !== TOPIC) join();
  const innocent = connected(socket, scenario.innocent, TOPIC, slow);
  ok(innocent.wasReady, 'a right handshake succeeds');
  if (acted.introduction !== undefined) innocent.stream.feed(acted.introduction);
  const pump = async (): Promise<boolean> => {
    const pumped = [innocent, ...bad].map(({ stream }) => stream.pump());
    await turn();
    return acted.take(innocent) || pumped.includes(true);
  };
  await pump();
  await pump();

  for (const [n, { units, mutations, sizes, leaves }] of attacks.entries()) {
    let peer = bad.at(-1);
    if (peer === undefined || peer.end !== undefined || peer.stream.isEnded) peer = join();
    const mutator = new Mutator(mutations);
    const wire = [...units.flatMap((each) => mutator.pass(each)), ...mutator.rest()];
    for (const chunk of cutBytes(Buffer.concat(wire), sizes)) peer.stream.feed(chunk);
    acted.step(n, innocent);
    for (let i = 0; i < TURNS; i++) await pump();
    if (leaves !== undefined) peer.stream.leave(leaves);
  }
  // PAIR hears the innocent peer once those before it are gone.
  for (const { stream } of bad) stream.leave('end');
  for (let turns = 0, quiet = 0; quiet < QUIET_TURNS; turns++) {
    ok(turns < TURNS_MAX, 'it goes on without end');
    quiet = (await pump()) ? 0 : quiet + 1;
  }
  ok(innocent.end === undefined, `the innocent peer was left: ${innocent.end?.error}`);
  acted.verify(attacks.length, innocent);
  for (const peer of bad) {
    // One that nobody listens to (PAIR has its peer, ROUTER has that name) may be paused for good.
    ok(peer.end !== undefined || peer.stream.isPaused, 'a peer that left is still there');
    peer.close();
  }
  innocent.close();
  socket.close();
  await socket.ended;
}

/** A peer behind its handshake. */
function connected(
  socket: Socket,
  socketType: string,
  identity: string | undefined,
  slow: boolean,
): ServedPeer {
  const peer = new ServedPeer(socket, slow);
  const hello = Buffer.concat([greeting('NULL'), ready(socketType, identity)]);
  peer.stream.feed(hello);
  for (let i = 0; i < 4; i++) peer.stream.pump();
  // The greeting and READY of the socket are no messages.
  peer.stream.take();
  return peer;
}

function receivingOne(socket: Socket): Play {
  return receiving(
    socket,
    (n) => [numbered(n)],
    (m) => (m.length === 1 ? m[0] : undefined),
  );
}

/** For those that put a routing id in front. */
function receivingLast(socket: Socket, frames: number): Play {
  return receiving(
    socket,
    (n) => [numbered(n)],
    (m) => {
      strictEqual(m.length, frames);
      return m.at(-1);
    },
  );
}

function topical(n: number): Buffer[] {
  return [Buffer.from(TOPIC), numbered(n)];
}

function subscribe(): Buffer {
  return command('SUBSCRIBE', Buffer.from(TOPIC));
}

function numbered(n: number): Buffer {
  return Buffer.from(`number ${n}`);
}

function reply(n: number): Buffer {
  return Buffer.from(`reply ${n}`);
}

/** Undefined for what the innocent peer did not say. */
function numberIn(content: Buffer | undefined): number | undefined {
  const [, digits] = /^number (\d+)$/.exec(content?.toString('latin1') ?? '') ?? [];
  return digits === undefined ? undefined : Number(digits);
}

function checkAll(arrived: ReadonlyArray<number | undefined>, count: number): void {
  strictEqual(arrived.join(), Array.from({ length: count }, (_, n) => n).join());
}
