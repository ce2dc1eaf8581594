/*
 * CURVE (RFC 25/26) on the wire: frames and their order, what nobody may read, and what ends a connection. The bytes inside are
 * held against known answers in test/transport/mechanisms; here the raw peer makes its boxes with the same code.
 */
import { type AnySocketOptions, Context, curveKeyPair, Dealer, Router } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { hex, texts } from '../support/hex.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { countOf, type RecordedEvent, recordEvents } from '../support/recorded-events.ts';
import { transports } from '../support/transports.ts';
import { until } from '../support/until.ts';
import { GREETING } from '../support/vectors.ts';
import { Side } from '../transport/mechanisms/mechanism-pair.ts';

const ZEROS_31 = '00'.repeat(31);
const SIGNATURE = 'ff 0000000000000001 7f';
/** As libzmq sends it: never as server, even if it is. */
const CURVE_GREETING = `${SIGNATURE} 03 01 4355525645 ${'00'.repeat(15)} 00 ${ZEROS_31}`;
const READY_OF_NULL =
  '04 29 05 5245414459 0b 536f636b65742d54797065 00000006 4445414c4552 08 4964656e74697479 00000000';
const MORE = 0x01;
const COMMAND = 0x04;

const SERVER = curveKeyPair();
const CLIENT = curveKeyPair();
const SERVER_OPTIONS = { curveServer: true, curveSecretKey: SERVER.secretKey };
const CLIENT_OPTIONS = {
  curvePublicKey: CLIENT.publicKey,
  curveSecretKey: CLIENT.secretKey,
  curveServerKey: SERVER.publicKey,
};

/** A frame around `body`, with these flags and the LONG one where it is needed. */
function frame(flags: number, body: Buffer): Buffer {
  if (body.length <= 255) return Buffer.concat([Buffer.from([flags, body.length]), body]);
  const head = Buffer.alloc(9);
  head[0] = flags | 0x02;
  head.writeUInt32BE(body.length, 5);
  return Buffer.concat([head, body]);
}

/** Flags and body of a frame. */
function unframe(bytes: Buffer): { flags: number; body: Buffer } {
  const [flags = 0] = bytes;
  return { flags, body: bytes.subarray((flags & 0x02) === 0 ? 2 : 9) };
}

/** The raw end of a CURVE conversation: every frame is written and read by the test. */
class CurvePeer {
  readonly raw: RawPeer;
  readonly side: Side;

  constructor(raw: RawPeer, side: Side) {
    this.raw = raw;
    this.side = side;
  }

  /** Shakes hands as a client, up to and without what is named. */
  static async client(
    endpoint: string,
    until: 'HELLO' | 'INITIATE' | 'READY' | 'MESSAGE' = 'MESSAGE',
    options: AnySocketOptions = CLIENT_OPTIONS,
  ): Promise<CurvePeer> {
    const raw = await RawPeer.connect(endpoint);
    raw.write(CURVE_GREETING);
    await raw.take(64);
    const peer = new CurvePeer(raw, new Side(options));
    peer.side.mechanism.start();
    if (until === 'HELLO') return peer;
    raw.write(frame(COMMAND, peer.side.take()));
    peer.side.receive(unframe(await raw.takeFrame()).body);
    if (until === 'INITIATE') return peer;
    raw.write(frame(COMMAND, peer.side.take()));
    if (until === 'READY') return peer;
    peer.side.receive(unframe(await raw.takeFrame()).body);
    return peer;
  }

  /** The MESSAGE around a frame. */
  message(body: string, flags = 0): Buffer {
    return this.side.mechanism.encrypt(Buffer.from(body), flags);
  }

  /** The next MESSAGE: flags of the outer frame, flags inside, and body. */
  async receive(): Promise<{ outer: number; inner: number | undefined; body: string }> {
    const { flags, body } = unframe(await this.raw.takeFrame());
    const plain = this.side.mechanism.decrypt(body);
    return { outer: flags, inner: plain[0], body: plain.toString('latin1', 1) };
  }
}

describe.each(transports)('CURVE over $name', ({ anywhere, fresh }) => {
  /** A ROUTER as CURVE server, in a context without a ZAP handler. */
  async function server(options: AnySocketOptions = {}): Promise<{
    socket: Router;
    endpoint: string;
    events: RecordedEvent[];
  }> {
    const socket = closing(new Router({ context: new Context(), ...SERVER_OPTIONS, ...options }));
    const events = recordEvents(socket);
    return { socket, endpoint: await boundTo(socket, anywhere()), events };
  }

  /** A DEALER as CURVE client, and the raw server it found; both have greeted. */
  async function client(): Promise<{
    socket: Dealer;
    events: RecordedEvent[];
    peer: CurvePeer;
    listener: RawListener;
  }> {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Dealer({ ...CLIENT_OPTIONS, reconnectInterval: 1 }));
    const events = recordEvents(socket);
    socket.connect(listener.endpoint);
    const raw = await listener.accept();
    raw.write(CURVE_GREETING);
    await raw.take(64);
    const side = new Side(SERVER_OPTIONS);
    side.authenticator.present = false;
    return { socket, events, peer: new CurvePeer(raw, side), listener };
  }

  const protocolError = (events: RecordedEvent[]): Promise<RecordedEvent> =>
    until(() => events.find(({ type }) => type === 'handshake:error:protocol'), 'the event');

  it('says in its greeting that it is CURVE, and which side is the server', async () => {
    const { endpoint } = await server();
    const raw = await RawPeer.connect(endpoint);
    raw.write(CURVE_GREETING);
    const greeting = await raw.take(64);
    expect(greeting.toString('latin1', 12, 17)).toBe('CURVE');
    expect(greeting.subarray(17, 32).equals(Buffer.alloc(15))).toBe(true);
    expect(greeting[32]).toBe(1);
  });

  it('server: sends WELCOME of 168 bytes and READY as commands, and tells of the handshake', async () => {
    const { endpoint, events } = await server();
    const peer = await CurvePeer.client(endpoint, 'HELLO');
    const hello = peer.side.take();
    expect(hello).toHaveLength(200);
    peer.raw.write(frame(COMMAND, hello));
    const welcome = await peer.raw.takeFrame();
    expect(welcome.subarray(0, 10)).toEqual(hex('04 a8 07 57454c434f4d45'));
    peer.side.receive(unframe(welcome).body);
    peer.raw.write(frame(COMMAND, peer.side.take()));
    const ready = await peer.raw.takeFrame();
    expect(ready.subarray(0, 8)).toEqual(hex('04 41 05 5245414459'));
    peer.side.receive(unframe(ready).body);
    expect(peer.side.properties?.get('Socket-Type')?.toString()).toBe('ROUTER');
    await until(() => countOf(events, 'handshake') === 1, 'handshake');
  });

  it('client: sends HELLO and INITIATE as commands, and messages once READY has come', async () => {
    const { socket, peer } = await client();
    await socket.send('Hello');
    const hello = await peer.raw.takeFrame();
    expect(hello.subarray(0, 8)).toEqual(hex('04 c8 05 48454c4c4f'));
    peer.side.receive(unframe(hello).body);
    peer.raw.write(frame(COMMAND, peer.side.take()));
    const initiate = await peer.raw.takeFrame();
    expect(initiate.subarray(0, 18)).toEqual(hex('06 0000000000000124 08 494e495449415445'));
    peer.side.receive(unframe(initiate).body);
    await peer.raw.flushed();
    expect(peer.raw.pending).toHaveLength(0);
    peer.raw.write(frame(COMMAND, peer.side.take()), frame(0, peer.message('World')));
    expect(await peer.receive()).toEqual({ outer: 0, inner: 0, body: 'Hello' });
    expect(texts(await socket.receive())).toEqual(['World']);
  });

  it('puts each frame of a message into a MESSAGE of its own, whose frame says nothing of it', async () => {
    const { socket, endpoint } = await server();
    const peer = await CurvePeer.client(endpoint);
    const long = 'x'.repeat(300);
    peer.raw.write(
      frame(0, peer.message('one', MORE)),
      frame(0, peer.message('', MORE)),
      frame(0, peer.message(long)),
    );
    const [id = Buffer.alloc(0), ...frames] = await socket.receive();
    expect(texts(frames)).toEqual(['one', '', long]);
    await socket.send([id, 'two', '', long]);
    expect(await peer.receive()).toEqual({ outer: 0, inner: MORE, body: 'two' });
    expect(await peer.receive()).toEqual({ outer: 0, inner: MORE, body: '' });
    expect(await peer.receive()).toEqual({ outer: 2, inner: 0, body: long });
  });

  it('trusts the flags inside, whatever the frame around them says', async () => {
    const { socket, endpoint } = await server();
    const peer = await CurvePeer.client(endpoint);
    peer.raw.write(frame(MORE, peer.message('one')), frame(COMMAND, peer.message('two')));
    expect(texts((await socket.receive()).slice(1))).toEqual(['one']);
    expect(texts((await socket.receive()).slice(1))).toEqual(['two']);
  });

  it('takes and answers PING inside a MESSAGE', async () => {
    const { endpoint } = await server();
    const peer = await CurvePeer.client(endpoint);
    peer.raw.write(frame(0, peer.message('\x04PING\x00\x00hi', COMMAND)));
    expect(await peer.receive()).toEqual({ outer: 0, inner: COMMAND, body: '\x04PONGhi' });
  });

  it('shows nothing of messages, properties or keys to who listens on the wire', async () => {
    const { socket, endpoint } = await server({ metadata: { 'X-secret': 'property' } });
    const raw = await RawPeer.connect(endpoint);
    raw.write(CURVE_GREETING);
    const seen: Buffer[] = [await raw.take(64)];
    const side = new Side(CLIENT_OPTIONS);
    side.mechanism.start();
    for (let i = 0; i < 2; i += 1) {
      raw.write(frame(COMMAND, side.take()));
      seen.push(await raw.takeFrame());
      side.receive(unframe(seen.at(-1) ?? Buffer.alloc(0)).body);
    }
    const peer = new CurvePeer(raw, side);
    const sent = peer.message('confidential');
    raw.write(frame(0, sent));
    const [id = Buffer.alloc(0)] = await socket.receive();
    await socket.send([id, 'classified']);
    seen.push(await raw.takeFrame(), sent);
    const all = Buffer.concat(seen).toString('latin1');
    expect(all).toContain('MESSAGE');
    for (const secret of [
      'confidential',
      'classified',
      'property',
      'Socket-Type',
      'DEALER',
      'ROUTER',
    ])
      expect(all).not.toContain(secret);
  });

  it.each([
    ['a frame in clear', () => frame(0, Buffer.from('Hello')), 'ERR_ZMTP_UNEXPECTED_COMMAND'],
    [
      'a PING in clear',
      () => frame(COMMAND, hex('04 50494e47 0000')),
      'ERR_ZMTP_UNEXPECTED_COMMAND',
    ],
    [
      'a MESSAGE that is too short',
      (peer: CurvePeer) => frame(0, peer.message('x').subarray(0, 32)),
      'ERR_ZMTP_MALFORMED_COMMAND_MESSAGE',
    ],
    [
      'a MESSAGE that was changed',
      (peer: CurvePeer) => {
        const message = peer.message('pay 1');
        message[message.length - 1] = (message.at(-1) ?? 0) ^ 1;
        return frame(0, message);
      },
      'ERR_ZMTP_CRYPTOGRAPHIC',
    ],
    [
      'a MESSAGE cut short',
      (peer: CurvePeer) => frame(0, peer.message('pay 1').subarray(0, -1)),
      'ERR_ZMTP_CRYPTOGRAPHIC',
    ],
  ] as const)('ends a connection at %s, and delivers nothing of it', async (_, make, code) => {
    const { socket, endpoint, events } = await server();
    const peer = await CurvePeer.client(endpoint);
    peer.raw.write(frame(0, peer.message('good')), make(peer), frame(0, peer.message('too late')));
    await peer.raw.expectClosed();
    expect((await protocolError(events)).error?.code).toBe(code);
    expect(texts((await socket.receive()).slice(1))).toEqual(['good']);
    expect(socket.readable).toBe(false);
  });

  it('ends a connection at a MESSAGE that comes again, or in another order', async () => {
    const { socket, endpoint, events } = await server();
    const replaying = await CurvePeer.client(endpoint);
    const pay = frame(0, replaying.message('pay'));
    replaying.raw.write(pay, pay);
    await replaying.raw.expectClosed();
    const swapping = await CurvePeer.client(endpoint);
    const [first, second] = [swapping.message('first'), swapping.message('second')];
    swapping.raw.write(frame(0, second), frame(0, first));
    await swapping.raw.expectClosed();
    await until(() => countOf(events, 'handshake:error:protocol') === 2, 'two events');
    const codes = events.flatMap(({ type, error }) =>
      type === 'handshake:error:protocol' ? [error?.code] : [],
    );
    expect(codes).toEqual(['ERR_ZMTP_INVALID_SEQUENCE', 'ERR_ZMTP_INVALID_SEQUENCE']);
    expect(texts((await socket.receive()).slice(1))).toEqual(['pay']);
    expect(texts((await socket.receive()).slice(1))).toEqual(['second']);
    expect(socket.readable).toBe(false);
  });

  it('drops what was begun when the rest of it is forged', async () => {
    const { socket, endpoint } = await server();
    const peer = await CurvePeer.client(endpoint);
    peer.raw.write(frame(0, peer.message('begun', MORE)), frame(0, Buffer.from('forged')));
    await peer.raw.expectClosed();
    const other = await CurvePeer.client(endpoint);
    other.raw.write(frame(0, other.message('whole')));
    expect(texts((await socket.receive()).slice(1))).toEqual(['whole']);
  });

  it('server: has no answer for a HELLO that is replayed, beyond a WELCOME that the thief cannot open', async () => {
    const { endpoint, events } = await server();
    const peer = await CurvePeer.client(endpoint, 'HELLO');
    const hello = frame(COMMAND, peer.side.take());
    peer.raw.write(hello);
    peer.side.receive(unframe(await peer.raw.takeFrame()).body);
    const initiate = frame(COMMAND, peer.side.take());
    peer.raw.write(initiate);
    await peer.raw.takeFrame();

    const thief = await RawPeer.connect(endpoint);
    thief.write(CURVE_GREETING);
    await thief.take(64);
    thief.write(hello);
    await thief.takeFrame();
    thief.write(initiate);
    await thief.expectClosed();
    expect((await protocolError(events)).error?.code).toBe('ERR_ZMTP_CRYPTOGRAPHIC');
    expect(countOf(events, 'handshake')).toBe(1);
  });

  it.each([
    [
      'a HELLO of version 1.1',
      (hello: Buffer) => Buffer.concat([hello.subarray(0, 7), Buffer.from([1]), hello.subarray(8)]),
      'ERR_ZMTP_MALFORMED_COMMAND_HELLO',
    ],
    [
      'a HELLO that is short',
      (hello: Buffer) => hello.subarray(0, 199),
      'ERR_ZMTP_MALFORMED_COMMAND_HELLO',
    ],
    [
      'a HELLO for another server',
      (hello: Buffer) => Buffer.concat([hello.subarray(0, 120), Buffer.alloc(80, 7)]),
      'ERR_ZMTP_CRYPTOGRAPHIC',
    ],
    ['a message', () => Buffer.from('Hello'), 'ERR_ZMTP_UNEXPECTED_COMMAND'],
    ['READY of NULL', () => hex(READY_OF_NULL).subarray(2), 'ERR_ZMTP_UNEXPECTED_COMMAND'],
  ] as const)('server: closes without a word on %s', async (_, change, code) => {
    const { endpoint, events } = await server();
    const peer = await CurvePeer.client(endpoint, 'HELLO');
    peer.raw.write(frame(COMMAND, change(peer.side.take())));
    await peer.raw.expectClosed();
    expect(peer.raw.pending).toHaveLength(0);
    expect((await protocolError(events)).error?.code).toBe(code);
  });

  it('server: takes no message before READY', async () => {
    const { socket, endpoint, events } = await server();
    const peer = await CurvePeer.client(endpoint, 'INITIATE');
    peer.raw.write('00 05 48656c6c6f');
    await peer.raw.expectClosed();
    expect((await protocolError(events)).error?.code).toBe('ERR_ZMTP_UNEXPECTED_COMMAND');
    expect(socket.readable).toBe(false);
  });

  it('server: takes peers neither of NULL nor of ZMTP 2.0', async () => {
    const { endpoint, events } = await server();
    const other = await RawPeer.connect(endpoint);
    other.write(GREETING, READY_OF_NULL);
    await other.expectClosed();
    const old = await RawPeer.connect(endpoint);
    old.write(`${SIGNATURE} 01 05 00 00`);
    await old.expectClosed();
    await until(() => countOf(events, 'handshake:error:protocol') === 2, 'two events');
    expect(countOf(events, 'handshake')).toBe(0);
  });

  it('client: sends nothing but its greeting to a server of NULL', async () => {
    const listener = await RawListener.listen(await fresh());
    const socket = closing(new Dealer({ ...CLIENT_OPTIONS, reconnectInterval: 1 }));
    const events = recordEvents(socket);
    socket.connect(listener.endpoint);
    await socket.send('confidential');
    const raw = await listener.accept();
    raw.write(GREETING, READY_OF_NULL);
    await raw.expectClosed();
    expect(raw.pending.length).toBeLessThanOrEqual(64);
    await protocolError(events);
    expect(countOf(events, 'handshake')).toBe(0);
  });

  it('client: closes on a WELCOME of who does not have the secret key of the server', async () => {
    const { events, peer } = await client();
    const impostor = new Side({ curveServer: true, curveSecretKey: curveKeyPair().secretKey });
    impostor.receive(unframe(await peer.raw.takeFrame()).body);
    expect(impostor.code).toBe('ERR_ZMTP_CRYPTOGRAPHIC');
    peer.raw.write(frame(COMMAND, Buffer.concat([hex('07 57454c434f4d45'), Buffer.alloc(160, 7)])));
    await peer.raw.expectClosed();
    expect(peer.raw.pending).toHaveLength(0);
    expect((await protocolError(events)).error?.code).toBe('ERR_ZMTP_CRYPTOGRAPHIC');
    expect(countOf(events, 'connect:retry')).toBe(0);
  });

  it('client: takes ERROR for a refusal, and does not try again', async () => {
    const { events, peer } = await client();
    await peer.raw.takeFrame();
    peer.raw.write('04 0a 05 4552524f52 03 343030');
    await peer.raw.expectClosed();
    const told = await until(
      () => events.find(({ type }) => type === 'handshake:error:auth'),
      'handshake:error:auth',
    );
    expect(told.error).toMatchObject({ status: 400 });
    expect(countOf(events, 'connect:retry')).toBe(0);
  });

  it('client: takes another client for a broken server', async () => {
    const { events, peer } = await client();
    const other = new Side(CLIENT_OPTIONS);
    other.mechanism.start();
    peer.raw.write(frame(COMMAND, other.take()));
    await peer.raw.expectClosed();
    expect((await protocolError(events)).error?.code).toBe('ERR_ZMTP_UNEXPECTED_COMMAND');
  });

  it('two servers wait for each other until the handshake is given up', async () => {
    const { endpoint, events } = await server({ handshakeInterval: 100 });
    const other = closing(new Dealer({ ...SERVER_OPTIONS, reconnectInterval: 0 }));
    other.connect(endpoint);
    const told = await until(
      () => events.find(({ type }) => type === 'handshake:error:other'),
      'handshake:error:other',
    );
    expect(told.error?.code).toBe('ETIMEDOUT');
  });

  it('uses new keys after a reconnect: the old conversation is worth nothing', async () => {
    const { socket, endpoint } = await server();
    const one = await CurvePeer.client(endpoint);
    const stolen = frame(0, one.message('pay'));
    one.raw.write(stolen);
    await socket.receive();
    const two = await CurvePeer.client(endpoint);
    two.raw.write(stolen);
    await two.raw.expectClosed();
    expect(socket.readable).toBe(false);
  });

  it('closes on a frame above maxMessageSize, which counts the whole MESSAGE', async () => {
    const { socket, endpoint, events } = await server({ maxMessageSize: 400 });
    const peer = await CurvePeer.client(endpoint);
    peer.raw.write(frame(0, peer.message('x'.repeat(367))));
    expect((await socket.receive())[1]).toHaveLength(367);
    peer.raw.write(frame(0, peer.message('x'.repeat(368))));
    await peer.raw.expectClosed();
    expect((await protocolError(events)).error?.code).toBe('EMSGSIZE');
  });
});
