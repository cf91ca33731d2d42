import { randomBytes } from 'node:crypto'
import t from 'tap'
import { forms, Scanner } from './scanner.ts'

const canary = { name: 'key', text: `sk-${randomBytes(12).toString('hex')}"/+=\\${randomBytes(12).toString('base64url')}` }
const scanner = new Scanner([canary, { name: 'other', text: randomBytes(24).toString('base64url') }])
const halves = [canary.text.slice(0, canary.text.length >> 1), canary.text.slice(canary.text.length >> 1)]
const b64 = (text: string): string => Buffer.from(text).toString('base64')

/** What a program could have made of it: planted whole, with text around it. */
const plants: Record<string, string[]> = {
  plain: [canary.text, `Bearer ${canary.text}, and more`, ...halves],
  JSON: [JSON.stringify({ key: canary.text }), JSON.stringify(JSON.stringify({ key: canary.text })), JSON.stringify(canary.text).replaceAll('/', '\\/'), [...canary.text].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')],
  URL: [encodeURIComponent(canary.text), `?key=${encodeURIComponent(canary.text)}&x=1`, encodeURIComponent(canary.text).toLowerCase().includes('%2f') ? encodeURIComponent(canary.text).replace(/%../g, (code) => code.toLowerCase()) : ''],
  base64: ['', 'u:', 'us:', 'use:'].map((user) => b64(`${user}${canary.text}@host`)),
  base64url: ['', 'u', 'us', 'user'].map((user) => Buffer.from(user + canary.text).toString('base64url')),
  hex: [Buffer.from(canary.text).toString('hex'), Buffer.from(canary.text).toString('hex').toUpperCase()],
  reversed: [[...canary.text].reverse().join('')]
}

t.test('the scanner finds every form of a planted leak, and nothing where there is none', async (t) => {
  t.same(Object.keys(plants), Object.keys(forms), 'each form is planted')
  for (const [form, texts] of Object.entries(plants)) {
    for (const text of texts) {
      const noise = randomBytes(200).toString('latin1')
      const found = scanner.scan('here', Buffer.from(noise + text + noise, 'latin1'))
      t.ok(found.length > 0, `${form}: ${text}`)
      t.ok(found.every(({ canary, where }) => canary === 'key' && where === 'here'))
      t.same(scanner.scan('here', text, ['key']), [])
    }
  }
  for (const innocent of ['', 'sk-', canary.text.slice(0, 10), randomBytes(100_000).toString('base64'), 'vk_user1…']) t.same(scanner.scan('here', innocent), [])
})
