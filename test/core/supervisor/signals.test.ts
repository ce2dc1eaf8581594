import { EventEmitter } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import {
  handleSignals,
  type SignalHost,
  type SignalTarget,
} from '../../../packages/core/src/supervisor/signals.ts';

/** A process whose exit is only noted. */
class FakeProcess extends EventEmitter implements SignalHost {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

/** A server that closes when the test says so. */
class FakeServer implements SignalTarget {
  readonly release: () => void;
  readonly reasons: string[] = [];
  kills = 0;
  readonly changes: unknown[] = [];
  #finish = (): void => {};
  readonly #closed = new Promise<void>((resolve) => {
    this.#finish = resolve;
  });

  constructor(host: SignalHost, hasTerminal: () => boolean = () => false) {
    this.release = handleSignals(this, host, hasTerminal);
  }

  close(reason: string): Promise<void> {
    this.reasons.push(reason);
    return this.#closed;
  }

  kill(): void {
    this.kills += 1;
  }

  reload(reason: string): void {
    this.changes.push(reason);
  }

  grow(by: number, reason: string): void {
    this.changes.push([by, reason]);
  }

  async finish(): Promise<void> {
    this.release();
    this.#finish();
    await new Promise(setImmediate);
  }
}

describe('signals', () => {
  it.each(['SIGINT', 'SIGTERM'])(
    'close the server at %s, and exit with 0 after that',
    async (signal) => {
      const host = new FakeProcess();
      const server = new FakeServer(host);
      host.emit(signal, signal);
      expect(server.reasons).toEqual([signal]);
      expect(host.exits).toEqual([]);
      await server.finish();
      expect(host.exits).toEqual([0]);
      expect(server.kills).toBe(0);
    },
  );

  it('let the last of several servers exit', async () => {
    const host = new FakeProcess();
    const [first, second] = [new FakeServer(host), new FakeServer(host)];
    host.emit('SIGTERM', 'SIGTERM');
    await first.finish();
    expect(host.exits).toEqual([]);
    await second.finish();
    expect(host.exits).toEqual([0]);
  });

  it('leave the exit to a program that listens itself', async () => {
    const host = new FakeProcess();
    host.on('SIGTERM', () => {});
    const server = new FakeServer(host);
    host.emit('SIGTERM', 'SIGTERM');
    await server.finish();
    expect(host.exits).toEqual([]);
  });

  it('kill the workers at a second SIGINT, and exit with 130', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const host = new FakeProcess();
    const server = new FakeServer(host);
    host.emit('SIGINT', 'SIGINT');
    vi.advanceTimersByTime(400);
    host.emit('SIGINT', 'SIGINT');
    vi.useRealTimers();
    expect(server.kills).toBe(1);
    expect(host.exits).toEqual([130]);
  });

  it('take a SIGINT that a package manager forwards for the one of the terminal', async () => {
    const host = new FakeProcess();
    const server = new FakeServer(host);
    host.emit('SIGINT', 'SIGINT');
    host.emit('SIGINT', 'SIGINT');
    expect(server.kills).toBe(0);
    await server.finish();
    expect(host.exits).toEqual([0]);
  });

  it('take any number of SIGTERM for one', async () => {
    const host = new FakeProcess();
    const server = new FakeServer(host);
    for (let i = 0; i < 3; i++) host.emit('SIGTERM', 'SIGTERM');
    expect(server.reasons).toEqual(['SIGTERM']);
    await server.finish();
    expect(server.kills).toBe(0);
  });

  it('kill the workers at SIGQUIT, and exit with 131', () => {
    const host = new FakeProcess();
    const server = new FakeServer(host);
    host.emit('SIGQUIT', 'SIGQUIT');
    expect(server.kills).toBe(1);
    expect(host.exits).toEqual([131]);
  });

  it('kill the workers of every server before the process exits', () => {
    const host = new FakeProcess();
    const servers = [new FakeServer(host), new FakeServer(host)];
    host.emit('SIGQUIT', 'SIGQUIT');
    expect(servers.map(({ kills }) => kills)).toEqual([1, 1]);
    expect(host.exits).toEqual([131]);
  });

  it('reload at SIGHUP, and change the number of workers at SIGTTIN and SIGTTOU', () => {
    const host = new FakeProcess();
    const server = new FakeServer(host);
    for (const signal of ['SIGHUP', 'SIGTTIN', 'SIGTTOU']) host.emit(signal, signal);
    expect(server.changes).toEqual(['SIGHUP', [1, 'SIGTTIN'], [-1, 'SIGTTOU']]);
    expect([server.reasons, server.kills, host.exits]).toEqual([[], 0, []]);
  });

  it('reload at a SIGHUP while the terminal is there, and close the server when it is gone', async () => {
    const host = new FakeProcess();
    let hasTerminal = true;
    const server = new FakeServer(host, () => hasTerminal);
    host.emit('SIGHUP', 'SIGHUP');
    expect([server.changes, server.reasons]).toEqual([['SIGHUP'], []]);
    hasTerminal = false;
    host.emit('SIGHUP', 'SIGHUP');
    expect([server.changes, server.reasons]).toEqual([['SIGHUP'], ['SIGHUP']]);
    await server.finish();
    expect(host.exits).toEqual([0]);
  });

  it('mean nothing any more once they are released', () => {
    const host = new FakeProcess();
    const server = new FakeServer(host);
    server.release();
    expect(host.eventNames()).toEqual([]);
  });
});
