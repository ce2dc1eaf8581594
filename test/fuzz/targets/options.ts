/** Options: any object makes a socket whose properties say what was given, or is refused for what it is. */

import { deepStrictEqual, strictEqual } from 'node:assert';
import fc from 'fast-check';
import { Context } from '../../../packages/transport/src/context.ts';
import * as drafts from '../../../packages/transport/src/draft.ts';
import { TransportError } from '../../../packages/transport/src/errors.ts';
import * as sockets from '../../../packages/transport/src/index.ts';
import { COMMON_OPTION_NAMES } from '../../../packages/transport/src/options.ts';
import type { OpenOptions, Socket } from '../../../packages/transport/src/sockets/socket.ts';
import { ok } from '../ok.ts';
import type { FuzzTarget } from '../target.ts';

type SocketClass = new (options?: never) => Socket;

const CLASSES: Readonly<Record<string, SocketClass>> = {
  Dealer: sockets.Dealer,
  Router: sockets.Router,
  Request: sockets.Request,
  Reply: sockets.Reply,
  Pair: sockets.Pair,
  Push: sockets.Push,
  Pull: sockets.Pull,
  Publisher: sockets.Publisher,
  Subscriber: sockets.Subscriber,
  XPublisher: sockets.XPublisher,
  XSubscriber: sockets.XSubscriber,
  Stream: sockets.Stream,
  Server: drafts.Server,
  Client: drafts.Client,
  Peer: drafts.Peer,
  Channel: drafts.Channel,
  Scatter: drafts.Scatter,
  Gather: drafts.Gather,
  Radio: drafts.Radio,
  Dish: drafts.Dish,
};

const OWN_NAMES = [
  ...['sendHighWaterMark', 'sendTimeout', 'sendBufferSize', 'multicastHops'],
  ...['receiveHighWaterMark', 'receiveTimeout', 'receiveBufferSize'],
  ...['routingId', 'probeRouter', 'correlate', 'relaxed', 'mandatory', 'handover', 'conflate'],
  ...['noDrop', 'invertMatching', 'manual', 'welcomeMessage', 'verbosity', 'notify'],
];

const name = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom(...COMMON_OPTION_NAMES) },
  { weight: 10, arbitrary: fc.constantFrom(...OWN_NAMES) },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', 'options', '') },
  { weight: 1, arbitrary: fc.string({ maxLength: 6 }) },
);

const Z85_KEY = 'rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7';

const value: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: -3, max: 300 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(2 ** 31 - 1, 2 ** 31, 2 ** 53, -1, 6_553_599, 6_553_600),
  },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 0.5, -0, 1n) },
  { weight: 4, arbitrary: fc.boolean() },
  { weight: 3, arbitrary: fc.constantFrom(null, undefined) },
  { weight: 3, arbitrary: fc.string({ maxLength: 10 }) },
  { weight: 1, arbitrary: fc.constantFrom('x'.repeat(255), 'x'.repeat(256), 'é'.repeat(128)) },
  { weight: 2, arbitrary: fc.constantFrom(Z85_KEY, Buffer.alloc(32, 7), Buffer.alloc(0)) },
  { weight: 2, arbitrary: fc.constantFrom('127.0.0.1/8', '::1', '10.0.0.0/99', '1.2.3') },
  { weight: 2, arbitrary: fc.constantFrom('allSubs', 'allSubsUnsubs', 'hostBased', 'userName') },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 4 }).map((array) => Buffer.from(array)) },
  {
    weight: 2,
    arbitrary: fc.dictionary(
      fc.oneof(fc.constantFrom('X-a', 'X-', 'x-a', 'X-ä'), fc.string({ maxLength: 4 })),
      fc.oneof(fc.string({ maxLength: 5 }), fc.integer()),
      { maxKeys: 3 },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(Symbol('x'), () => 1, [], [1], Object.create(null), new Date(0)),
  },
  { weight: 1, arbitrary: fc.anything() },
);

/** Names with values that some of them take. */
const fitting = fc.constantFrom<readonly [string, unknown]>(
  ['tcpAcceptFilter', '127.0.0.1/8'],
  ['tcpAcceptFilter', '::1'],
  ['tcpAcceptFilter', null],
  ['curveSecretKey', Z85_KEY],
  ['curveServerKey', Buffer.alloc(32, 7)],
  ['curveServer', true],
  ['plainServer', true],
  ['plainUsername', 'admin'],
  ['heartbeatTimeToLive', 250],
  ['metadata', { 'X-a': 'b' }],
  ['routingId', Buffer.from('é')],
  ['verbosity', 'allSubs'],
);

const entries = fc.array(
  fc.oneof({ weight: 3, arbitrary: fc.tuple(name, value) }, { weight: 1, arbitrary: fitting }),
  { maxLength: 5 },
);

export const options: FuzzTarget = {
  name: 'options',
  promise: 'makes a socket that shows what it was given, or throws a TypeError or EINVAL',
  runs: 1500,
  property: fc.property(
    fc.constantFrom(...Object.keys(CLASSES)),
    entries,
    entries,
    (className, given, later) => {
      const context = new Context();
      const settings = Object.fromEntries(given) as OpenOptions; // or not: that is the point
      const socket = refusedOr(() => make(className, { ...settings, context }));
      if (socket === undefined) {
        strictEqual(context.sockets, 0, 'a socket that was refused is open');
        return;
      }
      try {
        checkShown(socket, Object.entries(settings));
        for (const [key, wanted] of later) checkSet(socket, key, wanted);
      } finally {
        socket.close();
        strictEqual(context.sockets, 0);
      }
    },
  ),
};

function make(className: string, given: OpenOptions): Socket {
  const Class = CLASSES[className];
  if (Class === undefined) throw new Error(`no class ${className}`);
  return new Class(given as never); // any object at all
}

/** Each option that was given can be read as it was given, in the form in which it is kept. */
function checkShown(socket: Socket, given: ReadonlyArray<readonly [string, unknown]>): void {
  for (const [index, [key, wanted]] of given.entries()) {
    if (wanted === undefined || isOverruled(key, given.slice(index + 1))) continue;
    checkOption(socket, key, wanted);
  }
}

/** Sets a property and reads it again; what is refused leaves the old value. */
function checkSet(socket: Socket, key: string, wanted: unknown): void {
  if (!isOption(key) || !(key in socket)) return;
  const before = Reflect.get(socket, key);
  if (refusedOr(() => Reflect.set(socket, key, wanted)) === undefined) {
    deepStrictEqual(Reflect.get(socket, key), before);
  } else {
    checkOption(socket, key, wanted);
  }
}

function checkOption(socket: Socket, key: string, wanted: unknown): void {
  ok(isOption(key), `${key} is no option and was taken`);
  ok(
    typeof wanted !== 'number' || Number.isInteger(wanted),
    `${key} takes a number that is not whole`,
  );
  deepStrictEqual(Reflect.get(socket, key), kept(key, wanted), key);
}

function isOption(key: string): boolean {
  return OWN_NAMES.includes(key) || (COMMON_OPTION_NAMES as readonly string[]).includes(key);
}

/** Texts given as bytes are shown as text, and the time to live in the steps in which it is sent. */
function kept(key: string, wanted: unknown): unknown {
  if (key === 'heartbeatTimeToLive') return Math.floor(Number(wanted) / 100) * 100;
  if (key === 'metadata') return { ...Object(wanted) }; // a copy, so that nobody can change it
  return Buffer.isBuffer(wanted) && !key.startsWith('curve') ? wanted.toString() : wanted;
}

/** Whether a security option behind it takes the role back: the last one counts. */
function isOverruled(key: string, behind: ReadonlyArray<readonly [string, unknown]>): boolean {
  if (key !== 'plainServer' && key !== 'curveServer') return false;
  return behind.some(([other]) => other.startsWith('plain') || other.startsWith('curve'));
}

function refusedOr<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    const isExpected =
      error instanceof TypeError || (error instanceof TransportError && error.code === 'EINVAL');
    if (!isExpected) throw new Error('expected a TypeError or EINVAL', { cause: error });
    // A TypeError of ours says so by its code; one without is the engine's, about something that nobody looked at.
    if (error instanceof TypeError)
      strictEqual(
        (error as { code?: unknown } & TypeError).code,
        'ERR_INVALID_ARG_TYPE',
        error.stack,
      );
    return undefined;
  }
}
