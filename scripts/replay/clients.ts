/**
 * The JavaScript side: reads jobs as JSON lines, carries each out with the vendor's own SDK, and writes what the SDK
 * made of the reply, as JSON lines in the same order. `clients.py` does the same in Python.
 */
import { createInterface } from 'node:readline'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import type { ChatCompletionStreamParams } from 'openai/lib/ChatCompletionStream'
import type { Api, Job, Outcome } from './job.ts'

/** Explicit, since the Anthropic SDK refuses whole replies of many tokens otherwise. */
const options = { maxRetries: 0, timeout: 60_000, logLevel: 'off' } as const

const openai = remembered((baseURL, apiKey) => new OpenAI({ ...options, baseURL, apiKey }))
/** With both of its credential headers, though it takes only one of them as an option. */
const anthropic = remembered((baseURL, key) => new Anthropic({ ...options, baseURL, authToken: key, defaultHeaders: { 'x-api-key': key } }))

/** How each dialect's SDK is asked: for a stream or a whole reply, or for the reply it puts together from a stream. */
const asking: Record<Api, { create: (job: Job, stream: boolean) => Promise<unknown>, final: (job: Job) => Promise<unknown> }> = {
  'openai-chat': {
    create: async (job, stream) => await openai(job.baseUrl, job.key).chat.completions.create({ ...job.body as unknown as OpenAI.ChatCompletionCreateParams, stream }),
    final: async (job) => await openai(job.baseUrl, job.key).chat.completions.stream(job.body as unknown as ChatCompletionStreamParams).finalChatCompletion()
  },
  'openai-responses': {
    create: async (job, stream) => await openai(job.baseUrl, job.key).responses.create({ ...job.body, stream }),
    final: async (job) => await openai(job.baseUrl, job.key).responses.stream(job.body).finalResponse()
  },
  'anthropic-messages': {
    create: async (job, stream) => await anthropic(job.baseUrl, job.key).messages.create({ ...job.body as unknown as Anthropic.MessageCreateParams, stream }),
    final: async (job) => await anthropic(job.baseUrl, job.key).messages.stream(job.body as unknown as Anthropic.MessageStreamParams).finalMessage()
  }
}

async function carryOut (job: Job): Promise<Outcome> {
  const { create, final } = asking[job.api]
  const events: unknown[] = []
  try {
    if (job.mode === 'events') {
      // As JSON at once: an SDK may write on in what it has given out.
      for await (const event of await create(job, true) as AsyncIterable<unknown>) events.push(JSON.parse(JSON.stringify(event)))
      return { events }
    }
    return { reply: await (job.mode === 'whole' ? create(job, false) : final(job)) }
  } catch (error) {
    return { ...job.mode === 'events' && { events }, error: describe(error) }
  }
}

function describe (error: unknown): NonNullable<Outcome['error']> {
  if (!(error instanceof Error)) return { message: String(error) }
  const { status, error: body } = error as { status?: number, error?: Body }
  const said = body?.error?.message ?? body?.message
  return { message: error.message, ...typeof status === 'number' && { status }, ...said !== undefined && { said } }
}

/** The OpenAI SDK keeps the inner object of an error, the Anthropic SDK the outer. */
interface Body { message?: string, error?: { message?: string } }

function remembered<T> (make: (baseUrl: string, key: string) => T): (baseUrl: string, key: string) => T {
  const made = new Map<string, T>()
  return (baseUrl, key) => {
    const name = `${baseUrl} ${key}`
    const value = made.get(name) ?? make(baseUrl, key)
    made.set(name, value)
    return value
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await carryOut(JSON.parse(line) as Job))}\n`)
}
