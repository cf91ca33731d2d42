import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import t, { type Test } from 'tap'
import { CHAT_KEY, MESSAGES_KEY, post, startGateway, startProvider, until, type FakeProvider, type Respond, type TestGateway } from '../helper.ts'

const CHAT = '/v1/chat/completions'
const DOLLAR = 1e9
/** Dollars per million tokens: a token of output is 10,000 nano-dollars, and of the prompt nothing. */
const models = [
  { id: 'm1', context_window: 50_000, max_output_tokens: 4000, prices: [{ input: 0, output: 10 }] },
  { id: 'm2', context_window: 50_000, max_output_tokens: 4000, prices: [{ input: 1, output: 10 }] }
]

interface Asked { model: string, max_tokens?: number, max_completion_tokens?: number, max_output_tokens?: number, stream?: boolean }

function capOf ({ max_tokens: a, max_completion_tokens: b, max_output_tokens: c }: Asked): number {
  return a ?? b ?? c ?? 0
}

/** Answers with as many tokens of output as the request may have. */
const answer: Respond = ({ url, body }, response) => {
  const asked = JSON.parse(body) as Asked
  const output = capOf(asked)
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(url.endsWith('/responses')
    ? { id: 'resp_1', object: 'response', created_at: 1, status: 'completed', model: asked.model, output: [], usage: { input_tokens: 5, output_tokens: output, total_tokens: 5 + output } }
    : { id: 'c1', object: 'chat.completion', created: 1, model: asked.model, choices: [{ index: 0, message: { role: 'assistant', content: 'a' }, finish_reason: 'stop' }], usage: { prompt_tokens: 5, completion_tokens: output, total_tokens: 5 + output } }))
}

/** A gateway whose chat key has these limits. */
async function start (t: Test, limits: Record<string, unknown>, respond: Respond = answer, env: Record<string, string> = {}): Promise<{ gateway: TestGateway, provider: FakeProvider }> {
  const folder = t.testdir({})
  const prices = join(folder, 'prices.json')
  writeFileSync(prices, JSON.stringify({ providers: { openai: { models } } }))
  const provider = await startProvider(t, respond)
  const gateway = await startGateway(t, provider.url, { keys: { [CHAT_KEY]: { name: 'alice', ...limits } }, env: { PRICES_FILE: prices, ...env } })
  return { gateway, provider }
}

function chat (max?: number, model = 'm1'): Record<string, unknown> {
  return { model, messages: [{ role: 'user', content: 'hi' }], ...max !== undefined && { max_completion_tokens: max } }
}

async function standings ({ app }: TestGateway) {
  return app.quota.standing(app.keys.find(CHAT_KEY)!)
}

async function burst (gateway: TestGateway, count: number, body: unknown): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, async () => {
    const reply = await post(gateway.url + CHAT, body)
    await reply.text()
    return reply.status
  }))
}

t.test('1,000 requests at once against a budget for exactly 37', async (t) => {
  const { gateway, provider } = await start(t, { budget: { usd: 37 * 0.0005, per: 'month', timezone: 'Asia/Kathmandu' } }, (request, response) => {
    setTimeout(() => answer(request, response), 30)
  })
  const statuses = await burst(gateway, 1000, chat(50))
  t.equal(statuses.filter((status) => status === 200).length, 37)
  t.equal(statuses.filter((status) => status === 429).length, 963)
  t.equal(provider.requests.length, 37)
  t.match(await standings(gateway), [{ name: 'budget', unit: 'money', per: 'month', timezone: 'Asia/Kathmandu', limit: 37 * DOLLAR * 0.0005, used: 37 * DOLLAR * 0.0005, remaining: 0 }])
  t.equal(gateway.app.quota.held, 0)
})

t.test('a burst over several limits of a key and its group: what one refuses takes of none', async (t) => {
  const folder = t.testdir({})
  writeFileSync(join(folder, 'prices.json'), JSON.stringify({ providers: { openai: { models } } }))
  const provider = await startProvider(t, answer)
  const gateway = await startGateway(t, provider.url, {
    env: { PRICES_FILE: join(folder, 'prices.json') },
    groups: { team: { tokens_per_day: 10 * 1000, budget: [{ usd: 1, per: 'day' }, { usd: 5, per: 'total' }] } },
    keys: { [CHAT_KEY]: { groups: ['team'], requests_per_minute: 100, max_parallel_requests: 50 }, second: { provider: 'openai', api_key: 'sk-second', groups: ['team'] } }
  })
  const ask = chat(100)
  const size = 612 + JSON.stringify(ask).length
  const statuses = await Promise.all(Array.from({ length: 300 }, async (_, i) => {
    const reply = await post(gateway.url + CHAT, ask, { authorization: `Bearer ${i % 2 === 0 ? CHAT_KEY : 'second'}` })
    await reply.text()
    return reply.status
  }))
  const passed = statuses.filter((status) => status === 200).length
  t.equal(passed, provider.requests.length)
  t.ok(passed >= Math.floor(10_000 / size), `${passed} passed`)
  const [total, day, tokens, minute, parallel] = await standings(gateway)
  t.match([total, day, tokens], [
    { owner: 'group:team', per: 'total', used: passed * 1_000_000, resetAt: null },
    { owner: 'group:team', per: 'day', used: passed * 1_000_000 },
    { owner: 'group:team', unit: 'tokens', used: passed * 105 }
  ])
  t.ok((minute?.used ?? 0) < passed, 'only the key\'s own requests are its own')
  t.match(parallel, { used: 0, limit: 50 })
  t.equal(gateway.app.quota.held, 0)
})

t.test('without a cap in the request the gateway sets one: what the budget affords', async (t) => {
  const { gateway, provider } = await start(t, { budget: { usd: 0.05, per: 'total' } })
  const caps: Array<number | undefined> = []
  for (let i = 0; i < 3; i++) {
    const reply = await post(gateway.url + CHAT, chat())
    await reply.text()
    const sent = provider.requests[i]
    caps.push(sent && capOf(JSON.parse(sent.body)))
  }
  t.same(caps, [4000, 1000, undefined], 'the model\'s maximum, then the rest')
  t.match(await standings(gateway), [{ used: 0.05 * DOLLAR, remaining: 0, resetAt: null }])
  const streamed = await start(t, { budget: { usd: 0.05, per: 'total' } })
  const text = ' {"model":"m1", "messages":[ {"role":"user","content":"hi"}], "seed": 12345678901234567890} '
  t.equal((await post(streamed.gateway.url + CHAT, text)).status, 200)
  t.match(streamed.provider.requests[0]?.body, /^ \{"max_completion_tokens":4000,"model":"m1", .* "seed": 12345678901234567890\} $/, 'every other byte stays')
  const roomy = await start(t, { tokens_per_day: 10_000_000 })
  t.equal((await post(roomy.gateway.url + CHAT, { ...chat(), model: 'gpt-5.4-mini' })).status, 200)
  t.equal(capOf(JSON.parse(roomy.provider.requests[0]?.body ?? '')), 128_000, 'no more than the model takes')
  const below = await start(t, { budget: { usd: 0.0025, per: 'total' } })
  t.equal((await post(below.gateway.url + CHAT, chat())).status, 429, 'below the floor there is none')
  t.equal((await post(below.gateway.url + CHAT, chat(250))).status, 200, 'but as many as a client asks for')
})

t.test('a cap by a name that the provider does not know is told by the one it does', async (t) => {
  const { gateway, provider } = await start(t, { provider: 'deepseek', tokens_per_minute: 5000 })
  t.equal((await post(gateway.url + CHAT, chat(70))).status, 200)
  t.match(JSON.parse(provider.requests[0]?.body ?? ''), { max_tokens: 70 })
})

t.test('what never went out costs nothing, what the provider refused only a request', async (t) => {
  const limits = { budget: { usd: 1, per: 'day' }, tokens_per_minute: 10_000, requests_per_minute: 10, max_parallel_requests: 3 }
  const refused = await start(t, limits, (_request, response) => { response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":{"message":"no"}}') })
  t.equal((await post(refused.gateway.url + CHAT, chat(50))).status, 400)
  t.same((await standings(refused.gateway)).map(({ unit, used }) => [unit, used]), [['money', 0], ['requests', 1], ['tokens', 0], ['parallel', 0]])
  const gone = await startGateway(t, 'http://127.0.0.1:9', { keys: { [CHAT_KEY]: { requests_per_minute: 10, max_parallel_requests: 3 } } })
  t.equal((await post(gone.url + CHAT, chat(50))).status, 502)
  t.same((await standings(gone)).map(({ unit, used }) => [unit, used]), [['requests', 0], ['parallel', 0]])
  t.equal(refused.gateway.app.quota.held + gone.app.quota.held, 0)
})

t.test('a dry run refuses nothing, changes nothing, and tells', async (t) => {
  const dry = { limit: 0, dry_run: true }
  const { gateway, provider } = await start(t, {
    budget: { usd: 0, per: 'day', dry_run: true }, requests_per_minute: dry, tokens_per_day: dry, max_parallel_requests: dry
  })
  const reply = await post(gateway.url + CHAT, chat())
  t.equal(reply.status, 200)
  t.notOk(reply.headers.has('x-ratelimit-limit-requests'), 'no header tells of it')
  t.equal(provider.requests[0]?.body, JSON.stringify(chat()), 'no cap')
  t.equal((await post(gateway.url + CHAT, { ...chat(5, 'unheard-of'), web_search_options: {} })).status, 200)
  const told = (): Array<Record<string, unknown>> => gateway.lines().filter(({ msg }) => msg === 'a limit in a dry run would have refused the request')
  t.match(told().slice(0, 4), ['budget', 'tokens_per_day', 'requests_per_minute', 'max_parallel_requests'].map((limit) => ({ limit, key: 'alice', level: 30 })))
  t.match(told().slice(4), [{ limit: 'budget', reason: /web_search_options/ }, { limit: 'tokens_per_day', reason: /web_search_options/ }, { limit: 'budget' }, { limit: 'tokens_per_day' }, { limit: 'requests_per_minute' }, { limit: 'max_parallel_requests' }])
})

t.test('the line of such a refusal has the model, as the provider knows it', async (t) => {
  const { gateway } = await start(t, { budget: { usd: 1, per: 'total' }, model_aliases: { plain: 'unheard-of' } })
  await post(gateway.url + CHAT, chat(50, 'plain'))
  await post(gateway.url + CHAT, { ...chat(50), web_search_options: {} })
  await post(gateway.url + CHAT, chat(50, `unheard-of ${CHAT_KEY}`))
  await until(() => gateway.lines().filter(({ msg }) => msg === 'request').length === 3)
  t.match(gateway.lines().filter(({ msg }) => msg === 'request'), [
    { key: 'alice', provider: 'openai', model: 'unheard-of', status: 400, error: 'price_unknown' },
    { key: 'alice', provider: 'openai', model: 'm1', status: 400, error: 'unbounded_cost' },
    { model: 'unheard-of [redacted]' }
  ])
})

t.test('a batch on a key with a budget is refused: its requests are in a file', async (t) => {
  const { gateway, provider } = await start(t, { budget: { usd: 1, per: 'day' } }, (_request, response) => {
    response.setHeader('content-type', 'application/json').end('{"id":"file-1","object":"file","purpose":"batch"}')
  })
  const form = new FormData()
  form.append('purpose', 'batch')
  form.append('file', new Blob(['{}\n']), 'in.jsonl')
  t.equal((await fetch(`${gateway.url}/v1/files`, { method: 'POST', body: form, headers: { authorization: `Bearer ${CHAT_KEY}` } })).status, 200)
  const batch = await post(`${gateway.url}/v1/batches`, { input_file_id: 'file-1', endpoint: CHAT, completion_window: '24h' })
  t.equal(batch.status, 400)
  t.match(await batch.json(), { error: { code: 'unbounded_cost', message: /input_file_id/ } })
  t.equal(provider.requests.length, 1)
})

/** What an SDK makes of a refusal. */
interface Told { status: number, headers: Headers, type: string | null, code: string | null, message: string, body?: unknown }

/** The same question in each dialect, by the vendor's own SDK. */
function sdks ({ url }: TestGateway, key = CHAT_KEY): Record<string, (model: string, max: number, more?: object) => Promise<Told>> {
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 })
  const anthropic = new Anthropic({ baseURL: url, apiKey: key, authToken: null, maxRetries: 0 })
  const tell = (ask: Promise<unknown>): Promise<Told> => ask.then(() => { throw new Error('was let through') }, (error: unknown) => {
    if (error instanceof OpenAI.APIError) return { status: error.status, headers: error.headers, type: error.type ?? null, code: error.code ?? null, message: error.message, body: error.error }
    if (error instanceof Anthropic.APIError) return { status: error.status, headers: error.headers, type: error.type, code: null, message: error.message.replaceAll('\\"', '"') }
    throw error
  })
  return {
    chat: (model, max, more) => tell(openai.chat.completions.create({ model, messages: [{ role: 'user', content: 'hi' }], max_completion_tokens: max, ...more })),
    responses: (model, max, more) => tell(openai.responses.create({ model, input: 'hi', max_output_tokens: max, ...more })),
    messages: (model, max, more) => tell(anthropic.messages.create({ model, messages: [{ role: 'user', content: 'hi' }], max_tokens: max, ...more }))
  }
}

/** Whether it says when there is more, and that nobody should wait for that. */
function isLong ({ headers }: Told): boolean {
  return headers.has('retry-after') && headers.get('x-should-retry') === 'false'
}

t.test('refusals as the SDKs of each dialect read them', async (t) => {
  const used = async (limits: Record<string, unknown>, first: Array<Record<string, unknown>>, respond?: Respond) => {
    const { gateway } = await start(t, limits, respond)
    for (const body of first) await (await post(gateway.url + CHAT, body)).text()
    return gateway
  }
  const cases: Array<{ name: string, gateway: TestGateway, model?: string, max?: number, message: RegExp, money?: true, code?: string, after?: [from: number, to: number], retry?: string }> = [
    { name: 'requests a minute', gateway: await used({ requests_per_minute: 1 }, [chat(50)]), message: /This key has used its 1 requests a minute\. More in \w+\. To raise the limit, set "requests_per_minute" for the key in the gateway's keys\.json\./, after: [1, 60] },
    { name: 'requests an hour', gateway: await used({ max_requests_per_hour: 1 }, [chat(50)]), message: /This key has used its 1 requests an hour\. More in .* or MAX_REQUESTS_PER_HOUR/, after: [3500, 3600], retry: 'false' },
    { name: 'tokens a minute', gateway: await used({ tokens_per_minute: 1000 }, [chat(300)]), max: 300, message: /This may take \d+ tokens, and of its 1000 a minute this key has 695 left\. More in/, after: [1, 60] },
    { name: 'tokens a day', gateway: await used({ tokens_per_day: 1000 }, [chat(300)]), max: 300, message: /of its 1000 a day this key has 695 left\. More in/, after: [1, 86400] },
    { name: 'more tokens than there are', gateway: await used({ tokens_per_minute: 1000 }, []), max: 2000, message: /more than the whole of it: send less/, retry: 'false' },
    { name: 'a limit of zero', gateway: await used({ requests_per_minute: 0 }, []), message: /It allows none/, after: [60, 60], retry: 'false' },
    { name: 'a budget', gateway: await used({ budget: { usd: 0.001, per: 'month' } }, [chat(50)]), max: 60, message: /This may cost \$0\.0006, and of its budget of \$0\.001 a month this key has \$0\.0005 left\. More in .*set "budget"/, money: true, after: [1, 31 * 86400], retry: 'false' },
    { name: 'a budget for good', gateway: await used({ budget: { usd: 0.001, per: 'total' } }, [chat(100)]), message: /It never begins anew/, money: true, retry: 'false' },
    { name: 'a price that is not known', gateway: await used({ budget: { usd: 1, per: 'total' } }, []), model: 'unheard-of', code: 'price_unknown', message: /'unheard-of' of provider openai .*PRICES_FILE/ }
  ]
  for (const { name, gateway, model = 'm1', max = 50, message, money, code = 'rate_limit_exceeded', after, retry } of cases) {
    for (const [dialect, ask] of Object.entries(sdks(gateway))) {
      const told = await ask(model, max)
      const where = `${name}, ${dialect}`
      t.match(told.message, message, where)
      if (code === 'price_unknown') t.match(told, dialect === 'messages' ? { status: 400, type: 'invalid_request_error' } : { status: 400, type: 'invalid_request_error', code }, where)
      else if (dialect === 'messages') t.match(told, money === true ? { status: 402, type: 'billing_error' } : { status: 429, type: 'rate_limit_error' }, where)
      else if (money === true) t.match(told, { status: 429, type: 'insufficient_quota', code: 'insufficient_quota' }, where)
      else t.match(told, { status: 429, type: isLong(told) && dialect === 'responses' ? 'usage_limit_reached' : name.includes('tokens') ? 'tokens' : 'requests', code }, where)
      const seconds = told.headers.get('retry-after')
      if (after === undefined) t.equal(seconds, null, where)
      else t.ok(Number(seconds) >= after[0] && Number(seconds) <= after[1], `${where}: ${seconds}`)
      if (name !== 'tokens a day') t.equal(told.headers.get('x-should-retry'), retry ?? null, where)
    }
  }
})

t.test('of a limit that is long to wait for, a client of Responses is told until when it is', async (t) => {
  const { gateway } = await start(t, { requests_per_minute: 1, max_requests_per_hour: 2 })
  const { responses } = sdks(gateway)
  if (responses === undefined) throw new Error('no SDK')
  t.equal((await post(gateway.url + CHAT, chat(50))).status, 200)
  const short = await responses('m1', 50)
  t.match(short, { status: 429, type: 'requests' })
  t.notOk(isLong(short), 'a minute is waited for')
  t.notOk(Object.hasOwn(Object(short.body), 'resets_at'))

  const { gateway: spent } = await start(t, { max_requests_per_hour: 1 })
  t.equal((await post(spent.url + CHAT, chat(50))).status, 200)
  const long = await sdks(spent)['responses']?.('m1', 50)
  t.match(long, { status: 429, type: 'usage_limit_reached', code: 'rate_limit_exceeded', body: { resets_at: Number } })
  const after = Number(long?.headers.get('retry-after'))
  const { resets_at: at } = Object(long?.body)
  t.ok(Math.abs(at - (Date.now() / 1000 + after)) < 5, `${at}, in ${after} s`)
  t.match(long?.message, /has used its 1 requests an hour\. More in /)
})

t.test('a refusal names the cap with which the same request goes through, in the client\'s own word', async (t) => {
  const text = 'hi'
  const requests: Array<{ path: string, word: string, body: Record<string, unknown> }> = [
    { path: CHAT, word: 'max_completion_tokens', body: { messages: [{ role: 'user', content: text }] } },
    { path: CHAT, word: 'max_completion_tokens', body: { messages: [{ role: 'user', content: text }], n: 2 } },
    { path: '/v1/responses', word: 'max_output_tokens', body: { input: text } },
    { path: '/v1/completions', word: 'max_tokens', body: { prompt: text, max_tokens: 3000 } },
    { path: '/v1/messages', word: 'max_tokens', body: { messages: [{ role: 'user', content: text }], max_tokens: 3000 } }
  ]
  for (const limits of [{ budget: { usd: 0.0025, per: 'month' } }, { tokens_per_day: 700 }]) {
    for (const { path, word, body } of requests) {
      const where = `${Object.keys(limits)[0]} ${path}`
      const { gateway } = await start(t, { ...limits, requests_per_minute: 5 })
      const asked = { model: 'm1', ...body, ...'budget' in limits && 'n' in body ? { model: 'm2' } : {} }
      const refused = await post(gateway.url + path, asked)
      t.not(refused.status, 200, where)
      const { error: { message } } = await refused.json() as { error: { message: string } }
      const [, named, cap = ''] = / With (\w+) at (\d+) or less it goes through at once\. To raise/.exec(message) ?? []
      t.equal(named, word, `${where}: ${message}`)
      t.not((await post(gateway.url + path, { ...asked, [word]: Number(cap) + 65 })).status, 200, `${where}: ${cap} is about the most`)
      t.equal((await post(gateway.url + path, { ...asked, [word]: Number(cap) })).status, 200, where)
    }
  }
})

t.test('a refusal names no cap where none is of help', async (t) => {
  const told = async (limits: Record<string, unknown>, body: Record<string, unknown>, first = 0): Promise<string> => {
    const { gateway } = await start(t, limits)
    for (let i = 0; i < first; i++) await (await post(gateway.url + CHAT, chat(50))).text()
    const reply = await post(gateway.url + CHAT, body)
    t.equal(reply.status, 429)
    return ((await reply.json()) as { error: { message: string } }).error.message
  }
  for (const [name, message] of Object.entries({
    'the prompt alone is too long': await told({ tokens_per_day: 500 }, chat()),
    'all is spent': await told({ budget: { usd: 0.0005, per: 'month' } }, chat(), 1),
    'a cap of a few tokens is none to every provider': await told({ budget: { usd: 0.0001, per: 'month' } }, chat(50)),
    'it is the number of requests': await told({ requests_per_minute: 1 }, chat(), 1),
    'another limit refuses it too': await told({ budget: { usd: 0.001, per: 'month' }, tokens_per_day: 500 }, chat())
  })) t.notMatch(message, /goes through/, name)
})

t.test('what has no bound is refused by name, in each dialect', async (t) => {
  const { gateway, provider } = await start(t, { budget: { usd: 1, per: 'total' } })
  const other = await startGateway(t, provider.url, { keys: { [MESSAGES_KEY]: { tokens_per_day: 1e6 } } })
  const { chat, responses } = sdks(gateway)
  const { messages } = sdks(other, MESSAGES_KEY)
  t.match(await chat!('m1', 50, { web_search_options: {} }), { status: 400, code: 'unbounded_cost', message: /web_search_options/ })
  t.match(await responses!('m1', 50, { tools: [{ type: 'web_search' }] }), { status: 400, code: 'unbounded_cost', message: /tools\[0\] \(web_search\)/ })
  t.match(await messages!('m1', 50, { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }), { status: 400, type: 'invalid_request_error', message: /tools\[0\] \(web_search_20250305\)/ })
  t.equal(provider.requests.length, 0)
  t.equal(gateway.app.quota.held, 0)
})

t.test('requests under way at once', async (t) => {
  const waiting: Array<() => void> = []
  const hold: Respond = (request, response) => { waiting.push(() => answer(request, response)) }
  const parallel = await start(t, { max_parallel_requests: 1 }, hold)
  const first = post(parallel.gateway.url + CHAT, chat(50))
  await until(() => waiting.length === 1)
  for (const [dialect, ask] of Object.entries(sdks(parallel.gateway))) {
    const told = await ask('m1', 50)
    t.match(told, { status: 429, message: /This key may have 1 requests at the same time, and has 1\. Try again when one has ended/ }, dialect)
    t.equal(told.headers.get('retry-after'), '1')
  }
  waiting[0]?.()
  t.equal((await first).status, 200)
  const again = post(parallel.gateway.url + CHAT, chat(50))
  await until(() => waiting.length === 2)
  waiting[1]?.()
  t.equal((await again).status, 200)
})

t.test('a budget that requests under way hold: waiting is of help', async (t) => {
  const waiting: Array<() => void> = []
  const { gateway } = await start(t, { budget: { usd: 0.001, per: 'month' } }, (request, response) => { waiting.push(() => answer(request, response)) })
  const held = post(gateway.url + CHAT, chat(100))
  await until(() => waiting.length === 1)
  for (const [dialect, ask] of Object.entries(sdks(gateway))) {
    const told = await ask('m1', 50)
    t.match(told.message, /this key has \$0 left\. Requests under way hold the rest/, dialect)
    t.match([told.headers.get('retry-after'), told.headers.get('x-should-retry')], ['5', 'true'])
  }
  waiting[0]?.()
  t.equal((await held).status, 200)
})

t.test('a group\'s limit is told as the group\'s', async (t) => {
  const provider = await startProvider(t, answer)
  const gateway = await startGateway(t, provider.url, {
    groups: { team: { requests_per_minute: 1 } }, keys: { [CHAT_KEY]: { groups: ['team'] }, second: { provider: 'openai', api_key: 'sk-second', groups: ['team'] } }
  })
  const first = await post(gateway.url + CHAT, chat(50), { authorization: 'Bearer second' })
  t.match([first.status, first.headers.get('x-ratelimit-limit-requests'), first.headers.get('x-ratelimit-remaining-requests')], [200, '1', '0'])
  t.match(await sdks(gateway).chat!('m1', 50), { status: 429, message: /Group "team" has used its 1 requests a minute\. .* set "requests_per_minute" for group "team"/ })
  const other = await post(`${gateway.url}/v1/messages`, { model: 'm1', max_tokens: 5, messages: [{ role: 'user', content: 'x' }] }, { authorization: `Bearer ${MESSAGES_KEY}` })
  t.not(other.status, 429, 'others are none of it')
})

t.test('used requests and money are still used after a restart', async (t) => {
  const env = { DATA_DIR: join(t.testdir({}), 'data') }
  const limits = { budget: { usd: 0.0015, per: 'month' }, requests_per_minute: 5 }
  const provider = await startProvider(t, answer)
  const prices = join(t.testdirName, 'prices.json')
  writeFileSync(prices, JSON.stringify({ providers: { openai: { models } } }))
  const run = () => startGateway(t, provider.url, { keys: { [CHAT_KEY]: limits }, env: { ...env, PRICES_FILE: prices } })
  const before = await run()
  t.same(await burst(before, 2, chat(50)), [200, 200])
  await before.app.close()
  const after = await run()
  t.match(await standings(after), [{ unit: 'money', used: 0.001 * DOLLAR }, { unit: 'requests', used: 2 }])
  t.same((await burst(after, 2, chat(50))).sort(), [200, 429])
})

t.test('a budget that comes while a request is under way counts what that costs in the end', async (t) => {
  const finish: Array<() => void> = []
  const { gateway, provider } = await start(t, {}, (request, response) => { finish.push(() => answer(request, response)) })
  const late = post(gateway.url + CHAT, chat(50))
  await until(() => provider.requests.length === 1)
  const file = join(gateway.folder, 'keys.json')
  const keys = JSON.parse(readFileSync(file, 'utf8'))
  keys.groups = { team: { budget: { usd: 1, per: 'day' } } }
  Object.assign(keys.virtual_keys[CHAT_KEY], { budget: { usd: 0.0008, per: 'month' }, groups: ['team'], tokens_per_day: 1e6 })
  writeFileSync(file, JSON.stringify(keys))
  await until(() => gateway.lines().some(({ msg }) => msg === 'keys reloaded'))
  const used = async () => (await standings(gateway)).map(({ owner, unit, used }) => [owner.startsWith('group:') ? owner : unit, used])
  t.same(await used(), [['money', 0], ['tokens', 0], ['group:team', 0]], 'nobody knows yet')
  finish.shift()?.()
  t.equal((await late).status, 200)
  t.same(await used(), [['money', 500_000], ['tokens', 55], ['group:team', 0]], 'as the ledger has it: of no group then')
  const next = post(gateway.url + CHAT, chat(50))
  const refused = await next
  t.equal(refused.status, 429)
  t.equal(provider.requests.length, 1)
})

t.test('a dry run lets through whatever is asked for, and neither its row nor its count is lost for that', async (t) => {
  const dry = { limit: 1000, dry_run: true }
  const { gateway, provider } = await start(t, { budget: { usd: 1, per: 'month', dry_run: true }, tokens_per_day: dry }, (request, response) => {
    answer({ ...request, body: JSON.stringify(chat(50)) }, response)
  })
  t.equal((await post(gateway.url + CHAT, chat(50))).status, 200)
  for (const body of [{ ...chat(Number.MAX_SAFE_INTEGER), n: 1e18 }, { ...chat(), n: 1e18 }]) t.equal((await post(gateway.url + CHAT, body)).status, 200)
  await until(() => gateway.app.quota.held === 0)
  t.match(await standings(gateway), [{ unit: 'money', used: 1_500_000 }, { unit: 'tokens', used: 165 }])
  const database = gateway.app.database!
  database.flush()
  t.same([...database.iterate('SELECT outcome FROM requests')].map(({ outcome }) => outcome), ['done', 'done', 'done'])
  t.equal(provider.requests.length, 3)
})
