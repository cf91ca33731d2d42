/** Faults and round trips on every pair of a client's dialect and a provider's, as the vendors' own SDKs see them. */
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import t from 'tap'
import { startSimulator } from '../../providers/simulator/server.ts'
import { startGateway, until } from '../helper.ts'

const DIALECTS = ['openai-chat', 'openai-responses', 'anthropic-messages'] as const
type Name = typeof DIALECTS[number]

const simulator = await startSimulator({ pace: 0 })
t.teardown(() => simulator.close())
const keyOf = (dialect: Name): string => `vk_${dialect}_0123456789`
const gateway = await startGateway(t, simulator.url, {
  env: { RETRIES: '0', PROVIDERS: 'openai,anthropic,simulator', SIMULATOR_BASE_URL: simulator.url },
  keys: Object.fromEntries(DIALECTS.map((dialect) => [keyOf(dialect), { provider: 'simulator', api_key: 'sim-key', upstream_dialects: [dialect] }]))
})

/** What came of one request: the text, how it ended, and the error where there was one. */
interface Outcome { text: string, finished: boolean, error?: { status?: number | undefined, message: string } }

type Ask = (key: string, model: string, stream: boolean) => Promise<Outcome>

const said = 'Größe 🐘 in many words, so that there are some pieces of it'

const clients: Record<Name, Ask> = {
  async 'openai-chat' (apiKey, model, stream) {
    const { completions } = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey, maxRetries: 0 }).chat
    const request = { model, messages: [{ role: 'user' as const, content: said }] }
    const outcome: Outcome = { text: '', finished: false }
    if (!stream) {
      const [choice] = (await completions.create(request)).choices
      return { text: choice?.message.content ?? '', finished: choice?.finish_reason === 'stop' }
    }
    return await heard(outcome, async () => {
      for await (const { choices } of await completions.create({ ...request, stream: true })) {
        outcome.text += choices[0]?.delta.content ?? ''
        if (choices[0]?.finish_reason) outcome.finished = true
      }
    })
  },
  async 'openai-responses' (apiKey, model, stream) {
    const { responses } = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey, maxRetries: 0 })
    const outcome: Outcome = { text: '', finished: false }
    if (!stream) {
      const reply = await responses.create({ model, input: said })
      return { text: reply.output_text, finished: reply.status === 'completed' }
    }
    return await heard(outcome, async () => {
      for await (const event of await responses.create({ model, input: said, stream: true })) {
        if (event.type === 'response.output_text.delta') outcome.text += event.delta
        if (event.type === 'response.completed') outcome.finished = true
        if (event.type === 'response.failed') outcome.error = { message: event.response.error?.message ?? '' }
        if (event.type === 'error') outcome.error = { message: event.message }
      }
    })
  },
  async 'anthropic-messages' (apiKey, model, stream) {
    const { messages } = new Anthropic({ baseURL: gateway.url, apiKey, maxRetries: 0 })
    const request = { model, max_tokens: 4000, messages: [{ role: 'user' as const, content: said }] }
    const outcome: Outcome = { text: '', finished: false }
    if (!stream) {
      const { content, stop_reason: reason } = await messages.create(request)
      return { text: content.map((block) => block.type === 'text' ? block.text : '').join(''), finished: reason === 'end_turn' }
    }
    return await heard(outcome, async () => {
      for await (const event of await messages.create({ ...request, stream: true })) {
        if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') outcome.text += event.delta.text
        if (event.type === 'message_stop' || (event.type === 'message_delta' && event.delta.stop_reason !== null)) outcome.finished = true
      }
    })
  }
}

/** What was heard before an error stays heard. */
async function heard (outcome: Outcome, listen: () => Promise<void>): Promise<Outcome> {
  try {
    await listen()
  } catch (error) {
    outcome.error = { status: (error as { status?: number }).status, message: String((error as Error).message) }
  }
  return outcome
}

const refused = (promise: Promise<Outcome>): Promise<unknown> => promise.then(({ error }) => error?.status ?? error, (error: { status?: number }) => error.status)

for (const client of DIALECTS) {
  for (const provider of DIALECTS) {
    t.test(`${client} on a provider that speaks ${provider}`, async (t) => {
      const ask = (model: string, stream: boolean): Promise<Outcome> => clients[client](keyOf(provider), model, stream)
      const expected = `Thank you. You said: “${said}”.`
      for (const stream of [false, true]) t.same(await ask('sim-small', stream), { text: expected, finished: true })

      for (const status of [400, 404, 413, 422, 429, 500, 503]) {
        for (const stream of [false, true]) t.equal(await refused(ask(`simulate-${status}`, stream)), status, `${status}`)
      }
      // Only Messages knows 529.
      t.ok([529, 503].includes(Number(await refused(ask('simulate-529', true)))))
      t.equal(await refused(ask('simulate-break', false)), 502)

      for (const model of ['simulate-break', 'simulate-error']) {
        const cut = await ask(model, true)
        t.ok(cut.text.length > 0 && expected.startsWith(cut.text), 'what came is told')
        t.equal(cut.finished, false, 'and not as finished')
        t.ok(cut.error !== undefined, `${model} is an error`)
        t.notMatch(cut.error?.message, /127\.0\.0\.1|ECONN|at \/|sim-key/)
      }
    })
  }
}

t.test('each of them has its one line, with how it ended', async (t) => {
  const lines = (): Array<Record<string, unknown>> => gateway.lines().filter(({ msg, outcome }) => msg === 'request' && outcome !== undefined)
  await until(() => lines().length >= simulator.requests.length)
  const outcomes = new Set(lines().map(({ outcome }) => outcome))
  t.same([...outcomes].sort(), ['done', 'incomplete', 'refused', 'upstream_broke', 'upstream_error'].filter((name) => outcomes.has(name)))
  for (const name of ['done', 'refused', 'upstream_error']) t.ok(outcomes.has(name), name)
})
