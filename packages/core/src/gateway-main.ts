/**
 * The program of a gateway process: one of several that share each address of a service (`gateways`).
 *
 *     waiting for orders --> listening --> draining --> (the process exits)
 *
 * Its supervisor is that of the service, or one like it: what it says is `ready`, `leaving`, `drained` as a worker does, and what only
 * gateways say (messages/gateway-message.ts). It writes no log of its own, and ends with its supervisor (`lifeline.ts`).
 */

import { GatewayTrace } from './gateway/gateway-trace.ts';
import { LocalGateway } from './gateway/local-gateway.ts';
import type { Logger } from './logger.ts';
import {
  type FromGateway,
  type GatewayLogLevel,
  parseToGateway,
  type ToGateway,
} from './messages/gateway-message.ts';
import { parseToWorker } from './messages/process-message.ts';
import { type OpenTelemetry, openTelemetry } from './tracing/open-telemetry.ts';
import { tieToSupervisor } from './worker/lifeline.ts';
import { reportLoad } from './worker/load-report.ts';
import { ProcessMeter } from './worker/process-meter.ts';
import { processRole } from './worker/process-role.ts';
import { startPulse } from './worker/pulse.ts';
import { report, reportBootFailure } from './worker/report.ts';

/** As gunicorn: it could not be started. */
const EXIT_BOOT_FAILED = 4;

/** How often counters are told that have changed, in ms. */
const TELL_MS = 250;

let gateway: LocalGateway | undefined;
let telemetry: OpenTelemetry | undefined;
let told = '';
/** Made when somebody asks for the first time. */
let meter: ProcessMeter | undefined;
/** It was told to drain before it is told to stop: then it has had its time. */
let isDraining = false;
let ending: Promise<void> | undefined;

process.on('message', (value) => {
  const message = parseToGateway(value);
  if (message === undefined) onOrder(parseToWorker(value).type);
  else if (message.type === 'gateway-start') void start(message);
  else if (message.type === 'gateway-reload') gateway?.reload();
  else if (message.type === 'gateway-tls') gateway?.useTls(message.tls);
  else void end();
});

async function start(orders: Extract<ToGateway, { type: 'gateway-start' }>): Promise<void> {
  const { settings, upstream, module, endpoints, hangTimeout } = orders;
  // The folder of the queue's sockets is left to the workers, which are told of it.
  const tied = tieToSupervisor({ backends: [], hangTimeout }, { saysAlive: true });
  process.channel?.ref();
  try {
    const logger = forwarding();
    telemetry = openTelemetry(module, (text) => logger.warn(text));
    const trace = telemetry && new GatewayTrace(telemetry);
    gateway = new LocalGateway({ settings, upstream, trace, logger });
    await gateway.start(endpoints);
    await tied; // from `ready` on it must be heard
  } catch (error) {
    await reportBootFailure(error);
    process.exit(EXIT_BOOT_FAILED);
  }
  process.on('SIGTERM', () => void report({ type: 'leaving' }));
  const { pulse } = processRole();
  if (pulse !== undefined && hangTimeout !== Infinity) startPulse(pulse, hangTimeout);
  await say({ type: 'gateway-bound', endpoints: gateway.endpoints });
  await report({ type: 'ready' });
  setInterval(tellStats, TELL_MS).unref();
  reportLoad(() => gateway?.stats().requests ?? 0);
}

function onOrder(type: ReturnType<typeof parseToWorker>['type']): void {
  if (type === 'drain') {
    isDraining = true;
    void gateway?.drain().then(() => report({ type: 'drained' }));
  } else if (type === 'measure') {
    meter ??= new ProcessMeter();
    void tellStats(); // so that what is counted is of the same time
    void report({
      type: 'measured',
      figures: meter.read(),
      application: undefined,
      refused: undefined,
    });
  } else if (type === 'stop') {
    void (isDraining ? end() : gateway?.drain().then(end));
  }
}

/** Cuts what is open, if anything is. */
function end(): Promise<void> {
  ending ??= (async () => {
    await gateway?.close();
    await tellStats();
    await telemetry?.flush();
    process.exit(0);
  })();
  return ending;
}

function tellStats(): Promise<void> {
  if (gateway === undefined) return Promise.resolve();
  const [stats, traffic] = [gateway.stats(), gateway.traffic()];
  const text = JSON.stringify([stats, traffic]);
  if (text === told) return Promise.resolve();
  told = text;
  return say({ type: 'gateway-stats', stats, traffic });
}

/** Resolves when it is on its way, or when there is nobody to send it to. */
function say(message: FromGateway): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, {}, () => resolve());
  });
}

/** A logger whose lines the supervisor writes. */
function forwarding(): Logger {
  const method =
    (level: GatewayLogLevel) =>
    (facts: object | string, text = ''): void => {
      const isText = typeof facts === 'string';
      void say({
        type: 'gateway-log',
        level,
        facts: isText ? {} : { ...facts },
        text: isText ? facts : text,
      });
    };
  const logger: Logger = {
    error: method('error'),
    warn: method('warn'),
    info: method('info'),
    debug: method('debug'),
    child: () => logger,
  };
  return logger;
}
