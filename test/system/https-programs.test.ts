/*
 * Programs that speak TLS themselves: the gateway speaks it in their place, with what their server was made with.
 */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request as tlsRequest } from 'node:https';
import { join } from 'node:path';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { startZscale } from '../support/cli.ts';
import { closing } from '../support/closing.ts';
import { freshFolder } from '../support/programs.ts';
import { until } from '../support/until.ts';
import { startWeb } from '../support/web.ts';

/** Its certificate and key are where TLS says; OPTIONS are more of its server's. */
function program(options = ''): string {
  return `
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
const read = (name) => readFileSync(process.env.TLS + '/' + name);
createServer({ cert: read('cert.pem'), key: read('key.pem'), ${options} }, (req, res) => {
  res.end(process.pid + ' ' + req.socket.encrypted);
}).listen(0, '127.0.0.1');
`;
}

async function shake(endpoint: string, options: object = {}): Promise<TLSSocket> {
  const { hostname, port } = new URL(endpoint);
  const to = { host: hostname, port: Number(port), rejectUnauthorized: false, ...options };
  const socket = tlsConnect(to);
  closing({ close: () => void socket.destroy() });
  await once(socket, 'secureConnect');
  return socket;
}

/** Whose certificate is shown there. */
async function nameAt(endpoint: string): Promise<string> {
  const socket = await shake(endpoint);
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

async function textAt(endpoint: string, options: object = {}): Promise<string> {
  const request = tlsRequest(endpoint, { rejectUnauthorized: false, agent: false, ...options });
  const [response] = await once(request.end(), 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  return text;
}

describe('a program that listens by node:https', () => {
  it('is served with its own certificate, and with its new one after a reload', async () => {
    for (const args of [[], ['--gateways', '2']]) {
      const folder = freshFolder();
      certificate(folder, 'first');
      const web = await startWeb(program(), args, { env: { TLS: folder } });
      expect(web.endpoint).toMatch(/^https:/);
      const pids = new Set<string>();
      await until(async () => {
        const [, pid = ''] = /^(\d+) true$/.exec(await textAt(web.endpoint)) ?? [];
        return pids.add(pid).size === 2;
      });
      expect(await nameAt(web.endpoint)).toBe('first');
      certificate(folder, 'second');
      web.program.signal('SIGHUP');
      await until(() => /"msg":"reloaded"/.test(web.program.stderr));
      // So many at once that each gateway has some.
      await until(async () => {
        const names = await Promise.all(Array.from({ length: 12 }, () => nameAt(web.endpoint)));
        return names.every((name) => name === 'second');
      });
      expect(web.program.stdout + web.program.stderr).not.toMatch(/PRIVATE KEY/);
      await web.program.close();
    }
  });

  it('is served with the certificate of --tls-cert where that is given, and without TLS where --bind says so', async () => {
    const folder = freshFolder();
    certificate(folder, 'own');
    const given = certificate(freshFolder(), 'given');
    const web = await startWeb(program(), ['--tls-cert', given.cert, '--tls-key', given.key], {
      env: { TLS: folder },
    });
    expect(await nameAt(web.endpoint)).toBe('given');
    const plain = await startWeb(program(), ['--bind', 'http://127.0.0.1:0'], {
      env: { TLS: folder },
    });
    expect(await (await fetch(plain.endpoint)).text()).toMatch(/^\d+ (false|undefined)$/);
  });

  it('that lets in clients with a certificate alone is reached by nobody else', async () => {
    const folder = freshFolder();
    certificate(folder, 'server');
    const client = certificate(freshFolder(), 'client');
    writeFileSync(join(folder, 'ca.pem'), readFileSync(client.cert));
    const given = certificate(freshFolder(), 'given');
    const own =
      "requestCert: true, ca: read('ca.pem'), minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2'";
    const pair = { cert: readFileSync(client.cert), key: readFileSync(client.key) };
    // Also where the certificate is another one.
    for (const args of [[], ['--tls-cert', given.cert, '--tls-key', given.key]]) {
      const { endpoint } = await startWeb(program(own), args, { env: { TLS: folder } });
      await expect(textAt(endpoint)).rejects.toThrow();
      expect(await textAt(endpoint, pair)).toMatch(/^\d+ true$/);
      expect((await shake(endpoint, pair)).getProtocol()).toBe('TLSv1.2');
    }
  });

  it('is asked for files where its certificate cannot be had', async () => {
    const text = `
import { createServer } from 'node:https';
createServer({ SNICallback: (name, done) => done(new Error('none')) }, () => {}).listen(0);`;
    const file = join(freshFolder(), 'server.mjs');
    writeFileSync(file, text);
    const end = await startZscale(['run', file, '--workers', '1']).end();
    expect(end.exitCode).not.toBe(0);
    expect(end.stderr).toMatch(/needs a certificate and its key.*--tls-cert/);
  });
});

describe('a program that listens by node:http2', () => {
  const http2 = (options: string): string =>
    program(options).replace(
      "createServer } from 'node:https'",
      "createSecureServer as createServer } from 'node:http2'",
    );

  it('is refused, and told what to do', async () => {
    const folder = freshFolder();
    certificate(folder, 'server');
    const file = join(folder, 'server.mjs');
    writeFileSync(file, http2('').replace('listen(0', 'listen(3998'));
    const end = await startZscale(['run', file, '--workers', '1'], { env: { TLS: folder } }).end();
    expect(end.exitCode).toBe(4);
    expect(end.stderr).toMatch(/does not speak HTTP\/1\.1.*allowHTTP1: true.*a proxy in front/);
  });

  it('and speaks HTTP/1.1 too is served by that', async () => {
    const folder = freshFolder();
    certificate(folder, 'both');
    const { endpoint } = await startWeb(http2('allowHTTP1: true'), [], { env: { TLS: folder } });
    expect(await textAt(endpoint)).toMatch(/^\d+ true$/);
    expect(await nameAt(endpoint)).toBe('both');
  });
});
