import { randomBytes } from 'node:crypto'
import t from 'tap'
import { beware, conceal, concealedError, environmentSecrets, exposes, indexing, strike } from '../../../plugins/keys/conceal.ts'
import { newToken } from '../../../plugins/keys/token.ts'

const REAL = 'sk-proj/odd+"key=\\0123456789'
const TOKEN = 'vk_user1_0123456789'
const HASHED = 'my-own-key-that-is-hashed'
const secrets = new Set([REAL, TOKEN, 'short'])
t.teardown(beware({ secrets: () => secrets, has: (text) => text === HASHED }))

const base64 = (text: string): string => Buffer.from(text).toString('base64')

t.test('secrets are found in any text, as they are and encoded', async (t) => {
  for (const secret of [REAL, TOKEN]) {
    for (const text of [secret, `a${secret}b`, JSON.stringify({ secret })]) {
      t.match(strike(text), '[redacted]', text)
      t.notMatch(strike(text), secret.slice(-8))
    }
    for (const text of [encodeURIComponent(secret), encodeURIComponent(secret).toLowerCase(), `/v1/bot${encodeURIComponent(secret)}/x`, ...['', 'u:', 'us:', 'use:'].flatMap((user) => [base64(user + secret), `Basic ${base64(user + secret)}, x`, Buffer.from(user + secret).toString('base64url')])]) {
      t.match(conceal(text), '[redacted]', text)
    }
  }
  t.equal(conceal(`/v1/models/${encodeURIComponent(TOKEN)}/x`), '/v1/models/[redacted]/x', 'and no more than they')
  t.equal(strike(`${TOKEN}${TOKEN} ${REAL}`), '[redacted][redacted] [redacted]')
  t.equal(conceal(`Bearer ${HASHED}`), 'Bearer [redacted]', 'of a key that is known by its hash, where it is a word')
  t.match(conceal(encodeURIComponent(HASHED)), '[redacted]')
  t.equal(strike(`x${newToken()}`), 'x[redacted]', 'what the gateway makes is known by its looks')
  for (const secret of [TOKEN, HASHED, newToken()]) t.ok(exposes(secret))
})

t.test('all else stays', async (t) => {
  for (const text of ['', 'short', 'claude-haiku-4-5-20251001', TOKEN.slice(0, -1), '/v1/chat/completions', '%E0%A4%A/x', 'a'.repeat(2000), randomBytes(3000).toString('base64'), `${process.cwd()}/file.ts:12:3`]) {
    t.equal(conceal(text), text)
    t.notOk(exposes(text))
  }
})

t.test('an error tells its name, message, stack, causes and code, without secrets', async (t) => {
  const error = Object.assign(new Error(`bad ${TOKEN}`, { cause: new TypeError(base64(`x:${REAL}`)) }), { code: 'E_BAD', request: { headers: { authorization: TOKEN } } })
  const told = concealedError(error)
  t.match(told, { type: 'Error', message: 'bad [redacted]', code: 'E_BAD', stack: /conceal\.test\.ts[^]*caused by: TypeError: \[redacted\]/ })
  t.same(Object.keys(told).sort(), ['code', 'message', 'stack', 'type'])
  t.equal(concealedError(Object.assign(new Error('x'), { stack: undefined })).stack, '')
})

t.test('what of an environment is secret, by names and by passwords in URLs', async (t) => {
  t.same(environmentSecrets({ ADMIN_KEY: 'a', X_TOKEN: 'b', KEYS_FILE: 'keys.json', TLS_KEY_FILE: 'k.pem', REDIS_URL: 'redis://user:p%40ss@host:1/0', HOST: 'http://host/x@y', ODD: 'x://a@' }), ['a', 'b', 'p%40ss', 'p@ss'])
})

t.test('as many secrets as there may be cost no text more', async (t) => {
  const many = new Set(Array.from({ length: 100_000 }, (_, i) => `vk_user${i}_${randomBytes(16).toString('hex')}`))
  t.teardown(beware({ secrets: () => many }))
  // Once for all of them, and other work has its turn between any two.
  t.ok([...indexing(many)].length >= many.size)
  const begun = performance.now()
  for (let i = 0; i < 1000; i++) strike(`${'x'.repeat(64)}/${i}`)
  t.ok(performance.now() - begun < 5000)
  t.equal(strike(`a ${[...many][77_777]}`), 'a [redacted]')
})

t.test('what was no secret is one as soon as it is known, and none when it is forgotten', async (t) => {
  const text = 'gpt-of-somebody-0123'
  let known = new Set<string>()
  t.equal(strike(text), text)
  const forget = beware({ secrets: () => known })
  t.equal(strike(text), text)
  known = new Set([text])
  t.equal(strike(text), '[redacted]')
  t.equal(strike(`/v1/${text}`), '/v1/[redacted]')
  forget()
  t.equal(strike(text), text)
  for (let n = 0; n < 5000; n++) t.equal(strike(`text number ${n}`), `text number ${n}`)
})
