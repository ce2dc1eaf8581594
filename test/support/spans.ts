/*
 * What an OpenTelemetry SDK recorded in the processes of a service: test/fixtures/otel/otel.mjs writes it to files.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fixture } from './cli.ts';
import { freshFolder } from './programs.ts';
import { until } from './until.ts';

/** A span that has ended. */
export interface RecordedSpan {
  readonly name: string;
  readonly kind: number;
  readonly pid: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId?: string;
  readonly state?: string;
  /** 0 unset, 2 error. */
  readonly status: number;
  readonly ms: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly events: readonly string[];
}

/** One measurement of an instrument. */
export interface RecordedMetric {
  readonly name: string;
  readonly unit: string;
  readonly dataPoints: ReadonlyArray<{
    readonly attributes: Readonly<Record<string, string | number>>;
    readonly value: number | { readonly count: number; readonly sum: number };
  }>;
}

/** An SDK for the processes of one service. */
export class Recording {
  /** The environment by which it is loaded. */
  readonly env: Readonly<Record<string, string>>;
  readonly #spans: string;
  readonly #metrics: string;

  constructor() {
    const folder = freshFolder();
    this.#spans = join(folder, 'spans');
    this.#metrics = join(folder, 'metrics');
    this.env = {
      NODE_OPTIONS: `--import ${fixture('otel/otel.mjs')}`,
      SPANS: this.#spans,
      METRICS: this.#metrics,
    };
  }

  /** All spans so far. */
  get spans(): RecordedSpan[] {
    return linesOf(this.#spans) as RecordedSpan[]; // otel.mjs writes them
  }

  /** What was collected last, in the order of the processes that wrote it. */
  get metrics(): ReadonlyArray<{ readonly pid: number; readonly metrics: RecordedMetric[] }> {
    return linesOf(this.#metrics) as Array<{ pid: number; metrics: RecordedMetric[] }>; // so too
  }

  /** Waits until a trace has so many spans, the first of which is in front: each behind its parent. */
  async trace(traceId: string, count: number): Promise<RecordedSpan[]> {
    const ofTrace = (): RecordedSpan[] => this.spans.filter((span) => span.traceId === traceId);
    await until(
      () => ofTrace().length >= count,
      () => `${count} spans of ${traceId}; there are ${ofTrace().map(({ name }) => name)}`,
    );
    return inOrder(ofTrace());
  }
}

function inOrder(spans: readonly RecordedSpan[]): RecordedSpan[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const behind = (parent: RecordedSpan): RecordedSpan[] => [
    parent,
    ...spans.filter(({ parentId }) => parentId === parent.spanId).flatMap(behind),
  ];
  return spans
    .filter(({ parentId }) => parentId === undefined || !ids.has(parentId))
    .flatMap(behind);
}

function linesOf(file: string): unknown[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1) // what is behind the last is nothing, or a line that is being written
    .map((line): unknown => JSON.parse(line));
}
