/**
 * How many columns a text takes in a terminal, and texts cut or filled to so many. A letter of Chinese, Japanese or Korean and most
 * emoji take two; what only joins or marks another letter takes none. Control characters are shown as what they are, never sent.
 */

const SEGMENTER = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
/** Most texts: a column for each character. */
const PLAIN = /^[\x20-\x7e]*$/;
/** Controls of C0, C1 and of the direction of writing: each could change what is on the screen elsewhere. */
const CONTROL = /[\p{Cc}\u{200e}\u{200f}\u{202a}-\u{202e}\u{2066}-\u{2069}]/gu;
const INVISIBLE = /^[\p{Mark}\p{Cf}]+$/u;
const WIDE =
  /\p{Emoji_Presentation}|\p{scx=Han}|\p{scx=Hiragana}|\p{scx=Katakana}|\p{sc=Hangul}|[\u{fe0f}\u{3000}-\u{303e}\u{ff01}-\u{ff60}\u{ffe0}-\u{ffe6}]/u;

const CUT = '~';

/** Columns that it takes. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const { segment } of SEGMENTER.segment(text)) width += widthOfLetter(segment);
  return width;
}

/** Exactly `width` columns: filled with spaces, on the left for `right`, or cut, which is marked by `~`. */
export function fill(text: string, width: number, side: 'left' | 'right' = 'left'): string {
  const clipped = clip(text, width);
  const space = ' '.repeat(width - widthOf(clipped));
  return side === 'left' ? clipped + space : space + clipped;
}

/** At most `width` columns. */
export function clip(text: string, width: number): string {
  const shown = text.replace(CONTROL, '?');
  if (widthOf(shown) <= width) return shown;
  let kept = '';
  let taken = CUT.length;
  for (const { segment } of SEGMENTER.segment(shown)) {
    taken += widthOfLetter(segment);
    if (taken > width) break;
    kept += segment;
  }
  return width < CUT.length ? '' : kept + CUT;
}

function widthOfLetter(letter: string): number {
  if (INVISIBLE.test(letter)) return 0;
  return WIDE.test(letter) ? 2 : 1;
}
