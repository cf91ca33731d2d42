import t from 'tap'
import { GatewayError } from '../../../plugins/errors.ts'
import { mayMove, mayRepeat, MOST_WAITING, reasonOf, retryAfter, waitBefore, type Trouble } from '../../../plugins/upstream/retry.ts'

const status = (status: number, headers = {}): Trouble => ({ kind: 'status', status, headers })
const error = (code: 'upstream_unreachable' | 'upstream_timeout' | 'upstream_broke' | 'upstream_bad_reply', reached: boolean, cause?: string): Trouble =>
  ({ kind: 'error', error: new GatewayError(code, { cause: cause === undefined ? undefined : Object.assign(new Error(), { code: cause }) }), reached })

t.test('where a request may go after a failure', async (t) => {
  const manners = [{ stream: false, eager: false }, { stream: true, eager: false }, { stream: false, eager: true }]
  const cases: Array<[name: string, trouble: Trouble, repeat: string, move: string]> = [
    ['429', status(429), 'yyy', 'yyy'],
    ['503', status(503), 'yyy', 'yyy'],
    ['529', status(529), 'yyy', 'yyy'],
    ['429 not to be repeated', status(429, { 'x-should-retry': 'false' }), 'nnn', 'yyy'],
    ['500', status(500), 'nny', 'yyy'],
    ['504', status(504), 'nny', 'yyy'],
    ['401', status(401), 'nnn', 'yyy'],
    ['400', status(400), 'nnn', 'nnn'],
    ['404', status(404), 'nnn', 'nnn'],
    ['refused', error('upstream_unreachable', false, 'ECONNREFUSED'), 'yyy', 'yyy'],
    ['a certificate', error('upstream_unreachable', false, 'DEPTH_ZERO_SELF_SIGNED_CERT'), 'nnn', 'yyy'],
    ['no connection in time', error('upstream_timeout', false), 'nnn', 'yyy'],
    ['no reply in time', error('upstream_timeout', true), 'nnn', 'nyy'],
    ['broken', error('upstream_broke', true), 'nny', 'nyy'],
    ['no HTTP', error('upstream_bad_reply', true), 'nnn', 'nyy'],
    ['a stream without a beginning', { kind: 'stream' }, 'nnn', 'yyy']
  ]
  const say = (rule: typeof mayMove, trouble: Trouble): string => manners.map((manner) => rule(trouble, manner) ? 'y' : 'n').join('')
  for (const [name, trouble, repeat, move] of cases) {
    t.equal(say(mayRepeat, trouble), repeat, `${name}: the same`)
    t.equal(say(mayMove, trouble), move, `${name}: another`)
  }
})

t.test('why, in one word', async (t) => {
  const said = [429, 503, 529, 401, 402, 403, 407, 500, 599].map((code) => reasonOf(status(code)))
  t.same(said, ['rate_limited', 'overloaded', 'overloaded', 'account', 'account', 'account', 'account', 'failed', 'failed'])
  t.equal(reasonOf(error('upstream_timeout', false)), 'upstream_timeout')
  t.equal(reasonOf({ kind: 'stream' }), 'no_content')
})

t.test('waits', async (t) => {
  for (const random of [0, 0.5, 0.999]) {
    let waited = 0
    for (let before = 0; before < 10; before++) {
      const wait = waitBefore(status(503), before, waited, () => random)
      if (wait === undefined) break
      t.ok(wait > 0)
      waited += wait
    }
    t.ok(waited > 0 && waited <= MOST_WAITING, `${waited}`)
  }
  t.equal(waitBefore(status(429, { 'retry-after': '1' }), 0, 0), 1000)
  t.equal(waitBefore(status(429, { 'retry-after': '1' }), 1, 1), undefined)
  t.equal(waitBefore(status(429, { 'retry-after': '1.1' }), 0, 0), undefined)
  t.ok(Number(waitBefore(status(429, { 'retry-after': '0' }), 0, 0)) >= 100, 'at once is a stampede')
})

t.test('how long a provider asks to wait', async (t) => {
  for (const [after, seconds] of [['7', 7], ['7.5', 7.5], [' 7\t', 7], ['0', 0], ['99999999999999999999999', 2 ** 31], ['Sunday, 06-Nov-94 08:49:37 GMT', 0]] as const) {
    t.equal(retryAfter({ 'retry-after': after }), seconds, after)
  }
  const later = new Date(Date.now() + 60_000).toUTCString()
  t.ok(Math.abs((retryAfter({ 'retry-after': later }) ?? 0) - 60) < 2, later)
  // What is none of both says nothing, least of all that it may be at once.
  for (const after of ['soon', '', '-5', '+5', '5, 10', '7 s', '1e3', '0x10', 'NaN', '2030-01-01', 'Mon 99']) t.equal(retryAfter({ 'retry-after': after }), undefined, after)
  t.equal(retryAfter({ 'retry-after': ['1', '2'] }), undefined)
})
