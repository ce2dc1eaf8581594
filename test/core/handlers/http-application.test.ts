import 'reflect-metadata';
import { createServer } from 'node:http';
import { createSecureServer as createHttp2Server } from 'node:http2';
import { createServer as createSecureServer } from 'node:https';
import { Controller, Get, Module, Post, Req } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import { describe, expect, it } from 'vitest';
import {
  isHttpApplication,
  serverOf,
} from '../../../packages/core/src/handlers/http-application.ts';
import { HttpHandler } from '../../../packages/core/src/handlers/http-handler.ts';
import { type Asked, MemoryExchange } from '../../support/memory-exchange.ts';

async function ask(application: unknown, asked: Asked = {}): Promise<MemoryExchange> {
  const server = await serverOf(application, 'messages');
  if (server === undefined) throw new Error('it is no application');
  return new MemoryExchange(asked).give(new HttpHandler(server)).ended();
}

const POST: Asked = {
  method: 'POST',
  target: '/echo?a=b',
  rawHeaders: ['Host', 'shop.example', 'Content-Type', 'application/json', 'Content-Length', '9'],
  body: '{"n":123}',
};

/** Each answers GET / with text and POST /echo with what came, and the client's address. */
const FRAMEWORKS: Record<string, () => unknown> = {
  'Express 5': () => {
    const app = express();
    app.use(express.json());
    app.get('/', (_req, res) => void res.send('hello'));
    app.post('/echo', (req, res) => void res.json({ ...req.body, q: req.query.a, ip: req.ip }));
    return app;
  },
  'Fastify 5': () => {
    const app = fastify();
    app.get('/', async () => 'hello');
    app.post<{ Body: object; Querystring: { a: string } }>('/echo', async (request) => ({
      ...Object(request.body),
      q: request.query.a,
      ip: request.ip,
    }));
    return app;
  },
  'Koa 3': () => {
    const app = new Koa();
    app.use(async (ctx) => {
      if (ctx.method === 'GET') {
        ctx.body = 'hello';
        return;
      }
      let text = '';
      for await (const chunk of ctx.req) text += chunk;
      ctx.body = { ...JSON.parse(text), q: ctx.query.a, ip: ctx.ip };
    });
    return app;
  },
  'Hono 4': () => {
    const app = new Hono<{ Bindings: { incoming: { socket: { remoteAddress: string } } } }>();
    app.get('/', (c) => c.text('hello'));
    app.post('/echo', async (c) =>
      c.json({
        ...(await c.req.json<object>()),
        q: c.req.query('a'),
        ip: c.env.incoming.socket.remoteAddress,
      }),
    );
    return app;
  },
  'Nest 12': () => {
    class Controlled {
      hello(): string {
        return 'hello';
      }
      echo(req: { body: object; query: { a: string }; ip: string }): object {
        return { ...req.body, q: req.query.a, ip: req.ip };
      }
    }
    class AppModule {}
    // As decorators do it: the tests run without a compiler that knows them.
    const method = (name: 'hello' | 'echo', decorate: MethodDecorator): void => {
      const descriptor = Object.getOwnPropertyDescriptor(Controlled.prototype, name);
      if (descriptor !== undefined) decorate(Controlled.prototype, name, descriptor);
    };
    method('hello', Get());
    method('echo', Post('echo'));
    Req()(Controlled.prototype, 'echo', 0);
    Controller()(Controlled);
    Module({ controllers: [Controlled] })(AppModule);
    return NestFactory.create(AppModule, { logger: false });
  },
  'an object with fetch': () => ({
    async fetch(request: Request): Promise<Response> {
      if (request.method === 'GET') return new Response('hello');
      const { searchParams } = new URL(request.url);
      return Response.json({
        ...Object(await request.json()),
        q: searchParams.get('a'),
        ip: '10.1.2.3',
      });
    },
  }),
  'a server of node:http': () =>
    createServer((req, res) => {
      if (req.method === 'GET') {
        res.end('hello');
        return;
      }
      let text = '';
      req.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      req.on('end', () => {
        const ip = req.socket.remoteAddress;
        res.end(JSON.stringify({ ...JSON.parse(text), q: 'b', ip }));
      });
    }),
};

describe.each(Object.keys(FRAMEWORKS))('an application of %s', (name) => {
  it('is known, and answers a GET', async () => {
    const app = await FRAMEWORKS[name]?.();
    expect(isHttpApplication(app)).toBe(true);
    const exchange = await ask(app);
    expect(exchange.response?.status).toBe(200);
    expect(exchange.text).toBe('hello');
    expect(exchange.header('content-length')).toEqual(['5']);
    expect(exchange.header('date')).toHaveLength(1);
    expect(exchange.messages).toBe(1);
  });

  it('reads a body, and knows the client', async () => {
    const exchange = await ask(await FRAMEWORKS[name]?.(), POST);
    expect(exchange.response?.status).toBeLessThan(300);
    expect(JSON.parse(exchange.text)).toEqual({ n: 123, q: 'b', ip: '10.1.2.3' });
  });

  it('says what it does not have', async () => {
    const exchange = await ask(await FRAMEWORKS[name]?.(), { target: '/nowhere' });
    const answersAll = name === 'Koa 3' || name.startsWith('a'); // these have no routes
    expect(exchange.response?.status).toBe(answersAll ? 200 : 404);
  });
});

describe('what is no application', () => {
  it.each([undefined, null, 1, 'text', {}, [], () => 1, { exec: 'x' }, new URL('file:///x')])(
    'is not taken for one: %s',
    async (value) => {
      expect(isHttpApplication(value)).toBe(false);
      expect(await serverOf(value, 'messages')).toBeUndefined();
    },
  );

  it('is a listener where the rule says so', async () => {
    const two = (_req: unknown, res: { end(text: string): void }): void => res.end('two');
    const one = (value: unknown): unknown => value;
    expect(await serverOf(two, 'messages')).toBeUndefined();
    expect(await serverOf(one, 'by-parameters')).toBeUndefined();
    expect(await serverOf(two, 'by-parameters')).toBeDefined();
    expect(await serverOf(one, 'listeners')).toBeDefined();
  });

  it('is refused when it is HTTP/2', async () => {
    const server = createHttp2Server();
    expect(isHttpApplication(server)).toBe(false);
    const app = { routing: () => {}, ready: () => {}, server };
    await expect(serverOf(app, 'messages')).rejects.toMatchObject({ code: 'ZSCALE_ERR_LOAD' });
  });

  it('but a server of node:https is one', async () => {
    expect((await ask(createSecureServer((_req, res) => res.end('x')))).text).toBe('x');
  });
});

describe('a fetch handler', () => {
  const asked = (fetch: (request: Request) => unknown, more: Asked = {}) => ask({ fetch }, more);

  it('streams what it returns, and keeps each cookie', async () => {
    const exchange = await asked(() => {
      const headers = new Headers({ 'X-A': '1' });
      headers.append('Set-Cookie', 'a=1');
      headers.append('Set-Cookie', 'b=2');
      let left = 3;
      const body = new ReadableStream({
        async pull(controller) {
          await new Promise(setImmediate);
          if (left-- === 0) controller.close();
          else controller.enqueue(new TextEncoder().encode(`${left}`));
        },
      });
      return new Response(body, { status: 201, statusText: 'Made', headers });
    });
    expect(exchange.response).toMatchObject({ status: 201, statusMessage: 'Made' });
    expect(exchange.header('set-cookie')).toEqual(['a=1', 'b=2']);
    expect(exchange.header('transfer-encoding')).toEqual(['chunked']);
    expect(exchange.text).toBe('210');
    expect(exchange.messages).toBeGreaterThan(1);
  });

  it('reads a body that is still coming', async () => {
    const exchange = new MemoryExchange({ method: 'PUT', more: true });
    const server = await serverOf(
      { fetch: async (r: Request) => new Response(r.body) },
      'messages',
    );
    exchange.give(new HttpHandler(server ?? createServer()));
    exchange.part('a');
    exchange.part('b');
    exchange.end();
    expect((await exchange.ended()).text).toBe('ab');
  });

  it('has the whole address', async () => {
    const url = (request: Request) => new Response(request.url);
    expect((await asked(url, { target: '/a?b' })).text).toBe('http://test/a?b');
    expect((await asked(url, { target: '/a?b', isEncrypted: true })).text).toBe('https://test/a?b');
    expect((await asked(url, { rawHeaders: [] })).text).toBe('http://localhost/');
    expect((await asked(url, { rawHeaders: ['Host', 'a b'] })).text).toBe('http://localhost/');
    expect((await asked(url, { target: 'http://x.example/y' })).text).toBe('http://x.example/y');
    expect((await asked(url, { target: '//evil.example/y' })).text).toBe(
      'http://test//evil.example/y',
    );
    expect((await asked(url, { method: 'OPTIONS', target: '*' })).text).toBe('http://test/');
  });

  it('answers HEAD, 204 and nothing without a body', async () => {
    expect((await asked(() => new Response('x'), { method: 'HEAD' })).text).toBe('');
    expect((await asked(() => new Response(null, { status: 204 }))).response?.status).toBe(204);
    const empty = await asked(() => new Response(''));
    expect(empty.header('content-length')).toEqual(['0']);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no'))],
    ['returns no Response', () => 'text'],
  ])('is answered for with 500 when it %s', async (_what, fetch) => {
    const logged: unknown[] = [];
    const exchange = new MemoryExchange({ logged });
    const server = await serverOf({ fetch }, 'messages');
    exchange.give(new HttpHandler(server ?? createServer()));
    expect((await exchange.ended()).response?.status).toBe(500);
    expect(logged).toHaveLength(1);
  });

  it('hears that the client went', async () => {
    let signal: AbortSignal | undefined;
    const exchange = new MemoryExchange({});
    const fetch = (request: Request) => {
      signal = request.signal;
      return new Promise(() => {});
    };
    const server = await serverOf({ fetch }, 'messages');
    exchange.give(new HttpHandler(server ?? createServer()));
    expect(signal?.aborted).toBe(false);
    exchange.abort();
    await expect.poll(() => signal?.aborted).toBe(true);
  });

  it('stops a stream that nobody reads any more', async () => {
    let isCancelled = false;
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(100_000)),
      cancel: () => {
        isCancelled = true;
      },
    });
    const exchange = new MemoryExchange({ window: 256 * 1024 });
    const server = await serverOf({ fetch: () => new Response(body) }, 'messages');
    exchange.give(new HttpHandler(server ?? createServer()));
    await expect.poll(() => exchange.text.length).toBeGreaterThan(200_000);
    expect(isCancelled).toBe(false);
    exchange.abort();
    await expect.poll(() => isCancelled).toBe(true);
    expect(exchange.text.length).toBeLessThan(500_000);
  });
});
