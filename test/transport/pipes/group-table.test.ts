import { describe, expect, it } from 'vitest';
import {
  GROUPS_MAX,
  GroupTable,
  MEMBERSHIPS_MAX,
} from '../../../packages/transport/src/pipes/group-table.ts';
import type { Pipe } from '../../../packages/transport/src/pipes/pipe.ts';
import { recordedPipe } from '../../support/recording-pipe-ends.ts';
import { until } from '../../support/until.ts';

const pipe = (): Pipe => recordedPipe().pipe;

describe('GroupTable', () => {
  it('knows who is in a group, each once', () => {
    const table = new GroupTable();
    const [a, b] = [pipe(), pipe()];
    for (const each of [a, a, b]) expect(table.join('news', each)).toBe(true);
    table.join('sport', b);
    expect([...(table.membersOf('news') ?? [])]).toEqual([a, b]);
    table.leave('news', a);
    table.leave('news', a);
    table.leave('sport', a);
    expect([...(table.membersOf('news') ?? [])]).toEqual([b]);
    expect(table.memberships).toBe(2);
    table.leaveAll(b);
    expect([table.memberships, table.membersOf('news')]).toEqual([0, undefined]);
  });

  it('refuses one group more than a peer may be in, and has room again when it leaves one', () => {
    const table = new GroupTable();
    const greedy = pipe();
    for (let i = 0; i < GROUPS_MAX; i++) table.join(String(i), greedy);
    expect(table.join('0', greedy)).toBe(true);
    expect(table.join('more', greedy)).toBe(false);
    expect(table.join('more', pipe())).toBe(true);
    table.leave('0', greedy);
    expect(table.join('more', greedy)).toBe(true);
  });

  it('takes a peer of very many groups out over several turns, at the cost of its own', async () => {
    const table = new GroupTable();
    const [goes, stays] = [pipe(), pipe()];
    for (let i = 0; i < 25_000; i++) table.join(String(i), goes);
    table.join('5', stays);
    table.leaveAll(goes);
    expect(table.memberships).toBeGreaterThan(1);
    await until(() => table.memberships === 1);
    expect([...(table.membersOf('5') ?? [])]).toEqual([stays]);
  });

  it('has a limit over all peers that a few of them cannot reach', () => {
    expect(MEMBERSHIPS_MAX).toBeGreaterThan(10 * GROUPS_MAX);
  });
});
