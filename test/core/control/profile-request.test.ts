import { describe, expect, it } from 'vitest';
import { parseControlRequest } from '../../../packages/core/src/control/control-request.ts';

const CPU = { verb: 'profile', worker: 2, kind: 'cpu', file: '/tmp/x.cpuprofile', for: 10_000 };

describe('a control request for a profile', () => {
  it.each([
    CPU,
    { ...CPU, kind: 'heap', for: 0 },
    { ...CPU, for: 300_000 },
    { verb: 'end-profile', worker: 2 },
  ])('is taken: %j', (request) => {
    expect(parseControlRequest({ version: 1, ...request })).toEqual(request);
  });

  it.each([
    [{ ...CPU, kind: 'disk' }, 'kind must be cpu or heap; got "disk"'],
    [{ ...CPU, file: 'x.cpuprofile' }, 'file must be an absolute path'],
    [{ ...CPU, file: '/tmp/x\0.cpuprofile' }, 'file must be an absolute path'],
    [{ ...CPU, file: undefined }, 'file must be an absolute path'],
    [{ ...CPU, for: 300_001 }, 'for must be a whole number from 1 to 300000'],
    [{ ...CPU, for: 0 }, 'for must be a whole number from 1'],
    [{ ...CPU, kind: 'heap' }, 'for must be a whole number from 0 to 0'],
    [{ ...CPU, worker: -1 }, 'worker must be a whole number'],
    [{ ...CPU, mode: 0o666 }, 'profile has no argument "mode"'],
  ])('is refused: %j', (request, text) => {
    expect(() => parseControlRequest({ version: 1, ...request })).toThrow(text);
  });
});
