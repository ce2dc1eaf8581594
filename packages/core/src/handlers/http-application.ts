/**
 * Knows a web application when it sees one, whoever made it, and makes a server of node:http of it.
 *
 * | what is exported                            | told by                              |
 * |---------------------------------------------|--------------------------------------|
 * | a http.Server, https.Server                 | `emit`, `listen`, 'request' listeners |
 * | Express, Connect                            | a function with `handle` and `use`   |
 * | polka                                       | `handler`, `use`                     |
 * | Fastify                                     | `routing`, `ready`, `server`         |
 * | Koa                                         | `callback`, `use`                    |
 * | Nest                                        | `getHttpServer`, `init`              |
 * | Hono, Elysia, `export default { fetch }`    | `fetch`                              |
 * | a bare function                             | nothing: see {@link FunctionRule}    |
 */

import { createServer, type RequestListener, Server } from 'node:http';
import { ZscaleError } from '../errors.ts';
import type { FunctionRule } from '../options.ts';
import { type Fetch, fetchListener } from './fetch-listener.ts';

/** An application that is no function; functions may be one too. */
export type HttpApplication = object;

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Whether it is one that is known. Bare functions are not. */
export function isHttpApplication(value: unknown): value is HttpApplication {
  return makerOf(value) !== undefined;
}

/** Whether a function is a listener, known or by the rule. */
export function isListener(value: unknown, rule: FunctionRule): boolean {
  if (isHttpApplication(value)) return true;
  if (typeof value !== 'function' || rule === 'messages') return false;
  return rule === 'listeners' || value.length >= 2;
}

/**
 * The server of an application, which listens nowhere. Fastify and Nest are made ready first.
 *
 * @returns undefined for what is no application
 * @throws whatever the application throws while it is made ready; ZscaleError `ZSCALE_ERR_LOAD` for HTTP/2
 */
export async function serverOf(value: unknown, rule: FunctionRule): Promise<Server | undefined> {
  const make = makerOf(value);
  if (make !== undefined) return asServer(await make());
  return isListener(value, rule) ? createServer(value as RequestListener) : undefined; // the rule says so
}

/** How to get a server, or something that is called as a listener, out of it. */
function makerOf(value: unknown): (() => unknown) | undefined {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null)
    return undefined;
  const has = (name: string): boolean => methodOf(value, name) !== undefined;
  const call = (name: string, ...args: unknown[]): unknown =>
    methodOf(value, name)?.apply(value, args);
  if (value instanceof Server || isServer(value)) return () => value;
  if (has('getHttpServer') && has('init')) {
    return async () => {
      await call('init');
      return call('getHttpServer');
    };
  }
  if (has('routing') && has('ready') && 'server' in value) {
    return async () => {
      await call('ready');
      return value.server;
    };
  }
  if (has('callback') && has('use')) return () => call('callback');
  if (has('handle') && has('use') && typeof value === 'function') return () => value;
  if (has('handler') && has('use')) {
    return () => (req: unknown, res: unknown) => call('handler', req, res);
  }
  const fetch = methodOf(value, 'fetch');
  return fetch === undefined ? undefined : () => fetchListener(fetch as Fetch, value); // that is what it is called for
}

function asServer(made: unknown): Server {
  if (made instanceof Server || isServer(made)) return made as Server; // an https.Server emits the same
  if (typeof made === 'function') return createServer(made as RequestListener);
  throw new ZscaleError(
    'ZSCALE_ERR_LOAD',
    'the application has a server that is not one of node:http. HTTP/2 is between clients and the gateway: make the application without it',
  );
}

/** https.Server is no http.Server. Those of HTTP/2 have other requests. */
function isServer(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const isEmitter = ['emit', 'listen', 'listenerCount'].every(
    (name) => methodOf(value, name) !== undefined,
  );
  return isEmitter && 'requestTimeout' in value && 'headersTimeout' in value;
}

function methodOf(value: object, name: string): Method | undefined {
  const found: unknown = Reflect.get(value, name);
  return typeof found === 'function' ? (found as Method) : undefined; // it is called as it is meant to be
}
