/**
 * A handler in a worker whose program has an OpenTelemetry SDK: a span for each request, which is the active one while the handler
 * works, so that what the application makes is a child of it.
 *
 *   worker     from when the handler is called to its reply; its parent is what the queue said: its own span, or the client's
 *
 * An HTTP application finds that span in its headers, too, in place of those that came: instrumentations of node:http go by them.
 * Workers without an SDK have the plain handler, and none of this.
 */

import type { Exchange } from '../handlers/exchange.ts';
import type { RequestHandler } from '../handlers/handler.ts';
import type { RequestContext } from '../handlers/request-context.ts';
import {
  decodeRequestHead,
  encodeRequestHead,
  type RequestHead,
} from '../messages/http-message.ts';
import { isThenable } from '../messages/sendable.ts';
import {
  type Context,
  type OpenTelemetry,
  SPAN_KINDS,
  type Span,
  type Tracer,
} from '../tracing/open-telemetry.ts';
import { fail, TracedExchange } from './traced-exchange.ts';

/** The handler as it is, or with spans where an SDK is registered for them. */
export function traced(
  handler: RequestHandler,
  telemetry: OpenTelemetry | undefined,
): RequestHandler {
  if (telemetry?.tracer === undefined) return handler;
  return new TracedHandler(handler, telemetry, telemetry.tracer);
}

/** See the top of the file. */
class TracedHandler implements RequestHandler {
  readonly speaksHttp: boolean;
  readonly isIdempotent: ((request: Buffer[]) => boolean) | undefined;
  readonly accept: ((exchange: Exchange) => void) | undefined;
  readonly #handler: RequestHandler;
  readonly #telemetry: OpenTelemetry;
  readonly #tracer: Tracer;

  constructor(handler: RequestHandler, telemetry: OpenTelemetry, tracer: Tracer) {
    this.speaksHttp = handler.speaksHttp === true;
    this.isIdempotent =
      handler.isIdempotent && ((request) => handler.isIdempotent?.(request) === true);
    this.accept = handler.accept && ((exchange) => this.#accept(exchange));
    this.#handler = handler;
    this.#telemetry = telemetry;
    this.#tracer = tracer;
  }

  handle(request: Buffer[], context: RequestContext): Buffer[] | Promise<Buffer[]> {
    const { span, active } = this.#start(context, undefined);
    try {
      const reply = this.#telemetry.api.context.with(active, () =>
        this.#handler.handle(request, context),
      );
      if (isThenable(reply)) return endLater(span, reply);
      span.end();
      return reply;
    } catch (error) {
      fail(span, error);
      throw error;
    }
  }

  #accept(exchange: Exchange): void {
    const head = this.speaksHttp ? decodeRequestHead(exchange.head) : undefined;
    const { span, active } = this.#start(exchange.context, head);
    const frame = head === undefined ? exchange.head : this.#headFor(head, active);
    const traced = new TracedExchange(exchange, frame, span, this.speaksHttp);
    try {
      this.#telemetry.api.context.with(active, () => this.#handler.accept?.(traced));
    } catch (error) {
      traced.failed(error);
      throw error;
    }
  }

  #start(
    context: RequestContext,
    head: RequestHead | undefined,
  ): { readonly span: Span; readonly active: Context } {
    const { api } = this.#telemetry;
    // What else propagators find there stays: baggage.
    const base =
      head === undefined
        ? this.#telemetry.contextWith(context.baggage)
        : api.propagation.extract(api.ROOT_CONTEXT, headersOf(head));
    const { traceparent, tracestate } = context.trace ?? {};
    const parent = this.#telemetry.contextOf(traceparent, tracestate, base);
    const { attempt, requestId, worker } = context;
    const attributes = {
      'zscale.service': worker.service,
      'zscale.worker.id': worker.id,
      'zscale.attempt': attempt,
      'zscale.request.id': requestId,
    };
    const span = this.#tracer.startSpan(
      'worker',
      { kind: SPAN_KINDS.internal, attributes },
      parent,
    );
    return { span, active: api.trace.setSpan(parent, span) };
  }

  /** The head as the application gets it. */
  #headFor(head: RequestHead, active: Context): Buffer {
    const { propagation } = this.#telemetry.api;
    const carrier: Record<string, string> = {};
    propagation.inject(active, carrier);
    const said = new Set([...propagation.fields(), ...Object.keys(carrier)].map(lowerCase));
    const rawHeaders: string[] = [];
    for (let i = 0; i < head.rawHeaders.length; i += 2) {
      const name = head.rawHeaders[i] ?? '';
      if (!said.has(lowerCase(name))) rawHeaders.push(name, head.rawHeaders[i + 1] ?? '');
    }
    for (const [name, value] of Object.entries(carrier)) rawHeaders.push(name, value);
    return encodeRequestHead({ ...head, rawHeaders });
  }
}

function headersOf({ rawHeaders }: RequestHead): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i < rawHeaders.length; i += 2) {
    headers[lowerCase(rawHeaders[i] ?? '')] = rawHeaders[i + 1] ?? '';
  }
  return headers;
}

function lowerCase(name: string): string {
  return name.toLowerCase();
}

async function endLater(span: Span, reply: Promise<Buffer[]>): Promise<Buffer[]> {
  try {
    const body = await reply;
    span.end();
    return body;
  } catch (error) {
    fail(span, error);
    throw error;
  }
}
