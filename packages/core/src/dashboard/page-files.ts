/**
 * The files that the dashboard's page consists of: which path each has, and with which headers it is sent.
 *
 * They are ours (packages/core/page) and uPlot's. Nothing is loaded from elsewhere, nothing is inline, and a browser that keeps to the
 * headers lets no other script run, whatever a service, a worker or a stack has for a name. None of the files is secret.
 */

import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const HTML = 'text/html; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';

/** The modules of the page's own script; the first is the one that starts. */
const MODULES = [
  'dashboard',
  'actions',
  'chart',
  'death-list',
  'elements',
  'feed',
  'figures',
  'gateway-rows',
  'history',
  'process-cells',
  'worker-table',
] as const;

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** For everything that the dashboard answers. */
const HEADERS = {
  'Content-Security-Policy': POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Cache-Control': 'no-store',
} as const;

/** One file. */
export interface PageFile {
  /** Where it is answered. */
  readonly path: string;
  readonly type: string;
  /** Where it is; the package of uPlot is looked for only when its files are asked for. */
  readonly locate: () => string;
}

/** The page. */
export const PAGE: PageFile = own('/', HTML, 'page/dashboard.html');
/** What those see who have not shown the token; the place of an error text is marked in it. */
export const LOGIN: PageFile = own('/login', HTML, 'page/login.html');

/** What the two load; all that answers is as it is in the file. */
export const RESOURCES: readonly PageFile[] = [
  own('/dashboard/dashboard.css', STYLE, 'page/dashboard.css'),
  own('/dashboard/icon.svg', 'image/svg+xml', 'page/icon.svg'),
  ...MODULES.map((name) => own(`/dashboard/${name}.js`, SCRIPT, `dist/dashboard/page/${name}.js`)),
  uplot('/dashboard/uplot.js', SCRIPT, 'uPlot.iife.min.js'),
  uplot('/dashboard/uplot.css', STYLE, 'uPlot.min.css'),
];

/** Answers with the file's bytes. @throws (rejects) with the system's code where it cannot be read */
export async function sendFile(response: ServerResponse, file: PageFile): Promise<void> {
  send(response, 200, file.type, await textOf(file));
}

/** Its text. @throws (rejects) with the system's code where it cannot be read */
export function textOf({ locate }: PageFile): Promise<string> {
  return readFile(locate(), 'utf8');
}

/** Answers with a text that is not a file's, or not as it is there. */
export function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { ...HEADERS, 'Content-Type': type });
  response.end(text);
}

/** Begins an answer without an end. */
export function beginEvents(response: ServerResponse): void {
  response.writeHead(200, {
    ...HEADERS,
    'Content-Type': 'text/event-stream',
    'X-Accel-Buffering': 'no',
  });
  response.flushHeaders();
}

function own(path: string, type: string, name: string): PageFile {
  // The package's folder is two above this module, in src and in dist.
  return { path, type, locate: () => fileURLToPath(new URL(`../../${name}`, import.meta.url)) };
}

function uplot(path: string, type: string, name: string): PageFile {
  const { resolve } = createRequire(import.meta.url);
  return { path, type, locate: () => resolve(`uplot/dist/${name}`) };
}
