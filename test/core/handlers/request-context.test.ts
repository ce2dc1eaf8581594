/*
 * What a handler is told beside its request, and the context that is found again behind an await.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  contextScope,
  currentBaggage,
  currentContext,
  currentTrace,
  type HandlerContext,
} from '../../../packages/core/src/current-context.ts';
import type { HandlerFunction } from '../../../packages/core/src/handlers/handler.ts';
import { MessageHandler } from '../../../packages/core/src/handlers/message-handler.ts';
import { RequestContext } from '../../../packages/core/src/handlers/request-context.ts';
import type { Control } from '../../../packages/core/src/messages/control.ts';
import { createCodec } from '../../../packages/core/src/messages/payload.ts';
import { recordingLogger, requestHost } from '../../support/worker-queue.ts';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const TICKET = Buffer.from('0000000700000009', 'hex');

function contextOf(control?: Control, host = requestHost()): RequestContext {
  return new RequestContext(host, TICKET, performance.now(), control);
}

describe('the context of a request', () => {
  it('has what the queue said of it', () => {
    const { requestId, attempt, trace, baggage, worker } = contextOf({
      id: 'order-7',
      attempt: 2,
      trace: TRACE,
      state: 'a=b',
      baggage: 'c=d',
    });
    expect({ requestId, attempt, trace, baggage, worker }).toEqual({
      requestId: 'order-7',
      attempt: 2,
      trace: { traceparent: TRACE, tracestate: 'a=b' },
      baggage: 'c=d',
      worker: { id: 0, pid: process.pid, service: 'zscale' },
    });
  });

  it('is named after its ticket, is the first attempt and has no trace unless the queue says so', () => {
    const { requestId, attempt, trace } = contextOf();
    expect({ requestId, attempt, trace }).toEqual({
      requestId: '0000000700000009',
      attempt: 1,
      trace: undefined,
    });
  });

  it('has a name of its own where there is no ticket', () => {
    const host = requestHost();
    const names = [1, 2, 3].map(() => new RequestContext(host, undefined, 0, undefined).requestId);
    expect(new Set(names).size).toBe(3);
    expect(names[0]).toMatch(/^[\w-]{1,64}$/);
  });

  it('logs with its name and its worker, and makes a logger only when asked', () => {
    const facts: object[] = [];
    const logger = {
      ...recordingLogger().logger,
      child: (more: Record<string, unknown>) => {
        facts.push(more);
        return logger;
      },
    };
    const context = contextOf({ id: 'x' }, requestHost(Infinity, { workerId: 3, logger }));
    expect(facts).toEqual([]);
    expect(context.logger).toBe(context.logger);
    expect(facts).toEqual([{ worker: 3 }, { requestId: 'x' }]);
  });
});

describe('the deadline of a request', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000_000 });
    return () => vi.useRealTimers();
  });

  it('is the service’s timeout from its arrival, or what the queue says is left', () => {
    expect(contextOf(undefined, requestHost(500)).deadline).toBe(1_000_500);
    expect(contextOf({ deadline: 20 }, requestHost(500)).deadline).toBe(1_000_020);
    expect(contextOf().deadline).toBe(Infinity);
  });

  it('counts what passed before somebody asked, and does not move', () => {
    const context = contextOf(undefined, requestHost(500));
    vi.advanceTimersByTime(200);
    expect(context.deadline).toBe(1_000_500);
    vi.advanceTimersByTime(200);
    expect(context.deadline).toBe(1_000_500);
  });

  it('aborts the signal when it comes, with ZSCALE_ERR_TIMEOUT', () => {
    const { signal } = contextOf(undefined, requestHost(500));
    vi.advanceTimersByTime(499);
    expect(signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(signal.reason).toMatchObject({ name: 'ZscaleError', code: 'ZSCALE_ERR_TIMEOUT' });
  });

  it('leaves no timer where nobody uses the signal, or when the request is answered', () => {
    const unused = contextOf(undefined, requestHost(500));
    expect([unused.requestId.length, vi.getTimerCount()]).toEqual([16, 0]);
    const context = contextOf(undefined, requestHost(500));
    const { signal } = context;
    expect(vi.getTimerCount()).toBe(1);
    context.end();
    expect(vi.getTimerCount()).toBe(0);
    context.cancel();
    expect(signal.aborted).toBe(false);
  });
});

describe('a cancelled request', () => {
  it.each(['before', 'after'])('has an aborted signal, asked for %s it was cancelled', (when) => {
    const context = contextOf(undefined, requestHost(30_000));
    if (when === 'before') expect(context.signal.aborted).toBe(false);
    context.cancel();
    expect(context.signal.reason).toMatchObject({ code: 'ZSCALE_ERR_CANCELLED' });
  });

  it('says that the time was up where it nearly was', () => {
    const context = contextOf({ deadline: 60 }, requestHost());
    context.cancel();
    expect(context.signal.reason).toMatchObject({ code: 'ZSCALE_ERR_TIMEOUT' });
  });
});

describe('the current context', () => {
  /** As in a process where nobody asked yet. */
  function forget(): void {
    contextScope().isWanted = false;
  }
  beforeEach(forget);
  afterEach(forget);

  const handle = (handler: HandlerFunction, context: RequestContext) =>
    new MessageHandler(handler, createCodec('json')).handle([Buffer.from('1')], context);

  it('is that of each request, also behind awaits, from the first question on', async () => {
    const seen: [string | undefined, HandlerContext | undefined, HandlerContext][] = [];
    const handler = async (_: number, context: HandlerContext) => {
      seen.push(['at once', currentContext(), context]);
      await nextTurn();
      seen.push(['later', currentContext(), context]);
    };
    await Promise.all(['a', 'b', 'c'].map((id) => handle(handler, contextOf({ id }))));
    expect(seen.length).toBe(6);
    for (const [, current, own] of seen) expect(current).toBe(own);
    expect(currentContext()).toBeUndefined();
  });

  it('does not stay behind a handler that answered, nor behind one that threw', async () => {
    handle(() => currentContext()?.attempt, contextOf());
    expect(currentContext()).toBeUndefined();
    forget();
    const fails = () => {
      throw new Error(currentContext()?.requestId);
    };
    expect(() => handle(fails, contextOf({ id: 'x' }))).toThrow('x');
    expect(currentContext()).toBeUndefined();
    await nextTurn();
    expect(currentContext()).toBeUndefined();
  });

  it('is there behind awaits for a request with a trace, when nobody asked before', async () => {
    let id: string | undefined;
    const handler = async () => {
      await nextTurn();
      id = currentContext()?.requestId;
    };
    await handle(handler, contextOf({ id: 'x', trace: TRACE }));
    expect(id).toBe('x');
  });

  it('gives the trace of the request, and its baggage, and does not make plain requests dearer', async () => {
    const traces: unknown[] = [];
    const handler = async () => {
      traces.push(currentTrace() ?? currentBaggage());
      await nextTurn();
      traces.push(currentTrace() ?? currentBaggage());
    };
    await handle(handler, contextOf({ trace: TRACE }));
    await handle(handler, contextOf({ baggage: 'a=b' }));
    await handle(handler, contextOf());
    const trace = { traceparent: TRACE, tracestate: undefined };
    expect(traces).toEqual([trace, trace, 'a=b', 'a=b', undefined, undefined]);
    expect([currentTrace(), contextScope().isWanted]).toEqual([undefined, false]);
  });
});
