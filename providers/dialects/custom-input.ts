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
  #state: 'before' | 'inside' | 'behind' = 'before'

  push (json: string): string {
    if (this.#state === 'behind') return ''
    this.#held += json
    if (this.#state === 'before') {
      const start = OPENING.exec(this.#held)
      if (start === null) return ''
      this.#state = 'inside'
      this.#held = this.#held.slice(start[0].length)
    }
    return this.#inside()
  }

  end (): string {
    const rest = this.#state === 'before' && this.#held.trim() !== '' ? unwrapInput(this.#held) : ''
    this.#state = 'behind'
    return rest
  }

  #inside (): string {
    const whole = PIECES.exec(this.#held)?.[0] ?? ''
    const rest = this.#held.slice(whole.length)
    if (rest.startsWith('"')) this.#state = 'behind'
    this.#held = rest
    // A raw control character is no JSON, but some models write it.
    return JSON.parse(`"${whole.replaceAll(CONTROL, escaped)}"`)
  }
}

const OPENING = /^\s*\{\s*"input"\s*:\s*"/
const PIECES = /^(?:[^"\\]|\\(?:u[0-9a-fA-F]{4}|[^u]))*/
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f]/g

function escaped (character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
