/**
 * What a worker answers when its supervisor asks how it is. An application whose metrics do not come keeps nothing back but itself: it
 * is asked once, and not again before it has answered.
 */

import type { Measured } from '../messages/process-figures.ts';
import { doneWithin } from '../waiting.ts';
import { readApplicationMetrics } from './application-metrics.ts';
import { ProcessMeter } from './process-meter.ts';
import { report } from './report.ts';

type ApplicationMetrics = Omit<Measured, 'figures'>;

/** How long the application may take, in ms: less than the supervisor waits. */
const PATIENCE_MS = 700;

/** Made when somebody asks for the first time. */
let meter: ProcessMeter | undefined;
/** The application's answer that is under way. */
let reading: Promise<ApplicationMetrics> | undefined;

/** Measures this process and sends the answer. */
export async function measure(): Promise<void> {
  meter ??= new ProcessMeter();
  const metrics = await askApplication();
  await report({ type: 'measured', figures: meter.read(), ...metrics });
}

async function askApplication(): Promise<ApplicationMetrics> {
  reading ??= readApplicationMetrics().finally(() => {
    reading = undefined;
  });
  let metrics: ApplicationMetrics = {
    application: undefined,
    refused: `they did not come within ${PATIENCE_MS} ms: some collect() function waits`,
  };
  const read = reading.then((came) => {
    metrics = came;
  });
  await doneWithin(read, PATIENCE_MS);
  return metrics;
}
