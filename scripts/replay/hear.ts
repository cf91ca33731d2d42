import { isObject, objectOf, objectsOf, parseOrNothing, textOf } from '../../providers/dialects/json.ts'
import type { Outcome } from './job.ts'

/** What an app gets out of a reply, whatever its dialect. */
export interface Heard {
  text: string
  reasoning: string
  /** Signatures of reasoning, and reasoning that is encrypted. */
  proofs: unknown[]
  calls: Array<{ id: string | undefined, name: string | undefined, input: unknown }>
  /** In the words of Chat Completions. */
  finish: string
  /** Tokens; `undefined` where the reply does not tell. */
  usage: { prompt: number, completion: number, cached: number } | undefined
}

/** As `docs/translation.md` has it. */
const FINISHES: Readonly<Record<string, string>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  refusal: 'content_filter',
  pause_turn: 'stop'
}

/** A message as the Anthropic SDK gives it out. */
export function hearMessage ({ reply }: Outcome): Heard {
  const message = objectOf(reply)
  const blocks = objectsOf(message.content)
  const ofType = (wanted: string): Array<Record<string, unknown>> => blocks.filter(({ type }) => type === wanted)
  const usage = objectOf(message.usage)
  const cached = countOf(usage.cache_read_input_tokens)
  return {
    text: ofType('text').map(({ text }) => text).join(''),
    reasoning: ofType('thinking').map(({ thinking }) => thinking).join(''),
    proofs: blocks.map(({ signature, data }) => textOf(signature) ?? textOf(data)).filter((proof) => proof !== undefined),
    calls: ofType('tool_use').map(({ id, name, input }) => ({ id: textOf(id), name: textOf(name), input })),
    finish: FINISHES[String(message.stop_reason)] ?? 'stop',
    usage: {
      prompt: countOf(usage.input_tokens) + cached + countOf(usage.cache_creation_input_tokens),
      completion: countOf(usage.output_tokens),
      cached
    }
  }
}

/** A completion or the chunks of one, as the OpenAI SDK gives them out. Only the first choice is heard. */
export function hearChat ({ reply, events }: Outcome): Heard {
  const chunks = events?.map(objectOf) ?? [objectOf(reply)]
  const choices = chunks.flatMap((chunk) => objectsOf(chunk.choices)).filter(({ index }) => (index ?? 0) === 0)
  const messages = choices.map(({ delta, message }) => objectOf(delta ?? message))
  const finish = choices.map(({ finish_reason: reason }) => textOf(reason)).findLast((reason) => reason !== undefined)
  return {
    text: messages.map(({ content }) => textOf(content) ?? '').join(''),
    reasoning: messages.map(({ reasoning_content: long, reasoning: short }) => textOf(long) ?? textOf(short) ?? '').join(''),
    proofs: messages.flatMap(({ reasoning_details: details }) => objectsOf(details)).map(({ signature, data }) => signature ?? data),
    calls: hearCalls(messages),
    finish: finish ?? 'none',
    usage: hearUsage(chunks)
  }
}

function hearCalls (messages: Array<Record<string, unknown>>): Heard['calls'] {
  const calls = new Map<unknown, { id: string | undefined, name: string | undefined, json: string }>()
  for (const piece of messages.flatMap(({ tool_calls: pieces }) => objectsOf(pieces).map((call, place) => ({ place, ...call })))) {
    const { index = piece.place, id, function: called }: Record<string, unknown> = piece
    const { name, arguments: json } = objectOf(called)
    const call = calls.get(index)
    calls.set(index, {
      id: call?.id ?? textOf(id),
      name: call?.name ?? textOf(name),
      json: (call?.json ?? '') + (textOf(json) ?? '')
    })
  }
  return [...calls.values()].map(({ id, name, json }) => ({ id, name, input: parseOrNothing(json) }))
}

function hearUsage (chunks: Array<Record<string, unknown>>): Heard['usage'] {
  const usage = chunks.map(({ usage }) => usage).findLast(isObject)
  return usage && {
    prompt: countOf(usage.prompt_tokens),
    completion: countOf(usage.completion_tokens),
    cached: countOf(objectOf(usage.prompt_tokens_details).cached_tokens)
  }
}

function countOf (value: unknown): number {
  return typeof value === 'number' ? value : 0
}
