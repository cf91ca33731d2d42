/** What an app gets out of a reply, as the vendors' own SDKs read it. */
import { MessageStream } from '@anthropic-ai/sdk/lib/MessageStream'
import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream'
import { isObject, objectOf, objectsOf, parseOrNothing, textOf } from '../providers/dialects/json.ts'
import { SseReader } from '../providers/dialects/sse.ts'

/** The same of every dialect. */
export interface Heard {
  text: string
  thought: string
  proofs: string[]
  calls: Array<{ id: string, name: string, input: unknown }>
  finish: string
  refused: string | undefined
  input: number | undefined
  output: number | undefined
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
    finish: String(message.stop_reason),
    refused: undefined,
    input: number('input_tokens') + number('cache_read_input_tokens') + number('cache_creation_input_tokens'),
    output: number('output_tokens')
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
  const alone = details(deltas)
  return {
    text: textOf(message.content) ?? thought.map(({ text }) => text ?? '').join(''),
    thought: alone ?? thought.map(({ thought: piece }) => piece).join(''),
    proofs: thought.flatMap(({ proofs }) => proofs),
    calls: [...objectsOf(message.tool_calls), ...legacy(message)].filter((call) => isObject(call.function)).map((call) => {
      const { name, arguments: json } = objectOf(call.function)
      return { id: textOf(call.id) ?? 'made', name: String(name), input: objectOf(parseOrNothing(textOf(json) ?? '{}')) }
    }),
    finish: textOf(choice.finish_reason) ?? 'stop',
    refused: textOf(message.refusal),
    input: numbers.prompt_tokens === undefined ? undefined : Number(numbers.prompt_tokens),
    output: numbers.completion_tokens === undefined ? undefined : Number(numbers.completion_tokens)
  }
}

/** The form before tools, which has no id. */
function legacy (message: Record<string, unknown>): Array<Record<string, unknown>> {
  return textOf(objectOf(message.function_call).name) === undefined ? [] : [{ id: undefined, function: message.function_call }]
}

/** Where plain reasoning streams, a detail without plain text beside it repeats what has gone by. */
function details (deltas: Array<Record<string, unknown>>): string | undefined {
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
