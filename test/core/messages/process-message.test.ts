import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type FromWatchdog,
  type FromWorker,
  parseFromWatchdog,
  parseFromWorker,
  parseToWorker,
  parseWorkerStart,
  type ToWorker,
  type WorkerStart,
} from '../../../packages/core/src/messages/process-message.ts';

const refusal = expect.objectContaining({ name: 'ZscaleError', code: 'ZSCALE_ERR_DECODE' });

const START: WorkerStart = {
  service: 1,
  serviceName: 'zscale',
  workerId: 3,
  generation: 12,
  backends: ['ipc:///tmp/zscale-1/back'],
  codec: 'msgpack',
  concurrency: 64,
  threads: 0,
  timeout: 30_000,
  module: 'file:///app/server.ts',
  functions: 'messages',
  exportName: 'handler',
  maxMessageSize: 67_108_864,
  reportsLoad: false,
  hangTimeout: 30_000,
  machine: 'host/0a1b2c',
  earlierEndpoints: [['tcp://127.0.0.1:5555', 'ipc:///tmp/a'], []],
};

describe('a message from a worker', () => {
  it.each<FromWorker>([
    { type: 'ready' },
    { type: 'ready', speaksHttp: true },
    { type: 'leaving' },
    { type: 'drained' },
    { type: 'bound', endpoint: 'tcp://127.0.0.1:5000' },
    { type: 'backend', endpoint: 'tcp://front:5556', state: 'connected', zscale: true },
    { type: 'backend', endpoint: 'tcp://a:1', state: 'refused', zscale: false, reason: 'no' },
    { type: 'boot-failed', code: 'ZSCALE_ERR_LOAD', message: 'no handler' },
    { type: 'boot-failed', code: 'ZSCALE_ERR_LOAD', message: 'no handler', stack: 'at x' },
  ])('arrives as it was sent: %o', (message) => {
    expect(parseFromWorker(JSON.parse(JSON.stringify(message)))).toEqual(message);
  });

  it('keeps nothing that does not belong to it', () => {
    expect(parseFromWorker({ type: 'ready', extra: 1 })).toEqual({ type: 'ready' });
  });

  it.each<[unknown]>([
    [undefined],
    [null],
    ['ready'],
    [['ready']],
    [{}],
    [{ type: 'READY' }],
    [{ type: 'drain' }],
    [{ type: 'bound' }],
    [{ type: 'bound', endpoint: 5000 }],
    [{ type: 'backend', state: 'connected' }],
    [{ type: 'backend', endpoint: 'tcp://a:1', state: 'up' }],
    [{ type: 'backend', endpoint: 'tcp://a:1', state: 'lost', reason: 1 }],
    [{ type: 'boot-failed' }],
    [{ type: 'boot-failed', code: 1, message: 'x' }],
    [{ type: 'boot-failed', code: 'X', message: null }],
    [{ type: 'boot-failed', code: 'X', message: 'x', stack: 1 }],
  ])('is refused when it is %o', (value) => {
    expect(() => parseFromWorker(value)).toThrow(refusal);
  });
});

describe('a line of the watchdog', () => {
  it.each<FromWatchdog>([
    { type: 'stalled', ms: 30_000 },
    { type: 'hung', ms: 30_000, stack: '    at loop (file:///app.js:1:1)' },
    { type: 'hung', ms: 30_000 },
    { type: 'debugged' },
  ])('arrives as it was written: %o', (message) => {
    expect(parseFromWatchdog(JSON.stringify(message))).toEqual(message);
  });

  it.each(['', 'x', '[]', '{}', '{"type":"hung"}', '{"type":"hung","ms":1,"stack":2}'])(
    'is refused when it is %o',
    (line) => {
      expect(() => parseFromWatchdog(line)).toThrow(refusal);
    },
  );
});

describe('a message from the supervisor', () => {
  it.each<ToWorker>([{ type: 'lead' }, { type: 'drain' }, { type: 'stop' }])(
    'arrives as sent: %o',
    (message) => {
      expect(parseToWorker(message)).toEqual(message);
    },
  );

  it.each<[unknown]>([[null], ['stop'], [{ type: 'ready' }], [{ type: 'kill' }], [{}]])(
    'is refused when it is %o',
    (value) => {
      expect(() => parseToWorker(value)).toThrow(refusal);
    },
  );
});

describe('how a worker is to start', () => {
  it('arrives as it was sent', () => {
    expect(parseWorkerStart(JSON.stringify(START))).toEqual(START);
  });

  it('may leave out the module and the export', () => {
    const start = { ...START, module: undefined, exportName: undefined };
    expect(parseWorkerStart(JSON.stringify(start))).toEqual(start);
  });

  it('may have no limit for the size of a message, and for time', () => {
    const start = { ...START, maxMessageSize: Infinity, timeout: Infinity };
    expect(parseWorkerStart(JSON.stringify(start))).toEqual(start);
  });

  it.each<[keyof WorkerStart, unknown]>([
    ['service', -1],
    ['service', '0'],
    ['serviceName', undefined],
    ['workerId', 0.5],
    ['generation', 0],
    ['hangTimeout', 0],
    ['workerId', undefined],
    ['backends', 'ipc:///tmp/a'],
    ['backends', [1]],
    ['codec', 'xml'],
    ['concurrency', 0],
    ['threads', -1],
    ['timeout', -1],
    ['timeout', undefined],
    ['module', 1],
    ['exportName', null],
    ['functions', 'all'],
    ['maxMessageSize', undefined],
    ['maxMessageSize', 0],
    ['earlierEndpoints', ['tcp://a:1']],
    ['earlierEndpoints', undefined],
  ])('is refused when %s is %o, and says so', (name, value) => {
    const text = JSON.stringify({ ...START, [name]: value });
    expect(() => parseWorkerStart(text)).toThrow(refusal);
    expect(() => parseWorkerStart(text)).toThrow(`${name} must be `);
  });

  it('is refused when it is anything but JSON of the right shape', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(() => parseWorkerStart(text)).toThrow(refusal);
      }),
    );
  });
});
