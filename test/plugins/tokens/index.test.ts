import Fastify, { type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import t, { type Test } from 'tap'
import tokens, { type Taken } from '../../../plugins/tokens/index.ts'
import type { ThreadOptions } from '../../../plugins/tokens/tokenizer-thread.ts'
import { anthropicMessages } from '../../../providers/dialects/anthropic-messages/index.ts'
import type { Dialect } from '../../../providers/dialects/dialect.ts'
import { dialects } from '../../../providers/dialects/index.ts'
import { openaiChat } from '../../../providers/dialects/openai-chat/index.ts'
import type { Ending } from '../../../providers/dialects/reply.ts'
import openai from '../../../providers/openai.ts'

async function start (t: Test, options: ThreadOptions = { timeout: 20_000 }): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(fp(async (fastify) => {
    fastify.decorate('config', { providers: [openai, { name: 'other' }] } as unknown as FastifyInstance['config'])
  }, { name: 'config' }))
  await app.register(tokens, options)
  t.teardown(() => app.close())
  return app
}

const nothing = { usage: undefined, model: 'm', finish: undefined, error: undefined, stored: [], truncated: true }
const request = { messages: [{ role: 'user', content: 'Say hello to the world.' }] }

function taken (ending: Partial<Ending> | undefined, { dialect = openaiChat, whole = false, provider = 'openai' }: { dialect?: Dialect, whole?: boolean, provider?: string } = {}): Taken {
  return { target: { model: 'gpt-4o-mini', dialect, provider: { name: provider } }, request, ending: ending && { ...nothing, ...ending }, whole }
}

t.test('a tokenizer counts where one fits the model, else the length', async (t) => {
  const { tokens } = await start(t)
  const text = 'internationalization'
  t.equal(await tokens.count('gpt-5.4-mini', 'openai', text), 2)
  t.equal(await tokens.count('gpt-4', 'openai', text), 2)
  t.equal(await tokens.count('gpt-4', 'other', text), 5)
  t.equal(await tokens.count('gpt-4', 'unknown', text), 5)
  t.equal(await tokens.count('gpt-4o', 'openai', ''), 0)
  const long = 'hello world '.repeat(100_000)
  const counted = await tokens.count('gpt-4o', 'openai', long)
  t.ok(Math.abs(counted / 200_000 - 1) < 0.02, `a long text is counted in part: ${counted}`)
  t.equal(await tokens.prompt('gpt-4o', 'openai', request), 4 + 4 + 6)
  t.equal(await tokens.prompt('gpt-4o', 'openai', {}), 4)
  t.equal(await tokens.prompt('m', 'other', request), 10)
})

t.test('without a thread there is an estimate', async (t) => {
  const { tokens } = await start(t, { timeout: 0 })
  t.equal(await tokens.count('gpt-4o', 'openai', 'internationalization'), 5)
  t.equal(await tokens.prompt('gpt-4o', 'openai', request), 10)
})

t.test('what was told needs no counting', async (t) => {
  const { tokens } = await start(t)
  const usage = { input: 5, output: 0 }
  t.same(tokens.usageOf(taken({ usage, finish: 'stop' }, { whole: true })), { usage, source: 'provider' })
  t.same(tokens.usageOf(taken({ usage })), { usage, source: 'partial' })
})

t.test('what was not told is counted', async (t) => {
  const { tokens } = await start(t)
  const generated = (): ReturnType<NonNullable<Ending['generated']>> => ({ text: 'hello world', reasoning: 'hello', calls: 0, factor: 2 })
  t.same(await tokens.usageOf(taken({ generated, behind: true })), { usage: { input: 14, output: 4, reasoning: 2 }, source: 'estimated' })
  t.same(await tokens.usageOf(taken({ generated: () => ({ text: 'f{}', reasoning: '', calls: 1, factor: 1 }) })), { usage: { input: 14, output: 10 }, source: 'estimated' }, 'a tool call has marks around it')
  t.same(await tokens.usageOf(taken({ generated, behind: true, usage: { input: 7, output: 1 } }, { dialect: anthropicMessages, provider: 'other' })), { usage: { input: 7, output: 6, reasoning: 4 }, source: 'estimated' }, 'the prompt was told')
  t.same(await tokens.usageOf(taken(undefined)), { usage: { input: 14, output: 0 }, source: 'estimated' }, 'nothing came')
  t.same(await tokens.usageOf(taken({ generated }, { whole: true })), { usage: { input: 14, output: 4, reasoning: 2 }, source: 'estimated' }, 'a provider that tells no usage')
})

t.test('nothing is guessed where nothing was done, or there is no text', async (t) => {
  const { tokens } = await start(t)
  const error = { code: 'overloaded', message: 'No.' }
  t.same(tokens.usageOf(taken({ error })), { usage: undefined, source: 'none' })
  t.match(await tokens.usageOf(taken({ error, generated: () => ({ text: 'a', reasoning: '', calls: 0, factor: 1 }) })), { source: 'estimated' }, 'an error in the middle')
  const images = dialects.get('openai-images') as Dialect
  t.same(tokens.usageOf(taken({}, { dialect: images, whole: true })), { usage: undefined, source: 'none' })
  t.same(tokens.usageOf(taken({ usage: { input: 4 } }, { dialect: images })), { usage: { input: 4 }, source: 'partial' })
})
