import { describe, expect, it } from 'vitest';
import { RoutingTable } from '../../../packages/transport/src/pipes/routing-table.ts';
import { recordedPipe } from '../../support/recording-pipe-ends.ts';

describe('RoutingTable', () => {
  it('finds a pipe by its routing id, by value and by the very Buffer', () => {
    const table = new RoutingTable();
    const { pipe } = recordedPipe();
    const id = Buffer.from('client-1');
    table.add(id, pipe);
    expect(table.find(id)).toBe(pipe);
    expect(table.find(Buffer.from('client-1'))).toBe(pipe);
    expect(table.find(Buffer.from('client-2'))).toBeUndefined();
    expect(table.idOf(pipe)).toEqual(id);
  });

  it('tells ids apart that differ only in bytes that are no text', () => {
    const table = new RoutingTable();
    const [first, second] = [recordedPipe().pipe, recordedPipe().pipe];
    table.add(Buffer.of(0x80), first);
    table.add(Buffer.of(0x81), second);
    expect(table.find(Buffer.of(0x80))).toBe(first);
    expect(table.find(Buffer.of(0x81))).toBe(second);
  });

  it('forgets a removed pipe, but still tells the id it had: its messages may be unread', () => {
    const table = new RoutingTable();
    const { pipe } = recordedPipe();
    const id = Buffer.from('gone');
    table.add(id, pipe);
    table.remove(pipe);
    expect(table.find(id)).toBeUndefined();
    expect(table.find(Buffer.from('gone'))).toBeUndefined();
    expect(table.idOf(pipe)).toEqual(id);
    expect([...table.pipes]).toEqual([]);
  });

  it('does not take an id from the pipe that has it now when the one before is removed again', () => {
    const table = new RoutingTable();
    const [before, after] = [recordedPipe().pipe, recordedPipe().pipe];
    table.add(Buffer.from('x'), before);
    table.remove(before);
    table.add(Buffer.from('x'), after);
    table.remove(before);
    expect(table.find(Buffer.from('x'))).toBe(after);
  });

  it('makes ids of five bytes: 00 and a number that goes up by one', () => {
    const table = new RoutingTable();
    const [first, second] = [table.generateId(), table.generateId()];
    expect([first.length, first[0]]).toEqual([5, 0]);
    expect(second.readUInt32BE(1)).toBe((first.readUInt32BE(1) + 1) >>> 0);
  });

  it('starts at another number in every table', () => {
    const starts = new Set(
      Array.from({ length: 8 }, () => new RoutingTable().generateId().toString('hex')),
    );
    expect(starts.size).toBeGreaterThan(1);
  });

  it('passes over an id that a peer has given itself', () => {
    const table = new RoutingTable();
    const next = table.generateId();
    next.writeUInt32BE((next.readUInt32BE(1) + 1) >>> 0, 1);
    table.add(Buffer.from(next), recordedPipe().pipe);
    expect(table.generateId().equals(next)).toBe(false);
  });
});
