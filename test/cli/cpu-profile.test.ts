import { describe, expect, it } from 'vitest';
import { hottest } from '../../packages/cli/src/cpu-profile.ts';

function frame(functionName: string, url = '', lineNumber = -1) {
  return { functionName, url, lineNumber };
}

const PROFILE = JSON.stringify({
  nodes: [
    { id: 1, callFrame: frame('(root)') },
    { id: 2, callFrame: frame('(idle)') },
    { id: 3, callFrame: frame('spin', 'file:///app/server.js', 9) },
    { id: 4, callFrame: frame('', 'file:///app/server.js', 19) },
    { id: 5, callFrame: frame('spin', 'file:///app/server.js', 9) },
  ],
  samples: [2, 3, 5, 4, 2],
  timeDeltas: [999, 100, 200, 300, 400],
});

describe('a CPU profile', () => {
  it('gives each function the time until the next sample, wherever it was called from', () => {
    expect(hottest(PROFILE, 10)).toEqual({
      idle: 0.1,
      functions: [
        { name: 'spin', place: '/app/server.js:10', self: 0.5 },
        { name: '(anonymous)', place: '/app/server.js:20', self: 0.4 },
      ],
    });
    expect(hottest(PROFILE, 1).functions).toHaveLength(1);
  });

  it('is refused when it is none, and empty when nothing was seen', () => {
    expect(() => hottest('{}', 10)).toThrow('nodes is missing');
    expect(hottest('{"nodes":[],"samples":[],"timeDeltas":[]}', 10)).toEqual({
      idle: 0,
      functions: [],
    });
  });
});
