/*
 * What many peers cost who have nothing to say: memory of the server process, and no CPU.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Crowd, type Memory, requireOpenFiles } from '../support/crowd.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** What is made once is made for these. */
const WARM_UP = 500;
const PEERS = 2000;
const MANY = 10_000;
/** Messages that a peer sends in one go: more than fit into the smallest rings. */
const BURST = 300;
/** Enough turns of one event loop for another that turns to make thousands. */
const OWN_TURNS = 50_000;
/** Each question and each answer wakes the event loop that is asked about. */
const TURNS_OF_ASKING = 8;

function perPeer(before: Memory, after: Memory): number {
  return (after.heap - before.heap + after.buffers - before.buffers) / PEERS;
}

/** What each of many more peers adds to the heap and the ArrayBuffers of a server. */
async function costOfIdlePeer(crowd: Crowd): Promise<number> {
  await crowd.connect(WARM_UP);
  const before = await crowd.memory();
  await crowd.connect(PEERS);
  return perPeer(before, await crowd.memory());
}

describe('an idle peer', () => {
  it('costs a ROUTER at most 4 KiB of heap and ArrayBuffers beside its net.Socket, also after a burst', async () => {
    const bare = await costOfIdlePeer(await Crowd.gather('bare'));
    const crowd = await Crowd.gather('router');
    const ours = await costOfIdlePeer(crowd);
    expect(ours - bare).toBeLessThan(4 * KIB);

    const before = await crowd.memory();
    await crowd.exchange(BURST);
    const grown = (perPeer(before, await crowd.memory()) * PEERS) / (PEERS + WARM_UP);
    expect(ours + grown - bare).toBeLessThan(4 * KIB);
  });

  it(`is one of ${MANY}, which together cost at most 200 MiB of resident memory`, async () => {
    requireOpenFiles(MANY);
    const crowd = await Crowd.gather('router');
    const before = await crowd.memory();
    await crowd.connect(MANY);
    const after = await crowd.memory();
    expect(await crowd.count()).toBe(MANY);
    expect(after.rss - before.rss).toBeLessThan(200 * MIB);
  });

  it('costs no turn of the event loop, and no timer, while the socket waits for a message', async () => {
    const crowd = await Crowd.gather('watched');
    await crowd.connect(100);
    await crowd.exchange(1); // now it waits again
    let before = await crowd.turns();
    // It stays awake for a moment after a message: until it does no more.
    for (let previous = -1; before.turns - previous > TURNS_OF_ASKING; ) {
      previous = before.turns;
      before = await crowd.turns();
    }
    for (let i = 0; i < OWN_TURNS; i++) await nextTurn();
    const after = await crowd.turns();
    expect(after.turns - before.turns).toBeLessThanOrEqual(TURNS_OF_ASKING);
    // Those that hold the process for the two that wait, which never fire: none for a peer.
    expect(after.timers).toBe(2);
  });
});
