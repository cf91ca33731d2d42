import type { ServerResponse } from 'node:http'
import t from 'tap'
import { REAL_KEY, post, startGateway, startProvider } from '../helper.ts'

const KEY = 'vk_targets_0123456789'
const ask = { model: 'm', stream: true, messages: [{ role: 'user', content: 'hi' }] }
const chunk = (content: string, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`
const told = `${chunk('told')}${chunk('', 'stop')}data: [DONE]\n\n`

/** Says something every 40 ms, so many times, and then how it ends. */
const talk = (word: string, times: number, end: string) => (_request: unknown, response: ServerResponse): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.on('error', () => {})
  let said = 0
  const timer = setInterval(() => {
    if (said++ < times) return void response.write(word)
    clearInterval(timer)
    response.end(end)
  }, 40)
  response.on('close', () => clearInterval(timer))
}

const COMMENT = ': thinking\n\n'
const ROLE = chunk('')

async function reply (t: Parameters<typeof startProvider>[0], first: Parameters<typeof startProvider>[1], second: Parameters<typeof startProvider>[1], env: Record<string, string>): Promise<{ target: string | null, text: string, took: number, asked: number }> {
  const [one, two] = [await startProvider(t, first), await startProvider(t, second)]
  const gateway = await startGateway(t, one.url, {
    // Silence of 250 ms is too long: what is said on the way counts against that.
    env: { DEEPSEEK_BASE_URL: two.url, REQUEST_TIMEOUT: '10s', IDLE_TIMEOUT: '250ms', HEARTBEAT_INTERVAL: '30ms', ...env },
    keys: { [KEY]: { targets: [{ provider: 'openai', api_key: REAL_KEY }, { provider: 'deepseek', api_key: REAL_KEY }] } }
  })
  const begun = performance.now()
  const answer = await post(`${gateway.url}/v1/chat/completions`, ask, { authorization: `Bearer ${KEY}` })
  const text = await answer.text()
  return { target: answer.headers.get('x-gateway-target'), text, took: performance.now() - begun, asked: one.requests.length + two.requests.length }
}

t.test('a stream that is held back is not cut while its provider says anything, and its client hears nothing (U16)', async (t) => {
  for (const word of [COMMENT, ROLE]) {
    const { target, text, took, asked } = await reply(t, talk(word, 20, told), talk('', 0, told), { FIRST_TOKEN_TIMEOUT: '0' })
    t.equal(target, 'openai')
    t.equal(text, word.repeat(20) + told, 'as it came, and no heartbeat before it')
    t.ok(took >= 700, `${took} ms`)
    t.equal(asked, 1)
  }
})

t.test('how long it is held back: FIRST_TOKEN_TIMEOUT, or without one NO_TOKEN_TIMEOUT; then the next is asked (U17)', async (t) => {
  for (const [env, least] of [[{ FIRST_TOKEN_TIMEOUT: '400ms' }, 395], [{ FIRST_TOKEN_TIMEOUT: '0', NO_TOKEN_TIMEOUT: '600ms' }, 595]] as const) {
    const { target, text, took, asked } = await reply(t, talk(COMMENT, 1000, told), talk('', 0, told), env)
    t.equal(target, 'deepseek')
    t.equal(text, told)
    t.ok(took >= least && took < 15_000, `${took} ms`)
    t.equal(asked, 2)
  }
})

t.test('the last target is not held back: its client gets heartbeats, and NO_TOKEN_TIMEOUT ends it (U17)', async (t) => {
  const { target, text } = await reply(t, talk(COMMENT, 1000, told), (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  }, { FIRST_TOKEN_TIMEOUT: '100ms', NO_TOKEN_TIMEOUT: '600ms', IDLE_TIMEOUT: '10s' })
  t.equal(target, 'deepseek')
  t.match(text, /^(: heartbeat\n\n)+data: \{"error":.*"upstream_timeout"/s)
})
