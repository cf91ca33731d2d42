/** What an app gets out of a reply, as the vendors' own SDKs read it. */
import { MessageStream } from '@anthropic-ai/sdk/lib/MessageStream'
import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream'
import { ResponseStream } from 'openai/lib/responses/ResponseStream'
import { isObject, objectOf, objectsOf, parseOrNothing, textOf } from '../providers/dialects/json.ts'
import { SseReader } from '../providers/dialects/sse.ts'

/** The same of every dialect. `undefined` is what a dialect has no place for. */
export interface Heard {
  text: string
  thought: string
  proofs: string[]
  calls: Array<{ id: string, name: string, input: unknown }>
  /** The reason in one word for all dialects. */
  finish: string
  /** What was declined apart from the text. */
  refused: string | undefined
  /** Tokens, the cached ones among them. */
  input: number | undefined
  cached: number | undefined
  output: number | undefined
  /** Pages that the text leans on. */
  pages: string[]
  /** How many tokens are told with their probability. */
  logprobs: number | undefined
}

const finishes: Readonly<Record<string, string>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  pause_turn: 'stop',
  stop: 'stop',
  eos: 'stop',
  completed: 'stop',
  complete: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  length: 'length',
  max_output_tokens: 'length',
  tool_use: 'tools',
  tool_calls: 'tools',
  function_call: 'tools',
  refusal: 'refusal',
  content_filter: 'refusal'
}

/** A forced call ends with the word for a mere end, and so does an answer that declines. */
function reason (word: string, calls: unknown[], refused: string | undefined): string {
  const known = finishes[word] ?? word
  return known !== 'stop' ? known : calls.length > 0 ? 'tools' : refused !== undefined && refused !== '' ? 'refusal' : known
}

function count (value: unknown): number | undefined {
  return value === undefined || value === null ? undefined : Number(value)
}

function events (sse: Buffer): unknown[] {
  const reader = new SseReader(1e9)
  return [...reader.push(sse), ...reader.push(Buffer.from('\n\n'))].map(({ data }) => parseOrNothing(data)).filter(isObject)
}

function lines (values: unknown[]): ReadableStream {
  return new Blob(values.map((value) => `${JSON.stringify(value)}\n`)).stream()
}

export async function hearMessages (reply: Buffer, sse: boolean): Promise<Heard> {
  const message = objectOf(sse
    ? await MessageStream.fromReadableStream(lines(events(reply).filter((event) => !['ping'].includes(String(objectOf(event).type))))).finalMessage()
    : JSON.parse(reply.toString()))
  const blocks = objectsOf(message.content)
  const of = (type: string): Array<Record<string, unknown>> => blocks.filter((block) => block.type === type)
  const usage = objectOf(message.usage)
  const number = (name: string): number => Number(usage[name] ?? 0)
  return {
    text: of('text').map(({ text }) => text).join(''),
    thought: of('thinking').map(({ thinking }) => thinking).join(''),
    proofs: blocks.map(({ signature, data }) => textOf(signature) ?? textOf(data)).filter((proof) => proof !== undefined),
    calls: of('tool_use').map(({ id, name, input }) => ({ id: String(id), name: String(name), input: objectOf(input) })),
    finish: reason(String(message.stop_reason), [], undefined),
    refused: undefined,
    input: number('input_tokens') + number('cache_read_input_tokens') + number('cache_creation_input_tokens'),
    cached: number('cache_read_input_tokens'),
    output: number('output_tokens'),
    pages: blocks.flatMap(({ citations }) => objectsOf(citations)).map(({ url }) => textOf(url)).filter((url) => url !== undefined),
    logprobs: undefined
  }
}

/** Reasoning is none of the vendor's own: it is put together here, from whichever field a server uses. */
function thoughts (message: Record<string, unknown>): { thought: string, proofs: string[], text: string | undefined } {
  const details = objectsOf(message.reasoning_details)
  const plain = textOf(message.reasoning_content) ?? textOf(message.reasoning) ?? ''
  const parts = objectsOf(message.content)
  return {
    thought: plain + parts.flatMap(({ thinking }) => objectsOf(thinking)).map(({ text }) => text).join('') || details.map(({ text, summary }) => text ?? summary ?? '').join(''),
    proofs: details.map(({ signature, data }) => textOf(signature) ?? textOf(data)).filter((proof) => proof !== undefined),
    text: Array.isArray(message.content) ? parts.map(({ text }) => text ?? '').join('') : undefined
  }
}

export async function hearChat (reply: Buffer, sse: boolean): Promise<Heard> {
  const chunks = sse ? events(reply).map(objectOf) : []
  const whole = sse
    ? await ChatCompletionStream.fromReadableStream(lines(plainContent(chunks))).finalChatCompletion()
    : JSON.parse(reply.toString())
  const choice = objectOf(objectsOf(whole.choices)[0])
  const message = objectOf(choice.message)
  const deltas = chunks.map(({ choices }) => objectOf(objectsOf(choices).find(({ index }) => (index ?? 0) === 0)?.delta))
  const thought = sse ? deltas.map(thoughts) : [thoughts(message)]
  const usage = objectOf(sse ? chunks.findLast((chunk) => isObject(chunk.usage) || isObject(objectOf(chunk.x_groq).usage)) : whole)
  const numbers = objectOf(usage.usage ?? objectOf(usage.x_groq).usage)
  const alone = plainThought(deltas)
  const calls = [...objectsOf(message.tool_calls), ...legacy(message)].filter((call) => isObject(call.function) || isObject(call.custom)).map((call) => {
    const { name, arguments: json, input } = objectOf(call.function ?? call.custom)
    return { id: textOf(call.id) ?? 'made', name: String(name), input: input === undefined ? objectOf(parseOrNothing(textOf(json) ?? '{}')) : { input } }
  })
  const details = objectOf(numbers.prompt_tokens_details)
  const cached = count(details.cached_tokens ?? numbers.prompt_cache_hit_tokens ?? numbers.cached_tokens ?? numbers.num_cached_tokens)
  // The total tells who counts the sound of a prompt beside its text.
  const [prompt, audio] = [Number(numbers.prompt_tokens), Number(details.audio_tokens)]
  const beside = audio > 0 && prompt + audio + Number(numbers.completion_tokens) === numbers.total_tokens ? audio : 0
  return {
    text: textOf(message.content) ?? thought.map(({ text }) => text ?? '').join(''),
    thought: alone ?? thought.map(({ thought: piece }) => piece).join(''),
    proofs: thought.flatMap(({ proofs }) => proofs),
    calls,
    finish: reason(textOf(choice.finish_reason) ?? 'stop', calls, textOf(message.refusal)),
    refused: textOf(message.refusal) ?? '',
    input: numbers.prompt_tokens === undefined ? undefined : prompt + beside,
    // Some servers report more than the whole prompt.
    cached: cached && Math.min(cached, prompt),
    output: count(numbers.completion_tokens),
    pages: (sse ? deltas : [message]).flatMap(({ annotations }) => objectsOf(annotations)).map(({ url_citation: cited }) => textOf(objectOf(cited).url)).filter((url) => url !== undefined),
    logprobs: objectsOf(objectOf(choice.logprobs).content).length
  }
}

export async function hearResponses (reply: Buffer, sse: boolean): Promise<Heard> {
  const response = objectOf(sse
    ? await ResponseStream.fromReadableStream(lines(events(reply))).finalResponse()
    : JSON.parse(reply.toString()))
  const items = objectsOf(response.output)
  // Proofs are made anew for the last event. Either will do, and those that came first are carried.
  const first = sse ? events(reply).map(objectOf).filter(({ type }) => type === 'response.output_item.done').map(({ item }) => objectOf(item)) : []
  const of = (type: string): Array<Record<string, unknown>> => items.filter((item) => item.type === type)
  const parts = of('message').flatMap(({ content }) => objectsOf(content))
  const usage = objectOf(response.usage)
  const calls = items.filter(({ type }) => type === 'function_call' || type === 'custom_tool_call').map(({ call_id: id, name, namespace, input, arguments: json }) => ({
    id: String(id),
    name: namespace === undefined ? String(name) : `${String(namespace)}__${String(name)}`,
    input: input === undefined ? objectOf(parseOrNothing(textOf(json) ?? '{}')) : { input }
  }))
  const refused = parts.map(({ refusal }) => refusal ?? '').join('')
  return {
    text: parts.map(({ text }) => text ?? '').join(''),
    thought: of('reasoning').flatMap(({ content, summary }) => objectsOf(content).length > 0 ? objectsOf(content) : objectsOf(summary)).map(({ text }) => text).join(''),
    proofs: (first.length > 0 ? first : items).filter(({ type }) => type === 'reasoning').map((item) => textOf(item.encrypted_content)).filter((proof) => proof !== undefined),
    calls,
    finish: reason(textOf(objectOf(response.incomplete_details).reason) ?? String(response.status), calls, refused),
    refused,
    input: count(usage.input_tokens),
    cached: count(objectOf(usage.input_tokens_details).cached_tokens),
    output: count(usage.output_tokens),
    pages: parts.flatMap(({ annotations }) => objectsOf(annotations)).map(({ url }) => textOf(url)).filter((url) => url !== undefined),
    logprobs: parts.flatMap(({ logprobs }) => objectsOf(logprobs)).length
  }
}

/** The form before tools, which has no id. */
function legacy (message: Record<string, unknown>): Array<Record<string, unknown>> {
  return textOf(objectOf(message.function_call).name) === undefined ? [] : [{ id: undefined, function: message.function_call }]
}

/** Where plain reasoning streams, a detail without plain text beside it repeats what has gone by. */
function plainThought (deltas: Array<Record<string, unknown>>): string | undefined {
  const plain = deltas.map(({ reasoning_content: content, reasoning }) => textOf(content) ?? textOf(reasoning) ?? '').join('')
  return plain === '' ? undefined : plain
}

/** The SDK reads text content only, and only streams that name a reason to end. */
function plainContent (chunks: Array<Record<string, unknown>>): unknown[] {
  return chunks.filter(({ choices }) => Array.isArray(choices)).map((chunk) => ({
    ...chunk,
    choices: objectsOf(chunk.choices).map((choice) => {
      const delta = objectOf(choice.delta)
      return Array.isArray(delta.content) ? { ...choice, delta: { ...delta, content: thoughts(delta).text } } : choice
    })
  }))
}
