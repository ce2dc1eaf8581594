import { describe, expect, it } from 'vitest';
import { FAIRNESS_MESSAGES, Flow, pump } from '../../../packages/transport/src/devices/flow.ts';
import { closing } from '../../support/closing.ts';
import { MemorySocket, unreachable } from './memory-socket.ts';

function open(): { from: MemorySocket; to: MemorySocket; capture: MemorySocket } {
  return {
    from: closing(new MemorySocket()),
    to: closing(new MemorySocket()),
    capture: closing(new MemorySocket()),
  };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('pump', () => {
  it('moves everything there is, in order, and says that it need not be called again', () => {
    const { from, to } = open();
    expect(pump(new Flow(from.fill(5), to, undefined))).toBe(false);
    expect(to.numbers).toEqual(upTo(5));
  });

  it('passes on the very array it received, with all its frames', () => {
    const { from, to } = open();
    const message = [Buffer.from('id'), Buffer.alloc(0), Buffer.from('body')];
    from.inbox.push(message);
    pump(new Flow(from, to, undefined));
    expect(to.sent[0]).toBe(message);
  });

  it('receives nothing that it could not send on', () => {
    const { from, to } = open();
    to.room = 3;
    const flow = new Flow(from.fill(10), to, undefined);
    expect(pump(flow)).toBe(false);
    expect(from.inbox).toHaveLength(7);
    expect(flow.receivedMessages).toBe(3);
    to.room = 10;
    pump(flow);
    expect(to.numbers).toEqual(upTo(10));
  });

  it('keeps a message that was refused in spite of room, and sends it first when there is room', () => {
    const { from, to } = open();
    to.room = 2;
    to.isHopeful = true;
    const flow = new Flow(from.fill(5), to, undefined);
    expect(pump(flow)).toBe(false);
    expect(pump(flow)).toBe(false);
    expect(from.inbox).toHaveLength(2);
    expect([flow.receivedMessages, flow.sentMessages, flow.isEmpty]).toEqual([3, 2, false]);
    to.room = 10;
    pump(flow);
    expect(to.numbers).toEqual(upTo(5));
    expect([flow.receivedMessages, flow.sentMessages, flow.isEmpty]).toEqual([5, 5, true]);
  });

  it('stops after its budget of messages, and wants to be called again', () => {
    const { from, to } = open();
    const flow = new Flow(from.fill(FAIRNESS_MESSAGES + 10), to, undefined);
    expect(pump(flow)).toBe(true);
    expect(to.sent).toHaveLength(FAIRNESS_MESSAGES);
    expect(pump(flow)).toBe(false);
    expect(to.numbers).toEqual(upTo(FAIRNESS_MESSAGES + 10));
  });

  it('stops after the message that reaches its budget of bytes, and wants to be called again', () => {
    const { from, to } = open();
    const flow = new Flow(from.fill(10, 100), to, undefined);
    expect(pump(flow, { bytes: 250 })).toBe(true);
    expect(to.sent).toHaveLength(3);
  });

  it('goes on after a message whose peer is gone, and counts it', () => {
    const { from, to } = open();
    to.nextError = unreachable();
    const flow = new Flow(from.fill(3), to, undefined);
    pump(flow);
    expect(to.numbers).toEqual([1, 2]);
    expect([flow.dropped, flow.receivedMessages, flow.sentMessages]).toEqual([1, 3, 2]);
  });

  it('lets an error through that no peer is at fault for', () => {
    const { from, to } = open();
    to.nextError = new RangeError('a bug');
    expect(() => pump(new Flow(from.fill(1), to, undefined))).toThrow('a bug');
  });

  it('counts messages and the bytes of all their frames', () => {
    const { from, to } = open();
    from.inbox.push([Buffer.alloc(5), Buffer.alloc(0), Buffer.alloc(10)], [Buffer.alloc(1)]);
    const flow = new Flow(from, to, undefined);
    pump(flow);
    expect(flow).toMatchObject({
      receivedMessages: 2,
      receivedBytes: 16,
      sentMessages: 2,
      sentBytes: 16,
      dropped: 0,
    });
  });
});

describe('pump with a capture socket', () => {
  it('gives it the same Buffers in an array of its own', () => {
    const { from, to, capture } = open();
    pump(new Flow(from.fill(2), to, capture));
    expect(capture.numbers).toEqual([0, 1]);
    expect(capture.sent[0]).not.toBe(to.sent[0]);
    expect(capture.sent[0]?.[0]).toBe(to.sent[0]?.[0]);
  });

  it('receives nothing while it has no room', () => {
    const { from, to, capture } = open();
    capture.room = 1;
    const flow = new Flow(from.fill(3), to, capture);
    pump(flow);
    expect([to.numbers, from.inbox.length]).toEqual([[0], 2]);
    capture.room = 3;
    pump(flow);
    expect(to.numbers).toEqual([0, 1, 2]);
  });

  it('gives it each message once, however often the other side refuses it', () => {
    const { from, to, capture } = open();
    to.room = 0;
    to.isHopeful = true;
    const flow = new Flow(from.fill(1), to, capture);
    for (let i = 0; i < 3; i++) pump(flow);
    expect(capture.numbers).toEqual([0]);
    to.room = 1;
    pump(flow);
    expect([capture.numbers, to.numbers]).toEqual([[0], [0]]);
  });

  it('sends nothing on that it refused in spite of room', () => {
    const { from, to, capture } = open();
    capture.room = 0;
    capture.isHopeful = true;
    const flow = new Flow(from.fill(2), to, capture);
    pump(flow);
    expect(to.sent).toEqual([]);
    capture.room = 2;
    pump(flow);
    expect([capture.numbers, to.numbers]).toEqual([
      [0, 1],
      [0, 1],
    ]);
  });
});
