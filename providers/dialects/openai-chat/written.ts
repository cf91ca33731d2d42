import type { Written } from '../dialect.ts'
import { isObject, objectOf, objectsOf, textOf } from '../json.ts'

/** What the model wrote of a reply, all answers together. */
export function written ({ choices }: Record<string, unknown>): Written {
  const text: unknown[] = []
  const reasoning: unknown[] = []
  let count = 0
  for (const { message } of objectsOf(choices)) {
    const { content, refusal, reasoning_content: thoughts, reasoning: thought, tool_calls: calls, function_call: call } = objectOf(message)
    text.push(content, refusal)
    for (const part of objectsOf(content)) {
      text.push(part.text, part.refusal)
      for (const { text } of objectsOf(part.thinking)) reasoning.push(text)
    }
    for (const made of [call, ...objectsOf(calls).map(({ function: of, custom }) => of ?? custom)]) {
      if (!isObject(made)) continue
      count++
      text.push(made.name, made.arguments, made.input)
    }
    reasoning.push(textOf(thoughts) ?? thought)
  }
  return { text: joined(text), reasoning: joined(reasoning), calls: count }
}

function joined (pieces: unknown[]): string {
  return pieces.filter((piece) => typeof piece === 'string').join('')
}
