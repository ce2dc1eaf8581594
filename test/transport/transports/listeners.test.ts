/*
 * What the stream listeners know of themselves: their other names, and who listens on Unix domain
 * sockets.
 */
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Context } from '../../../packages/transport/src/context.ts';
import { resolveSocketOptions } from '../../../packages/transport/src/options.ts';
import { abstractNamesWork } from '../../../packages/transport/src/transports/abstract-name.ts';
import { tcpTransport } from '../../../packages/transport/src/transports/tcp.ts';
import type { Listener, PipeHost } from '../../../packages/transport/src/transports/transport.ts';
import {
  listensAt,
  unixListeners,
} from '../../../packages/transport/src/transports/unix-listeners.ts';
import { closing } from '../../support/closing.ts';
import { freshPath } from '../../support/endpoints.ts';

/** A socket to which nothing happens. */
const host: PipeHost = {
  socketType: 'DEALER',
  redialsAfterFaults: false,
  context: new Context(),
  authenticator: { present: false, ask: () => () => {} },
  attach: () => {},
  report: () => {},
  pipeReadable: () => {},
  pipeWritable: () => {},
  pipeConnected: () => {},
  pipeClosed: () => {},
};

/** A tcp listener, and whether it answers to a name with its own port. */
async function listening(endpoint: string, ipv6 = false): Promise<(name: string) => boolean> {
  const options = resolveSocketOptions({ ipv6 }, { options: [] });
  const bound = await tcpTransport.bind(endpoint, host, options);
  const listener = bound as Listener & { isAt(named: string): boolean }; // as stream listeners have it
  closing({ close: () => listener.close(0) });
  const port = listener.endpoint.slice(listener.endpoint.lastIndexOf(':') + 1);
  return (name) => listener.isAt(name.replace('PORT', port));
}

describe('a tcp listener', () => {
  it('is known by every name of its address, with its port', async () => {
    const isAt = await listening('tcp://127.0.0.1:*');
    expect(['tcp://127.0.0.1:PORT', 'tcp://localhost:PORT', 'tcp://lo:PORT'].map(isAt)).toEqual([
      true,
      true,
      true,
    ]);
    expect(
      [
        'tcp://127.0.0.1:1',
        'tcp://127.0.0.2:PORT',
        'tcp://*:PORT',
        'tcp://nosuchif:PORT',
        'tcp://127.0.0.1',
        'ipc://127.0.0.1:PORT',
        'nothing',
      ].map(isAt),
    ).toEqual([false, false, false, false, false, false, false]);
  });

  it('on all interfaces is known by *', async () => {
    const isAt = await listening('tcp://*:*');
    expect(isAt('tcp://*:PORT')).toBe(true);
    expect(isAt('tcp://0.0.0.0:PORT')).toBe(true);
  });

  it('is known by the host name that it was bound by', async () => {
    expect((await listening('tcp://localhost:*'))('tcp://localhost:PORT')).toBe(true);
  });
});

describe.skipIf(unixListeners() === undefined)('listensAt (on Linux)', () => {
  it('tells the living from the dead, by the file and not by its name', async () => {
    const folder = freshPath('d');
    mkdirSync(folder);
    const path = `${folder}/a.sock`;
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    expect(listensAt(path)).toBe(true);
    expect(listensAt(relative(process.cwd(), path))).toBe(true);
    expect(unixListeners()).toContain(path);
    await new Promise((resolve) => server.close(resolve));
    expect(unixListeners()).not.toContain(path);
  });

  it('takes a relative path of nobody knows where for the living, when the name is the same', async () => {
    const path = freshPath();
    const server = createServer();
    const bound = relative(process.cwd(), path);
    await new Promise<void>((resolve) => server.listen(bound, resolve));
    expect(unixListeners()).toContain(bound);
    expect(listensAt(path)).toBe(true);
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('abstractNamesWork', () => {
  it('says what the system shows of a name that was bound', async () => {
    const name = `zscale-unit-${process.pid}`;
    const server = createServer();
    await new Promise<void>((resolve) => server.on('error', resolve).listen(`\0${name}`, resolve));
    const shown = unixListeners()?.includes(`@${name}`) ?? false;
    await new Promise((resolve) => server.close(resolve));
    expect(abstractNamesWork()).toBe(shown);
  });
});
