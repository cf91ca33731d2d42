import { answersOf, capOf, entriesOf, says, Tally } from '../bound.ts'
import type { Bound } from '../dialect.ts'
import { isObject, textOf } from '../json.ts'
import { input, promptCache, tools } from '../openai-bound.ts'

/** Tokens between a query and each text that is weighed against it. */
const SEPARATORS = 16
/** What the endpoint says of a completion that names no cap; other servers have other numbers, so that it is always told. */
const COMPLETION = 16

/** Texts, or lists of tokens, to be embedded or judged; other entries are pictures and the like. */
export function texts (body: Record<string, unknown>): Bound {
  const tally = new Tally()
  tally.bound.generates = false
  if (isObject(body.input) || says(body.messages)) tally.hide()
  for (const [, entry] of entriesOf(body.input)) {
    if (Object.keys(entry).some((name) => name !== 'type' && name !== 'text')) tally.hide()
  }
  return tally.bound
}

/** Each document is read together with the query. */
export function rerank ({ query, documents }: Record<string, unknown>): Bound {
  const tally = new Tally()
  tally.bound.generates = false
  const count = Array.isArray(documents) ? documents.length : 0
  if (isObject(query) || entriesOf(documents).some(([, { text }]) => textOf(text) === undefined)) tally.hide()
  tally.bound.added += count * (Buffer.byteLength(textOf(query) ?? '') + SEPARATORS)
  return tally.bound
}

/** https://platform.openai.com/docs/api-reference/completions/create */
export function completion (body: Record<string, unknown>): Bound {
  const tally = new Tally()
  tally.serviceTier(body.service_tier)
  if (says(body.prompt_embeds) || isObject(body.prompt)) tally.hide()
  tally.cacheWrite('5m')
  const prompts = Array.isArray(body.prompt) && body.prompt.some((prompt) => typeof prompt !== 'number') ? body.prompt.length : 1
  tally.bound.choices = prompts * answersOf(body.n, body.best_of)
  tally.output(completionCap(body))
  return tally.bound
}

export function capCompletion (tokens: number, { max_tokens: said }: Record<string, unknown>): Record<string, unknown> {
  return said === 0 || (capOf(said) ?? Infinity) <= tokens ? {} : { max_tokens: tokens }
}

/** The summary may have any length that the model allows: no field caps it. */
export function compaction (body: Record<string, unknown>): Bound {
  const tally = new Tally()
  tally.serviceTier(body.service_tier)
  promptCache(tally, body)
  input(tally, body)
  tools(tally, body.tools, 'tools')
  return tally.bound
}

/** What is paid by the picture or by the minute. */
export function unbounded (name: string): () => Bound {
  return () => ({ plain: false, added: 0, choices: 1, generates: true, unbounded: [name] })
}

/** With none a prompt is only weighed. */
function completionCap ({ max_tokens: said }: Record<string, unknown>): number | undefined {
  if (said === undefined || said === null) return COMPLETION
  return said === 0 ? 0 : capOf(said)
}
