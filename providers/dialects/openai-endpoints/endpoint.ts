import { Type } from 'typebox'
import type { TSchema } from 'typebox'
import type { Bound, Call, Dialect } from '../dialect.ts'
import { objectOf, textOf } from '../json.ts'
import { itemReferences } from '../openai-items.ts'
import { errors } from '../openai-errors.ts'
import { Model, nullable } from '../schemas.ts'
import { streamOf } from './stream.ts'

/** What sets an endpoint apart from the others. */
export interface Endpoint {
  summary: string
  operation?: string
  /** What a request may cost at most. */
  bound: (body: Record<string, unknown>) => Bound
  /** Which fields cap an answer, where any do. */
  cap?: NonNullable<Dialect['cap']>
  /** What a request must say; further fields are the provider's to judge. */
  fields: Record<string, TSchema>
  /** Whether the provider has a model of its own for requests that name none. */
  defaultModel?: boolean
  forms?: boolean
  media?: readonly string[]
  /** The types of events that end an answer in its streams. */
  last?: readonly string[]
  /** Whether its streams tell usage only where they are asked to. */
  includesUsage?: boolean
  /** The fields that name what the provider keeps. */
  refers?: readonly string[]
  /** Further paths by which clients ask for it. */
  also?: readonly string[]
}

/** A dialect that is only ever passed through, at one path, with and without `/v1`. */
export function endpoint (id: string, path: string, { summary, operation, bound, cap, fields, defaultModel = false, forms = false, media = [], last, includesUsage = false, refers = [], also = [] }: Endpoint): Dialect {
  const model = defaultModel ? Type.Optional(nullable(Model)) : Model
  const wantsUsage = (body: Record<string, unknown>): boolean => !includesUsage || objectOf(body.stream_options).include_usage === true
  return {
    id,
    summary,
    ...operation !== undefined && { genAiOperation: operation },
    paths: [`/v1${path}`, path, ...also],
    request: Type.Object({ model, ...fields }),
    admission: Type.Object({ model, ...asked }),
    requestHeaders: ['openai-beta'],
    replyHeaders: ['openai-processing-ms', 'openai-version'],
    peek (body) {
      const named = refers.flatMap((param) => [{ param, id: textOf(body[param]) ?? textOf(objectOf(body[param]).id) }])
      const call: Call = { model: textOf(body.model) ?? '', stream: asksForStream(body), choices: includesUsage ? choicesOf(body) : 1, wantsUsage: wantsUsage(body) }
      const known = named.flatMap(({ param, id }) => id === undefined ? [] : [{ param, id }])
      return refers.length === 0 ? call : { ...call, refers: known }
    },
    ...refers.length > 0 && { references: itemReferences('input') },
    patch: (body, call) => call.stream && !call.wantsUsage
      ? { stream_options: { ...objectOf(body.stream_options), include_usage: true } }
      : {},
    bound,
    ...cap !== undefined && { cap },
    errors,
    stream: streamOf(last),
    ...forms && { forms },
    ...media.length > 0 && { media }
  }
}

/** In a form every field is a text. */
const asked = {
  stream: Type.Optional(nullable(Type.Union([Type.Boolean(), Type.String()]))),
  stream_format: Type.Optional(nullable(Type.String()))
}

function asksForStream (body: Record<string, unknown>): boolean {
  return body.stream === true || /^(true|1|yes|on)$/i.test(textOf(body.stream) ?? '') || body.stream_format === 'sse'
}

/** Of several answers to several prompts each comes to its end on its own. */
function choicesOf ({ n, prompt }: Record<string, unknown>): number {
  const prompts = Array.isArray(prompt) && prompt.every((item) => typeof item === 'string' || Array.isArray(item)) ? Math.max(1, prompt.length) : 1
  return typeof n === 'number' && n > 1 ? n * prompts : prompts
}
