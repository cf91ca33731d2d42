import t from 'tap'
import { hashedName } from '../../../plugins/keys/hashed.ts'
import { CHAT_KEY, REAL_KEY, startGateway, startProvider, type TestGateway } from '../../helper.ts'

t.setTimeout(120_000)

const OFF = 'vk_off_0123456789'
const OLD = 'vk_old_0123456789'
const HASHED = 'vk_hashed_0123456789'
const BOTH = 'vk_both_0123456789'
const UNKNOWN = 'vk_nobody_0123456789'
const entry = { provider: 'openai', api_key: REAL_KEY }
const over = '2020-01-01T00:00:00Z'
const keys = {
  [OFF]: { ...entry, name: 'off', disabled: true },
  [OLD]: { ...entry, expires_at: over },
  [hashedName(HASHED)]: { ...entry, name: 'hashed', expires_at: over },
  [BOTH]: { ...entry, name: 'both', disabled: true, expires_at: over }
}

/** All that a client gets, but for what is another in every reply. */
async function answer ({ app }: TestGateway, key: string, url: string, remoteAddress = '192.0.2.1'): Promise<{ status: number, all: string }> {
  const { statusCode, headers, body } = await app.inject({ url, remoteAddress, headers: { 'x-api-key': key, 'x-request-id': 'mine' } })
  return { status: statusCode, all: JSON.stringify([statusCode, Object.entries(headers).filter(([name]) => name !== 'date'), body]) }
}

t.test('the line of a key that is refused says whose it is and why; the client is told nothing of it', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.end('{}'))
  const gateway = await startGateway(t, provider.url, { keys })
  const refused = (): object[] => gateway.lines().filter(({ msg, status }) => msg === 'request' && status === 401)
    .map(({ key, reason, error, provider }) => ({ key, reason, error, provider }))
  const answers = new Set<string>()
  for (const key of [UNKNOWN, OFF, OLD, HASHED, BOTH]) answers.add((await answer(gateway, key, '/v1/models')).all)
  t.equal(answers.size, 1, 'the same to the byte')
  t.match([...answers][0], /^\[401.*invalid_api_key/)
  t.strictSame(refused(), [
    { key: undefined, reason: undefined },
    { key: 'off', reason: 'KEY_DISABLED' },
    { key: 'vk_old_0…', reason: 'KEY_EXPIRED' },
    { key: 'hashed', reason: 'KEY_EXPIRED' },
    { key: 'both', reason: 'KEY_DISABLED' }
  ].map((line) => ({ ...line, error: 'invalid_api_key', provider: undefined })))

  for (const key of [OFF, HASHED]) t.equal((await answer(gateway, CHAT_KEY, `/v1/models/${key}`)).status, 404)
  t.notMatch(JSON.stringify(gateway.lines()), new RegExp([OFF, OLD, HASHED, BOTH, UNKNOWN, REAL_KEY].join('|')))
})

t.test('such a key counts as a guess, as any other that is refused', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.end('{}'))
  const gateway = await startGateway(t, provider.url, { keys })
  const statuses = new Set<number>()
  for (let count = 0; count < 600; count++) statuses.add((await answer(gateway, [OFF, OLD, UNKNOWN][count % 3] ?? '', '/v1/models')).status)
  t.strictSame([...statuses], [401])
  const limited = await Promise.all([OFF, OLD, UNKNOWN].map((key) => answer(gateway, key, '/v1/models')))
  t.strictSame(limited.map(({ status }) => status), [429, 429, 429])
  t.match(gateway.lines().filter(({ status }) => status === 429), [
    { error: 'too_many_failed_lookups', key: 'off', reason: 'KEY_DISABLED' }, { error: 'too_many_failed_lookups', reason: 'KEY_EXPIRED' }, { error: 'too_many_failed_lookups' }
  ])
  t.equal((await answer(gateway, CHAT_KEY, '/v1/models')).status, 200)
  t.equal((await answer(gateway, OFF, '/v1/models', '192.0.2.2')).status, 401)
})
