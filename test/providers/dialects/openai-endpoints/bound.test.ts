import t from 'tap'
import { inputBound } from '../../../../providers/dialects/bound.ts'
import type { Bound, Dialect } from '../../../../providers/dialects/dialect.ts'
import { dialects } from '../../../../providers/dialects/index.ts'

const of = (id: string): Dialect => dialects.get(id) as Dialect
const boundOf = (id: string, body: Record<string, unknown>): Bound => of(id).bound?.(body) as Bound

t.test('embeddings and moderations read texts and make none', async (t) => {
  for (const id of ['openai-embeddings', 'openai-moderations']) {
    for (const input of ['a', ['a', 'b'], [1, 2, 3], [[1, 2], [3]], [{ type: 'text', text: 'a' }]]) {
      t.strictSame(boundOf(id, { model: 'm', input }), { plain: true, added: 512, choices: 1, generates: false, unbounded: [] }, JSON.stringify(input))
    }
    for (const input of [[{ type: 'image_url', image_url: { url: 'u' } }], [{ text: 'a', image: 'u' }], { image: 'u' }]) t.equal(boundOf(id, { model: 'm', input }).plain, false)
  }
  t.equal(boundOf('openai-embeddings', { messages: [{ role: 'user', content: 'a' }] }).plain, false)
})

t.test('a document is weighed together with the query', async (t) => {
  const body = { model: 'm', query: 'größer', documents: ['a', { text: 'b' }, 'c'] }
  const bound = boundOf('rerank', body)
  t.strictSame([bound.plain, bound.generates, bound.added], [true, false, 512 + 3 * (8 + 16)])
  t.equal(inputBound(100, bound), 100 + bound.added)
  t.equal(boundOf('rerank', { ...body, documents: [{ image: 'u' }] }).plain, false)
})

t.test('a completion has sixteen tokens unless it says otherwise', async (t) => {
  const bound = (fields: Record<string, unknown>): Bound => boundOf('openai-completions', { model: 'm', prompt: 'a', ...fields })
  t.strictSame(bound({}), { plain: true, added: 512, cacheWrite: '5m', choices: 1, generates: true, unbounded: [], output: 16 })
  t.equal(bound({ max_tokens: 100 }).output, 100)
  t.equal(bound({ max_tokens: 0 }).output, 0)
  t.equal(bound({ max_tokens: -1 }).output, undefined)
  t.equal(bound({ n: 2, best_of: 5 }).choices, 5)
  t.equal(bound({ prompt: ['a', 'b', 'c'], n: 2 }).choices, 6)
  t.equal(bound({ prompt: [1, 2, 3] }).choices, 1)
  t.equal(bound({ prompt: [[1, 2], [3]] }).choices, 2)
  t.equal(bound({ prompt_embeds: 'AAAA' }).plain, false)
  t.strictSame(bound({ service_tier: 'priority' }).unbounded, ['service_tier'])
  const cap = (fields: Record<string, unknown>): unknown => of('openai-completions').cap?.(16, fields, {})
  t.strictSame([cap({}), cap({ max_tokens: 16 }), cap({ max_tokens: 0 }), cap({ max_tokens: 17 }), cap({ max_tokens: -1 })], [{ max_tokens: 16 }, {}, {}, { max_tokens: 16 }, { max_tokens: 16 }])
})

t.test('shortening a conversation has no cap', async (t) => {
  const bound = boundOf('openai-compact', { model: 'm', input: [{ role: 'user', content: 'a' }] })
  t.strictSame([bound.plain, bound.generates, bound.output, bound.unbounded], [true, true, undefined, []])
  t.equal(boundOf('openai-compact', { model: 'm', previous_response_id: 'resp_1' }).plain, false)
  t.equal(of('openai-compact').cap, undefined)
})

t.test('pictures and sound are named', async (t) => {
  for (const [id, name] of [['openai-images', 'images'], ['openai-image-edits', 'images'], ['openai-image-variations', 'images'], ['openai-speech', 'speech'], ['openai-transcriptions', 'transcription'], ['openai-translations', 'transcription']] as const) {
    t.strictSame(boundOf(id, { model: 'm' }).unbounded, [name], id)
  }
})
