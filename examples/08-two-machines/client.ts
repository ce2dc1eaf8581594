/**
 * Asks for as long as it is let, or for so many seconds as it is told, and prints which processes answered in each:
 * `tsx client.ts [seconds] [endpoint] [public key file]`.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '@zscale/core';
import type handler from '../01-hello/handler.ts';

const [
  seconds = 'Infinity',
  endpoint = 'tcp://127.0.0.1:5555',
  keyFile = 'examples/08-two-machines/service.key',
] = process.argv.slice(2);
const [, serverKey = ''] = /public-key = "(.*)"/.exec(readFileSync(keyFile, 'utf8')) ?? [];
const client = connect<typeof handler>(endpoint, { curve: { serverKey } });

for (let second = 0; second < Number(seconds); second += 1) {
  const answers = new Map<string, number>();
  for (let i = 0; i < 20; i += 1) {
    // Four at a time, so that each process has something to do.
    const asked = [1, 2, 3, 4].map(() => client.request({ name: 'you' }));
    for (const outcome of await Promise.allSettled(asked)) {
      const who = outcome.status === 'fulfilled' ? `pid ${outcome.value.pid}` : outcome.reason.code;
      answers.set(who, (answers.get(who) ?? 0) + 1);
    }
    await delay(50);
  }
  console.log([...answers].map(([who, count]) => `${who}: ${count}`).join('   '));
}
await client.close();
