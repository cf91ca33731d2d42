import type { Part } from '../conversation.ts'
import type { Fields } from '../fields.ts'

type Reasoning = Extract<Part, { type: 'reasoning' }>

/**
 * `reasoning_details`, as OpenRouter publishes it: what an app sends back so that the model's provider finds its own
 * signatures again. https://openrouter.ai/docs/use-cases/reasoning-tokens
 */
const FORMAT = 'anthropic-claude-v1'

/** Formats whose proofs are of the one kind that a neutral conversation carries. */
const KNOWN = new Set([undefined, FORMAT, 'unknown'])

/** @param index of the entry among all of the reply's: pieces are merged by it */
export function encodeDetail ({ text, signature, redacted }: Omit<Reasoning, 'type'>, index: number): Record<string, unknown> {
  return redacted === undefined
    ? { type: 'reasoning.text', text, signature, format: FORMAT, index }
    : { type: 'reasoning.encrypted', data: redacted, format: FORMAT, index }
}

/** A message's reasoning: in detail where it has details, else as plain text without proof. */
export function decodeReasoning (message: Fields): Part[] {
  const parts = message.objects('reasoning_details').flatMap(decodeDetail)
  const plain = message.string('reasoning_content')
  const short = message.string('reasoning')
  if (parts.length > 0) return parts
  const text = plain ?? short
  return text === undefined || text === '' ? [] : [{ type: 'reasoning', text }]
}

function decodeDetail (detail: Fields): Part[] {
  for (const name of ['type', 'id', 'index']) detail.take(name)
  // A proof in another format is left unread, so that it is reported.
  const known = KNOWN.has(detail.has('format') ? detail.string('format') : undefined)
  const data = known ? detail.string('data') : undefined
  if (data !== undefined) return [{ type: 'reasoning', text: '', redacted: data }]
  const text = detail.string('text') ?? detail.string('summary') ?? ''
  const signature = known ? detail.string('signature') : undefined
  if (signature !== undefined) return [{ type: 'reasoning', text, signature }]
  return text === '' ? [] : [{ type: 'reasoning', text }]
}
