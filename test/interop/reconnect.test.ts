/*
 * A peer that is restarted: whoever connected goes on with the new one, ours or theirs.
 */
import { describe, expect, it } from 'vitest';
import { ours } from '../support/ours.ts';
import { Relay } from '../support/relay.ts';
import type { StackSocket } from '../support/stack.ts';
import { TheirPeer } from '../support/their-peer.ts';
import { theirStacks } from '../support/their-stacks.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';

const frame = (text: string): Buffer[] => [Buffer.from(text)];

/**
 * One question and its answer between two DEALERs. What was sent into a connection that is broken
 * without the sender's knowing is lost, so the question is asked until it was heard.
 */
async function converse(client: StackSocket, server: StackSocket, text: string): Promise<void> {
  let isHeard = false;
  const hear = async (): Promise<void> => {
    let got = '';
    while (got !== text) got = String(await server.receive());
    isHeard = true;
  };
  const hearing = hear();
  await until(async () => {
    await client.send(frame(text));
    return isHeard;
  }, `the server to hear ${text}`);
  await hearing;
  await server.send(frame(`${text}!`));
  expect(String(await client.receive())).toBe(`${text}!`);
}

describe.each(theirStacks)('with $title', (their) => {
  describe.skipIf(their.isAbsent).each(transports)('over $name', ({ fresh }) => {
    it.each([
      { client: ours, server: their },
      { client: their, server: ours },
    ])(
      'a $client.name client goes on with a $server.name server that was restarted',
      async ({ client, server }) => {
        const endpoint = await fresh();
        const connecting = await client.open('DEALER', { reconnectInterval: 10 });
        await connecting.connect(endpoint);
        for (const text of ['first', 'second', 'third']) {
          const binding = await server.open('DEALER');
          await until(async () => {
            await binding.bind(endpoint); // The address is taken until the one before has let go.
            return true;
          }, 'the address to be free');
          await converse(connecting, binding, text);
          await binding.close();
        }
      },
    );
  });

  describe.skipIf(their.isAbsent)('over a wire that is cut', () => {
    it.each([
      { client: ours, server: their },
      { client: their, server: ours },
    ])(
      'a $client.name client connects again to a $server.name server',
      async ({ client, server }) => {
        const binding = await server.open('DEALER');
        const relay = await Relay.to(await binding.bind('tcp://127.0.0.1:*'));
        const connecting = await client.open('DEALER', { reconnectInterval: 10 });
        await connecting.connect(relay.endpoint);
        await converse(connecting, binding, 'before');
        for (let cuts = 1; cuts <= 3; cuts++) {
          relay.cut();
          await until(() => relay.connections > cuts, 'a new connection');
        }
        await converse(connecting, binding, 'after');
      },
    );
  });
});

const pyzmqIsAbsent = theirStacks.some(({ name, isAbsent }) => name === 'pyzmq' && isAbsent);

describe.skipIf(pyzmqIsAbsent)('a Python server that is killed', () => {
  it('is replaced by another at the same address, which our client finds by itself', async () => {
    const client = await ours.open('DEALER', { reconnectInterval: 10 });
    let endpoint = 'tcp://127.0.0.1:*';
    for (const name of ['first', 'second']) {
      const peer = new TheirPeer();
      const server = await peer.open('DEALER');
      const real = await server.bind(endpoint);
      if (endpoint !== real) await client.connect(real);
      endpoint = real;
      await converse(client, server, name);
      await peer.close();
    }
  });
});
