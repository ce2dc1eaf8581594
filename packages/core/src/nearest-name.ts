/**
 * Which of the names that there are somebody meant who mistyped one. Pure.
 */

/**
 * The name that was probably meant; undefined where none is like it. Capitals do not count.
 *
 * @param options.mostDifferent - how many letters may differ at most; a third of them, unless that is more
 */
export function nearestName(
  name: string,
  known: readonly string[],
  { mostDifferent = Number.POSITIVE_INFINITY }: { readonly mostDifferent?: number } = {},
): string | undefined {
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    const most = Math.min(Math.ceil(candidate.length / 3), mostDifferent);
    if (distance < least && distance <= most) {
      nearest = candidate;
      least = distance;
    }
  }
  return nearest;
}

/** Letters to insert, delete or replace to make one word of the other (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1];
    for (const [n, other] of [...to].entries()) {
      const replaced = (row[n] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[n + 1] ?? 0) + 1, (next[n] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
