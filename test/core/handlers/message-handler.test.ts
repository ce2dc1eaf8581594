import { describe, expect, expectTypeOf, it } from 'vitest';
import type { HandlerContext } from '../../../packages/core/src/current-context.ts';
import type {
  HandlerFunction,
  ReplyOf,
  RequestOf,
} from '../../../packages/core/src/handlers/handler.ts';
import { MessageHandler } from '../../../packages/core/src/handlers/message-handler.ts';
import { RequestContext } from '../../../packages/core/src/handlers/request-context.ts';
import type { Control } from '../../../packages/core/src/messages/control.ts';
import { createCodec } from '../../../packages/core/src/messages/payload.ts';
import { requestHost } from '../../support/worker-queue.ts';

const contextOf = (control?: Control) =>
  new RequestContext(requestHost(), undefined, performance.now(), control);
const json = createCodec('json');
const body = (text: string): Buffer[] => [Buffer.from(text)];
const textOf = (frames: Buffer[]): string => frames.join('|');

/** What a handler that answers at once gave; fails when there is a promise anywhere. */
function replyAtOnce(handler: HandlerFunction, request: string): string {
  const reply = new MessageHandler(handler, json).handle(body(request), contextOf());
  if (reply instanceof Promise) throw new Error('a promise was made');
  return textOf(reply);
}

describe('a message handler', () => {
  it('calls the function with the decoded request and encodes what it returns', () => {
    const add = ({ a, b }: { a: number; b: number }) => ({ sum: a + b });
    expect(replyAtOnce(add, '{"a":1,"b":2}')).toBe('{"sum":3}');
  });

  it('makes no promise for a function that answers at once', () => {
    expect(replyAtOnce(() => undefined, '1')).toBe('null');
    expect(replyAtOnce((n: number) => n + 1, '1')).toBe('2');
  });

  it('waits for a promise, also for one that is not a native one', async () => {
    const native = new MessageHandler(async (n: number) => n + 1, json);
    expect(textOf(await native.handle(body('1'), contextOf()))).toBe('2');

    class Query {
      // biome-ignore lint/suspicious/noThenProperty: what query builders are
      then(resolve: (rows: string[]) => void): void {
        resolve(['row']);
      }
    }
    const foreign = new MessageHandler(() => new Query(), json);
    expect(textOf(await foreign.handle(body('1'), contextOf()))).toBe('["row"]');
  });

  it('holds several requests at once, and answers each for itself', async () => {
    const waiting: (() => void)[] = [];
    const handler = new MessageHandler(
      (n: number) => new Promise((resolve) => waiting.push(() => resolve(n))),
      json,
    );
    const replies = [
      handler.handle(body('1'), contextOf()),
      handler.handle(body('2'), contextOf()),
    ];
    for (const finish of waiting.reverse()) finish();
    expect((await Promise.all(replies)).map(textOf)).toEqual(['1', '2']);
  });

  it('throws what the function throws, and rejects with what it rejects with', async () => {
    const thrown = new Error('no');
    const throws = new MessageHandler(() => {
      throw thrown;
    }, json);
    expect(() => throws.handle(body('1'), contextOf())).toThrow(thrown);

    const rejects = new MessageHandler(() => Promise.reject('just a text'), json);
    await expect(rejects.handle(body('1'), contextOf())).rejects.toBe('just a text');
  });

  it('refuses a request that cannot be decoded, without calling the function', () => {
    let calls = 0;
    const handler = new MessageHandler(() => calls++, json);
    expect(() => handler.handle(body('{'), contextOf())).toThrow(
      expect.objectContaining({ code: 'ZSCALE_ERR_DECODE' }),
    );
    expect(calls).toBe(0);
  });

  it('refuses a reply that cannot be sent, also when it was waited for', async () => {
    const unsendable = expect.objectContaining({ code: 'ZSCALE_ERR_ENCODE' });
    const atOnce = new MessageHandler(() => Symbol('s'), json);
    expect(() => atOnce.handle(body('1'), contextOf())).toThrow(unsendable);
    const later = new MessageHandler(async () => new Map(), json);
    await expect(later.handle(body('1'), contextOf())).rejects.toEqual(unsendable);
  });

  it('calls the function with the request and its context, and without this', () => {
    let seen: unknown[] = [];
    const handler = new MessageHandler(function (this: unknown, ...args: [never, HandlerContext]) {
      seen = [this, ...args];
    }, json);
    const context = contextOf();
    handler.handle(body('1'), context);
    expect(seen.slice(0, 2)).toEqual([undefined, 1]);
    expect(seen[2]).toBe(context);
  });

  it('asks idempotent, and takes whatever it throws for a no', () => {
    const handler = Object.assign(() => 0, {
      idempotent: ({ method }: { method: string }) => method.toLowerCase() === 'get',
    });
    const { isIdempotent } = new MessageHandler(handler, json);
    const asked = ['{"method":"get"}', '{"method":"put"}', '{}', '{'];
    expect(asked.map((text) => isIdempotent?.(body(text)))).toEqual([true, false, false, false]);
    expect(new MessageHandler(() => 0, json).isIdempotent).toBeUndefined();
  });

  it('gives the function bytes, and takes bytes from it, with codec raw', () => {
    const reverse = (request: Buffer) => Buffer.from(request).reverse();
    const handler = new MessageHandler(reverse, createCodec('raw'));
    expect(textOf(handler.handle(body('abc'), contextOf()) as Buffer[])).toBe('cba');
  });
});

describe('the types of a handler', () => {
  it('are what a client sends and gets', () => {
    const greet = async (request: { name: string }) => ({ text: `Hello ${request.name}` });
    expectTypeOf<RequestOf<typeof greet>>().toEqualTypeOf<{ name: string }>();
    expectTypeOf<ReplyOf<typeof greet>>().toEqualTypeOf<{ text: string }>();

    const now = () => 5;
    expectTypeOf<RequestOf<typeof now>>().toEqualTypeOf<unknown>();
    expectTypeOf<ReplyOf<typeof now>>().toEqualTypeOf<number>();

    const optional = (name?: string) => name;
    expectTypeOf<RequestOf<typeof optional>>().toEqualTypeOf<string | undefined>();
  });

  it('are the same for a handler that takes the context', () => {
    const greet = async (request: { name: string }, { signal }: HandlerContext) =>
      signal.aborted ? undefined : request.name;
    expectTypeOf<RequestOf<typeof greet>>().toEqualTypeOf<{ name: string }>();
    expectTypeOf<ReplyOf<typeof greet>>().toEqualTypeOf<string | undefined>();
    expectTypeOf<typeof greet>().toExtend<HandlerFunction>();
  });

  it('know of idempotent', () => {
    const put = (request: { id: number }) => request.id;
    put.idempotent = (request: { id: number }) => request.id > 0;
    expectTypeOf<typeof put>().toExtend<HandlerFunction>();
    expectTypeOf<RequestOf<typeof put>>().toEqualTypeOf<{ id: number }>();
    const wrong = Object.assign((request: string) => request, { idempotent: true });
    expectTypeOf<typeof wrong>().not.toExtend<HandlerFunction>();
  });

  it('take any function of a request, of a request and a context, or of nothing, and nothing else', () => {
    expectTypeOf<(request: Buffer) => void>().toExtend<HandlerFunction>();
    expectTypeOf<() => Promise<string>>().toExtend<HandlerFunction>();
    expectTypeOf<(a: string, b: string) => string>().not.toExtend<HandlerFunction>();
    expectTypeOf<string>().not.toExtend<HandlerFunction>();
  });
});
