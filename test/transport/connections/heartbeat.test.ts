/*
 * PING and PONG as pure time (RFC 37, "Connection Heartbeating"); on the wire they are in
 * test/spec.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Heartbeat } from '../../../packages/transport/src/connections/heartbeat.ts';
import {
  type AnySocketOptions,
  resolveSocketOptions,
} from '../../../packages/transport/src/options.ts';
import { hex } from '../../support/hex.ts';

const PING = '0450494e470000';
const PONG = '04504f4e47';

/** A heartbeat, what it sent, and why it gave up. */
function beating(options: AnySocketOptions, pings = true) {
  const sent: string[] = [];
  const ends: string[] = [];
  const heartbeat = new Heartbeat(
    {
      sendCommand: (body) => sent.push(body.toString('hex')),
      heartbeatExpired: (reason) => ends.push(reason),
    },
    resolveSocketOptions(options, { options: [] }),
    pings,
  );
  return { heartbeat, sent, ends };
}

/** The rest of a turn of the event loop: sockets are read once more before a peer is given up. */
function finishTurn(): void {
  vi.advanceTimersByTime(1);
}

describe('a heartbeat', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is a PING each interval, and none before the first is over', () => {
    const { heartbeat, sent } = beating({ heartbeatInterval: 100, heartbeatTimeout: 0 });
    vi.advanceTimersByTime(99);
    expect(sent).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(sent).toEqual([PING]);
    vi.advanceTimersByTime(200);
    expect(sent).toEqual([PING, PING, PING]);
    heartbeat.stop();
  });

  it('is silent towards a peer that does not know PING, and where none was asked for', () => {
    const old = beating({ heartbeatInterval: 100 }, false);
    const quiet = beating({});
    vi.advanceTimersByTime(10_000);
    expect([old.sent, old.ends, quiet.sent, quiet.ends]).toEqual([[], [], [], []]);
  });

  it('does not give up a peer while we do not read from it', () => {
    const { heartbeat, sent, ends } = beating({ heartbeatInterval: 100 });
    vi.advanceTimersByTime(150); // asked, and waiting for the answer
    heartbeat.suspend();
    vi.advanceTimersByTime(1000);
    expect(ends).toEqual([]);
    expect(sent.length).toBeGreaterThan(5); // the peer hears that we live
    heartbeat.resume();
    vi.advanceTimersByTime(250);
    finishTurn();
    expect(ends).toHaveLength(1);
  });

  it('gives up a peer that says nothing for the timeout after a PING', () => {
    const { ends } = beating({ heartbeatInterval: 100, heartbeatTimeout: 250 });
    vi.advanceTimersByTime(349);
    expect(ends).toEqual([]);
    vi.advanceTimersByTime(1);
    finishTurn();
    expect(ends).toEqual([expect.stringContaining('within 250 ms')]);
  });

  it('has the interval for a timeout where none was said', () => {
    const { ends } = beating({ heartbeatInterval: 100 });
    vi.advanceTimersByTime(200);
    finishTurn();
    expect(ends).toHaveLength(1);
  });

  it('waits for ever with a timeout of 0', () => {
    const { ends } = beating({ heartbeatInterval: 100, heartbeatTimeout: 0 });
    vi.advanceTimersByTime(3_600_000);
    expect(ends).toEqual([]);
  });

  it('takes anything it hears for an answer, and counts anew from the next PING', () => {
    const { heartbeat, ends } = beating({ heartbeatInterval: 100, heartbeatTimeout: 80 });
    for (let i = 0; i < 10; i++) {
      vi.advanceTimersByTime(100);
      heartbeat.heard();
    }
    expect(ends).toEqual([]);
    vi.advanceTimersByTime(179);
    expect(ends).toEqual([]);
    vi.advanceTimersByTime(1);
    finishTurn();
    expect(ends).toHaveLength(1);
  });

  it('does not give a peer more time by asking again', () => {
    const { ends } = beating({ heartbeatInterval: 10, heartbeatTimeout: 100 });
    vi.advanceTimersByTime(110);
    finishTurn();
    expect(ends).toHaveLength(1);
  });

  it('does not give up a peer whose answer waits behind the end of the time', () => {
    const { heartbeat, ends } = beating({ heartbeatInterval: 100, heartbeatTimeout: 80 });
    vi.advanceTimersByTime(180); // the process was busy, and finds its timers first
    heartbeat.heard();
    finishTurn();
    expect(ends).toEqual([]);
    vi.advanceTimersByTime(100);
    finishTurn();
    expect(ends).toHaveLength(1);
  });

  it('answers a PING with its context, of at most 16 bytes', () => {
    const { heartbeat, sent } = beating({});
    heartbeat.receivePing(hex('0000'));
    heartbeat.receivePing(hex('0000 616263'));
    heartbeat.receivePing(hex('0000', '61'.repeat(20)));
    expect(sent).toEqual([PONG, `${PONG}616263`, `${PONG}${'61'.repeat(16)}`]);
  });

  it('drops a PING that is too short', () => {
    const { heartbeat, sent } = beating({});
    heartbeat.receivePing(hex(''));
    heartbeat.receivePing(hex('00'));
    expect(sent).toEqual([]);
  });

  it('gives up a peer that is silent for the time to live it asked for', () => {
    const { heartbeat, ends } = beating({});
    heartbeat.receivePing(hex('0003'));
    vi.advanceTimersByTime(299);
    expect(ends).toEqual([]);
    vi.advanceTimersByTime(1);
    finishTurn();
    expect(ends).toEqual([expect.stringContaining('within 300 ms')]);
  });

  it('forgets the time to live at the next thing it hears', () => {
    const { heartbeat, ends } = beating({});
    heartbeat.receivePing(hex('0003'));
    vi.advanceTimersByTime(200);
    heartbeat.heard();
    vi.advanceTimersByTime(3_600_000);
    expect(ends).toEqual([]);
  });

  it('stopped, neither asks nor gives up', () => {
    const { heartbeat, sent, ends } = beating({ heartbeatInterval: 100 });
    vi.advanceTimersByTime(100);
    heartbeat.receivePing(hex('0001'));
    heartbeat.stop();
    vi.advanceTimersByTime(3_600_000);
    expect([sent, ends]).toEqual([[PING, PONG], []]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
