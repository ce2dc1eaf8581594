import { expect, it } from 'vitest';
import { mayRetry } from '../../../packages/core/src/queue/retry.ts';

const LOSS = {
  attempts: 1,
  retries: 1,
  clientSays: undefined,
  workerJudges: false,
  workerSays: false,
};

it.each([
  ['retries alone: every request', {}, true],
  ['no retries', { retries: 0 }, false],
  ['the last attempt', { attempts: 2 }, false],
  ['one before the last', { attempts: 2, retries: 2 }, true],
  ['a handler that judges, and said nothing', { workerJudges: true }, false],
  ['a handler that judges, and said so', { workerJudges: true, workerSays: true }, true],
  ['a client that forbids it', { clientSays: false }, false],
  [
    'a client that forbids it against its handler',
    { clientSays: false, workerJudges: true, workerSays: true },
    false,
  ],
  ['a client that allows it', { clientSays: true, workerJudges: true }, true],
  ['a client that allows it, without retries', { clientSays: true, retries: 0 }, false],
])('%s', (_case, facts, expected) => {
  expect(mayRetry({ ...LOSS, ...facts })).toBe(expected);
});
