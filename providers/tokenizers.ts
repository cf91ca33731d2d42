/** Counts the tokens of a text. */
export type Tokenizer = (text: string) => number

/** A text may spell a marker of the encoding: it is text all the same. */
const options = { disallowedSpecial: new Set<string>() }

const load = {
  o200k_base: () => import('gpt-tokenizer/encoding/o200k_base'),
  cl100k_base: () => import('gpt-tokenizer/encoding/cl100k_base')
}

/** Characters that are looked at together: what it takes grows with the square of an unbroken run of letters. */
const PIECE = 1024

/** A text cut before spaces, where tokens begin; elsewhere only where there is none. */
function pieces (text: string): string[] {
  const found: string[] = []
  for (let at = 0; at < text.length;) {
    let end = at + PIECE
    const space = end < text.length ? text.lastIndexOf(' ', end) : -1
    if (space > at) end = space
    found.push(text.slice(at, end))
    at = end
  }
  return found
}

/** The encodings there are tokenizers for, as providers name them in `targets`. */
export type Encoding = keyof typeof load

/**
 * The tokenizer of an encoding, from a package that need not be installed. It takes a while to load, and memory.
 *
 * @returns `undefined` where the package is not there
 */
export async function loadTokenizer (encoding: Encoding): Promise<Tokenizer | undefined> {
  try {
    const { countTokens } = await load[encoding]()
    return (text) => pieces(text).reduce((sum, piece) => sum + countTokens(piece, options), 0)
  } catch {
    return undefined
  }
}
