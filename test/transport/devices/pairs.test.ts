import { describe, expect, it } from 'vitest';
import {
  checkReflector,
  directionsBetween,
} from '../../../packages/transport/src/devices/pairs.ts';
import type { SocketType } from '../../../packages/transport/src/socket-type.ts';

const BOTH = { frontendToBackend: true, backendToFrontend: true };
const DOWN = { frontendToBackend: true, backendToFrontend: false };
const UP = { frontendToBackend: false, backendToFrontend: true };

const pairs: [SocketType, SocketType, object][] = [
  ['ROUTER', 'DEALER', BOTH],
  ['DEALER', 'ROUTER', BOTH],
  ['DEALER', 'DEALER', BOTH],
  ['XSUB', 'XPUB', BOTH],
  ['XPUB', 'XSUB', BOTH],
  ['PAIR', 'PAIR', BOTH],
  ['PAIR', 'DEALER', BOTH],
  ['STREAM', 'DEALER', BOTH],
  ['REP', 'REQ', BOTH],
  ['SUB', 'PUB', DOWN],
  ['PUB', 'SUB', UP],
  ['SUB', 'PUSH', DOWN],
  ['XSUB', 'PUB', DOWN],
  ['PULL', 'PUSH', DOWN],
  ['PUSH', 'PULL', UP],
  ['PULL', 'PUB', DOWN],
];

describe('two sides of a proxy', () => {
  it.each(pairs)('%s and %s fit', (frontend, backend, directions) => {
    expect(directionsBetween(frontend, backend)).toEqual(directions);
  });

  it.each<[SocketType, SocketType]>([
    ['ROUTER', 'ROUTER'],
    ['ROUTER', 'PUSH'],
    ['ROUTER', 'REQ'],
    ['PUB', 'PUB'],
    ['SUB', 'SUB'],
    ['SUB', 'XPUB'],
    ['PULL', 'SUB'],
    ['PUSH', 'PUB'],
    ['XSUB', 'XSUB'],
    ['REP', 'DEALER'],
    ['SERVER', 'CLIENT'],
  ])('%s and %s do not, and are refused with EINVAL', (frontend, backend) => {
    expect(() => directionsBetween(frontend, backend)).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
  });

  it('that do not fit are told what would', () => {
    expect(() => directionsBetween('SUB', 'ROUTER')).toThrow(
      'A proxy cannot stand between SUB and ROUTER: what one receives the other cannot send on. ' +
        'SUB goes with PUB or PUSH; ROUTER goes with DEALER or PAIR.',
    );
    expect(() => directionsBetween('PUB', 'SERVER')).toThrow(
      'PUB goes with XSUB, SUB or PULL; SERVER goes with nothing.',
    );
  });
});

describe('one socket on both sides', () => {
  it.each<SocketType>(['ROUTER', 'DEALER', 'PAIR', 'REP'])('may be a %s', (type) => {
    expect(() => checkReflector(type)).not.toThrow();
  });

  it.each<SocketType>(['REQ', 'PULL', 'PUSH', 'XPUB', 'XSUB', 'SUB', 'STREAM'])(
    'may not be a %s',
    (type) => {
      expect(() => checkReflector(type)).toThrow(
        `A ${type} socket cannot be both sides of a proxy`,
      );
    },
  );
});
