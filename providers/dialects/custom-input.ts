import { unwrapInput } from './custom-tools.ts'

/** Wraps the text for a custom tool as the arguments `{"input": "…"}`, piece by piece. */
export class InputWrapper {
  #begun = false

  push (text: string): string {
    const start = this.#begun ? '' : START
    this.#begun = true
    return start + JSON.stringify(text).slice(1, -1)
  }

  end (): string {
    return this.#begun ? END : START + END
  }
}

const START = '{"input":"'
const END = '"}'

/**
 * Takes the text out of such arguments as they come, cut anywhere. A model may write something else where it was given
 * a function for the tool: that is told in the end, as {@link unwrapInput} reads it.
 */
export class InputUnwrapper {
  /** What is not yet told: of arguments in the expected form an unfinished escape at most. */
  #held = ''
  #state: 'before' | 'inside' | 'behind' | 'elsewhere' = 'before'

  push (json: string): string {
    if (this.#state === 'behind') return ''
    this.#held += json
    if (this.#state === 'elsewhere') return ''
    if (this.#state === 'before') {
      const start = OPENING.exec(this.#held)
      if (start === null) {
        if (this.#held.length > LONGEST_OPENING) this.#state = 'elsewhere'
        return ''
      }
      this.#state = 'inside'
      this.#held = this.#held.slice(start[0].length)
    }
    return this.#inside()
  }

  end (): string {
    const rest = (this.#state === 'before' || this.#state === 'elsewhere') && this.#held.trim() !== '' ? unwrapInput(this.#held) : ''
    this.#state = 'behind'
    return rest
  }

  #inside (): string {
    let text = ''
    let end = 0
    PIECE.lastIndex = 0
    for (let piece = PIECE.exec(this.#held); piece !== null; piece = PIECE.exec(this.#held)) {
      const [, plain, code, letter = ''] = piece
      text += plain ?? (code === undefined ? LETTERS[letter] ?? letter : String.fromCharCode(parseInt(code, 16)))
      end = PIECE.lastIndex
    }
    this.#held = this.#held.slice(end)
    if (this.#held.startsWith('"')) this.#state = 'behind'
    return text
  }
}

const OPENING = /^\s*\{\s*"input"\s*:\s*"/
/** Far more than it takes, with what a model may put between. */
const LONGEST_OPENING = 200

/** Plain text, with what is no escape of JSON's, such as the `\d` of a pattern; the code of a character; a letter for one. */
const PIECE = /([^"\\]+|\\(?:[^u"\\/bfnrt]|u(?=[0-9a-fA-F]{0,3}[^0-9a-fA-F])))|\\u([0-9a-fA-F]{4})|\\(["\\/bfnrt])/y
const LETTERS: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }
