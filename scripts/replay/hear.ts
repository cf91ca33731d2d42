import { isObject, objectOf, objectsOf, parseOrNothing, textOf } from '../../providers/dialects/json.ts'
import type { Api, Outcome } from './job.ts'

/** What an app gets out of a reply, whatever its dialect: in one measure for what came before the gateway and behind it. */
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
  /** Addresses that the text leans on. */
  pages: string[]
  /** How many tokens are told with their probability; `undefined` where the dialect has no place for them. */
  logprobs: number | undefined
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

export const hear: Readonly<Record<Api, (outcome: Outcome) => Heard>> = {
  'openai-chat': hearChat,
  'openai-responses': hearResponse,
  'anthropic-messages': hearMessage
}

/** A message as the Anthropic SDK gives it out. */
function hearMessage ({ reply }: Outcome): Heard {
  const message = objectOf(reply)
  const blocks = objectsOf(message.content)
  const ofType = (wanted: string): Array<Record<string, unknown>> => blocks.filter(({ type }) => type === wanted)
  const usage = objectOf(message.usage)
  const cached = countOf(usage.cache_read_input_tokens)
  return {
    // A refusal may be told beside the content instead of in it.
    text: ofType('text').map(({ text }) => text).join('') || (textOf(objectOf(message.stop_details).explanation) ?? ''),
    reasoning: ofType('thinking').map(({ thinking }) => thinking).join(''),
    proofs: blocks.map(({ signature, data }) => textOf(signature) ?? textOf(data)).filter((proof) => proof !== undefined),
    calls: ofType('tool_use').map(({ id, name, input }) => ({ id: textOf(id), name: textOf(name), input })),
    finish: FINISHES[String(message.stop_reason)] ?? 'stop',
    usage: counted({
      prompt: countOf(usage.input_tokens) + cached + countOf(usage.cache_creation_input_tokens),
      completion: countOf(usage.output_tokens),
      cached
    }),
    pages: urlsOf(blocks.flatMap(({ citations }) => objectsOf(citations))),
    logprobs: undefined
  }
}

function urlsOf (citations: Array<Record<string, unknown>>): string[] {
  return citations.map(({ url }) => textOf(url)).filter((url) => url !== undefined)
}

/** Without a token of output none was counted: a message, which cannot leave its usage out, says 0 and an estimate. */
function counted (usage: NonNullable<Heard['usage']>): Heard['usage'] {
  return usage.completion === 0 ? undefined : usage
}

/** A stream of the Responses API by its finished items alone: each says once more all that its pieces said. */
export function hearItems (outcome: Outcome): Heard {
  if (outcome.events === undefined || outcome.error !== undefined) return hearResponse(outcome)
  const told = outcome.events.map(objectOf)
  const output = told.filter(({ type }) => type === 'response.output_item.done').map(({ item }) => item)
  return hearResponse({ reply: { ...objectOf(told.findLast(({ response }) => isObject(response))?.response), output } })
}

/**
 * A response or the events of one, as the OpenAI SDK gives them out. Of a stream the text, the reasoning and the
 * arguments are heard in the pieces, calls and proofs in each finished item, the rest in the last event.
 */
function hearResponse ({ reply, events }: Outcome): Heard {
  const told = events?.map(objectOf)
  const done = told?.filter(({ type }) => type === 'response.output_item.done')
  const response = objectOf(told === undefined ? reply : told.findLast((event) => isObject(event.response))?.response)
  const items = done?.map(({ item }) => objectOf(item)) ?? objectsOf(response.output)
  const parts = items.filter(({ type }) => type === 'message').flatMap(({ content }) => objectsOf(content))
  const pieces = (types: string[], index?: unknown): string | undefined => told
    ?.filter(({ type, output_index: at }) => types.includes(String(type)) && (index === undefined || at === index))
    .map(({ delta }) => textOf(delta) ?? '').join('')
  const calls = items.flatMap((item, index) => {
    const wire = done?.[index]?.output_index
    if (item.type === 'function_call') return [hearCall(item, pieces(['response.function_call_arguments.delta'], wire), item.arguments)]
    return item.type === 'custom_tool_call' ? [hearCall(item, undefined, JSON.stringify({ input: item.input }))] : []
  })
  const usage = objectOf(response.usage)
  return {
    text: pieces(['response.output_text.delta', 'response.refusal.delta']) ?? parts.map(({ text, refusal }) => text ?? refusal).join(''),
    reasoning: items.flatMap((item, index) => {
      const wire = done?.[index]?.output_index
      const joined = (list: unknown): string => objectsOf(list).map(({ text }) => text).join('')
      if (item.type !== 'reasoning') return []
      return pieces(['response.reasoning_text.delta'], wire) || joined(item.content) || (pieces(['response.reasoning_summary_text.delta'], wire) ?? joined(item.summary))
    }).join(''),
    proofs: items.map(({ encrypted_content: proof }) => proof).filter((proof) => textOf(proof) !== undefined),
    calls,
    finish: finishOf(response, calls.length > 0, parts.some(({ type }) => type === 'refusal')),
    usage: isObject(response.usage)
      ? counted({ prompt: countOf(usage.input_tokens), completion: countOf(usage.output_tokens), cached: countOf(objectOf(usage.input_tokens_details).cached_tokens) })
      : undefined,
    pages: urlsOf(parts.flatMap(({ annotations }) => objectsOf(annotations))),
    logprobs: parts.flatMap(({ logprobs }) => objectsOf(logprobs)).length
  }
}

function finishOf ({ status, incomplete_details: details }: Record<string, unknown>, called: boolean, refused: boolean): string {
  if (status === 'incomplete') return objectOf(details).reason === 'content_filter' ? 'content_filter' : 'length'
  return refused ? 'content_filter' : called ? 'tool_calls' : 'stop'
}

/** @param pieces what of the arguments was streamed: where anything was, all was */
function hearCall ({ call_id: id, namespace, name }: Record<string, unknown>, pieces: string | undefined, json: unknown): Heard['calls'][number] {
  return { id: textOf(id), name: [namespace, name].filter((word) => textOf(word) !== undefined).join('__'), input: pieces && pieces !== json ? `streamed as ${pieces}` : parseOrNothing(textOf(json) ?? '') }
}

/** A completion or the chunks of one, as the OpenAI SDK gives them out. Only the first choice is heard. */
function hearChat ({ reply, events }: Outcome): Heard {
  const chunks = events?.map(objectOf) ?? [objectOf(reply)]
  const choices = chunks.flatMap((chunk) => objectsOf(chunk.choices)).filter(({ index }) => (index ?? 0) === 0)
  const messages = choices.map(({ delta, message }) => objectOf(events === undefined ? message : delta))
  const details = messages.flatMap(({ reasoning_details: details }) => objectsOf(details))
  const calls = hearCalls(messages)
  const refused = messages.map(({ refusal }) => textOf(refusal) ?? '').join('')
  const finish = choices.map(({ finish_reason: reason }) => textOf(reason)).findLast((reason) => reason !== undefined) ?? 'none'
  return {
    text: messages.map(({ content }) => contentOf(content)).join('') + refused,
    // Where reasoning streams as plain text, a detail beside it repeats what has gone by.
    reasoning: messages.map(thoughtOf).join('') || details.map(({ text, summary }) => text ?? summary ?? '').join(''),
    proofs: details.map(({ signature, data }) => textOf(signature) ?? textOf(data)).filter((proof) => proof !== undefined),
    calls,
    // A forced call ends with `stop`, the form before tools with a word of its own.
    finish: refused !== '' ? 'content_filter' : calls.length > 0 && finish !== 'length' ? 'tool_calls' : finish,
    usage: hearUsage(chunks),
    pages: urlsOf(messages.flatMap(({ annotations }) => objectsOf(annotations)).map(({ url_citation: cited }) => objectOf(cited))),
    logprobs: choices.flatMap(({ logprobs }) => objectsOf(objectOf(logprobs).content)).length
  }
}

/** Reasoning is none of the vendor's own: servers have fields of theirs for it. */
function thoughtOf ({ reasoning_content: long, reasoning: short, content }: Record<string, unknown>): string {
  return (textOf(long) ?? textOf(short) ?? '') + objectsOf(content).flatMap(({ thinking }) => objectsOf(thinking)).map(({ text }) => text).join('')
}

/** Some servers send parts. */
export function contentOf (content: unknown): string {
  return textOf(content) ?? objectsOf(content).map(({ text }) => text ?? '').join('')
}

function hearCalls (messages: Array<Record<string, unknown>>): Heard['calls'] {
  const calls = new Map<unknown, { id: string | undefined, name: string | undefined, json: string, custom: boolean }>()
  const pieces = messages.flatMap(({ tool_calls: calls, function_call: before }) => [
    ...objectsOf(calls).map((call, place) => ({ place, ...call })),
    ...isObject(before) && before.name !== '' ? [{ place: 0, id: undefined, function: before }] : []
  ])
  for (const piece of pieces) {
    const { index = piece.place, id, function: called, custom }: Record<string, unknown> = piece
    if (!isObject(called) && !isObject(custom)) continue
    const { name, arguments: json, input } = objectOf(called ?? custom)
    const call = calls.get(index)
    calls.set(index, {
      id: call?.id ?? textOf(id),
      name: call?.name ?? textOf(name),
      json: (call?.json ?? '') + (textOf(json) ?? textOf(input) ?? ''),
      custom: (isObject(custom) && !isObject(called)) || call?.custom === true
    })
  }
  return [...calls.values()].map(({ id, name, json, custom }) => ({ id, name, input: custom ? { input: json } : parseOrNothing(json || '{}') }))
}

function hearUsage (chunks: Array<Record<string, unknown>>): Heard['usage'] {
  const usage = chunks.map(({ usage, x_groq: groq }) => usage ?? objectOf(groq).usage).findLast(isObject)
  if (usage === undefined) return undefined
  const details = objectOf(usage.prompt_tokens_details)
  const [prompt, completion, audio] = [countOf(usage.prompt_tokens), countOf(usage.completion_tokens), countOf(details.audio_tokens)]
  const cached = countOf(details.cached_tokens ?? usage.prompt_cache_hit_tokens ?? usage.cached_tokens ?? usage.num_cached_tokens)
  return counted({
    // The total tells who counts the sound of a prompt beside its text.
    prompt: prompt + audio + completion === usage.total_tokens ? prompt + audio : prompt,
    completion,
    // Some servers report more than the whole prompt.
    cached: Math.min(cached, prompt)
  })
}

function countOf (value: unknown): number {
  return typeof value === 'number' ? value : 0
}
