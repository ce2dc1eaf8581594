/** STREAM: bytes as they come, of peers that come and go; and of ours to them. */

import { strictEqual } from 'node:assert';
import fc from 'fast-check';
import { Context } from '../../../packages/transport/src/context.ts';
import { Stream } from '../../../packages/transport/src/sockets/stream.ts';
import { body, filled } from '../bytes.ts';
import { ok } from '../ok.ts';
import { ServedPeer } from '../served-socket.ts';
import { turn, withoutStrays } from '../strays.ts';
import type { FuzzTarget } from '../target.ts';

const PEERS = 3;
/** Far above the turns that anything takes to arrive. */
const TURNS_MAX = 1000;

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('hear' as const),
      peer: fc.nat(PEERS - 1),
      chunks: fc.array(body, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('say' as const),
      peer: fc.nat(PEERS - 1),
      // One that fills the stream, so that what follows waits for its drain.
      bytes: fc.oneof(
        { weight: 9, arbitrary: body },
        { weight: 1, arbitrary: fc.constant(filled([70_000, 1])) },
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('leave' as const),
      peer: fc.nat(PEERS - 1),
      how: fc.constantFrom('end' as const, 'reset' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('read' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('turn' as const) }) },
);

const input = fc.record({
  steps: fc.array(step, { maxLength: 25 }),
  notify: fc.boolean(),
  slow: fc.boolean(),
  mark: fc.constantFrom(0, 1, 3),
});

type Input = typeof input extends fc.Arbitrary<infer T> ? T : never;

/** A peer and what should become of it. */
interface Counterpart {
  readonly served: ServedPeer;
  readonly id: string;
  /** What it sent; what the socket sent it. */
  said: Buffer;
  told: Buffer;
  /** It was reset, so what was under way may be lost. */
  lossy: boolean;
  left: boolean;
  closed: boolean;
}

export const rawStream: FuzzTarget = {
  name: 'raw-stream',
  promise:
    'passes the bytes of STREAM peers on as they are, by routing id, whatever other peers do',
  runs: 250,
  property: fc.asyncProperty(input, (given) => withoutStrays(() => converse(given))),
};

async function converse({ steps, notify, slow, mark }: Input): Promise<void> {
  const socket = new Stream({
    context: new Context(),
    notify,
    linger: 0,
    receiveHighWaterMark: mark,
    sendHighWaterMark: 0,
  });
  const received = new Map<string, { bytes: Buffer; empties: number }>();
  const read = (): boolean => {
    const isReadable = socket.readable;
    for (let m = socket.tryReceive(); m !== undefined; m = socket.tryReceive()) {
      strictEqual(m.length, 2);
      const [id = Buffer.alloc(0), chunk = Buffer.alloc(0)] = m;
      const key = id.toString('hex');
      const known = received.get(key) ?? { bytes: Buffer.alloc(0), empties: 0 };
      if (chunk.length === 0) known.empties += 1;
      known.bytes = Buffer.concat([known.bytes, chunk]);
      received.set(key, known);
    }
    return isReadable;
  };
  const peers = Array.from({ length: PEERS }, () => meet(socket, slow, notify));
  strictEqual(new Set(peers.map(({ id }) => id)).size, PEERS, 'one routing id for each');
  const pump = async (): Promise<boolean> => {
    const acted = peers.map(({ served }) => served.stream.pump());
    await turn();
    return acted.includes(true);
  };

  for (const each of steps) {
    if (each.kind === 'read') read();
    else if (each.kind === 'turn') await pump();
    else {
      const peer = peers[each.peer] as Counterpart; // one of PEERS
      if (each.kind === 'hear' && !peer.left) {
        for (const chunk of each.chunks) {
          if (!peer.closed) peer.said = Buffer.concat([peer.said, chunk]);
          peer.served.stream.feed(chunk);
        }
      } else if (each.kind === 'leave') {
        peer.left = true;
        if (each.how === 'reset') peer.lossy = true;
        peer.served.stream.leave(each.how);
      } else if (each.kind === 'say') say(socket, peer, each.bytes);
    }
  }
  for (let turns = 0, quiet = 0; quiet < 4; turns++) {
    ok(turns < TURNS_MAX, 'it goes on without end');
    const acted = await pump();
    quiet = read() || acted ? 0 : quiet + 1;
  }
  for (const peer of peers) check(peer, received.get(peer.id), notify);
  socket.close();
  for (const { served } of peers) served.close();
  await socket.ended;
}

function say(socket: Stream, peer: Counterpart, bytes: Buffer): void {
  if (socket.peerInfo(Buffer.from(peer.id, 'hex')) === undefined) {
    let code: unknown;
    try {
      socket.trySend([Buffer.from(peer.id, 'hex'), bytes]);
    } catch (error) {
      ({ code } = error as NodeJS.ErrnoException); // looked at below
    }
    strictEqual(code, 'EHOSTUNREACH');
    return;
  }
  ok(
    socket.trySend([Buffer.from(peer.id, 'hex'), bytes]),
    'there is no mark, so everything is taken',
  );
  if (bytes.length === 0) {
    peer.closed = true;
    peer.lossy = true; // linger 0
  } else peer.told = Buffer.concat([peer.told, bytes]);
}

function check(
  peer: Counterpart,
  got: { bytes: Buffer; empties: number } | undefined,
  notify: boolean,
): void {
  const { bytes, empties } = got ?? { bytes: Buffer.alloc(0), empties: 0 };
  const heard = peer.served.heard;
  if (peer.lossy) {
    ok(bytes.equals(peer.said.subarray(0, bytes.length)), 'received something else');
    ok(heard.equals(peer.told.subarray(0, heard.length)), 'sent something else');
  } else {
    ok(bytes.equals(peer.said), 'received something else');
    if (peer.left) ok(heard.equals(peer.told.subarray(0, heard.length)), 'sent something else');
    else ok(heard.equals(peer.told), 'sent something else');
  }
  if (!notify) strictEqual(empties, 0);
  else if (!peer.closed) strictEqual(empties, peer.left ? 1 : 0); // the one of the beginning was read
  strictEqual(peer.served.end !== undefined, peer.left || peer.closed);
}

/** A new peer, and the routing id by which the socket tells of it first. */
function meet(socket: Stream, slow: boolean, notify: boolean): Counterpart {
  const served = new ServedPeer(socket, slow);
  const first = notify ? Buffer.alloc(0) : Buffer.of(1);
  served.stream.feed(first);
  served.stream.pump();
  const [id, chunk] = socket.tryReceive() ?? [];
  ok(id !== undefined && chunk?.equals(first) === true, 'a new peer is told of');
  return {
    served,
    id: id.toString('hex'),
    said: Buffer.alloc(0),
    told: Buffer.alloc(0),
    lossy: false,
    left: false,
    closed: false,
  };
}
