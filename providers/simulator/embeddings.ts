import { createHash } from 'node:crypto'
import { tokens } from './answer.ts'
import { list, text, type Fields } from './fields.ts'
import { Refusal } from './refusal.ts'

/** Embeddings: https://platform.openai.com/docs/api-reference/embeddings */

const MAX_DIMENSIONS = 32

/** One unit vector per input, made from its hash: like texts are not near each other, the same text is the same. */
export function embeddings (body: Fields): object {
  const model = text(body.model)
  if (model === '') throw new Refusal(400, 'You must provide a model parameter.', 'model')
  const dimensions = body.dimensions ?? 8
  if (typeof dimensions !== 'number' || !Number.isInteger(dimensions) || dimensions < 1 || dimensions > MAX_DIMENSIONS) {
    throw new Refusal(400, `dimensions must be an integer from 1 to ${MAX_DIMENSIONS}.`, 'dimensions')
  }
  // A list of numbers is one text, already in tokens; lists of those are several.
  const inputs = Array.isArray(body.input) && typeof body.input[0] !== 'number' ? list(body.input) : [body.input]
  if (inputs.length === 0 || inputs.includes(undefined)) throw new Refusal(400, 'input must be a text or a list of texts.', 'input')
  const said = inputs.map(input => typeof input === 'string' ? input : JSON.stringify(input))
  const used = said.reduce((sum, input) => sum + tokens(input), 0)
  return {
    object: 'list',
    data: said.map((input, index) => ({ object: 'embedding', index, embedding: write(vector(input, dimensions), body.encoding_format) })),
    model,
    usage: { prompt_tokens: used, total_tokens: used }
  }
}

function vector (input: string, dimensions: number): Float32Array {
  const hash = createHash('sha256').update(input).digest()
  const raw = [...hash.subarray(0, dimensions)].map(byte => byte - 127.5)
  const length = Math.hypot(...raw)
  return Float32Array.from(raw, value => value / length)
}

function write (vector: Float32Array, format: unknown): number[] | string {
  return format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector]
}
