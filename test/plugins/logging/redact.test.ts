import t from 'tap'
import { redactor, redactorFor } from '../../../plugins/logging/redact.ts'
import { key } from './fixtures.ts'

const secret = 'sk-real/0123456789+abc"ü'
const redact = redactor([secret])

t.test('a text without a secret is given back as it is', async (t) => {
  const text = 'nothing to hide here, whatever its length '.repeat(50)
  t.equal(redact(text), text)
  t.equal(redact(''), '')
  t.equal(redactor([])(text), text)
  t.equal(redactor([''])(text), text)
})

t.test('the plain and the escaped forms', async (t) => {
  const escaped = JSON.stringify(secret).slice(1, -1)
  for (const form of [
    secret,
    escaped,
    escaped.replaceAll('/', '\\/'),
    JSON.stringify(JSON.stringify(secret)).slice(3, -3),
    encodeURIComponent(secret),
    encodeURIComponent(secret).replace(/%../g, (hex) => hex.toLowerCase())
  ]) {
    t.equal(redact(`key: ${form}; again ${form}.`), 'key: [redacted]; again [redacted].', form)
  }
})

t.test('base64 and base64url, wherever the secret begins in the encoded text', async (t) => {
  for (const secret of ['sk-0123456789', 'sk-01234567890', 'sk-012345678901', 'a?b>c~d?e>f~g??>>~~']) {
    const redact = redactor([secret])
    for (const before of ['', 'a', 'ab', 'abc', 'user:']) {
      for (const after of ['', 'x', 'xy', 'xyz']) {
        for (const encoding of ['base64', 'base64url'] as const) {
          const encoded = Buffer.from(before + secret + after).toString(encoding)
          const clear = redact(encoded)
          t.ok(clear.includes('[redacted]'), `${before}${secret}${after} as ${encoding}`)
          t.ok(clear.replace('[redacted]', '').length <= 4 + Math.ceil((before.length + after.length) * 4 / 3), 'little but the neighbours is left')
        }
      }
    }
  }
})

t.test('a short secret is searched for in plain only', async (t) => {
  const redact = redactor(['abc'])
  t.equal(redact('abc'), '[redacted]')
  t.equal(redact(Buffer.from('abc').toString('base64')), 'YWJj')
})

t.test('a secret that holds another one goes first', async (t) => {
  t.equal(redactor(['vk_a_long_one', 'vk_a_long_one_and_more'])('vk_a_long_one_and_more'), '[redacted]')
})

t.test('a secret without a UTF-8 form does not fail', async (t) => {
  t.equal(redactor(['\ud800 lone surrogate'])('a \ud800 lone surrogate'), 'a [redacted]')
})

t.test('both secrets of a key, made once a key', async (t) => {
  t.equal(redactorFor(key)(`${key.token} and ${key.apiKey}`), '[redacted] and [redacted]')
  t.equal(redactorFor(key), redactorFor(key))
  t.not(redactorFor({ ...key }), redactorFor(key))
})
