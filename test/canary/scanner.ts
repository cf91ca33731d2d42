/** A text that must not come to light, and what to call it in a report. */
export interface Canary { name: string, text: string }

export interface Find { canary: string, form: string, where: string }

/** Halves are looked for where they are at least so long: then chance finds none. */
const SHORTEST_HALF = 16

type Encode = (text: string) => string[]

/** How a secret may be written down. Each gives what is sure to be in the output, wherever in a longer text the secret stood. */
export const forms: Record<string, Encode> = {
  plain: (text) => [text],
  JSON: (text) => {
    const escaped = JSON.stringify(text).slice(1, -1)
    return [escaped, escaped.replaceAll('/', '\\/'), JSON.stringify(escaped).slice(1, -1)]
  },
  URL: (text) => {
    const encoded = encodeURIComponent(text)
    return [encoded, encoded.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())]
  },
  base64: (text) => [0, 1, 2].map((before) => aligned(text, before, 'base64')),
  base64url: (text) => [0, 1, 2].map((before) => aligned(text, before, 'base64url')),
  hex: (text) => [Buffer.from(text).toString('hex'), Buffer.from(text).toString('hex').toUpperCase()],
  reversed: (text) => [[...text].reverse().join('')]
}

/** Only the characters that do not depend on what stood around it. */
function aligned (text: string, before: number, encoding: 'base64' | 'base64url'): string {
  const encoded = Buffer.from('\0'.repeat(before) + text).toString(encoding).replace(/=+$/, '')
  return encoded.slice(Math.ceil(before * 4 / 3), Math.floor((before + text.length) * 4 / 3))
}

/** A half betrays a secret too, and whoever finds both halves has found the whole. */
function partsOf (text: string): string[] {
  const middle = text.length >> 1
  return middle < SHORTEST_HALF ? [text] : [text.slice(0, middle), text.slice(middle)]
}

/** Looks for canaries in bytes of any kind, in every form. */
export class Scanner {
  readonly #needles: Array<{ canary: string, form: string, needle: string }>

  constructor (canaries: Canary[]) {
    const seen = new Set<string>()
    this.#needles = canaries.flatMap(({ name, text }) => partsOf(text).flatMap((part) =>
      Object.entries(forms).flatMap(([form, encode]) => encode(part).filter((needle) => !seen.has(needle) && seen.add(needle)).map((needle) => ({ canary: name, form, needle })))))
  }

  /** @param except names of canaries that may stand there */
  scan (where: string, bytes: Buffer | string, except: readonly string[] = []): Find[] {
    const raw = typeof bytes === 'string' ? bytes : bytes.toString('latin1')
    // JSON may have written characters as their numbers.
    const read = raw.replace(/\\u00([2-7][0-9a-f])/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
    const text = read === raw ? raw : `${raw}\n${read}`
    return this.#needles
      .filter(({ canary, needle }) => text.includes(needle) && !except.includes(canary))
      .map(({ canary, form }) => ({ canary, form, where }))
  }
}
