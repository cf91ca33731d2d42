import { countTokens as countNew } from 'gpt-tokenizer/encoding/o200k_base'
import { countTokens as countOld } from 'gpt-tokenizer/encoding/cl100k_base'
import t from 'tap'
import { answersOf, capOf, inputBound, says, Tally } from '../../../providers/dialects/bound.ts'
import type { Bound, Dialect } from '../../../providers/dialects/dialect.ts'
import { dialects } from '../../../providers/dialects/index.ts'
import { Random } from '../../laws/law.ts'
import { versionOf, VendorTypes } from '../../vendor/types.ts'

const SCRIPTS = [
  'the quick brown fox ', 'naïve façade ', 'Größenwahn ', 'Привет, мир ', 'こんにちは世界', '漢字仮名交じり文', '안녕하세요 ', 'مرحبا بالعالم ', 'नमस्ते दुनिया ',
  'สวัสดีชาวโลก', '👩‍👩‍👧‍👦🏳️‍🌈', '\u0000\u0001\u001f', '\n\t  \r\n', '{"a":[1,2.5e-7]}', '<|endoftext|>', 'ꙮ𒐫𐍈', '12345678901234567890', '\\u00e9 \\" \\\\', 'zzzzzqqqxj', '\u202e\u200d\ufeff'
]

const random = new Random(11)
const text = (): string => Array.from({ length: random.below(40) }, () => random.pick(SCRIPTS)).join('')
const of = (id: string): Dialect => {
  const dialect = dialects.get(id)
  if (dialect === undefined) throw new Error(id)
  return dialect
}
const boundOf = (id: string, body: Record<string, unknown>): Bound => {
  const bound = of(id).bound?.(body)
  if (bound === undefined) throw new Error(`${id} has no bound`)
  return bound
}
/** Every text of a body, as a tokenizer would meet it, field names and all. */
function textsOf (value: unknown): string[] {
  if (typeof value === 'object' && value !== null) return Object.entries(value).flatMap(([name, inner]) => [name, ...textsOf(inner)])
  return [String(value)]
}

t.test('a plain body never has more tokens than its bound', async (t) => {
  const tools = (): unknown[] => random.list(3, (i) => ({ type: 'function', function: { name: `t${i}`, description: text(), parameters: { type: 'object', properties: { [text()]: { type: 'string' } } } } }))
  const makers: Record<string, () => Record<string, unknown>> = {
    'openai-chat': () => ({ model: 'm', messages: random.list(6, () => ({ role: random.pick(['system', 'user', 'assistant']), content: text() })), tools: tools() }),
    'openai-responses': () => ({ model: 'm', instructions: text(), input: random.list(6, () => ({ role: 'user', content: [{ type: 'input_text', text: text() }] })) }),
    'anthropic-messages': () => ({ model: 'm', max_tokens: 9, system: text(), messages: random.list(6, () => ({ role: 'user', content: [{ type: 'text', text: text() }] })) }),
    'openai-completions': () => ({ model: 'm', prompt: random.list(4, text) }),
    'openai-embeddings': () => ({ model: 'm', input: random.list(4, text) })
  }
  for (const [id, make] of Object.entries(makers)) {
    for (let i = 0; i < 60; i++) {
      const body = make()
      const json = JSON.stringify(body)
      const most = inputBound(Buffer.byteLength(json), boundOf(id, body))
      const texts = textsOf(body)
      for (const count of [countNew, countOld]) {
        const tokens = texts.reduce((sum, text) => sum + count(text, { allowedSpecial: 'all' }), 0)
        if (most === undefined || tokens > most) t.fail(`${id}: ${tokens} > ${most} of ${json}`)
      }
    }
  }
  t.pass('all of them')
})

t.test('every dialect bounds its requests, and none walks off on what is no request', async (t) => {
  const odd = [undefined, null, 1, 'text', true, [], [null, 1, 'x', [[]]], {}, { type: 7, content: 5 }, [{}], [{ type: null, content: [{ type: 3 }, null, []], tools: 'x', output: {} }]]
  const fields = ['messages', 'input', 'system', 'tools', 'functions', 'documents', 'query', 'prompt', 'n', 'best_of', 'max_tokens', 'max_output_tokens', 'context_management', 'reasoning', 'service_tier', 'cache_control', 'modalities', 'prompt_cache_options', 'thread', 'container', 'model']
  for (const { id, bound, cap } of dialects.values()) {
    const bounds = fields.flatMap((field) => odd.map((value) => bound?.({ [field]: value })))
    t.ok(bounds.every((bound) => Number.isSafeInteger(bound?.added) && Number.isSafeInteger(bound?.choices)), id)
    t.ok(odd.every((value) => cap === undefined || typeof cap(5, { max_tokens: value, max_output_tokens: value }, {}) === 'object'), id)
  }
})

t.test('what is not plain has no bound by its bytes', async (t) => {
  const plain = { plain: true, added: 10, choices: 1, generates: true, unbounded: [] }
  t.equal(inputBound(100, plain), 110)
  t.equal(inputBound(100, { ...plain, plain: false }), undefined)
})

t.test('tools cost a hidden prompt once, and a little each', async (t) => {
  const added = (count: number): number => boundOf('openai-chat', { tools: Array(count).fill({ type: 'function', function: { name: 'f' } }) }).added
  t.equal(added(3) - added(2), added(2) - added(1))
  t.ok(added(1) - added(0) > 1000)
})

t.test('names are few and short, however many there are', async (t) => {
  const { unbounded } = boundOf('openai-chat', { tools: Array(1000).fill({ type: 'x'.repeat(10_000) }) })
  t.equal(unbounded.length, 8)
  t.ok(unbounded.every((name) => name.length <= 128))
})

t.test('a large body is walked through fast, and a deep one without falling', async (t) => {
  const deep = JSON.parse(`${'{"a":['.repeat(250)}{"cache_control":{"ttl":"1h"}}${']}'.repeat(250)}`)
  t.equal(boundOf('anthropic-messages', { messages: [{ role: 'user', content: [{ type: 'document', source: deep }] }] }).cacheWrite, '1h')
  const wide = { messages: [{ role: 'user', content: [{ type: 'document', source: Array(300_000).fill({ a: 1 }) }] }] }
  const started = performance.now()
  t.equal(boundOf('anthropic-messages', wide).plain, false)
  t.equal(boundOf('openai-chat', { messages: Array(20_000).fill({ role: 'user', content: 'x' }) }).plain, true)
  t.ok(performance.now() - started < 2000)
})

t.test('numbers as servers read them', async (t) => {
  t.strictSame([5, 1e3, 0, -1, 1.5, Infinity, NaN, '5', null, undefined, [5]].map(capOf), [5, 1000, ...Array(9).fill(undefined)])
  t.strictSame([[2], ['3'], [null, 4], [2, '5'], [0], [-3], [NaN], ['x'], [true], [], [1.2], [Infinity], ['1e400']].map((fields) => answersOf(...fields)), [2, 3, 4, 5, 1, 1, 1, 1, 1, 1, 2, 2 ** 32, 2 ** 32])
  t.strictSame([undefined, null, false, [], {}, '', 0, true, [0]].map(says), [false, false, false, false, true, true, true, true, true])
})

t.test('the longest cache lifetime counts', async (t) => {
  const tally = new Tally()
  for (const control of [{ type: 'ephemeral', ttl: '1h' }, { type: 'ephemeral' }, null, 'x']) tally.breakpoint(control)
  t.equal(tally.bound.cacheWrite, '1h')
})

t.test(`every field of the vendors' own types was judged: openai ${versionOf('openai')}, @anthropic-ai/sdk ${versionOf('@anthropic-ai/sdk')}`, async (t) => {
  for (const [id, file, name] of [
    ['openai-chat', 'openai/resources/chat/completions/completions.d.ts', 'ChatCompletionCreateParamsBase'],
    ['openai-responses', 'openai/resources/beta/responses/responses.d.ts', 'ResponseCreateParamsBase'],
    ['anthropic-messages', '@anthropic-ai/sdk/resources/beta/messages/messages.d.ts', 'MessageCreateParamsBase']
  ] as const) {
    const free = new Set(HARMLESS[id].split(' '))
    const plain = boundOf(id, {})
    const judged = (field: string): boolean => SAMPLES.some((value) => JSON.stringify(boundOf(id, { [field]: value })) !== JSON.stringify(plain))
    const fields = new VendorTypes(file).fields(name)
    t.ok(fields.length > 20)
    t.strictSame(fields.filter((field) => !free.has(field) && !judged(field)), [], `${id}: neither counted nor known to cost nothing`)
    t.strictSame([...free].filter((field) => judged(field) || !fields.includes(field)), [], `${id}: counted all the same, or gone`)
  }
})

/** Values of which one at least shows whether a field counts. */
const SAMPLES = [
  true, 7, 'other', [{ type: 'other', role: 'user', content: [{ type: 'other' }] }], ['other'], { ttl: 'other', mode: 'other', previous_message_id: 'x', edits: [{ type: 'other' }] }, 'o3-deep-research'
]

/** What changes nothing in the price, or is text of the body. */
const HARMLESS = {
  'openai-chat': 'frequency_penalty function_call logit_bias logprobs metadata moderation parallel_tool_calls presence_penalty prompt_cache_key prompt_cache_retention reasoning_effort response_format safety_identifier seed stop store stream stream_options temperature tool_choice top_logprobs top_p user verbosity',
  'openai-responses': 'access_programs image include instructions max_tool_calls metadata moderation parallel_tool_calls prompt_cache_key prompt_cache_retention safety_identifier store stream stream_options temperature text tool_choice top_logprobs top_p truncation user',
  'anthropic-messages': 'billing_policy diagnostics fallback_credit_token metadata model output_config output_format stop_sequences stream thinking tool_choice'
}
