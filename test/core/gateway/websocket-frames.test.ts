/*
 * The ends of WebSocket frames are found in whatever pieces they come.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closeFrame, FrameFollower } from '../../../packages/core/src/gateway/websocket-frames.ts';

const HEAD = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n';

/** Header and payload of a frame, as a server writes it, or masked. */
function frame(size: number, { opcode = 2, isMasked = false } = {}): Buffer {
  const mask = isMasked ? 0x80 : 0;
  let length = Buffer.from([mask | size]);
  if (size > 65_535) {
    length = Buffer.alloc(9, 0);
    length[0] = mask | 127;
    length.writeUInt32BE(size, 5);
  } else if (size > 125) {
    length = Buffer.from([mask | 126, size >> 8, size & 255]);
  }
  const key = Buffer.from(isMasked ? '01020304' : '', 'hex');
  return Buffer.concat([Buffer.from([0x80 | opcode]), length, key, Buffer.alloc(size, 0x88)]);
}

function followed(...pieces: readonly (string | Buffer)[]): FrameFollower {
  const follower = new FrameFollower();
  for (const piece of pieces) follower.passed(Buffer.from(piece as string, 'latin1'));
  return follower;
}

describe('what a server sends by WebSocket', () => {
  it('has a place for a frame behind its head and behind each frame, and nowhere else', () => {
    const sizes = [0, 1, 125, 126, 127, 65_535, 65_536];
    for (const size of sizes) {
      for (const isMasked of [false, true]) {
        const bytes = Buffer.concat([Buffer.from(HEAD), frame(size, { isMasked }), frame(3)]);
        const ends = [HEAD.length, bytes.length - frame(3).length, bytes.length];
        for (let cut = 0; cut <= bytes.length; cut += cut < 160 ? 1 : 97) {
          const isEnd = ends.includes(cut);
          expect(followed(bytes.subarray(0, cut)).isBetween).toBe(isEnd);
        }
        expect(followed(bytes).isBetween).toBe(true);
      }
    }
  });

  it('may come in any pieces', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ size: fc.nat(300), isMasked: fc.boolean() }), { maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }),
        (frames, cuts) => {
          const bytes = Buffer.concat([
            Buffer.from(HEAD),
            ...frames.map(({ size, isMasked }) => frame(size, { isMasked })),
          ]);
          const follower = new FrameFollower();
          for (let at = 0, n = 0; at < bytes.length; n++) {
            const size = cuts[n % cuts.length] ?? 1;
            follower.passed(bytes.subarray(at, at + size));
            at += size;
          }
          expect(follower.isBetween).toBe(true);
          follower.passed(Buffer.from([0x82]));
          expect(follower.isBetween).toBe(false);
        },
      ),
    );
  });

  it('is told by how many bytes end frames', () => {
    const follower = followed(HEAD);
    const two = Buffer.concat([frame(3), frame(4)]);
    expect(follower.passed(two)).toBe(two.length);
    expect(follower.passed(Buffer.concat([frame(3), frame(200).subarray(0, 50)]))).toBe(5);
    expect(follower.passed(frame(200).subarray(50, 60))).toBeUndefined();
    expect(follower.passed(Buffer.concat([frame(200).subarray(60), Buffer.from([0x82])]))).toBe(
      144,
    );
    expect(follower.isOver).toBe(false);
    expect(follower.passed(Buffer.from([0]))).toBe(1);
    expect(follower.passed(frame(2, { opcode: 8 }))).toBeUndefined();
    expect(follower.isOver).toBe(true);
  });

  it('has no place for one behind a frame that closes', () => {
    expect(followed(HEAD, frame(2, { opcode: 8 })).isBetween).toBe(false);
    expect(followed(HEAD, closeFrame(1001, 'going away')).isBetween).toBe(false);
    expect(followed(HEAD, frame(2, { opcode: 9 })).isBetween).toBe(true);
  });

  it('has none where it is no WebSocket', () => {
    expect(followed('HTTP/1.1 200 OK\r\n\r\n').isBetween).toBe(false);
    expect(followed('HTT', 'P/1.1 400 No\r\n\r\n').isBetween).toBe(false);
    expect(followed(`HTTP/1.1 101 x\r\nA: ${'x'.repeat(70_000)}`, '\r\n\r\n').isBetween).toBe(
      false,
    );
  });
});

describe('the frame that closes', () => {
  it('has a code and a reason', () => {
    expect(closeFrame(1012, 'service restart').toString('hex')).toBe(
      `881103f4${Buffer.from('service restart').toString('hex')}`,
    );
  });
});
