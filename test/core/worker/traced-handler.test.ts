/*
 * Handlers in a worker with an SDK, and in one without. What a whole service makes of it is in test/system/open-telemetry.test.ts.
 */
import { context, trace } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import type { RequestHandler } from '../../../packages/core/src/handlers/handler.ts';
import { RequestContext } from '../../../packages/core/src/handlers/request-context.ts';
import { openTelemetry } from '../../../packages/core/src/tracing/open-telemetry.ts';
import { traced } from '../../../packages/core/src/worker/traced-handler.ts';
import { registerSdk, unregister } from '../../support/sdk.ts';
import { requestHost } from '../../support/worker-queue.ts';

const requestContext = (): RequestContext =>
  new RequestContext(requestHost(), undefined, performance.now(), undefined);

/** Answers with the id of the active span. */
const tellActive: RequestHandler = {
  handle: () => [Buffer.from(trace.getSpan(context.active())?.spanContext().spanId ?? 'none')],
};

describe('a handler', () => {
  it('is the plain one where no SDK is registered, or one that does not trace', () => {
    unregister();
    expect(traced(tellActive, openTelemetry(import.meta.url))).toBe(tellActive);
    registerSdk();
    trace.disable();
    const measures = openTelemetry(import.meta.url);
    expect(measures?.meter).toBeDefined();
    expect(traced(tellActive, measures)).toBe(tellActive);
  });

  it('that answers at once still does, inside of its span, which is over then', () => {
    const sdk = registerSdk();
    const handler = traced(tellActive, openTelemetry(import.meta.url));
    const reply = handler.handle([], requestContext());
    expect(String(reply)).toBe(sdk.spans[0]?.spanContext().spanId);
    expect(trace.getSpan(context.active())).toBeUndefined();
  });

  it.each([
    [
      'throws',
      () => {
        throw new TypeError('no');
      },
    ],
    ['rejects', () => Promise.reject(new TypeError('no'))],
  ])('that %s has failed, and its caller hears why', async (_, handle) => {
    const sdk = registerSdk();
    const handler = traced({ handle }, openTelemetry(import.meta.url));
    await expect(async () => handler.handle([], requestContext())).rejects.toThrow('no');
    expect(sdk.spans).toMatchObject([
      {
        name: 'worker',
        status: { code: 2, message: 'no' },
        attributes: { 'error.type': 'TypeError' },
      },
    ]);
  });

  it('is asked as before whether a request may be done again, and takes exchanges only where it did', () => {
    registerSdk();
    const telemetry = openTelemetry(import.meta.url);
    expect(traced(tellActive, telemetry)).toMatchObject({
      isIdempotent: undefined,
      accept: undefined,
      speaksHttp: false,
    });
    const isIdempotent = ([body]: Buffer[]) => String(body) === 'yes';
    const handler = traced({ ...tellActive, isIdempotent, speaksHttp: true }, telemetry);
    expect(handler.isIdempotent?.([Buffer.from('yes')])).toBe(true);
    expect(handler.isIdempotent?.([Buffer.from('no')])).toBe(false);
    expect(handler.speaksHttp).toBe(true);
  });
});
