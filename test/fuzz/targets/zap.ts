/** Replies of a ZAP handler (RFC 27): whatever comes back, nobody is let in but by a reply that says so. */

import { strictEqual } from 'node:assert';
import fc from 'fast-check';
import { Context } from '../../../packages/transport/src/context.ts';
import { decodeZapReply } from '../../../packages/transport/src/mechanisms/zap.ts';
import { Router } from '../../../packages/transport/src/sockets/router.ts';
import { ZapClient } from '../../../packages/transport/src/sockets/zap-client.ts';
import { bytes } from '../bytes.ts';
import { checkProtocolError } from '../faults.ts';
import { MemoryEnd } from '../memory-end.ts';
import { ok } from '../ok.ts';
import { turn, withoutStrays } from '../strays.ts';
import type { FuzzTarget } from '../target.ts';
import { command, greeting, properties } from '../wire.ts';

const TURNS = 12;
const ZAP_ENDPOINT = 'inproc://zeromq.zap.01';

const metadata = fc.oneof(
  { weight: 3, arbitrary: fc.constant(Buffer.alloc(0)) },
  { weight: 2, arbitrary: fc.tuple(bytes(5), bytes(5)).map(asProperties) },
  { weight: 1, arbitrary: bytes(12) },
);

/** Frames in their places, most of them right. */
const nearlyReply = fc
  .tuple(
    mostly('1.0', '1', '', '2.0', '1.0\0', '1.00'),
    mostly('1', '', '2', '01', '1\0'),
    fc.oneof(
      fc.constantFrom(
        '200',
        '300',
        '400',
        '500',
        '',
        '0',
        '20',
        '2000',
        '100',
        '600',
        '200\0',
        ' 200',
      ),
      bytes(4),
    ),
    bytes(8),
    bytes(8),
    metadata,
  )
  .map((frames) => frames.map((frame) => Buffer.from(frame as string))); // or a Buffer, which it takes as well

const reply = fc.oneof(
  { weight: 6, arbitrary: nearlyReply },
  { weight: 1, arbitrary: nearlyReply.map((frames) => frames.slice(0, -1)) },
  { weight: 1, arbitrary: nearlyReply.map((frames) => [...frames, Buffer.alloc(0)]) },
  { weight: 1, arbitrary: fc.array(bytes(5), { maxLength: 8 }) },
);

export const zapReplies: FuzzTarget = {
  name: 'zap-replies',
  promise:
    'takes a ZAP reply for a permission only when it is one, and throws nothing but ProtocolErrors',
  runs: 2000,
  property: fc.property(fc.option(reply, { nil: undefined }), (frames) => {
    let status: number | undefined;
    try {
      status = decodeZapReply(frames).status;
    } catch (error) {
      checkProtocolError(error);
      ok(error.code.startsWith('ERR_ZAP_'), error.code);
    }
    strictEqual(status === 200, isPermission(frames));
  }),
};

const question = fc.record({
  role: fc.constantFrom('plain', 'null'),
  /** Messages of the handler, behind the routing id: with the delimiter, or something else. */
  replies: fc.array(
    fc
      .tuple(fc.constantFrom('', '', '', '', 'x', undefined), reply)
      .map(([delimiter, frames]) =>
        delimiter === undefined ? frames : [Buffer.from(delimiter), ...frames],
      ),
    { maxLength: 3 },
  ),
  /** The handler is gone before it answers. */
  leaves: fc.boolean(),
});

export const zapHandler: FuzzTarget = {
  name: 'zap-handler',
  promise: 'lets a peer in only by the first answer of a real handler, whatever else it sends',
  runs: 120,
  property: fc.asyncProperty(question, (input) => withoutStrays(() => ask(input))),
};

async function ask(input: { role: string; replies: Buffer[][]; leaves: boolean }): Promise<void> {
  const context = new Context();
  const handler = new Router({ context, linger: 0 });
  handler.bindSync(ZAP_ENDPOINT);
  const client = new ZapClient(context);
  const isPlain = input.role === 'plain';
  const server = new MemoryEnd({
    socketType: 'ROUTER',
    options: isPlain ? { plainServer: true } : { zapDomain: 'd' },
    authenticator: client,
    messages: [],
    slow: false,
  });
  try {
    const dealer = properties([['Socket-Type', Buffer.from('DEALER')]]);
    server.stream.feed(greeting(isPlain ? 'PLAIN' : 'NULL'));
    server.stream.feed(
      isPlain ? command('HELLO', Buffer.from('\x05admin\x06secret')) : command('READY', dealer),
    );
    let asked = false;
    let welcomed = false;
    for (let i = 0; i < TURNS; i++) {
      server.stream.pump();
      await turn();
      const request = handler.tryReceive();
      if (request === undefined) continue;
      ok(!asked, 'the handler is asked once');
      asked = true;
      if (input.leaves) handler.close();
      for (const frames of input.replies) {
        if (!handler.closed) handler.trySend([request[0] as Buffer, ...frames]); // a ROUTER's message has one
      }
    }
    ok(asked, 'the handler was asked');
    welcomed = server.stream.take().includes('\x07WELCOME');
    if (isPlain && server.end === undefined) server.stream.feed(command('INITIATE', dealer));
    server.stream.pump();
    const isIn = server.peer !== undefined;
    // A message without frames behind the routing id goes nowhere.
    const [first] = input.replies.filter((frames) => frames.length > 0);
    const expected = !input.leaves && first?.[0]?.length === 0 && isPermission(first.slice(1));
    strictEqual(isIn, expected);
    if (isPlain) strictEqual(welcomed, expected);
  } finally {
    server.connection.destroy();
    server.stream.checkManners();
    client.close();
    handler.close();
    await handler.ended;
  }
}

/** What a permission is, said a second time. */
function isPermission(frames: readonly Buffer[] | undefined): boolean {
  if (frames?.length !== 6) return false;
  const [version, id, status, , , last = Buffer.alloc(0)] = frames;
  return (
    version?.equals(Buffer.from('1.0')) === true &&
    id?.equals(Buffer.from('1')) === true &&
    status?.equals(Buffer.from('200')) === true &&
    addsUp(last)
  );
}

/** Whether lengths of names and values fill the bytes exactly. */
function addsUp(data: Buffer): boolean {
  let offset = 0;
  while (offset < data.length) {
    const value = offset + 1 + (data[offset] ?? 0);
    if (value + 4 > data.length) return false;
    offset = value + 4 + data.readUInt32BE(value);
  }
  return offset === data.length;
}

function asProperties([name, value]: readonly [Buffer, Buffer]): Buffer {
  return properties([[name.toString('latin1'), value]]);
}

/** The first value most of the time, or another. */
function mostly(value: string, ...others: string[]): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 8, arbitrary: fc.constant(value) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );
}
