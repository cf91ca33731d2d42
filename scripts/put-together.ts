/** A stream's bytes as the vendors' own SDKs put them together, without a connection. */
import { MessageStream } from '@anthropic-ai/sdk/lib/MessageStream'
import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream'
import { ResponseStream } from 'openai/lib/responses/ResponseStream'
import { isObject, objectOf, objectsOf, parseOrNothing } from '../providers/dialects/json.ts'
import { SseReader } from '../providers/dialects/sse.ts'
import { contentOf } from './replay/hear.ts'
import type { Api, Outcome } from './replay/job.ts'

type Events = Array<Record<string, unknown>>

const sdks: Readonly<Record<Api, (events: Events) => Promise<unknown>>> = {
  'openai-chat': (chunks) => ChatCompletionStream.fromReadableStream(lines(plainContent(chunks))).finalChatCompletion(),
  'openai-responses': (events) => ResponseStream.fromReadableStream(lines(events)).finalResponse(),
  'anthropic-messages': (events) => MessageStream.fromReadableStream(lines(events.filter(({ type }) => type !== 'ping'))).finalMessage()
}

/** @throws what the SDK throws where it cannot read the stream */
export async function putTogether (api: Api, sse: Buffer): Promise<Required<Pick<Outcome, 'reply' | 'events'>>> {
  const reader = new SseReader(1e9)
  const events = [...reader.push(sse), ...reader.push(Buffer.from('\n\n'))].map(({ data }) => parseOrNothing(data)).filter(isObject)
  return { reply: await sdks[api](events), events }
}

function lines (values: unknown[]): ReadableStream {
  return new Blob(values.map((value) => `${JSON.stringify(value)}\n`)).stream()
}

/** The SDK reads content that is text, and only streams whose every piece has choices. */
function plainContent (chunks: Events): Events {
  return chunks.filter(({ choices }) => Array.isArray(choices)).map((chunk) => ({
    ...chunk,
    choices: objectsOf(chunk.choices).map((choice) => {
      const delta = objectOf(choice.delta)
      return Array.isArray(delta.content) ? { ...choice, delta: { ...delta, content: contentOf(delta.content) } } : choice
    })
  }))
}
