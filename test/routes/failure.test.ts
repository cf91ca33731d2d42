import t from 'tap'
import { dialects } from '../../providers/dialects/index.ts'
import type { Dialect } from '../../providers/dialects/dialect.ts'
import { failure } from '../../routes/relay/failure.ts'

const CHAT = { error: { message: 'no', type: 'server_error', code: 'x', param: null, more: 1 } }
const MESSAGES = { type: 'error', error: { type: 'api_error', message: 'no' }, request_id: 'r' }

t.test('an error reply keeps its form only where that is the dialect\'s own (U42)', async (t) => {
  for (const [id, own, other] of [['openai-chat', CHAT, { message: 'no' }], ['openai-responses', CHAT, { error: 'no' }], ['anthropic-messages', MESSAGES, CHAT]] as const) {
    const dialect = dialects.get(id) as Dialect
    const told = (body: object): unknown => JSON.parse(failure(500, {}, Buffer.from(JSON.stringify(body)), dialect, dialect, (text) => text).body)
    t.same(told(own), own, `${id}: as it came`)
    t.match(told(other), id === 'anthropic-messages' ? { type: 'error', error: { type: String, message: 'no' } } : { error: { message: 'no', type: String } }, `${id}: put right`)
  }
})
