import { Type } from 'typebox'
import type { Dialect, Reading, StreamReader } from '../dialect.ts'
import { countOf, objectOf, textOf } from '../json.ts'
import { errors } from '../openai-errors.ts'
import { Model } from '../schemas.ts'

const EmbeddingsAdmission = Type.Object({ model: Model })

const EmbeddingsRequest = Type.Object({
  model: Model,
  input: Type.Unsafe({ description: 'A text, a list of texts, or their tokens.' }),
  dimensions: Type.Optional(Type.Integer()),
  encoding_format: Type.Optional(Type.String())
})

/** There are no streams of embeddings. */
const stream: StreamReader = {
  matters: () => false,
  read: () => ({}),
  readWhole (body) {
    const reading: Reading = {}
    const model = textOf(body.model)
    const input = countOf(objectOf(body.usage).prompt_tokens)
    const error = body.error === undefined || body.error === null ? undefined : errors.decode(body)
    if (model !== undefined) reading.model = model
    if (input !== undefined) reading.usage = { input }
    if (error !== undefined) reading.error = error
    return reading
  },
  fold: () => ({ push () {}, body: () => ({}) }),
  unfold: (body) => [{ data: JSON.stringify(body) }]
}

/** OpenAI embeddings, passed through only: https://platform.openai.com/docs/api-reference/embeddings */
export const openaiEmbeddings: Dialect = {
  id: 'openai-embeddings',
  summary: 'Embeds texts',
  paths: ['/v1/embeddings', '/embeddings'],
  request: EmbeddingsRequest,
  admission: EmbeddingsAdmission,
  requestHeaders: ['openai-beta'],
  replyHeaders: ['openai-processing-ms', 'openai-version'],
  peek: (body) => ({ model: String(body.model), stream: false, choices: 1, wantsUsage: false }),
  errors,
  stream
}
