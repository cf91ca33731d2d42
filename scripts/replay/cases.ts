import { isObject, objectOf } from '../../providers/dialects/json.ts'
import { same, sameWithoutUsage, soundsLike } from './compare.ts'
import { hear, hearItems, type Heard } from './hear.ts'
import { keyFor, type KeyName } from './gateway.ts'
import type { Api, Job, Outcome } from './job.ts'
import { isStreamed, type Recording } from './recordings.ts'

/** One comparison: what an SDK makes of a recording, straight from the provider and through the gateway. */
export interface Case {
  /** Its row of the table. */
  name: string
  /** The recording, where its reply answers another's request both. */
  id: string
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
  virtualKeys: Readonly<Record<KeyName, string>>
}

type Body = Record<string, unknown>

/** What is particular to each dialect. */
const apis: Readonly<Record<Api, {
  /** Below the address. */
  base: string
  /** A request of no particular content. */
  hello: Body
  /** Asks for usage in a stream. */
  usage?: Body
  /** How a stream is listened to: as it comes where the SDK does not put reasoning together. */
  stream: 'events' | 'final'
  /** As which model a request of another dialect is asked, where the provider's facts of it matter. */
  model?: string
}>> = {
  'openai-chat': { base: '/v1', hello: { max_tokens: 1024, messages: [{ role: 'user', content: 'Hello' }] }, usage: { stream_options: { include_usage: true } }, stream: 'events' },
  'openai-responses': { base: '/v1', hello: { max_output_tokens: 1024, input: 'Hello' }, stream: 'events' },
  'anthropic-messages': { base: '', hello: { max_tokens: 1024, messages: [{ role: 'user', content: 'Hello' }] }, stream: 'final', model: 'claude-sonnet-4-6' }
}
const names = Object.keys(apis) as Api[]

/** The OpenAI SDK knows no reasoning in Chat Completions, and no pages: of their pieces it keeps the last only. */
const deaf = (listen: (outcome: Outcome) => Heard) => (outcome: Outcome): Heard => ({ ...listen(outcome), reasoning: '', proofs: [], pages: [] })

/** Servers that only resemble a vendor's have ways of their own to say things: translated, they are only reported on. */
const VENDORS = ['openai', 'deepseek', 'anthropic']

/** Every comparison to make. */
export function casesOf (recordings: Recording[], { providerUrl, gatewayUrl, realKey, virtualKeys }: Surroundings): Case[] {
  const cases: Case[] = []
  const ofDialect = (wanted: Api): Recording[] => recordings.filter(({ dialect }) => dialect === wanted)

  const straight = (api: Api, mode: Job['mode'], body: Body): Job => ({ api, mode, body, key: realKey, baseUrl: providerUrl + apis[api].base })
  const through = (api: Api, mode: Job['mode'], body: Body, key: KeyName): Job => ({ api, mode, body, key: virtualKeys[key], baseUrl: gatewayUrl + apis[api].base })
  const add = (name: string, recording: Recording, jobs: Pick<Case, 'straight' | 'through'>, compare: Case['compare'], more: Partial<Case> = {}): void => {
    cases.push({ name: `${name}, ${isStreamed(recording) ? 'streamed' : 'whole'}`, id: recording.id, ...jobs, compare, ...more })
  }

  // The same dialect on both sides: all that the SDK gives out is the same.
  for (const api of names) {
    for (const recording of ofDialect(api)) {
      const key = keyOf(recording)
      const name = `${api} SDK, key of ${key}`
      const body = requestOf(recording)
      const { usage, stream } = apis[api]
      const modes: Array<Job['mode']> = !isStreamed(recording) ? ['whole'] : usage === undefined ? ['events', 'final'] : [stream]
      const asking = { ...body, ...isStreamed(recording) && usage }
      for (const mode of modes) {
        add(mode === 'final' ? `${name}, put together` : name, recording, { straight: straight(api, mode, asking), through: through(api, mode, asking, key) }, same, { refusable: true })
      }
      if (isStreamed(recording) && usage !== undefined) {
        add(`${name}, usage not asked for`, recording, { straight: straight(api, 'events', asking), through: through(api, 'events', body, key) }, sameWithoutUsage)
      }
    }
  }

  // Two dialects: what is heard in the SDK's words for it is the same.
  for (const [client, upstream] of names.flatMap((one) => names.filter((other) => other !== one).map((other) => [one, other] as const))) {
    const pair = (name: string, recording: Recording, body: Body, { putTogether = false, ...more }: Partial<Case> & { putTogether?: boolean } = {}): void => {
      const streamed = isStreamed(recording)
      const mode = (api: Api): Job['mode'] => streamed ? apis[api].stream : 'whole'
      const listen = putTogether && client === 'openai-chat' ? deaf : (plain: (outcome: Outcome) => Heard) => plain
      add(name, recording, {
        straight: straight(upstream, mode(upstream), { ...requestOf(recording), ...streamed && apis[upstream].usage }),
        through: through(client, putTogether ? 'final' : mode(client), { ...body, ...streamed && apis[client].usage }, keyOf(recording))
      }, (expected, got) => soundsLike(expected, got, { expected: listen(upstream === 'openai-responses' ? hearItems : hear[upstream]), got: listen(hear[client]) }), more)
    }
    for (const recording of ofDialect(upstream).filter(isAnswer)) {
      const known = VENDORS.includes(recording.provider)
      const name = `${known ? '' : '('}${client} SDK, key of ${keyOf(recording)}${known ? '' : ', other servers)'}`
      const body = { ...apis[client].hello, model: recording.id }
      pair(name, recording, body)
      if (isStreamed(recording) && apis[client].stream === 'events') pair(`${name}, put together`, recording, body, { putTogether: true })
    }
    // Recorded requests through request translation: each is answered with some recording of the other dialect.
    for (const [asker, answer] of paired(ofDialect(client), ofDialect(upstream))) {
      const { model } = apis[upstream]
      const body = { ...requestOf(asker), model: model === undefined ? answer.id : `${model}@${answer.id}` }
      pair(`recorded ${client} requests, key of ${keyOf(answer)}`, answer, body, { id: `${asker.id}, answered by ${answer.id}`, refusable: true })
    }
  }
  return cases
}

function keyOf ({ provider, dialect }: Recording): KeyName {
  return keyFor(provider, dialect as Api)
}

/** Not a response that is only on its way, as none of a translated request is. */
function isAnswer ({ response: { body } }: Recording): boolean {
  return !['queued', 'in_progress'].includes(String(objectOf(body).status))
}

/** The recorded request, or any where only the reply was recorded, with the model replaced by the recording's id. */
function requestOf ({ id, dialect, request }: Recording): Body {
  const { stream: _, stream_options: __, ...body }: Body = isObject(request?.body) ? request.body : apis[dialect as Api].hello
  return { ...body, model: id }
}

/** Each recording that holds its request, and one of the others to answer it, streamed as the request asked. */
function paired (askers: Recording[], answers: Recording[]): Array<[asker: Recording, answer: Recording]> {
  const good = answers.filter(isAnswer).filter(({ provider, response, features }) => VENDORS.includes(provider) && response.status === 200 && !features.includes('stream-cut'))
  return askers.filter(({ request }) => isObject(request?.body)).flatMap((asker, index) => {
    const fitting = good.filter((answer) => isStreamed(answer) === isStreamed(asker))
    const answer = fitting[index % fitting.length]
    return answer === undefined ? [] : [[asker, answer] as [Recording, Recording]]
  })
}
