import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, post, startGateway, startProvider } from '../helper.ts'
import type { Respond } from '../helper.ts'

const head = { 'content-type': 'text/event-stream' }
const chunk = (content: string, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'c1', model: 'm1', choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`
const ask = { model: 'm1', stream: true, max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] }
const PING = 'event: ping\ndata: {"type": "ping"}\n\n'

/** Answers with the pieces, and is silent for a while before each. */
const slowly = (...pieces: string[]): Respond => async (_request, response) => {
  response.writeHead(200, head).flushHeaders()
  for (const piece of pieces) {
    await new Promise((resolve) => setTimeout(resolve, 120))
    response.write(piece)
  }
  response.end()
}

t.test('a silent stream is kept alive by a comment, from the head on and between events only', async (t) => {
  const [first, last] = [chunk('a'), `${chunk('b', 'stop')}data: [DONE]\n\n`]
  const provider = await startProvider(t, slowly(first.slice(0, 9), first.slice(9), last))
  const gateway = await startGateway(t, provider.url, { env: { HEARTBEAT_INTERVAL: '50ms' } })
  const text = await (await post(`${gateway.url}/v1/chat/completions`, ask)).text()
  t.equal(text.replaceAll(': heartbeat\n\n', ''), first + last, 'no event is torn')
  t.match(text, /^(: heartbeat\n\n)+data: /, 'before the first byte')
  t.match(text, /\}\n\n(: heartbeat\n\n)+data: /, 'between events')
})

t.test('none within a giant event that passes in pieces', async (t) => {
  const giant = chunk('x'.repeat(200_000))
  const provider = await startProvider(t, slowly(giant.slice(0, 150_000), giant.slice(150_000), `${chunk('', 'stop')}data: [DONE]\n\n`))
  const gateway = await startGateway(t, provider.url, { env: { HEARTBEAT_INTERVAL: '30ms' } })
  const text = await (await post(`${gateway.url}/v1/chat/completions`, ask)).text()
  t.ok(text.includes(giant))
})

t.test('a translated stream has the heartbeat of its client\'s dialect', async (t) => {
  const provider = await startProvider(t, slowly(': from the provider\n\n', chunk('a', 'stop'), 'data: [DONE]\n\n'))
  const gateway = await startGateway(t, provider.url, { env: { HEARTBEAT_INTERVAL: '50ms' } })
  const text = await (await post(`${gateway.url}/v1/messages`, ask, { authorization: `Bearer ${CHAT_KEY}` })).text()
  t.ok(text.startsWith(PING))
  t.match(text.replaceAll(PING, ''), /^event: message_start\n[^]*event: message_stop\n[^]*\}\n\n$/)
})

t.test('0 sends none, and neither does a reply that is no stream or has not begun', async (t) => {
  const provider = await startProvider(t, async ({ body }, response) => {
    await new Promise((resolve) => setTimeout(resolve, 150))
    if (JSON.parse(body).model === 'whole') return response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices":[]}')
    response.writeHead(200, head).end(`${chunk('a', 'stop')}data: [DONE]\n\n`)
  })
  for (const interval of ['0', '20ms']) {
    const gateway = await startGateway(t, provider.url, { env: { HEARTBEAT_INTERVAL: interval } })
    t.notMatch(await (await post(`${gateway.url}/v1/chat/completions`, ask)).text(), /heartbeat/)
    t.equal(await (await post(`${gateway.url}/v1/chat/completions`, { ...ask, model: 'whole', stream: false })).text(), '{"choices":[]}')
  }
})

t.test('a stream that fails after a heartbeat fails with an event, and the log has no heartbeat', async (t) => {
  const provider = await startProvider(t, slowly(chunk('a')))
  const gateway = await startGateway(t, provider.url, { env: { HEARTBEAT_INTERVAL: '50ms' }, keys: { [MESSAGES_KEY]: { provider: 'openai' } } })
  const text = await (await post(`${gateway.url}/v1/chat/completions`, ask)).text()
  t.match(text, /data: \{"error":\{.*upstream_broke.*\}\}\n\n$/)
  t.ok(gateway.lines().some((line) => line.outcome === 'incomplete' && line.error === 'upstream_broke'))
})
