/*
 * What keeps a process alive: somebody who waits for a message, and messages that are still to be
 * sent. Sockets by themselves do not, and closed ones leave nothing behind.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Dealer } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { boundTo } from '../support/bound.ts';
import { closing } from '../support/closing.ts';
import { freshTcp, TCP_WILDCARD } from '../support/endpoints.ts';
import { within } from '../support/until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
}

/** A process that runs `program`, with the sockets imported. Killed when the test ends. */
class Program {
  readonly #child: ChildProcess;
  readonly #ending: Promise<Ending>;

  constructor(program: string) {
    const source = `import { Dealer, Reply, Request, Router } from '@zscale/transport';\n${program}`;
    const args = ['--input-type=module', '--eval', source];
    this.#child = spawn(process.execPath, args, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    this.#child.stdout?.on('data', (chunk) => {
      output += chunk;
    });
    this.#ending = once(this.#child, 'close').then(([code, signal]) => ({ code, signal, output }));
    closing(this);
  }

  /** How it ended, once it has. */
  ended(): Promise<Ending> {
    return within(this.#ending, 'the process to end by itself', { deadline: 30_000 });
  }

  /** Whether it still runs. */
  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ending;
  }
}

const ENDED_BY_ITSELF = { code: 0, signal: null };

describe('a process with sockets', () => {
  it('ends by itself when nobody waits for a message, even with its sockets open', async () => {
    const program = new Program(`
      const bound = new Dealer();
      await bound.bind('tcp://127.0.0.1:*');
      new Request().connect('tcp://127.0.0.1:1');
    `);
    expect(await program.ended()).toMatchObject(ENDED_BY_ITSELF);
  });

  it('stays while somebody waits for a message, and ends after the last', async () => {
    const server = closing(new Dealer());
    const endpoint = await boundTo(server, TCP_WILDCARD);
    const program = new Program(`
      const dealer = new Dealer();
      dealer.connect('${endpoint}');
      await dealer.send('ready');
      console.log(String(await dealer.receive()));
    `);
    expect(String(await server.receive())).toBe('ready');
    expect(program.isRunning).toBe(true);
    await server.send('now you may go');
    expect(await program.ended()).toMatchObject({ ...ENDED_BY_ITSELF, output: 'now you may go\n' });
  });

  it('stays until everything is sent that was queued before the close', async () => {
    const endpoint = await freshTcp();
    const program = new Program(`
      const dealer = new Dealer({ reconnectInterval: 10 });
      dealer.connect('${endpoint}');
      for (let i = 0; i < 100; i++) await dealer.send(String(i));
      dealer.close();
    `);
    const server = closing(new Dealer());
    await server.bind(endpoint);
    for (let i = 0; i < 100; i++) expect(String(await server.receive())).toBe(String(i));
    expect(await program.ended()).toMatchObject(ENDED_BY_ITSELF);
  });

  it('ends with linger 0, also when its socket was never closed', async () => {
    const program = new Program(`
      const request = new Request({ linger: 0, receiveTimeout: 50 });
      request.connect('${await freshTcp()}');
      await request.send('is anybody there?');
      await request.receive().catch(() => console.log('nobody'));
    `);
    expect(await program.ended()).toMatchObject({ ...ENDED_BY_ITSELF, output: 'nobody\n' });
  });

  it('ends with linger 0, whatever is queued for whoever never comes', async () => {
    const program = new Program(`
      const dealer = new Dealer({ linger: 0 });
      dealer.connect('${await freshTcp()}');
      await dealer.send('never');
      dealer.close();
    `);
    expect(await program.ended()).toMatchObject(ENDED_BY_ITSELF);
  });

  it('ends after a conversation, with nothing left that would hold it', async () => {
    const program = new Program(`
      const rep = new Reply();
      await rep.bind('tcp://127.0.0.1:*');
      const req = new Request({ heartbeatInterval: 10, heartbeatTimeout: 1000 });
      req.connect(rep.lastEndpoint);
      for (let i = 0; i < 10; i++) {
        await req.send('ping');
        await rep.receive();
        await rep.send('pong');
        await req.receive();
      }
      req.close();
      rep.close();
      await Promise.all([req.ended, rep.ended]);
      console.log('done');
    `);
    expect(await program.ended()).toMatchObject({ ...ENDED_BY_ITSELF, output: 'done\n' });
  });
});
