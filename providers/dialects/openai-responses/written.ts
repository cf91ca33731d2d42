import type { Written } from '../dialect.ts'
import { objectsOf, textOf } from '../json.ts'

/** What the model wrote of a response: not what its tools found. Reasoning that is encrypted has no text. */
export function written ({ output }: Record<string, unknown>): Written {
  let text = ''
  let reasoning = ''
  let calls = 0
  for (const { type, content, summary, name, arguments: json, input, code } of objectsOf(output)) {
    if (type === 'reasoning') {
      // The summary is no part of the reasoning: it stands for it.
      const own = objectsOf(content)
      for (const part of own.length > 0 ? own : objectsOf(summary)) reasoning += textOf(part.text) ?? ''
      continue
    }
    for (const part of objectsOf(content)) text += (textOf(part.text) ?? '') + (textOf(part.refusal) ?? '')
    if (typeof json === 'string' || typeof input === 'string') calls++
    for (const piece of [name, json, input, code]) text += textOf(piece) ?? ''
  }
  return { text, reasoning, calls }
}
