import {
  Context,
  context,
  Dealer,
  Reply,
  Request,
  Router,
  type SocketOptions,
} from '@zscale/transport';
import { describe, expect, it, onTestFinished } from 'vitest';
import { closing } from '../support/closing.ts';
import { until } from '../support/until.ts';

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
    ['sendHighWaterMark', -1],
    ['receiveHighWaterMark', Number.POSITIVE_INFINITY],
    ['maxMessageSize', -2],
    ['reconnectInterval', -2],
    ['heartbeatTimeToLive', 6_553_600],
    ['tcpKeepalive', 2],
    ['routingId', ''],
    ['curveSecretKey', 'abc'],
    ['curveServerKey', '%nSc1'.repeat(8)],
    ['plainPassword', ''],
    ['gssapiServer', true],
    ['vmciConnectTimeout', -2],
    ['metadata', { 'Not-X': 'a' }],
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
    ['linger', '0'],
    ['immediate', 1],
    ['routingId', 5],
    ['curveSecretKey', 5],
    ['metadata', 'X-a'],
  ])('of a wrong type are TypeErrors, in the constructor and later: %s %j', (name, value) => {
    // A caller without types, which is who the check is for.
    expect(() => new Dealer({ [name]: value })).toThrow(TypeError);
    const socket = closing(new Dealer());
    expect(() => Object.assign(socket, { [name]: value })).toThrow(TypeError);
  });

  it.each([
    ['unknown to all', { highWaterMark: 5 }],
    ['of another pattern', { correlate: true }],
  ])('%s are TypeErrors, by name', (_, options) => {
    const [name = ''] = Object.keys(options);
    const make = (): Dealer => new Dealer(options as object); // A caller without types.
    expect(make).toThrow(TypeError);
    expect(make).toThrow(new RegExp(name));
  });

  it('keep what they were given, also when the caller changes it afterwards', () => {
    const metadata: Record<string, string> = { 'X-a': '1' };
    const routingId = Buffer.from('me');
    const socket = closing(new Dealer({ metadata, routingId } as object)); // zeromq.js takes Buffers at run time
    metadata['X-a'] = '2';
    routingId.fill('x');
    expect(socket.metadata).toEqual({ 'X-a': '1' });
    expect(socket.routingId).toBe('me');
  });

  it('that are secret never show in an error', () => {
    const almost = `${'k'.repeat(38)}\\\\`;
    for (const name of ['curveSecretKey', 'curvePublicKey', 'curveServerKey', 'plainPassword']) {
      const value = name === 'plainPassword' ? 'k'.repeat(256) : almost;
      expect(() => new Dealer({ [name]: value })).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining('kkk') }),
      );
    }
  });

  it('of security choose the mechanism, and "not the server" never takes a mechanism back that a key chose', () => {
    const key = 'rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7';
    const chosen = (options: SocketOptions<Dealer>): string | null =>
      closing(new Dealer(options)).securityMechanism;
    expect(chosen({})).toBe(null);
    expect(chosen({ plainServer: true })).toBe('plain');
    expect(chosen({ plainServer: true, plainUsername: 'a' })).toBe('plain');
    expect(chosen({ plainUsername: 'a', plainServer: false })).toBe('plain');
    expect(chosen({ plainServer: true, curveSecretKey: key })).toBe('curve');
    expect(chosen({ curveServerKey: key, curveServer: false, plainServer: false })).toBe('curve');
    expect(chosen({ curveServerKey: key, plainUsername: 'a' })).toBe('plain');
    const socket = closing(new Dealer({ curveServer: true }));
    socket.curveServer = false;
    expect(socket.securityMechanism).toBe(null);
  });

  it('set on a socket that is bound or connected warn when they work only later', async () => {
    const warnings: Error[] = [];
    const listen = (warning: Error): number => warnings.push(warning);
    process.on('warning', listen);
    onTestFinished(() => void process.off('warning', listen));
    const socket = closing(new Dealer());
    socket.backlog = 5; // nothing is bound yet
    socket.connect('tcp://127.0.0.1:1');
    socket.linger = 0; // works at once
    socket.backlog = 6;
    await until(() => warnings.length > 0);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.message).toMatch(/will not take effect until next connect/);
  });
});

describe('a context', () => {
  it('has the defaults of libzmq, and takes them as options and as properties', () => {
    const own = new Context({ maxSockets: 5 });
    expect(own).toMatchObject({
      blocky: true,
      ioThreads: 1,
      maxMessageSize: 2 ** 31 - 1,
      maxSockets: 5,
      maxSocketsLimit: 65_535,
      ipv6: false,
    });
    own.maxSockets = 6;
    expect(own.maxSockets).toBe(6);
    expect(() => Object.assign(own, { maxSockets: 0 })).toThrow(EINVAL);
    expect(() => Object.assign(own, { ipv6: 1 })).toThrow(TypeError);
    expect(() => new Context({ nope: 1 } as object)).toThrow(TypeError);
  });

  it('gives its sockets their defaults, which their own options win over', () => {
    const own = new Context({ blocky: false, ipv6: true });
    expect(closing(new Dealer({ context: own }))).toMatchObject({ linger: 0, ipv6: true });
    expect(closing(new Dealer({ context: own, linger: 5, ipv6: false }))).toMatchObject({
      linger: 5,
      ipv6: false,
      context: own,
    });
    expect(closing(new Dealer()).context).toBe(context);
  });

  it('refuses one socket more than maxSockets, until one is closed', () => {
    const own = new Context({ maxSockets: 1 });
    const first = new Dealer({ context: own });
    expect(() => new Dealer({ context: own })).toThrow(expect.objectContaining({ code: 'EMFILE' }));
    first.close();
    closing(new Dealer({ context: own }));
  });

  it('counts no socket whose options were refused', () => {
    const own = new Context({ maxSockets: 1 });
    expect(() => new Dealer({ context: own, linger: -2 })).toThrow(EINVAL);
    closing(new Dealer({ context: own }));
  });

  it('refuses messages above its maxMessageSize, summed over their frames', async () => {
    const socket = closing(new Dealer({ context: new Context({ maxMessageSize: 10 }) }));
    socket.connect('tcp://127.0.0.1:1');
    await socket.send(['12345', '67890']);
    await expect(socket.send(['12345', '678901'])).rejects.toThrow(EINVAL);
  });
});
