/*
 * `zscale req`, `pub` and their like as commands of a shell, against libzmq: npm zeromq in this process, pyzmq in another.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Push, Reply, Request } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import {
  Publisher as TheirPublisher,
  Pull as TheirPull,
  Push as TheirPush,
  Subscriber as TheirSubscriber,
} from 'zeromq';
import { boundTo } from '../support/bound.ts';
import { BIN, Program, type ProgramOptions, startZscale, zscale } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { freshIpc, freshPath, freshTcp, TCP_WILDCARD } from '../support/endpoints.ts';
import { texts } from '../support/hex.ts';
import { theirStacks } from '../support/their-stacks.ts';
import { until } from '../support/until.ts';

const BINARY = Buffer.from([0x00, 0xff, 0x0a, 0x09, 0x80]);
const BINARY_LINE = '["topic",{"base64":"AP8KCYA="},""]\n';
const BINARY_FRAMES = [Buffer.from('topic'), BINARY, Buffer.alloc(0)];

/** Starts a command that binds a free port. */
async function bound(
  verb: string,
  args: readonly string[],
  options?: ProgramOptions,
): Promise<{ readonly program: Program; readonly endpoint: string }> {
  const program = startZscale([verb, '--bind', TCP_WILDCARD, ...args], options);
  const endpoint = await until(() => /^zscale: bound (\S+)$/m.exec(program.stderr)?.[1]);
  return { program, endpoint };
}

describe.each(theirStacks)('with REQ and REP of $title', ({ isAbsent, open }) => {
  it.skipIf(isAbsent)('req gets their answers, and rep gives them its own', async () => {
    const theirRep = await open('REP');
    const endpoint = await theirRep.bind(TCP_WILDCARD);
    const asking = startZscale(['req', endpoint, '--json'], { input: `${BINARY_LINE}"again"\n` });
    expect(await theirRep.receive()).toEqual(BINARY_FRAMES);
    await theirRep.send([BINARY, Buffer.from('yes')]);
    expect(texts(await theirRep.receive())).toEqual(['again']);
    await theirRep.send([Buffer.from('done')]);
    expect(await asking.end()).toMatchObject({
      exitCode: 0,
      stdout: '[{"base64":"AP8KCYA="},"yes"]\n["done"]\n',
      stderr: '',
    });

    const answering = await bound('rep', ['--json', '--count', '2']);
    const theirReq = await open('REQ');
    await theirReq.connect(answering.endpoint);
    for (let i = 0; i < 2; i++) {
      await theirReq.send([...BINARY_FRAMES]);
      expect(await theirReq.receive()).toEqual(BINARY_FRAMES);
    }
    expect(await answering.program.end()).toMatchObject({
      exitCode: 0,
      stdout: BINARY_LINE.repeat(2),
    });
  });
});

describe('with the other sockets of libzmq', () => {
  it('push deals out to them, and pull takes from them', async () => {
    const pull = closing(new TheirPull());
    const endpoint = await boundTo(pull, TCP_WILDCARD);
    expect(
      await zscale(['push', endpoint, '--hex'], { input: '746f706963\t00ff0a0980\t\n' }),
    ).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
    expect(await pull.receive()).toEqual(BINARY_FRAMES);

    const { program, endpoint: ours } = await bound('pull', ['--json', '-n', '1']);
    const push = closing(new TheirPush());
    push.connect(ours);
    await push.send(BINARY_FRAMES);
    expect(await program.end()).toMatchObject({ exitCode: 0, stdout: BINARY_LINE });
  });

  it('pub waits for their first subscription and loses no message, and sub takes from them by topic', async () => {
    const { program, endpoint } = await bound('pub', ['a1', 'b\t1', 'a2', 'b2']);
    const subscriber = closing(new TheirSubscriber());
    subscriber.connect(endpoint);
    subscriber.subscribe('b');
    expect(texts(await subscriber.receive())).toEqual(['b', '1']);
    expect(texts(await subscriber.receive())).toEqual(['b2']);
    expect(await program.end()).toMatchObject({ exitCode: 0, stdout: '' });

    const publisher = closing(new TheirPublisher());
    const theirs = await boundTo(publisher, TCP_WILDCARD);
    const subscribed = startZscale(['sub', theirs, '-s', 'b', '--subscribe', 'c', '-n', '2']);
    await until(async () => {
      await publisher.send(['a', 'no']);
      await publisher.send(['b', 'yes']);
      return subscribed.hasEnded;
    });
    expect(await subscribed.end()).toMatchObject({ exitCode: 0, stdout: 'b\tyes\n'.repeat(2) });
  });

  it('pub waits for a subscriber that is slow, and drops nothing', async () => {
    const lines = Array.from({ length: 2_000 }, (_, i) => `${i} ${'x'.repeat(1_000)}`);
    const { program, endpoint } = await bound('pub', ['--hwm', '5'], { input: lines.join('\n') });
    const subscriber = closing(new TheirSubscriber({ receiveHighWaterMark: 5 }));
    subscriber.connect(endpoint);
    subscriber.subscribe();
    for (const line of lines) expect(texts(await subscriber.receive())).toEqual([line]);
    expect(await program.end()).toMatchObject({ exitCode: 0 });
  });

  it('pub and push end only when what they said is sent, however large', async () => {
    const sent = randomBytes(24 * 1024 * 1024);
    const file = freshPath('bin');
    writeFileSync(file, sent);
    const pull = closing(new TheirPull());
    const endpoint = await boundTo(pull, freshIpc());
    const pushing = startZscale(['push', endpoint, '--raw', '--file', file]);
    const [received] = await pull.receive();
    expect(received?.equals(sent)).toBe(true);
    expect(await pushing.end()).toMatchObject({ exitCode: 0 });

    const push = closing(new TheirPush());
    const { program, endpoint: ours } = await bound('pull', ['--raw', '-n', '1']);
    push.connect(ours);
    await push.send(sent);
    await program.end();
    expect(program.stdoutBytes.equals(sent)).toBe(true);
  });
});

describe('in a shell', () => {
  const command = (verb: string, ...args: string[]): string =>
    [process.execPath, BIN, verb, ...args].map((word) => `'${word}'`).join(' ');

  it('a reader that has enough ends it with 0 and without a word', async () => {
    const endpoint = freshIpc();
    const pulling = new Program('bash', [
      '-c',
      `${command('pull', '--bind', endpoint)} | head -1; echo "\${PIPESTATUS[0]}"`,
    ]);
    const pushing = startZscale(['push', endpoint, 'hello', '--count', '100000']);
    const { stdout, stderr } = await pulling.end();
    expect(stdout).toBe('hello\n0\n');
    expect(stderr).toBe(`zscale: bound ${endpoint}\n`);
    pushing.signal('SIGINT');
  });

  it('a reader of replies that has enough ends the requests, too', async () => {
    const { endpoint } = await bound('rep', []);
    const asking = new Program('bash', [
      '-c',
      `${command('req', endpoint, 'hello', '--count', 'off')} | head -1; echo "\${PIPESTATUS[0]}"`,
    ]);
    expect(await asking.end()).toMatchObject({ stdout: 'hello\n0\n', stderr: '' });
  });

  it('a reader that does not read makes whoever sends wait', async () => {
    const endpoint = await freshTcp();
    const child = spawn(process.execPath, [BIN, 'pull', '--bind', endpoint, '--hwm', '5']);
    closing({ close: () => child.kill('SIGKILL') });
    const push = closing(new Push({ sendHighWaterMark: 5, sendTimeout: 1_500 }));
    push.connect(endpoint);
    let sent = 0;
    const flood = async (): Promise<void> => {
      for (; sent < 2_000; sent++) await push.send(Buffer.alloc(64 * 1024, 'x'));
    };
    await push.send('first');
    child.stderr.resume();
    await once(child.stdout, 'readable'); // it runs, and nobody reads on
    await expect(flood()).rejects.toMatchObject({ code: 'EAGAIN' });
    expect(sent).toBeLessThan(1_000);
    child.stdout.resume(); // and goes on when somebody does
    await push.send('last');
  });

  it('a peer that does not read makes stdin wait', async () => {
    const reader = closing(new TheirPull({ receiveHighWaterMark: 1 }));
    const endpoint = await boundTo(reader, TCP_WILDCARD);
    const child = spawn(process.execPath, [BIN, 'push', endpoint, '--hwm', '5']);
    closing({ close: () => child.kill('SIGKILL') });
    const line = `${'x'.repeat(64 * 1024)}\n`;
    let written = 0;
    let isDone = false;
    void (async () => {
      for (; written < 2_000; written++) {
        if (!child.stdin.write(line)) await once(child.stdin, 'drain');
      }
      child.stdin.end();
      isDone = true;
    })();
    await reader.receive();
    let last = -1;
    let calm = 0;
    await until(() => {
      calm = written === last ? calm + 1 : 0;
      last = written;
      return calm > 200; // some 400 ms without a line
    });
    expect(isDone).toBe(false);
    expect(written).toBeLessThan(1_000);
    for (let i = 1; i < 2_000; i++) await reader.receive(); // none was lost
    expect((await once(child, 'exit'))[0]).toBe(0);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s ends it at once, and leaves no file',
    async (name) => {
      const endpoint = freshIpc();
      const program = startZscale(['pull', '--bind', endpoint]);
      await until(() => program.stderr.includes('bound'));
      program.signal(name);
      expect(await program.end()).toMatchObject({ exitCode: null, signal: name, stdout: '' });
      expect(existsSync(endpoint.slice('ipc://'.length))).toBe(false);
    },
  );

  it('arguments start over until so many were sent, with an interval between', async () => {
    const pull = closing(new TheirPull());
    const endpoint = await boundTo(pull, TCP_WILDCARD);
    const args = ['a', 'b', '--count', '5', '--interval', '20ms'];
    const start = performance.now();
    expect((await zscale(['push', endpoint, ...args])).exitCode).toBe(0);
    expect(performance.now() - start).toBeGreaterThan(80);
    const got: string[] = [];
    for (let i = 0; i < 5; i++) got.push(String((await pull.receive())[0]));
    expect(got).toEqual(['a', 'b', 'a', 'b', 'a']);
  });

  it('a line that is no message ends it with 2 and its number; those before it were sent', async () => {
    const pull = closing(new TheirPull());
    const endpoint = await boundTo(pull, TCP_WILDCARD);
    const end = await zscale(['push', endpoint, '--json'], { input: '["a"]\n{"b":1}\n' });
    expect(end).toMatchObject({ exitCode: 2, stdout: '' });
    expect(end.stderr).toMatch(/^zscale: line 2 of stdin must be an array of frames in JSON/);
    expect(texts(await pull.receive())).toEqual(['a']);
  });

  it('rep answers with what a command makes of the request, and with nothing where that fails', async () => {
    const { program, endpoint } = await bound('rep', [
      ...['--exec', 'read -r word; test "$word" != bad && echo "$word" | tr a-z A-Z'],
      ...['--count', '2'],
    ]);
    const asked = await zscale(['req', endpoint, 'good', 'bad']);
    expect(asked).toMatchObject({ exitCode: 0, stdout: 'GOOD\n\n', stderr: '' });
    const end = await program.end();
    expect(end).toMatchObject({ exitCode: 0, stdout: 'good\nbad\n' });
    expect(end.stderr).toContain('it ended with 1. Answered with nothing.');
  });

  it('rep --answer gives everybody the same', async () => {
    const { endpoint } = await bound('rep', ['--answer', 'a\tb', '-n', '1']);
    expect(await zscale(['req', endpoint, 'x'])).toMatchObject({ exitCode: 0, stdout: 'a\tb\n' });
  });

  it('keys keep out who has none', async () => {
    const name = freshPath('pair').replace(/\.pair$/, '');
    await zscale(['keygen', name]);
    const key = /"(.{40})"/.exec(readFileSync(`${name}.key`, 'utf8'))?.[1] ?? '';
    const { program, endpoint } = await bound('pull', [
      '-n',
      '1',
      '--curve-key',
      `${name}.key_secret`,
    ]);
    const refused = await zscale(['push', endpoint, 'open']);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('ours is NULL, the peer\'s "CURVE"');
    expect(await zscale(['push', endpoint, 'secret', '--curve-server-key', key])).toMatchObject({
      exitCode: 0,
    });
    expect(await program.end()).toMatchObject({ exitCode: 0, stdout: 'secret\n' });
  });
});

describe('when nothing comes', () => {
  it.each([
    ['req', ['question']],
    ['push', ['message']],
    ['sub', []],
  ] as const)('%s ends with 69 where nobody is', async (verb, words) => {
    const end = await zscale([verb, await freshTcp(), ...words, '--timeout', '50ms']);
    expect(end).toMatchObject({ exitCode: 69, stdout: '' });
    expect(end.stderr).toMatch(/^zscale: nobody was reached at tcp:\S+ within 50 ms/);
  });

  it('pub ends with 69 where nobody subscribes, and does not wait when told so', async () => {
    const args = ['pub', '--bind', TCP_WILDCARD, 'x'];
    expect((await zscale([...args, '--timeout', '50ms'])).exitCode).toBe(69);
    expect((await zscale([...args, '--wait', '0'])).exitCode).toBe(0);
  });

  it('req ends with 1 where somebody does not answer, or goes', async () => {
    const silent = closing(new Reply());
    const endpoint = await boundTo(silent, TCP_WILDCARD);
    const late = startZscale(['req', endpoint, 'x', '--timeout', '1s']);
    await silent.receive();
    const end = await late.end();
    expect(end.exitCode).toBe(1);
    expect(end.stderr).toMatch(/no reply came at tcp:\S+ within 1000 ms/);

    const leaving = closing(new Reply());
    const there = await boundTo(leaving, TCP_WILDCARD);
    const lost = startZscale(['req', there, 'x']);
    await leaving.receive();
    leaving.close();
    expect(await lost.end()).toMatchObject({ exitCode: 1 });
    expect(lost.stderr).toMatch(/is gone, and no reply came/);
  });

  it('push ends with 1 where what it has is not taken within --linger', async () => {
    const silent = closing(new TheirPull({ receiveHighWaterMark: 1 })); // and nobody reads
    const endpoint = await boundTo(silent, TCP_WILDCARD);
    const input = `${'x'.repeat(1024 * 1024)}\n`.repeat(40);
    const end = await zscale(['push', endpoint, '--linger', '100ms'], { input });
    expect(end).toMatchObject({ exitCode: 1, stdout: '' });
    expect(end.stderr).toMatch(/not everything was sent to tcp:\S+ within 100 ms/);
  });

  it('says what it waits for', async () => {
    const endpoint = await freshTcp();
    const pulling = startZscale(['pull', endpoint]);
    await until(() => pulling.stderr.includes('yet; waiting'));
    expect(pulling.stderr).toBe(`zscale: nobody is at ${endpoint} yet; waiting, Ctrl-C ends it.\n`);
  });

  it('a peer of another kind ends it with 1 and says which', async () => {
    const request = closing(new Request());
    const end = await zscale(['push', await boundTo(request, TCP_WILDCARD), 'x']);
    expect(end).toMatchObject({ exitCode: 1, stdout: '' });
    expect(end.stderr).toMatch(
      /no push with tcp:\S+: A PUSH socket talks to PULL; the peer is "REQ"/,
    );
  });

  it('a peer of another kind ends also who waits for stdin', async () => {
    const request = closing(new Request());
    const endpoint = await boundTo(request, TCP_WILDCARD);
    const child = spawn(process.execPath, [BIN, 'push', endpoint], { stdio: 'pipe' });
    closing({ close: () => child.kill('SIGKILL') });
    expect((await once(child, 'exit'))[0]).toBe(1);
  });

  it('a message that is too large is refused, and says which flag allows it', async () => {
    const { program, endpoint } = await bound('pull', ['--max-message-size', '1kb']);
    await zscale(['push', endpoint, 'x'.repeat(2_000)]);
    await until(() => program.stderr.includes('1024 bytes; the peer announced 2000'));
    expect(program.stderr).toContain('Raise --max-message-size');
    const sending = await zscale(['push', endpoint, '--max-message-size', '1kb'], {
      input: 'x'.repeat(2_000),
    });
    expect(sending.exitCode).toBe(1);
    expect(sending.stderr).toContain('line 1 of stdin is larger than 1024 bytes');
  });
});
