import { once } from 'node:events'
import { mkdirSync, openSync, closeSync, renameSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, REAL_KEY, until } from '../../helper.ts'
import { run, start, type Running } from '../../process.ts'
import { chat, dialects, keysFile, messages, send, startSpeaker, type Spoken } from '../speak.ts'

// Processes start in their own time where the machine is busy.
t.setTimeout(180_000)

const VIRTUAL = 'vk_somebody_0123456789'
const REAL = 'sk-secret-0123456789-abcdef'
const entry = { provider: 'openai', api_key: REAL }
const file = (...entries: Array<[key: string, entry: unknown]>): string => JSON.stringify({ virtual_keys: Object.fromEntries(entries) })

const reference = (name: string): string => `\${${name}}`

/** How a file can be wrong, and what is said of it. */
const faults: Array<[name: string, content: string | Buffer | 'missing' | 'directory', said: RegExp]> = [
  ['empty', '', /it is empty/],
  ['blank', ' \n', /it is empty/],
  ['half', `{"virtual_keys":{"${VIRTUAL}":{"provider":"openai","api_key":"${REAL}"`, /ends too early/],
  ['no JSON', `${VIRTUAL}: ${REAL}`, /not valid JSON/],
  ['no UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), /not UTF-8/],
  ['a list', `["${VIRTUAL}"]`, /must be an object/],
  ['null', 'null', /must be an object/],
  ['no virtual_keys', `{"${VIRTUAL}":{}}`, /virtual_keys|unknown|not a field/],
  ['a list of keys', `{"virtual_keys":["${VIRTUAL}"]}`, /virtual_keys/],
  ['an entry that is no object', file([VIRTUAL, REAL]), /must be/],
  ['an entry with a field of nobody', file([VIRTUAL, { ...entry, extra: REAL }]), /extra/],
  ['an entry without a provider', file([VIRTUAL, { api_key: REAL }]), /provider/],
  ['an unknown provider', file([VIRTUAL, { ...entry, provider: 'nobody' }]), /nobody/],
  ['a provider by a name of every object', file([VIRTUAL, { ...entry, provider: 'constructor' }]), /constructor/],
  ['an entry without a key', file([VIRTUAL, { provider: 'openai' }]), /api_key/],
  ['an entry whose key is nothing', file([VIRTUAL, { ...entry, api_key: '' }]), /api_key/],
  ['an entry whose key is a number', file([VIRTUAL, { ...entry, api_key: 7 }]), /api_key/],
  ['a variable that is not set', file([VIRTUAL, { ...entry, api_key: reference('UNSET_HERE') }]), /UNSET_HERE/],
  ['a file that is not there', file([VIRTUAL, { ...entry, api_key: reference('file:/nowhere/secret') }]), /nowhere/],
  ['the same key twice', `{"virtual_keys":{"${VIRTUAL}":${JSON.stringify(entry)},"${VIRTUAL}":${JSON.stringify(entry)}}}`, /twice/],
  ['a limit below none', file([VIRTUAL, { ...entry, max_requests_per_hour: -1 }]), /max_requests_per_hour/],
  ['a good entry and a bad one', file([VIRTUAL, entry], ['vk_other_0123456789', { ...entry, provider: 7 }]), /provider/],
  ['missing', 'missing', /does not exist/],
  ['a directory', 'directory', /is a directory/]
]

t.test('a keys file that is no keys file ends the start within 5 s, with a reason and without a key in it (S17)', async (t) => {
  // Four at a time: each takes a second or so, and much longer where all start at once.
  const left = [...faults]
  const folder = t.testdir()
  await Promise.all(Array.from({ length: 4 }, async () => {
    for (let fault = left.shift(); fault !== undefined; fault = left.shift()) {
      const [name, content, said] = fault
      const path = join(folder, `${name}.json`)
      if (content === 'directory') mkdirSync(path)
      else if (content !== 'missing') writeFileSync(path, content, { mode: 0o600 })
      const begun = performance.now()
      const running = run(t, { KEYS_FILE: path })
      t.equal(await running.ended, 1, name)
      t.ok(performance.now() - begun < 10_000, `${name}: ${performance.now() - begun} ms`)
      t.match(running.output(), said, name)
      t.equal(running.output().trim().split('\n').length, 1, `${name}: one line`)
      t.notMatch(running.output(), new RegExp(`${VIRTUAL}|${REAL}|vk_other_0123456789`), name)
    }
  }))
})

t.test('a file without keys: it starts, and everyone is refused (S18)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await start(t, provider.url, {}, '{"virtual_keys":{}}')
  for (const spoken of dialects) {
    const reply = await send(gateway.url, spoken)
    t.equal(reply.status, 401)
    t.ok(reply.headers.get('www-authenticate'))
    t.match(spoken.codeOf(await reply.text()), /invalid_api_key|authentication_error/)
  }
  t.equal((await fetch(`${gateway.url}/ready`)).status, 200)
  t.equal(provider.requests.length, 0)
})

t.test('a port that is taken ends the start within 5 s, with a reason (R9)', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => { taken.close() })
  const { port } = taken.address() as AddressInfo
  for (const env of [{ GATEWAY_PORT: String(port) }, { METRICS_PORT: String(port) }]) {
    const begun = performance.now()
    const running = run(t, env as unknown as Record<string, string>, keysFile())
    t.equal(await running.ended, 1)
    t.ok(performance.now() - begun < 10_000)
    t.match(running.output(), /EADDRINUSE|in use/)
    t.match(running.output(), String(port))
  }
})

async function statusOf ({ url }: Running, spoken: Spoken, key: string): Promise<number> {
  const reply = await send(url, { ...spoken, key })
  await reply.arrayBuffer()
  return reply.status
}

/** Waits until a key is in force, or no more, in every dialect. @returns ms */
async function live (gateway: Running, key: string, status: number): Promise<number> {
  const since = performance.now()
  while (await statusOf(gateway, chat, key) !== status) {
    if (performance.now() - since > 20_000) throw new Error(`not ${status} for 20 s`)
    await wait(50)
  }
  return performance.now() - since
}

t.test('replaced by rename: in force within 10 s, and a removed key is refused in every dialect (S19)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await start(t, provider.url, { MAX_REQUESTS_PER_HOUR: 'unlimited' }, keysFile())
  for (const spoken of dialects) t.equal(await statusOf(gateway, spoken, spoken.key), 200)
  for (const key of ['vk_second_0123456789', 'vk_third_0123456789']) {
    writeFileSync(`${gateway.keysFile}.next`, file([key, entry]), { mode: 0o600 })
    renameSync(`${gateway.keysFile}.next`, gateway.keysFile)
    t.ok(await live(gateway, key, 200) < 10_000)
    for (const spoken of dialects) t.equal(await statusOf(gateway, spoken, spoken.key), 401, spoken.name)
  }
  t.equal(await statusOf(gateway, chat, 'vk_second_0123456789'), 401)
})

t.test('the swap of a ConfigMap, twice: in force within 10 s each (S20)', async (t) => {
  const provider = await startSpeaker(t)
  const folder = t.testdir()
  const keys = ['vk_first_0123456789', 'vk_second_0123456789', 'vk_third_0123456789']
  const version = (number: number): void => {
    mkdirSync(join(folder, `..v${number}`))
    writeFileSync(join(folder, `..v${number}`, 'keys.json'), file([keys[number]!, entry]), { mode: 0o600 })
    symlinkSync(`..v${number}`, join(folder, '..data_tmp'))
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
    // As the kubelet does.
    if (number > 0) rmSync(join(folder, `..v${number - 1}`), { recursive: true })
  }
  version(0)
  symlinkSync('..data/keys.json', join(folder, 'keys.json'))
  const gateway = await start(t, provider.url, { KEYS_FILE: join(folder, 'keys.json'), MAX_REQUESTS_PER_HOUR: 'unlimited' })
  t.equal(await statusOf(gateway, chat, keys[0]!), 200)
  for (const number of [1, 2]) {
    version(number)
    t.ok(await live(gateway, keys[number]!, 200) < 10_000)
    t.equal(await statusOf(gateway, chat, keys[number - 1]!), 401)
  }
  t.notMatch(gateway.output(), /"level":50/)
})

/** Those that differ to who reads a file again: each is looked at twice, for it may be half-written. */
const RELOADED = new Set(['empty', 'half', 'no UTF-8', 'an unknown provider', 'a good entry and a bad one', 'missing', 'a directory'])

t.test('corrupt, empty, removed at a reload: the old keys stay, all of them, a line says so, and the next good file is taken (S21)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await start(t, provider.url, { MAX_REQUESTS_PER_HOUR: 'unlimited' }, keysFile())
  const errors = (): string[] => gateway.output().split('\n').filter((line) => line.includes('"level":50'))
  let told = 0
  for (const [name, content, said] of faults.filter(([name]) => RELOADED.has(name))) {
    rmSync(gateway.keysFile, { recursive: true, force: true })
    if (content === 'directory') mkdirSync(gateway.keysFile)
    else if (content !== 'missing') writeFileSync(gateway.keysFile, content, { mode: 0o600 })
    // A removed file, an empty and a blank one say the same.
    await until(() => errors().length > told)
    await until(() => said.test(errors().at(-1) ?? ''))
    told = errors().length
    t.match(errors().at(-1), /the old ones stay in force/, name)
    for (const spoken of [chat, messages]) t.equal(await statusOf(gateway, spoken, spoken.key), 200, name)
    t.equal(await statusOf(gateway, chat, VIRTUAL), 401, `${name}: nothing of it`)
  }
  t.notMatch(gateway.output(), new RegExp(`${VIRTUAL}|${REAL}|${REAL_KEY}|${CHAT_KEY}|${MESSAGES_KEY}`))
  rmSync(gateway.keysFile, { recursive: true, force: true })
  writeFileSync(gateway.keysFile, file(['vk_good_0123456789', entry]), { mode: 0o600 })
  t.ok(await live(gateway, 'vk_good_0123456789', 200) < 10_000)
  t.equal(await statusOf(gateway, chat, CHAT_KEY), 401)
})

t.test('written in two halves, some seconds apart: never half of the keys (S22)', async (t) => {
  const provider = await startSpeaker(t)
  const old = Array.from({ length: 20 }, (_, i) => `vk_old_${i}_0123456789`)
  const next = Array.from({ length: 20 }, (_, i) => `vk_next_${i}_0123456789`)
  const gateway = await start(t, provider.url, { MAX_REQUESTS_PER_HOUR: 'unlimited' }, file(...old.map((key) => [key, entry] as [string, unknown])))
  const text = file(...next.map((key) => [key, entry] as [string, unknown]))
  const states = new Set<string>()
  const done = new AbortController()
  const watching = (async () => {
    while (!done.signal.aborted) {
      const [first, last, before] = [await statusOf(gateway, chat, next[0]!), await statusOf(gateway, chat, next[19]!), await statusOf(gateway, chat, old[19]!)]
      // The change may come between two of them.
      if (before !== 401 || last === 200) states.add([first, last, before].join(' '))
      await wait(20)
    }
  })()
  const fd = openSync(gateway.keysFile, 'w')
  for (const half of [text.slice(0, text.length / 2), text.slice(text.length / 2)]) {
    writeSync(fd, half)
    await wait(3000)
  }
  closeSync(fd)
  await live(gateway, next[19]!, 200)
  await wait(100)
  done.abort()
  await watching
  t.ok(states.has('401 401 200') && states.has('200 200 401'), [...states].join(', '))
  // One look may lie on both sides of the change, and no more.
  t.ok([...states].every((state) => /^(401 401 200|401 200 401|200 200 401)$/.test(state)), [...states].join(', '))
  t.equal(await statusOf(gateway, chat, next[10]!), 200)
})

t.test('a key that is taken away in the middle of a stream: the stream ends whole, and the next call is refused (S23)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await start(t, provider.url, {}, keysFile())
  const streams = await Promise.all(dialects.map((spoken) => send(gateway.url, spoken, { model: 'talks', stream: true })))
  writeFileSync(`${gateway.keysFile}.next`, file(['vk_second_0123456789', entry]), { mode: 0o600 })
  renameSync(`${gateway.keysFile}.next`, gateway.keysFile)
  await live(gateway, CHAT_KEY, 401)
  for (const spoken of dialects) t.equal(await statusOf(gateway, spoken, spoken.key), 401)
  provider.done()
  for (const [i, { first, more, last, name }] of dialects.entries()) {
    const text = (await streams[i]!.text()).replaceAll(': still there\n\n', '')
    t.ok(text.startsWith(first + more + last), name)
  }
  await until(() => gateway.output().match(/"stream":true.*"outcome":"done"/g)?.length === 3)
})

t.test('limits that change at a reload: what was used stays, and the new limit is in force at once (S24)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await start(t, provider.url, {}, keysFile({ max_requests_per_hour: 10 }))
  const change = async (limit: number | string): Promise<void> => {
    const told = gateway.output().match(/keys reloaded/g)?.length ?? 0
    writeFileSync(`${gateway.keysFile}.next`, keysFile({ max_requests_per_hour: limit }), { mode: 0o600 })
    renameSync(`${gateway.keysFile}.next`, gateway.keysFile)
    await until(() => (gateway.output().match(/keys reloaded/g)?.length ?? 0) > told)
  }
  const sent = async (spoken: Spoken, count: number): Promise<number[]> => {
    const found: number[] = []
    for (let i = 0; i < count; i++) found.push(await statusOf(gateway, spoken, spoken.key))
    return found
  }
  for (const spoken of [chat, messages]) t.same(await sent(spoken, 4), [200, 200, 200, 200])
  await change(5)
  for (const spoken of [chat, messages]) t.same(await sent(spoken, 3), [200, 429, 429], 'four of five were used')
  await change(2)
  for (const spoken of [chat, messages]) t.same(await sent(spoken, 1), [429], 'more than it allows was used')
  await change(7)
  for (const spoken of [chat, messages]) t.same(await sent(spoken, 3), [200, 200, 429])
  await change('unlimited')
  for (const spoken of [chat, messages]) t.same(await sent(spoken, 2), [200, 200])
  await change(3)
  for (const spoken of [chat, messages]) t.same(await sent(spoken, 1), [429])
})
