import t from 'tap'
import { REAL_KEY } from '../../helper.ts'
import { check, type Expected } from './check.ts'
import { FIN, HEAD, RST, SSE, framed, keyOf, world, type Script } from './world.ts'
import { SPEECHES, chat } from './speech.ts'

t.setTimeout(120_000)

const well: Expected = { end: 'whole', text: 'hello', outcome: /^done$/ }
const stream = HEAD('text/event-stream', 'connection: close')

t.test('what the provider did not take is asked again, with a wait in between; never once a byte was sent (U47, U48)', async (t) => {
  const { all, call } = await world(t)
  const times: number[][] = []
  const once = (status: number): Script => ({ whole, errorBody }, attempt) => [attempt === 0 ? framed(errorBody('busy'), `${status} No`, 'connection: close') : framed(whole('hello'), '200 OK', 'connection: close'), FIN]
  for (const status of [429, 503, 529]) {
    for (const answer of await all(once(status))) await check(t, `${status} once`, answer, { ...well, attempts: 2 })
  }
  for (const answer of await all(({ errorBody }, attempt) => {
    (times[attempt] ??= []).push(performance.now())
    return [framed(errorBody('busy'), '503 No', 'connection: close'), FIN]
  })) await check(t, '503 for ever', answer, { end: 'error', status: 503, outcome: /^upstream_error$/, attempts: 3 })
  const waits = times[1]!.map((at, i) => Math.round(at - times[0]![i]!))
  t.ok(new Set(waits).size > 3, `they do not wait alike: ${waits}`)
  const never: Array<[name: string, script: Script, expected: Expected, streams?: boolean[]]> = [
    ...[400, 404, 422, 500, 502, 504].map((status): [string, Script, Expected] => [`${status}`, once(status), { end: 'error', status, outcome: /^(refused|upstream_error)$/ }]),
    ['a reset before headers', ({ whole }, attempt) => attempt === 0 ? [RST] : [framed(whole('hello'))], { end: 'error', status: 502, outcome: /^upstream_broke$/ }],
    ['a stream that breaks', ({ begin, say, whole }, attempt) => attempt === 0 ? [stream, begin() + say('one'), 20, RST] : [framed(whole('hello'))], { end: 'event', text: 'one', outcome: /^(upstream_broke|incomplete)$/ }, [true]],
    ['a stream without a beginning', ({ whole }, attempt) => attempt === 0 ? [stream, 20, RST] : [framed(whole('hello'))], { end: 'error', status: 502, outcome: /^(upstream_broke|incomplete|upstream_error)$/ }, [true]],
    ['a stream that says it is overloaded', ({ begin, say, errorEvent, whole }, attempt) => attempt === 0 ? [SSE, begin() + say('one') + errorEvent('overloaded'), FIN] : [framed(whole('hello'))], { end: 'event', text: 'one', outcome: /^upstream_error$/ }, [true]]
  ]
  for (const [name, script, expected, streams] of never) {
    for (const answer of await all(script, streams)) await check(t, name, answer, expected)
  }
  const asked = await call(({ errorBody }) => [framed(errorBody('busy'), '503 No', 'retry-after: 3')], { client: chat, provider: chat })
  t.ok(asked.took < 1000 && asked.attempts === 1, 'a longer wait is the client\'s')
})

t.test('a stream that fails at the provider counts against the target (U36)', async (t) => {
  for (const provider of SPEECHES) {
    const { call } = await world(t, {
      keys: {
        vk_targets_0123456789: {
          upstream_dialects: [provider.id], targets: [{ provider: 'simulator', api_key: 'sk-real-first-0123456789' }, { provider: 'simulator', api_key: REAL_KEY }]
        }
      }
    })
    const from: unknown[] = []
    for (let i = 0; i < 4; i++) {
      const { headers } = await call(({ begin, say, errorEvent }) => [SSE, begin() + say('one') + errorEvent('overloaded'), FIN], { client: chat, provider, stream: true, key: 'vk_targets_0123456789' })
      from.push(headers['x-gateway-target'])
    }
    t.same(from, ['simulator', 'simulator', 'simulator', 'simulator#2'], provider.id)
  }
})

t.test('usage that tells nothing is counted here, and no balance rises or is lost (U67)', async (t) => {
  const { all, gateway } = await world(t, { fields: { tokens_per_day: 100_000_000 } })
  const odd = (value: unknown): unknown[] => [
    { prompt_tokens: value, completion_tokens: value, total_tokens: value, input_tokens: value, output_tokens: value },
    { prompt_tokens: 3, completion_tokens: value, input_tokens: 3, output_tokens: value, total_tokens: value }
  ]
  const values = ['1e308', '-5', '"7"', 'null', '1.5', '{}', '[]', 'true', '9007199254740993', '-1e308', '1e999', '"NaN"']
  const usages: Array<[name: string, usage: string | undefined]> = [
    ['missing', undefined], ['null', 'null'], ['a text', '"many"'], ['a number', '7'], ['a list', '[1]'], ['empty', '{}'],
    ...values.flatMap((value) => odd('VALUE').map((usage, i): [string, string] => [`${value} ${i}`, JSON.stringify(usage).replaceAll('"VALUE"', value)]))
  ]
  for (const [name, usage] of usages) {
    const put = (text: string): string => usage === undefined ? text.replaceAll(/,"usage":"USAGE"/g, '') : text.replaceAll('"USAGE"', usage)
    const script: Script = ({ whole }) => [framed(put(whole('hello', 'USAGE')))]
    const streamed: Script = ({ begin, say, finish, done }) => [SSE, put(begin('USAGE') + say('hello') + finish('USAGE') + done), FIN]
    for (const answer of [...await all(script, [false]), ...await all(streamed, [true])]) {
      const { row, heard, client, provider, stream } = answer
      const label = `${name}: ${client.id} on ${provider.id}, ${stream ? 'streamed' : 'whole'}`
      t.match({ status: answer.status, text: heard.text, outcome: row.outcome }, { status: 200, text: 'hello', outcome: 'done' }, label)
      const known = name.startsWith('1e308') || name.startsWith('9007') || !name.endsWith('1') ? /^estimated$/ : /^(estimated|partial)$/
      t.match(row.usage_source, known, label)
      for (const tokens of [row.input, row.output]) t.ok(tokens === null || (Number.isSafeInteger(tokens) && tokens >= 0 && tokens < 1e9), label)
    }
  }
  for (const speech of SPEECHES) {
    const usage = await (await fetch(`${gateway.url}/usage`, { headers: { authorization: `Bearer ${keyOf(speech)}` } })).json() as { limits?: unknown }
    const used = JSON.stringify(usage)
    t.notMatch(used, /NaN|Infinity|"tokens":null|"tokens":-|\de[+]/)
  }
  t.equal(gateway.app.quota.held, 0)
})

t.test('of a provider\'s headers none crosses but what is the gateway\'s to tell (U68)', async (t) => {
  const { all, leaks } = await world(t)
  const base64 = Buffer.from(`user:${REAL_KEY}`).toString('base64')
  const strange = ['set-cookie: a=1; Path=/', 'set-cookie: b=2', 'openai-organization: org-secret', 'openai-project: proj_secret', 'anthropic-organization-id: org-secret', 'server: nginx/1.25', 'via: 1.1 google',
    'x-ratelimit-limit-requests: 77777', 'x-ratelimit-remaining-tokens: 77777', 'anthropic-ratelimit-requests-limit: 77777', 'connection: keep-alive, x-hop', 'x-hop: hop', 'keep-alive: timeout=77777', 'proxy-authenticate: Basic',
    'www-authenticate: Bearer', 'upgrade: h2c', 'trailer: x-t', `x-echo: ${REAL_KEY}`, `authorization: Bearer ${REAL_KEY}`, `x-request-id: ${REAL_KEY}`, `request-id: ${REAL_KEY}`, `openai-version: ${REAL_KEY}`, `openai-processing-ms: ${base64}`,
    'access-control-allow-origin: *', 'alt-svc: h3=":443"', 'cf-ray: 1-secret', 'strict-transport-security: max-age=1', 'content-disposition: attachment', 'location: http://x.invalid/', 'x-powered-by: Express', 'etag: "secret"', `www-echo: ${base64}`, 'x-should-retry: sk-real']
  const OURS = new Set(['cache-control', 'connection', 'content-length', 'content-type', 'date', 'keep-alive', 'transfer-encoding', 'x-accel-buffering', 'x-request-id', 'request-id', 'x-gateway-usage-source', 'x-gateway-cost', 'x-gateway-lossy', 'x-gateway-upstream-request-id', 'openai-version', 'openai-processing-ms', 'retry-after'])
  const scripts: Record<string, [script: Script, streams: boolean[]]> = {
    whole: [({ whole }) => [framed(whole('hello'), '200 OK', ...strange)], [false]],
    streamed: [({ begin, say, finish, done }) => [HEAD('text/event-stream', ...strange), begin() + say('hello') + finish() + done, FIN], [true]],
    refused: [({ errorBody }) => [framed(errorBody('no'), '400 No', ...strange)], [false, true]],
    failed: [({ errorBody }) => [framed(errorBody('no'), '500 No', ...strange)], [false, true]],
    'credential refused': [({ errorBody }) => [framed(errorBody('no'), '401 No', ...strange)], [false]]
  }
  for (const [name, [script, streams]] of Object.entries(scripts)) {
    for (const answer of await all(script, streams)) {
      const { headers, client, provider } = answer
      t.same(Object.keys(headers).filter((header) => !OURS.has(header)), [], `${name}: ${client.id} on ${provider.id}`)
      t.notMatch(JSON.stringify(headers), /secret|77777|hop|nginx|google|sk-real/, `${name}: ${client.id} on ${provider.id}`)
    }
  }
  t.same(leaks(), [])
})
