/**
 * What OpenTelemetry is told of the queue: one span for each time a request waits for a worker and is with it, and instruments.
 *
 *   queue      from its arrival, or from the loss of its worker, to its answer; the event `given` is when a worker got it
 *
 * The worker is told that span in place of the one that the client or the gateway said, so what it does is a child of it. It is made
 * only where an SDK is registered; else the queue has none of this, and requests have no field for it.
 */

import type { Control } from '../messages/control.ts';
import {
  type Attributes,
  type Context,
  FAILED,
  guarded,
  type Histogram,
  type Observable,
  type ObservableCallback,
  type OpenTelemetry,
  SECONDS,
  SPAN_KINDS,
  type Span,
} from '../tracing/open-telemetry.ts';
import type { WorkerPeer } from './back-end.ts';
import type { QueueStats } from './queue-stats.ts';
import type { QueuedRequest } from './queued-request.ts';

/** A request that is open. */
interface Attempt {
  /** What the client said, of which each attempt is a child. */
  readonly parent: Context;
  readonly span: Span | undefined;
  /** When it began to wait, in ms of `performance.now()`. */
  readonly since: number;
}

/** What somebody who collects asks for. */
interface Gauge {
  readonly instrument: Observable;
  readonly callback: ObservableCallback;
}

/** How a request ended that a worker answered. */
const REPLIED = 'replied';

/** See the top of the file. */
export class QueueTrace {
  readonly #telemetry: OpenTelemetry;
  readonly #service: string;
  readonly #attempts: Map<QueuedRequest, Attempt>;
  readonly #duration: Histogram | undefined;
  readonly #wait: Histogram | undefined;
  #gauges: Gauge[];

  /** @param service its name */
  constructor(telemetry: OpenTelemetry, service: string) {
    const { meter } = telemetry;
    this.#telemetry = telemetry;
    this.#service = service;
    this.#attempts = new Map();
    this.#duration = meter?.createHistogram('zscale.request.duration', {
      unit: 's',
      description: 'From the arrival of a request at the queue to its answer.',
      advice: { explicitBucketBoundaries: SECONDS },
    });
    this.#wait = meter?.createHistogram('zscale.queue.wait.duration', {
      unit: 's',
      description: 'For how long a request waited until a worker got it.',
      advice: { explicitBucketBoundaries: SECONDS },
    });
    this.#gauges = [];
  }

  /** Measures what the queue says of itself, whenever somebody collects. */
  watch(stats: () => QueueStats): void {
    this.#observe('zscale.queue.length', '{request}', 'Requests that wait for a worker.', () => {
      return stats().queued;
    });
    this.#observe('zscale.queue.in_flight', '{request}', 'Requests that workers have.', () => {
      return stats().inFlight;
    });
    this.#observe('zscale.workers', '{worker}', 'Workers that are connected to the queue.', () => {
      return stats().workers.length;
    });
  }

  /** Nothing is measured any more. Idempotent. */
  close(): void {
    for (const { instrument, callback } of this.#gauges) instrument.removeCallback(callback);
    this.#gauges = [];
  }

  /** A request came that will have one end. What its worker is told of its trace is changed. */
  came(request: QueuedRequest): void {
    guarded(() => {
      const { control } = request;
      const base = this.#telemetry.contextWith(control?.baggage);
      this.#begin(request, this.#telemetry.contextOf(control?.trace, control?.state, base));
    });
  }

  /** A worker got it. */
  given(request: QueuedRequest, worker: WorkerPeer): void {
    const attempt = this.#attempts.get(request);
    if (attempt !== undefined) guarded(() => this.#given(attempt, worker));
  }

  #given(attempt: Attempt, worker: WorkerPeer): void {
    const waited = (performance.now() - attempt.since) / 1000;
    this.#wait?.record(waited, { 'zscale.service': this.#service });
    const { span } = attempt;
    if (span?.isRecording() !== true) return;
    span.addEvent('given');
    span.setAttribute('zscale.queue.wait', waited);
    if (worker.id !== undefined) span.setAttribute('zscale.worker.id', worker.id);
    if (worker.machine !== undefined) span.setAttribute('zscale.machine', worker.machine);
  }

  /** Its worker was lost, and it waits for another one. */
  lost(request: QueuedRequest): void {
    const attempt = this.#attempts.get(request);
    if (attempt === undefined) return;
    guarded(() => finish(attempt.span, 'retried', 'ZSCALE_ERR_WORKER_LOST'));
    guarded(() => this.#begin(request, attempt.parent));
  }

  /** Its worker answered. @param failed by an error */
  answered(request: QueuedRequest, failed: boolean): void {
    this.#end(request, failed ? 'failed' : REPLIED, failed ? 'ZSCALE_ERR_HANDLER' : undefined);
  }

  /** The queue answered in place of a worker. */
  refused(request: QueuedRequest, code: string): void {
    this.#end(request, 'refused', code);
  }

  /** Its client does not wait any more: that is nobody's fault. */
  cancelled(request: QueuedRequest): void {
    this.#end(request, 'cancelled', undefined);
  }

  #begin(request: QueuedRequest, parent: Context): void {
    const { tracer } = this.#telemetry;
    const since = performance.now();
    let span: Span | undefined;
    if (tracer !== undefined) {
      const kind = request.client.isGateway ? SPAN_KINDS.internal : SPAN_KINDS.server;
      span = tracer.startSpan('queue', { kind, attributes: this.#factsOf(request) }, parent);
      this.#tell(request, span);
    }
    this.#attempts.set(request, { parent, span, since });
  }

  #factsOf({ attempts, control }: QueuedRequest): Attributes {
    return {
      'zscale.service': this.#service,
      'zscale.attempt': attempts + 1,
      ...(control?.id !== undefined && { 'zscale.request.id': control.id }),
    };
  }

  /** The worker goes on from this span. */
  #tell(request: QueuedRequest, span: Span): void {
    const trace = this.#telemetry.traceOf(span);
    if (trace === undefined) return;
    const { state: _, ...said }: Control = request.control ?? {};
    const { traceparent, tracestate } = trace;
    request.control = {
      ...said,
      trace: traceparent,
      ...(tracestate !== undefined && { state: tracestate }),
    };
    request.mark = undefined;
  }

  #end(request: QueuedRequest, outcome: string, code: string | undefined): void {
    const attempt = this.#attempts.get(request);
    if (attempt === undefined) return;
    this.#attempts.delete(request);
    guarded(() => {
      finish(attempt.span, outcome, code);
      this.#duration?.record((performance.now() - request.arrived) / 1000, {
        'zscale.service': this.#service,
        'zscale.outcome': outcome,
        ...(code !== undefined && { 'error.type': code }),
      });
    });
  }

  #observe(name: string, unit: string, description: string, value: () => number): void {
    const { meter } = this.#telemetry;
    if (meter === undefined) return;
    const instrument = meter.createObservableUpDownCounter(name, { unit, description });
    const attributes = { 'zscale.service': this.#service };
    const callback: ObservableCallback = (result) => result.observe(value(), attributes);
    instrument.addCallback(callback);
    this.#gauges.push({ instrument, callback });
  }
}

function finish(span: Span | undefined, outcome: string, code: string | undefined): void {
  if (span === undefined) return;
  span.setAttribute('zscale.outcome', outcome);
  if (code !== undefined) {
    span.setAttribute('error.type', code);
    span.setStatus({ code: FAILED, message: code });
  }
  span.end();
}
