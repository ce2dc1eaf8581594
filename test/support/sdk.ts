/*
 * A real OpenTelemetry SDK in the process of the test, which keeps what it is told.
 */
import { context, metrics, propagation, trace } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { onTestFinished } from 'vitest';

/** What it was told. */
export interface RegisteredSdk {
  /** Spans that have ended, in that order. */
  readonly spans: ReadableSpan[];
  /** What instruments have measured, by their names: the values with what they are of. */
  collect(): Promise<
    Record<string, Array<{ readonly attributes: object; readonly value: unknown }>>
  >;
}

/** Takes away whatever is registered. */
export function unregister(): void {
  for (const api of [trace, context, propagation, metrics]) api.disable();
}

/** Registers one, until the running test ends. @param further processors beside the one that keeps spans */
export function registerSdk(further: SpanProcessor[] = []): RegisteredSdk {
  const exporter = new InMemorySpanExporter();
  const spanProcessors = [new SimpleSpanProcessor(exporter), ...further];
  new NodeTracerProvider({ spanProcessors }).register();
  const measured = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({
    exporter: measured,
    exportIntervalMillis: 60_000,
  });
  const provider = new MeterProvider({ readers: [reader] });
  metrics.setGlobalMeterProvider(provider);
  onTestFinished(async () => {
    unregister();
    await provider.shutdown();
  });
  return {
    get spans() {
      return exporter.getFinishedSpans();
    },
    async collect() {
      measured.reset();
      await reader.forceFlush();
      const all = measured
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
      return Object.fromEntries(
        all.map(({ descriptor, dataPoints }) => [
          descriptor.name,
          dataPoints.map(({ attributes, value }) => ({ attributes, value })),
        ]),
      );
    },
  };
}
