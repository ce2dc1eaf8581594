/**
 * Traffic behind a good handshake: peers that send wrong frames, commands and messages of a wrong form to a real socket of every type,
 * leave and come back; and in between one innocent peer, whose messages must all arrive, whole and in order.
 */

import fc from 'fast-check';
import { Context } from '../../../packages/transport/src/context.ts';
import type { Socket } from '../../../packages/transport/src/sockets/socket.ts';
import { body, bytes, cutBytes, cuts, Mutator, mutation } from '../bytes.ts';
import type { Leave } from '../memory-stream.ts';
import { ok } from '../ok.ts';
import { SCENARIOS, TOPIC } from '../scenarios.ts';
import { ServedPeer } from '../served-socket.ts';
import { turn, withoutStrays } from '../strays.ts';
import type { FuzzTarget } from '../target.ts';
import { command, frame, frameOfSize, greeting, message, readFrames, ready } from '../wire.ts';

/** Turns in which a step has its effect, replies included. */
const TURNS = 6;
/** Far above the turns in which everything is over. */
const TURNS_MAX = 2000;
/** Turns without anything that can be seen: at a mark of 1 each message that a socket throws away takes one. */
const QUIET_TURNS = 60;
const UNITS = 6;

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
  mutations: fc.array(mutation(fc.nat(UNITS - 1), unit), { maxLength: 2 }),
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
  runs: 600,
  property: fc.asyncProperty(input, (given) => withoutStrays(() => play(given))),
};

async function play(given: Input): Promise<void> {
  const { attacks, identity, mark, slow } = given;
  const scenario = SCENARIOS[given.scenario];
  if (scenario === undefined) throw new Error(`no scenario ${given.scenario}`);
  const acted = scenario.open(new Context(), { linger: 0, receiveHighWaterMark: mark });
  const { socket } = acted;
  const bad: ServedPeer[] = [];
  const said = new Map<ServedPeer, Buffer>();
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
    const whole = Buffer.concat(wire);
    said.set(peer, Buffer.concat([said.get(peer) ?? Buffer.alloc(0), whole]));
    for (const chunk of cutBytes(whole, sizes)) peer.stream.feed(chunk);
    acted.step(n, innocent);
    for (let i = 0; i < TURNS; i++) await pump();
    // At a mark of 0 nothing waits unread, so what is wrong has been seen.
    if (mark === 0 && isBroken(said.get(peer) ?? Buffer.alloc(0), socket)) {
      ok(peer.end !== undefined, 'a peer that broke the protocol is still there');
    }
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

/** Whether these are no frames, from the handshake on. */
function isBroken(wire: Buffer, socket: Socket): boolean {
  const unflaggedCommands = ['PUB', 'XPUB', 'RADIO'].includes(socket.socketType);
  return readFrames(wire, { maxBody: -1, unflaggedCommands }).end !== 'more may come';
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
