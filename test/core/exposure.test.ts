/*
 * Which endpoints other machines can reach.
 */
import { describe, expect, it } from 'vitest';
import { isBeyondLoopback, type NameFacts } from '../../packages/core/src/exposure.ts';

const FACTS: NameFacts = {
  addressesOf: (name) => ({ lo: ['127.0.0.1', '::1'], eth0: ['10.0.0.7', 'fe80::1'] })[name] ?? [],
  lookup: async (name) =>
    ({ localhost: ['::1', '127.0.0.1'], both: ['127.0.0.1', '10.0.0.7'], lan: ['10.0.0.7'] })[
      name
    ] ?? [],
};

describe('an endpoint', () => {
  it.each([
    'tcp://127.0.0.1:5555',
    'tcp://127.9.8.7:*',
    'tcp://[::1]:5555',
    'tcp://::1:5555',
    'tcp://[::ffff:127.0.0.1]:5555',
    'tcp://localhost:5555',
    'tcp://lo:5555',
    'ipc:///run/a.sock',
    'ipc://*',
  ])('stays on this machine: %s', async (endpoint) => {
    expect(await isBeyondLoopback(endpoint, FACTS)).toBe(false);
  });

  it.each([
    'tcp://*:5555',
    'tcp://0.0.0.0:5555',
    'tcp://[::]:5555',
    'tcp://10.0.0.7:5555',
    'tcp://128.0.0.1:5555',
    'tcp://[fe80::1%eth0]:5555',
    'tcp://[::ffff:10.0.0.7]:5555',
    'tcp://eth0:5555',
    'tcp://lan:5555',
    'tcp://both:5555',
    'tcp://unknown:5555',
    'tcp://127.0.0.1:1;10.0.0.7:5555',
  ])('can be reached from elsewhere, or it cannot be told: %s', async (endpoint) => {
    expect(await isBeyondLoopback(endpoint, FACTS)).toBe(true);
  });

  it('is judged by the names and interfaces of the system', async () => {
    expect(await isBeyondLoopback('tcp://localhost:5555')).toBe(false);
    expect(await isBeyondLoopback('tcp://lo:5555')).toBe(false);
    expect(await isBeyondLoopback('tcp://no-such-name.invalid:5555')).toBe(true);
  });
});
