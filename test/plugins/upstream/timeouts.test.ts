import Fastify from 'fastify'
import t from 'tap'
import errors from '../../../plugins/errors.ts'
import config from '../../../plugins/config/index.ts'
import { compatible } from '../../../providers/index.ts'
import { timeoutsOf, type Timeouts } from '../../../plugins/upstream/timeouts.ts'
import { REAL_KEY, post, startGateway, startProvider, type Teardown } from '../../helper.ts'

async function timeouts (t: Teardown, env: Record<string, string>, provider: string, own?: Partial<Timeouts>): Promise<Timeouts> {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(errors)
  await app.register(config, { env, providers: [{ ...compatible('my-llm'), baseUrl: 'http://127.0.0.1:9' }] })
  return timeoutsOf(app.config, app.config.timeouts[provider], own)
}

t.test('a key\'s timers go before its provider\'s, and those before all providers\'', async (t) => {
  const env = {
    REQUEST_TIMEOUT: '30s',
    IDLE_TIMEOUT: '40s',
    FIRST_TOKEN_TIMEOUT: '5s',
    CONNECT_TIMEOUT: '2s',
    OPENAI_REQUEST_TIMEOUT: '90s',
    OPENAI_CONNECT_TIMEOUT: '10s',
    OPENAI_FIRST_TOKEN_TIMEOUT: '0',
    MY_LLM_IDLE_TIMEOUT: '7s',
    MY_LLM_NO_TOKEN_TIMEOUT: '1m',
    DEEPSEEK_REQUEST_TIMEOUT: '1s'
  }
  t.same(await timeouts(t, env, 'anthropic'), { connect: 2000, request: 30_000, idle: 40_000, firstToken: 5000, noToken: 600_000 }, 'as set for all')
  t.same(await timeouts(t, env, 'openai'), { connect: 10_000, request: 90_000, idle: 90_000, firstToken: 0, noToken: 600_000 }, 'its own, longer ones too; one for the headers counts between pieces')
  t.same(await timeouts(t, env, 'my-llm'), { connect: 2000, request: 30_000, idle: 7000, firstToken: 5000, noToken: 60_000 }, 'a name with a hyphen')
  t.same(await timeouts(t, env, 'deepseek'), { connect: 1000, request: 1000, idle: 1000, firstToken: 5000, noToken: 600_000 }, 'no connection is waited for longer than for the reply')
  t.same(await timeouts(t, env, 'openai', { request: 3000, firstToken: 100, connect: 60_000 }), { connect: 3000, request: 3000, idle: 3000, firstToken: 100, noToken: 600_000 }, 'a key\'s before them')
  t.same(await timeouts(t, env, 'my-llm', { noToken: 0 }), { connect: 2000, request: 30_000, idle: 7000, firstToken: 5000, noToken: 0 })
})

t.test('each attempt has the timers of its own provider', async (t) => {
  const provider = await startProvider(t, (request, response) => {
    if (request.headers['x-api-key'] === undefined && !request.url.startsWith('/v1')) return
    setTimeout(() => response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"late"},"finish_reason":"stop"}]}'), 400)
  })
  const { url } = await startGateway(t, provider.url, {
    env: { REQUEST_TIMEOUT: '20s', DEEPSEEK_REQUEST_TIMEOUT: '150ms' },
    keys: {
      vk_hasty_0123456789: { provider: 'deepseek', api_key: REAL_KEY },
      vk_both_0123456789: { retry: 'always', targets: [{ provider: 'deepseek', api_key: REAL_KEY }, { provider: 'openai', api_key: REAL_KEY }] }
    }
  })
  const ask = async (key: string): Promise<Response> => await post(`${url}/v1/chat/completions`, { model: 'm', messages: [{ role: 'user', content: 'Hi' }] }, { authorization: `Bearer ${key}` })
  const hasty = await ask('vk_hasty_0123456789')
  t.equal(hasty.status, 504)
  const both = await ask('vk_both_0123456789')
  t.equal(both.headers.get('x-gateway-target'), 'openai')
  t.match(await both.text(), /late/)
})
