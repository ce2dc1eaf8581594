import { describe, expect, it } from 'vitest';
import { clip, fill, widthOf } from '../../../packages/cli/src/top/text-width.ts';

describe('the width of a text in a terminal', () => {
  it.each([
    ['', 0],
    ['api', 3],
    ['größe', 5],
    ['e\u0301', 1],
    ['東京', 4],
    ['한국', 4],
    ['🚀', 2],
    ['👩‍👩‍👧', 2],
    ['❤️', 2],
    ['🇩🇪', 2],
  ])('of %j is %i', (text, width) => {
    expect(widthOf(text)).toBe(width);
  });

  it('is never exceeded by a text that is cut, and says that something is missing', () => {
    expect(clip('reports', 7)).toBe('reports');
    expect(clip('reports', 4)).toBe('rep~');
    expect(clip('東京都', 5)).toBe('東京~');
    expect(clip('東京都', 4)).toBe('東~');
    expect(clip('東京', 0)).toBe('');
    for (let width = 0; width < 12; width += 1) {
      expect(widthOf(clip('a東🚀é👩‍👩‍👧z京', width))).toBeLessThanOrEqual(width);
      expect(widthOf(fill('a東🚀é👩‍👩‍👧z京', width))).toBe(width);
    }
  });

  it('is filled on either side', () => {
    expect(fill('東', 4)).toBe('東  ');
    expect(fill('12', 4, 'right')).toBe('  12');
  });

  it('shows controls as what they are: none reaches the terminal', () => {
    expect(clip('a\x1b[2Jb\x07\u202e', 20)).toBe('a?[2Jb??');
  });
});
