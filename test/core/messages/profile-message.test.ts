import { describe, expect, it } from 'vitest';
import { parseFromWatchdog } from '../../../packages/core/src/messages/process-message.ts';
import { parseToWatchdog } from '../../../packages/core/src/messages/profile-message.ts';

describe('what a supervisor and a watchdog say of profiles', () => {
  it.each([
    { type: 'profile', kind: 'cpu', file: '/tmp/a b.cpuprofile', ms: 10_000 },
    { type: 'profile', kind: 'heap', file: '/x', ms: 0 },
    { type: 'end-profile' },
  ])('is read as it was written: %j', (message) => {
    expect(parseToWatchdog(JSON.stringify(message))).toEqual(message);
  });

  it.each([
    { type: 'profiled', bytes: 12, ms: 3 },
    { type: 'profile-failed', code: 'EEXIST', message: 'it is there' },
  ])('is read as it was answered: %j', (message) => {
    expect(parseFromWatchdog(JSON.stringify(message))).toEqual(message);
  });

  it.each([
    ...['', 'null', '[]', '{}', '{"type":"profile"}', '{"type":"hung"}'],
    '{"type":"profile","kind":"disk","file":"/x","ms":1}',
    '{"type":"profile","kind":"cpu","file":7,"ms":1}',
    '{"type":"profile","kind":"cpu","file":"/x","ms":-1}',
  ])('is refused when it is not that: %j', (line) => {
    expect(() => parseToWatchdog(line)).toThrow(
      expect.objectContaining({ code: 'ZSCALE_ERR_DECODE' }),
    );
  });

  it.each([
    '{"type":"profiled","bytes":-1,"ms":1}',
    '{"type":"profiled","bytes":1}',
    '{"type":"profile-failed","code":"EEXIST"}',
  ])('is no answer when something is missing: %j', (line) => {
    expect(() => parseFromWatchdog(line)).toThrow(
      expect.objectContaining({ code: 'ZSCALE_ERR_DECODE' }),
    );
  });
});
