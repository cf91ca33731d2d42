import t from 'tap'
import { isIssued, ISSUED, newToken } from '../../../plugins/keys/token.ts'

t.test('a new key can be found and told from what only looks like one', async (t) => {
  const tokens = Array.from({ length: 2000 }, newToken)
  t.equal(new Set(tokens).size, tokens.length)
  let changed = 0
  for (const token of tokens) {
    if (token.length !== 36 || ISSUED.exec(`x=${token};`)?.[0] !== token || !isIssued(token)) t.fail(token)
    const at = 3 + Math.floor(Math.random() * 33)
    const other = `${token.slice(0, at)}${token[at] === 'a' ? 'b' : 'a'}${token.slice(at + 1)}`
    if (isIssued(other)) changed++
  }
  t.equal(changed, 0)
  for (const text of ['', 'vk_', 'vk_user1_openai', `vk_${'0'.repeat(33)}`, `${tokens[0]}x`, ` ${tokens[0]}`, `VK_${tokens[0]?.slice(3)}`]) t.notOk(isIssued(text), text)
})

t.test('it holds at least 128 bits: every digit of it but the first takes all values (X3)', async (t) => {
  const seen = Array.from({ length: 26 }, () => new Set<string>())
  for (let index = 0; index < 4000; index++) [...newToken().slice(4, 30)].forEach((digit, place) => seen[place]?.add(digit))
  t.strictSame(seen.map(({ size }) => size), Array.from({ length: 26 }, () => 62))
})
