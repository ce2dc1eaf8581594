/**
 * OpenTelemetry, where the program has it: finds the API of the SDK that is registered in this process, and has the few parts of
 * it that zscale uses.
 *
 * No package of ours depends on `@opentelemetry/api`: it is the application's, found as the application finds it, and only after a
 * look at the one global under which an SDK registers itself. Without an SDK that look is all that it costs, once for each service,
 * worker and client. What spans and instruments mean is said where they are made: in the queue, the gateway and the worker.
 */

import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TraceContext } from '../current-context.ts';
import { doneWithin } from '../waiting.ts';

/** What a span or a measurement says of itself. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** What a propagator reads and writes; the API's own and immutable. */
export interface Context {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): Context;
  deleteValue(key: symbol): Context;
}

/** Which span it is, as it is told to others. */
export interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
  readonly isRemote?: boolean;
  readonly traceState?: { serialize(): string };
}

/** A span that is open. */
export interface Span {
  spanContext(): SpanContext;
  setAttribute(name: string, value: string | number | boolean): unknown;
  addEvent(name: string): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  recordException(exception: Error): unknown;
  isRecording(): boolean;
  end(): void;
}

/** What a span is made from. */
interface SpanOptions {
  readonly kind: number;
  readonly attributes: Attributes;
  /** In ms since the epoch. Default: now. */
  readonly startTime?: number;
}

/** Makes spans. */
export interface Tracer {
  startSpan(name: string, options: SpanOptions, parent: Context): Span;
}

/** Adds up measurements in buckets. */
export interface Histogram {
  record(value: number, attributes?: Attributes): void;
}

/** Asked whenever somebody collects. */
export interface Observable {
  addCallback(callback: ObservableCallback): void;
  removeCallback(callback: ObservableCallback): void;
}

/** Answers that. */
export type ObservableCallback = (result: {
  observe(value: number, attributes?: Attributes): void;
}) => void;

/** What an instrument is made from. */
interface InstrumentOptions {
  readonly unit: string;
  readonly description: string;
  readonly advice?: { explicitBucketBoundaries: number[] };
}

/** Makes instruments. */
export interface Meter {
  createHistogram(name: string, options: InstrumentOptions): Histogram;
  createObservableUpDownCounter(name: string, options: InstrumentOptions): Observable;
}

/** As much of `@opentelemetry/api` 1.x as is used here. */
export interface OpenTelemetryApi {
  readonly ROOT_CONTEXT: Context;
  readonly createTraceState: (text: string) => { serialize(): string };
  readonly trace: {
    getTracerProvider(): object;
    getTracer(name: string): Tracer;
    setSpan(context: Context, span: Span): Context;
    setSpanContext(context: Context, spanContext: SpanContext): Context;
    getSpan(context: Context): Span | undefined;
    isSpanContextValid(spanContext: SpanContext): boolean;
  };
  readonly context: {
    active(): Context;
    with<A extends unknown[], R>(context: Context, call: (...args: A) => R): R;
  };
  readonly propagation: {
    extract(context: Context, carrier: object): Context;
    inject(context: Context, carrier: object): void;
    fields(): string[];
    getBaggage(context: Context): object | undefined;
  };
  readonly metrics: {
    getMeterProvider(): object;
    getMeter(name: string): Meter;
  };
}

/** Kinds of spans, and the status of those that failed, as the API numbers them. */
export const SPAN_KINDS = { internal: 0, server: 1 } as const;
/** The status of a span that failed. */
export const FAILED = 2;

/** For histograms of times, in s: those that the conventions for HTTP advise. */
export const SECONDS: number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];

const PACKAGE = '@opentelemetry/api';
/** Where SDKs register, by the major version of the API. */
const REGISTERED = Symbol.for('opentelemetry.js.api.1');
const OF_ANY_MAJOR = /^opentelemetry\.js\.api\.(\d+)$/;
const SCOPE = '@zscale/core';
/** How long the last spans may take to be sent, in ms. */
const FLUSH_MS = 1000;

/** W3C Trace Context, `traceparent`. */
const TRACE = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;
/** W3C Baggage: the name of its header, which says that a propagator knows it. */
const BAGGAGE = 'baggage';
/** What a frame takes for `tracestate`. */
const STATE = /^[\x20-\x7e]{1,512}$/;
const SAMPLED = 1;

let hasComplained = false;

/**
 * Does what an SDK, and what the program has put into it, may throw in: their faults are told once, as a warning of the process, and
 * cost no request.
 */
export function guarded(tell: () => void): void {
  try {
    tell();
  } catch (error) {
    if (hasComplained) return;
    hasComplained = true;
    process.emitWarning(
      `zscale: OpenTelemetry's SDK threw, and is not waited for: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  }
}

/** The SDK of this process. */
export class OpenTelemetry {
  readonly api: OpenTelemetryApi;
  /** Undefined where spans are not registered for. */
  readonly tracer: Tracer | undefined;
  /** Undefined where measurements are not registered for. */
  readonly meter: Meter | undefined;
  /** Whether one of its propagators reads and writes baggage. */
  readonly knowsBaggage: boolean;

  /** @param registered what the SDK has registered for */
  constructor(
    api: OpenTelemetryApi,
    registered: { readonly trace: boolean; readonly metrics: boolean },
  ) {
    this.api = api;
    this.tracer = registered.trace ? api.trace.getTracer(SCOPE) : undefined;
    this.meter = registered.metrics ? api.metrics.getMeter(SCOPE) : undefined;
    this.knowsBaggage = api.propagation.fields().includes(BAGGAGE);
  }

  /** The context in which a span is a child of this one; `base` where that is none, or none that can be read. */
  contextOf(trace: string | undefined, state: string | undefined, base?: Context): Context {
    const { ROOT_CONTEXT, createTraceState, trace: traces } = this.api;
    const context = base ?? ROOT_CONTEXT;
    const parts = trace === undefined ? null : TRACE.exec(trace);
    if (parts === null) return context;
    const [, version, traceId = '', spanId = '', flags = '', more] = parts;
    if (version === 'ff' || (version === '00' && more !== undefined)) return context;
    const spanContext = {
      traceId,
      spanId,
      traceFlags: Number.parseInt(flags, 16),
      isRemote: true,
      ...(state !== undefined && { traceState: createTraceState(state) }),
    };
    return traces.isSpanContextValid(spanContext)
      ? traces.setSpanContext(context, spanContext)
      : context;
  }

  /** How a span is told to whoever goes on with it; undefined for one that is no span. */
  traceOf(span: Span): TraceContext | undefined {
    const spanContext = span.spanContext();
    if (!this.api.trace.isSpanContextValid(spanContext)) return undefined;
    const { traceId, spanId, traceFlags, traceState } = spanContext;
    const traceparent = `00-${traceId}-${spanId}-${(traceFlags & SAMPLED) === 0 ? '00' : '01'}`;
    const tracestate = traceState?.serialize() ?? '';
    return STATE.test(tracestate) ? { traceparent, tracestate } : { traceparent };
  }

  /** The span that the program is in, where it is in one. */
  activeTrace(): TraceContext | undefined {
    const { context, trace } = this.api;
    const span = trace.getSpan(context.active());
    return span && this.traceOf(span);
  }

  /** A context that has nothing but this baggage; undefined where there is none, or none that the SDK wants to know. */
  contextWith(baggage: string | undefined): Context | undefined {
    if (baggage === undefined || !this.knowsBaggage) return undefined;
    const { propagation, ROOT_CONTEXT } = this.api;
    return propagation.extract(ROOT_CONTEXT, { [BAGGAGE]: baggage });
  }

  /** The baggage that the program has now, as its header; undefined where it has none. */
  activeBaggage(): string | undefined {
    const { context, propagation } = this.api;
    const active = context.active();
    if (propagation.getBaggage(active) === undefined) return undefined;
    const carrier: Record<string, string> = {};
    propagation.inject(active, carrier);
    return carrier[BAGGAGE];
  }

  /** Sends what is not sent yet, where the SDK can, for a second at most. Never rejects. */
  async flush(): Promise<void> {
    const { metrics, trace } = this.api;
    const providers = [];
    if (this.tracer !== undefined) providers.push(trace.getTracerProvider());
    if (this.meter !== undefined) providers.push(metrics.getMeterProvider());
    await doneWithin(Promise.allSettled(providers.map(flushProvider)), FLUSH_MS);
  }
}

/**
 * The SDK that is registered in this process, if there is one.
 *
 * @param entry the program's file, as a path or a file URL, from where the API is looked for; default: what Node was started with
 * @param warn told once why there are no spans though there is an SDK
 */
export function openTelemetry(
  entry: string | undefined,
  warn: (text: string) => void = () => {},
): OpenTelemetry | undefined {
  const registered: unknown = Reflect.get(globalThis, REGISTERED);
  const trace: unknown = Reflect.get(Object(registered), 'trace');
  const metrics: unknown = Reflect.get(Object(registered), 'metrics');
  if (trace === undefined && metrics === undefined) {
    const major = otherMajor();
    if (major !== undefined) {
      warn(
        `version ${major} of ${PACKAGE} is in use, and zscale knows version 1: it makes no spans`,
      );
    }
    return undefined;
  }
  for (const file of placesOf(entry)) {
    const api = load(file);
    if (api === undefined) continue;
    const hasTrace = trace !== undefined && api.trace.getTracerProvider() === trace;
    const hasMetrics = metrics !== undefined && api.metrics.getMeterProvider() === metrics;
    // Else it is one that is newer than the SDK's own, and does not see what that has registered.
    if (hasTrace || hasMetrics) {
      return new OpenTelemetry(api, { trace: hasTrace, metrics: hasMetrics });
    }
  }
  warn(
    `an OpenTelemetry SDK is registered, and no ${PACKAGE} that fits it is found beside the program: zscale makes no spans. ` +
      'Install the version that the SDK has, as a dependency of the program',
  );
  return undefined;
}

/** The version that something registered which is not ours. */
function otherMajor(): string | undefined {
  for (const { description = '' } of Object.getOwnPropertySymbols(globalThis)) {
    const major = OF_ANY_MAJOR.exec(description)?.[1];
    if (major !== undefined && major !== '1') return major;
  }
  return undefined;
}

/** Files from which the API may be found: the program's, and what Node was told to load before it. */
function* placesOf(entry: string | undefined): Generator<string> {
  const here = join(process.cwd(), 'package.json');
  yield pathOf(entry ?? process.argv[1] ?? here);
  yield here;
  const words = [...(process.env.NODE_OPTIONS ?? '').split(/\s+/), ...process.execArgv];
  for (const [i, word] of words.entries()) {
    const option = /^(?:--import|--require|-r)(?:=(.*))?$/.exec(word);
    const loaded = option?.[1] ?? (option === null ? undefined : words[i + 1]);
    if (loaded === undefined) continue;
    try {
      yield createRequire(here).resolve(pathOf(loaded.replaceAll('"', '')));
    } catch {
      // It was loaded by other rules than those of `require`, so nothing is found from there.
    }
  }
}

function pathOf(file: string): string {
  if (file.startsWith('file:')) return fileURLToPath(file);
  return /^\.{0,2}\//.test(file) ? resolve(file) : file;
}

function load(from: string): OpenTelemetryApi | undefined {
  try {
    const api: unknown = createRequire(resolve(from))(PACKAGE);
    return isApi(api) ? api : undefined;
  } catch {
    // It is not there, or cannot be loaded by this version of Node: then it is not what the SDK has either.
    return undefined;
  }
}

function isApi(value: unknown): value is OpenTelemetryApi {
  const api = Object(value);
  const calls = [
    api.createTraceState,
    api.trace?.getTracer,
    api.trace?.setSpanContext,
    api.trace?.isSpanContextValid,
    api.context?.with,
    api.propagation?.extract,
    api.propagation?.fields,
    api.propagation?.getBaggage,
    api.metrics?.getMeter,
  ];
  return api.ROOT_CONTEXT !== undefined && calls.every((call) => typeof call === 'function');
}

async function flushProvider(provider: object): Promise<void> {
  const real: unknown = 'getDelegate' in provider ? callOn(provider, 'getDelegate') : provider;
  await callOn(Object(real), 'forceFlush');
}

function callOn(target: object, name: string): unknown {
  const method: unknown = Reflect.get(target, name);
  return typeof method === 'function' ? Reflect.apply(method, target, []) : undefined;
}
