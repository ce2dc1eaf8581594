/*
 * ZeroMQ's own introduction: two REP servers, one REQ socket connected to both, ten requests,
 * five and five in turn. Every mixture of implementations gives the same.
 */
import { describe, expect, it } from 'vitest';
import { ours } from '../support/ours.ts';
import type { Stack, StackSocket } from '../support/stack.ts';
import { theirStacks } from '../support/their-stacks.ts';
import { transports } from '../support/transports.ts';

const REQUESTS = 10;

/** Answers each request with the server's name and the request. */
async function serve(server: StackSocket, name: string, requests: number): Promise<void> {
  for (let i = 0; i < requests; i++) {
    const [request = Buffer.alloc(0)] = await server.receive();
    await server.send([Buffer.from(`${name} ${request}`)]);
  }
}

async function introduction(client: Stack, server: Stack, endpoints: string[]): Promise<void> {
  const servers = [await server.open('REP'), await server.open('REP')];
  const req = await client.open('REQ');
  for (const [i, socket] of servers.entries()) {
    await req.connect(await socket.bind(endpoints[i] ?? ''));
  }
  const served = Promise.all(
    servers.map((socket, i) => serve(socket, `server ${i}`, REQUESTS / servers.length)),
  );
  const answers: string[] = [];
  for (let i = 0; i < REQUESTS; i++) {
    await req.send([Buffer.from(`request ${i}`)]);
    answers.push(String(await req.receive()));
  }
  await served; // Neither server had more than its half, nor less.
  const first = answers[0]?.startsWith('server 0') ? 0 : 1;
  expect(answers).toEqual(
    Array.from({ length: REQUESTS }, (_, i) => `server ${(first + i) % 2} request ${i}`),
  );
}

describe.each(transports)('two REP servers and one REQ over $name', ({ anywhere }) => {
  it('answer in turn, five and five: ours and ours', async () => {
    await introduction(ours, ours, [anywhere(), anywhere()]);
  });

  describe.each(theirStacks)('with $title', (their) => {
    it.skipIf(their.isAbsent)(
      'answer in turn, five and five: our client, their servers',
      async () => {
        await introduction(ours, their, [anywhere(), anywhere()]);
      },
    );

    it.skipIf(their.isAbsent)(
      'answer in turn, five and five: their client, our servers',
      async () => {
        await introduction(their, ours, [anywhere(), anywhere()]);
      },
    );
  });
});
