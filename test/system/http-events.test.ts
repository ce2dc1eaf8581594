/*
 * Server-sent events: answers without an end, many at once.
 */
import { Agent, get, type IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import { closing } from '../support/closing.ts';
import { until } from '../support/until.ts';
import { startScaled } from '../support/web-application.ts';

const CLIENTS = 1000;
const PATIENCE = { timeout: 60_000 };

it(
  'a thousand clients have their events, others are answered, and the application hears that they went',
  PATIENCE,
  async () => {
    const { port } = await startScaled('http/events.mjs');
    const agent = new Agent();
    closing({ close: () => agent.destroy() });
    const events = new Array<number>(CLIENTS).fill(0);
    const answers: IncomingMessage[] = [];
    const errors: Error[] = [];
    for (let i = 0; i < CLIENTS; i += 1) {
      get({ port, path: '/events', agent }, (answer) => {
        answers.push(answer);
        answer.on('data', (chunk) => {
          events[i] = (events[i] ?? 0) + String(chunk).split('data:').length - 1;
        });
        answer.on('error', () => {}); // it is cut below
      }).on('error', (error) => errors.push(error));
    }
    await until(
      () => events.every((count) => count > 1),
      () => `events for each: ${answers.length} answers have begun; ${errors}`,
      { deadline: 40_000 },
    );
    expect(errors).toEqual([]);
    expect(await openAt(port)).toBeGreaterThan(0);
    for (const answer of answers) answer.destroy();
    // Each of the two workers is asked, whichever it is that answers.
    for (let i = 0; i < 8; i += 1) await until(async () => (await openAt(port)) === 0);
  },
);

/** How many are open at the worker that answers. */
async function openAt(port: number): Promise<number> {
  return Number(await (await fetch(`http://127.0.0.1:${port}/open`)).text());
}
