import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FaultLog } from '../../../packages/core/src/queue/fault-log.ts';
import { recordingLogger } from '../../support/worker-queue.ts';

describe('the log of faults', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('tells of the first fault at once, with its facts', () => {
    const { logger, lines } = recordingLogger();
    new FaultLog(logger).tell({ code: 'EPROTO' }, 'disconnected a client');
    expect(lines).toEqual([
      { level: 'warn', facts: { code: 'EPROTO' }, text: 'disconnected a client' },
    ]);
  });

  it('writes one line a second, and debug lines for the rest', () => {
    const { logger, lines } = recordingLogger();
    const faults = new FaultLog(logger);
    for (let i = 0; i < 1000; i++) faults.tell({ i }, 'again');
    vi.advanceTimersByTime(999);
    faults.tell({ i: 1000 }, 'again');
    expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    expect(lines.filter(({ level }) => level === 'debug')).toHaveLength(1000);
  });

  it('says with the next line how many were left out, and then counts anew', () => {
    const { logger, lines } = recordingLogger();
    const faults = new FaultLog(logger);
    for (let i = 0; i < 4; i++) faults.tell({ i }, 'fault');
    vi.advanceTimersByTime(1000);
    faults.tell({ i: 4 }, 'fault');
    vi.advanceTimersByTime(1000);
    faults.tell({ i: 5 }, 'fault');
    const warned = lines.filter(({ level }) => level === 'warn');
    expect(warned.map(({ facts }) => facts)).toEqual([{ i: 0 }, { i: 4, untold: 3 }, { i: 5 }]);
  });
});
