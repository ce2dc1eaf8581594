/** What a SOCKS5 proxy says (RFC 1928): any bytes, in any chunks. */

import { deepStrictEqual, strictEqual } from 'node:assert';
import { EventEmitter } from 'node:events';
import type { Socket as NetSocket } from 'node:net';
import fc from 'fast-check';
import { TransportError } from '../../../packages/transport/src/errors.ts';
import { askProxy } from '../../../packages/transport/src/transports/socks.ts';
import { bytes, cutBytes, cuts } from '../bytes.ts';
import { ok } from '../ok.ts';
import type { FuzzTarget } from '../target.ts';

const CODES = new Set([
  ...['EPROTO', 'EACCES', 'ENETUNREACH', 'EHOSTUNREACH', 'ECONNREFUSED', 'ETIMEDOUT'],
  ...['EOPNOTSUPP', 'EAFNOSUPPORT', 'EIO'],
]);
const REQUEST = Buffer.from('request');
const METHOD_BYTES = 2;

const answer = fc.oneof(
  { weight: 1, arbitrary: bytes(40) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.constantFrom([5, 0], [5, 0], [5, 0], [5, 255], [4, 0]),
        fc.constantFrom(5, 5, 5, 4),
        fc.constantFrom(0, 0, 0, 1, 2, 5, 8, 9, 255),
        fc.constantFrom(1, 3, 4, 2),
        bytes(40),
      )
      .map(([method, version, status, type, rest]) =>
        Buffer.concat([Buffer.from(method), Buffer.of(version, status, 0, type), rest]),
      ),
  },
);

/** The part of a net.Socket that is used. */
class FakeStream extends EventEmitter {
  readonly written: Buffer[] = [];
  error: unknown = undefined;
  destroyed = false;

  write(chunk: Buffer): boolean {
    ok(!this.destroyed, 'writes to a stream that it destroyed');
    this.written.push(Buffer.from(chunk));
    return true;
  }

  destroy(error?: unknown): this {
    this.destroyed = true;
    this.error = error;
    return this;
  }
}

export const socks: FuzzTarget = {
  name: 'socks',
  promise:
    'takes any answer of a proxy for a connection, with all that came behind it, or for a documented failure',
  runs: 1500,
  property: fc.property(answer, cuts, (whole, sizes) => {
    const stream = new FakeStream();
    let rest: Buffer | undefined;
    let dones = 0;
    const behind: Buffer[] = [];
    askProxy(stream as unknown as NetSocket, REQUEST, (first) => {
      dones += 1;
      rest = first;
    }); // only what FakeStream has is used
    for (const chunk of cutBytes(whole, sizes)) {
      if (stream.destroyed) break;
      if (dones > 0) behind.push(chunk);
      else stream.emit('data', chunk);
    }
    const length = replyLength(whole);
    if (dones > 0) {
      strictEqual(dones, 1);
      ok(!stream.destroyed, 'a connection was told and its stream destroyed');
      ok(length !== undefined, 'a refusal is taken for a connection');
      deepStrictEqual(Buffer.concat([rest ?? Buffer.alloc(0), ...behind]), whole.subarray(length));
      deepStrictEqual(stream.written, [Buffer.of(5, 1, 0), REQUEST]);
      strictEqual(stream.listenerCount('data'), 0);
    } else {
      ok(length === undefined || length > whole.length, 'a whole reply is no connection');
    }
    if (!stream.destroyed) return;
    ok(stream.error instanceof TransportError, String(stream.error));
    ok(CODES.has(stream.error.code), stream.error.code);
  }),
};

/** Bytes up to the end of a reply that says yes; undefined for anything else. */
function replyLength(whole: Buffer): number | undefined {
  const [version, method, replyVersion, status, , type] = whole;
  if (version !== 5 || method !== 0 || replyVersion !== 5 || status !== 0) return undefined;
  const head = METHOD_BYTES + 4;
  if (type === 1) return head + 4 + 2;
  if (type === 4) return head + 16 + 2;
  const name = whole[head];
  return type === 3 && name !== undefined ? head + 1 + name + 2 : undefined;
}
