/**
 * The dashboard: one page at the admin address, live, and what an operator may change there.
 *
 *     GET  /            the page, or the form for the token; ?token=... once instead of the form
 *     POST /login       what that form sends; leads back to the page, with a cookie
 *     GET  /dashboard/  scripts, styles; nothing that is secret
 *     GET  /events      a snapshot each second, as server-sent events
 *     POST /actions     one change: { "verb": "scale", "by": 1 }
 *
 * Owns the routes and who is let in where. What a snapshot is made of, and what carries out a change, is handed in; the page's own
 * program is in packages/core/page.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AdminRoute } from '../admin-route.ts';
import { ZscaleError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { ACTION_HEADER, Access, type Refusal } from './access.ts';
import { beginEvents, LOGIN, PAGE, RESOURCES, send, sendFile, textOf } from './page-files.ts';
import type { Snapshot } from './snapshot.ts';
import { MAX_VIEWERS, Viewers } from './viewers.ts';

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';

/** Larger ones are refused. */
const MAX_BODY_BYTES = 4096;
/** Changes at work at once. */
const MAX_AT_WORK = 16;

/** How often the log tells at most of wrong tokens. */
const QUIET_MS = 10_000;

/** In the form for the token: where it says that what came was not it. */
const REFUSAL_MARK = '<!-- refusal -->';
const WRONG_TOKEN = '<p role="alert">That is not the token.</p>';

/** Statuses by error code; all others are 500. */
const STATUSES: Readonly<Record<string, number>> = {
  ZSCALE_ERR_CONTROL: 400,
  ZSCALE_ERR_OPTIONS: 400,
  ZSCALE_ERR_NO_WORKER: 404,
  ZSCALE_ERR_NOT_SERVING: 409,
  ZSCALE_ERR_BUSY: 503,
};

/** What it shows, and whom it asks. */
export interface DashboardOptions {
  /** What lets people in; undefined for nothing. */
  readonly token: string | undefined;
  /** Whether other machines can reach the admin address; until that is known, it counts as reachable. */
  readonly isExposed: () => Promise<boolean>;
  readonly look: () => Promise<Snapshot>;
  /** Does what is asked for, whatever came; resolves with what to tell. @throws (rejects) ZscaleError */
  readonly carryOut: (request: unknown) => Promise<object>;
  readonly logger: Logger;
}

/** See the top of the file. */
export class Dashboard {
  readonly #options: DashboardOptions;
  readonly #viewers: Viewers;
  /** What the admin address is to answer. */
  readonly routes: readonly AdminRoute[];
  #access: Promise<Access> | undefined = undefined;
  #atWork = 0;
  #wrongTokens = 0;
  #quietUntil = 0;

  constructor(options: DashboardOptions) {
    this.#options = options;
    this.#viewers = new Viewers(options);
    this.routes = [
      route('GET', PAGE.path, (request, response) => this.#onPage(request, response)),
      route('POST', LOGIN.path, (request, response) => this.#onLogin(request, response)),
      route('GET', '/events', (request, response) => this.#onEvents(request, response)),
      route('POST', '/actions', (request, response) => this.#onAction(request, response)),
      ...RESOURCES.map((file) =>
        route('GET', file.path, (_request, response) => sendFile(response, file)),
      ),
    ];
  }

  async #onPage(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const access = await this.#accessRules();
    const refusal = access.refusePlace(request);
    if (refusal !== undefined) return refuse(response, refusal);
    if (this.#options.token === undefined) return sendFile(response, PAGE);
    const token = new URL(request.url ?? '/', 'http://localhost').searchParams.get('token');
    if (token !== null && access.isToken(token)) return letIn(response, access);
    if (token !== null || access.refuseStranger(request) !== undefined) {
      return askForToken(response, token === null ? '' : WRONG_TOKEN);
    }
    return sendFile(response, PAGE);
  }

  async #onLogin(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const access = await this.#accessRules();
    const refusal = access.refusePlace(request);
    if (refusal !== undefined) return refuse(response, refusal);
    if (this.#options.token === undefined) return leadIn(response);
    const form = await bodyOf(request);
    if (form === undefined) return refuseBody(response);
    const token = new URLSearchParams(form).get('token')?.trim() ?? '';
    if (access.isToken(token)) return letIn(response, access);
    this.#tellWrongToken(request);
    return askForToken(response, WRONG_TOKEN);
  }

  async #onEvents(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = await this.#refusalOf(request);
    if (refusal !== undefined) return refuse(response, refusal);
    if (this.#viewers.isFull) {
      return send(response, 503, TEXT, `${MAX_VIEWERS} pages look at this dashboard already.\n`);
    }
    beginEvents(response);
    if (request.method === 'HEAD') response.end();
    else this.#viewers.add(response);
  }

  async #onAction(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = (await this.#refusalOf(request)) ?? refuseForm(request);
    if (refusal !== undefined) return refuse(response, refusal);
    const body = await bodyOf(request);
    if (body === undefined) return refuseBody(response);
    try {
      const data = await this.#carryOut(body);
      return send(response, 200, JSON_TYPE, JSON.stringify(data));
    } catch (error) {
      if (!(error instanceof ZscaleError)) throw error;
      const { code, message } = error;
      const text = JSON.stringify({ error: { code, message } });
      return send(response, STATUSES[code] ?? 500, JSON_TYPE, text);
    }
  }

  async #carryOut(body: string): Promise<object> {
    if (this.#atWork >= MAX_AT_WORK) {
      throw new ZscaleError(
        'ZSCALE_ERR_BUSY',
        `${MAX_AT_WORK} changes are at work already; try again when some are done`,
      );
    }
    this.#atWork += 1;
    try {
      return await this.#options.carryOut(parseBody(body));
    } finally {
      this.#atWork -= 1;
    }
  }

  async #refusalOf(request: IncomingMessage): Promise<Refusal | undefined> {
    const access = await this.#accessRules();
    return access.refusePlace(request) ?? access.refuseStranger(request);
  }

  /** In one line for many: whoever guesses must not fill the log. */
  #tellWrongToken({ socket: { remoteAddress: from } }: IncomingMessage): void {
    this.#wrongTokens += 1;
    if (performance.now() < this.#quietUntil) return;
    this.#options.logger.warn({ from, wrongTokens: this.#wrongTokens }, 'not the token');
    this.#quietUntil = performance.now() + QUIET_MS;
  }

  #accessRules(): Promise<Access> {
    const { token, isExposed } = this.#options;
    this.#access ??= isExposed().then((exposed) => new Access({ token, isExposed: exposed }));
    return this.#access;
  }
}

function route(
  method: AdminRoute['method'],
  path: string,
  answer: AdminRoute['answer'],
): AdminRoute {
  return { method, path, answer };
}

function letIn(response: ServerResponse, access: Access): void {
  response.setHeader('Set-Cookie', access.cookie);
  leadIn(response);
}

function leadIn(response: ServerResponse): void {
  response.setHeader('Location', PAGE.path);
  send(response, 303, TEXT, 'The dashboard is at /\n');
}

async function askForToken(response: ServerResponse, refusal: string): Promise<void> {
  const form = await textOf(LOGIN);
  send(response, 401, LOGIN.type, form.replace(REFUSAL_MARK, refusal));
}

function refuse(response: ServerResponse, { status, text }: Refusal): void {
  if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
  send(response, status, TEXT, `${text}\n`);
}

/** What a form of another site, or a plain link, could send is no change. */
function refuseForm({ headers }: IncomingMessage): Refusal | undefined {
  const isJson = /^application\/json\b/.test(headers['content-type'] ?? '');
  if (isJson && headers[ACTION_HEADER] !== undefined) return undefined;
  return {
    status: 403,
    text: 'A change needs the headers Content-Type: application/json and X-Zscale-Action: 1.',
  };
}

function refuseBody(response: ServerResponse): void {
  response.setHeader('Connection', 'close');
  send(response, 413, TEXT, `A body has at most ${MAX_BODY_BYTES} bytes.\n`);
}

/** The body as text; undefined when it is too large, or does not come whole. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // Leaving the loop must not cut the connection: the refusal goes over it.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) return undefined;
      chunks.push(chunk);
    }
  } catch {
    return undefined; // whoever sent it has gone, which is nothing for the log
  }
  return Buffer.concat(chunks).toString();
}

function parseBody(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new ZscaleError('ZSCALE_ERR_CONTROL', 'a change must be JSON, with a verb', { cause });
  }
}
