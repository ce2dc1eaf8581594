/**
 * How a socket of each type is used while others misbehave: what the one innocent peer says or hears, step by step, and what must have
 * arrived in the end. For targets/traffic.ts.
 */

import { strictEqual } from 'node:assert';
import type { Context } from '../../packages/transport/src/context.ts';
import {
  Channel,
  Client,
  Dish,
  Gather,
  Peer,
  Radio,
  Scatter,
  Server,
} from '../../packages/transport/src/draft.ts';
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
} from '../../packages/transport/src/index.ts';
import { ok } from './ok.ts';
import type { ServedPeer } from './served-socket.ts';
import { command, message, readMessages } from './wire.ts';

/** How a socket type is spoken to, and what is seen of it. */
export interface Scenario {
  /** The types of the innocent peer and of the others. */
  readonly innocent: string;
  readonly others: string;
  open(context: Context, marks: Marks): Play;
}

/** Options of the socket under test. */
export interface Marks {
  readonly receiveHighWaterMark?: number;
  readonly linger: 0;
}

/** One run of a scenario. */
export interface Play {
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
        ok(m.length > 0, 'a message has one frame or more');
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
    step: (n) => ok(socket.trySend(say(n)), 'a publisher takes everything'),
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
        ok(m.length > 0, 'a message has one frame or more');
        ok(socket.trySend(m), 'a reply is taken');
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
        ok(n !== undefined, 'only what was asked is sent');
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
/** The name of the innocent peer, and the topic it cares for. */
export const TOPIC = 'innocent';

/** Every socket type that speaks ZMTP. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
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
      return receivingLast(socket, 2, (n) => [GROUP, numbered(n)]);
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

function receivingOne(socket: Socket): Play {
  return receiving(
    socket,
    (n) => [numbered(n)],
    (m) => (m.length === 1 ? m[0] : undefined),
  );
}

/** For those whose messages have a frame of another kind in front. */
function receivingLast(
  socket: Socket,
  frames: number,
  say: (n: number) => Buffer[] = (n) => [numbered(n)],
): Play {
  return receiving(socket, say, (m) => {
    strictEqual(m.length, frames);
    return m.at(-1);
  });
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
