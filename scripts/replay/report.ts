interface Row { run: number, equal: number }

/** Counts comparisons by class and language, and lists what differs. */
export class Report {
  /** By class, then language. */
  readonly #rows = new Map<string, Map<string, Row>>()
  readonly #differences = new Map<string, string[]>()
  readonly #reasons = new Map<string, number>()
  readonly #notes: string[] = []
  readonly #shown: number

  /** @param shown how many differences of a kind are listed */
  constructor (shown: number) {
    this.#shown = shown
  }

  /** Whether anything differs that should not. */
  get failed (): boolean {
    return [...this.#rows].some(([name, row]) => !name.startsWith('(') && [...row.values()].some(({ run, equal }) => run !== equal))
  }

  count (language: string, name: string, id: string, difference: string | undefined): void {
    const row = this.#rows.get(name) ?? new Map<string, Row>()
    const cell = row.get(language) ?? { run: 0, equal: 0 }
    this.#rows.set(name, row.set(language, cell))
    cell.run++
    if (difference === undefined) {
      cell.equal++
      return
    }
    const kind = `${name} (${language})`
    this.#differences.set(kind, [...this.#differences.get(kind) ?? [], `${id}: ${difference}`])
  }

  /** Why a request was refused. */
  reason (language: string, text: string): void {
    const name = `${text.replaceAll(/\d+/g, 'N')} (${language})`
    this.#reasons.set(name, (this.#reasons.get(name) ?? 0) + 1)
  }

  note (text: string): void {
    this.#notes.push(text)
  }

  print (): void {
    const languages = [...new Set([...this.#rows.values()].flatMap((row) => [...row.keys()]))]
    const cell = (text: string | number): string => String(text).padStart(7)
    const width = Math.max(0, ...[...this.#rows.keys()].map(({ length }) => length))
    const line = (name: string, cells: Array<string | number>): void => console.log(name.padEnd(width) + cells.map(cell).join(''))
    console.log(''.padEnd(width) + languages.map((language) => language.padStart(14)).join(''))
    line('class', languages.flatMap(() => ['run', 'equal']))
    for (const [name, row] of [...this.#rows].sort()) line(name, languages.flatMap((language) => counts(row.get(language))))
    const total = (language: string): Row => [...this.#rows]
      .filter(([name]) => !name.startsWith('('))
      .reduce((sum, [, row]) => ({ run: sum.run + (row.get(language)?.run ?? 0), equal: sum.equal + (row.get(language)?.equal ?? 0) }), { run: 0, equal: 0 })
    line('all, but those in parentheses', languages.flatMap((language) => counts(total(language))))

    for (const [kind, differences] of this.#differences) {
      console.log(`\n${kind}: ${differences.length} different`)
      for (const difference of differences.slice(0, this.#shown)) console.log(`  ${difference}`)
    }
    if (this.#reasons.size > 0) console.log('\nrefused by name')
    for (const [reason, count] of [...this.#reasons].sort()) console.log(`  ${String(count).padStart(4)}  ${reason}`)
    console.log(`\n${this.#notes.join('\n')}`)
  }
}

function counts (row: Row | undefined): Array<string | number> {
  return row === undefined ? ['-', '-'] : [row.run, row.equal]
}
