/**
 * The known word that somebody may have meant, whatever the case of theirs.
 *
 * @param allowed how many letters may be missing, too many or others: by default a third of the known word's
 */
export function nearest (word: string, known: Iterable<string>, allowed = (candidate: string): number => Math.ceil(candidate.length / 3)): string | undefined {
  let best: string | undefined
  let least = Infinity
  for (const candidate of known) {
    const edits = distance(word.slice(0, 64).toLowerCase(), candidate)
    if (edits < least && edits <= allowed(candidate)) [best, least] = [candidate, edits]
  }
  return best
}

/** Levenshtein's distance. */
function distance (a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length] ?? 0
}
