import t from 'tap'
import { checkProviders } from '../../plugins/config/providers.ts'
import anthropic from '../../providers/anthropic.ts'
import { builtinProviders, compatible, defaultProviders, loadBuiltin } from '../../providers/index.ts'
import openai from '../../providers/openai.ts'

t.test('every built-in provider is what a plugin must be', async (t) => {
  t.strictSame(builtinProviders, ['openai', 'anthropic', 'deepseek', 'simulator'])
  const candidates = await Promise.all(builtinProviders.map(async (name) => ({ value: await loadBuiltin(name), source: name })))
  t.strictSame(checkProviders(candidates).map(({ name }) => name), builtinProviders)
  t.ok(defaultProviders.every((name) => builtinProviders.includes(name)))
  t.notOk(defaultProviders.includes('simulator'))
  await t.rejects(loadBuiltin('constructor'), { message: 'no built-in provider constructor' })
})

t.test('compatible servers', async (t) => {
  t.match(checkProviders([{ value: compatible('groq'), source: 'groq' }]), [{ name: 'groq', baseUrl: undefined, auth: { scheme: 'Bearer' } }])
})

t.test('what is known of models', async (t) => {
  for (const [model, maxOutputTokens, thinking, sampling] of [
    ['claude-3-haiku-20240307', 4096, 'none'],
    ['claude-3-opus-latest', 4096, 'none'],
    ['claude-3-5-haiku-20241022', 8192, 'none'],
    ['claude-3-7-sonnet-20250219', 64000, 'budget'],
    ['claude-haiku-4-5-20251001', 64000, 'budget'],
    ['claude-sonnet-4-20250514', 64000, 'budget'],
    ['claude-sonnet-4-5', 64000, 'budget'],
    ['claude-sonnet-4-6', 128000, 'adaptive'],
    ['claude-opus-4-20250514', 32000, 'budget'],
    ['claude-opus-4-0', 32000, 'budget'],
    ['claude-opus-4-1-20250805', 32000, 'budget'],
    ['claude-opus-4-5-20251101', 64000, 'budget'],
    ['claude-opus-4-6', 128000, 'adaptive'],
    ['claude-opus-4-7', 128000, 'adaptive', false],
    ['claude-opus-4-8', 128000, 'adaptive', false],
    ['claude-opus-5-5', 128000, 'adaptive', false],
    ['claude-sonnet-5', 128000, 'adaptive', false],
    ['claude-haiku-5-5', 128000, 'adaptive', false],
    ['claude-fable-5-2', 128000, 'adaptive', false],
    ['claude-opus-6', undefined, 'adaptive', false],
    ['my-own-model', undefined, undefined]
  ] as const) {
    const known = anthropic.targets?.find(({ match }) => model.startsWith(match))
    t.strictSame([known?.maxOutputTokens, known?.thinking, known?.sampling], [maxOutputTokens, thinking, sampling], model)
  }
})

t.test('what is known of the other models', async (t) => {
  for (const [model, maxOutputTokens, thinking, sampling] of [
    ['gpt-3.5-turbo', 4096, 'none'],
    ['gpt-4-0613', undefined, 'none'],
    ['gpt-4-turbo-2024-04-09', 4096, 'none'],
    ['gpt-4o-mini', 16384, 'none'],
    ['gpt-4.1-nano', 32768, 'none'],
    ['gpt-5-chat-latest', 16384, 'none'],
    ['gpt-5', 128000, undefined, false],
    ['gpt-5-codex', 128000, undefined, false],
    ['gpt-5-pro', undefined, undefined, false],
    ['gpt-5.1-codex-max', 128000, undefined],
    ['gpt-5.4-nano', 128000, undefined],
    ['gpt-5.6-sol', 128000, undefined, false],
    ['gpt-6-luna', undefined, undefined, false],
    ['o1-pro', 100000, undefined, false],
    ['o3-deep-research', 100000, undefined, false],
    ['o4-mini', 100000, undefined, false],
    ['text-embedding-3-small', undefined, undefined]
  ] as const) {
    const known = openai.targets?.find(({ match }) => model.startsWith(match))
    t.strictSame([known?.maxOutputTokens, known?.thinking, known?.sampling], [maxOutputTokens, thinking, sampling], model)
    t.equal(known?.dialect, /^(?:gpt-5(?!-chat)|gpt-6|o\d)/.test(model) ? 'openai-responses' : undefined, `${model} reasons`)
  }
})
