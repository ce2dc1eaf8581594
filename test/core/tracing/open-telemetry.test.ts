/*
 * Which API zscale finds, where there is one, none, or one of another version, and what it says of a trace.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as api from '@opentelemetry/api';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  type OpenTelemetry,
  type OpenTelemetryApi,
  openTelemetry,
} from '../../../packages/core/src/tracing/open-telemetry.ts';
import { freshFolder } from '../../support/programs.ts';
import { registerSdk, unregister } from '../../support/sdk.ts';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const OTHER_MAJOR = Symbol.for('opentelemetry.js.api.2');

/** The one that is registered; fails where there is none. */
function registered(): OpenTelemetry {
  const telemetry = openTelemetry(import.meta.url);
  if (telemetry === undefined) throw new Error('nothing is registered');
  return telemetry;
}

/** A folder in which `@opentelemetry/api` is this text. */
function folderWith(text: string): string {
  const folder = freshFolder();
  const place = join(folder, 'node_modules/@opentelemetry/api');
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'index.js'), text);
  return folder;
}

afterEach(() => {
  Reflect.deleteProperty(globalThis, OTHER_MAJOR);
  unregister();
  vi.restoreAllMocks();
});

describe('openTelemetry()', () => {
  it('is nothing where no SDK is registered, and does not look for the API then', () => {
    const warn = vi.fn();
    const folder = folderWith('globalThis.wasLoaded = true;');
    expect(openTelemetry(join(folder, 'server.js'), warn)).toBeUndefined();
    expect(Reflect.get(globalThis, 'wasLoaded')).toBeUndefined();
    expect(warn).not.toHaveBeenCalled();
  });

  it('is what the real API is', () => {
    const real: OpenTelemetryApi = api; // a check of types: what we believe it has, it has
    registerSdk();
    for (const entry of [import.meta.url, import.meta.filename, undefined]) {
      const telemetry = openTelemetry(entry);
      expect(telemetry?.api.trace).toBe(real.trace);
      expect(telemetry?.tracer).toBeDefined();
      expect(telemetry?.meter).toBeDefined();
    }
  });

  it('has no tracer where an SDK measures alone, and no meter where it traces alone', () => {
    registerSdk();
    api.trace.disable();
    expect(registered().tracer).toBeUndefined();
    expect(registered().meter).toBeDefined();
    unregister();
    registerSdk();
    api.metrics.disable();
    expect(registered().tracer).toBeDefined();
    expect(registered().meter).toBeUndefined();
  });

  it('is found beside what Node was told to load first, where the program has none', () => {
    registerSdk();
    // What is no API, so that none is found by NODE_PATH.
    const folder = folderWith('module.exports = {};');
    const elsewhere = join(folder, 'server.js');
    vi.spyOn(process, 'cwd').mockReturnValue(folder);
    const { execArgv } = process;
    process.execArgv = [];
    onTestFinished(() => {
      process.execArgv = execArgv;
    });
    const warn = vi.fn();
    expect(openTelemetry(elsewhere, warn)).toBeUndefined();
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('no @opentelemetry/api'));
    for (const option of [`--import ${import.meta.url}`, `--require=${import.meta.filename}`]) {
      vi.stubEnv('NODE_OPTIONS', `--no-warnings ${option}`);
      expect(openTelemetry(elsewhere)?.api.trace).toBe(api.trace);
    }
    vi.unstubAllEnvs();
  });

  it('goes on to the next place from an API that is none, or does not see the SDK', () => {
    registerSdk();
    const texts = ['throw new Error("broken")', 'module.exports = {}', 'module.exports = null'];
    // A whole one that has an SDK of its own.
    const whole = `const call = () => {}; module.exports = { ROOT_CONTEXT: {}, createTraceState: call,
      trace: { getTracer: call, getTracerProvider: call, setSpanContext: call, isSpanContextValid: call },
      context: { with: call }, propagation: { extract: call, fields: call },
      metrics: { getMeter: call, getMeterProvider: call } };`;
    for (const text of [...texts, whole]) {
      const entry = pathToFileURL(join(folderWith(text), 'server.js')).href;
      expect(openTelemetry(entry)?.api.trace, text).toBe(api.trace);
    }
  });

  it('says so of an API of another major version, and is nothing', () => {
    Reflect.set(globalThis, OTHER_MAJOR, { version: '2.0.0', trace: {} });
    const warn = vi.fn();
    expect(openTelemetry(import.meta.url, warn)).toBeUndefined();
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      'version 2 of @opentelemetry/api is in use, and zscale knows version 1: it makes no spans',
    );
  });
});

describe('a trace', () => {
  const spanContextOf = (trace: string, state?: string) =>
    api.trace.getSpanContext(registered().contextOf(trace, state) as api.Context); // the real one

  it('is read as W3C has it, with its state', () => {
    registerSdk();
    const spanContext = spanContextOf(TRACE, 'a=1,b=2');
    expect(spanContext).toMatchObject({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      traceFlags: 1,
      isRemote: true,
    });
    expect(spanContext?.traceState?.get('b')).toBe('2');
    expect(spanContextOf(`cc${TRACE.slice(2)}-what-comes-later`)?.traceFlags).toBe(1);
  });

  it.each([
    ['version ff', `ff${TRACE.slice(2)}`],
    ['more than version 00 has', `${TRACE}-more`],
    ['no trace', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`],
    ['no span', `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`],
    ['another form', 'nonsense'],
    ['upper case', TRACE.toUpperCase()],
  ])('is none with %s', (_, trace) => {
    registerSdk();
    expect(spanContextOf(trace)).toBeUndefined();
  });

  it('is told as it was read; a state that no frame takes is left out', () => {
    registerSdk();
    const telemetry = registered();
    const told = (state?: string) => {
      const context = telemetry.contextOf(TRACE, state);
      const span = telemetry.api.trace.getSpan(context);
      return span && telemetry.traceOf(span);
    };
    expect(told('a=1')).toEqual({ traceparent: TRACE, tracestate: 'a=1' });
    expect(told()).toEqual({ traceparent: TRACE });
    const long = Array.from({ length: 8 }, (_, i) => `k${i}=${'x'.repeat(100)}`).join(',');
    expect(told(long)).toEqual({ traceparent: TRACE });
  });

  it('that is active is that of the span around, and none elsewhere', () => {
    registerSdk();
    const telemetry = registered();
    expect(telemetry.activeTrace()).toBeUndefined();
    api.trace.getTracer('test').startActiveSpan('around', (span) => {
      expect(telemetry.activeTrace()?.traceparent).toContain(span.spanContext().spanId);
      span.end();
    });
  });
});
