import { describe, expect, it } from 'vitest';
import { texts } from '../../support/hex.ts';
import { message, RecordingLink, recordedPipe } from '../../support/recording-pipe-ends.ts';

describe('Pipe, from the socket down', () => {
  it('gives messages to the link in the order they were written', () => {
    const { pipe } = recordedPipe();
    pipe.write(message('a'));
    pipe.write(message('b'));
    expect([pipe.take(), pipe.take(), pipe.take()].map((m) => m && texts(m))).toEqual([
      ['a'],
      ['b'],
      undefined,
    ]);
  });

  it('wakes the link once, until the link has taken everything', () => {
    const { pipe, link } = recordedPipe();
    pipe.write(message('a'));
    pipe.write(message('b'));
    expect(link.told).toEqual(['wake']);
    while (pipe.take() !== undefined);
    pipe.write(message('c'));
    expect(link.told).toEqual(['wake', 'wake']);
  });

  it('takes exactly sendHighWaterMark messages while nobody takes them out', () => {
    const { pipe } = recordedPipe({ sendHighWaterMark: 3 });
    expect(['a', 'b', 'c', 'd'].map((text) => pipe.write(message(text)))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect([pipe.writable, pipe.unsent]).toEqual([false, 3]);
  });

  it.each([
    [1, 1],
    [2, 1],
    [3, 2],
    [10, 5],
    [1000, 500],
  ])('with a mark of %i, once full, has room again when %i were taken', (mark, taken) => {
    const { pipe, sink } = recordedPipe({ sendHighWaterMark: mark });
    for (let i = 0; i < mark; i++) pipe.write(message('x'));
    for (let i = 1; i < taken; i++) {
      pipe.take();
      pipe.taken();
    }
    expect([pipe.writable, sink.told]).toEqual([false, []]);
    pipe.take();
    pipe.taken();
    expect([pipe.writable, sink.told]).toEqual([true, ['writable']]);
  });

  it('has no limit with a mark of 0', () => {
    const { pipe } = recordedPipe();
    for (let i = 0; i < 5000; i++) expect(pipe.write(message('x'))).toBe(true);
  });

  it('keeps unsent messages for the next link, and wakes it', () => {
    const { pipe } = recordedPipe();
    pipe.write(message('a'));
    const next = new RecordingLink();
    pipe.plug(next);
    expect(next.told).toEqual(['wake']);
    expect(texts(pipe.take() ?? [])).toEqual(['a']);
  });
});

describe('Pipe, from the link up', () => {
  it('gives messages to the socket in the order they were delivered', () => {
    const { pipe } = recordedPipe();
    pipe.deliver(message('a'));
    pipe.deliver(message('b'));
    expect([pipe.read(), pipe.read(), pipe.read()].map((m) => m && texts(m))).toEqual([
      ['a'],
      ['b'],
      undefined,
    ]);
  });

  it('tells the socket once per chunk, not per message', () => {
    const { pipe, sink } = recordedPipe();
    pipe.deliver(message('a'));
    pipe.deliver(message('b'));
    pipe.delivered();
    pipe.deliver(message('c'));
    pipe.delivered();
    expect(sink.told).toEqual(['readable']);
  });

  it('tells it again for messages that come after it had read everything', () => {
    const { pipe, sink } = recordedPipe();
    pipe.deliver(message('a'));
    pipe.delivered();
    pipe.read();
    pipe.read();
    pipe.deliver(message('b'));
    pipe.delivered();
    expect(sink.told).toEqual(['readable', 'readable']);
  });

  it('pauses the link at receiveHighWaterMark and resumes it at half of it', () => {
    const { pipe, link } = recordedPipe({ receiveHighWaterMark: 4 });
    for (let i = 0; i < 4; i++) pipe.deliver(message('x'));
    expect(link.told).toEqual(['pause']);
    pipe.read();
    expect(link.told).toEqual(['pause']);
    pipe.read();
    expect(link.told).toEqual(['pause', 'resume']);
  });

  it('loses nothing of what the link had already read when it was paused', () => {
    const { pipe, link } = recordedPipe({ receiveHighWaterMark: 2 });
    for (let i = 0; i < 5; i++) pipe.deliver(message(String(i)));
    expect([link.told, pipe.unread]).toEqual([['pause'], 5]);
    const got = Array.from({ length: 5 }, () => texts(pipe.read() ?? []).join());
    expect(got.join('')).toBe('01234');
    expect(link.told).toEqual(['pause', 'resume']);
  });

  it.each([0, 100_000])(
    'with a mark of %i, pauses for a turn when much has come that nobody read',
    async (mark) => {
      const { pipe, link } = recordedPipe({ receiveHighWaterMark: mark });
      for (let i = 0; i < 256; i++) pipe.deliver(message('x'));
      expect(link.told).toEqual(['pause']);
      await new Promise(setImmediate);
      expect(link.told).toEqual(['pause', 'resume']);
      for (let i = 0; i < 255; i++) pipe.deliver(message('x'));
      expect(link.told).toEqual(['pause', 'resume']);
      pipe.deliver(message('x'));
      expect([link.told, pipe.unread]).toEqual([['pause', 'resume', 'pause'], 512]);
    },
  );

  it('resumes before the turn is over when the socket reads, and then not once more', async () => {
    const { pipe, link } = recordedPipe();
    for (let i = 0; i < 256; i++) pipe.deliver(message('x'));
    while (pipe.read() !== undefined);
    expect(link.told).toEqual(['pause', 'resume']);
    await new Promise(setImmediate);
    expect(link.told).toEqual(['pause', 'resume']);
  });

  it('reaches its mark turn by turn, and then waits for the socket', async () => {
    const { pipe, link } = recordedPipe({ receiveHighWaterMark: 600 });
    let isPaused = false;
    link.pause = () => {
      isPaused = true;
    };
    link.resume = () => {
      isPaused = false;
    };
    for (let turn = 0; turn < 10; turn++) {
      while (!isPaused) pipe.deliver(message('x'));
      await new Promise(setImmediate);
    }
    expect([pipe.unread, isPaused]).toEqual([600, true]);
    while (pipe.unread > 301) pipe.read();
    expect(isPaused).toBe(true);
    pipe.read();
    expect(isPaused).toBe(false);
  });

  it('pauses the next link, too, while it is full', () => {
    const { pipe } = recordedPipe({ receiveHighWaterMark: 1 });
    pipe.deliver(message('x'));
    const next = new RecordingLink();
    pipe.plug(next);
    expect(next.told).toEqual(['pause']);
  });
});

describe('Pipe, at its end', () => {
  it('closed by its socket, passes linger on and takes nothing more', () => {
    const { pipe, link } = recordedPipe();
    pipe.close(250);
    expect(link.told).toEqual(['close 250']);
    expect([pipe.isClosed, pipe.writable, pipe.write(message('x'))]).toEqual([true, false, false]);
  });

  it('closed with linger 0, drops what was unsent', () => {
    const { pipe } = recordedPipe();
    pipe.write(message('x'));
    pipe.close(0);
    expect(pipe.take()).toBeUndefined();
  });

  it('closed with any other linger, keeps it for the link', () => {
    const { pipe } = recordedPipe();
    pipe.write(message('x'));
    pipe.close(-1);
    expect(texts(pipe.take() ?? [])).toEqual(['x']);
  });

  it('ended by its link, tells the socket once, and can still be read', () => {
    const { pipe, sink } = recordedPipe();
    pipe.deliver(message('x'));
    pipe.delivered();
    pipe.end();
    pipe.end();
    expect(sink.told).toEqual(['readable', 'closed']);
    expect(texts(pipe.read() ?? [])).toEqual(['x']);
    expect(pipe.write(message('y'))).toBe(false);
  });
});

describe('Pipe, with new marks', () => {
  it('has room at once when the mark was raised', () => {
    const { pipe, sink } = recordedPipe({ sendHighWaterMark: 2 });
    pipe.write(message('a'));
    pipe.write(message('b'));
    pipe.setMarks({ sendHighWaterMark: 5, receiveHighWaterMark: 0 });
    expect([pipe.writable, sink.told]).toEqual([true, ['writable']]);
  });

  it('is full at once when the mark was lowered below what waits', () => {
    const { pipe } = recordedPipe({ sendHighWaterMark: 5 });
    for (let i = 0; i < 3; i++) pipe.write(message('x'));
    pipe.setMarks({ sendHighWaterMark: 2, receiveHighWaterMark: 0 });
    expect(pipe.write(message('y'))).toBe(false);
  });

  it('resumes its link when the mark was raised above what waits', () => {
    const { pipe, link } = recordedPipe({ receiveHighWaterMark: 2 });
    pipe.deliver(message('a'));
    pipe.deliver(message('b'));
    pipe.setMarks({ sendHighWaterMark: 0, receiveHighWaterMark: 10 });
    expect(link.told).toEqual(['pause', 'resume']);
  });
});
