/*
 * Web applications under `zscale run`, in files of the test.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Program } from './cli.ts';
import { type ProgramOptions, startZscale } from './cli.ts';
import { freshFolder } from './programs.ts';

/** A port that nobody listens at just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A server of HTTP that nobody changed, which answers in several ways. */
export const SERVER = `
import { createServer } from 'node:http';
const server = createServer((req, res) => {
  const { pathname } = new URL(req.url, 'http://a');
  if (pathname === '/hang') return;
  if (pathname === '/loop') for (;;);
  if (pathname === '/exit') process.exit(1);
  if (pathname === '/events') {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' });
    res.write('data: 1\\n\\n');
    return;
  }
  if (pathname === '/endless') {
    res.write('on and on');
    return;
  }
  if (pathname === '/slow') {
    setTimeout(() => res.end('slow'), Number(new URL(req.url, 'http://a').searchParams.get('ms') ?? 500));
    return;
  }
  if (pathname === '/address') {
    res.end(JSON.stringify([req.socket.remoteAddress ?? null, req.socket.encrypted ?? false, req.headers]));
    return;
  }
  let bytes = 0;
  req.on('data', (chunk) => { bytes += chunk.length; });
  req.on('end', () => res.end(req.method + ' ' + req.url + ' ' + bytes + ' ' + process.pid));
});
server.listen(Number(process.env.LISTEN ?? 0));
`;

/** A handler of values. */
export const HANDLER = `
export default (request) => {
  if (request?.fail) throw Object.assign(new Error('no such thing'), { code: 'ENOENT' });
  return { got: request, pid: process.pid };
};
`;

/** A program that serves, and where. */
export interface Web {
  readonly program: Program;
  readonly endpoints: readonly string[];
  readonly endpoint: string;
  readonly folder: string;
}

/** Writes a program of that text and starts \`zscale run\` on it; two workers, unless \`args\` say otherwise. */
export async function startWeb(
  text: string,
  args: readonly string[] = [],
  { name = 'server.mjs', ...options }: ProgramOptions & { readonly name?: string } = {},
): Promise<Web> {
  const folder = freshFolder();
  const file = join(folder, name);
  writeFileSync(file, text);
  const workers = args.includes('--workers') ? [] : ['--workers', '2'];
  const program = startZscale(['run', file, ...args, ...workers], options);
  await program.printed(/stop it +Ctrl-C/);
  const endpoints = [...program.stdout.matchAll(/clients +(\S+)/g)].map(([, found]) => found ?? '');
  const [endpoint = ''] = endpoints.map((one) => one.replace('[::]', '127.0.0.1'));
  return { program, endpoints, endpoint, folder };
}
