/**
 * The known word that somebody may have meant, whatever the case of theirs.
 *
 * @param allowed how many letters may be missing, too many or others: by default a third of the known word's
 */
export function nearest (word: string, known: Iterable<string>, allowed = (candidate: string): number => Math.ceil(candidate.length / 3)): string | undefined {
  let best: string | undefined
  let least = Infinity
  const meant = word.slice(0, 64).toLowerCase()
  for (const candidate of known) {
    const most = Math.min(allowed(candidate), least - 1)
    // Each letter too many is one edit.
    if (Math.abs(meant.length - candidate.length) > most) continue
    const edits = distance(meant, candidate, most)
    if (edits <= most) [best, least] = [candidate, edits]
  }
  return best
}

/** Levenshtein's distance; beyond `most` all are `Infinity`. */
function distance (a: string, b: string, most: number): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    let least = i
    for (let j = 1; j <= b.length; j++) {
      const edits = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1))
      least = Math.min(least, edits)
      next.push(edits)
    }
    if (least > most) return Infinity
    row = next
  }
  return row[b.length] ?? 0
}
