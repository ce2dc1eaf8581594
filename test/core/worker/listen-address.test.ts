import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  addressInfoOf,
  endpointOf,
  isSamePlace,
  listenAddressOf,
} from '../../../packages/core/src/worker/listen-address.ts';

const noop = (): void => {};

describe('what listen() was asked for', () => {
  it.each<[unknown[], string, unknown]>([
    [[3000], 'http://*:3000', { address: '::', family: 'IPv6', port: 3000 }],
    [['3000', noop], 'http://*:3000', { address: '::', family: 'IPv6', port: 3000 }],
    [
      [3000, '0.0.0.0', 511, noop],
      'http://*:3000',
      { address: '0.0.0.0', family: 'IPv4', port: 3000 },
    ],
    [[3000, 511], 'http://*:3000', { address: '::', family: 'IPv6', port: 3000 }],
    [
      [3000, 'localhost'],
      'http://localhost:3000',
      { address: '127.0.0.1', family: 'IPv4', port: 3000 },
    ],
    [
      [{ port: 3000, host: '::1' }],
      'http://[::1]:3000',
      { address: '::1', family: 'IPv6', port: 3000 },
    ],
    [[{ port: '3000', host: '' }], 'http://*:3000', { address: '::', family: 'IPv6', port: 3000 }],
    [[], 'http://*:0', { address: '::', family: 'IPv6', port: 0 }],
    [[noop], 'http://*:0', { address: '::', family: 'IPv6', port: 0 }],
    [[{}, noop], 'http://*:0', { address: '::', family: 'IPv6', port: 0 }],
    [['/run/a.sock'], 'unix:/run/a.sock', '/run/a.sock'],
    [[{ path: '/run/a.sock' }], 'unix:/run/a.sock', '/run/a.sock'],
    [['a.sock'], `unix:${path.resolve('a.sock')}`, path.resolve('a.sock')],
    [[{ fd: 3 }], 'fd:3', { address: '::', family: 'IPv6', port: 0 }],
  ])('is understood in each form: %j', (args, endpoint, info) => {
    const address = listenAddressOf(args);
    expect(endpointOf(address, false)).toBe(endpoint);
    expect(addressInfoOf(address)).toEqual(info);
    expect(address.onListening).toBe(args.includes(noop) ? noop : undefined);
  });

  it('is https:// for a server of node:https', () => {
    expect(endpointOf(listenAddressOf([443, '::1']), true)).toBe('https://[::1]:443');
  });

  it.each([70_000, -1, 1.5, { port: 'x' }])('is refused as Node refuses it: %j', (port) => {
    expect(() => listenAddressOf([port])).toThrow(
      expect.objectContaining({ code: 'ERR_SOCKET_BAD_PORT' }),
    );
  });

  it('is the same place on another address of the machine', () => {
    const [one, other, third] = [[3000, '::1'], [3000, '127.0.0.1'], [3001]].map(listenAddressOf);
    if (one === undefined || other === undefined || third === undefined) throw new Error('three');
    expect(isSamePlace(one, other)).toBe(true);
    expect(isSamePlace(one, third)).toBe(false);
    expect(isSamePlace(one, listenAddressOf(['/a']))).toBe(false);
    expect(isSamePlace(listenAddressOf(['/a']), listenAddressOf(['/a']))).toBe(true);
  });
});
