/**
 * What a bench asks: a service by ZeroMQ, or a server of HTTP. One kind of target for each; both send one request that was made
 * beforehand, and say by a code what went wrong.
 */
import { Agent, type ClientRequest, request as requestHttp } from 'node:http';
import { request as requestHttps, Agent as SecureAgent } from 'node:https';
import {
  type Client,
  type CodecName,
  type CurvePeerOptions,
  connect,
  ZscaleError,
} from '@zscale/core';

/** Somebody who is asked the same again and again. */
export interface BenchTarget {
  /** Resolves with undefined when it was answered well, else with the code of the error. Never rejects. */
  ask(): Promise<string | undefined>;
  /** Replies to requests that were answered, or given up, before; null where there can be none. */
  readonly unexpected: () => number | null;
  close(): Promise<void>;
}

/** What both take. */
export interface TargetOptions {
  readonly endpoint: string;
  /** Ms until a reply must be there. */
  readonly timeout: number;
  /** Requests at once at most. */
  readonly most: number;
}

/** A service by ZeroMQ, over one connection. */
export class ServiceTarget implements BenchTarget {
  readonly #client: Client<(request: unknown) => unknown>;
  readonly #message: unknown;

  /** @throws what `connect()` throws */
  constructor(
    { endpoint, timeout, most }: TargetOptions,
    message: unknown,
    { codec, curve }: { readonly codec: CodecName; readonly curve: CurvePeerOptions | undefined },
  ) {
    this.#client = connect(endpoint, { codec, timeout, curve, maxRequests: most });
    this.#message = message;
  }

  async ask(): Promise<string | undefined> {
    try {
      await this.#client.request(this.#message);
      return undefined;
    } catch (error) {
      if (error instanceof ZscaleError) return error.code;
      throw error; // a bug
    }
  }

  readonly unexpected = (): number => this.#client.stats().lateReplies;

  async close(): Promise<void> {
    await this.#client.close();
  }
}

/** A server of HTTP, over as many connections as requests are open, each used again. */
export class HttpTarget implements BenchTarget {
  readonly #url: URL;
  readonly #agent: Agent;
  readonly #body: string | undefined;
  readonly #headers: Readonly<Record<string, string | number>>;
  readonly #timeout: number;

  /** @param body of a POST; undefined for a GET. @throws TypeError when the endpoint is no URL */
  constructor({ endpoint, timeout, most }: TargetOptions, body: string | undefined) {
    this.#url = new URL(endpoint);
    const limits = { keepAlive: true, maxSockets: most, maxFreeSockets: most };
    this.#agent = this.#url.protocol === 'https:' ? new SecureAgent(limits) : new Agent(limits);
    this.#body = body;
    this.#headers =
      body === undefined
        ? {}
        : { 'content-type': typeOf(body), 'content-length': Buffer.byteLength(body) };
    this.#timeout = timeout;
  }

  ask(): Promise<string | undefined> {
    return new Promise((resolve) => {
      const sent = this.#send();
      const timer = Number.isFinite(this.#timeout)
        ? setTimeout(() => {
            resolve('ZSCALE_ERR_TIMEOUT');
            sent.destroy();
          }, this.#timeout)
        : undefined;
      const settle = (code: string | undefined): void => {
        clearTimeout(timer);
        resolve(code);
      };
      sent.on('error', (error: NodeJS.ErrnoException) => settle(error.code ?? 'HTTP_ERROR'));
      sent.on('response', (response) => {
        const { statusCode = 0 } = response;
        response.on('end', () => settle(statusCode < 400 ? undefined : `HTTP_${statusCode}`));
        response.on('error', (error: NodeJS.ErrnoException) => settle(error.code ?? 'HTTP_ERROR'));
        response.resume();
      });
      sent.end(this.#body);
    });
  }

  readonly unexpected = (): null => null;

  close(): Promise<void> {
    this.#agent.destroy();
    return Promise.resolve();
  }

  #send(): ClientRequest {
    const send = this.#url.protocol === 'https:' ? requestHttps : requestHttp;
    return send(this.#url, {
      agent: this.#agent,
      method: this.#body === undefined ? 'GET' : 'POST',
      headers: this.#headers,
    });
  }
}

function typeOf(body: string): string {
  return /^\s*[{["]/.test(body) ? 'application/json' : 'text/plain';
}
