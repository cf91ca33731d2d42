import type { Written } from '../dialect.ts'
import { isObject, objectsOf, textOf } from '../json.ts'

/** What the model wrote of a message: not what its tools found. */
export function written ({ content }: Record<string, unknown>): Written {
  let text = ''
  let reasoning = ''
  let calls = 0
  for (const block of objectsOf(content)) {
    if (block.type === 'thinking') reasoning += textOf(block.thinking) ?? ''
    else if (block.type === 'text') text += textOf(block.text) ?? ''
    else if (block.type === 'compaction') text += textOf(block.content) ?? ''
    else if (isObject(block.input)) {
      calls++
      text += (textOf(block.name) ?? '') + jsonOf(block.input)
    }
  }
  return { text, reasoning, calls }
}

/** Nothing where it is nested deeper than the stack goes. */
function jsonOf (input: unknown): string {
  try {
    return JSON.stringify(input) ?? ''
  } catch {
    return ''
  }
}
