/** "Did you mean …?" for a misspelt name. */

/** The candidate that is nearest to what was written, if it is near enough to be meant. */
export function suggest(written: string, candidates: Iterable<string>): string | undefined {
  const farthest = Math.max(2, Math.floor(written.length / 4));
  let best: string | undefined;
  let bestDistance = farthest + 1;
  for (const candidate of candidates) {
    const distance = editDistance(written.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein's: the fewest insertions, deletions and replacements that make one of the other. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
