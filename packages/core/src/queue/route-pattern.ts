/**
 * Patterns of routes: `*` stands for any number of characters, also none and also `/`; `?` for exactly one; all others for
 * themselves. Pure, and at most as many steps as pattern times route, whatever both are: they may be a stranger's.
 */

/** Whether the whole route is as the pattern says. */
export function matchesPattern(pattern: string, route: string): boolean {
  let at = 0;
  let place = 0;
  /** Behind the last star, and how far it has been stretched. */
  let afterStar = -1;
  let stretched = 0;
  while (place < route.length) {
    const wanted = pattern[at];
    if (wanted === '*') {
      at += 1;
      afterStar = at;
      stretched = place;
    } else if (wanted !== undefined && (wanted === '?' || wanted === route[place])) {
      at += 1;
      place += 1;
    } else if (afterStar >= 0) {
      at = afterStar;
      stretched += 1;
      place = stretched;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}
