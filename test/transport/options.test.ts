import { Dealer, Reply, Request, Router } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { closing } from '../support/closing.ts';

const EINVAL = expect.objectContaining({ code: 'EINVAL' });

/** zeromq.js 6's names and defaults. */
const DEFAULTS = {
  linger: -1,
  sendHighWaterMark: 1000,
  receiveHighWaterMark: 1000,
  sendTimeout: -1,
  receiveTimeout: -1,
  maxMessageSize: -1,
  reconnectInterval: 100,
  reconnectMaxInterval: 0,
  backlog: 100,
  immediate: false,
  ipv6: false,
  handshakeInterval: 30_000,
  connectTimeout: 0,
  heartbeatInterval: 0,
  heartbeatTimeout: -1,
  heartbeatTimeToLive: 0,
  tcpKeepalive: -1,
  tcpKeepaliveIdle: -1,
} as const;

describe('options', () => {
  it('have the defaults of zeromq.js, readable as properties', () => {
    for (const socket of [new Request(), new Reply(), new Dealer(), new Router()].map(closing)) {
      expect(socket).toMatchObject(DEFAULTS);
    }
    expect(closing(new Request())).toMatchObject({
      routingId: null,
      probeRouter: false,
      correlate: false,
      relaxed: false,
    });
    expect(closing(new Router())).toMatchObject({
      routingId: null,
      probeRouter: false,
      mandatory: false,
      handover: false,
    });
  });

  it('are taken by the constructor and can be set later', () => {
    const socket = closing(new Dealer({ linger: 0, sendTimeout: 100, routingId: 'x' }));
    expect(socket).toMatchObject({ linger: 0, sendTimeout: 100, routingId: 'x' });
    socket.sendTimeout = 5;
    expect(socket.sendTimeout).toBe(5);
  });

  it('given as undefined have their defaults', () => {
    // Callers without exactOptionalPropertyTypes.
    const options = { linger: undefined } as unknown as { linger: number };
    expect(closing(new Dealer(options)).linger).toBe(-1);
  });

  it.each([
    ['linger', -2],
    ['linger', 1.5],
    ['linger', Number.NaN],
    ['linger', '0'],
    ['sendHighWaterMark', -1],
    ['receiveHighWaterMark', Number.POSITIVE_INFINITY],
    ['maxMessageSize', -2],
    ['reconnectInterval', -2],
    ['heartbeatTimeToLive', 65_501],
    ['tcpKeepalive', 2],
    ['immediate', 1],
    ['routingId', ''],
    ['routingId', 5],
  ])('out of range are EINVAL, in the constructor and later: %s %j', (name, value) => {
    // A caller without types, which is who the check is for.
    expect(() => new Dealer({ [name]: value })).toThrow(EINVAL);
    const socket = closing(new Dealer());
    expect(() => Object.assign(socket, { [name]: value })).toThrow(EINVAL);
  });

  it('refused, leave the value as it was', () => {
    const socket = closing(new Dealer({ linger: 7 }));
    expect(() => {
      socket.linger = -5;
    }).toThrow(EINVAL);
    expect(socket.linger).toBe(7);
  });

  it.each([
    ['unknown to all', { highWaterMark: 5 }],
    ['of another pattern', { correlate: true }],
  ])('%s are EINVAL, by name', (_, options) => {
    const [name = ''] = Object.keys(options);
    const make = (): Dealer => new Dealer(options as object); // A caller without types.
    expect(make).toThrow(EINVAL);
    expect(make).toThrow(new RegExp(name));
  });
});
