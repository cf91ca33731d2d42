import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, startGateway, until, type TestGateway } from '../../helper.ts'
import { ask, dialects, messages, responses, send, startSpeaker, type Spoken } from '../speak.ts'

t.setTimeout(120_000)

const limited = (fields: Record<string, unknown>): Record<string, Record<string, unknown>> => ({ [CHAT_KEY]: fields, [MESSAGES_KEY]: fields })

async function statusOf ({ url }: TestGateway, spoken: Spoken, fields?: Record<string, unknown>): Promise<number> {
  const reply = await send(url, spoken, fields)
  await reply.arrayBuffer()
  return reply.status
}

async function used ({ app }: TestGateway, { key }: Spoken, name = 'max_requests_per_hour'): Promise<number | undefined> {
  return (await app.quota.standing(app.keys.find(key)!)).find((limit) => limit.name === name)?.used
}

t.test('1,000 at once against room for 10: exactly 10 go out, in each dialect, streamed and whole (S27)', async (t) => {
  for (const spoken of dialects) {
    const provider = await startSpeaker(t)
    const gateway = await startGateway(t, provider.url, { keys: limited({ max_requests_per_hour: 10 }) })
    const found = await Promise.all(Array.from({ length: 1000 }, async (_, i) => await statusOf(gateway, spoken, { stream: i % 2 === 0 })))
    t.equal(found.filter((status) => status === 200).length, 10, spoken.name)
    t.equal(found.filter((status) => status === 429).length, 990, spoken.name)
    t.equal(provider.requests.length, 10, spoken.name)
    t.equal(await used(gateway, spoken), 10)
    await until(() => gateway.app.quota.held === 0)
  }
})

t.test('streams that their clients leave count once each, and leave no place taken (S28)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await startGateway(t, provider.url, { keys: limited({ max_requests_per_hour: 100, max_parallel_requests: 4 }) })
  const counted: Record<string, number> = { [CHAT_KEY]: 0, [MESSAGES_KEY]: 0 }
  for (const spoken of dialects) {
    for (const [model, read] of [['silent', false], ['hangs', true], ['hangs', false], ['talks', true]] as const) {
      const gone = new AbortController()
      const before = provider.requests.length
      const left = Array.from({ length: 4 }, async () => {
        const reply = await fetch(gateway.url + spoken.path, { method: 'POST', signal: gone.signal, headers: { 'content-type': 'application/json', authorization: `Bearer ${spoken.key}` }, body: JSON.stringify(ask(spoken, { model, stream: true })) })
        if (read) await reply.body!.getReader().read()
        await new Promise(() => {})
      })
      await until(() => provider.requests.length === before + 4)
      t.equal(await statusOf(gateway, spoken), 429, 'all four places are taken')
      await new Promise((resolve) => setTimeout(resolve, 20))
      gone.abort()
      void Promise.allSettled(left)
      counted[spoken.key]! += 4
      await Promise.all(provider.requests.slice(before).map(async ({ aborted }) => await aborted))
      await until(() => gateway.app.quota.held === 0)
      t.equal(await used(gateway, spoken), counted[spoken.key], `${spoken.name}, ${model}: once each`)
      t.equal(await used(gateway, spoken, 'max_parallel_requests'), 0)
    }
  }
  await until(() => gateway.lines().filter(({ outcome }) => outcome === 'client_gone').length === 48)
  gateway.app.database!.flush()
  const rows = [...gateway.app.database!.iterate("SELECT 1 FROM requests WHERE outcome = 'client_gone'")]
  t.equal(rows.length, 48, 'a row each, and none for the refused')
})

t.test('refused calls are free, whatever refuses them (S29)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await startGateway(t, provider.url, { keys: limited({ max_requests_per_hour: 3, models: ['m'] }), env: { MAX_BODY_SIZE: '1MB' } })
  for (const spoken of dialects) {
    const raw = async (body: string, headers: Record<string, string> = {}, method = 'POST'): Promise<number> => {
      const reply = await fetch(gateway.url + spoken.path, { method, headers: { 'content-type': 'application/json', authorization: `Bearer ${spoken.key}`, ...headers }, ...method === 'POST' && { body } })
      await reply.arrayBuffer()
      return reply.status
    }
    const good = JSON.stringify(ask(spoken))
    for (const [name, status, found] of [
      ['no JSON', 400, await raw('{')],
      ['empty', 400, await raw('')],
      ['a list', 400, await raw('[]')],
      ['without a model', 400, await raw(JSON.stringify(ask(spoken, { model: undefined })))],
      ['a model that is not allowed', 403, await raw(JSON.stringify(ask(spoken, { model: 'other' })))],
      ['another type', 415, await raw(good, { 'content-type': 'text/plain' })],
      ['compressed', 415, await raw(good, { 'content-encoding': 'gzip' })],
      ['too large', 413, await raw(JSON.stringify(ask(spoken, { user: 'x'.repeat(2 << 20) })))],
      ['another key beside it', 401, await raw(good, { 'x-api-key': 'vk_other_0123456789' })],
      ['another method', 405, await raw(good, {}, 'GET')]
    ] as const) t.ok(found === status || (status === 405 && found === 404) || (status === 403 && found === 404), `${spoken.name}, ${name}: ${found}`)
    t.equal(await used(gateway, spoken), spoken === responses ? 1 : 0, spoken.name)
    if (spoken !== messages) t.equal(await statusOf(gateway, spoken), 200)
  }
  t.equal(await statusOf(gateway, dialects[0]!), 200)
  for (let i = 0; i < 20; i++) t.equal(await statusOf(gateway, dialects[i % 2]!), 429)
  t.equal(await used(gateway, dialects[0]!), 3, 'nor does what the limit refuses count')
  t.equal(provider.requests.length, 3)
})
