/** "Did you mean": the allowed word nearest to a misspelt one. */

/** Farther than this it is another word and no slip. */
const EDITS_MAX = 3;
const WORD_CHARS_MAX = 64;

/** `, did you mean "statTimeWindow"?`, or nothing where no word is near. */
export function suggestion(word: string, allowed: readonly string[]): string {
  if (word.length > WORD_CHARS_MAX) return '';
  let best: string | undefined;
  let bestEdits = Math.min(EDITS_MAX, Math.floor(word.length / 2)) + 1;
  for (const candidate of allowed) {
    const edits = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (edits < bestEdits) [best, bestEdits] = [candidate, edits];
  }
  return best === undefined ? '' : `, did you mean ${JSON.stringify(best)}?`;
}

/** Levenshtein's: insertions, deletions and replacements. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(previous, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, at(previous, j) + 1, at(row, j - 1) + 1));
    }
    previous = row;
  }
  return at(previous, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] as number;
}
