import { isObject } from '../../providers/dialects/json.ts'
import { same, sameWithoutUsage, soundsLike } from './compare.ts'
import { hearChat, hearMessage, type Heard } from './hear.ts'
import type { Job, Outcome } from './job.ts'
import { isStreamed, type Recording } from './recordings.ts'

/** One comparison: what an SDK makes of a recording, straight from the provider and through the gateway. */
export interface Case {
  /** Its row of the table. */
  name: string
  recording: Recording
  straight: Job
  through: Job
  /** What differs, in words. */
  compare (expected: Outcome, got: Outcome): string | undefined
  /** Whether the gateway may refuse the request by name, as what the other dialect cannot say. */
  refusable?: boolean
}

export interface Surroundings {
  providerUrl: string
  gatewayUrl: string
  realKey: string
  /** The virtual key of each provider. */
  virtualKeys: Readonly<Record<'openai' | 'deepseek' | 'anthropic', string>>
}

type Body = Record<string, unknown>

/** A request for any dialect. */
const HELLO = { max_tokens: 1024, messages: [{ role: 'user', content: 'Hello' }] }

const fromMessages: Case['compare'] = (expected, got) => soundsLike(expected, got, { expected: hearMessage, got: hearChat })
const fromChat: Case['compare'] = (expected, got) => soundsLike(expected, got, { expected: hearChat, got: hearMessage })

/** The OpenAI SDK knows no reasoning in Chat Completions: of its pieces it keeps the last only. */
const withoutReasoning: Case['compare'] = (expected, got) => {
  const deaf = (hear: (outcome: Outcome) => Heard) => (outcome: Outcome): Heard => ({ ...hear(outcome), reasoning: '' })
  return soundsLike(expected, got, { expected: deaf(hearMessage), got: deaf(hearChat) })
}

/** Every comparison to make. */
export function casesOf (recordings: Recording[], { providerUrl, gatewayUrl, realKey, virtualKeys }: Surroundings): Case[] {
  const chats = recordings.filter(({ dialect }) => dialect === 'openai-chat')
  const messages = recordings.filter(({ dialect }) => dialect === 'anthropic-messages')
  const cases: Case[] = []

  const straight = {
    openai: { sdk: 'openai', baseUrl: `${providerUrl}/v1`, key: realKey },
    anthropic: { sdk: 'anthropic', baseUrl: providerUrl, key: realKey }
  } as const
  const through = (provider: keyof Surroundings['virtualKeys']) => ({
    openai: { sdk: 'openai', baseUrl: `${gatewayUrl}/v1`, key: virtualKeys[provider] },
    anthropic: { sdk: 'anthropic', baseUrl: gatewayUrl, key: virtualKeys[provider] }
  }) as const
  const add = (name: string, recording: Recording, jobs: Pick<Case, 'straight' | 'through'>, compare: Case['compare'], more: Partial<Case> = {}): void => {
    cases.push({ name: `${name}, ${isStreamed(recording) ? 'streamed' : 'whole'}`, recording, ...jobs, compare, ...more })
  }

  for (const recording of chats) {
    const provider = recording.provider === 'deepseek' ? 'deepseek' : 'openai'
    const streamed = isStreamed(recording)
    const name = `openai SDK, key of ${provider}`
    const mode = streamed ? 'events' : 'whole'
    const { stream_options: _, ...body } = requestOf(recording)
    const asking = streamed ? { ...body, stream_options: { include_usage: true } } : body
    const expected: Job = { ...straight.openai, mode, body: asking }
    add(name, recording, { straight: expected, through: { ...through(provider).openai, mode, body: asking } }, same)
    if (streamed) {
      add(`${name}, usage not asked for`, recording, { straight: expected, through: { ...through(provider).openai, mode, body } }, sameWithoutUsage)
    }
    // Report only: the other way round.
    const plain = { ...HELLO, model: recording.id }
    add('(anthropic SDK, key of openai)', recording, {
      straight: expected,
      through: { ...through('openai').anthropic, mode: streamed ? 'final' : 'whole', body: plain }
    }, fromChat)
  }

  for (const recording of messages) {
    const streamed = isStreamed(recording)
    const body = requestOf(recording)
    const mode = streamed ? 'final' : 'whole'
    const expected: Job = { ...straight.anthropic, mode, body }
    const plain = { ...HELLO, model: recording.id, ...streamed && { stream_options: { include_usage: true } } }

    add('openai SDK, key of anthropic', recording, { straight: expected, through: { ...through('anthropic').openai, mode: streamed ? 'events' : 'whole', body: plain } }, fromMessages)
    if (streamed) {
      add('openai SDK, key of anthropic, put together by the SDK', recording, { straight: expected, through: { ...through('anthropic').openai, mode: 'final', body: plain } }, withoutReasoning)
      add('anthropic SDK, key of anthropic, events', recording, {
        straight: { ...straight.anthropic, mode: 'events', body },
        through: { ...through('anthropic').anthropic, mode: 'events', body }
      }, same)
    }
    add('anthropic SDK, key of anthropic', recording, { straight: expected, through: { ...through('anthropic').anthropic, mode, body } }, same)
  }

  // Recorded requests through request translation: each is answered with some recording of the other dialect.
  for (const [asker, recording] of paired(chats, messages)) {
    const streamed = isStreamed(recording)
    const body = { ...requestOf(asker), model: `claude-sonnet-4-6@${recording.id}`, ...streamed && { stream_options: { include_usage: true } } }
    add('recorded chat requests, key of anthropic', { ...recording, id: `${asker.id}, answered by ${recording.id}` }, {
      straight: { ...straight.anthropic, mode: streamed ? 'final' : 'whole', body: requestOf(recording) },
      through: { ...through('anthropic').openai, mode: streamed ? 'events' : 'whole', body }
    }, fromMessages, { refusable: true })
  }
  for (const [asker, recording] of paired(messages, chats)) {
    const streamed = isStreamed(recording)
    const { stream_options: _, ...plain } = requestOf(recording)
    add('(recorded messages requests, key of openai)', { ...recording, id: `${asker.id}, answered by ${recording.id}` }, {
      straight: { ...straight.openai, mode: streamed ? 'events' : 'whole', body: streamed ? { ...plain, stream_options: { include_usage: true } } : plain },
      through: { ...through('openai').anthropic, mode: streamed ? 'final' : 'whole', body: { ...requestOf(asker), model: recording.id } }
    }, fromChat, { refusable: true })
  }
  return cases
}

/** The recorded request, or any where only the reply was recorded, with the model replaced by the recording's id. */
function requestOf ({ id, request }: Recording): Body {
  const { stream: _, ...body }: Body = isObject(request?.body) ? request.body : HELLO
  return { ...body, model: id }
}

/** Each recording that holds its request, and one of the others to answer it, streamed as the request asked. */
function paired (askers: Recording[], answers: Recording[]): Array<[asker: Recording, answer: Recording]> {
  const good = answers.filter(({ response, features }) => response.status === 200 && !features.includes('stream-cut'))
  return askers.filter(({ request }) => isObject(request?.body)).flatMap((asker, index) => {
    const fitting = good.filter((answer) => isStreamed(answer) === isStreamed(asker))
    const answer = fitting[index % fitting.length]
    return answer === undefined ? [] : [[asker, answer] as [Recording, Recording]]
  })
}
