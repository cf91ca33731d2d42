import t from 'tap'
import { readUsage as readMessages } from '../../../providers/dialects/anthropic-messages/usage.ts'
import { readUsage as readChat } from '../../../providers/dialects/openai-chat/usage.ts'
import { readUsage as readEndpoint } from '../../../providers/dialects/openai-endpoints/usage.ts'
import { readUsage as readResponses } from '../../../providers/dialects/openai-responses/usage.ts'
import { totalOf } from '../../../providers/dialects/usage.ts'

t.test('zero is not missing', async (t) => {
  t.same(readChat({ prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }), { usage: { input: 0, output: 0 } })
  t.same(readChat({ prompt_tokens: 9 }), { usage: { input: 9 } })
  t.same(readChat({ prompt_tokens: 9, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 0 } }), { usage: { input: 9, cacheRead: 0, output: 4, reasoning: 0 } })
  t.same(readResponses({ input_tokens: 0, input_tokens_details: { cached_tokens: 0 }, output_tokens: 0, total_tokens: 0 }), { usage: { input: 0, cacheRead: 0, output: 0 } })
  t.same(readMessages({ input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 }), { usage: { input: 0, cacheRead: 0, output: 0 } })
  t.same(readMessages({ output_tokens: 7 }), { usage: { output: 7 } })
  t.same(readEndpoint({ prompt_tokens: 0, total_tokens: 0 }), { usage: { input: 0 } })
  for (const read of [readChat, readResponses, readMessages, readEndpoint]) {
    for (const nothing of [undefined, null, {}, 'none', { input_tokens: null, prompt_tokens: -1, output_tokens: '5', completion_tokens: 1e308 }]) t.same(read(nothing), {})
  }
})

t.test('a total that is not the sum of the buckets is told', async (t) => {
  t.same(readChat({ prompt_tokens: 100, completion_tokens: 20, total_tokens: 118 }), { usage: { input: 100, output: 20 }, mismatch: 'total_tokens 118, buckets 120' })
  t.same(readChat({ prompt_tokens: 5, completion_tokens: 2, total_tokens: 0 }).mismatch, 'total_tokens 0, buckets 7')
  t.same(readResponses({ input_tokens: 1, output_tokens: 1, total_tokens: 1 }).mismatch, 'total_tokens 1, buckets 2')
  t.same(readChat({ prompt_tokens: -9, completion_tokens: 3, total_tokens: 12 }), { usage: { output: 3 }, mismatch: 'total_tokens 12, buckets 3' }, 'what is missing is no reasoning')
  t.same(readEndpoint({ prompt_tokens: 3, total_tokens: 4 }).mismatch, 'total_tokens 4, buckets 3')
  t.same(readChat({ prompt_tokens: 9, completion_tokens: 1, prompt_cache_hit_tokens: 4, prompt_cache_miss_tokens: 6 }).mismatch, 'uncached input 6, buckets 5')
})

t.test('a part is never more than the whole, and said to be', async (t) => {
  t.same(readChat({ prompt_tokens: 43, completion_tokens: 10, total_tokens: 53, completion_tokens_details: { reasoning_tokens: 11 } }), { usage: { input: 43, output: 0, reasoning: 10 }, mismatch: 'reasoning 11, buckets 10' })
  t.same(readResponses({ input_tokens: 2, input_tokens_details: { cached_tokens: 9 } }), { usage: { input: 0, cacheRead: 2 }, mismatch: 'cache reads 9, buckets 2' })
  t.same(readMessages({ output_tokens: 3, output_tokens_details: { thinking_tokens: 5 } }), { usage: { output: 0, reasoning: 3 }, mismatch: 'thinking_tokens 5, buckets 3' })
  t.same(readMessages({ input_tokens: 1, cache_creation_input_tokens: 9, cache_creation: { ephemeral_5m_input_tokens: 3, ephemeral_1h_input_tokens: 5 } }).mismatch, 'cache_creation_input_tokens 9, buckets 8')
})

t.test('what a server counts beside', async (t) => {
  t.same(readChat({ prompt_tokens: 10, completion_tokens: 5, total_tokens: 22, completion_tokens_details: { reasoning_tokens: 7 } }), { usage: { input: 10, output: 5, reasoning: 7 } }, 'reasoning')
  t.same(readChat({ prompt_tokens: 9, completion_tokens: 201, total_tokens: 585, prompt_tokens_details: { cached_tokens: 0, audio_tokens: 375 } }), { usage: { input: 9, cacheRead: 0, audioInput: 375, output: 201 } }, 'audio')
  t.same(readChat({ prompt_tokens: 10, completion_tokens: 5, total_tokens: 65, cache_read_input_tokens: 30, cache_creation_input_tokens: 20 }), { usage: { input: 10, cacheRead: 30, cacheWrite5m: 20, output: 5 } }, 'cached tokens')
  t.same(readChat({ prompt_tokens: 35, completion_tokens: 12, total_tokens: 109 }), { usage: { input: 35, output: 12, reasoning: 62 } }, 'hidden reasoning')
  t.same(readChat({ prompt_tokens: 10, completion_tokens: 213, total_tokens: 223, prompt_tokens_details: { cached_tokens: 161 } }), { usage: { input: 10, cacheRead: 161, output: 213 }, mismatch: 'total_tokens 223, buckets 384' }, 'more cached than there is')
  t.same(readChat({ prompt_tokens: 2168, completion_tokens: 100, total_tokens: 2268, prompt_tokens_details: { cached_tokens: 2161, cache_write_tokens: 2161 } }), { usage: { input: 7, cacheRead: 2161, cacheWrite5m: 2161, output: 100 }, mismatch: 'total_tokens 2268, buckets 4429' }, 'read and written')
})

t.test('rounds that a reply took', async (t) => {
  const round = (type: string, input: number, output: number) => ({ type, input_tokens: input, output_tokens: output, cache_read_input_tokens: 0 })
  const shorter = readMessages({ input_tokens: 612, cache_read_input_tokens: 0, output_tokens: 2819, iterations: [round('compaction', 60385, 522), round('message', 612, 2819)] })
  t.same(shorter, { usage: { input: 60997, cacheRead: 0, output: 3341 } }, 'those that shorten the context are paid for')
  t.same(readMessages({ input_tokens: 412, output_tokens: 264, iterations: [round('message', 408, 0), round('fallback_message', 412, 264)] }).mismatch, 'iterations 1084, buckets 676', 'an attempt of another model')
  t.same(readMessages({ input_tokens: 4, output_tokens: 2, iterations: [round('message', 4, 2), round('advisor_message', 50, 5)] }).mismatch, 'iterations of an advisor 55, buckets 0')
  t.same(readMessages({ input_tokens: 4, output_tokens: 2, iterations: null }), { usage: { input: 4, output: 2 } })
})

t.test('whatever is told, no bucket is negative and nothing is counted twice', async (t) => {
  let seed = 11
  const random = (n: number): number => {
    seed = (seed * 1664525 + 1013904223) >>> 0
    return Math.floor(seed / 2 ** 32 * n)
  }
  const maybe = (n: number): number | null | undefined => [random(n), random(n), 0, null, undefined][random(5)]
  let wrong = 0
  for (let i = 0; i < 20_000; i++) {
    const value = {
      input_tokens: maybe(50),
      output_tokens: maybe(50),
      total_tokens: maybe(120),
      input_tokens_details: { cached_tokens: maybe(60), cache_write_tokens: maybe(60) },
      output_tokens_details: { reasoning_tokens: maybe(60) }
    }
    const { usage = {}, mismatch } = readResponses(value)
    const told = (value.input_tokens ?? 0) + (value.output_tokens ?? 0)
    const total = totalOf(usage)
    const sound = Object.values(usage).every((count) => count >= 0) && total <= Math.max(told, value.total_tokens ?? 0) && total >= told && (mismatch !== undefined || value.total_tokens === undefined || value.total_tokens === null || value.total_tokens === total || Object.keys(usage).length === 0)
    if (!sound) wrong++
  }
  t.equal(wrong, 0)
})
