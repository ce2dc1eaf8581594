import type { GatewayReport, StatsReport, StatusReport, WorkerReport } from '@zscale/core';
import { describe, expect, it } from 'vitest';
import { widthOf } from '../../../packages/cli/src/top/text-width.ts';
import {
  FIRST_STATE,
  type TopState,
  withAnswers,
  withKey,
  withLoss,
  withNotice,
} from '../../../packages/cli/src/top/top-state.ts';
import { render, type Screen } from '../../../packages/cli/src/top/top-view.ts';

const SCREEN: Screen = { columns: 80, rows: 24, hasColours: false };

function workerOf(id: number, facts: Partial<WorkerReport> = {}): WorkerReport {
  return {
    ...{ id, pid: 1000 + id, pool: null, state: 'ready', uptime: 5000, requests: 0 },
    ...{ inFlight: 0, memory: 64 * 1024 * 1024, restarts: 0 },
    ...facts,
  };
}

function gatewayOf(id: number, facts: Partial<GatewayReport> = {}): GatewayReport {
  return {
    ...{ id, pid: 2000 + id, state: 'ready', uptime: 5000, requests: 0, connections: 3 },
    ...{ utilization: 0.374, memory: 64 * 1024 * 1024, restarts: 1 },
    ...facts,
  };
}

function statusOf(
  workers: readonly WorkerReport[],
  facts: Partial<StatusReport> = {},
): StatusReport {
  return {
    ...{ name: 'api', kind: 'service', pid: 7, state: 'serving', uptime: 65_000 },
    ...{ endpoints: ['tcp://127.0.0.1:5555'], backends: [], codec: 'msgpack', reason: '2' },
    ...{ gateways: [], queued: 0, workers },
    ...facts,
  };
}

function statsOf(facts: Partial<StatsReport> = {}): StatsReport {
  return {
    ...{ requests: 0, replies: 0, errors: {}, queued: 0, queuedBytes: 0, longestWait: 0 },
    ...{ inFlight: 0, cancelled: 0, retried: 0, lateReplies: 0, undelivered: 0 },
    ...{ slowClients: 0, recycled: 0, restarts: 0, hangs: 0 },
    ...facts,
  };
}

function stateOf(workers: readonly WorkerReport[], now = 0): TopState {
  return withAnswers(FIRST_STATE, statusOf(workers), statsOf(), now);
}

/** The state after these keys, none of which asks for anything. */
function pressed(state: TopState, ...keys: readonly string[]): TopState {
  return keys.reduce((present, key) => {
    const effect = withKey(present, key, 0);
    if (effect.type !== 'show') throw new Error(`${key}: ${effect.type}`);
    return effect.state;
  }, state);
}

function idsIn(view: string): number[] {
  return [...view.matchAll(/^[> ] +(\d+) +1\d{3} /gm)].map(([, id]) => Number(id));
}

describe('what zscale top shows', () => {
  it('is a full screen of lines that fit, at every size', () => {
    const many = Array.from({ length: 50 }, (_, id) =>
      workerOf(id, { pool: '東京都の報告書とその他', requests: id, memory: 2 ** 41 }),
    );
    for (const columns of [1, 10, 40, 80, 200]) {
      for (const rows of [1, 2, 5, 6, 24, 100]) {
        for (const state of [FIRST_STATE, stateOf(many), pressed(stateOf(many), 'h')]) {
          const lines = render(state, { columns, rows, hasColours: false }, 0).split('\n');
          expect(lines.length, `${columns}x${rows}`).toBe(rows);
          for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
        }
      }
    }
  });

  it('has the gateways above the workers, each with its load, and says how many there is no room for', () => {
    const workers = Array.from({ length: 30 }, (_, id) => workerOf(id));
    const gateways = [gatewayOf(0, { requests: 100 }), gatewayOf(1, { utilization: null })];
    const first = withAnswers(FIRST_STATE, statusOf(workers, { gateways }), statsOf(), 1000);
    const later = [gatewayOf(0, { requests: 150 }), gatewayOf(1, { state: 'exited' })];
    const next = withAnswers(first, statusOf(workers, { gateways: later }), statsOf(), 3000);
    const view = render(next, SCREEN, 3000);
    expect(view).toMatch(
      /^GATEWAY +PID STATE +UPTIME +REQ\/S CONNECTIONS +BUSY +MEMORY RESTARTS$/m,
    );
    expect(view).toMatch(/^ +0 +2000 ready +5s +25 +3 +37% +64\.0 MB +1$/m);
    expect(view).toMatch(/^ +1 +2001 exited +- +0 +3 +37% +64\.0 MB +1$/m);
    expect(idsIn(view)).toEqual(Array.from({ length: 15 }, (_, id) => id));
    const many = Array.from({ length: 64 }, (_, id) => gatewayOf(id));
    const full = withAnswers(FIRST_STATE, statusOf(workers, { gateways: many }), statsOf(), 0);
    expect(render(full, SCREEN, 0)).toMatch(/^60 more gateways$/m);
    for (const rows of [1, 5, 9, 12, 15, 24, 100]) {
      const lines = render(full, { ...SCREEN, columns: 30, rows }, 0).split('\n');
      expect(lines).toHaveLength(rows);
      for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(30);
    }
  });

  it('has rates of the time between two answers, and none of a process that is new', () => {
    const before = [workerOf(0, { requests: 100 }), workerOf(1, { requests: 100 })];
    const after = [workerOf(0, { requests: 150 }), workerOf(1, { pid: 1099, requests: 1 })];
    const first = withAnswers(FIRST_STATE, statusOf(before), statsOf({ requests: 200 }), 1000);
    expect(render(first, SCREEN, 1000)).toContain('requests/s - ');
    const next = withAnswers(first, statusOf(after), statsOf({ requests: 260 }), 3000);
    expect(next.rate).toBe(30);
    expect(next.workers.map(({ rate }) => rate)).toEqual([25, null]);
    // A supervisor that was started anew counts from 0.
    const again = withAnswers(next, statusOf(after, { pid: 8 }), statsOf({ requests: 900 }), 4000);
    expect(again.rate).toBeNull();
  });

  it('is sorted by the chosen column, numbers from the highest down, unknown ones last', () => {
    const state = stateOf([
      workerOf(0, { memory: 5 }),
      workerOf(1, { memory: null }),
      workerOf(2, { memory: 9 }),
    ]);
    expect(idsIn(render(state, SCREEN, 0))).toEqual([0, 1, 2]);
    const byMemory = pressed(state, 'left', 'left');
    expect(render(byMemory, SCREEN, 0)).toContain('sorted by MEMORY, highest first');
    expect(idsIn(render(byMemory, SCREEN, 0))).toEqual([2, 0, 1]);
    expect(idsIn(render(pressed(byMemory, 'S'), SCREEN, 0))).toEqual([1, 0, 2]);
  });

  it('keeps the chosen worker in sight, and says how many are not', () => {
    const state = stateOf(Array.from({ length: 30 }, (_, id) => workerOf(id)));
    const small: Screen = { columns: 80, rows: 11, hasColours: false };
    const down = pressed(state, 'pagedown', 'pagedown');
    expect(render(down, small, 0)).toMatch(/^> +20 +1020 /m);
    expect(render(down, small, 0)).toContain('; 25 are not shown');
    expect(render(pressed(down, 'pagedown', 'pagedown'), small, 0)).toMatch(/^> +29 /m);
    expect(render(pressed(down, 'pageup', 'pageup', 'up'), small, 0)).toMatch(/^> +0 /m);
  });

  it('chooses another one when the chosen worker is gone', () => {
    const state = pressed(stateOf([workerOf(0), workerOf(1)]), 'down');
    expect(state.chosen).toBe(1);
    expect(withAnswers(state, statusOf([workerOf(0)]), statsOf(), 1).chosen).toBe(0);
  });

  it('says that the service is gone, and steers nothing then', () => {
    const gone = withLoss(pressed(stateOf([workerOf(0)]), 'k'), 'ended; waiting');
    expect(gone.question).toBeUndefined();
    expect(render(gone, SCREEN, 0)).toMatch(/^api: ended; waiting$/m);
    for (const key of ['+', '-', 'r', 'd', 'k']) {
      expect(render(pressed(gone, key), SCREEN, 0)).toContain('the service does not answer now');
    }
  });

  it('asks before it reloads, drains or kills, and takes only y for yes', () => {
    const state = stateOf([workerOf(0), workerOf(1)]);
    for (const [key, request] of [
      ['r', { verb: 'reload' }],
      ['d', { verb: 'drain', worker: 0 }],
      ['k', { verb: 'kill', worker: 0, signal: 'SIGKILL' }],
    ] as const) {
      const asked = pressed(state, key);
      expect(render(asked, SCREEN, 0)).toMatch(/\? .*y\/n$|\? y\/n$/m);
      expect(withKey(asked, 'y', 0)).toMatchObject({ type: 'ask', request });
      for (const no of ['n', '\r', 'x', '+', 'up']) {
        expect(pressed(asked, no).question).toBeUndefined();
      }
    }
    expect(withKey(state, '+', 0)).toMatchObject({ type: 'ask', request: { by: 1 } });
    expect(withKey(state, '-', 0)).toMatchObject({ type: 'ask', request: { by: -1 } });
    expect(withKey(pressed(state, 'k'), 'q', 0)).toEqual({ type: 'quit' });
  });

  it('forgets what it said after a while', () => {
    const state = withNotice(stateOf([]), 'reload: done', 0);
    expect(render(state, SCREEN, 4999)).toContain('reload: done');
    expect(render(state, SCREEN, 5001)).not.toContain('reload: done');
  });

  it('shows a machine that has joined by whom it works for', () => {
    const worker = workerOf(0, { requests: null, inFlight: null });
    const status = statusOf([worker], { kind: 'machine', backends: ['tcp://front:5556'] });
    const state = withAnswers(FIRST_STATE, status, statsOf({ requests: null, errors: null }), 0);
    expect(render(state, SCREEN, 0)).toMatch(/^works for tcp:\/\/front:5556$/m);
    expect(render(state, SCREEN, 0)).toMatch(/^> +0 +1000 - +ready +5s +- +- +64\.0 MB +0$/m);
  });

  it('has colours only where they are wanted', () => {
    const state = stateOf([workerOf(0)]);
    expect(render(state, SCREEN, 0)).not.toContain('\x1b');
    expect(render(state, { ...SCREEN, hasColours: true }, 0)).toContain('\x1b[7m>');
  });
});
