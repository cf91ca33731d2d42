import t from 'tap'
import { Health } from '../../../plugins/upstream/health.ts'

const order = (health: Health): string => health.order(['a', 'b', 'c'], (id) => id).join('')
const broken = { kind: 'stream' } as const

t.test('a target that fails again and again is tried last, then by one request, then as before', async (t) => {
  let now = 1
  const health = new Health(() => now)
  health.failed('a', broken)
  health.failed('a', broken)
  t.equal(order(health), 'abc', 'two failures are nothing')
  health.worked('a')
  health.failed('a', broken)
  health.failed('a', broken)
  t.equal(order(health), 'abc', 'one that worked begins anew')
  health.failed('a', broken)
  t.equal(health.state('a'), 'open')
  t.equal(order(health), 'bca')
  now += 10_000
  t.equal(health.state('a'), 'half-open')
  t.equal(order(health), 'abc')
  health.begin('a')
  t.equal(order(health), 'bca', 'while one request tries it, others go elsewhere')
  health.failed('a', broken)
  now += 19_999
  t.equal(health.state('a'), 'open', 'twice as long')
  now += 1
  health.begin('a')
  health.worked('a')
  t.equal(health.state('a'), 'closed')
})

t.test('they are only put in order: all may be at rest', async (t) => {
  let now = 1
  const health = new Health(() => now)
  for (const id of ['c', 'a', 'b']) {
    for (let i = 0; i < 3; i++) health.failed(id, broken)
    now++
  }
  t.equal(order(health), 'cab', 'the one that has rested longest first')
})

t.test('a provider that says how long rests so long, and an account that is refused a minute', async (t) => {
  let now = 1
  const health = new Health(() => now)
  health.failed('a', { kind: 'status', status: 429, headers: { 'retry-after': '7' } })
  health.failed('b', { kind: 'status', status: 401, headers: {} })
  health.failed('c', { kind: 'status', status: 503, headers: { 'retry-after': '99999' } })
  t.equal(order(health), 'abc')
  now += 7000
  t.same(['a', 'b', 'c'].map((id) => health.state(id)), ['half-open', 'open', 'open'])
  now += 53_000
  t.same(['a', 'b', 'c'].map((id) => health.state(id)), ['half-open', 'half-open', 'open'])
  now += 60_000
  t.equal(health.state('c'), 'half-open', 'two minutes at most')
})
