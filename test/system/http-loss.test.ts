/*
 * What clients of HTTP notice when workers die, hang and are replaced: nothing, wherever a request may be done again.
 */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, get, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freshFolder } from '../support/programs.ts';
import { until } from '../support/until.ts';
import { SERVER, startWeb, type Web } from '../support/web.ts';

const FREE = ['--bind', 'http://127.0.0.1:0', '--max-restarts', '1000/60s'];
const CONNECTIONS = 16;

/** Keep-alive clients that ask until they are told to stop. */
class Load {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  readonly errors: string[] = [];
  readonly pids = new Set<string>();
  answered = 0;
  #stopped = false;
  #over: Promise<unknown> = Promise.resolve();

  start(endpoint: string): void {
    const loops = Array.from({ length: CONNECTIONS }, async () => {
      while (!this.#stopped) await this.#ask(endpoint);
    });
    this.#over = Promise.all(loops);
    onTestFinished(() => this.stop());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#over;
    this.#agent.destroy();
  }

  async #ask(endpoint: string): Promise<void> {
    try {
      const { status, text } = await ask(`${endpoint}/a`, this.#agent);
      if (status !== 200) this.errors.push(`${status} ${text}`);
      this.answered += 1;
      this.pids.add(text.replace(/^.* /, ''));
    } catch (error) {
      this.errors.push(String(error));
    }
  }
}

function ask(url: string, agent?: Agent): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      response.setEncoding('utf8');
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, text }));
      response.on('error', reject);
    }).on('error', reject);
  });
}

async function loaded(web: Web): Promise<Load> {
  const load = new Load();
  load.start(web.endpoint);
  await until(() => load.pids.size === 2);
  return load;
}

describe('under load of GET from keep-alive clients', () => {
  it('nobody notices that workers are killed', async () => {
    const load = await loaded(await startWeb(SERVER, FREE));
    for (let kill = 0; kill < 6; kill++) {
      const known = new Set(load.pids);
      const victim = [...load.pids].at(-1) ?? '';
      process.kill(Number(victim), 'SIGKILL');
      await until(() => [...load.pids].some((pid) => !known.has(pid)), 'its replacement');
      const before = load.answered;
      await until(() => load.answered > before + 200);
    }
    await load.stop();
    expect(load.errors).toEqual([]);
    expect(load.answered).toBeGreaterThan(1200);
  });

  it('nobody notices that all are replaced, again and again', async () => {
    const web = await startWeb(SERVER, FREE);
    const load = await loaded(web);
    for (let reload = 1; reload <= 3; reload++) {
      const known = new Set(load.pids);
      web.program.signal('SIGHUP');
      await until(() => web.program.stderr.match(/"msg":"reloaded"/g)?.length === reload);
      await until(() => [...load.pids].filter((pid) => !known.has(pid)).length >= 2);
    }
    await load.stop();
    expect(load.errors).toEqual([]);
  });

  it('one that loops for ever is replaced, and only who asked for that is told', async () => {
    const web = await startWeb(SERVER, [...FREE, '--hang-timeout', '300ms']);
    const load = await loaded(web);
    // It is done again by two others, which hang as well, and then it is known what hangs them.
    const answer = await ask(`${web.endpoint}/loop`);
    expect(answer).toMatchObject({
      status: 502,
      text: expect.stringContaining('ZSCALE_ERR_WORKER_LOST'),
    });
    const before = load.answered;
    await until(() => load.answered > before + 200);
    await load.stop();
    expect(load.errors).toEqual([]);
  });
});

describe('a POST', () => {
  /** Its requests leave a line each, before it is decided whether the worker dies. */
  const WRITER = `
    import { appendFileSync } from 'node:fs';
    import { createServer } from 'node:http';
    createServer((req, res) => {
      appendFileSync(process.env.LOG, req.method + ' ' + req.url + '\\n');
      if (req.url === '/die') process.kill(process.pid, 'SIGKILL');
      else res.end('done');
    }).listen(0);`;

  async function startWriter(): Promise<{ web: Web; lines: () => string[] }> {
    const log = join(freshFolder(), 'log');
    writeFileSync(log, '');
    const web = await startWeb(WRITER, FREE, { env: { LOG: log } });
    return {
      web,
      lines: () =>
        readFileSync(log, 'utf8')
          .split('\n')
          .filter((line) => line !== ''),
    };
  }

  it('is never done twice: its client is told', async () => {
    const { web, lines } = await startWriter();
    const response = await fetch(`${web.endpoint}/die`, { method: 'POST', body: 'x' });
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ error: { code: 'ZSCALE_ERR_WORKER_LOST' } });
    expect((await fetch(`${web.endpoint}/ok`, { method: 'POST', body: 'x' })).status).toBe(200);
    expect(lines()).toEqual(['POST /die', 'POST /ok']);
  });

  it('that says how it is known again may be done again, and so may a GET, but not for ever', async () => {
    const { web, lines } = await startWriter();
    const post = await fetch(`${web.endpoint}/die`, {
      method: 'POST',
      headers: { 'Idempotency-Key': 'k' },
      body: 'x',
    });
    expect(post.status).toBe(502);
    expect(lines()).toEqual(['POST /die', 'POST /die', 'POST /die']);
    expect((await fetch(`${web.endpoint}/die`)).status).toBe(502);
    expect(lines()).toHaveLength(6);
  });
});

describe('an answer that has begun', () => {
  it('is cut when its worker dies, and the connections of others are not', async () => {
    const web = await startWeb(SERVER, FREE);
    const [events, pid] = await new Promise<[IncomingMessage, string]>((resolve, reject) => {
      get(`${web.endpoint}/events`, async (response) => {
        const victims = new Set<string>();
        while (victims.size < 2) victims.add((await ask(web.endpoint)).text.replace(/^.* /, ''));
        resolve([response, [...victims].join()]);
      }).on('error', reject);
    });
    const failed = new Promise((resolve) => events.once('error', resolve));
    events.resume();
    for (const victim of pid.split(',')) process.kill(Number(victim), 'SIGKILL');
    expect(await failed).toMatchObject({ code: 'ECONNRESET' });
    expect((await ask(web.endpoint)).status).toBe(200);
  });
});

describe('a client that goes', () => {
  it('is noticed by the application', async () => {
    const log = join(freshFolder(), 'log');
    appendFileSync(log, '');
    const web = await startWeb(
      `
      import { appendFileSync } from 'node:fs';
      import { createServer } from 'node:http';
      createServer((req, res) => {
        appendFileSync(process.env.LOG, 'came\\n');
        res.on('close', () => appendFileSync(process.env.LOG, 'closed ' + res.writableFinished + '\\n'));
      }).listen(0);`,
      FREE,
      { env: { LOG: log } },
    );
    const gone = request(web.endpoint).on('error', () => {});
    gone.end();
    await until(() => /came/.test(readFileSync(log, 'utf8')));
    gone.destroy();
    await until(() => /closed false/.test(readFileSync(log, 'utf8')));
  });
});
