import type { Socket } from 'node:net'
import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, post, startGateway, startRawProvider, until } from '../helper.ts'

const CHAT = '/v1/chat/completions'
const ask = { model: 'm1', messages: [{ role: 'user', content: 'hi' }] }
const completion = JSON.stringify({ id: 'c1', object: 'chat.completion', created: 1, model: 'm1', choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }] })
const well = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${completion.length}\r\n\r\n${completion}`

t.test('so many at a provider, so many that wait, and beyond them 503 at once; another provider knows nothing of it (R10)', async (t) => {
  const held: Socket[] = []
  const slow = await startRawProvider(t, (socket) => { held.push(socket) })
  const quick = await startRawProvider(t, (socket) => { socket.write(well) })
  const gateway = await startGateway(t, slow.url, {
    env: { MAX_UPSTREAM_CONNECTIONS: '2', MAX_QUEUE: '3', DEEPSEEK_BASE_URL: quick.url, MAX_REQUESTS_PER_HOUR: '50' },
    keys: { vk_quick_0123456789: { provider: 'deepseek', api_key: 'sk-quick-0123456789' } }
  })
  const under = Array.from({ length: 5 }, () => post(gateway.url + CHAT, ask))
  await until(() => held.length === 2 && gateway.app.quota.held === 5)
  const begun = performance.now()
  const reply = await post(gateway.url + CHAT, ask)
  t.ok(performance.now() - begun < 500, 'at once')
  t.equal(reply.status, 503)
  t.equal(reply.headers.get('retry-after'), '1')
  t.equal(reply.headers.get('x-ratelimit-remaining-requests'), '45', 'it costs nothing')
  t.match(await reply.json(), { error: { code: 'upstream_busy' } })
  const other = await post(gateway.url + CHAT, ask, { authorization: 'Bearer vk_quick_0123456789' })
  t.equal(other.status, 200)
  await other.text()
  const messages = post(`${gateway.url}/v1/messages`, { ...ask, max_tokens: 5 }, { authorization: `Bearer ${MESSAGES_KEY}` })
  t.equal((await messages).status, 503, 'the same address is the same provider')

  let answered = 0
  while (answered < 5) {
    await until(() => held.length > 0)
    const socket = held.shift()!
    t.ok(held.length < 2, 'never more than two at once')
    socket.write(well)
    answered++
  }
  for (const one of under) t.equal(await (await one).text(), completion)
  t.equal(slow.connections(), 2)
  t.match(gateway.lines().filter(({ outcome }) => outcome === 'upstream_unreachable'), [{ attempts: 0 }, { attempts: 0 }])
})

t.test('one that waits too long, or whose client leaves, makes room', async (t) => {
  const held: Socket[] = []
  const slow = await startRawProvider(t, (socket) => { held.push(socket) })
  const gateway = await startGateway(t, slow.url, {
    env: { MAX_UPSTREAM_CONNECTIONS: '1', MAX_QUEUE: '1', MAX_REQUESTS_PER_HOUR: '50' },
    keys: { [MESSAGES_KEY]: { timeouts: { request: '300ms' } } }
  })
  const first = post(gateway.url + CHAT, ask)
  await until(() => held.length === 1)
  const late = await post(gateway.url + CHAT, ask, { authorization: `Bearer ${MESSAGES_KEY}` })
  t.equal(late.status, 503)
  t.match(await late.json(), { error: { code: 'upstream_busy' } })
  const gone = new AbortController()
  const left = fetch(gateway.url + CHAT, { method: 'POST', signal: gone.signal, headers: { 'content-type': 'application/json', authorization: `Bearer ${CHAT_KEY}` }, body: JSON.stringify(ask) })
  await until(() => gateway.app.quota.held === 2)
  gone.abort()
  await t.rejects(left)
  await until(() => gateway.lines().some(({ outcome }) => outcome === 'client_gone'))
  const next = post(gateway.url + CHAT, ask)
  held.shift()!.write(well)
  t.equal((await first).status, 200)
  await until(() => held.length === 1)
  held.shift()!.write(well)
  t.equal((await next).status, 200)
})
