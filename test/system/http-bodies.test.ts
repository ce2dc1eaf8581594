/*
 * Large bodies through the gateway and a worker: whole, and without being held in memory.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { rawClient } from '../support/http-client.ts';
import { until } from '../support/until.ts';
import { startWeb, type Web } from '../support/web.ts';

const MIB = 1024 * 1024;
const SIZE = 256 * MIB;
/** Far above what windows and buffers take up, and far below the bodies. */
const SLACK = 96 * MIB;

const BODIES = `
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
createServer((req, res) => {
  if (req.url === '/down') {
    const chunk = Buffer.alloc(${MIB}, 'x');
    let left = ${SIZE / MIB};
    const go = () => {
      while (left-- > 0) if (!res.write(chunk)) { res.once('drain', go); return; }
      res.end();
    };
    go();
    return;
  }
  if (req.url === '/unread') {
    // It is read when the client asks for that by another request.
    globalThis.unread = req;
    req.on('end', () => res.end('read'));
    return;
  }
  if (req.url === '/read') { globalThis.unread.resume(); res.end(String(process.memoryUsage().rss)); return; }
  if (req.url === '/told') { res.end(String(globalThis.told)); return; }
  const hash = createHash('sha256');
  let bytes = 0;
  if (req.url === '/at-once') {
    res.end('at once');
    req.on('end', () => { globalThis.told = req.complete + ' ' + bytes + ' ' + hash.digest('hex'); });
    req.on('data', (chunk) => { bytes += chunk.length; hash.update(chunk); });
    return;
  }
  req.on('data', (chunk) => { bytes += chunk.length; hash.update(chunk); });
  req.on('end', () => res.end(bytes + ' ' + hash.digest('hex')));
}).listen(0);
`;

const onLinux = describe.skipIf(process.platform !== 'linux');

/** The most memory that the gateway's process has had, in bytes. */
function peakOf({ program }: Web): number {
  const [, kib] =
    /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${program.pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}

onLinux('a body of 256 MiB', () => {
  it('goes up, whole, and is not held', async () => {
    const web = await startWeb(BODIES, ['--workers', '1', '--bind', 'http://127.0.0.1:0']);
    const before = peakOf(web);
    const text = await new Promise<string>((resolve, reject) => {
      const upload = request(`${web.endpoint}/up`, { method: 'POST' }, (response) => {
        let answer = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          answer += chunk;
        });
        response.on('end', () => resolve(answer));
      });
      upload.on('error', reject);
      const chunk = Buffer.alloc(MIB, 'x');
      let left = SIZE / MIB;
      const go = (): void => {
        while (left-- > 0) {
          if (upload.write(chunk)) continue;
          upload.once('drain', go);
          return;
        }
        upload.end();
      };
      go();
    });
    // Of 256 MiB of the letter x, by sha256sum.
    expect(text).toMatch(new RegExp(`^${SIZE} [0-9a-f]{64}$`));
    expect(peakOf(web) - before).toBeLessThan(SLACK);
  });

  it('comes down, whole, and is not held', async () => {
    const web = await startWeb(BODIES, ['--workers', '1', '--bind', 'http://127.0.0.1:0']);
    const before = peakOf(web);
    const response = await fetch(`${web.endpoint}/down`);
    let bytes = 0;
    for await (const chunk of response.body ?? []) bytes += chunk.length;
    expect(bytes).toBe(SIZE);
    expect(peakOf(web) - before).toBeLessThan(SLACK);
  });

  it('that the application does not read stays with its client, and others are served', async () => {
    const web = await startWeb(BODIES, ['--workers', '1', '--bind', 'http://127.0.0.1:0']);
    const before = peakOf(web);
    const client = rawClient(web.endpoint);
    client.send(`POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: ${SIZE}\r\n\r\n`);
    client.send(Buffer.alloc(SIZE, 'x'));
    let last = -1;
    await until(async () => {
      expect((await fetch(`${web.endpoint}/small`, { method: 'POST', body: 'a' })).status).toBe(
        200,
      );
      const isSame = client.socket.writableLength === last;
      last = client.socket.writableLength;
      return isSame && last > 0;
    });
    expect(client.socket.bytesWritten - client.socket.writableLength).toBeLessThan(SLACK);
    await (await fetch(`${web.endpoint}/read`)).text();
    await client.receives(/200 OK[\s\S]*read$/);
    expect(peakOf(web) - before).toBeLessThan(SLACK);
  });

  it('that the client does not read stays with its worker, and others are served', async () => {
    const web = await startWeb(BODIES, ['--workers', '1', '--bind', 'http://127.0.0.1:0']);
    const before = peakOf(web);
    const client = rawClient(web.endpoint, { reads: false });
    client.socket.pause();
    client.send('GET /down HTTP/1.1\r\nHost: a\r\n\r\n');
    for (let n = 0; n < 50; n++) {
      expect((await fetch(`${web.endpoint}/small`, { method: 'POST', body: 'a' })).status).toBe(
        200,
      );
    }
    expect(peakOf(web) - before).toBeLessThan(SLACK);
  });
});

describe('an answer that comes before the body', () => {
  const SENT = Buffer.alloc(8 * MIB, 'y');

  it('is with the client at once, and the application reads on', async () => {
    const web = await startWeb(BODIES, ['--workers', '1', '--bind', 'http://127.0.0.1:0']);
    const client = rawClient(web.endpoint);
    client.send(`POST /at-once HTTP/1.1\r\nHost: a\r\nContent-Length: ${SENT.length}\r\n\r\n`);
    client.send(SENT.subarray(0, MIB));
    await client.receives(/200 OK[\s\S]*Content-Length: 7[\s\S]*at once$/);
    client.send(SENT.subarray(MIB));
    // The next one waits for it, on the same connection.
    client.send('GET /told HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const sum = createHash('sha256').update(SENT).digest('hex');
    await client.receives(new RegExp(`true ${SENT.length} ${sum}$`));
  });
});
